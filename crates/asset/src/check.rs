//! [`AssetCheck`]: the promise of everything that judges a built asset.

use async_trait::async_trait;
use diagnostic::Result;
use model::Severity;
use serde::Serialize;

use crate::{AssetKey, MaterializeContext};

/// What a check is and what it reads.
#[derive(Clone, Debug)]
pub struct CheckSpec {
    /// The asset it judges. What depends on that asset waits for the check.
    pub asset: AssetKey,
    /// Its name, once per asset.
    pub name: String,
    /// What follows when it fails.
    pub severity: Severity,
    /// Further assets it reads, as a foreign key check reads the other table.
    pub upstream: Vec<AssetKey>,
    /// A sentence for people.
    pub description: String,
}

/// Something that judges an asset after it was built and before readers see it.
///
/// `evaluate` changes nothing except, where it says so, a table that keeps failing rows. An `Err` means
/// that no judgement was possible and counts as a failure of severity error; the retry rules of
/// [`crate::Asset`] apply.
#[async_trait]
pub trait AssetCheck: Send + Sync {
    /// What the check is.
    fn spec(&self) -> &CheckSpec;

    /// Judges.
    async fn evaluate(&self, context: &MaterializeContext) -> Result<CheckOutcome>;
}

/// The judgement of a check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CheckOutcome {
    /// Whether all is well.
    pub passed: bool,
    /// How bad it is if not; a check may judge more mildly than its spec (`warn_if`).
    pub severity: Severity,
    /// How many rows are wrong.
    pub failing_rows: u64,
    /// What is wrong, in a sentence.
    pub message: Option<String>,
    /// The relation that keeps the failing rows.
    pub stored_in: Option<String>,
}

impl CheckOutcome {
    /// All is well.
    #[must_use]
    pub fn passed(severity: Severity) -> Self {
        Self {
            passed: true,
            severity,
            failing_rows: 0,
            message: None,
            stored_in: None,
        }
    }

    /// `rows` rows are wrong.
    pub fn failed(severity: Severity, rows: u64, message: impl Into<String>) -> Self {
        Self {
            passed: false,
            severity,
            failing_rows: rows,
            message: Some(message.into()),
            stored_in: None,
        }
    }
}
