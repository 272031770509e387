//! Partitioned tables of contracts: merged into, overwritten by partition, compacted, pruned.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::end_to_end::shop::{Shop, said};

/// A project of one dataset of orders, partitioned by `partition_by` and written by `mode`.
fn shop(partition_by: &str, mode: &str) -> Shop {
    let shop = Shop::empty();
    shop.write("sluice.yml", b"name: shop\n");
    shop.write(
        "sources/shop.yml",
        b"sources: [{name: shop, kind: files, path: landing, streams: [{name: orders, files: ['*.csv']}]}]\n",
    );
    contract(&shop, partition_by, mode);
    shop
}

fn contract(shop: &Shop, partition_by: &str, mode: &str) {
    let text = format!(
        "dataset: orders\nfrom: shop.orders\n{partition_by}\nwrite: {mode}\n\
         columns: {{id: text, day: date, city: text, amount: 'number(10,2)'}}\n\
         deduplicate: {{key: [id], latest_by: [amount]}}\n"
    );
    shop.write("lake/orders.yml", text.as_bytes());
}

fn deliver(shop: &Shop, name: &str, rows: &str) {
    let text = format!("id,day,city,amount\n{rows}");
    shop.write(&format!("landing/{name}"), text.as_bytes());
}

fn runs(shop: &Shop, arguments: &[&str]) {
    let done = shop.sluice(arguments);
    assert!(done.status.success(), "{arguments:?}\n{}", said(&done));
}

const ROWS: &str = "select id || ' ' || day || ' ' || coalesce(city, '~') || ' ' || amount from silver.orders order by 1";

fn table(shop: &Shop) -> PathBuf {
    shop.path().join(".sluice/warehouse/shop/silver/orders")
}

/// The data files that no partition's folder is missing in their path, by folder.
fn folders(table: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut open = vec![table.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if path.is_dir() && !path.ends_with("_delta_log") {
                open.push(path);
            } else if path.extension() == Some("parquet".as_ref()) {
                let parent = path.parent().unwrap().strip_prefix(table).unwrap();
                found.insert(parent.display().to_string());
            }
        }
    }
    found
}

#[test]
fn a_correction_leaves_the_partition_of_the_old_row() {
    let shop = shop("partition_by: [day, city]", "merge");
    deliver(
        &shop,
        "1.csv",
        "a,2026-08-01,Bern,1\nb,2026-08-01,a/b c,2\nc,2026-08-02,,3\n",
    );
    runs(&shop, &["run"]);
    assert_eq!(
        folders(&table(&shop)),
        BTreeSet::from([
            "DAY=2026-08-01/CITY=Bern".to_owned(),
            "DAY=2026-08-01/CITY=a_b_c".to_owned(),
            "DAY=2026-08-02/CITY=__HIVE_DEFAULT_PARTITION__".to_owned(),
        ])
    );
    // Late, and of another day and city than before.
    deliver(
        &shop,
        "2.csv",
        "a,2026-07-31,Basel,10\nd,2026-08-02,Bern,4\n",
    );
    runs(&shop, &["run"]);
    let expected = [
        "a 2026-07-31 Basel 10.00",
        "b 2026-08-01 a/b c 2.00",
        "c 2026-08-02 ~ 3.00",
        "d 2026-08-02 Bern 4.00",
    ];
    assert_eq!(shop.column(ROWS), expected);
    assert_eq!(
        shop.value("select count(*) from silver.orders where city = 'Bern'"),
        "1"
    );
    assert_eq!(
        shop.value("select count(*) from silver.orders where city is null"),
        "1"
    );
}

#[test]
fn a_filter_on_partitions_opens_no_other_files() {
    let shop = shop("partition_by: [city]", "append");
    deliver(
        &shop,
        "1.csv",
        "a,2026-08-01,Bern,1\nb,2026-08-01,Basel,2\n",
    );
    runs(&shop, &["run"]);
    for entry in fs::read_dir(table(&shop).join("CITY=Basel")).unwrap() {
        fs::write(entry.unwrap().path(), b"broken").unwrap();
    }
    assert_eq!(
        shop.value("select id from silver.orders where city = 'Bern'"),
        "a"
    );
    let all = shop.sluice(&["sql", "-c", "select id from silver.orders"]);
    assert!(!all.status.success(), "{}", said(&all));
}

