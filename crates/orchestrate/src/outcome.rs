//! [`RunOutcome`]: what came of a run.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use asset::{AssetKey, AssetKind, CheckOutcome, Materialization, Severity};
use diagnostic::Error;
use model::RunId;

/// What came of a run.
#[derive(Clone, Debug)]
pub struct RunOutcome {
    /// The run.
    pub run: RunId,
    /// Every asset of the plan, in build order, with its checks.
    pub assets: Vec<AssetResult>,
    /// From the first to the last step.
    pub elapsed: Duration,
    /// Whether somebody stopped it.
    pub cancelled: bool,
}

/// What came of one asset.
#[derive(Clone, Debug)]
pub struct AssetResult {
    /// The asset.
    pub key: AssetKey,
    /// What kind of thing it is.
    pub kind: AssetKind,
    /// How it ended.
    pub status: AssetStatus,
    /// What was built, if it was.
    pub materialization: Option<Materialization>,
    /// Why it failed, if it did.
    pub error: Option<Arc<Error>>,
    /// Why it was skipped, if it was.
    pub skipped: Option<SkipReason>,
    /// When work on it began, if it did.
    pub started: Option<SystemTime>,
    /// How long all attempts took, pauses included.
    pub elapsed: Duration,
    /// How many attempts were made.
    pub attempts: u32,
    /// What its checks said.
    pub checks: Vec<CheckResult>,
}

/// How an asset ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AssetStatus {
    /// A new version was made.
    Built,
    /// Nothing new arrived.
    Fresh,
    /// It could not be built.
    Failed,
    /// It was not tried, see [`AssetResult::skipped`].
    Skipped,
    /// The run stopped before or while it was built.
    Cancelled,
}

/// Why an asset was not tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SkipReason {
    /// This asset failed, and the skipped one depends on it.
    Failed(AssetKey),
    /// This check of severity error failed on what the skipped asset depends on.
    CheckFailed {
        /// The asset that was judged.
        asset: AssetKey,
        /// The check.
        name: String,
    },
    /// Something else failed, and the run stops at the first failure.
    FailFast,
}

/// What came of one check.
#[derive(Clone, Debug)]
pub struct CheckResult {
    /// The asset it judges.
    pub asset: AssetKey,
    /// Its name.
    pub name: String,
    /// How it ended.
    pub status: CheckStatus,
    /// The judgement, if there is one.
    pub outcome: Option<CheckOutcome>,
    /// Why no judgement was possible.
    pub error: Option<Arc<Error>>,
    /// How long it took.
    pub elapsed: Duration,
}

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckStatus {
    /// All is well.
    Passed,
    /// Something is wrong, severity warn.
    Warned,
    /// Something is wrong, severity error.
    Failed,
    /// No judgement was possible; counts as failed.
    Errored,
    /// Its asset was not built, or the run stopped before.
    Skipped,
}

impl RunOutcome {
    /// Whether every asset was built or fresh and no check of severity error failed.
    #[must_use]
    pub fn succeeded(&self) -> bool {
        let fine = |asset: &AssetResult| {
            matches!(asset.status, AssetStatus::Built | AssetStatus::Fresh)
                && !asset.checks.iter().any(|check| check.status.is_failure())
        };
        !self.cancelled && self.assets.iter().all(fine)
    }

    /// How many assets ended as `status`.
    #[must_use]
    pub fn count(&self, status: AssetStatus) -> usize {
        self.assets
            .iter()
            .filter(|asset| asset.status == status)
            .count()
    }

    /// Every check, in the order of the assets.
    pub fn checks(&self) -> impl Iterator<Item = &CheckResult> {
        self.assets.iter().flat_map(|asset| &asset.checks)
    }
}

impl CheckStatus {
    /// Whether a run with such a check must not publish.
    #[must_use]
    pub fn is_failure(self) -> bool {
        matches!(self, Self::Failed | Self::Errored)
    }

    pub(crate) fn of(outcome: &CheckOutcome) -> Self {
        match (outcome.passed, outcome.severity) {
            (true, _) => Self::Passed,
            (false, Severity::Warn) => Self::Warned,
            (false, Severity::Error) => Self::Failed,
        }
    }
}

impl AssetStatus {
    /// The word for it, as displays and logs show it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Built => "built",
            Self::Fresh => "fresh",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::Cancelled => "cancelled",
        }
    }
}

impl CheckStatus {
    /// The word for it, as displays and logs show it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Warned => "warned",
            Self::Failed => "failed",
            Self::Errored => "errored",
            Self::Skipped => "skipped",
        }
    }
}

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(key) => write!(f, "`{key}` failed"),
            Self::CheckFailed { asset, name } => write!(f, "check `{name}` of `{asset}` failed"),
            Self::FailFast => f.write_str("the run stops at the first failure"),
        }
    }
}
