//! `sluice serve` with files: announced by callers, told of by buckets, found in folders.

pub mod buckets;
mod crash;
mod folders;
mod pipe;
mod tls;
mod upload;
mod upload_page;

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::end_to_end::shop::Shop;
use crate::webhooks::sender::{Answer, Sender};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// What every command of a [`Shop`] has in its environment as `S3_SECRET`.
const TOKEN: &str = "Bearer hunter2";

const CONTRACT: &str = "
dataset: sales
from: shop.sales
columns:
  id: text
  amount: number(12,2)
rules:
  - {name: positive, when: amount <= 0, reason: 'Found `{amount}`'}
deduplicate: {key: [id]}
write: merge
";

/// A project with one stream of files in `place`, whose setting `watch` is as given.
fn project(place: &str, watch: &str, serve: &str) -> Shop {
    let shop = Shop::empty();
    shop.write(
        "sluice.yml",
        format!("name: shop\nserve:\n{serve}\n").as_bytes(),
    );
    let source = format!(
        "sources:\n  - name: shop\n    kind: files\n{place}\n    streams:\n      - name: sales\n        \
         files: ['**/*.csv']\n        watch: {watch}\n      - name: unread\n        files: ['*.x']\n"
    );
    shop.write("sources/shop.yml", source.as_bytes());
    shop.write("lake/sales.yml", CONTRACT.as_bytes());
    std::fs::create_dir_all(shop.path().join("landing")).unwrap();
    shop
}

/// The same with its files in a folder.
fn local(watch: &str) -> Shop {
    let serve = "  callers: [{name: etl, token: '${S3_SECRET}', streams: [shop.sales]}]";
    project("    path: landing", watch, serve)
}

/// Waits until `seen` gives something.
fn wait<T>(what: &str, mut seen: impl FnMut() -> Option<T>) -> T {
    let since = Instant::now();
    loop {
        if let Some(seen) = seen() {
            return seen;
        }
        assert!(since.elapsed() < PATIENCE, "{what} did not happen in time");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn called(sender: &Sender, method: &str, path: &str, body: &str) -> Answer {
    let path = format!("/v1/data/pipes/shop.sales/{path}");
    sender
        .request(method, &path, &[("authorization", TOKEN)], body)
        .unwrap()
}

fn insert(sender: &Sender, request: &str, files: &[&str]) -> Answer {
    called(
        sender,
        "POST",
        &format!("insertFiles?requestId={request}&showSkippedFiles=true"),
        &listed(files),
    )
}

fn listed(files: &[&str]) -> String {
    let files: Vec<Value> = files
        .iter()
        .map(|path| serde_json::json!({"path": path}))
        .collect();
    serde_json::json!({ "files": files }).to_string()
}

/// The files that the report tells of since `mark`.
fn report(sender: &Sender, mark: &str) -> Value {
    let answer = called(sender, "GET", &format!("insertReport?beginMark={mark}"), "");
    assert_eq!(answer.status, 200, "{}", answer.body);
    serde_json::from_str(&answer.body).unwrap()
}

/// `id` and `amount` of all rows in silver, or nothing if there is no table.
fn silver(shop: &Shop) -> Vec<String> {
    let sql = "select id || ' ' || amount as row from silver.sales order by id";
    let output = shop.sluice(&["sql", "--format", "ndjson", "-c", sql]);
    let text = String::from_utf8(output.stdout).unwrap();
    let row = |line: &str| {
        let row: Value = serde_json::from_str(line).unwrap();
        row["ROW"].as_str().unwrap().to_owned()
    };
    text.lines().map(row).collect()
}
