//! Checkpoints, compaction and vacuum: logs and folders shrink, and nobody who is led to a version misses a row.

use std::collections::BTreeSet;
use std::path::Path;

use catalog::{At, Catalog, Moment, RelationKind, Vacuum, Workspace};
use chrono::Duration;
use lake::{Commit, DeletedRows, Operation};

use super::{append, log_entries, name, rows};

async fn publish(catalog: &Catalog, table: &str, count: i64) {
    let run = catalog.begin("test").unwrap();
    append(&run, table, count).await;
    run.publish().unwrap();
}

/// The names in the folder of the table called `table`, or in its log.
fn files(folder: &Path, below: &str) -> BTreeSet<String> {
    std::fs::read_dir(folder.join("warehouse/d/s").join(below))
        .map(|entries| {
            let entries = entries.map(|entry| entry.unwrap().file_name());
            entries.map(|name| name.into_string().unwrap()).collect()
        })
        .unwrap_or_default()
}

fn data(folder: &Path, table: &str) -> BTreeSet<String> {
    let mut files = files(folder, table);
    files.remove("_delta_log");
    files
}

async fn vacuum(catalog: &Catalog, dry_run: bool) -> Vec<catalog::Vacuumed> {
    let wanted = Vacuum {
        retention: Duration::zero(),
        dry_run,
    };
    catalog.vacuum(&wanted).await.unwrap()
}

async fn compact(catalog: &Catalog, table: &str) -> Option<lake::Compaction> {
    let run = catalog.begin("optimize").unwrap();
    let before = run.table_to_write(&name(table)).await.unwrap();
    let compacted = before
        .compact(&run.folder(&before), 1 << 20, &[])
        .await
        .unwrap();
    let Some((commit, compaction)) = compacted else {
        run.discard("nothing to do").unwrap();
        return None;
    };
    let after = before.commit(&commit).await.unwrap();
    run.stage_table(&name(table), &after, &[]).unwrap();
    run.publish().unwrap();
    Some(compaction)
}

/// Rows of the table as of `version` of its log.
async fn rows_at(catalog: &Catalog, table: &str, version: u64) -> u64 {
    let reader = catalog.begin("read").unwrap();
    let at = At {
        moment: Moment::Version(version),
        before: false,
    };
    let then = reader.relation_at(&name(table), &at).unwrap();
    rows_of(&reader, &then.kind).await
}

async fn rows_of(reader: &Workspace, kind: &RelationKind) -> u64 {
    let RelationKind::Table {
        location, version, ..
    } = kind
    else {
        panic!("no table");
    };
    let table = reader.open(location, *version).await.unwrap();
    let files = table.files().await.unwrap();
    files.iter().map(|file| file.rows.unwrap()).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_tenth_commit_is_a_checkpoint_and_all_versions_stay_readable() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(dir.path()).unwrap();
    for _ in 0..23 {
        publish(&catalog, "t", 3).await;
    }
    let log = files(dir.path(), "t/_delta_log");
    let checkpoints: Vec<&String> = log
        .iter()
        .filter(|name| name.contains("checkpoint."))
        .collect();
    assert_eq!(
        checkpoints,
        [
            "00000000000000000010.checkpoint.parquet",
            "00000000000000000020.checkpoint.parquet"
        ]
    );
    assert!(log.contains("_last_checkpoint"));
    // A catalog that knows nothing yet reads through the checkpoints.
    let again = Catalog::open(dir.path()).unwrap();
    assert_eq!(rows(&again, "t").await, Some(23 * 3));
    for version in [0, 9, 10, 11, 19, 20, 21, 22] {
        assert_eq!(rows_at(&again, "t", version).await, (version + 1) * 3);
    }
}

