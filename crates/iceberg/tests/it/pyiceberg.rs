//! PyIceberg reads what is written here: rows, snapshots, columns that come and go, bounds by which it leaves files out.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int32Array,
    Int64Array, ListArray, StringArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Int64Type, TimeUnit};
use iceberg::{Change, Operation, SqlCatalog, Table};
use serde_json::{Value, json};

use crate::fixture::{Fixture, append, become_columns, columns};

pub(crate) fn python() -> String {
    std::env::var("SLUICE_PYTHON").unwrap_or_else(|_| "python3".to_owned())
}

fn asked(fixture: &Fixture, questions: &Value) -> Value {
    asked_of("lake", &fixture.path("iceberg.db"), questions)
}

/// What PyIceberg answers to the questions of `tests/pyiceberg_reader.py`, asked of the catalog `name` in `file`.
pub(crate) fn asked_of(name: &str, file: &Path, questions: &Value) -> Value {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/pyiceberg_reader.py");
    let output = Command::new(python())
        .arg(script)
        .args(["--name", name])
        .arg(file)
        .arg(questions.to_string())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_str(&text).unwrap()
}

fn longs(values: &[Option<i64>]) -> ArrayRef {
    Arc::new(Int64Array::from(values.to_vec()))
}

fn texts(values: &[Option<&str>]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

#[tokio::test]
async fn rows_of_every_type_and_their_bounds_are_read() {
    let fixture = Fixture::new();
    let micros =
        |zone: Option<&str>| DataType::Timestamp(TimeUnit::Microsecond, zone.map(Into::into));
    let item = arrow::datatypes::Field::new("element", DataType::Int64, true);
    let wanted = columns(&[
        ("flag", DataType::Boolean),
        ("small", DataType::Int32),
        ("number", DataType::Int64),
        ("real", DataType::Float64),
        ("amount", DataType::Decimal128(20, 2)),
        ("cents", DataType::Decimal128(5, 2)),
        ("day", DataType::Date32),
        ("at", micros(None)),
        ("instant", micros(Some("UTC"))),
        ("label", DataType::Utf8),
        ("bytes", DataType::Binary),
        ("list", DataType::List(item.into())),
    ]);
    let mut create = Change::new(Operation::Append);
    let (schema, last) = become_columns(None, &wanted);
    let at = vec![Some(1_700_000_000_123_456), None];
    let amounts = |values: Vec<Option<i128>>, precision| -> ArrayRef {
        let values = Decimal128Array::from(values);
        Arc::new(values.with_precision_and_scale(precision, 2).unwrap())
    };
    let long = "an uncommonly long label, beyond every bound";
    let rows: Vec<ArrayRef> = vec![
        Arc::new(BooleanArray::from(vec![Some(true), None])),
        Arc::new(Int32Array::from(vec![Some(-7), None])),
        longs(&[Some(i64::MIN), None]),
        Arc::new(Float64Array::from(vec![Some(-1.5), None])),
        amounts(vec![Some(-123_456_789_012_345_678), None], 20),
        amounts(vec![Some(-1), None], 5),
        Arc::new(Date32Array::from(vec![Some(19_000), None])),
        Arc::new(TimestampMicrosecondArray::from(at.clone())),
        Arc::new(TimestampMicrosecondArray::from(at).with_timezone("UTC")),
        texts(&[Some(long), None]),
        Arc::new(BinaryArray::from(vec![Some(&b"\x00\xff"[..]), None])),
        Arc::new(ListArray::from_iter_primitive::<Int64Type, _, _>([
            Some(vec![Some(1), None]),
            None,
        ])),
    ];
    // The list's part has an id, which its array must have too.
    let with_ids = schema.stamp(&schema.arrow().unwrap());
    let rows = rows
        .into_iter()
        .zip(with_ids.fields())
        .map(|(array, field)| arrow::compute::cast(&array, field.data_type()).unwrap())
        .collect();
    let folder = fixture.folder("types");
    create.add = vec![fixture.file("types", "a.parquet", &schema, rows)];
    create.schema = Some((schema, last));
    create.summary = vec![("sluice.run-id".to_owned(), "r1".to_owned())];
    let table = Table::create(&folder, create).await.unwrap();
    let catalog = SqlCatalog::open(&fixture.path("iceberg.db"), "lake").unwrap();
    let location = table.metadata_location();
    catalog
        .swap("silver", "types", None, Some(&location))
        .unwrap();

    let filter = |filter: &str| json!({"table": "silver.types", "filter": filter});
    let answers = asked(
        &fixture,
        &json!({
            "all": {"table": "silver.types"},
            "files": {"table": "silver.types", "ask": "plan", "filter": "number < 0 and cents = -0.01"},
            "no_label": filter("label > 'b'"),
            "not_planned": {"table": "silver.types", "ask": "plan", "filter": "amount > 0"},
            "late": {"table": "silver.types", "ask": "plan", "filter": "day > '2022-01-08'"},
            "summary": {"table": "silver.types", "ask": "summaries"},
        }),
    );
    assert_eq!(
        answers["all"],
        json!([
            {
                "flag": "True", "small": "-7", "number": "-9223372036854775808", "real": "-1.5",
                "amount": "-1234567890123456.78", "cents": "-0.01", "day": "2022-01-08",
                "at": "2023-11-14 22:13:20.123456", "instant": "2023-11-14 22:13:20.123456+00:00",
                "label": long, "bytes": "b'\\x00\\xff'", "list": "[1, None]",
            },
            {
                "flag": null, "small": null, "number": null, "real": null, "amount": null, "cents": null,
                "day": null, "at": null, "instant": null, "label": null, "bytes": null, "list": null,
            },
        ])
    );
    assert_eq!(answers["files"], json!(1));
    assert_eq!(answers["no_label"], json!([]));
    assert_eq!(answers["not_planned"], json!(0));
    assert_eq!(answers["late"], json!(0));
    assert_eq!(answers["summary"][0]["operation"], "append");
    assert_eq!(answers["summary"][0]["sluice.run-id"], "r1");
}

#[tokio::test]
async fn appends_overwrites_merges_and_changed_columns_are_read_at_every_snapshot() {
    let fixture = Fixture::new();
    let folder = fixture.folder("orders");
    let first = columns(&[
        ("id", DataType::Int32),
        ("name", DataType::Utf8),
        ("old", DataType::Utf8),
    ]);
    let mut create = Change::new(Operation::Append);
    create.schema = Some(become_columns(None, &first));
    let table = Table::create(&folder, create).await.unwrap();
    let catalog = SqlCatalog::open(&fixture.path("iceberg.db"), "lake").unwrap();
    let created = table.metadata_location();
    catalog
        .swap("silver", "orders", None, Some(&created))
        .unwrap();
    let ints = |values: Vec<i32>| -> ArrayRef { Arc::new(Int32Array::from(values)) };
    let put = |table: &Table, name: &str, columns: Vec<ArrayRef>| {
        let schema = table.metadata().schema().unwrap();
        fixture.file("orders", name, schema, columns)
    };
    // Two appends.
    let a = put(
        &table,
        "a.parquet",
        vec![
            ints(vec![1, 2]),
            texts(&[Some("a"), Some("b")]),
            texts(&[Some("x"), None]),
        ],
    );
    let table = table.commit(append(vec![a])).await.unwrap();
    let b = put(
        &table,
        "b.parquet",
        vec![ints(vec![3]), texts(&[Some("c")]), texts(&[Some("y")])],
    );
    let table = table.commit(append(vec![b])).await.unwrap();
    // A merge writes the file again that holds a row of the key.
    let c = put(
        &table,
        "c.parquet",
        vec![
            ints(vec![1, 2]),
            texts(&[Some("a"), Some("B")]),
            texts(&[Some("x"), None]),
        ],
    );
    let mut merge = Change::new(Operation::Overwrite);
    merge.remove.insert("a.parquet".to_owned());
    merge.add = vec![c];
    let table = table.commit(merge).await.unwrap();
    // `id` is widened, `name` renamed, `old` dropped, `note` new; no file is touched.
    let renamed = table
        .metadata()
        .schema()
        .unwrap()
        .rename_column("name", "title")
        .unwrap();
    let last = table.metadata().last_column_id;
    let mut change = Change::new(Operation::Append);
    let second = columns(&[
        ("id", DataType::Int64),
        ("title", DataType::Utf8),
        ("note", DataType::Utf8),
    ]);
    change.schema = Some(renamed.become_columns(last, &second).unwrap());
    let table = table.commit(change).await.unwrap();
    let d = put(
        &table,
        "d.parquet",
        vec![
            longs(&[Some(1 << 40)]),
            texts(&[Some("d")]),
            texts(&[Some("new")]),
        ],
    );
    let table = table.commit(append(vec![d])).await.unwrap();
    // A column that is dropped and comes back holds nothing of before.
    let third = columns(&[
        ("id", DataType::Int64),
        ("title", DataType::Utf8),
        ("old", DataType::Utf8),
    ]);
    let mut change = Change::new(Operation::Append);
    change.schema = Some(become_columns(Some(&table), &third));
    let evolved = table.commit(change).await.unwrap();
    // All rows are replaced.
    let e = put(
        &evolved,
        "e.parquet",
        vec![longs(&[Some(9)]), texts(&[Some("e")]), texts(&[None])],
    );
    let mut overwrite = Change::new(Operation::Overwrite);
    overwrite.remove_all = true;
    overwrite.add = vec![e];
    let table = evolved.commit(overwrite).await.unwrap();
    let mut truncate = Change::new(Operation::Delete);
    truncate.remove_all = true;
    let table = table.commit(truncate).await.unwrap();
    let now = table.metadata_location();
    catalog
        .swap("silver", "orders", Some(&created), Some(&now))
        .unwrap();

    let at = |snapshot: usize| json!({"table": "silver.orders", "snapshot": snapshot});
    let answers = asked(
        &fixture,
        &json!({
            "0": at(0), "1": at(1), "2": at(2), "3": at(3), "4": at(4), "5": at(5),
            "now": {"table": "silver.orders"},
            "evolved": {"metadata": evolved.metadata_location()},
            "summaries": {"table": "silver.orders", "ask": "summaries"},
        }),
    );
    let old = |id: &str, name: &str, old: Option<&str>| json!({"id": id, "name": name, "old": old});
    let (one, two, three) = (
        old("1", "a", Some("x")),
        old("2", "b", None),
        old("3", "c", Some("y")),
    );
    let changed = old("2", "B", None);
    assert_eq!(answers["0"], json!([one, two]));
    assert_eq!(answers["1"], json!([one, two, three]));
    assert_eq!(answers["2"], json!([one, changed, three]));
    let new =
        |id: &str, title: &str, note: Option<&str>| json!({"id": id, "title": title, "note": note});
    assert_eq!(
        answers["3"],
        json!([
            new("1", "a", None),
            new("1099511627776", "d", Some("new")),
            new("2", "B", None),
            new("3", "c", None)
        ])
    );
    let back = |id: &str, title: &str| json!({"id": id, "title": title, "old": null});
    assert_eq!(
        answers["evolved"],
        json!([
            back("1", "a"),
            back("1099511627776", "d"),
            back("2", "B"),
            back("3", "c")
        ])
    );
    assert_eq!(answers["4"], json!([back("9", "e")]));
    assert_eq!(answers["5"], json!([]));
    assert_eq!(answers["now"], json!([]));
    let operations: Vec<_> = answers["summaries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| &s["operation"])
        .collect();
    assert_eq!(
        operations,
        [
            "append",
            "append",
            "overwrite",
            "append",
            "overwrite",
            "delete"
        ]
    );
}
