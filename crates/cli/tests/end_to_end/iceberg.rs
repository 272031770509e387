//! A silver table kept as Iceberg: the same rows as one kept as Delta, for readers inside and outside, now and then,
//! whatever kills a run.

use std::io::{BufRead as _, BufReader};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use super::crash::{FIRST, SECOND};
use super::shop::{Shop, dies_at, said};
use crate::lake::server::python;

const TABLE: &str = "SHOP.SILVER.SALES";

/// The small project, whose silver table is an Iceberg table.
fn iceberg_shop() -> Shop {
    let shop = Shop::new();
    let contract = std::fs::read_to_string(shop.path().join("lake/sales.yml")).unwrap();
    shop.write(
        "lake/sales.yml",
        format!("{contract}format: iceberg\n").as_bytes(),
    );
    shop
}

/// What PyIceberg finds in the Iceberg catalog of the project: rows as texts, or the summaries of snapshots.
fn asked(shop: &Shop, question: &Value) -> Value {
    asked_of("sluice", &shop.path().join(".sluice/iceberg.db"), question)
}

fn asked_of(name: &str, file: &Path, question: &Value) -> Value {
    let script = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../iceberg/tests/pyiceberg_reader.py"
    );
    let output = Command::new(python())
        .arg(script)
        .args(["--name", name])
        .arg(file)
        .arg(json!({ "it": question }).to_string())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", said(&output));
    let answers: Value = serde_json::from_slice(&output.stdout).unwrap();
    answers["it"].clone()
}

/// `order_id|day|city|amount` of each row, as PyIceberg reads it.
fn theirs(shop: &Shop) -> Vec<String> {
    lines(&asked(shop, &json!({ "table": TABLE })))
}

fn lines(rows: &Value) -> Vec<String> {
    let text = |row: &Value, name: &str| row[name].as_str().unwrap().to_owned();
    let rows = rows.as_array().unwrap().iter();
    let line = |row| {
        ["ORDER_ID", "DAY", "CITY", "AMOUNT"]
            .map(|name| text(row, name))
            .join("|")
    };
    let mut lines: Vec<String> = rows.map(line).collect();
    lines.sort();
    lines
}

/// The same of what Sluice reads, `at` some time.
fn ours(shop: &Shop, at: &str) -> Vec<String> {
    let columns = "order_id || '|' || day || '|' || city || '|' || amount";
    shop.column(&format!(
        "select {columns} from silver.sales {at} order by 1"
    ))
}

#[test]
fn an_iceberg_table_holds_what_a_delta_table_holds_and_pyiceberg_reads_it() {
    let (delta, iceberg) = (Shop::new(), iceberg_shop());
    let mut snapshots = Vec::new();
    for (day, rows) in [("2026-08-01", FIRST), ("2026-08-02", SECOND)] {
        for shop in [&delta, &iceberg] {
            shop.deliver(day, "a.csv", rows);
            shop.run();
        }
        assert_eq!(iceberg.contents(), delta.contents(), "{day}");
        assert_eq!(theirs(&iceberg), ours(&iceberg, ""), "{day}");
        snapshots.push(ours(&iceberg, ""));
    }
    // Time travel here, and by snapshots there.
    for (version, rows) in (1..).zip(&snapshots) {
        assert_eq!(ours(&iceberg, &format!("at(version => {version})")), *rows);
    }
    let summaries = asked(&iceberg, &json!({ "table": TABLE, "ask": "summaries" }));
    let run = |at: usize| summaries[at]["sluice.runId"].as_str().unwrap().to_owned();
    assert_eq!(summaries.as_array().unwrap().len(), 2);
    assert_eq!(summaries[1]["operation"], "overwrite");
    let known = iceberg.column("select distinct _run_id from bronze.sales order by 1");
    assert_eq!(vec![run(0), run(1)], known);
    // Compaction and clean-up go the same way.
    for shop in [&delta, &iceberg] {
        for arguments in [&["optimize"][..], &["vacuum", "--retention", "0"]] {
            let done = shop.sluice(arguments);
            assert!(done.status.success(), "{arguments:?}\n{}", said(&done));
        }
    }
    assert_eq!(iceberg.contents(), delta.contents());
    assert_eq!(theirs(&iceberg), ours(&iceberg, ""));
    // A filter leaves out what its columns say, and a query may ask for no column at all.
    for shop in [&delta, &iceberg] {
        assert_eq!(shop.value("select count(*) from silver.sales"), "4");
        let sum = "select sum(amount)::text from silver.sales where city = 'Accra' and day > '2026-08-01'";
        assert_eq!(shop.value(sum), "20.00");
    }
}

#[test]
fn the_format_of_a_table_changes_only_when_it_is_built_anew() {
    let shop = Shop::new();
    shop.deliver("2026-08-01", "a.csv", FIRST);
    shop.run();
    let contract = std::fs::read_to_string(shop.path().join("lake/sales.yml")).unwrap();
    shop.write(
        "lake/sales.yml",
        format!("{contract}format: iceberg\n").as_bytes(),
    );
    shop.deliver("2026-08-02", "a.csv", SECOND);
    let output = shop.sluice(&["run"]);
    assert!(!output.status.success());
    assert!(said(&output).contains("error[L2010]"), "{}", said(&output));
    let output = shop.sluice(&["run", "--full-refresh"]);
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(theirs(&shop), ours(&shop, ""));
    assert_eq!(theirs(&shop).len(), 4);
}

