//! Versions: who writes one first has made it, files that leave must be there, old snapshots go.

use std::sync::Arc;

use arrow::array::Int64Array;
use arrow::datatypes::DataType;
use diagnostic::codes;
use iceberg::{Change, Operation, SqlCatalog, Table};

use crate::fixture::{Fixture, append, become_columns, columns};

async fn numbers(fixture: &Fixture) -> Table {
    let folder = fixture.folder("t");
    let mut create = Change::new(Operation::Append);
    create.schema = Some(become_columns(None, &columns(&[("n", DataType::Int64)])));
    Table::create(&folder, create).await.unwrap()
}

fn file(fixture: &Fixture, table: &Table, name: &str, values: Vec<i64>) -> (String, u64) {
    let schema = table.metadata().schema().unwrap();
    fixture.file("t", name, schema, vec![Arc::new(Int64Array::from(values))])
}

#[tokio::test]
async fn of_two_writers_of_one_version_the_first_wins() {
    let fixture = Fixture::new();
    let table = numbers(&fixture).await;
    assert!(table.metadata().current().is_none());
    let first = file(&fixture, &table, "a.parquet", vec![1]);
    let second = file(&fixture, &table, "b.parquet", vec![2]);
    let won = table.commit(append(vec![first])).await.unwrap();
    let lost = table.commit(append(vec![second])).await.unwrap_err();
    assert_eq!(lost.code(), codes::K1001);
    let again = Table::open(&fixture.folder("t"), won.version())
        .await
        .unwrap();
    assert_eq!(again.files().await.unwrap().len(), 1);
    assert_eq!(again.metadata(), won.metadata());
}

#[tokio::test]
async fn what_leaves_a_table_must_be_in_it_and_is_reachable_by_its_snapshot() {
    let fixture = Fixture::new();
    let table = numbers(&fixture).await;
    let add = vec![
        file(&fixture, &table, "a.parquet", vec![1]),
        file(&fixture, &table, "b.parquet", vec![2, 3]),
    ];
    let table = table.commit(append(add)).await.unwrap();
    let mut change = Change::new(Operation::Overwrite);
    change.remove.insert("c.parquet".to_owned());
    let error = table.commit(change).await.unwrap_err();
    assert_eq!(error.code(), codes::K1001);
    let mut change = Change::new(Operation::Overwrite);
    change.remove.insert("b.parquet".to_owned());
    change.add = vec![file(&fixture, &table, "d.parquet", vec![2])];
    let next = table.commit(change).await.unwrap();
    let files = next.files().await.unwrap().iter();
    let mut names: Vec<&str> = files
        .map(|file| next.relative(&file.path).unwrap())
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["a.parquet", "d.parquet"]);
    let reachable = next.reachable().await.unwrap();
    assert!(
        ["a.parquet", "b.parquet", "d.parquet"]
            .iter()
            .all(|name| reachable.contains(*name))
    );
    let summary = &next.metadata().current().unwrap().summary;
    let fact = |key: &str| summary.get(key).map_or("", String::as_str);
    assert_eq!(fact("operation"), "overwrite");
    assert_eq!(fact("total-records"), "2");
    assert_eq!(fact("deleted-records"), "2");
    assert_eq!(fact("added-data-files"), "1");
}

#[tokio::test]
async fn a_file_whose_columns_have_other_ids_is_refused() {
    let fixture = Fixture::new();
    let table = numbers(&fixture).await;
    let mut other = table.metadata().schema().unwrap().clone();
    other.fields[0].id = 7;
    let values = Arc::new(Int64Array::from(vec![1]));
    let file = fixture.file("t", "x.parquet", &other, vec![values]);
    let error = table.commit(append(vec![file])).await.unwrap_err();
    assert_eq!(error.code(), codes::X0001);
}

#[tokio::test]
async fn many_manifests_become_one_and_old_snapshots_are_forgotten() {
    let fixture = Fixture::new();
    let mut table = numbers(&fixture).await;
    let mut keep_none = Change::new(Operation::Append);
    let age = "history.expire.max-snapshot-age-ms";
    keep_none.properties = vec![(age.to_owned(), "0".to_owned())];
    table = table.commit(keep_none).await.unwrap();
    for number in 0..101 {
        let add = file(&fixture, &table, &format!("{number}.parquet"), vec![number]);
        table = table.commit(append(vec![add])).await.unwrap();
    }
    assert_eq!(table.files().await.unwrap().len(), 101);
    let metadata = table.metadata();
    assert!(metadata.snapshots.len() < 5, "{}", metadata.snapshots.len());
    assert_eq!(metadata.last_sequence_number, 101);
    assert_eq!(metadata.metadata_log.len(), 100);
    let reachable = table.reachable().await.unwrap();
    let manifests = reachable.iter().filter(|name| name.ends_with("-m0.avro"));
    assert!(manifests.count() < 101);
}

#[test]
fn an_entry_of_a_catalog_moves_only_from_what_it_is() {
    let fixture = Fixture::new();
    let catalog = SqlCatalog::open(&fixture.path("iceberg.db"), "lake").unwrap();
    catalog.swap("s", "t", None, Some("v1")).unwrap();
    for (before, becomes) in [
        (None, Some("v1")),
        (Some("v0"), Some("v2")),
        (Some("v0"), None),
    ] {
        let error = catalog.swap("s", "t", before, becomes).unwrap_err();
        assert_eq!(error.code(), codes::K4005);
    }
    catalog.swap("s", "t", Some("v1"), Some("v2")).unwrap();
    let other = SqlCatalog::open(&fixture.path("iceberg.db"), "lake").unwrap();
    let known = other.metadata_location("s", "t").unwrap();
    assert_eq!(known.as_deref(), Some("v2"));
    let row = ("s".to_owned(), "t".to_owned(), "v2".to_owned());
    assert_eq!(other.tables().unwrap(), [row]);
    other.swap("s", "t", Some("v2"), None).unwrap();
    assert!(catalog.tables().unwrap().is_empty());
}
