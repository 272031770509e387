//! A catalog whose tables are in a bucket: the same promises, through errors and lost answers.

use std::path::Path;

use catalog::Catalog;
use storage::{Location, Storage, StorageOptions, block_on};

use super::faults::{Fault, Proxy};
use super::server::S3Server;
use super::{append, rows};

pub(super) const BUCKET: &str = "lake";

pub(super) fn bucket(endpoint: &str, prefix: &str) -> Storage {
    let options = [
        ("endpoint", endpoint),
        ("access_key_id", "key"),
        ("secret_access_key", "secret"),
        ("timeout", "20"),
    ];
    let options = options.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let location: Location = format!("s3://{BUCKET}/{prefix}").parse().unwrap();
    Storage::open(&location, &StorageOptions::new(options)).unwrap()
}

fn names(storage: &Storage) -> Vec<String> {
    let storage = storage.clone();
    let entries = block_on(async move { storage.list(None).await });
    let entries = entries.unwrap().unwrap();
    entries.into_iter().map(|entry| entry.name).collect()
}

fn open(folder: &Path, storage: &Storage) -> Catalog {
    Catalog::open_in(folder, storage).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_in_a_bucket_are_published_read_and_vacuumed() {
    let server = S3Server::start(&[BUCKET]);
    let storage = bucket(&server.endpoint(), "w");
    let dir = tempfile::tempdir().unwrap();
    let catalog = open(dir.path(), &storage);
    let run = catalog.begin("test").unwrap();
    append(&run, "t", 3).await;
    assert_eq!(rows(&catalog, "t").await, None);
    assert!(
        names(&storage)
            .iter()
            .all(|name| !name.contains("_delta_log"))
    );
    run.publish().unwrap();
    for _ in 0..11 {
        let run = catalog.begin("test").unwrap();
        append(&run, "t", 3).await;
        run.publish().unwrap();
    }
    let again = open(dir.path(), &storage);
    assert_eq!(rows(&again, "t").await, Some(36));
    let checkpoint = |name: &String| name.ends_with("10.checkpoint.parquet");
    assert!(names(&storage).iter().any(checkpoint));
    // A dropped run's files go, and so does the table of a run that never published.
    let dropped = again.begin("test").unwrap();
    append(&dropped, "t", 1).await;
    append(&dropped, "u", 1).await;
    dropped.discard("no").unwrap();
    assert!(
        names(&storage)
            .iter()
            .all(|name| !name.starts_with("d/s/u"))
    );
    let wanted = catalog::Vacuum {
        retention: chrono::Duration::zero(),
        dry_run: false,
    };
    let vacuumed = again.vacuum(&wanted).await.unwrap();
    assert_eq!((vacuumed.len(), vacuumed[0].data.len()), (1, 1));
    assert_eq!(rows(&again, "t").await, Some(36));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_place_of_the_tables_is_remembered_and_tried_first() {
    let server = S3Server::start(&[BUCKET]);
    let proxy = Proxy::start(server.address);
    let dir = tempfile::tempdir().unwrap();
    proxy.fail(|_, method, _| (method == "PUT").then_some(Fault::ConditionDropped));
    let refused = Catalog::open_in(dir.path(), &bucket(&proxy.endpoint(), "w"));
    assert_eq!(refused.err().unwrap().code().id, "B3001");
    proxy.fail(|_, _, _| None);
    drop(open(dir.path(), &bucket(&proxy.endpoint(), "w")));
    let elsewhere = Catalog::open_in(dir.path(), &bucket(&proxy.endpoint(), "other"));
    assert_eq!(elsewhere.err().unwrap().code().id, "K2005");
    assert_eq!(Catalog::open(dir.path()).err().unwrap().code().id, "K2005");
}

#[tokio::test(flavor = "multi_thread")]
async fn publishing_survives_errors_and_lost_answers() {
    let server = S3Server::start(&[BUCKET]);
    let proxy = Proxy::start(server.address);
    let storage = bucket(&proxy.endpoint(), "w");
    let dir = tempfile::tempdir().unwrap();
    let catalog = open(dir.path(), &storage);
    for (round, fault) in [
        Fault::Status(500),
        Fault::Status(503),
        Fault::AnswerLost,
        Fault::Dropped,
        Fault::AnswerCut,
    ]
    .into_iter()
    .enumerate()
    {
        // Every third request fails.
        proxy.fail(move |number, _, _| (number % 3 == 0).then_some(fault));
        let run = catalog.begin("test").unwrap();
        append(&run, "t", 2).await;
        append(&run, "u", 2).await;
        run.publish().unwrap();
        assert!(proxy.failed() > 0, "{fault:?}");
        let expected = 2 * (round as u64 + 1);
        assert_eq!(rows(&catalog, "t").await, Some(expected), "{fault:?}");
        assert_eq!(rows(&catalog, "u").await, Some(expected), "{fault:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_goes_away_publishes_all_or_nothing() {
    let server = S3Server::start(&[BUCKET]);
    let proxy = Proxy::start(server.address);
    let mut options = vec![("retries", "1"), ("retry_timeout", "2")];
    let endpoint = proxy.endpoint();
    options.extend([
        ("endpoint", endpoint.as_str()),
        ("access_key_id", "key"),
        ("secret_access_key", "secret"),
    ]);
    let options = options
        .iter()
        .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()));
    let location: Location = format!("s3://{BUCKET}/w").parse().unwrap();
    let storage = Storage::open(&location, &StorageOptions::new(options)).unwrap();
    let dir = tempfile::tempdir().unwrap();
    {
        let catalog = open(dir.path(), &storage);
        let run = catalog.begin("test").unwrap();
        append(&run, "t", 2).await;
        append(&run, "u", 2).await;
        // The first log is written, then nothing is any more.
        proxy.fail(|number, method, path| {
            let log = method == "PUT" && path.contains("_delta_log");
            (log && number > 0).then_some(Fault::Status(503))
        });
        assert_eq!(run.publish().unwrap_err().code().id, "B2003");
        assert_eq!(rows(&catalog, "t").await, None);
    }
    proxy.fail(|_, _, _| None);
    let catalog = open(dir.path(), &storage);
    assert_eq!(rows(&catalog, "t").await, Some(2));
    assert_eq!(rows(&catalog, "u").await, Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_writers_of_one_log_lose_nothing() {
    let server = S3Server::start(&[BUCKET]);
    let proxy = Proxy::start(server.address);
    let storage = bucket(&proxy.endpoint(), "w");
    proxy.fail(|number, _, _| (number % 11 == 0).then_some(Fault::AnswerLost));
    // Without a catalog between them: only the store keeps these writers apart.
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..8 {
        let storage = storage.clone();
        writers.spawn(async move {
            for round in 0..4 {
                let line = format!("{{\"commitInfo\":{{\"writer\":{writer},\"round\":{round}}}}}");
                let mut version = 0;
                loop {
                    let name = format!("t/_delta_log/{version:020}.json");
                    let created = storage.create(&name, line.clone()).await.unwrap();
                    if created == storage::Created::New {
                        break;
                    }
                    version += 1;
                }
            }
        });
    }
    while let Some(done) = writers.join_next().await {
        done.unwrap();
    }
    let log = names(&storage);
    assert_eq!(log.len(), 32);
    assert_eq!(log[31], format!("t/_delta_log/{:020}.json", 31));
}
