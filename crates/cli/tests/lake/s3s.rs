//! A source and a warehouse on s3s-fs, an S3 server that checks the signature of every request.

use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::clouds::{Cloud, is_as_good_as_folders, shop_in, survives_a_crash};
use crate::end_to_end::shop::{HEADER, Shop, said};

const SECRET: &str = "a-secret-of-the-tests";

/// A server that keeps buckets as folders, ended with the test.
struct S3s {
    process: Child,
    port: u16,
    buckets: tempfile::TempDir,
}

impl S3s {
    fn start() -> Self {
        let folder = std::env::var_os("SLUICE_S3S").map_or_else(
            || PathBuf::from(std::env::var_os("HOME").unwrap()).join(".cache/sluice/s3s"),
            PathBuf::from,
        );
        let program = folder.join("bin/s3s-fs");
        assert!(
            program.exists(),
            "run `scripts/s3s` first, or `scripts/test`"
        );
        let buckets = tempfile::tempdir().unwrap();
        for bucket in ["lake", "drops"] {
            std::fs::create_dir(buckets.path().join(bucket)).unwrap();
        }
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let process = Command::new(program)
            .args(["--host", "127.0.0.1", "--port", &port.to_string()])
            .args(["--access-key", "loader", "--secret-key", SECRET])
            .arg(buckets.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let mut server = Self {
            process,
            port,
            buckets,
        };
        let began = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(
                server.process.try_wait().unwrap().is_none(),
                "s3s-fs has ended"
            );
            assert!(
                began.elapsed() < Duration::from_secs(60),
                "s3s-fs does not start"
            );
            std::thread::sleep(Duration::from_millis(50));
        }
        server
    }
}

impl Cloud for S3s {
    fn shop(&self, prefix: &str) -> Shop {
        let storage = format!(
            "{{endpoint: 'http://127.0.0.1:{}', region: us-east-1, access_key_id: loader, secret_access_key: '${{S3_SECRET}}'}}",
            self.port
        );
        let shop = shop_in(&format!("s3://lake/{prefix}"), "s3://drops/in", &storage);
        shop.with("S3_SECRET", SECRET)
    }

    fn deliver(&self, day: &str, rows: &str) {
        let folder = self.buckets.path().join(format!("drops/in/run_date={day}"));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("a.csv"), [HEADER, rows].concat()).unwrap();
    }
}

impl Drop for S3s {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

// Several writers at once are not for this server: it looks whether an object is there, and then writes it.
#[test]
fn sources_and_tables_behind_signatures_are_as_good_as_those_in_folders() {
    is_as_good_as_folders(&S3s::start(), SECRET);
}

#[test]
fn a_run_with_its_tables_behind_signatures_survives_a_crash() {
    survives_a_crash(&S3s::start());
}

#[test]
fn a_wrong_signature_is_said_and_the_secret_is_not_shown() {
    let server = S3s::start();
    let shop = server.shop("w").with("S3_SECRET", "another-secret");
    let refused = said(&shop.sluice(&["-vv", "run"]));
    assert!(refused.contains("error[B2002]"), "{refused}");
    assert!(!refused.contains("another-secret"), "{refused}");
}
