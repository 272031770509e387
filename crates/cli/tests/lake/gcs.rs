//! A source and a warehouse in Google Cloud Storage: a stand-in on loopback that checks every token, pages its lists and
//! refuses requests now and then.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use super::clouds::{Cloud, is_as_good_as_folders, loses_no_writes, shop_in, survives_a_crash};
use super::server::python;
use crate::end_to_end::shop::{HEADER, Shop, said};

/// A server that keeps its buckets in memory, ended with the test.
struct Gcs {
    process: Child,
    port: u16,
    /// The key of its service account.
    key: String,
}

impl Gcs {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = folder.path().join("key.json");
        let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/lake/gcs_server.py");
        let mut process = Command::new(python())
            .arg("-B")
            .args([&script, &key])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut printed = BufReader::new(process.stdout.take().unwrap());
        printed.read_line(&mut line).unwrap();
        let port = line.trim().parse().unwrap();
        let key = std::fs::read_to_string(key).unwrap();
        Self { process, port, key }
    }
}

impl Cloud for Gcs {
    fn shop(&self, prefix: &str) -> Shop {
        let endpoint = format!("http://127.0.0.1:{}", self.port);
        let storage = format!("{{endpoint: '{endpoint}', service_account: key.json}}");
        let shop = shop_in(&format!("gs://lake/{prefix}"), "gs://drops/in", &storage);
        shop.write("key.json", self.key.as_bytes());
        shop
    }

    fn deliver(&self, day: &str, rows: &str) {
        let body = [HEADER, rows].concat();
        let head = format!(
            "PUT /drops/in/run_date={day}/a.csv HTTP/1.1\r\nHost: gcs\r\nx-deliver: yes\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        );
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.write_all([head, body].concat().as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
}

impl Drop for Gcs {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn sources_and_tables_in_gcs_are_as_good_as_those_in_folders() {
    let server = Gcs::start();
    is_as_good_as_folders(&server, "PRIVATE KEY");
    loses_no_writes(&server);
}

#[test]
fn a_run_with_its_tables_in_gcs_survives_a_crash() {
    survives_a_crash(&Gcs::start());
}

#[test]
fn a_wrong_key_of_gcs_is_said_and_not_shown() {
    let (server, other) = (Gcs::start(), Gcs::start());
    let shop = server.shop("w");
    shop.write("key.json", other.key.as_bytes());
    let refused = said(&shop.sluice(&["-vv", "run"]));
    assert!(refused.contains("error[B2002]"), "{refused}");
    assert!(!refused.contains("PRIVATE KEY"), "{refused}");
}
