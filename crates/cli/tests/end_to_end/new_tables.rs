//! Files that no stream of a source reads: told of, refused, or taken up as streams.

use std::fs;

use super::shop::{Shop, said};

/// A source with one stream, beside whose files others arrive.
fn shop(contract: &str) -> Shop {
    let shop = Shop::empty();
    shop.write("sluice.yml", b"name: shop\n");
    source(&shop, contract, "");
    shop.write(
        "lake/orders.yml",
        b"dataset: orders\nfrom: shop.orders\ncolumns: {id: text}\n",
    );
    shop.write("landing/orders-1.csv", b"id\n1\n");
    shop.write("landing/_SUCCESS", b"");
    shop.write("landing/done.json", b"{}");
    shop
}

fn source(shop: &Shop, contract: &str, more: &str) {
    let text = format!(
        "sources:\n  - name: shop\n    kind: files\n    path: landing\n{contract}    streams:\n      \
         - {{name: orders, files: ['orders-?.csv'], marker: done.json}}\n{more}"
    );
    shop.write("sources/shop.yml", text.as_bytes());
}

fn contract(word: &str) -> String {
    format!("    schema_contract: {{new_table: {word}}}\n")
}

fn others_arrive(shop: &Shop) {
    shop.write("landing/items_2026-08-01.csv", b"sku,price\npen,1.50\n");
    shop.write("landing/read me.txt", b"hello");
}

#[test]
fn files_that_no_stream_reads_are_told_of_only_if_that_is_asked_for() {
    let shop = shop("");
    let before = shop.run();
    others_arrive(&shop);
    let ignored = shop.run();
    assert!(
        !before.contains("no stream of") && !ignored.contains("no stream of"),
        "{ignored}"
    );
    source(&shop, &contract("notice"), "");
    let told = shop.run();
    assert!(
        told.contains("note: no stream of `shop` reads `items_2026-08-01.csv`, `read me.txt`"),
        "{told}"
    );
    assert!(
        !told.contains("done.json") && !told.contains("_SUCCESS"),
        "{told}"
    );
    // Nobody looks for them on behalf of something else, or before anything is done.
    for arguments in [&["run", "--dry-run"][..], &["--quiet", "run"]] {
        let output = shop.sluice(arguments);
        assert!(
            output.status.success() && !said(&output).contains("no stream of"),
            "{}",
            said(&output)
        );
    }
}

#[test]
fn a_frozen_source_stops_the_run() {
    let shop = shop(&contract("freeze"));
    shop.run();
    others_arrive(&shop);
    shop.write("landing/orders-2.csv", b"id\n2\n");
    let refused = shop.run_expecting(1);
    for part in ["error[L2011]", "items_2026-08-01.csv", "sources/shop.yml:2"] {
        assert!(refused.contains(part), "{part}: {refused}");
    }
    assert_eq!(shop.value("select count(*) from silver.orders"), "1");
    source(&shop, &contract("frozen"), "");
    let wrong = said(&shop.sluice(&["run"]));
    assert!(
        wrong.contains("freeze") && wrong.contains("evolve"),
        "{wrong}"
    );
}

#[test]
fn an_evolving_source_makes_streams_of_new_files() {
    let shop = shop(&contract("evolve"));
    shop.run();
    others_arrive(&shop);
    // It looks like an order, but the stream of orders does not read it.
    shop.write("landing/orders-33.csv", b"id\n33\n");
    let told = shop.run();
    for part in [
        "`shop.items` is a new stream, described in `.sluice/new_tables/shop`",
        "`read me.txt`, which is nothing that can be read as rows",
        "`orders-33.csv`, but one reads `orders-1.csv`, which looks alike",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    fs::remove_file(shop.path().join("landing/orders-33.csv")).unwrap();
    let items = "select sku || ' ' || price from silver.items order by 1";
    assert_eq!(shop.column(items), ["pen 1.50"]);

    // The stream stays, and reads what arrives; another one is added to it.
    shop.write("landing/items_2026-08-02.csv", b"sku,price\nink,22.25\n");
    shop.write(
        "landing/stock/eu.ndjson",
        b"{\"sku\": \"pen\", \"pieces\": 7}\n",
    );
    let told = shop.run();
    assert!(
        told.contains("`shop.eu` is a new stream") && !told.contains("`shop.items` is"),
        "{told}"
    );
    assert_eq!(shop.column(items), ["ink 22.25", "pen 1.50"]);
    assert_eq!(shop.column("select sku || pieces from silver.eu"), ["pen7"]);
    let calm = shop.run();
    assert!(
        calm.contains("Nothing new") && !calm.contains("is a new stream"),
        "{calm}"
    );
    let listed = String::from_utf8(shop.sluice(&["ls"]).stdout).unwrap();
    assert!(listed.contains("silver/items"), "{listed}");

    // What the project describes itself takes the place of what was taken up, and loads nothing twice.
    source(
        &shop,
        &contract("evolve"),
        "      - {name: items, files: ['items_*.csv']}\n",
    );
    shop.write(
        "lake/items.yml",
        b"dataset: items\nfrom: shop.items\ncolumns: {sku: text, price: 'number(10,2)'}\n",
    );
    shop.run();
    assert_eq!(shop.value("select count(*) from silver.items"), "2");
    // Without `evolve` only what the project describes is there.
    source(
        &shop,
        &contract("notice"),
        "      - {name: items, files: ['items_*.csv']}\n",
    );
    let told = shop.run();
    assert!(told.contains("`stock/eu.ndjson`"), "{told}");
}

#[test]
fn a_run_that_dies_while_it_takes_up_files_is_made_good_by_the_next() {
    let shop = shop(&contract("evolve"));
    shop.run();
    others_arrive(&shop);
    shop.run();
    // As if it had died before it wrote the streams, and as if the files had other columns by now.
    let folder = shop.path().join(".sluice/new_tables/shop");
    fs::remove_file(folder.join("streams.yml")).unwrap();
    shop.write(
        ".sluice/new_tables/shop/lake/items.yml",
        b"dataset: items\nfrom: shop.items\ncolumns: {other: text}\n",
    );
    shop.run();
    assert_eq!(shop.column("select sku from silver.items"), ["pen"]);
}
