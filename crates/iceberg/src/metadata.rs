//! [`TableMetadata`]: what a metadata file says (<https://iceberg.apache.org/spec/#table-metadata-fields>).

use std::collections::BTreeMap;

use diagnostic::{Error, Result, ResultExt, codes};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};

use crate::Schema;

/// Entries that the log of metadata files keeps.
const LOGGED_FILES: usize = 100;

/// How long snapshots stay where a table does not say, in milliseconds, as with other engines: five days.
const MAX_AGE: i64 = 432_000_000;

/// The property that says.
const MAX_AGE_PROPERTY: &str = "history.expire.max-snapshot-age-ms";

/// Where ids of partition fields begin; so this is the last one of a table without any.
const NO_PARTITION_FIELD: i32 = 999;

/// The branch that is the table.
pub(crate) const MAIN: &str = "main";

/// One version of a table, as its metadata file has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct TableMetadata {
    /// Version of the format.
    pub format_version: u8,
    /// The table, whatever it is called.
    pub table_uuid: String,
    /// Its folder.
    pub location: String,
    /// The highest number of a snapshot.
    #[serde(default)]
    pub last_sequence_number: i64,
    /// When this version was written, in milliseconds.
    pub last_updated_ms: i64,
    /// The highest id of a column.
    pub last_column_id: i32,
    /// The number of the schema of now.
    pub current_schema_id: i32,
    /// The schemas of now and before.
    pub schemas: Vec<Schema>,
    /// The partition specification of now.
    pub default_spec_id: i32,
    /// Partition specifications of now and before.
    pub partition_specs: Vec<Json>,
    /// The highest id of a partition's field.
    pub last_partition_id: i32,
    /// The sort order of now.
    #[serde(default)]
    pub default_sort_order_id: i32,
    /// Sort orders of now and before.
    #[serde(default)]
    pub sort_orders: Vec<Json>,
    /// Settings of the table.
    #[serde(default)]
    pub properties: BTreeMap<String, String>,
    /// The snapshot of now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current_snapshot_id: Option<i64>,
    /// Branches and tags.
    #[serde(default)]
    pub refs: BTreeMap<String, Json>,
    /// Snapshots that can be read.
    #[serde(default)]
    pub snapshots: Vec<Snapshot>,
    /// Which snapshot was the table's when.
    #[serde(default)]
    pub snapshot_log: Vec<SnapshotLogEntry>,
    /// Metadata files before this one.
    #[serde(default)]
    pub metadata_log: Vec<MetadataLogEntry>,
    /// What other engines keep here.
    #[serde(flatten)]
    pub other: Map<String, Json>,
}

/// The files of a table at some time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Snapshot {
    /// Its id.
    pub snapshot_id: i64,
    /// The snapshot it was made from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_snapshot_id: Option<i64>,
    /// Its number in the table.
    #[serde(default)]
    pub sequence_number: i64,
    /// When it was made, in milliseconds.
    pub timestamp_ms: i64,
    /// The file that lists its manifests.
    pub manifest_list: String,
    /// What was done, by how much.
    #[serde(default)]
    pub summary: BTreeMap<String, String>,
    /// The schema of then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema_id: Option<i32>,
}

/// Since when a snapshot was the table's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct SnapshotLogEntry {
    /// The snapshot.
    pub snapshot_id: i64,
    /// Since when, in milliseconds.
    pub timestamp_ms: i64,
}

/// A metadata file before this one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct MetadataLogEntry {
    /// The file.
    pub metadata_file: String,
    /// When it was written, in milliseconds.
    pub timestamp_ms: i64,
}

impl TableMetadata {
    /// A table at `location` without columns or rows.
    pub(crate) fn empty(location: &str, now: i64) -> Self {
        Self {
            format_version: 2,
            table_uuid: uuid::Uuid::new_v4().to_string(),
            location: location.to_owned(),
            last_sequence_number: 0,
            last_updated_ms: now,
            last_column_id: 0,
            current_schema_id: -1,
            schemas: Vec::new(),
            default_spec_id: 0,
            partition_specs: vec![json!({"spec-id": 0, "fields": []})],
            last_partition_id: NO_PARTITION_FIELD,
            default_sort_order_id: 0,
            sort_orders: vec![json!({"order-id": 0, "fields": []})],
            properties: BTreeMap::new(),
            current_snapshot_id: None,
            refs: BTreeMap::new(),
            snapshots: Vec::new(),
            snapshot_log: Vec::new(),
            metadata_log: Vec::new(),
            other: Map::new(),
        }
    }

