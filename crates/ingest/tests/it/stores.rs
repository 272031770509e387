//! Streams in an object store: moto's S3, with a proxy before it that fails on purpose.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ingest::FileStatus;
use storage::{Location, Storage, StorageOptions, block_on};

use crate::faults::{Fault, Proxy};
use crate::server::S3Server;
use crate::{Lake, SALES};

const PATTERN: &str = "clients/{client}/run_date=*/*.csv*";

fn open(endpoint: &str) -> Storage {
    let options = [
        ("endpoint", endpoint),
        ("access_key_id", "key"),
        ("secret_access_key", "hunter2"),
        ("timeout", "2"),
        ("retries", "3"),
        ("retry_timeout", "20"),
    ];
    let options = options.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let location: Location = "s3://bucket/landing".parse().unwrap();
    Storage::open(&location, &StorageOptions::new(options)).unwrap()
}

fn put(storage: &Storage, name: &str, text: impl Into<String>) {
    let (storage, name, text) = (storage.clone(), name.to_owned(), text.into());
    block_on(async move { storage.write(&name, text).await })
        .unwrap()
        .unwrap();
}

fn row(id: &str, city: &str) -> String {
    format!("order_id,day,city,amount\n{id},01-01-2020,{city},1\n")
}

fn lake(storage: Storage, stream: &str) -> Lake {
    let contract = SALES.replace("rules:", "  client: text\nrules:");
    let mut lake = Lake::of(&contract, PATTERN, stream);
    lake.store = Some(storage);
    lake
}

/// Requests for the content of an object that the proxy has seen.
fn count_reads(proxy: &Proxy) -> Arc<AtomicUsize> {
    let reads = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&reads);
    proxy.fail(move |_, method, path| {
        let is_read = method == "GET" && path.contains(".csv");
        seen.fetch_add(usize::from(is_read), Ordering::SeqCst);
        None
    });
    reads
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_are_loaded_once_by_key_and_tag() {
    let server = S3Server::start(&["bucket"]);
    let proxy = Proxy::start(server.address);
    let direct = open(&server.endpoint());
    for mode in ["copy", "reference"] {
        let mut lake = lake(
            open(&proxy.endpoint()),
            &format!("batch: run_date\n        raw: {mode}"),
        );
        put(&direct, "clients/acme/run_date=1/a.csv", row("a", "x"));
        put(&direct, "clients/beta/run_date=1/b.csv", row("b", "x"));
        put(&direct, "clients/beta/run_date=1/_SUCCESS", "");
        put(&direct, "other/run_date=1/c.csv", "no such columns");
        let reads = count_reads(&proxy);
        let outcome = lake.run().await;
        assert!(outcome.rejected.is_empty(), "{:?}", outcome.rejected);
        let columns = &["ORDER_ID", "CITY", "CLIENT"];
        assert_eq!(
            lake.rows("SILVER", columns),
            [["a", "X", "acme"], ["b", "X", "beta"]]
        );
        assert_eq!(reads.load(Ordering::SeqCst), 2);
        // What has not changed is not read again.
        assert!(!lake.run().await.changed());
        assert_eq!(reads.load(Ordering::SeqCst), 2);

        put(&direct, "clients/acme/run_date=1/a.csv", row("a", "y"));
        let outcome = lake.run().await;
        assert_eq!(reads.load(Ordering::SeqCst), 3);
        let changed = &outcome.files[0].status;
        assert!(
            matches!(changed, FileStatus::Loaded { changed: true, .. }),
            "{changed:?}"
        );
        assert_eq!(
            lake.rows("SILVER", columns),
            [["a", "Y", "acme"], ["b", "X", "beta"]]
        );
        // A reference leaves no copy behind, and a rebuild reads the store again.
        let copies = walk(lake.folder.path().join("raw")) + walk(lake.folder.path().join("spill"));
        assert_eq!(copies, if mode == "copy" { 3 } else { 0 });
        lake.options.full_refresh = true;
        lake.run().await;
        assert_eq!(
            lake.rows("SILVER", columns),
            [["a", "Y", "acme"], ["b", "X", "beta"]]
        );
    }
}