/// Rows leave the largest file of the table called `table`, which stays.
async fn thin(catalog: &Catalog, table: &str, leaving: &[u32]) {
    let run = catalog.begin("delete").unwrap();
    let before = run.table_to_write(&name(table)).await.unwrap();
    let folder = run.folder(&before);
    let files = before.files().await.unwrap();
    let file = files.into_iter().max_by_key(|file| file.rows).unwrap();
    let mut left = file.deleted(&folder).unwrap();
    leaving.iter().for_each(|row| left.insert(*row));
    let vector = DeletedRows::write(&folder, &[left]).unwrap().remove(0);
    let mut commit = Commit::new(Operation::Delete);
    commit.vectors.push((file.path, vector));
    let after = before.commit(&commit).await.unwrap();
    run.stage_table(&name(table), &after, &[]).unwrap();
    run.publish().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_leave_without_their_file_and_vacuum_keeps_what_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(dir.path()).unwrap();
    publish(&catalog, "t", 100).await;
    thin(&catalog, "t", &[0, 99]).await;
    assert_eq!(rows(&catalog, "t").await, Some(98));
    assert_eq!(data(dir.path(), "t").len(), 2);
    thin(&catalog, "t", &[1]).await;
    assert_eq!(data(dir.path(), "t").len(), 3);
    assert_eq!(rows_at(&catalog, "t", 0).await, 100);
    assert_eq!(rows_at(&catalog, "t", 1).await, 98);
    assert_eq!(rows_at(&catalog, "t", 2).await, 97);

    // Only the vector of before is superfluous, and past a checkpoint that stays so.
    let vacuumed = vacuum(&catalog, false).await;
    assert_eq!(vacuumed[0].data.len(), 1, "{vacuumed:?}");
    assert!(vacuumed[0].data[0].starts_with("deletion_vector_"));
    for _ in 0..10 {
        publish(&catalog, "t", 1).await;
    }
    assert!(
        vacuum(&catalog, false)
            .await
            .iter()
            .all(|found| found.data.is_empty())
    );
    let reader = catalog.begin("read").unwrap();
    let table = reader.table(&name("t")).await.unwrap();
    let files = table.files().await.unwrap();
    let thinned = files.iter().find(|file| file.left() > 0).unwrap();
    let left = thinned.deleted(&reader.folder(&table)).unwrap();
    assert_eq!(left.staying().take(3).collect::<Vec<_>>(), [2, 3, 4]);
    reader.discard("done").unwrap();

    // Another million bytes would keep the file; so many rows that have left do not.
    thin(&catalog, "t", &(0..50).collect::<Vec<_>>()).await;
    let compaction = compact(&catalog, "t").await.unwrap();
    assert_eq!(compaction.added, 1);
    assert_eq!(rows(&catalog, "t").await, Some(49 + 10));
    vacuum(&catalog, false).await;
    assert_eq!(data(dir.path(), "t").len(), 1);
}

/// Dates the files of a folder back by so many seconds.
fn age(folder: &Path, seconds: u64) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            age(&path, seconds);
            continue;
        }
        let file = std::fs::File::options().write(true).open(path).unwrap();
        let earlier = std::time::SystemTime::now() - std::time::Duration::from_secs(seconds);
        file.set_modified(earlier).unwrap();
    }
}

/// Kernels and stores date files by clocks of their own.
#[tokio::test(flavor = "multi_thread")]
async fn files_of_a_run_at_work_stay_though_their_clock_is_behind() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(dir.path()).unwrap();
    publish(&catalog, "t", 3).await;
    let run = catalog.begin("run").unwrap();
    append(&run, "t", 4).await;
    age(&dir.path().join("warehouse"), 60);
    vacuum(&catalog, false).await;
    run.publish().unwrap();
    assert_eq!(data(dir.path(), "t").len(), 2);
    assert_eq!(rows(&catalog, "t").await, Some(7));
}

