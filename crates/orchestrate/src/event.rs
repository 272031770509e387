//! [`RunEvent`]: what a run tells while it works, for displays and logs.

use std::sync::Arc;
use std::time::Duration;

use asset::{AssetKey, AssetKind};
use diagnostic::Error;
use model::RunId;

use crate::{AssetResult, CheckResult, RunOutcome};

/// A batch of changes of a source that is followed, or a place in its log without any.
#[derive(Clone, Debug)]
pub struct Followed {
    /// The source.
    pub source: String,
    /// Streams whose tables have a new version, with the rows written and deleted.
    pub changed: Vec<(AssetKey, u64, u64)>,
    /// Changes of rows.
    pub changes: u64,
    /// Transactions.
    pub transactions: u64,
    /// The place in the server's log before which everything is published.
    pub position: String,
    /// Bytes of the log beyond it.
    pub lag_bytes: u64,
    /// How old the newest change is that readers see now.
    pub lag: Duration,
    /// Whether that is further behind than the source's settings allow.
    pub alarm: bool,
    /// What a person should know, in sentences.
    pub notices: Vec<String>,
}

/// What just happened. Events of one asset come in order; those of different assets interleave.
#[derive(Clone, Debug)]
pub enum RunEvent {
    /// The run begins. Comes first, once.
    Planned {
        /// The run.
        run: RunId,
        /// What will be built, in build order.
        assets: Vec<(AssetKey, AssetKind)>,
        /// How many checks will judge it.
        checks: usize,
    },
    /// Work on an asset begins.
    Started {
        /// The asset.
        key: AssetKey,
        /// From 1.
        attempt: u32,
    },
    /// The asset has worked through so many rows. Sent a few times per second at most.
    Progress {
        /// The asset.
        key: AssetKey,
        /// Rows so far.
        rows: u64,
    },
    /// An attempt failed in a way that may pass; another one follows.
    Retrying {
        /// The asset, or the asset the check judges.
        key: AssetKey,
        /// The attempt that failed.
        attempt: u32,
        /// When the next one starts.
        after: Duration,
        /// Why.
        error: Arc<Error>,
    },
    /// Work on an asset ended: built, fresh, failed or cancelled. Its checks may still come.
    Finished(AssetResult),
    /// An asset will not be worked on in this run.
    Skipped(AssetResult),
    /// A check was evaluated or skipped.
    CheckFinished(CheckResult),
    /// Changes of a followed source are published.
    Followed(Followed),
    /// The connection to a followed source is lost, or could not be made; it is tried again.
    Reconnecting {
        /// The source.
        source: String,
        /// When.
        after: Duration,
        /// Why.
        error: Arc<Error>,
    },
    /// The run was asked to stop and starts nothing more.
    Cancelling,
    /// The run ended. Comes last, once.
    Done(Arc<RunOutcome>),
}
