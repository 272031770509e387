//! A failed check keeps a whole run from readers; the rows it found wrong can be read.

use super::shop::Shop;

#[test]
fn a_failed_test_publishes_nothing_but_the_wrong_rows() {
    let shop = Shop::new();
    shop.deliver(
        "2026-08-01",
        "a.csv",
        "a,2026-08-01,Bern,1\nb,2026-08-01,Cairo,2\n",
    );
    shop.run();
    let before = shop.contents();

    shop.deliver(
        "2026-08-02",
        "a.csv",
        "c,2026-08-02,Atlantis,3\nd,2026-08-02,Bern,4\n",
    );
    let said = shop.run_expecting(1);
    assert!(said.contains("Nothing was published"), "{said}");
    let mut after = shop.contents();
    let audit: Vec<String> = after
        .keys()
        .filter(|name| name.starts_with("DBT_TEST__AUDIT."))
        .cloned()
        .collect();
    let [audit] = audit.as_slice() else {
        panic!("{audit:?}\n{said}")
    };
    let wrong = after.remove(audit).unwrap();
    assert_eq!(wrong.len(), 1, "{wrong:?}");
    assert!(wrong[0].contains("Atlantis"), "{wrong:?}");
    assert_eq!(after, before);

    // It stays so for as long as the file is wrong.
    shop.run_expecting(1);
    let mut after = shop.contents();
    after.remove(audit);
    assert_eq!(after, before);

    shop.deliver(
        "2026-08-02",
        "a.csv",
        "c,2026-08-02,Accra,3\nd,2026-08-02,Bern,4\n",
    );
    shop.run();
    let cities = "select city from marts.fact_sales order by order_id";
    assert_eq!(shop.column(cities), ["Bern", "Cairo", "Accra", "Bern"]);
    assert_eq!(shop.value("select count(*) from bronze.sales"), "4");
}

#[test]
fn a_failed_model_publishes_nothing() {
    let shop = Shop::new();
    shop.deliver("2026-08-01", "a.csv", "a,2026-08-01,Bern,1\n");
    shop.run();
    let before = shop.contents();
    shop.deliver("2026-08-02", "a.csv", "b,2026-08-02,Bern,0.5\n");
    shop.write(
        "dbt/models/city_totals.sql",
        b"select city, 1 / 0 as x from {{ ref('fact_sales') }}\n",
    );
    let said = shop.run_expecting(1);
    assert!(said.contains("city_totals"), "{said}");
    assert_eq!(shop.contents(), before);
}

#[test]
fn a_failed_check_of_the_contract_publishes_nothing() {
    let shop = Shop::new();
    std::fs::remove_dir_all(shop.path().join("dbt")).unwrap();
    let contract = std::fs::read_to_string(shop.path().join("lake/sales.yml")).unwrap();
    let check = "checks:\n  - {name: enough, expect: 'select count(*) >= 2 from silver.sales'}\n";
    shop.write("lake/sales.yml", (contract + check).as_bytes());
    shop.deliver("2026-08-01", "a.csv", "a,2026-08-01,Bern,1\n");
    let said = shop.run_expecting(1);
    assert!(said.contains("enough"), "{said}");
    assert!(shop.contents().is_empty());
    shop.deliver("2026-08-01", "b.csv", "b,2026-08-01,Bern,1\n");
    shop.run();
    assert_eq!(
        shop.column("select order_id from raw.sales order by 1"),
        ["a", "b"]
    );
}

#[test]
fn a_warning_is_told_and_publishes() {
    let shop = Shop::new();
    shop.write("dbt/tests/no_accra.sql", b"{{ config(severity='warn') }}\nselect * from {{ ref('fact_sales') }} where city = 'Accra'\n");
    shop.deliver("2026-08-01", "a.csv", "a,2026-08-01,Accra,1\n");
    let said = shop.run();
    assert!(said.contains("no_accra"), "{said}");
    assert_eq!(shop.value("select count(*) from marts.fact_sales"), "1");
}

/// A file that was refused in a run that published nothing is no old news in the next one.
#[test]
fn what_a_failed_run_refused_is_told_again() {
    let shop = Shop::new();
    shop.deliver("2026-08-01", "a.csv", "a,2026-08-01,Atlantis,1\n");
    shop.write("landing/run_date=2026-08-01/empty.csv", b"");
    for _ in 0..2 {
        let said = shop.run_expecting(1);
        assert!(said.contains("empty.csv"), "{said}");
    }
    shop.deliver("2026-08-01", "a.csv", "a,2026-08-01,Bern,1\n");
    let said = shop.run_expecting(1);
    assert!(said.contains("error[F3001]"), "{said}");
    assert_eq!(shop.value("select count(*) from marts.fact_sales"), "1");
    shop.run();
}

#[test]
fn a_check_that_passed_is_evaluated_again_when_what_it_reads_has_changed() {
    let shop = Shop::new();
    shop.deliver("2026-08-01", "a.csv", "a,2026-08-01,Bern,1\n");
    shop.run();
    shop.run();
    // The fact table's model has nothing to do; its tests have.
    let doubled = "insert into marts.fact_sales select * from marts.fact_sales";
    assert!(shop.sluice(&["sql", "-c", doubled]).status.success());
    let said = shop.run_expecting(1);
    assert!(said.contains("unique"), "{said}");
}
