//! Drops that come late, twice, changed, or in another order.

use super::shop::Shop;

fn amounts(shop: &Shop) -> Vec<String> {
    shop.column("select order_id || ' ' || amount from marts.fact_sales order by 1")
}

#[test]
fn the_later_drop_wins_whenever_it_comes() {
    let shop = Shop::new();
    shop.deliver(
        "2026-08-02",
        "a.csv",
        "a,2026-08-01,Bern,1\nb,2026-08-01,Bern,2\n",
    );
    shop.run();
    shop.deliver(
        "2026-08-03",
        "a.csv",
        "b,2026-08-01,Bern,20\nc,2026-08-03,Bern,3\n",
    );
    shop.run();
    assert_eq!(amounts(&shop), ["a 1.00", "b 20.00", "c 3.00"]);

    // An older drop adds the keys that nobody has newer rows of.
    shop.deliver(
        "2026-08-01",
        "a.csv",
        "a,2026-08-01,Bern,7\nb,2026-08-01,Bern,8\nz,2026-08-01,Bern,9\n",
    );
    shop.run();
    assert_eq!(amounts(&shop), ["a 1.00", "b 20.00", "c 3.00", "z 9.00"]);
    assert_eq!(shop.value("select count(*) from bronze.sales"), "7");
}

#[test]
fn known_content_under_another_name_is_not_loaded() {
    let shop = Shop::new();
    shop.deliver("2026-08-01", "a.csv", "a,2026-08-01,Bern,1\n");
    shop.run();
    let before = shop.contents();
    shop.deliver("2026-08-01", "again.csv", "a,2026-08-01,Bern,1\n");
    let said = shop.run();
    assert!(
        said.contains("`run_date=2026-08-01/again.csv` was not loaded"),
        "{said}"
    );
    assert_eq!(shop.contents(), before);
    assert!(!shop.run().contains("again.csv"), "it is told once");
}

#[test]
fn changed_content_under_a_known_name_is_loaded_and_told() {
    let shop = Shop::new();
    shop.deliver(
        "2026-08-01",
        "a.csv",
        "a,2026-08-01,Bern,1\nb,2026-08-01,Bern,2\n",
    );
    shop.run();
    shop.deliver("2026-08-01", "a.csv", "a,2026-08-01,Bern,10\n");
    let said = shop.run();
    assert_eq!(amounts(&shop), ["a 10.00", "b 2.00"]);
    assert!(
        said.contains("note: `run_date=2026-08-01/a.csv` has changed"),
        "{said}"
    );
    assert_eq!(shop.value("select count(*) from bronze.sales"), "3");
}

#[test]
fn files_may_come_in_any_order_and_number() {
    let files: [(&str, &str, &str); 4] = [
        (
            "2026-08-01",
            "a.csv",
            "a,2026-08-01,Bern,1\nb,2026-08-01,Bern,2\n",
        ),
        (
            "2026-08-01",
            "b.csv",
            "a,2026-08-01,Cairo,3\n,2026-08-01,Bern,3\n",
        ),
        (
            "2026-08-02",
            "a.csv",
            "b,2026-08-01,Accra,4\nc,2026-08-02,Bern,5\n",
        ),
        (
            "2026-08-03",
            "a.csv",
            "c,2026-08-02,Bern,-6\na,2026-08-01,Bern,7\n",
        ),
    ];
    let orders: [&[&[usize]]; 4] = [
        &[&[0, 1, 2, 3]],
        &[&[3], &[2], &[1], &[0]],
        &[&[1, 3], &[0, 2]],
        &[&[2], &[0, 1], &[3]],
    ];
    let silver = orders.map(|order| {
        let shop = Shop::new();
        for files_of_run in order {
            for &file in *files_of_run {
                let (day, name, rows) = files[file];
                shop.deliver(day, name, rows);
            }
            shop.run();
        }
        let mut contents = shop.contents();
        let mut of = |name: &str| contents.remove(name).unwrap();
        [
            of("SILVER.SALES"),
            of("QUARANTINE.SALES"),
            of("MARTS.FACT_SALES"),
            of("MARTS.CITY_TOTALS"),
        ]
    });
    for other in &silver[1..] {
        assert_eq!(other, &silver[0]);
    }
}

