//! [`Progress`]: a sign of life for statements that take long.

use std::sync::Arc;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use parking_lot::Mutex;

use crate::display::human;

/// Statements that are quicker than this show nothing.
const PATIENCE: Duration = Duration::from_millis(500);

/// A line with the time and the rows so far. Gone before anything else is written.
pub(super) struct Progress(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    bar: Option<ProgressBar>,
    rows: u64,
    ended: bool,
    /// Counts the waits, so that one that was overtaken shows nothing.
    wait: u64,
}

impl Progress {
    /// Begins to wait.
    pub(super) fn start() -> Self {
        let progress = Self(Arc::default());
        progress.again();
        progress
    }

    /// Waits for the next statement.
    pub(super) fn again(&self) {
        self.clear();
        let wait = {
            let mut state = self.0.lock();
            state.rows = 0;
            state.wait += 1;
            state.wait
        };
        let state = Arc::clone(&self.0);
        std::thread::spawn(move || {
            std::thread::sleep(PATIENCE);
            let mut state = state.lock();
            if state.ended || state.wait != wait {
                return;
            }
            let bar = ProgressBar::new_spinner();
            if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed} {msg}") {
                bar.set_style(style);
            }
            bar.set_elapsed(PATIENCE);
            bar.set_message(message(state.rows));
            bar.enable_steady_tick(Duration::from_millis(100));
            state.bar = Some(bar);
        });
    }

    /// Tells of more rows.
    pub(super) fn rows(&self, more: usize) {
        let mut state = self.0.lock();
        state.rows += more as u64;
        if let Some(bar) = &state.bar {
            bar.set_message(message(state.rows));
        }
    }

    /// Takes the line away.
    pub(super) fn clear(&self) {
        let mut state = self.0.lock();
        state.wait += 1;
        if let Some(bar) = state.bar.take() {
            bar.finish_and_clear();
        }
    }

    /// Takes the line away for good.
    pub(super) fn end(&self) {
        self.0.lock().ended = true;
        self.clear();
    }
}

fn message(rows: u64) -> String {
    match rows {
        0 => "Ctrl-C cancels".to_owned(),
        rows => format!("{} rows, Ctrl-C cancels", human::count(rows)),
    }
}