#[test]
fn a_run_replaces_the_partitions_it_brings_rows_for_and_no_others() {
    let shop = shop("partition_by: [day]", "overwrite_partitions");
    deliver(
        &shop,
        "1.csv",
        "a,2026-08-01,Bern,1\nb,2026-08-01,Bern,2\nc,2026-08-02,Bern,3\n",
    );
    runs(&shop, &["run"]);
    deliver(&shop, "2.csv", "x,2026-08-01,Bern,9\ny,2026-08-03,Bern,8\n");
    runs(&shop, &["run"]);
    let expected = [
        "c 2026-08-02 Bern 3.00",
        "x 2026-08-01 Bern 9.00",
        "y 2026-08-03 Bern 8.00",
    ];
    assert_eq!(shop.column(ROWS), expected);
    // The rows of before are there to be travelled to.
    let before = "select count(*) from silver.orders at(version => 0)";
    assert_eq!(shop.value(before), "3");
}

#[test]
fn partitions_are_compacted_by_themselves_and_vacuumed() {
    let shop = shop("partition_by: [city]", "append");
    for run in 1..=3 {
        let rows = format!("a{run},2026-08-01,Bern,1\nb{run},2026-08-01,Basel,2\n");
        deliver(&shop, &format!("{run}.csv"), &rows);
        runs(&shop, &["run"]);
    }
    let told = shop.sluice(&["--log-format", "json", "optimize", "silver.orders"]);
    let told = said(&told);
    assert!(
        told.contains("\"files_removed\":6,\"files_added\":2"),
        "{told}"
    );
    runs(&shop, &["vacuum", "--retention", "0"]);
    assert_eq!(folders(&table(&shop)).len(), 2);
    for city in ["Bern", "Basel"] {
        let files = fs::read_dir(table(&shop).join(format!("CITY={city}"))).unwrap();
        assert_eq!(files.count(), 1);
    }
    assert_eq!(shop.column(ROWS).len(), 6);
}

#[test]
fn other_partitions_need_a_full_refresh() {
    let shop = shop("", "append");
    deliver(&shop, "1.csv", "a,2026-08-01,Bern,1\n");
    runs(&shop, &["run"]);
    contract(&shop, "partition_by: [city]", "append");
    deliver(&shop, "2.csv", "b,2026-08-01,Basel,1\n");
    let refused = shop.sluice(&["run"]);
    let told = said(&refused);
    assert!(
        !refused.status.success() && told.contains("L3001"),
        "{told}"
    );
    runs(&shop, &["run", "--full-refresh"]);
    assert_eq!(shop.column(ROWS).len(), 2);
    assert!(folders(&table(&shop)).contains("CITY=Basel"));
}

#[test]
fn a_replay_of_partitioned_tables_needs_no_source_and_changes_nothing() {
    for mode in ["merge", "append", "overwrite_partitions"] {
        let shop = shop("partition_by: [day]", mode);
        for (name, rows) in [
            (
                "1.csv",
                "a,2026-08-01,Bern,1\nb,2026-08-01,Bern,2\nc,2026-08-02,Bern,3\n,x,Bern,3\n",
            ),
            ("2.csv", "a,2026-08-03,Bern,9\ny,2026-08-01,Bern,8\n"),
            ("3.csv", "z,2026-08-02,Bern,7\n"),
        ] {
            deliver(&shop, name, rows);
            runs(&shop, &["run"]);
        }
        let (before, there) = (shop.contents(), folders(&table(&shop)));
        fs::remove_dir_all(shop.path().join("landing")).unwrap();
        for arguments in [&["replay"][..], &["replay", "--file", "2.csv"]] {
            let done = shop.sluice(arguments);
            // Which load left a partition cannot be told from files.
            match mode {
                "overwrite_partitions" => {
                    assert!(said(&done).contains("L2005"), "{}", said(&done));
                }
                _ => assert!(done.status.success(), "{mode}: {}", said(&done)),
            }
            assert_eq!(shop.contents(), before, "{mode} {arguments:?}");
        }
        let now = folders(&table(&shop));
        assert!(there.is_subset(&now), "{mode}: {now:?}");
    }
}

#[test]
fn contracts_that_make_no_partitions_are_refused() {
    for (partition_by, mode, expected) in [
        ("partition_by: [colour]", "append", "colour"),
        ("", "overwrite_partitions", "no `partition_by`"),
    ] {
        let shop = shop(partition_by, mode);
        let refused = said(&shop.sluice(&["run"]));
        assert!(refused.contains(expected), "{refused}");
    }
}