fn walk(folder: std::path::PathBuf) -> usize {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return 0;
    };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .map(|path| if path.is_dir() { walk(path) } else { 1 })
        .sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_of_the_store_cost_time_and_no_rows() {
    let server = S3Server::start(&["bucket"]);
    let proxy = Proxy::start(server.address);
    let direct = open(&server.endpoint());
    let mut text = row("o", "x");
    (0..20_000).for_each(|id| text.push_str(&format!("o{id},01-01-2020,x,1\n")));
    put(&direct, "clients/acme/run_date=1/a.csv", text);
    for fault in [
        Fault::Status(500),
        Fault::Status(503),
        Fault::AnswerCut,
        Fault::AnswerLost,
        Fault::Dropped,
        Fault::Hangs(Duration::from_secs(3)),
    ] {
        let mut lake = lake(open(&proxy.endpoint()), "batch: run_date");
        // The first attempts at listing and at reading fail.
        let failed = AtomicUsize::new(0);
        proxy.fail(move |_, _, path| {
            let bit = if path.contains(".csv") { 2 } else { 1 };
            let before = failed.fetch_or(bit, Ordering::SeqCst);
            (before & bit == 0).then_some(fault)
        });
        let outcome = lake.run().await;
        assert!(
            outcome.rejected.is_empty(),
            "{fault:?}: {:?}",
            outcome.rejected
        );
        assert_eq!(outcome.bronze_rows, 20_001, "{fault:?}");
        assert!(proxy.failed() >= 2, "{fault:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_stays_away_is_an_error_and_leaves_nothing() {
    let server = S3Server::start(&["bucket"]);
    let proxy = Proxy::start(server.address);
    put(
        &open(&server.endpoint()),
        "clients/acme/run_date=1/a.csv",
        row("a", "x"),
    );
    let mut lake = lake(open(&proxy.endpoint()), "batch: run_date");
    proxy.fail(|_, _, path| path.contains(".csv").then_some(Fault::Status(403)));
    let outcome = lake.run().await;
    assert_eq!(outcome.rejected[0].error.code().id, "B2002");
    assert!(!outcome.rejected[0].error.to_string().contains("hunter2"));
    assert_eq!(
        (walk(lake.folder.path().join("raw")), lake.commits()),
        (0, 0)
    );
    proxy.fail(|_, _, _| Some(Fault::Status(403)));
    assert_eq!(lake.try_run().await.unwrap_err().code().id, "B2002");
    // It comes back, and nothing is missing.
    proxy.fail(|_, _, _| None);
    assert_eq!(lake.run().await.bronze_rows, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_wait_for_the_marker_of_their_folder() {
    let server = S3Server::start(&["bucket"]);
    let direct = open(&server.endpoint());
    put(&direct, "clients/acme/run_date=1/a.csv", row("a", "x"));
    put(&direct, "clients/acme/run_date=2/b.csv", row("b", "x"));
    put(&direct, "clients/acme/run_date=1/_SUCCESS", "");
    let mut lake = lake(direct.clone(), "marker: _SUCCESS");
    let outcome = lake.run().await;
    assert_eq!(lake.rows("SILVER", &["ORDER_ID"]), [["a"]]);
    assert!(
        outcome.notices[0].contains("1 file waits"),
        "{:?}",
        outcome.notices
    );
    put(&direct, "clients/acme/run_date=2/_SUCCESS", "");
    lake.run().await;
    assert_eq!(lake.rows("SILVER", &["ORDER_ID"]), [["a"], ["b"]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_are_compared_with_the_manifest_of_their_folder() {
    let server = S3Server::start(&["bucket"]);
    let direct = open(&server.endpoint());
    let mut lake = lake(direct.clone(), "marker: _SUCCESS");
    let day = |name: &str| format!("clients/acme/run_date=1/{name}");
    let file = row("a", "x");
    put(&direct, &day("a.csv"), file.as_str());
    put(&direct, &day("b.csv"), row("b", "x"));
    let promise = |size: usize, rows: u64, sum: &str| {
        let text = format!(
            "{{\"files\": [{{\"path\": \"a.csv\", \"size\": {size}, \"rows\": {rows}, \"sha256\": \"{sum}\"}}]}}"
        );
        put(&direct, &day("_SUCCESS"), text);
    };
    let digest = <sha2::Sha256 as sha2::Digest>::digest(file.as_bytes());
    let right: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    for (size, rows, sum) in [
        (1, 1, right.as_str()),
        (file.len(), 2, &right),
        (file.len(), 1, "00"),
    ] {
        promise(size, rows, sum);
        let outcome = lake.run().await;
        let codes: Vec<_> = outcome
            .rejected
            .iter()
            .map(|no| no.error.code().id)
            .collect();
        assert_eq!(codes, ["F1007"], "{size} {rows} {sum}");
        assert!(lake.rows("SILVER", &["ORDER_ID"]).is_empty());
    }
    put(
        &direct,
        &day("_SUCCESS"),
        "{\"files\": [\"a.csv\", \"c.csv\"]}",
    );
    let outcome = lake.run().await;
    assert!(
        outcome.rejected[0].error.message().contains("`c.csv`"),
        "{:?}",
        outcome.rejected
    );
    promise(file.len(), 1, &right);
    let outcome = lake.run().await;
    assert!(outcome.rejected.is_empty(), "{:?}", outcome.rejected);
    assert!(
        outcome.notices[0].contains("b.csv"),
        "{:?}",
        outcome.notices
    );
    assert_eq!(lake.rows("SILVER", &["ORDER_ID"]), [["a"]]);
    assert!(!lake.run().await.changed());
}

fn pack(members: &[(&str, &str)]) -> Vec<u8> {
    use std::io::Write as _;
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, text) in members {
        let options = zip::write::SimpleFileOptions::default();
        writer.start_file(*name, options).unwrap();
        writer.write_all(text.as_bytes()).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn put_bytes(storage: &Storage, name: &str, bytes: Vec<u8>) {
    let (storage, name) = (storage.clone(), name.to_owned());
    block_on(async move { storage.write(&name, bytes).await })
        .unwrap()
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn members_of_archives_are_files_of_their_own() {
    let server = S3Server::start(&["bucket"]);
    let proxy = Proxy::start(server.address);
    let direct = open(&server.endpoint());
    for mode in ["copy", "reference"] {
        let name = format!("drops/{mode}/{{client}}.zip/**/*.csv");
        let contract = SALES.replace("rules:", "  client: text\nrules:");
        let mut lake = Lake::of(&contract, &name, &format!("raw: {mode}"));
        lake.store = Some(open(&proxy.endpoint()));
        let key = format!("drops/{mode}/acme.zip");
        let (a, b) = (row("a", "x"), row("b", "x"));
        put_bytes(
            &direct,
            &key,
            pack(&[("a.csv", &a), ("in/b.csv", &b), ("notes.txt", "no")]),
        );
        let reads = Arc::new(AtomicUsize::new(0));
        let seen = Arc::clone(&reads);
        proxy.fail(move |_, method, path| {
            let is_read = method == "GET" && path.contains("acme.zip");
            seen.fetch_add(usize::from(is_read), Ordering::SeqCst);
            None
        });
        let outcome = lake.run().await;
        assert!(outcome.rejected.is_empty(), "{:?}", outcome.rejected);
        let names: Vec<_> = outcome.files.iter().map(|file| file.name.clone()).collect();
        assert_eq!(names, [format!("{key}/a.csv"), format!("{key}/in/b.csv")]);
        let columns = &["ORDER_ID", "CITY", "CLIENT"];
        assert_eq!(
            lake.rows("SILVER", columns),
            [["a", "X", "acme"], ["b", "X", "acme"]]
        );
        assert_eq!(reads.load(Ordering::SeqCst), 1);
        // An archive that has not changed is not read again.
        assert!(!lake.run().await.changed());
        assert_eq!(reads.load(Ordering::SeqCst), 1);
        let copies = walk(lake.folder.path().join("raw"));
        assert_eq!(copies, if mode == "copy" { 2 } else { 0 });
        assert_eq!(
            walk(lake.folder.path().join("spill")),
            0,
            "archives are removed"
        );

        // One member changes.
        let b = row("b", "y");
        put_bytes(&direct, &key, pack(&[("a.csv", &a), ("in/b.csv", &b)]));
        lake.run().await;
        assert_eq!(
            lake.rows("SILVER", columns),
            [["a", "X", "acme"], ["b", "Y", "acme"]]
        );
        lake.options.full_refresh = true;
        lake.run().await;
        assert_eq!(
            lake.rows("SILVER", columns),
            [["a", "X", "acme"], ["b", "Y", "acme"]]
        );
        assert_eq!(walk(lake.folder.path().join("spill")), 0);
    }
    put(&direct, "drops/copy/broken.zip", "PK\u{3}\u{4} no archive");
    let mut lake = Lake::of(SALES, "drops/copy/broken.zip", "");
    lake.store = Some(direct);
    assert_eq!(lake.run().await.rejected[0].error.code().id, "F2001");
}
