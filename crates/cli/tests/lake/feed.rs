//! Change data feeds that Sluice wrote, read by delta-rs and Spark: what they tell of each version is what a comparison of the
//! versions tells.

use std::path::Path;

use super::peers::{Peer, run};
use crate::end_to_end::crash::{FIRST, SECOND};
use crate::end_to_end::shop::{Shop, dies_at, said};

fn sql(shop: &Shop, script: &str) {
    let done = shop.sluice(&["sql", "-c", script]);
    assert!(done.status.success(), "{script}\n{}", said(&done));
}

/// The feed of the table at `name`, `schema/table`, as `reader` has it: `<version> <change>\t<values>`.
pub fn feed(shop: &Shop, reader: &str, name: &str, columns: &str) -> Vec<String> {
    let peer = match reader {
        "spark" => Peer::Spark,
        _ => Peer::Python,
    };
    let folder = shop.path().join(".sluice/warehouse/shop").join(name);
    let arguments = [
        reader.to_owned(),
        folder.display().to_string(),
        columns.to_owned(),
    ];
    let printed = run(peer, "feed.py", &arguments);
    printed.lines().map(str::to_owned).collect()
}

fn of_both(shop: &Shop, name: &str, columns: &str) -> Vec<String> {
    let ours = feed(shop, "deltalake", name, columns);
    assert_eq!(feed(shop, "spark", name, columns), ours, "{name}");
    ours
}

fn files_of_feed(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder.join("_change_data"))
        .into_iter()
        .flatten();
    entries
        .filter(|entry| entry.as_ref().unwrap().path().is_file())
        .count()
}

#[test]
fn statements_tell_what_they_change() {
    let shop = Shop::empty();
    shop.write("sluice.yml", b"name: shop\n");
    sql(
        &shop,
        "create table public.t (id int, v text) change_tracking = true;
         insert into public.t values (1, 'a'), (2, 'b'), (3, 'c');
         update public.t set v = 'B' where id = 2;
         merge into public.t t using (select 1 id, 'A' v union all select 3, null union all select 4, 'd') s on t.id = s.id
         when matched and s.v is null then delete when matched then update set v = s.v
         when not matched then insert values (s.id, s.v);
         delete from public.t where id = 4;
         insert overwrite into public.t values (5, 'e'), (6, 'f');
         merge into public.t t using (select 7 id) s on t.id = s.id when not matched then insert values (s.id, 'g')",
    );
    let told = of_both(&shop, "public/t", "ID,V");
    assert_eq!(
        told,
        [
            "1 insert\t1|a",
            "1 insert\t2|b",
            "1 insert\t3|c",
            "2 update_postimage\t2|B",
            "2 update_preimage\t2|b",
            "3 delete\t3|c",
            "3 insert\t4|d",
            "3 update_postimage\t1|A",
            "3 update_preimage\t1|a",
            "4 delete\t4|d",
            "5 delete\t1|A",
            "5 delete\t2|B",
            "5 insert\t5|e",
            "5 insert\t6|f",
            "6 insert\t7|g",
        ]
    );
    let folder = shop.path().join(".sluice/warehouse/shop/public/t");
    let files = files_of_feed(&folder);
    assert_eq!(files, 3, "an UPDATE, a MERGE and a DELETE");
    // Files that move are no changes, and what the feed needs stays within retention.
    for arguments in [&["optimize"][..], &["vacuum"]] {
        let done = shop.sluice(arguments);
        assert!(done.status.success(), "{}", said(&done));
    }
    assert_eq!(of_both(&shop, "public/t", "ID,V"), told);
    let done = shop.sluice(&["vacuum", "--retention", "0"]);
    assert!(done.status.success(), "{}", said(&done));
    assert_eq!(files_of_feed(&folder), 0);
    // A copy's feed begins with the copy.
    sql(
        &shop,
        "create table public.copy clone public.t; delete from public.copy where id = 5",
    );
    let told = of_both(&shop, "public/copy", "ID,V");
    assert_eq!(told.last().map(String::as_str), Some("1 delete\t5|e"));
}

