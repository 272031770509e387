//! Iceberg tables in a catalog: published like all others, columns told apart by ids, cleaned without loss, in a folder
//! and in a bucket.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use catalog::{At, Catalog, Moment, RelationKind, Vacuum, Workspace};
use chrono::Duration;
use diagnostic::codes;
use iceberg::SqlCatalog;
use lake::{Commit, FileRows, Operation, ParquetSink, SinkOptions, Table, TableFormat};

use super::name;
use super::object_store::{BUCKET, bucket};
use super::server::S3Server;

fn columns(names: &[&str]) -> SchemaRef {
    let field = |name: &&str| match *name {
        "ID" => Field::new(*name, DataType::Int64, true),
        name => Field::new(name, DataType::Utf8, true),
    };
    Arc::new(Schema::new(names.iter().map(field).collect::<Vec<_>>()))
}

/// A run that adds rows of `ids` to the Iceberg table `t`, whose columns `schema` are from now on; all texts are the
/// name of their column.
async fn append(run: &Workspace, schema: &SchemaRef, ids: &[i64]) -> Table {
    let name = name("t");
    let place = run.table_to_write_as(&name, TableFormat::Iceberg);
    let place = place.await.unwrap();
    let columns = schema.fields().iter().map(|field| -> ArrayRef {
        match field.data_type() {
            DataType::Int64 => Arc::new(Int64Array::from(ids.to_vec())),
            _ => Arc::new(StringArray::from(vec![field.name().as_str(); ids.len()])),
        }
    });
    let batch = RecordBatch::try_new(Arc::clone(schema), columns.collect()).unwrap();
    let mut sink = ParquetSink::new(
        &run.folder(&place),
        Arc::clone(schema),
        SinkOptions::default(),
    );
    sink.write(&batch).unwrap();
    let mut commit = Commit::new(Operation::Append);
    commit.add = sink.finish().unwrap();
    commit.schema = Some(Arc::clone(schema));
    let table = place.commit(&commit).await.unwrap();
    run.stage_table(&name, &table, &[]).unwrap();
    table
}

async fn publish(catalog: &Catalog, schema: &SchemaRef, ids: &[i64]) {
    let run = catalog.begin("test").unwrap();
    append(&run, schema, ids).await;
    run.publish().unwrap();
}

/// Each row of `table` as text, sorted.
async fn rows_of(reader: &Workspace, table: &Table) -> Vec<String> {
    let folder = reader.folder(table);
    let schema = table.schema().await.unwrap();
    let mut rows = Vec::new();
    for file in table.files().await.unwrap() {
        for batch in FileRows::open(&folder, &file, &schema, &schema).unwrap() {
            let batch = batch.unwrap();
            for row in 0..batch.num_rows() {
                let texts = batch
                    .columns()
                    .iter()
                    .map(|column| match column.data_type() {
                        _ if column.is_null(row) => "~".to_owned(),
                        DataType::Int64 => {
                            column.as_primitive::<Int64Type>().value(row).to_string()
                        }
                        _ => column.as_string::<i32>().value(row).to_owned(),
                    });
                rows.push(texts.collect::<Vec<_>>().join("|"));
            }
        }
    }
    rows.sort();
    rows
}

async fn rows(catalog: &Catalog) -> Vec<String> {
    let reader = catalog.begin("read").unwrap();
    let table = reader.table(&name("t")).await.unwrap();
    assert_eq!(table.format(), TableFormat::Iceberg);
    rows_of(&reader, &table).await
}

async fn rows_at(catalog: &Catalog, version: u64) -> Vec<String> {
    let reader = catalog.begin("read").unwrap();
    let moment = Moment::Version(version);
    let at = At {
        moment,
        before: false,
    };
    let then = reader.relation_at(&name("t"), &at).unwrap();
    let RelationKind::Table {
        location, version, ..
    } = &then.kind
    else {
        panic!("{then:?}");
    };
    let table = reader.open(location, *version).await.unwrap();
    rows_of(&reader, &table).await
}

/// The metadata file that other engines find.
fn entry(catalog: &Catalog) -> Option<String> {
    let entries = SqlCatalog::open(&catalog.folder().join("iceberg.db"), "sluice").unwrap();
    entries.metadata_location("D.S", "T").unwrap()
}

