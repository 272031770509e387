//! Sources in a bucket: drafted from what lies there, loaded, and built again from the raw zone without it.

use std::process::Output;

use super::server::S3Server;
use crate::arrivals::buckets::put;
use crate::end_to_end::shop::{Shop, said};

/// A command whose environment has the bucket's endpoint and credentials, as AWS's own tools take them.
fn sluice(shop: &Shop, server: &S3Server, arguments: &[&str]) -> Output {
    let mut command = shop.command(arguments);
    command
        .env("AWS_ENDPOINT_URL_S3", server.endpoint())
        .env("AWS_ACCESS_KEY_ID", "key")
        .env("AWS_SECRET_ACCESS_KEY", "secret")
        .env("AWS_REGION", "us-east-1");
    command.output().unwrap()
}

fn done(shop: &Shop, server: &S3Server, arguments: &[&str]) -> String {
    let output = sluice(shop, server, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", said(&output));
    said(&output)
}

#[test]
fn a_source_drafted_from_a_bucket_runs_and_is_replayed_without_the_bucket() {
    let server = S3Server::start(&["drops"]);
    let shop = Shop::empty();
    shop.write("sluice.yml", b"name: shop\n");
    for (key, body) in [
        (
            "in/orders/run_date%3D2026-08-01/a.csv",
            "id,amount\n1,1.5\n2,x\n",
        ),
        ("in/orders/run_date%3D2026-08-02/a.csv", "id,amount\n3,3\n"),
        ("in/events/e-1.jsonl", "{\"id\": 1, \"ok\": true}\n"),
        ("elsewhere/secret.csv", "id\n1\n"),
    ] {
        put(&server, key, body);
    }
    let add = ["source", "add", "drops", "s3://drops/in"];
    let dry = done(&shop, &server, &[&add[..], &["--dry-run"]].concat());
    assert!(
        dry.contains("location: s3://drops/in") || dry.contains("location: 's3://drops/in'"),
        "{dry}"
    );
    assert!(!shop.path().join("sources").exists());
    let added = done(&shop, &server, &add);
    assert!(
        added.contains("lake/orders.yml") && added.contains("lake/events.yml"),
        "{added}"
    );
    assert!(!added.contains("secret"), "{added}");
    let contract = std::fs::read_to_string(shop.path().join("lake/orders.yml")).unwrap();
    let contract = contract.replace("amount: text", "amount: number(10,2)");
    shop.write("lake/orders.yml", contract.as_bytes());
    done(&shop, &server, &["source", "check"]);
    done(&shop, &server, &["run"]);
    let rows = "select id || ' ' || amount || ' ' || run_date from silver.orders order by 1";
    assert_eq!(
        shop.column(rows),
        ["1 1.50 2026-08-01", "3 3.00 2026-08-02"]
    );
    assert_eq!(shop.value("select count(*) from quarantine.orders"), "1");
    let before = shop.contents();

    // Neither a later object nor one with another content matters to a replay.
    put(
        &server,
        "in/orders/run_date%3D2026-08-03/a.csv",
        "id,amount\n4,4\n",
    );
    put(
        &server,
        "in/orders/run_date%3D2026-08-02/a.csv",
        "id,amount\n3,33\n",
    );
    done(&shop, &server, &["replay"]);
    assert_eq!(shop.contents(), before);
    drop(server);
    let away = S3Server::start(&[]);
    shop.write(
        "lake/orders.yml",
        contract.replace("number(10,2)", "text").as_bytes(),
    );
    done(&shop, &away, &["replay", "orders"]);
    assert_eq!(
        shop.column(rows),
        ["1 1.5 2026-08-01", "2 x 2026-08-01", "3 3 2026-08-02"]
    );
    assert_eq!(shop.value("select count(*) from quarantine.orders"), "0");
}

#[test]
fn new_objects_of_a_bucket_become_streams_where_its_source_evolves() {
    let server = S3Server::start(&["drops"]);
    let shop = Shop::empty();
    shop.write("sluice.yml", b"name: shop\n");
    let source = format!(
        "sources:\n  - name: drops\n    kind: files\n    location: s3://drops/in\n    \
         storage: {{endpoint: '{}', access_key_id: key, secret_access_key: '${{S3_SECRET}}'}}\n    \
         schema_contract: {{new_table: evolve}}\n    streams: [{{name: orders, files: ['orders/*.csv']}}]\n",
        server.endpoint()
    );
    shop.write("sources/drops.yml", source.as_bytes());
    shop.write(
        "lake/orders.yml",
        b"dataset: orders\nfrom: drops.orders\ncolumns: {id: text}\n",
    );
    put(&server, "in/orders/a.csv", "id\n1\n");
    put(&server, "in/items/1.csv", "sku,pieces\npen,2\n");
    put(&server, "out/other.csv", "id\n1\n");
    let told = shop.run();
    assert!(
        told.contains("`drops.items` is a new stream") && !told.contains("other"),
        "{told}"
    );
    assert_eq!(
        shop.column("select sku || pieces from silver.items"),
        ["pen2"]
    );
    put(&server, "in/items/2.csv", "sku,pieces\nink,3\n");
    assert!(!shop.run().contains("is a new stream"));
    assert_eq!(
        shop.value("select sum(pieces)::text from silver.items"),
        "5"
    );
}
