//! A source and a warehouse in Azure Blob Storage: Azurite, Microsoft's own emulator, on loopback.

use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::peers::{Peer, run};
use crate::end_to_end::crash::{FIRST, SECOND};
use crate::end_to_end::shop::{HEADER, Shop, dies_at, said};

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

    fn deliver(&self, day: &str, rows: &str) {
        let name = format!("in/run_date={day}/a.csv");
        self.put(&["drops", &name, &[HEADER, rows].concat()]);
    }

    /// The small project with its files and tables in containers.
    fn shop(&self, prefix: &str) -> Shop {
        let storage = format!(
            "{{endpoint: '{}', account_name: devstoreaccount1, account_key: '${{AZURE_KEY}}'}}",
            self.endpoint()
        );
        let shop = Shop::new();
        let project = format!(
            "name: shop\nenvironments: {{dev: {{warehouse: 'az://lake/{prefix}', storage: {storage}}}}}\n"
        );
        shop.write("sluice.yml", project.as_bytes());
        let source = std::fs::read_to_string(shop.path().join("sources/shop.yml")).unwrap();
        let place = format!("location: az://drops/in\n    storage: {storage}");
        let source = source.replace("path: landing", &place);
        shop.write("sources/shop.yml", source.as_bytes());
        shop.with("AZURE_KEY", KEY)
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
    let local = Shop::new();
    let shop = server.shop("w");
    let mut before = Vec::new();
    for (day, rows) in [("2026-08-01", FIRST), ("2026-08-02", SECOND)] {
        local.deliver(day, "a.csv", rows);
        server.deliver(day, rows);
        local.run();
        shop.run();
        assert_eq!(
            shop.contents()["SILVER.SALES"],
            local.contents()["SILVER.SALES"],
            "{day}"
        );
        before.push(shop.value("select count(*) from silver.sales"));
    }
    assert!(shop.run().contains("Nothing new"));
    assert_eq!(
        shop.value("select count(*) from silver.sales at(version => 0)"),
        before[0]
    );
    for arguments in [
        &["replay"][..],
        &["optimize"],
        &["vacuum", "--retention", "0"],
    ] {
        let done = shop.sluice(arguments);
        assert!(done.status.success(), "{arguments:?}\n{}", said(&done));
        assert!(!said(&done).contains(KEY));
    }
    assert_eq!(
        shop.contents()["MARTS.FACT_SALES"],
        local.contents()["MARTS.FACT_SALES"]
    );

    // Writers at once do not lose each other's rows.
    let made = shop.sluice(&["sql", "-c", "create table public.t (id int)"]);
    assert!(made.status.success(), "{}", said(&made));
    std::thread::scope(|threads| {
        for writer in 0..4 {
            let shop = &shop;
            threads.spawn(move || {
                let sql = format!("insert into public.t values ({writer})");
                let done = shop.sluice(&["sql", "-c", &sql]);
                assert!(done.status.success(), "{}", said(&done));
            });
        }
    });
    assert_eq!(shop.value("select count(distinct id) from public.t"), "4");
}

#[test]
fn a_run_with_its_tables_in_azure_survives_a_crash() {
    let server = Azurite::start();
    server.deliver("2026-08-01", FIRST);
    let calm = server.shop("calm");
    calm.run();
    // The tests of S3 die at all of them, by the same code.
    for failpoint in telemetry::FAILPOINTS.iter().step_by(4) {
        let shop = server.shop(failpoint);
        dies_at(&mut shop.command(&["run"]), failpoint);
        shop.run();
        assert_eq!(shop.contents(), calm.contents(), "after `{failpoint}`");
    }
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