/// Statements of a seeded choice, over keys that come more than once.
#[test]
fn chance_finds_no_change_that_is_not_told() {
    let shop = Shop::empty();
    shop.write("sluice.yml", b"name: shop\n");
    let mut seed: u64 = 7;
    let mut below = move |end: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 33) % end
    };
    let mut script =
        vec!["create table public.t (id int, v text) change_tracking = true".to_owned()];
    for _ in 0..14 {
        let (id, v, cut) = (below(6), below(3), below(6));
        script.push(match below(6) {
            0 => format!("update public.t set v = 'v{v}' where id <= {id}"),
            1 => format!("delete from public.t where id = {id}"),
            2 => format!(
                "merge into public.t t using (select distinct value id from table(flatten(array_generate_range(0, {id})))) s \
                 on t.id = s.id when matched and t.id = {cut} then delete when matched then update set v = 'm{v}' \
                 when not matched then insert values (s.id, 'n{v}')"
            ),
            _ => format!("insert into public.t values ({id}, 'v{v}'), ({cut}, null), ({cut}, null)"),
        });
    }
    sql(&shop, &script.join(";"));
    assert!(of_both(&shop, "public/t", "ID,V").len() > 14);
}

/// A contract whose silver table has a feed and partitions.
#[test]
fn loads_tell_what_they_change() {
    let shop = Shop::empty();
    shop.write("sluice.yml", b"name: shop\n");
    shop.write(
        "sources/shop.yml",
        b"sources: [{name: shop, kind: files, path: landing, streams: [{name: orders, files: ['*.csv']}]}]\n",
    );
    shop.write(
        "lake/orders.yml",
        b"dataset: orders\nfrom: shop.orders\nwrite: merge\npartition_by: [city]\nchange_data_feed: true\n\
          columns: {id: text, city: text, amount: 'number(10,2)'}\ndeduplicate: {key: [id]}\n",
    );
    for (name, rows) in [
        ("1.csv", "a,Bern,1\nb,Bern,2\nc,Cairo,3\n"),
        ("2.csv", "b,Cairo,2\nd,,4\n"),
        ("3.csv", "a,Bern,1.5\n"),
    ] {
        shop.write(
            &format!("landing/{name}"),
            format!("id,city,amount\n{rows}").as_bytes(),
        );
        shop.run();
    }
    let told = of_both(&shop, "silver/orders", "ID,CITY,AMOUNT");
    assert_eq!(
        told,
        [
            "0 insert\ta|Bern|1.00",
            "0 insert\tb|Bern|2.00",
            "0 insert\tc|Cairo|3.00",
            "1 insert\td|~|4.00",
            "1 update_postimage\tb|Cairo|2.00",
            "1 update_preimage\tb|Bern|2.00",
            "2 update_postimage\ta|Bern|1.50",
            "2 update_preimage\ta|Bern|1.00",
        ]
    );
    let said = shop.sluice(&[
        "sql",
        "-c",
        "select id, city, metadata$action, metadata$isupdate from silver.orders \
         changes (information => default) at (version => 0) order by id, metadata$action",
    ]);
    assert!(
        said.status.success(),
        "{}",
        crate::end_to_end::shop::said(&said)
    );
}

#[test]
fn a_feed_survives_a_crash_anywhere() {
    const COLUMNS: &str = "ORDER_ID,DAY,CITY,AMOUNT";
    let first = Shop::new();
    let contract = std::fs::read_to_string(first.path().join("lake/sales.yml")).unwrap();
    first.write(
        "lake/sales.yml",
        format!("{contract}change_data_feed: true\n").as_bytes(),
    );
    first.deliver("2026-08-01", "a.csv", FIRST);
    first.run();
    first.deliver("2026-08-02", "a.csv", SECOND);
    let calm = first.copy();
    calm.run();
    let told = feed(&calm, "deltalake", "silver/sales", COLUMNS);
    assert!(
        told.iter().any(|line| line.contains("update_preimage")),
        "{told:?}"
    );
    let points = telemetry::FAILPOINTS.iter();
    for failpoint in points.chain(telemetry::FEED_FAILPOINTS) {
        let shop = first.copy();
        dies_at(&mut shop.command(&["run"]), failpoint);
        // What is there is whole.
        let seen = feed(&shop, "deltalake", "silver/sales", COLUMNS);
        assert!(
            seen == told || told.starts_with(&seen),
            "after `{failpoint}`: {seen:?}"
        );
        shop.run();
        assert_eq!(shop.contents(), calm.contents(), "after `{failpoint}`");
        let again = feed(&shop, "deltalake", "silver/sales", COLUMNS);
        assert_eq!(again, told, "after `{failpoint}`");
    }
}
