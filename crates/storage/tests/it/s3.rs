//! What `storage` promises about S3, against moto's server and through failures.

use std::io::Write as _;
use std::time::{Duration, Instant};

use storage::{Created, Location, Storage, StorageOptions, block_on};

use super::faults::{Fault, Proxy};
use super::server::S3Server;

fn open(endpoint: &str, prefix: &str, more: &[(&str, &str)]) -> Storage {
    let mut options = vec![
        ("endpoint", endpoint),
        ("access_key_id", "key"),
        ("secret_access_key", "hunter2"),
    ];
    options.extend(more);
    let owned = options
        .iter()
        .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()));
    let location: Location = format!("s3://bucket/{prefix}").parse().unwrap();
    Storage::open(&location, &StorageOptions::new(owned)).unwrap()
}

/// Runs `work` with a copy of `storage` and waits.
fn run<T, F>(storage: &Storage, work: impl FnOnce(Storage) -> F) -> T
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    block_on(work(storage.clone())).unwrap()
}

#[test]
fn objects_are_written_listed_read_and_removed() {
    let server = S3Server::start(&["bucket"]);
    let storage = open(&server.endpoint(), "p", &[]);
    run(&storage, |storage| async move {
        for name in ["b/2", "a", "b/1"] {
            storage.write(name, name).await.unwrap();
        }
        let names = |entries: Vec<storage::Entry>| -> Vec<String> {
            entries.into_iter().map(|entry| entry.name).collect()
        };
        assert_eq!(
            names(storage.list(None).await.unwrap()),
            ["a", "b/1", "b/2"]
        );
        assert_eq!(names(storage.list(Some("b/1")).await.unwrap()), ["b/2"]);
        assert_eq!(
            names(storage.below("b").list(None).await.unwrap()),
            ["1", "2"]
        );
        assert_eq!(storage.read("b/1").await.unwrap(), "b/1");
        storage.remove("b/1").await.unwrap();
        storage.remove("b/1").await.unwrap();
        let error = storage.read("b/1").await.unwrap_err();
        assert_eq!(error.code().id, "B2001");
        storage.check_conditional_put().await.unwrap();
        assert_eq!(names(storage.list(None).await.unwrap()), ["a", "b/2"]);
    });
}

#[test]
fn a_missing_bucket_is_named_and_no_secret_is_shown() {
    let server = S3Server::start(&[]);
    let storage = open(&server.endpoint(), "", &[]);
    let error = run(&storage, |storage| async move {
        storage.write("a", "b").await.unwrap_err()
    });
    assert_eq!(error.code().id, "B2001");
    let shown = format!("{error} {:?} {storage:?}", error.causes());
    assert!(shown.contains("NoSuchBucket"), "{shown}");
    assert!(!shown.contains("hunter2"), "{shown}");
}

#[test]
fn a_store_that_ignores_conditions_is_refused() {
    let server = S3Server::start(&["bucket"]);
    let proxy = Proxy::start(server.address);
    let storage = open(&proxy.endpoint(), "p", &[]);
    proxy.fail(|_, method, _| (method == "PUT").then_some(Fault::ConditionDropped));
    let error = run(&storage, |storage| async move {
        storage.check_conditional_put().await.unwrap_err()
    });
    assert_eq!(error.code().id, "B3001");
    proxy.fail(|_, _, _| None);
    run(&storage, |storage| async move {
        storage.check_conditional_put().await.unwrap();
    });
}

