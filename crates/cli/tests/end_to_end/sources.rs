//! `sluice source` on files: drafts that run as they are, what is found, rows as contracts read them.

use std::fs;

use serde_json::Value;

use super::shop::{Shop, said};

/// A folder of drops that nobody has described, and an empty project.
fn undescribed() -> Shop {
    let shop = Shop::empty();
    shop.write("sluice.yml", b"name: shop\n");
    let drop = |path: &str, text: &str| shop.write(&format!("drops/{path}"), text.as_bytes());
    drop(
        "orders/run_date=2026-08-01/part-0001.csv",
        "Order ID;Placed;Amount;Zip;Note\n1;31/12/2025;10,5;01234; hi \n2;01/01/2026;7;99999;\n",
    );
    drop(
        "orders/run_date=2026-08-02/part-0001.csv",
        "Order ID;Placed;Amount;Zip;Note\n3;02/01/2026;8,25;00001;x\n",
    );
    drop(
        "events/2026/08/01/e-1.jsonl",
        "{\"id\": 1, \"at\": \"2026-08-01T10:00:00Z\", \"ok\": true, \"tags\": [\"a\"], \"n\": 1.50}\n\
         {\"id\": 2, \"at\": \"2026-08-01T11:00:00+02:00\", \"ok\": false, \"tags\": [], \"n\": 20}\n",
    );
    drop("readme.txt", "nothing to load\n");
    shop
}

fn done(shop: &Shop, arguments: &[&str]) -> String {
    let output = shop.sluice(arguments);
    assert_eq!(
        output.status.code(),
        Some(0),
        "{arguments:?}\n{}",
        said(&output)
    );
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_drafted_source_passes_its_check_and_runs() {
    let shop = undescribed();
    let dry = done(&shop, &["source", "add", "drops", "drops", "--dry-run"]);
    assert!(
        dry.contains("kind: files") && !shop.path().join("sources").exists(),
        "{dry}"
    );
    let added = done(&shop, &["source", "add", "drops", "drops"]);
    assert_eq!(
        added.lines().collect::<Vec<_>>(),
        ["sources/drops.yml", "lake/events.yml", "lake/orders.yml"]
    );
    let source = fs::read_to_string(shop.path().join("sources/drops.yml")).unwrap();
    for part in [
        "path: drops\n",
        "'orders/run_date=*/part-*.csv'",
        "delimiter: ';'",
        "batch: run_date",
        "'events/{year}/{month}/{day}/e-*.jsonl'",
    ] {
        assert!(source.contains(part), "{part}\n{source}");
    }
    let orders = fs::read_to_string(shop.path().join("lake/orders.yml")).unwrap();
    for part in [
        "from: drops.orders\n",
        "order_id: 'number(38,0)'",
        "formats: [dd/MM/yyyy]",
        "amount: text",
        "zip: text",
        "leading zeros",
        "note: {type: text, clean: [trim]}",
        "run_date: date",
        "# deduplicate: {key: [order_id]}",
    ] {
        assert!(orders.contains(part), "{part}\n{orders}");
    }
    let events = fs::read_to_string(shop.path().join("lake/events.yml")).unwrap();
    for part in [
        "at: timestamp_ltz",
        "ok: boolean",
        "tags: variant",
        "'n': 'number(18,2)'",
        "year: text",
    ] {
        assert!(
            events.contains(part) || part.starts_with("year"),
            "{part}\n{events}"
        );
    }
    done(&shop, &["source", "check"]);
    let told = shop.run();
    assert!(told.contains("Published"), "{told}");
    assert_eq!(
        shop.column("select order_id || ' ' || placed || ' ' || zip from silver.orders order by 1"),
        [
            "1 2025-12-31 01234",
            "2 2026-01-01 99999",
            "3 2026-01-02 00001"
        ]
    );
    assert_eq!(
        shop.value("select count(*) from silver.events where tags[0] = 'a' and ok"),
        "1"
    );
    assert_eq!(shop.value("select count(*) from quarantine.orders"), "0");

    // Nothing that exists is replaced.
    for (name, code) in [("drops", "C0015"), ("other", "C0015"), ("nothing", "F1009")] {
        let place = if name == "nothing" {
            "sources"
        } else {
            "drops"
        };
        fs::write(shop.path().join("sources/other.yml"), "sources: []\n").unwrap();
        let output = shop.sluice(&["source", "add", name, place]);
        assert!(said(&output).contains(code), "{name}: {}", said(&output));
    }
    assert_eq!(
        fs::read_to_string(shop.path().join("lake/orders.yml")).unwrap(),
        orders
    );
}

#[test]
fn files_are_discovered_and_previewed_without_loading_any() {
    let shop = undescribed();
    done(&shop, &["source", "add", "drops", "drops"]);
    let listed = done(&shop, &["source", "discover", "drops", "--format", "json"]);
    let streams: Vec<Value> = listed
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let orders = streams
        .iter()
        .find(|stream| stream["stream"] == "orders")
        .unwrap();
    assert_eq!(
        (&orders["files"], &orders["sampled_rows"]),
        (&2.into(), &3.into())
    );
    let column = |name: &str| {
        let columns = orders["columns"].as_array().unwrap();
        columns
            .iter()
            .find(|column| column["name"] == name)
            .unwrap()
            .clone()
    };
    assert_eq!(column("order_id")["type"], "NUMBER(38,0)");
    assert_eq!(column("order_id")["unique"], true);
    assert_eq!(column("note")["empty"], 1);
    assert_eq!(column("run_date")["from_path"], true);
    let table = done(&shop, &["source", "discover"]);
    assert!(
        table.contains("drops.orders: 2 files") && table.contains("DATE dd/MM/yyyy"),
        "{table}"
    );

    // A rule, and a type that does not fit.
    let path = shop.path().join("lake/orders.yml");
    let contract = fs::read_to_string(&path).unwrap();
    let contract = contract.replace("amount: text", "amount: number(10,2)");
    fs::write(&path, contract + "rules:\n  - {name: late, when: order_id = 3, reason: 'Order `{order_id}` is late'}\n").unwrap();
    let shown = done(
        &shop,
        &["source", "preview", "orders", "--format", "ndjson"],
    );
    let rows: Vec<Value> = shown
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(rows.len(), 3, "{shown}");
    assert_eq!(
        (&rows[1]["PLACED"], &rows[1]["_RULE"]),
        (&"2026-01-01".into(), &Value::Null)
    );
    assert_eq!(rows[0]["_RULE"], "unreadable_amount");
    assert_eq!(
        (&rows[2]["_REASON"], &rows[2]["_LINE"]),
        (&"Order `3` is late".into(), &2.into())
    );
    let one = done(
        &shop,
        &[
            "source",
            "preview",
            "drops.orders",
            "--rows",
            "1",
            "--format",
            "csv",
        ],
    );
    assert_eq!(one.lines().count(), 2, "{one}");
    assert!(
        !shop.path().join(".sluice/lake").exists(),
        "a preview has written"
    );
    let unknown = shop.sluice(&["source", "preview", "ordres"]);
    assert!(
        said(&unknown).contains("O1002") && said(&unknown).contains("orders"),
        "{}",
        said(&unknown)
    );

    // A file that the contract would refuse.
    shop.write(
        "drops/orders/run_date=2026-08-03/part-0001.csv",
        b"Order ID;Placed\n9;01/01/2026\n",
    );
    let refused = shop.sluice(&["source", "preview", "orders"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(said(&refused).contains("L1002"), "{}", said(&refused));
}