#[test]
fn a_full_refresh_ends_where_the_drops_did() {
    let shop = Shop::new();
    shop.deliver(
        "2026-08-02",
        "a.csv",
        "a,2026-08-01,Bern,1\nb,2026-08-01,Bern,2\n,2026-08-01,Bern,3\n",
    );
    shop.run();
    shop.deliver(
        "2026-08-01",
        "a.csv",
        "b,2026-08-01,Cairo,20\nc,2026-08-01,Bern,3\n",
    );
    shop.run();
    shop.deliver("2026-08-03", "a.csv", "c,2026-08-01,Accra,4\n");
    shop.run();
    let mut before = shop.contents();
    assert!(shop.sluice(&["run", "--full-refresh"]).status.success());
    let mut after = shop.contents();
    // A snapshot remembers what no input can bring back, so it is not rebuilt.
    for contents in [&mut before, &mut after] {
        contents.remove("MARTS.ORDERS_HISTORY");
    }
    assert_eq!(after, before);
}

#[test]
fn a_file_that_is_gone_takes_nothing_with_it() {
    let shop = Shop::new();
    shop.deliver("2026-08-01", "a.csv", "a,2026-08-01,Bern,1\n");
    shop.deliver("2026-08-02", "a.csv", "b,2026-08-02,Bern,2\n");
    shop.run();
    let before = shop.contents();
    std::fs::remove_dir_all(shop.path().join("landing/run_date=2026-08-01")).unwrap();
    shop.run();
    assert_eq!(shop.contents(), before);

    // A rebuild reads the copy in the raw zone.
    assert!(shop.sluice(&["run", "--full-refresh"]).status.success());
    assert_eq!(shop.contents()["BRONZE.SALES"], before["BRONZE.SALES"]);
    assert_eq!(amounts(&shop), ["a 1.00", "b 2.00"]);
    shop.deliver("2026-08-01", "a.csv", "a,2026-08-01,Bern,1\n");
    shop.run();
    assert_eq!(shop.contents()["BRONZE.SALES"], before["BRONZE.SALES"]);
}

#[test]
fn a_correction_can_be_taken_back() {
    const FIRST: &str = "a,2026-08-01,Bern,1\nb,2026-08-01,Bern,2\n";
    const CORRECTED: &str = "a,2026-08-01,Bern,10\n";
    let shop = Shop::new();
    for (rows, amount) in [
        (FIRST, "1"),
        (CORRECTED, "10"),
        (FIRST, "1"),
        (CORRECTED, "10"),
    ] {
        shop.deliver("2026-08-01", "a.csv", rows);
        shop.run();
        // A row that a correction leaves out stays: files say what is, not what is no more.
        assert_eq!(
            amounts(&shop),
            [format!("a {amount}.00"), "b 2.00".to_owned()]
        );
    }
    assert_eq!(shop.value("select count(*) from bronze.sales"), "6");
    assert!(shop.run().contains("Nothing new"));
}

#[test]
fn a_new_contract_is_told_until_the_tables_obey_it() {
    let shop = Shop::new();
    shop.deliver(
        "2026-08-01",
        "a.csv",
        "a,2026-08-01,Bern,1\nb,2026-08-01,Bern,5\n",
    );
    shop.run();
    let path = shop.path().join("lake/sales.yml");
    let contract = std::fs::read_to_string(&path).unwrap();
    shop.write(
        "lake/sales.yml",
        format!("# A comment changes nothing.\n{contract}").as_bytes(),
    );
    assert!(!shop.run().contains("contract"));
    shop.write(
        "lake/sales.yml",
        contract.replace("amount <= 0", "amount <= 2").as_bytes(),
    );
    for _ in 0..2 {
        let said = shop.run();
        assert!(
            said.contains("note: The contract of `sales` has changed"),
            "{said}"
        );
    }
    assert!(shop.sluice(&["run", "--full-refresh"]).status.success());
    assert_eq!(shop.column("select order_id from silver.sales"), ["b"]);
    assert!(!shop.run().contains("contract"));
}
