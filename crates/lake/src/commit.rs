//! What a commit says, written as the lines of a Delta log entry
//! (<https://github.com/delta-io/delta/blob/master/PROTOCOL.md#actions>).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use arrow::datatypes::SchemaRef;
use deltalake::kernel::{DeletionVectorDescriptor, Metadata, Protocol};
use diagnostic::{Result, ResultExt, codes};
use serde_json::{Value, json};

use crate::column_types::delta_schema;
use crate::feed::{self, ENABLED};
use crate::protocol::Needs;
use crate::{DataFile, PartitionValues, StoredFile};

/// The property by which a table says that its rows may leave without their file.
const DELETION_VECTORS: &str = "delta.enableDeletionVectors";

/// What the properties that hold CHECK constraints begin with; the rest is the constraint's name.
pub(crate) const CONSTRAINT: &str = "delta.constraints.";

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
    pub(crate) fn changes_rows(self) -> bool {
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
    /// The rows that files, by path, do not have from now on: those that had left before among them.
    pub vectors: Vec<(String, DeletionVectorDescriptor)>,
    /// New columns; required for a table's first commit.
    pub schema: Option<SchemaRef>,
    /// With new columns: the ones whose values tell partitions apart. `None` leaves it as it is. A table that has
    /// rows can only change it together with all of them.
    pub partition_by: Option<Vec<String>>,
    /// Properties of the table that are set from now on, or no longer.
    pub properties: Vec<(String, Option<String>)>,
    /// Files of changed rows, for the table's change data feed. `None` if nobody has looked for them.
    pub change_data: Option<Vec<DataFile>>,
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
            vectors: Vec::new(),
            schema: None,
            partition_by: None,
            properties: Vec::new(),
            change_data: None,
            transactions: Vec::new(),
            info: Vec::new(),
        }
    }

    /// Lets the CHECK constraint `name` be `condition` from now on; `None` drops it.
    pub fn constrain(&mut self, name: &str, condition: Option<&str>) {
        let property = format!("{CONSTRAINT}{name}");
        self.properties
            .push((property, condition.map(ToOwned::to_owned)));
    }
}

/// What the log says about a table before a commit.
pub(crate) struct Known<'a> {
    pub(crate) metadata: &'a Metadata,
    pub(crate) protocol: &'a Protocol,
    pub(crate) schema: SchemaRef,
}

/// The text of `commit`. `known` is what the log says about the table, where columns change or rows leave their
/// files; `stored` are the table's files, where some leave or change.
pub(crate) fn log_entry(
    commit: &Commit,
    first: bool,
    known: Option<&Known<'_>>,
    stored: &[StoredFile],
) -> Result<Vec<u8>> {
    let now = chrono::Utc::now().timestamp_millis();
    let mut lines = String::new();
    line(&mut lines, &commit_info(commit, now));
    if first && commit.schema.is_none() {
        return Err(diagnostic::Error::new(
            codes::X0001,
            "A table's first commit must say its columns",
        ));
    }
    for action in declarations(commit, first, known, now)? {
        line(&mut lines, &action);
    }
    for (id, version) in &commit.transactions {
        line(
            &mut lines,
            &json!({"txn": {"appId": id, "version": version, "lastUpdated": now}}),
        );
    }
    let files = Files {
        vectors: commit
            .vectors
            .iter()
            .map(|(path, v)| (path.as_str(), v))
            .collect(),
        now,
        changes_rows: commit.operation.changes_rows()
            && commit
                .change_data
                .as_ref()
                .is_none_or(|files| !files.is_empty()),
    };
    let leaving: BTreeSet<&str> = commit.remove.iter().map(String::as_str).collect();
    for file in stored {
        let changes = files.vectors.contains_key(file.path.as_str());
        if changes || commit.remove_all || leaving.contains(file.path.as_str()) {
            line(&mut lines, &files.remove(file));
        }
        if changes {
            let stats = file.stats.as_deref().unwrap_or_default();
            line(
                &mut lines,
                &files.add(&file.path, file.size, stats, &file.partition)?,
            );
        }
    }
    for file in &commit.add {
        line(
            &mut lines,
            &files.add(&file.path, file.size, &file.stats, &file.partition)?,
        );
    }
    for file in commit.change_data.iter().flatten() {
        line(
            &mut lines,
            &json!({"cdc": {
                "path": file.path,
                "partitionValues": file.partition,
                "size": file.size,
                "dataChange": false,
            }}),
        );
    }
    Ok(lines.into_bytes())
}