    /// What the metadata file `name` says.
    pub(crate) fn parse(name: &str, bytes: &[u8]) -> Result<Self> {
        let wrong = || format!("The metadata file `{name}` cannot be read");
        let version: Json = serde_json::from_slice(bytes).explain(codes::K4001, wrong)?;
        match version.get("format-version").and_then(Json::as_u64) {
            Some(2) => {}
            Some(other) => {
                return Err(Error::new(
                    codes::K4002,
                    format!(
                        "`{name}` has version {other} of the Iceberg format; Sluice reads version 2"
                    ),
                ));
            }
            None => return Err(Error::new(codes::K4001, wrong())),
        }
        let mut metadata: Self = serde_json::from_value(version).explain(codes::K4001, wrong)?;
        // Some engines write -1 where there is no snapshot.
        metadata.current_snapshot_id = metadata.current_snapshot_id.filter(|id| *id >= 0);
        Ok(metadata)
    }

    /// The schema of now.
    ///
    /// # Errors
    /// `K4001` if it is not there.
    pub fn schema(&self) -> Result<&Schema> {
        let mut schemas = self.schemas.iter();
        schemas
            .find(|schema| schema.schema_id == self.current_schema_id)
            .ok_or_else(|| {
                Error::new(
                    codes::K4001,
                    format!("The metadata of `{}` lacks its schema", self.location),
                )
            })
    }

    /// The snapshot of now; none before the first rows.
    #[must_use]
    pub fn current(&self) -> Option<&Snapshot> {
        self.current_snapshot_id.and_then(|id| self.snapshot(id))
    }

    /// The snapshot `id`, if it can still be read.
    #[must_use]
    pub fn snapshot(&self, id: i64) -> Option<&Snapshot> {
        self.snapshots
            .iter()
            .find(|snapshot| snapshot.snapshot_id == id)
    }

    /// The snapshot that was the table's at `time`, in milliseconds.
    #[must_use]
    pub fn snapshot_at(&self, time: i64) -> Option<&Snapshot> {
        let mut log = self.snapshot_log.iter().rev();
        let entry = log.find(|entry| entry.timestamp_ms <= time)?;
        self.snapshot(entry.snapshot_id)
    }

    /// Makes `schema` the one of now. One of the same columns that is known already is used again.
    pub(crate) fn set_schema(&mut self, mut schema: Schema, last_column_id: i32) {
        let same = |known: &&Schema| {
            known.fields == schema.fields
                && known.identifier_field_ids == schema.identifier_field_ids
        };
        self.last_column_id = self.last_column_id.max(last_column_id);
        if let Some(known) = self.schemas.iter().find(same) {
            self.current_schema_id = known.schema_id;
            return;
        }
        let highest = self.schemas.iter().map(|schema| schema.schema_id).max();
        schema.schema_id = highest.map_or(0, |highest| highest + 1);
        self.current_schema_id = schema.schema_id;
        self.schemas.push(schema);
    }

    /// Makes `snapshot` the one of now.
    pub(crate) fn set_snapshot(&mut self, snapshot: Snapshot) {
        let id = snapshot.snapshot_id;
        self.last_sequence_number = snapshot.sequence_number;
        self.current_snapshot_id = Some(id);
        self.refs.insert(
            MAIN.to_owned(),
            json!({"snapshot-id": id, "type": "branch"}),
        );
        self.snapshot_log.push(SnapshotLogEntry {
            snapshot_id: id,
            timestamp_ms: snapshot.timestamp_ms,
        });
        self.snapshots.push(snapshot);
    }

    /// Notes the metadata file `name`, which came before this one.
    pub(crate) fn log_file(&mut self, name: String, written: i64) {
        self.metadata_log.push(MetadataLogEntry {
            metadata_file: name,
            timestamp_ms: written,
        });
        let spare = self.metadata_log.len().saturating_sub(LOGGED_FILES);
        self.metadata_log.drain(..spare);
    }

    /// Forgets snapshots that are too old at `now`, but for those that branches and tags name.
    pub(crate) fn expire(&mut self, now: i64) {
        let declared = self.properties.get(MAX_AGE_PROPERTY);
        let age = declared
            .and_then(|text| text.parse().ok())
            .unwrap_or(MAX_AGE);
        let named: Vec<i64> = self
            .refs
            .values()
            .filter_map(|reference| reference.get("snapshot-id")?.as_i64())
            .chain(self.current_snapshot_id)
            .collect();
        self.snapshots.retain(|snapshot| {
            now - snapshot.timestamp_ms <= age || named.contains(&snapshot.snapshot_id)
        });
        // The log must not name what is gone, nor have a gap.
        let known: Vec<i64> = self.snapshots.iter().map(|s| s.snapshot_id).collect();
        let gone = |entry: &SnapshotLogEntry| !known.contains(&entry.snapshot_id);
        let first = self.snapshot_log.iter().rposition(gone);
        self.snapshot_log.drain(..first.map_or(0, |at| at + 1));
    }
}
