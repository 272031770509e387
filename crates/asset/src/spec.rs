//! [`AssetSpec`]: what is known of an asset before it is built.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{AssetKey, CheckSpec};

/// What an asset is, where it stands in the graph and how people find it.
#[derive(Clone, Debug)]
pub struct AssetSpec {
    /// Its name.
    pub key: AssetKey,
    /// What kind of thing it is.
    pub kind: AssetKind,
    /// The part of the project it belongs to, usually its schema: `silver`, `marts`.
    pub group: String,
    /// What must be there before it can be built.
    pub upstream: Vec<AssetKey>,
    /// A sentence for people.
    pub description: String,
    /// Words to select it by.
    pub tags: Vec<String>,
    /// What is checked once it is built.
    pub checks: Vec<CheckSpec>,
    /// A pool limits how many assets that name it are built at once.
    pub pool: Option<String>,
}

impl AssetSpec {
    /// A spec with nothing but the necessary.
    #[must_use]
    pub fn new(key: AssetKey, kind: AssetKind, group: impl Into<String>) -> Self {
        Self {
            key,
            kind,
            group: group.into(),
            upstream: Vec::new(),
            description: String::new(),
            tags: Vec::new(),
            checks: Vec::new(),
            pool: None,
        }
    }

    /// The spec with these assets upstream.
    #[must_use]
    pub fn after(mut self, upstream: impl IntoIterator<Item = AssetKey>) -> Self {
        self.upstream.extend(upstream);
        self
    }
}

/// The kinds of assets, as `kind:` selects them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AssetKind {
    /// Something outside that data comes from; nothing is built.
    Source,
    /// Files or messages as the source sent them.
    Stream,
    /// Rows as read.
    Bronze,
    /// Cleaned, typed, valid, deduplicated rows.
    Silver,
    /// A dbt seed.
    Seed,
    /// A dbt model.
    Model,
    /// A dbt snapshot.
    Snapshot,
    /// Something outside that reads our data; nothing is built.
    Exposure,
    /// A write back to an operational system.
    Sync,
}

impl AssetKind {
    /// Every kind.
    pub const ALL: &[Self] = &[
        Self::Source,
        Self::Stream,
        Self::Bronze,
        Self::Silver,
        Self::Seed,
        Self::Model,
        Self::Snapshot,
        Self::Exposure,
        Self::Sync,
    ];

    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Stream => "stream",
            Self::Bronze => "bronze",
            Self::Silver => "silver",
            Self::Seed => "seed",
            Self::Model => "model",
            Self::Snapshot => "snapshot",
            Self::Exposure => "exposure",
            Self::Sync => "sync",
        }
    }

    /// Whether a run builds such assets; the others only stand in the graph.
    #[must_use]
    pub fn is_built(self) -> bool {
        !matches!(self, Self::Source | Self::Exposure)
    }
}

impl fmt::Display for AssetKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for AssetKind {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let named = |kind: &&Self| kind.as_str().eq_ignore_ascii_case(text);
        Self::ALL.iter().find(named).copied().ok_or(())
    }
}
