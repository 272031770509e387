//! What a commit says, written as the lines of a Delta log entry
//! (<https://github.com/delta-io/delta/blob/master/PROTOCOL.md#actions>).

use std::collections::BTreeSet;
use std::fmt::Write as _;

use arrow::datatypes::{DataType, SchemaRef};
use deltalake::kernel::Metadata;
use diagnostic::{Result, ResultExt, codes};
use serde_json::{Value, json};

use crate::column_types::delta_schema;
use crate::{DataFile, StoredFile};

/// The kind of change, by the names other engines use in `DESCRIBE HISTORY`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// A new, empty table.
    Create,
    /// Rows were added.
    Append,
    /// All rows were replaced, perhaps with other columns.
    Overwrite,
    /// Rows were added and replaced by key.
    Merge,
    /// Rows were replaced.
    Update,
    /// Rows were removed.
    Delete,
    /// Columns were added or changed.
    ChangeColumns,
    /// The same rows are in other files.
    Optimize,
}

impl Operation {
    fn name(self) -> &'static str {
        match self {
            Self::Create => "CREATE TABLE",
            Self::Append | Self::Overwrite => "WRITE",
            Self::Merge => "MERGE",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
            Self::ChangeColumns => "CHANGE COLUMN",
            Self::Optimize => "OPTIMIZE",
        }
    }

    fn parameters(self) -> Value {
        match self {
            Self::Append => json!({"mode": "Append"}),
            Self::Overwrite => json!({"mode": "Overwrite"}),
            Self::Create
            | Self::Merge
            | Self::Update
            | Self::Delete
            | Self::ChangeColumns
            | Self::Optimize => json!({}),
        }
    }

    /// Whether readers of changes have something to see.
    fn changes_rows(self) -> bool {
        self != Self::Optimize
    }
}

/// One commit.
#[derive(Clone, Debug)]
pub struct Commit {
    /// The kind of change.
    pub operation: Operation,
    /// Files that become part of the table.
    pub add: Vec<DataFile>,
    /// Paths of files that leave it.
    pub remove: Vec<String>,
    /// Whether all other files leave it too.
    pub remove_all: bool,
    /// New columns; required for a table's first commit.
    pub schema: Option<SchemaRef>,
    /// Application transactions: id and version, for exactly-once writers.
    pub transactions: Vec<(String, i64)>,
    /// Facts for the commit's history, for example the run id.
    pub info: Vec<(String, String)>,
}

impl Commit {
    /// A commit of kind `operation` that changes nothing yet.
    #[must_use]
    pub fn new(operation: Operation) -> Self {
        Self {
            operation,
            add: Vec::new(),
            remove: Vec::new(),
            remove_all: false,
            schema: None,
            transactions: Vec::new(),
            info: Vec::new(),
        }
    }
}

/// The text of `commit`. `known` is what the log says about the table, where columns change; `stored` are the
/// table's files, where some leave.
pub(crate) fn log_entry(
    commit: &Commit,
    first: bool,
    known: Option<&Metadata>,
    stored: &[StoredFile],
) -> Result<Vec<u8>> {
    let data_change = commit.operation.changes_rows();
    let now = chrono::Utc::now().timestamp_millis();
    let mut lines = String::new();
    line(&mut lines, &commit_info(commit, now));
    if let Some(schema) = &commit.schema {
        if first || needs_wall_clock(schema) {
            line(&mut lines, &protocol(schema));
        }
        line(&mut lines, &metadata(schema, known, now)?);
    } else if first {
        return Err(diagnostic::Error::new(
            codes::X0001,
            "A table's first commit must say its columns",
        ));
    }
    for (id, version) in &commit.transactions {
        line(
            &mut lines,
            &json!({"txn": {"appId": id, "version": version, "lastUpdated": now}}),
        );
    }
    let leaving: BTreeSet<&str> = commit.remove.iter().map(String::as_str).collect();
    for file in stored {
        if commit.remove_all || leaving.contains(file.path.as_str()) {
            line(
                &mut lines,
                &json!({"remove": {
                    "path": file.path,
                    "deletionTimestamp": now,
                    "dataChange": data_change,
                    "extendedFileMetadata": true,
                    "partitionValues": {},
                    "size": file.size,
                }}),
            );
        }
    }
    for file in &commit.add {
        line(
            &mut lines,
            &json!({"add": {
                "path": file.path,
                "partitionValues": {},
                "size": file.size,
                "modificationTime": now,
                "dataChange": data_change,
                "stats": Some(&file.stats).filter(|stats| !stats.is_empty()),
            }}),
        );
    }
    Ok(lines.into_bytes())
}

fn line(lines: &mut String, action: &Value) {
    let _ = writeln!(lines, "{action}");
}

fn commit_info(commit: &Commit, now: i64) -> Value {
    let mut info = json!({
        "timestamp": now,
        "operation": commit.operation.name(),
        "operationParameters": commit.operation.parameters(),
        "engineInfo": concat!("sluice/", env!("CARGO_PKG_VERSION")),
        // No two commits are the same text: a writer whose answer was lost knows its own by it.
        "txnId": uuid::Uuid::new_v4().to_string(),
    });
    if let Some(fields) = info.as_object_mut() {
        for (key, value) in &commit.info {
            fields.insert(key.clone(), json!(value));
        }
    }
    json!({ "commitInfo": info })
}

fn needs_wall_clock(schema: &SchemaRef) -> bool {
    schema
        .fields()
        .iter()
        .any(|field| matches!(field.data_type(), DataType::Timestamp(_, None)))
}

/// Reader 1 and writer 2 are what every engine knows; wall-clock timestamps need the table feature
/// `timestampNtz`. A protocol is never lowered, so a table that has the feature keeps it.
fn protocol(schema: &SchemaRef) -> Value {
    if needs_wall_clock(schema) {
        json!({"protocol": {
            "minReaderVersion": 3,
            "minWriterVersion": 7,
            "readerFeatures": ["timestampNtz"],
            "writerFeatures": ["timestampNtz", "appendOnly", "invariants"],
        }})
    } else {
        json!({"protocol": {"minReaderVersion": 1, "minWriterVersion": 2}})
    }
}

fn metadata(schema: &SchemaRef, known: Option<&Metadata>, now: i64) -> Result<Value> {
    let text = serde_json::to_string(&delta_schema(schema)?).explain(codes::X0001, || {
        "A table's columns cannot be written".to_owned()
    })?;
    let id = match known {
        Some(known) => known.id().to_owned(),
        None => uuid::Uuid::new_v4().to_string(),
    };
    Ok(json!({"metaData": {
        "id": id,
        "format": {"provider": "parquet", "options": {}},
        "schemaString": text,
        "partitionColumns": [],
        "configuration": known.map_or_else(|| json!({}), |known| json!(known.configuration())),
        "createdTime": known.and_then(Metadata::created_time).unwrap_or(now),
    }}))
}
