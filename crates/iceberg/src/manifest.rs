//! Manifests, which list data files, and manifest lists, which list manifests
//! (<https://iceberg.apache.org/spec/#manifests>).

use std::sync::LazyLock;

use diagnostic::{Error, Result, ResultExt, codes};
use serde_json::{Value as Json, json};

use crate::avro::{self, Value};
use crate::{Schema, Snapshot};

/// A file that is part of a table.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DataFile {
    /// Its full path.
    pub path: String,
    /// Bytes.
    pub size: u64,
    /// Rows.
    pub rows: i64,
    /// Zero for rows; others delete rows of other files.
    pub content: i64,
    /// `PARQUET` for all that Sluice writes.
    pub format: String,
    /// Bytes by column.
    pub column_sizes: Vec<(i32, i64)>,
    /// Values by column, null ones included.
    pub value_counts: Vec<(i32, i64)>,
    /// Null values by column.
    pub null_value_counts: Vec<(i32, i64)>,
    /// What no value of a column is below.
    pub lower_bounds: Vec<(i32, Vec<u8>)>,
    /// What no value of a column is above.
    pub upper_bounds: Vec<(i32, Vec<u8>)>,
    /// Where row groups begin.
    pub split_offsets: Vec<i64>,
}

impl DataFile {
    pub(crate) fn new(path: String, size: u64, rows: i64) -> Self {
        Self {
            path,
            size,
            rows,
            format: "PARQUET".to_owned(),
            ..Self::default()
        }
    }
}

/// What a manifest says of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Existing,
    Added,
    Deleted,
}

/// One line of a manifest.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) status: Status,
    /// The snapshot that added or deleted it.
    pub(crate) snapshot: Option<i64>,
    /// The number of the snapshot that added the rows; of this snapshot, if none.
    pub(crate) sequence: Option<i64>,
    /// The number of the snapshot that added the file.
    pub(crate) file_sequence: Option<i64>,
    pub(crate) file: DataFile,
}

/// What a manifest list says of a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Manifest {
    pub(crate) path: String,
    pub(crate) length: i64,
    pub(crate) spec: i64,
    pub(crate) content: i64,
    pub(crate) sequence: i64,
    pub(crate) min_sequence: i64,
    pub(crate) snapshot: i64,
    /// Files and rows: added, existing, deleted.
    pub(crate) files: [i64; 3],
    pub(crate) rows: [i64; 3],
}

fn optional(id: i32, name: &str, kind: &Json) -> Json {
    json!({"name": name, "field-id": id, "type": ["null", kind], "default": null})
}

fn required(id: i32, name: &str, kind: &Json) -> Json {
    json!({"name": name, "field-id": id, "type": kind})
}

/// A map by column ids, which Avro has as an array of pairs.
fn by_column(id: i32, name: &str, key: i32, value: i32, kind: &str) -> Json {
    let pairs = json!({"type": "array", "logicalType": "map", "items": {
        "type": "record", "name": format!("k{key}_v{value}"), "fields": [
            {"name": "key", "field-id": key, "type": "int"},
            {"name": "value", "field-id": value, "type": kind},
        ],
    }});
    optional(id, name, &pairs)
}

static ENTRY: LazyLock<Json> = LazyLock::new(|| {
    let (int, long, text) = (json!("int"), json!("long"), json!("string"));
    let list =
        |element: i32, kind: &str| json!({"type": "array", "items": kind, "element-id": element});
    let file = json!({"type": "record", "name": "r2", "fields": [
        required(134, "content", &int),
        required(100, "file_path", &text),
        required(101, "file_format", &text),
        required(102, "partition", &json!({"type": "record", "name": "r102", "fields": []})),
        required(103, "record_count", &long),
        required(104, "file_size_in_bytes", &long),
        by_column(108, "column_sizes", 117, 118, "long"),
        by_column(109, "value_counts", 119, 120, "long"),
        by_column(110, "null_value_counts", 121, 122, "long"),
        by_column(137, "nan_value_counts", 138, 139, "long"),
        by_column(125, "lower_bounds", 126, 127, "bytes"),
        by_column(128, "upper_bounds", 129, 130, "bytes"),
        optional(131, "key_metadata", &json!("bytes")),
        optional(132, "split_offsets", &list(133, "long")),
        optional(135, "equality_ids", &list(136, "int")),
        optional(140, "sort_order_id", &int),
    ]});
    json!({"type": "record", "name": "manifest_entry", "fields": [
        required(0, "status", &int),
        optional(1, "snapshot_id", &long),
        optional(3, "sequence_number", &long),
        optional(4, "file_sequence_number", &long),
        required(2, "data_file", &file),
    ]})
});

