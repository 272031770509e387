//! Tells errors: like a compiler to people, as JSON to machines.

use diagnostic::{Error, Style};

use crate::arguments::LogFormat;
use crate::output;

/// Tells `error` on stderr.
pub fn error(error: &Error, format: LogFormat) {
    match format {
        // `message` takes the colours away where they would not show.
        LogFormat::Text => output::message(&error.render(Style::Colour)),
        LogFormat::Json => {
            let mut line = serde_json::json!({ "event": "error" });
            line["error"] = error.to_json();
            output::message(&line.to_string());
        }
    }
}
