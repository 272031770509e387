//! Thins progress reports, so that a tight loop may report every batch.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use asset::{AssetKey, Progress};
use tokio::sync::mpsc::UnboundedSender;

use crate::RunEvent;

const MILLISECONDS_BETWEEN: u64 = 100;

/// Reports for `key` to `events`, ten times per second at most.
pub(crate) fn thinned(key: AssetKey, events: UnboundedSender<RunEvent>) -> Progress {
    let start = Instant::now();
    let next = AtomicU64::new(0);
    Progress::new(move |rows| {
        let now = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
        let due = next.load(Ordering::Relaxed);
        let later = now.saturating_add(MILLISECONDS_BETWEEN);
        let ours = || {
            next.compare_exchange(due, later, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
        };
        if now >= due && ours() {
            let key = key.clone();
            // Nobody listens: nothing to tell.
            let _unheard = events.send(RunEvent::Progress { key, rows });
        }
    })
}
