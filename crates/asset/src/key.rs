//! [`AssetKey`]: the one name of an asset.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The name of an asset, from the general to the particular: `silver/sales`,
/// `retail/marts/fact_sales`. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AssetKey(Arc<str>);

impl AssetKey {
    /// The key with these segments.
    #[must_use]
    pub fn new<S: AsRef<str>>(segments: &[S]) -> Self {
        let segments: Vec<&str> = segments.iter().map(AsRef::as_ref).collect();
        Self(segments.join("/").into())
    }

    /// The whole key, `/` between its segments.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The segments in order.
    pub fn segments(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.split('/')
    }

    /// The last segment: what people call the asset.
    #[must_use]
    pub fn name(&self) -> &str {
        self.segments().next_back().unwrap_or_default()
    }
}

impl From<&str> for AssetKey {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl From<String> for AssetKey {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for AssetKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