#[test]
fn a_table_that_another_engine_has_changed_is_left_as_it_is() {
    let shop = iceberg_shop();
    shop.deliver("2026-08-01", "a.csv", FIRST);
    shop.run();
    let published = ours(&shop, "");
    asked(&shop, &json!({ "table": TABLE, "ask": "delete all" }));
    assert_eq!(ours(&shop, ""), published);
    assert!(theirs(&shop).is_empty());
    shop.deliver("2026-08-02", "a.csv", SECOND);
    let said = shop.run();
    assert!(said.contains("K4004"), "{said}");
    assert!(theirs(&shop).is_empty());
}

#[test]
fn an_iceberg_run_survives_a_crash_anywhere() {
    let calm = iceberg_shop();
    for (day, rows) in [("2026-08-01", FIRST), ("2026-08-02", SECOND)] {
        calm.deliver(day, "a.csv", rows);
        calm.run();
    }
    let points = telemetry::FAILPOINTS.iter();
    for failpoint in points.chain(telemetry::ICEBERG_FAILPOINTS) {
        let shop = iceberg_shop();
        shop.deliver("2026-08-01", "a.csv", FIRST);
        shop.run();
        let before = ours(&shop, "");
        shop.deliver("2026-08-02", "a.csv", SECOND);
        dies_at(&mut shop.command(&["run"]), failpoint);
        // Whoever looks first brings the Iceberg catalog up to date with what is published.
        let seen = ours(&shop, "");
        assert_eq!(theirs(&shop), seen, "after `{failpoint}`");
        assert!(
            seen == before || seen == ours(&calm, ""),
            "after `{failpoint}`: {seen:?}"
        );
        shop.run();
        assert_eq!(shop.contents(), calm.contents(), "after `{failpoint}`");
        assert_eq!(theirs(&shop), ours(&calm, ""), "after `{failpoint}`");
    }
}

/// A REST catalog on this machine, ended with the test.
pub struct RestServer {
    process: Child,
    port: u16,
}

impl RestServer {
    /// Starts one that keeps its tables' places in `file`.
    pub fn start(file: &Path) -> Self {
        let script = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../iceberg/tests/rest_server.py"
        );
        let mut process = Command::new(python())
            .arg(script)
            .arg(file)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut port = String::new();
        let output = process.stdout.take().unwrap();
        BufReader::new(output).read_line(&mut port).unwrap();
        let port = port.trim().parse().unwrap();
        Self { process, port }
    }

    pub fn uri(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for RestServer {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

#[test]
fn a_rest_catalog_is_told_of_what_is_published_and_of_what_it_missed() {
    let shop = iceberg_shop();
    let file = shop.path().join("rest.db");
    let told = || lines(&asked_of("rest", &file, &json!({ "table": TABLE })));
    let settings = |port: u16, credential: &str| {
        format!(
            "name: shop\nenvironments:\n  dev:\n    iceberg_catalog:\n      \
             uri: http://127.0.0.1:{port}\n      credential: {credential}\n"
        )
    };
    let run = |failpoint: Option<&str>| {
        let mut command = shop.command(&["run"]);
        command.env("ICEBERG_CREDENTIAL", "me:s3cret");
        if let Some(failpoint) = failpoint {
            command.env("SLUICE_FAILPOINT", failpoint);
        }
        command.output().unwrap()
    };
    shop.deliver("2026-08-01", "a.csv", FIRST);
    // A secret in the file is refused.
    shop.write("sluice.yml", settings(1, "me:s3cret").as_bytes());
    let refused = run(None);
    assert!(
        !refused.status.success() && said(&refused).contains("${NAME}"),
        "{}",
        said(&refused)
    );
    // The server is away: what is published is published.
    shop.write(
        "sluice.yml",
        settings(1, "${ICEBERG_CREDENTIAL}").as_bytes(),
    );
    let alone = run(None);
    assert!(
        alone.status.success() && said(&alone).contains("K4003"),
        "{}",
        said(&alone)
    );
    assert!(!said(&alone).contains("s3cret"));
    let server = RestServer::start(&file);
    shop.write(
        "sluice.yml",
        settings(server.port, "${ICEBERG_CREDENTIAL}").as_bytes(),
    );
    let again = run(None);
    assert!(again.status.success(), "{}", said(&again));
    assert_eq!(told(), theirs(&shop));
    // A run dies before it has told, and the next one does.
    shop.deliver("2026-08-02", "a.csv", SECOND);
    let before = told();
    let killed = run(Some("publish.before_iceberg_catalog"));
    assert!(killed.status.signal().is_some(), "{}", said(&killed));
    assert_eq!(told(), before);
    let again = run(None);
    assert!(again.status.success(), "{}", said(&again));
    assert_eq!(told(), theirs(&shop));
    assert_ne!(told(), before);
}
