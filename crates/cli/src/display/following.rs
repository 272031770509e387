//! Sources that are followed, in lines: not one for each batch, which would be one a second.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use diagnostic::Error;
use orchestrate::Followed;

use super::human;

/// How often a source that changes is worth a line.
const PAUSE: Duration = Duration::from_secs(10);

/// What was not told yet, by source.
#[derive(Default)]
pub(super) struct Following(HashMap<String, Untold>);

struct Untold {
    since: Option<Instant>,
    changes: u64,
    transactions: u64,
}

impl Following {
    /// The lines for a batch; none if it can wait.
    pub(super) fn lines(&mut self, followed: &Followed, verbosity: i8) -> Vec<String> {
        let untold = self.0.entry(followed.source.clone()).or_insert(Untold {
            since: None,
            changes: 0,
            transactions: 0,
        });
        untold.changes += followed.changes;
        untold.transactions += followed.transactions;
        let mut lines: Vec<String> = followed
            .notices
            .iter()
            .map(|notice| format!("note: {notice}"))
            .collect();
        let waited = untold.since.is_none_or(|since| since.elapsed() >= PAUSE);
        if verbosity > 0 || (waited && untold.changes > 0) {
            lines.push(format!(
                "  ⟳ {}  {} of {}, {}",
                followed.source,
                human::counted(untold.changes, "change"),
                human::counted(untold.transactions, "transaction"),
                place(followed)
            ));
            *untold = Untold {
                since: Some(Instant::now()),
                changes: 0,
                transactions: 0,
            };
        }
        lines
    }
}

/// Where a source stands.
pub(super) fn place(followed: &Followed) -> String {
    format!(
        "at {}, {} bytes and {} behind",
        followed.position,
        human::count(followed.lag_bytes),
        human::duration(followed.lag)
    )
}

/// A connection that is tried again.
pub(super) fn reconnecting(source: &str, after: Duration, error: &Error) -> String {
    format!(
        "  ↻ {source}: {}; connecting again in {}",
        error.message(),
        human::duration(after)
    )
}
