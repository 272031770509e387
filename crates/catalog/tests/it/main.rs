//! Workspaces: what readers see before, during and after publishing, and after a crash.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../../../storage/tests/it/faults.rs"]
#[allow(dead_code, reason = "another crate's tests use more of it")]
mod faults;
mod iceberg;
mod object_store;
#[path = "../../../storage/tests/it/server.rs"]
#[allow(dead_code, reason = "another crate's tests use more of it")]
mod server;
mod simulation;
mod upkeep;

use std::path::Path;
use std::sync::Arc;

use arrow::array::{Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use catalog::{Catalog, RelationKind, Workspace};
use lake::{Commit, Operation, ParquetSink, SinkOptions, Table};
use model::{Identifier, RelationName};

fn name(table: &str) -> RelationName {
    RelationName {
        database: Identifier::unquoted("d"),
        schema: Identifier::unquoted("s"),
        name: Identifier::unquoted(table),
    }
}

fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![Field::new("ID", DataType::Int64, true)]))
}

/// Appends one file with `rows` rows to the table called `table`.
async fn append(workspace: &Workspace, table: &str, rows: i64) -> Table {
    let place = workspace.table_to_write(&name(table)).await.unwrap();
    let ids = Int64Array::from_iter_values(0..rows);
    let batch = RecordBatch::try_new(schema(), vec![Arc::new(ids)]).unwrap();
    let folder = workspace.folder(&place);
    let mut sink = ParquetSink::new(&folder, schema(), SinkOptions::default());
    sink.write(&batch).unwrap();
    let mut commit = Commit::new(Operation::Append);
    commit.add = sink.finish().unwrap();
    commit.schema = place.version().is_none().then(schema);
    let table_now = place.commit(&commit).await.unwrap();
    workspace
        .stage_table(&name(table), &table_now, &[])
        .unwrap();
    table_now
}

/// Rows that somebody who begins now sees, by the statistics of the table's files; `None` if there is
/// no table.
async fn rows(catalog: &Catalog, table: &str) -> Option<u64> {
    let reader = catalog.begin("read").unwrap();
    reader.relation(&name(table))?;
    let files = reader
        .table(&name(table))
        .await
        .unwrap()
        .files()
        .await
        .unwrap();
    Some(files.iter().map(|file| file.rows.unwrap()).sum())
}

fn log_entries(folder: &Path, table: &str) -> usize {
    std::fs::read_dir(folder.join("warehouse/d/s").join(table).join("_delta_log"))
        .map_or(0, Iterator::count)
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_see_nothing_before_and_everything_after_publishing() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(dir.path()).unwrap();
    let run = catalog.begin("run").unwrap();
    append(&run, "a", 3).await;
    append(&run, "a", 4).await;
    append(&run, "b", 5).await;
    assert_eq!(rows(&catalog, "a").await, None);
    // Engines that open the folder do not see the run either.
    assert_eq!(log_entries(dir.path(), "a"), 0);
    let published = run.publish().unwrap();
    assert_eq!(published.relations.len(), 2);
    assert_eq!(rows(&catalog, "a").await, Some(7));
    assert_eq!(rows(&catalog, "b").await, Some(5));
    assert_eq!(log_entries(dir.path(), "a"), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_discarded_run_leaves_no_trace() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(dir.path()).unwrap();
    let first = catalog.begin("run").unwrap();
    append(&first, "a", 3).await;
    first.publish().unwrap();
    let second = catalog.begin("run").unwrap();
    append(&second, "a", 9).await;
    append(&second, "new", 9).await;
    second.discard("a check failed").unwrap();
    assert_eq!(rows(&catalog, "a").await, Some(3));
    assert_eq!(rows(&catalog, "new").await, None);
    assert_eq!(log_entries(dir.path(), "a"), 1);
    assert!(!dir.path().join("warehouse/d/s/new").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_of_two_runs_on_one_table_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(dir.path()).unwrap();
    let first = catalog.begin("run").unwrap();
    let second = catalog.begin("run").unwrap();
    append(&first, "a", 3).await;
    append(&second, "a", 5).await;
    first.publish().unwrap();
    assert_eq!(second.publish().unwrap_err().code().id, "K1001");
    second.discard("conflict").unwrap();
    assert_eq!(rows(&catalog, "a").await, Some(3));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_keeps_its_version_while_others_publish() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(dir.path()).unwrap();
    let first = catalog.begin("run").unwrap();
    append(&first, "a", 3).await;
    first.publish().unwrap();
    let reader = catalog.begin("read").unwrap();
    let second = catalog.begin("run").unwrap();
    append(&second, "a", 5).await;
    second.publish().unwrap();
    let files = reader
        .table(&name("a"))
        .await
        .unwrap()
        .files()
        .await
        .unwrap();
    assert_eq!(files.len(), 1);
    assert_eq!(rows(&catalog, "a").await, Some(8));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_drops_what_a_dead_run_staged() {
    let dir = tempfile::tempdir().unwrap();
    {
        let catalog = Catalog::open(dir.path()).unwrap();
        let run = catalog.begin("run").unwrap();
        append(&run, "a", 3).await;
        // Neither published nor discarded: as if the process had ended here.
    }
    let catalog = Catalog::open(dir.path()).unwrap();
    assert_eq!(rows(&catalog, "a").await, None);
    assert!(!dir.path().join("warehouse/d/s/a").exists());
    assert_eq!(
        catalog.runs(1).unwrap()[0].status,
        catalog::RunStatus::Abandoned
    );
}

/// A start removes what dead processes left. It must not take the folder of a run that is just being
/// made, or being removed, for such a rest.
#[tokio::test(flavor = "multi_thread")]
async fn starts_leave_beginning_and_ending_runs_alone() {
    const RUNS: u64 = 60;
    const STARTS: usize = 250;
    let dir = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(dir.path()).unwrap();
    let runtime = tokio::runtime::Handle::current();
    std::thread::scope(|threads| {
        threads.spawn(|| {
            for _ in 0..RUNS {
                let run = catalog.begin("run").unwrap();
                runtime.block_on(append(&run, "a", 1));
                run.publish().unwrap();
            }
        });
        for _ in 0..3 {
            threads.spawn(|| {
                for _ in 0..STARTS {
                    Catalog::open(dir.path()).unwrap();
                }
            });
        }
    });
    assert_eq!(rows(&catalog, "a").await, Some(RUNS));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_one_run_at_a_time_holds_the_project() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(dir.path()).unwrap();
    let lock = catalog.lock_runs().unwrap();
    let error = catalog.lock_runs().unwrap_err();
    assert_eq!(error.code().id, "K1003");
    assert_eq!(error.context()[0].1, std::process::id().to_string());
    drop(lock);
    catalog.lock_runs().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn staging_what_is_there_already_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(dir.path()).unwrap();
    let view = RelationKind::View {
        sql: "select 1 as one".to_owned(),
        namespace: name("v").namespace(),
        columns: Vec::new(),
        secure: false,
    };
    let first = catalog.begin("run").unwrap();
    first.stage(&name("v"), view.clone()).unwrap();
    assert_eq!(first.publish().unwrap().relations[&name("v")], Some(1));
    let second = catalog.begin("run").unwrap();
    second.stage(&name("v"), view).unwrap();
    assert!(second.publish().unwrap().relations.is_empty());
    let third = catalog.begin("run").unwrap();
    third.drop_relation(&name("v")).unwrap();
    assert_eq!(third.publish().unwrap().relations[&name("v")], None);
}