#[test]
fn errors_of_the_server_and_the_line_are_survived() {
    let server = S3Server::start(&["bucket"]);
    let proxy = Proxy::start(server.address);
    let storage = open(&proxy.endpoint(), "p", &[("timeout", "2")]);
    let hang = Fault::Hangs(Duration::from_secs(4));
    for fault in [
        Fault::Status(500),
        Fault::Status(503),
        Fault::Status(429),
        Fault::Dropped,
        Fault::AnswerLost,
        Fault::AnswerCut,
        hang,
    ] {
        // The first two attempts at everything fail.
        let name = format!("{fault:?}").replace(|c: char| !c.is_alphanumeric(), "");
        proxy.fail(move |number, _, _| (number < 2).then_some(fault));
        let written = run(&storage, |storage| async move {
            let created = storage.create(&name, "once").await.unwrap();
            (created, name)
        });
        assert_eq!(written.0, Created::New, "{fault:?}");
        assert!(proxy.failed() > 0, "{fault:?}");
        proxy.fail(move |number, _, _| (number < 2).then_some(fault));
        run(&storage, move |storage| async move {
            assert_eq!(storage.read(&written.1).await.unwrap(), "once");
            let again = storage.create(&written.1, "twice").await.unwrap();
            assert_eq!(again, Created::Exists);
        });
    }
}

#[test]
fn large_objects_survive_failures_in_the_middle() {
    let server = S3Server::start(&["bucket"]);
    let proxy = Proxy::start(server.address);
    let storage = open(&proxy.endpoint(), "p", &[]);
    for (at, fault) in [Fault::Status(503), Fault::AnswerLost]
        .into_iter()
        .enumerate()
    {
        let name = format!("large-{at}");
        proxy.fail(move |number, _, _| (number % 3 == 1).then_some(fault));
        let bytes: Vec<u8> = (0..20_u32 << 20).map(|at| (at % 253) as u8).collect();
        let mut upload = storage.upload(&name);
        for piece in bytes.chunks(3 << 20) {
            upload.write_all(piece).unwrap();
        }
        assert_eq!(upload.finish().unwrap(), bytes.len() as u64, "{fault:?}");
        assert!(proxy.failed() > 0);
        proxy.fail(move |number, _, _| (number == 0).then_some(Fault::AnswerCut));
        let there = run(&storage, |storage| async move { storage.read(&name).await });
        assert!(there.unwrap() == bytes, "{fault:?}");
    }
}

#[test]
fn an_upload_that_nobody_finishes_leaves_nothing() {
    let server = S3Server::start(&["bucket"]);
    let storage = open(&server.endpoint(), "p", &[]);
    let mut upload = storage.upload("never");
    upload.write_all(&vec![7; 10 << 20]).unwrap();
    drop(upload);
    let began = Instant::now();
    while server
        .request("GET", "/bucket?uploads")
        .contains("<UploadId>")
    {
        assert!(began.elapsed() < Duration::from_secs(20), "parts are left");
        std::thread::sleep(Duration::from_millis(50));
    }
    let entries = run(&storage, |storage| async move { storage.list(None).await });
    assert_eq!(entries.unwrap(), []);
}

#[test]
fn a_store_that_stays_away_is_given_up_in_bounded_time() {
    let server = S3Server::start(&["bucket"]);
    let proxy = Proxy::start(server.address);
    proxy.fail(|_, _, _| Some(Fault::Status(503)));
    let storage = open(
        &proxy.endpoint(),
        "p",
        &[("retries", "2"), ("retry_timeout", "5")],
    );
    let began = Instant::now();
    let error = run(&storage, |storage| async move {
        storage.write("a", "b").await.unwrap_err()
    });
    assert_eq!(error.code().id, "B2003");
    assert!(began.elapsed() < Duration::from_secs(20));
}

#[test]
fn of_many_who_create_one_object_one_succeeds() {
    let server = S3Server::start(&["bucket"]);
    let proxy = Proxy::start(server.address);
    let storage = open(&proxy.endpoint(), "p", &[]);
    // Answers are lost now and then, so that winners meet their own writes.
    proxy.fail(|number, _, _| (number % 5 == 0).then_some(Fault::AnswerLost));
    let winners = run(&storage, |storage| async move {
        let mut winners = 0;
        for round in 0..4 {
            let tries = (0..8).map(|writer| {
                let storage = storage.clone();
                async move {
                    let bytes = format!("writer {writer}");
                    let created = storage.create(&format!("round-{round}"), bytes).await;
                    created.unwrap() == Created::New
                }
            });
            let won = futures::future::join_all(tries).await;
            winners += won.into_iter().filter(|won| *won).count();
        }
        winners
    });
    assert_eq!(winners, 4);
}