#[tokio::test(flavor = "multi_thread")]
async fn compaction_keeps_the_rows_of_now_and_of_then() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(dir.path()).unwrap();
    for _ in 0..5 {
        publish(&catalog, "t", 4).await;
    }
    let done = compact(&catalog, "t").await.unwrap();
    assert_eq!((done.removed, done.added), (5, 1));
    assert_eq!(rows(&catalog, "t").await, Some(20));
    assert_eq!(rows_at(&catalog, "t", 4).await, 20);
    assert_eq!(rows_at(&catalog, "t", 1).await, 8);
    assert!(compact(&catalog, "t").await.is_none());
    // Change readers must not take the same rows for new ones.
    let entry = dir
        .path()
        .join("warehouse/d/s/t/_delta_log/00000000000000000005.json");
    let text = std::fs::read_to_string(entry).unwrap();
    assert!(text.contains("\"dataChange\":false") && !text.contains("\"dataChange\":true"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compaction_that_meets_a_writer_is_refused_and_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(dir.path()).unwrap();
    for _ in 0..3 {
        publish(&catalog, "t", 1).await;
    }
    let slow = catalog.begin("optimize").unwrap();
    let before = slow.table_to_write(&name("t")).await.unwrap();
    let (commit, _) = before
        .compact(&slow.folder(&before), 1 << 20, &[])
        .await
        .unwrap()
        .unwrap();
    let after = before.commit(&commit).await.unwrap();
    slow.stage_table(&name("t"), &after, &[]).unwrap();
    publish(&catalog, "t", 1).await;
    assert_eq!(slow.publish().unwrap_err().code().id, "K1001");
    assert_eq!(rows(&catalog, "t").await, Some(4));
}

#[tokio::test(flavor = "multi_thread")]
async fn vacuum_lists_first_and_removes_only_what_nobody_needs() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(dir.path()).unwrap();
    for _ in 0..12 {
        publish(&catalog, "t", 2).await;
    }
    compact(&catalog, "t").await.unwrap();
    // What a dropped run left.
    let dropped = catalog.begin("test").unwrap();
    append(&dropped, "t", 9).await;
    dropped.discard("no").unwrap();
    let all = data(dir.path(), "t");
    assert_eq!(all.len(), 14);

    let listed = vacuum(&catalog, true).await;
    assert_eq!(listed.len(), 1);
    assert_eq!((listed[0].data.len(), listed[0].whole), (13, false));
    assert_eq!(data(dir.path(), "t"), all);

    let removed = vacuum(&catalog, false).await;
    assert_eq!(removed[0].data, listed[0].data);
    // Version 12 is needed, the last checkpoint is 10.
    assert_eq!(removed[0].log.len(), 10);
    assert_eq!(data(dir.path(), "t").len(), 1);
    let again = Catalog::open(dir.path()).unwrap();
    assert_eq!(rows(&again, "t").await, Some(24));
    assert!(vacuum(&again, false).await.is_empty());
    publish(&again, "t", 1).await;
    assert_eq!(rows(&again, "t").await, Some(25));
}

#[tokio::test(flavor = "multi_thread")]
async fn vacuum_keeps_what_retention_reaches() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(dir.path()).unwrap();
    for _ in 0..4 {
        publish(&catalog, "t", 2).await;
    }
    compact(&catalog, "t").await.unwrap();
    let wanted = Vacuum {
        retention: Duration::days(1),
        dry_run: false,
    };
    assert!(catalog.vacuum(&wanted).await.unwrap().is_empty());
    assert_eq!(rows_at(&catalog, "t", 1).await, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn vacuum_keeps_clones_runs_at_work_and_brings_dropped_tables_to_an_end() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(dir.path()).unwrap();
    publish(&catalog, "t", 2).await;
    publish(&catalog, "gone", 2).await;
    // A clone of the first version, which `t` then leaves behind.
    let cloning = catalog.begin("test").unwrap();
    let mut clone = cloning.relation(&name("t")).unwrap();
    clone.details.borrowed = true;
    clone.id = String::new();
    cloning.stage_relation(&name("c"), clone).unwrap();
    cloning.drop_relation(&name("gone")).unwrap();
    cloning.publish().unwrap();
    publish(&catalog, "t", 3).await;
    compact(&catalog, "t").await.unwrap();
    age(&dir.path().join("warehouse"), 3600);

    let working = catalog.begin("test").unwrap();
    append(&working, "new", 5).await;
    append(&working, "t", 5).await;
    let removed = vacuum(&catalog, false).await;
    let locations: Vec<_> = removed
        .iter()
        .map(|table| table.location.as_str())
        .collect();
    // The second file of `t` went; the first one is the clone's. The run's are younger than the run.
    assert_eq!(locations, ["d/s/gone", "d/s/t"]);
    assert!(removed[0].whole && !removed[1].whole);
    assert!(!dir.path().join("warehouse/d/s/gone").exists());
    working.publish().unwrap();
    assert_eq!(rows(&catalog, "t").await, Some(10));
    assert_eq!(rows(&catalog, "new").await, Some(5));
    assert_eq!(rows(&catalog, "c").await, Some(2));
    assert_eq!(log_entries(dir.path(), "c"), 0);
}
