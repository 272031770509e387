//! A REST catalog follows what is published. The server of the tests is PyIceberg's own catalog behind HTTP;
//! `SLUICE_ICEBERG_REST` names another one, for example `RESTCatalogServer` of Apache Iceberg's `iceberg-open-api`.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, StringArray};
use arrow::datatypes::DataType;
use diagnostic::codes;
use iceberg::{Change, Operation, RestCatalog, RestSettings, Table};
use serde_json::json;

use crate::fixture::{Fixture, append, become_columns, columns};
use crate::pyiceberg::{asked_of, python};

const NAMESPACE: &[&str] = &["SHOP", "SILVER"];

struct Server {
    process: Option<Child>,
    settings: RestSettings,
}

impl Server {
    fn start(fixture: &Fixture) -> Self {
        if let Ok(uri) = std::env::var("SLUICE_ICEBERG_REST") {
            let settings = RestSettings {
                uri,
                ..RestSettings::default()
            };
            return Self {
                process: None,
                settings,
            };
        }
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/rest_server.py");
        let mut process = Command::new(python())
            .arg(script)
            .arg(fixture.path("rest.db"))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut port = String::new();
        let output = process.stdout.take().unwrap();
        BufReader::new(output).read_line(&mut port).unwrap();
        let settings = RestSettings {
            uri: format!("http://127.0.0.1:{}", port.trim()),
            credential: Some("me:s3cret".to_owned()),
            ..RestSettings::default()
        };
        Self {
            process: Some(process),
            settings,
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }
}

fn file(fixture: &Fixture, table: &Table, name: &str, ids: &[i64]) -> (String, u64) {
    let schema = table.metadata().schema().unwrap();
    let texts: ArrayRef = Arc::new(StringArray::from(vec!["x"; ids.len()]));
    let mut columns: Vec<ArrayRef> = vec![Arc::new(Int64Array::from(ids.to_vec()))];
    columns.resize(schema.fields.len(), texts);
    fixture.file("orders", name, schema, columns)
}

#[tokio::test]
async fn a_rest_catalog_follows_every_version() {
    let fixture = Fixture::new();
    let server = Server::start(&fixture);
    let catalog = RestCatalog::connect(&server.settings).await.unwrap();
    let folder = fixture.folder("orders");
    assert!(catalog.load(NAMESPACE, "ORDERS").await.unwrap().is_none());
    let mut create = Change::new(Operation::Append);
    let first = columns(&[("ID", DataType::Int64), ("NAME", DataType::Utf8)]);
    create.schema = Some(become_columns(None, &first));
    create.properties = vec![("sluice.columns".to_owned(), "{}".to_owned())];
    let table = Table::create(&folder, create).await.unwrap();
    let follow = async |table: &Table| {
        catalog.follow(NAMESPACE, "ORDERS", table).await.unwrap();
        let theirs = catalog.load(NAMESPACE, "ORDERS").await.unwrap().unwrap();
        let ours = table.metadata();
        assert_eq!(theirs.current_snapshot_id, ours.current_snapshot_id);
        assert_eq!(
            theirs.schema().unwrap().fields,
            ours.schema().unwrap().fields
        );
        assert_eq!(theirs.snapshots.len(), ours.snapshots.len());
        assert_eq!(theirs.last_column_id, ours.last_column_id);
        // Again, nothing happens.
        catalog.follow(NAMESPACE, "ORDERS", table).await.unwrap();
        let again = catalog.load(NAMESPACE, "ORDERS").await.unwrap().unwrap();
        assert_eq!(again.last_updated_ms, theirs.last_updated_ms);
    };
    // Registered, then one version after the other, or several at once.
    follow(&table).await;
    let table = table
        .commit(append(vec![file(&fixture, &table, "a.parquet", &[1, 2])]))
        .await
        .unwrap();
    follow(&table).await;
    let second = columns(&[
        ("ID", DataType::Int64),
        ("NAME", DataType::Utf8),
        ("NOTE", DataType::Utf8),
    ]);
    let mut change = Change::new(Operation::Append);
    change.schema = Some(become_columns(Some(&table), &second));
    let table = table.commit(change).await.unwrap();
    let table = table
        .commit(append(vec![file(&fixture, &table, "b.parquet", &[3])]))
        .await
        .unwrap();
    let mut overwrite = Change::new(Operation::Overwrite);
    overwrite.remove.insert("a.parquet".to_owned());
    overwrite.add = vec![file(&fixture, &table, "c.parquet", &[2])];
    let table = table.commit(overwrite).await.unwrap();
    follow(&table).await;
    if server.process.is_some() {
        let rows = asked_of(
            "rest",
            &fixture.path("rest.db"),
            &json!({"now": {"table": "SHOP.SILVER.ORDERS"}, "gone": {"table": "SHOP.SILVER.ORDERS", "ask": "delete all"}}),
        );
        let ids: Vec<_> = rows["now"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| &row["ID"])
            .collect();
        assert_eq!(ids, ["2", "3"]);
        // Somebody else has deleted all rows.
        let table = table
            .commit(append(vec![file(&fixture, &table, "d.parquet", &[4])]))
            .await
            .unwrap();
        let error = catalog
            .follow(NAMESPACE, "ORDERS", &table)
            .await
            .unwrap_err();
        assert_eq!(error.code(), codes::K4004);
    }
    // A table that was built anew takes the name.
    let mut create = Change::new(Operation::Append);
    create.schema = Some(become_columns(None, &first));
    create.properties = vec![("sluice.columns".to_owned(), "{}".to_owned())];
    let anew = Table::create(&fixture.folder("anew"), create)
        .await
        .unwrap();
    follow(&anew).await;
    catalog.drop_table(NAMESPACE, "ORDERS").await.unwrap();
    assert!(catalog.load(NAMESPACE, "ORDERS").await.unwrap().is_none());
}

#[tokio::test]
async fn who_is_not_known_or_not_there_is_told_so_without_secrets() {
    let fixture = Fixture::new();
    let server = Server::start(&fixture);
    let with = |settings: RestSettings| async move {
        let error = RestCatalog::connect(&settings).await.unwrap_err();
        assert_eq!(error.code(), codes::K4003);
        let shown = format!("{error} {:?} {settings:?}", error.causes());
        assert!(!shown.contains("hunter2"), "{shown}");
        shown
    };
    if server.process.is_some() {
        let wrong = RestSettings {
            credential: Some("me:hunter2".to_owned()),
            ..server.settings.clone()
        };
        assert!(with(wrong).await.contains("unknown client"));
        let wrong = RestSettings {
            token: Some("hunter2".to_owned()),
            ..server.settings.clone()
        };
        assert!(with(wrong).await.contains("no token"));
    }
    let open = RestSettings {
        uri: "http://catalog.example.com".to_owned(),
        token: Some("hunter2".to_owned()),
        ..RestSettings::default()
    };
    assert!(with(open).await.contains("without TLS"));
    let nobody = RestSettings {
        uri: "http://127.0.0.1:9".to_owned(),
        token: Some("hunter2".to_owned()),
        ..RestSettings::default()
    };
    assert!(with(nobody).await.contains("does not answer"));
}