static MANIFEST: LazyLock<Json> = LazyLock::new(|| {
    let (int, long) = (json!("int"), json!("long"));
    let summary = json!({"type": "array", "element-id": 508, "items": {
        "type": "record", "name": "r508", "fields": [
            required(509, "contains_null", &json!("boolean")),
            optional(518, "contains_nan", &json!("boolean")),
            optional(510, "lower_bound", &json!("bytes")),
            optional(511, "upper_bound", &json!("bytes")),
        ],
    }});
    json!({"type": "record", "name": "manifest_file", "fields": [
        required(500, "manifest_path", &json!("string")),
        required(501, "manifest_length", &long),
        required(502, "partition_spec_id", &int),
        required(517, "content", &int),
        required(515, "sequence_number", &long),
        required(516, "min_sequence_number", &long),
        required(503, "added_snapshot_id", &long),
        required(504, "added_files_count", &int),
        required(505, "existing_files_count", &int),
        required(506, "deleted_files_count", &int),
        required(512, "added_rows_count", &long),
        required(513, "existing_rows_count", &long),
        required(514, "deleted_rows_count", &long),
        optional(507, "partitions", &summary),
        optional(519, "key_metadata", &json!("bytes")),
    ]})
});

/// A manifest with `entries` of a table with columns `schema`.
pub(crate) fn write_manifest(schema: &Schema, entries: &[Entry]) -> Result<Vec<u8>> {
    let text = serde_json::to_string(schema)
        .explain(codes::X0001, || "A schema cannot be written".to_owned())?;
    let facts = [
        ("schema", text),
        ("schema-id", schema.schema_id.to_string()),
        ("partition-spec", "[]".to_owned()),
        ("partition-spec-id", "0".to_owned()),
        ("format-version", "2".to_owned()),
        ("content", "data".to_owned()),
    ];
    let values: Vec<Value> = entries.iter().map(entry_value).collect();
    avro::write(&ENTRY, &facts, &values)
}

fn record<const N: usize>(fields: [(&str, Value); N]) -> Value {
    let fields = fields.into_iter();
    Value::Record(
        fields
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
    )
}

fn pairs<T: Clone>(values: &[(i32, T)], value: impl Fn(T) -> Value) -> Value {
    let pair = |(id, of): &(i32, T)| {
        record([
            ("key", Value::Long(i64::from(*id))),
            ("value", value(of.clone())),
        ])
    };
    match values {
        [] => Value::Null,
        values => Value::Array(values.iter().map(pair).collect()),
    }
}

fn long(value: Option<i64>) -> Value {
    value.map_or(Value::Null, Value::Long)
}

fn entry_value(entry: &Entry) -> Value {
    let file = &entry.file;
    let splits = file.split_offsets.iter().copied().map(Value::Long);
    let file = record([
        ("content", Value::Long(file.content)),
        ("file_path", Value::Text(file.path.clone())),
        ("file_format", Value::Text(file.format.clone())),
        ("partition", record([])),
        ("record_count", Value::Long(file.rows)),
        (
            "file_size_in_bytes",
            Value::Long(i64::try_from(file.size).unwrap_or(i64::MAX)),
        ),
        ("column_sizes", pairs(&file.column_sizes, Value::Long)),
        ("value_counts", pairs(&file.value_counts, Value::Long)),
        (
            "null_value_counts",
            pairs(&file.null_value_counts, Value::Long),
        ),
        ("lower_bounds", pairs(&file.lower_bounds, Value::Bytes)),
        ("upper_bounds", pairs(&file.upper_bounds, Value::Bytes)),
        (
            "split_offsets",
            match file.split_offsets.is_empty() {
                true => Value::Null,
                false => Value::Array(splits.collect()),
            },
        ),
    ]);
    let status = match entry.status {
        Status::Existing => 0,
        Status::Added => 1,
        Status::Deleted => 2,
    };
    record([
        ("status", Value::Long(status)),
        ("snapshot_id", long(entry.snapshot)),
        ("sequence_number", long(entry.sequence)),
        ("file_sequence_number", long(entry.file_sequence)),
        ("data_file", file),
    ])
}

fn broken(path: &str) -> Error {
    Error::new(
        codes::K4001,
        format!("The manifest `{path}` cannot be read"),
    )
}