/// What a commit says about the table itself: its protocol and its columns, where they change.
fn declarations(
    commit: &Commit,
    first: bool,
    known: Option<&Known<'_>>,
    now: i64,
) -> Result<Vec<Value>> {
    let mut needs = Needs::default();
    if let Some(schema) = &commit.schema {
        needs.of_columns(schema);
    }
    let thins = !commit.vectors.is_empty();
    if thins {
        needs.deletion_vectors();
    }
    let checks =
        |(name, value): &(String, Option<String>)| value.is_some() && name.starts_with(CONSTRAINT);
    if commit.properties.iter().any(checks) {
        needs.check_constraints();
    }
    let feeds = |(name, value): &(String, Option<String>)| {
        name == ENABLED && value.as_deref() == Some("true")
    };
    if commit.properties.iter().any(feeds) {
        needs.change_data_feed();
    }
    let protocol = match (first, known) {
        (true, _) => needs.action(None)?,
        (false, Some(known)) => needs.action(Some(known.protocol))?,
        (false, None) => None,
    };
    let declared = known.is_some_and(|known| {
        let property = known.metadata.configuration().get(DELETION_VECTORS);
        property.is_some_and(|value| value == "true")
    });
    let columns = match (&commit.schema, known) {
        (Some(schema), _) => Some(schema),
        (None, Some(known)) if (thins && !declared) || !commit.properties.is_empty() => {
            Some(&known.schema)
        }
        _ => None,
    };
    let metadata = columns.map(|schema| metadata(commit, schema, known.map(|k| k.metadata), now));
    Ok(protocol.into_iter().chain(metadata.transpose()?).collect())
}

/// The actions on files.
struct Files<'a> {
    vectors: BTreeMap<&'a str, &'a DeletionVectorDescriptor>,
    now: i64,
    /// Whether rows change, and are not only in other files.
    changes_rows: bool,
}

impl Files<'_> {
    fn remove(&self, file: &StoredFile) -> Value {
        let mut action = json!({
            "path": file.path,
            "deletionTimestamp": self.now,
            "dataChange": self.changes_rows,
            "extendedFileMetadata": true,
            "partitionValues": file.partition,
            "size": file.size,
        });
        if let (Some(fields), Some(vector)) = (action.as_object_mut(), &file.vector) {
            fields.insert("deletionVector".to_owned(), json!(vector));
        }
        json!({ "remove": action })
    }

    fn add(
        &self,
        path: &str,
        size: u64,
        stats: &str,
        partition: &PartitionValues,
    ) -> Result<Value> {
        let vector = self.vectors.get(path);
        let stats = match vector {
            Some(_) if !stats.is_empty() => Some(with_wide_bounds(stats)?),
            _ => Some(stats.to_owned()).filter(|stats| !stats.is_empty()),
        };
        let mut action = json!({
            "path": path,
            "partitionValues": partition,
            "size": size,
            "modificationTime": self.now,
            "dataChange": self.changes_rows,
            "stats": stats,
        });
        if let (Some(fields), Some(vector)) = (action.as_object_mut(), vector) {
            fields.insert("deletionVector".to_owned(), json!(vector));
        }
        Ok(json!({ "add": action }))
    }
}

/// Statistics of a file some of whose rows have left: the bounds hold, and may be too wide.
fn with_wide_bounds(stats: &str) -> Result<String> {
    let wrong = || "A file's statistics cannot be read".to_owned();
    let mut stats: Value = serde_json::from_str(stats).explain(codes::K2004, wrong)?;
    if let Some(fields) = stats.as_object_mut() {
        fields.insert("tightBounds".to_owned(), json!(false));
    }
    Ok(stats.to_string())
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

fn metadata(
    commit: &Commit,
    schema: &SchemaRef,
    known: Option<&Metadata>,
    now: i64,
) -> Result<Value> {
    let text = serde_json::to_string(&delta_schema(schema)?).explain(codes::X0001, || {
        "A table's columns cannot be written".to_owned()
    })?;
    let id = match known {
        Some(known) => known.id().to_owned(),
        None => uuid::Uuid::new_v4().to_string(),
    };
    let mut configuration = known.map_or_else(|| json!({}), |known| json!(known.configuration()));
    if let Some(properties) = configuration.as_object_mut() {
        if !commit.vectors.is_empty() {
            properties.insert(DELETION_VECTORS.to_owned(), json!("true"));
        }
        for (name, value) in &commit.properties {
            match value {
                Some(value) => properties.insert(name.clone(), json!(value)),
                None => properties.remove(name),
            };
        }
        if properties.get(ENABLED).is_some_and(|on| on == "true") {
            feed::check_columns(schema)?;
        }
    }
    Ok(json!({"metaData": {
        "id": id,
        "format": {"provider": "parquet", "options": {}},
        "schemaString": text,
        "partitionColumns": commit
            .partition_by
            .as_deref()
            .or_else(|| known.map(Metadata::partition_columns))
            .unwrap_or_default(),
        "configuration": configuration,
        "createdTime": known.and_then(Metadata::created_time).unwrap_or(now),
    }}))
}