async fn goes_its_way(catalog: &Catalog) {
    let (first, second) = (columns(&["ID", "A"]), columns(&["ID"]));
    let run = catalog.begin("test").unwrap();
    append(&run, &first, &[1]).await;
    append(&run, &first, &[2]).await;
    assert!(
        catalog
            .begin("read")
            .unwrap()
            .relation(&name("t"))
            .is_none()
    );
    run.publish().unwrap();
    assert_eq!(rows(catalog).await, ["1|A", "2|A"]);
    assert!(
        entry(catalog)
            .unwrap()
            .ends_with("/d/s/t.iceberg/metadata/v2.metadata.json")
    );
    // A run that is dropped leaves the version to the next one.
    let dropped = catalog.begin("test").unwrap();
    append(&dropped, &first, &[9]).await;
    dropped.discard("a check failed").unwrap();
    // `A` is dropped, and comes back as another column.
    publish(catalog, &second, &[3]).await;
    publish(catalog, &first, &[4]).await;
    assert_eq!(rows(catalog).await, ["1|~", "2|~", "3|~", "4|A"]);
    assert_eq!(rows_at(catalog, 2).await, ["1|A", "2|A"]);
    assert_eq!(rows_at(catalog, 3).await, ["1", "2", "3"]);
    // Of two runs, the second is refused.
    let (one, other) = (
        catalog.begin("test").unwrap(),
        catalog.begin("test").unwrap(),
    );
    append(&one, &first, &[5]).await;
    append(&other, &first, &[6]).await;
    one.publish().unwrap();
    assert_eq!(other.publish().unwrap_err().code(), codes::K1001);
    other.discard("conflict").unwrap();
    // Compacted, cleaned, and still all there.
    let run = catalog.begin("optimize").unwrap();
    let before = run.table_to_write(&name("t")).await.unwrap();
    let compacted = before
        .compact(&run.folder(&before), 1 << 20, &[])
        .await
        .unwrap();
    let after = before.commit(&compacted.unwrap().0).await.unwrap();
    run.stage_table(&name("t"), &after, &[]).unwrap();
    run.publish().unwrap();
    let now = ["1|~", "2|~", "3|~", "4|A", "5|A"];
    assert_eq!(rows(catalog).await, now);
    let wanted = Vacuum {
        retention: Duration::zero(),
        dry_run: false,
    };
    catalog.vacuum(&wanted).await.unwrap();
    assert_eq!(rows(catalog).await, now);
    // All snapshots of the newest metadata file can still be read: other engines travel in time by them.
    let reader = catalog.begin("read").unwrap();
    let table = reader.table(&name("t")).await.unwrap();
    let table = table.iceberg().unwrap().table().unwrap();
    let folder = reader.folder(&reader.table(&name("t")).await.unwrap());
    assert_eq!(table.metadata().snapshots.len(), 6);
    for snapshot in &table.metadata().snapshots {
        for file in table.files_of(snapshot).await.unwrap() {
            folder.open(table.relative(&file.path).unwrap()).unwrap();
        }
    }
    publish(catalog, &first, &[6]).await;
    assert_eq!(rows(catalog).await.len(), 6);
    // Renamed and dropped, here and there.
    let run = catalog.begin("test").unwrap();
    run.drop_relation(&name("t")).unwrap();
    run.publish().unwrap();
    assert_eq!(entry(catalog), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_iceberg_table_goes_its_way_in_a_folder() {
    let dir = tempfile::tempdir().unwrap();
    goes_its_way(&Catalog::open(dir.path()).unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_iceberg_table_goes_its_way_in_a_bucket() {
    let server = S3Server::start(&[BUCKET]);
    let dir = tempfile::tempdir().unwrap();
    let storage = bucket(&server.endpoint(), "w");
    let catalog = Catalog::open_in(dir.path(), &storage).unwrap();
    let schema = columns(&["ID"]);
    let run = catalog.begin("test").unwrap();
    append(&run, &schema, &[1]).await;
    run.publish().unwrap();
    let found = entry(&catalog).unwrap();
    assert!(found.starts_with("s3://lake/w/d/s/t.iceberg-"), "{found}");
    publish(&catalog, &schema, &[2]).await;
    let again = Catalog::open_in(dir.path(), &storage).unwrap();
    assert_eq!(rows(&again).await, ["1", "2"]);
    assert_eq!(rows_at(&again, 1).await, ["1"]);
}
