//! [`ExternalTable`]: a Delta table that another engine writes, read at its newest version and never written.

use std::sync::Arc;

use deltalake::{DeltaTable, DeltaTableBuilder};
use diagnostic::{Error, Result, ResultExt, codes};
use serde_json::Value;
use storage::{Location, Storage, StorageOptions};

use crate::warehouse::{know_schemes, url_of};

/// The reader features that are read as they are meant. Everything else a log asks of its readers is refused: rows
/// would be wrong.
const READ: [&str; 5] = [
    "columnMapping",
    "deletionVectors",
    "timestampNtz",
    "v2Checkpoint",
    "vacuumProtocolCheck",
];

/// The reader versions that name no features: plain tables, and column mapping.
const PLAIN: u64 = 2;

/// A table of another engine.
#[derive(Clone, Debug)]
pub struct ExternalTable {
    delta: DeltaTable,
}

impl ExternalTable {
    /// The newest version of the table at `location`: an absolute path, or a bucket's address, whose credentials
    /// come from the surroundings.
    ///
    /// # Errors
    /// `K3013` if there is no table or it cannot be read, `B1001` to `B1003` if `location` is none.
    pub async fn open(location: &str) -> Result<Self> {
        let place: Location = location.parse()?;
        if place.as_local().is_none() {
            know_schemes();
        }
        let storage = Storage::open(&place, &StorageOptions::default())?;
        let url = url_of(&place)?;
        let wrong = || format!("There is no Delta table at `{location}` that can be read");
        let mut delta = DeltaTableBuilder::from_url(url.clone())
            .map(|builder| builder.with_storage_backend(Arc::clone(storage.store()), url))
            .and_then(DeltaTableBuilder::build)
            .explain(codes::K3013, wrong)?;
        delta.load().await.explain(codes::K3013, wrong)?;
        let state = delta.snapshot().explain(codes::K3013, wrong)?;
        let protocol = serde_json::to_value(state.protocol()).explain(codes::K3013, wrong)?;
        let unknown = not_read(&protocol);
        if !unknown.is_empty() {
            return Err(Error::new(
                codes::K3013,
                format!(
                    "The Delta table at `{location}` asks its readers for {}, which is not implemented",
                    unknown.join(", ")
                ),
            )
            .help("drop the feature where the table is written, or write a copy without it"));
        }
        Ok(Self { delta })
    }

    /// The Delta library's table.
    #[must_use]
    pub fn delta(&self) -> &DeltaTable {
        &self.delta
    }
}

/// What `protocol` asks of readers beyond [`READ`].
fn not_read(protocol: &Value) -> Vec<String> {
    let features = protocol.get("readerFeatures").and_then(Value::as_array);
    let version = protocol.get("minReaderVersion").and_then(Value::as_u64);
    match (features, version) {
        (Some(features), _) => {
            let names = features.iter().filter_map(Value::as_str);
            let unknown = names.filter(|name| !READ.contains(name));
            unknown.map(|name| format!("`{name}`")).collect()
        }
        (None, Some(version)) if version <= PLAIN => Vec::new(),
        (None, version) => vec![format!("reader version {}", version.unwrap_or_default())],
    }
}

#[cfg(test)]
mod tests {
    use super::not_read;
    use serde_json::json;

    #[test]
    fn features_that_are_not_read_are_named() {
        let features = json!(["deletionVectors", "variantType", "typeWidening"]);
        let protocol = json!({"minReaderVersion": 3, "readerFeatures": features});
        assert_eq!(not_read(&protocol), ["`variantType`", "`typeWidening`"]);
        assert!(not_read(&json!({"minReaderVersion": 2})).is_empty());
        assert!(!not_read(&json!({"minReaderVersion": 4})).is_empty());
    }
}