/// The entries of `manifest`, with what they inherit from it.
pub(crate) fn read_manifest(manifest: &Manifest, bytes: &[u8]) -> Result<Vec<Entry>> {
    let wrong = || broken(&manifest.path);
    let read = |value: &Value| {
        let added = match value.long("status") {
            Some(0) => Status::Existing,
            Some(1) => Status::Added,
            Some(2) => Status::Deleted,
            _ => return Err(wrong()),
        };
        let own = |number: Option<i64>| match added {
            Status::Added => number.or(Some(manifest.sequence)),
            _ => number,
        };
        Ok(Entry {
            status: added,
            snapshot: value.long("snapshot_id").or(Some(manifest.snapshot)),
            sequence: own(value.long("sequence_number")),
            file_sequence: own(value.long("file_sequence_number")),
            file: file_of(value.field("data_file").ok_or_else(wrong)?).ok_or_else(wrong)?,
        })
    };
    avro::read(bytes)
        .map_err(|cause| broken(&manifest.path).because(cause))?
        .iter()
        .map(read)
        .collect()
}

fn file_of(value: &Value) -> Option<DataFile> {
    let counts = |name: &str| -> Vec<(i32, i64)> {
        let pairs = value.array(name).iter();
        pairs
            .filter_map(|pair| Some((i32::try_from(pair.long("key")?).ok()?, pair.long("value")?)))
            .collect()
    };
    let bytes = |name: &str| -> Vec<(i32, Vec<u8>)> {
        let pairs = value.array(name).iter();
        pairs
            .filter_map(|pair| {
                let id = i32::try_from(pair.long("key")?).ok()?;
                match pair.field("value")? {
                    Value::Bytes(bytes) => Some((id, bytes.clone())),
                    _ => None,
                }
            })
            .collect()
    };
    let splits = value.array("split_offsets").iter();
    Some(DataFile {
        path: value.text("file_path")?.to_owned(),
        size: u64::try_from(value.long("file_size_in_bytes")?).ok()?,
        rows: value.long("record_count")?,
        content: value.long("content").unwrap_or(0),
        format: value.text("file_format")?.to_owned(),
        column_sizes: counts("column_sizes"),
        value_counts: counts("value_counts"),
        null_value_counts: counts("null_value_counts"),
        lower_bounds: bytes("lower_bounds"),
        upper_bounds: bytes("upper_bounds"),
        split_offsets: splits
            .filter_map(|value| match value {
                Value::Long(value) => Some(*value),
                _ => None,
            })
            .collect(),
    })
}

/// The manifest list of `snapshot`.
pub(crate) fn write_list(snapshot: &Snapshot, manifests: &[Manifest]) -> Result<Vec<u8>> {
    let parent = snapshot.parent_snapshot_id;
    let facts = [
        ("snapshot-id", snapshot.snapshot_id.to_string()),
        (
            "parent-snapshot-id",
            parent.map_or_else(|| "null".to_owned(), |id| id.to_string()),
        ),
        ("sequence-number", snapshot.sequence_number.to_string()),
        ("format-version", "2".to_owned()),
    ];
    let value = |manifest: &Manifest| {
        let [added_files, existing_files, deleted_files] = manifest.files.map(Value::Long);
        let [added_rows, existing_rows, deleted_rows] = manifest.rows.map(Value::Long);
        record([
            ("manifest_path", Value::Text(manifest.path.clone())),
            ("manifest_length", Value::Long(manifest.length)),
            ("partition_spec_id", Value::Long(manifest.spec)),
            ("content", Value::Long(manifest.content)),
            ("sequence_number", Value::Long(manifest.sequence)),
            ("min_sequence_number", Value::Long(manifest.min_sequence)),
            ("added_snapshot_id", Value::Long(manifest.snapshot)),
            ("added_files_count", added_files),
            ("existing_files_count", existing_files),
            ("deleted_files_count", deleted_files),
            ("added_rows_count", added_rows),
            ("existing_rows_count", existing_rows),
            ("deleted_rows_count", deleted_rows),
            ("partitions", Value::Array(Vec::new())),
        ])
    };
    let values: Vec<Value> = manifests.iter().map(value).collect();
    avro::write(&MANIFEST, &facts, &values)
}

/// The manifests of the list `path`.
pub(crate) fn read_list(path: &str, bytes: &[u8]) -> Result<Vec<Manifest>> {
    let read = |value: &Value| {
        let count = |name: &str| value.long(name).unwrap_or(0);
        Some(Manifest {
            path: value.text("manifest_path")?.to_owned(),
            length: value.long("manifest_length")?,
            spec: count("partition_spec_id"),
            content: count("content"),
            sequence: count("sequence_number"),
            min_sequence: count("min_sequence_number"),
            snapshot: value.long("added_snapshot_id")?,
            files: [
                "added_files_count",
                "existing_files_count",
                "deleted_files_count",
            ]
            .map(count),
            rows: [
                "added_rows_count",
                "existing_rows_count",
                "deleted_rows_count",
            ]
            .map(count),
        })
    };
    avro::read(bytes)
        .map_err(|cause| broken(path).because(cause))?
        .iter()
        .map(|value| read(value).ok_or_else(|| broken(path)))
        .collect()
}
