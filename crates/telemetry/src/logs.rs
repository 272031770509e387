//! Where log lines go and which ones are worth showing.

use std::io::{IsTerminal as _, Write};
use std::str::FromStr;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::writer::BoxMakeWriter;

/// How a log line is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

impl FromStr for LogFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err(format!(
                "`{text}` is not a log format; use `text` or `json`"
            )),
        }
    }
}

/// What the binary asks of its logs.
#[derive(Default)]
pub struct LogSettings {
    /// How a line is written.
    pub format: LogFormat,
    /// `-v` counts up, `-q` counts down; 0 shows warnings and errors.
    pub verbosity: i8,
    /// Where lines go instead of straight to stderr: a progress display has to step aside first.
    pub writer: Option<fn() -> Box<dyn Write>>,
}

/// Sets up logs for the whole process. The variable `SLUICE_LOG` (`tracing`'s filter directives)
/// overrides the verbosity. A second call changes nothing.
pub fn start(settings: &LogSettings) {
    let filter = std::env::var("SLUICE_LOG").unwrap_or_else(|_| filter(settings.verbosity));
    let writer = match settings.writer {
        Some(open) => BoxMakeWriter::new(open),
        None => BoxMakeWriter::new(std::io::stderr),
    };
    let lines = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(filter))
        .with_writer(writer);
    // A subscriber is already set only when a test harness starts a second command in its process.
    let _already_started = match settings.format {
        LogFormat::Text => lines
            .with_ansi(std::io::stderr().is_terminal())
            .with_target(settings.verbosity > 1)
            .try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    };
}

/// Libraries talk one level less than we do: their business rarely is the user's.
fn filter(verbosity: i8) -> String {
    const LIBRARIES: [&str; 8] = [
        "buoyant_kernel",
        "datafusion",
        "deltalake",
        "deltalake_core",
        "hyper",
        "hyper_util",
        "object_store",
        "sqlparser",
    ];
    let (ours, theirs) = match verbosity {
        ..=-2 => return "off".to_owned(),
        -1 => return "error".to_owned(),
        0 => ("warn", "error"),
        1 => ("info", "warn"),
        2 => ("debug", "info"),
        3 => ("trace", "debug"),
        _ => return "trace".to_owned(),
    };
    LIBRARIES.iter().fold(ours.to_owned(), |filter, library| {
        format!("{filter},{library}={theirs}")
    })
}

#[cfg(test)]
mod tests {
    use super::{LogFormat, LogSettings, filter, start};

    #[test]
    fn libraries_are_quieter() {
        assert_eq!(filter(-2), "off");
        assert_eq!(filter(-1), "error");
        assert!(filter(1).starts_with("info,"));
        assert!(filter(1).contains(",datafusion=warn"));
    }

    #[test]
    fn may_start_twice() {
        let settings = LogSettings {
            format: LogFormat::Json,
            verbosity: 1,
            writer: Some(|| Box::new(std::io::sink())),
        };
        start(&settings);
        start(&settings);
        tracing::info!(rows = 3, "hello");
    }
}
