//! `sluice serve`: events over HTTP, kept before they are answered.

mod crash;
pub mod sender;

use sender::{Answer, Sender, Served};
use serde_json::Value;

use crate::end_to_end::shop::{Shop, said};

const SOURCES: &str = "
sources:
  - name: hooks
    kind: webhook
    streams:
      - name: orders
        path: /shop/orders
        signature: {scheme: github, secret: '${HOOK_SECRET}'}
        idempotency_key: body.id
        max_body: 4KiB
      - name: clicks
        signature: {scheme: none}
";
const SECRET: &str = "It's a Secret to Everybody";

/// A project with webhooks.
fn project() -> Shop {
    let shop = Shop::empty();
    shop.write("sluice.yml", b"name: shop\n");
    shop.write("sources/hooks.yml", SOURCES.as_bytes());
    shop
}

/// The events that are kept of `stream`, complete segments only.
fn kept(shop: &Shop, stream: &str) -> Vec<Value> {
    let folder = shop.path().join(".sluice/lake/raw/push/hooks").join(stream);
    let mut segments: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|item| item.unwrap().path())
        .filter(|path| path.extension() == Some("ndjson".as_ref()))
        .collect();
    segments.sort();
    let text: String = segments
        .iter()
        .map(|path| std::fs::read_to_string(path).unwrap())
        .collect();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn signed_events_are_kept_once_and_others_are_refused() {
    let shop = project();
    let served = Served::start(&shop, &[]);
    let sender = Sender::to(&served);
    let order = |body: &str| sender.signed("/shop/orders", body);

    let first = order(r#"{"id": "o-1", "amount": 12.50}"#);
    assert_eq!(
        (first.status, first.says("status")),
        (200, "accepted".to_owned())
    );
    let again = order(r#"{"id": "o-1", "amount": 12.50}"#);
    assert_eq!(
        (again.status, again.says("status")),
        (200, "duplicate".to_owned())
    );
    assert_eq!(order(r#"{"amount": 1}"#).status, 400);
    assert_eq!(
        order(&format!(r#"{{"id": "{}"}}"#, "x".repeat(5000))).status,
        413
    );
    let forged = sender.post(
        "/shop/orders",
        &[("x-hub-signature-256", "sha256=00")],
        "{}",
    );
    assert_eq!(forged.status, 401);
    assert_eq!(sender.post("/shop/orders", &[], "{}").status, 401);
    assert_eq!(sender.post("/nowhere", &[], "{}").status, 404);
    assert_eq!(sender.get("/shop/orders").status, 405);
    assert_eq!(
        sender
            .post("/hooks/clicks", &[("x-page", "home")], "a=1")
            .status,
        200
    );

    assert_eq!(sender.get("/health").status, 200);
    let metrics = sender.get("/metrics").body;
    for line in [
        "sluice_push_requests_total{stream=\"hooks.orders\",outcome=\"accepted\"} 1",
        "sluice_push_requests_total{stream=\"hooks.orders\",outcome=\"duplicate\"} 1",
        "sluice_push_requests_total{stream=\"hooks.orders\",outcome=\"unauthorized\"} 2",
        "sluice_push_requests_total{stream=\"hooks.clicks\",outcome=\"accepted\"} 1",
    ] {
        assert!(
            metrics.lines().any(|said| said == line),
            "{line}\n{metrics}"
        );
    }
    served.end();

    let orders = kept(&shop, "orders");
    assert_eq!(orders.len(), 1);
    assert_eq!(
        orders[0]["body"].to_string(),
        r#"{"id":"o-1","amount":12.5}"#
    );
    assert_eq!(orders[0]["key"], "o-1");
    // What proves who the sender is would let a reader of the lake be the sender.
    assert!(!orders[0].to_string().contains("sha256"), "{}", orders[0]);
    let clicks = kept(&shop, "clicks");
    assert_eq!(
        (&clicks[0]["body_text"], &clicks[0]["headers"]["x-page"]),
        (&"a=1".into(), &"home".into())
    );
}

const CONTRACT: &str = "
dataset: orders
from: hooks.orders
columns:
  id: text
  received_at: timestamp_ltz
  key: text
  headers: variant
  body: variant
deduplicate: {key: [id]}
write: merge
";

#[test]
fn runs_load_what_has_come_and_no_more() {
    let shop = project();
    shop.write("lake/orders.yml", CONTRACT.as_bytes());
    let run = || {
        let output = shop
            .command(&["run"])
            .env("HOOK_SECRET", SECRET)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", said(&output));
        said(&output)
    };
    let ours = |sql: &str| {
        let mut command = shop.command(&["sql", "--format", "csv", "-c", sql]);
        let output = command.env("HOOK_SECRET", SECRET).output().unwrap();
        assert!(output.status.success(), "{}", said(&output));
        String::from_utf8(output.stdout).unwrap()
    };
    let served = Served::start(&shop, &[]);
    let sender = Sender::to(&served);
    for id in 1..=3 {
        let body = format!(r#"{{"id": {id}, "amount": {id}.50, "name": "é \"x\""}}"#);
        assert_eq!(sender.signed("/shop/orders", &body).status, 200);
    }
    served.end();
    run();
    let amounts = "select count(*), sum(body:amount::number(10,2)), min(body:name::varchar) from silver.orders";
    assert_eq!(ours(amounts).lines().nth(1), Some("3,7.50,\"é \"\"x\"\"\""));
    assert!(run().contains("Nothing new"));

    let served = Served::start(&shop, &[]);
    assert_eq!(
        Sender::to(&served)
            .signed("/shop/orders", r#"{"id": 4, "amount": 1}"#)
            .status,
        200
    );
    assert_eq!(
        Sender::to(&served)
            .signed("/shop/orders", r#"{"id": 1}"#)
            .status,
        200
    );
    served.end();
    run();
    let keys = "select listagg(key, '-') within group (order by key), count_if(body:id::varchar <> key) from silver.orders";
    assert_eq!(ours(keys).lines().nth(1), Some("1-2-3-4,0"));

    // The events themselves are the raw zone.
    let contract =
        CONTRACT.to_owned() + "rules: [{name: low, when: \"key = '2'\", reason: 'No `{key}`'}]\n";
    shop.write("lake/orders.yml", contract.as_bytes());
    let mut replay = shop.command(&["replay", "orders"]);
    let replayed = replay.env("HOOK_SECRET", SECRET).output().unwrap();
    assert!(replayed.status.success(), "{}", said(&replayed));
    assert_eq!(ours(keys).lines().nth(1), Some("1-3-4,0"));
    assert!(run().contains("Nothing new"));
}

#[test]
fn one_process_takes_in_a_stream_and_names_are_remembered_by_the_next() {
    let shop = project();
    let served = Served::start(&shop, &[]);
    let second = shop
        .command(&["serve", "--listen", "127.0.0.1:0"])
        .env("HOOK_SECRET", SECRET)
        .output()
        .unwrap();
    assert_eq!(second.status.code(), Some(1));
    assert!(said(&second).contains("W1002"), "{}", said(&second));
    assert_eq!(
        Sender::to(&served)
            .signed("/shop/orders", r#"{"id": 7}"#)
            .status,
        200
    );
    served.end();

    let served = Served::start(&shop, &[]);
    let again: Answer = Sender::to(&served).signed("/shop/orders", r#"{"id": 7}"#);
    assert_eq!(again.says("status"), "duplicate");
    served.end();
    assert_eq!(kept(&shop, "orders").len(), 1);
}

#[test]
fn a_project_without_webhooks_and_a_port_that_is_taken_are_told() {
    let shop = Shop::empty();
    shop.write("sluice.yml", b"name: shop\n");
    let none = shop.sluice(&["serve"]);
    assert_eq!(none.status.code(), Some(2));
    assert!(said(&none).contains("kind: webhook"), "{}", said(&none));

    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let refused = project()
        .command(&["serve", "--listen", &address])
        .env("HOOK_SECRET", SECRET)
        .output()
        .unwrap();
    assert_eq!(refused.status.code(), Some(2));
    assert!(said(&refused).contains("W1001"), "{}", said(&refused));
}
