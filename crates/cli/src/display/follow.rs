//! [`Follower`]: hears a run's events and shows them in the way that fits.

use orchestrate::RunEvent;
use tokio::sync::mpsc::UnboundedReceiver;

use super::json::JsonDisplay;
use super::lines::LineDisplay;
use super::live::LiveDisplay;
use crate::arguments::{Globals, LogFormat};
use crate::output;

/// One way to show a run.
pub trait Display: Send {
    /// Shows what happened.
    fn show(&mut self, event: &RunEvent);
}

/// Shows nothing; the summary still comes.
struct Silent;

impl Display for Silent {
    fn show(&mut self, _event: &RunEvent) {}
}

/// Hears a run's events until it ends.
pub struct Follower(Box<dyn Display>);

impl Follower {
    /// The way that fits the flags and the terminal: JSON lines if asked for, nothing if quiet, bars
    /// where people watch, else lines.
    pub fn new(globals: &Globals) -> Self {
        let verbosity = globals.verbosity();
        Self(match globals.log_format {
            LogFormat::Json => Box::new(JsonDisplay),
            LogFormat::Text if verbosity < 0 => Box::new(Silent),
            LogFormat::Text if output::is_watched() => Box::new(LiveDisplay::new(verbosity)),
            LogFormat::Text => Box::new(LineDisplay::new(verbosity)),
        })
    }

    /// Shows events until the run drops its end of the channel.
    pub async fn follow(mut self, mut events: UnboundedReceiver<RunEvent>) {
        while let Some(event) = events.recv().await {
            self.0.show(&event);
        }
    }
}
