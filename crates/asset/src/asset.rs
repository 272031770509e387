//! [`Asset`]: the promise of everything that can be built.

use async_trait::async_trait;
use diagnostic::Result;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::{AssetSpec, MaterializeContext};

/// Something a run can build.
///
/// **Order.** A run calls `materialize` after all assets upstream were built in the same run or are
/// not part of it, and never twice at the same time for one asset.
///
/// **Durability.** When `materialize` returns `Ok`, the result is written and visible to the rest of
/// the run, not yet to other readers: the run publishes all of it, or nothing.
///
/// **Repetition.** After an error whose class is retryable, `materialize` may be called again in the
/// same run; what the failed attempt left behind must not show. Built again from the same inputs, an
/// asset has the same content; if nothing new arrived it returns [`MaterializationStatus::Fresh`] and
/// makes no new version.
///
/// **Cancellation.** Long work checks `context.cancellation` and returns `O2001`. A run that waits too
/// long drops the future at an await point.
#[async_trait]
pub trait Asset: Send + Sync {
    /// What the asset is.
    fn spec(&self) -> &AssetSpec;

    /// Brings the asset up to date.
    async fn materialize(&self, context: &MaterializeContext) -> Result<Materialization>;
}

/// What came of building an asset.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Materialization {
    /// Whether anything was written.
    pub status: MaterializationStatus,
    /// Rows written in this run; `None` where that means nothing, as for a view.
    pub rows: Option<u64>,
    /// The table's version afterwards.
    pub version: Option<u64>,
    /// Rows set aside in this run because they broke a rule.
    pub quarantined: u64,
    /// Further facts, for people and machines.
    pub metadata: Map<String, Value>,
}

/// Whether anything was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MaterializationStatus {
    /// A new version was made.
    Built,
    /// Nothing new arrived; nothing was written.
    Fresh,
}

impl Materialization {
    /// A new version was made.
    #[must_use]
    pub fn built() -> Self {
        Self {
            status: MaterializationStatus::Built,
            rows: None,
            version: None,
            quarantined: 0,
            metadata: Map::new(),
        }
    }

    /// Nothing new arrived.
    #[must_use]
    pub fn fresh() -> Self {
        Self {
            status: MaterializationStatus::Fresh,
            ..Self::built()
        }
    }

    /// With so many rows written.
    #[must_use]
    pub fn with_rows(mut self, rows: u64) -> Self {
        self.rows = Some(rows);
        self
    }

    /// With the version of the table afterwards.
    #[must_use]
    pub fn with_version(mut self, version: u64) -> Self {
        self.version = Some(version);
        self
    }

    /// With so many rows set aside.
    #[must_use]
    pub fn with_quarantined(mut self, rows: u64) -> Self {
        self.quarantined = rows;
        self
    }

    /// With one further fact.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.metadata.insert(name.to_owned(), value.into());
        self
    }
}
