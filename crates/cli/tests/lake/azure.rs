//! A source and a warehouse in Azure Blob Storage: Azurite, Microsoft's own emulator, on loopback.

use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::clouds::{Cloud, is_as_good_as_folders, loses_no_writes, shop_in, survives_a_crash};
use super::peers::{Peer, run};
use crate::end_to_end::shop::{HEADER, Shop, said};

/// The key of its only account, the same everywhere.
const KEY: &str =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/// A server that keeps its containers in memory, ended with the test.
struct Azurite {
    process: Child,
    port: u16,
}

impl Azurite {
    fn start() -> Self {
        let folder = std::env::var_os("SLUICE_AZURITE").map_or_else(
            || PathBuf::from(std::env::var_os("HOME").unwrap()).join(".cache/sluice/azurite"),
            PathBuf::from,
        );
        let program = folder.join("node_modules/azurite/dist/src/blob/main.js");
        assert!(
            program.exists(),
            "run `scripts/azurite` first, or `scripts/test`"
        );
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let process = Command::new(folder.join("node"))
            .arg(program)
            .args(["--inMemoryPersistence", "--silent", "--disableTelemetry"])
            .args(["--skipApiVersionCheck", "--blobPort", &port.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let mut server = Self { process, port };
        let began = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(
                server.process.try_wait().unwrap().is_none(),
                "Azurite has ended"
            );
            assert!(
                began.elapsed() < Duration::from_secs(60),
                "Azurite does not start"
            );
            std::thread::sleep(Duration::from_millis(50));
        }
        for container in ["lake", "drops"] {
            server.put(&[container]);
        }
        server
    }

    fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}/devstoreaccount1", self.port)
    }

    /// Makes a container, or a blob of it.
    fn put(&self, what: &[&str]) {
        let what = what.iter().map(|part| (*part).to_owned());
        let arguments: Vec<String> = std::iter::once(self.endpoint()).chain(what).collect();
        run(Peer::Python, "azure_put.py", &arguments);
    }
}

impl Cloud for Azurite {
    fn shop(&self, prefix: &str) -> Shop {
        let storage = format!(
            "{{endpoint: '{}', account_name: devstoreaccount1, account_key: '${{AZURE_KEY}}'}}",
            self.endpoint()
        );
        let shop = shop_in(&format!("az://lake/{prefix}"), "az://drops/in", &storage);
        shop.with("AZURE_KEY", KEY)
    }

    fn deliver(&self, day: &str, rows: &str) {
        let name = format!("in/run_date={day}/a.csv");
        self.put(&["drops", &name, &[HEADER, rows].concat()]);
    }
}

impl Drop for Azurite {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn sources_and_tables_in_azure_are_as_good_as_those_in_folders() {
    let server = Azurite::start();
    is_as_good_as_folders(&server, KEY);
    loses_no_writes(&server);
}

#[test]
fn a_run_with_its_tables_in_azure_survives_a_crash() {
    survives_a_crash(&Azurite::start());
}

#[test]
fn a_wrong_key_of_azure_is_said_and_not_shown() {
    let server = Azurite::start();
    let wrong = KEY.replace("Eby8", "AAAA");
    let shop = server.shop("w").with("AZURE_KEY", &wrong);
    let refused = said(&shop.sluice(&["-vv", "run"]));
    assert!(refused.contains("error[B2002]"), "{refused}");
    assert!(!refused.contains(&wrong), "{refused}");
}
