//! The retail project: what comes out is what is in the files, to the last digit, and only once.

use std::path::Path;

use super::shop::Shop;

/// The exact sums of `SILVER.SALES`, in the smallest unit its types know.
const SILVER: &str = "\
select count(*) || ' ' || sum(sales) || ' ' || sum(quantity) || ' ' || sum(profit) from silver.sales";

/// `12.5000` and `12.50` are one number.
fn same_decimals(found: &str, expected: &str) {
    let plain = |text: &str| -> Vec<String> {
        let trim = |number: &str| match number.contains('.') {
            true => number
                .trim_end_matches('0')
                .trim_end_matches('.')
                .to_owned(),
            false => number.to_owned(),
        };
        text.split(' ').map(trim).collect()
    };
    assert_eq!(plain(found), plain(expected));
}

/// `123456` ten-thousandths are `12.3456`.
fn ten_thousandths(number: i64) -> String {
    let (sign, size) = (if number < 0 { "-" } else { "" }, number.unsigned_abs());
    format!("{sign}{}.{:04}", size / 10_000, size % 10_000)
}

fn quarantined(shop: &Shop) -> Vec<(String, u64)> {
    let rows = shop.rows("select _rule, count(*) as n from quarantine.sales group by 1 order by 1");
    let pair = |row: &serde_json::Value| {
        (
            row["_RULE"].as_str().unwrap().to_owned(),
            row["N"].as_u64().unwrap(),
        )
    };
    rows.iter().map(pair).collect()
}

/// A run with nothing new writes nothing, changes nothing and says so.
fn second_run_changes_nothing(shop: &Shop) {
    let (contents, files) = (shop.contents(), shop.table_files());
    let said = shop.run();
    assert!(said.contains("Nothing new"), "{said}");
    assert!(!said.contains(" built "), "{said}");
    assert_eq!(shop.table_files(), files);
    assert_eq!(shop.contents(), contents);
}

#[test]
fn generated_files_give_the_generators_figures() {
    let shop = Shop::empty();
    let options = demo::Options {
        rows: 2_000,
        days: 3,
        ..demo::Options::default()
    };
    let truth = demo::write_project(shop.path(), &options).unwrap().truth;
    let said = shop.run();
    assert!(said.contains("16 built; 51 of 51 checks passed"), "{said}");

    assert_eq!(
        shop.value("select count(*) from bronze.sales"),
        truth.rows.to_string()
    );
    let mut expected: Vec<(String, u64)> = truth
        .rules
        .counts()
        .map(|(rule, count)| (rule.to_owned(), count))
        .into();
    expected.retain(|(_, count)| *count > 0);
    expected.sort();
    assert_eq!(quarantined(&shop), expected);
    let silver = truth.silver;
    let (sales, profit) = (
        ten_thousandths(silver.sales_e4),
        ten_thousandths(silver.profit_e4),
    );
    let expected = format!("{} {sales} {} {profit}", silver.rows, silver.quantity);
    same_decimals(&shop.value(SILVER), &expected);
    let facts = "select count(*) || ' ' || sum(sales_amount) from marts.fact_sales";
    same_decimals(&shop.value(facts), &format!("{} {sales}", silver.rows));
    second_run_changes_nothing(&shop);
}

#[test]
fn drops_one_by_one_end_where_all_at_once_do() {
    let options = demo::Options {
        rows: 1_500,
        days: 3,
        ..demo::Options::default()
    };
    let at_once = Shop::empty();
    demo::write_project(at_once.path(), &options).unwrap();
    at_once.run();
    let daily = Shop::empty();
    demo::write_project_files(daily.path()).unwrap();
    for day in 0..options.days {
        demo::write_drops(daily.path(), &options, day..day + 1).unwrap();
        daily.run();
    }
    let (daily, at_once) = (daily.contents(), at_once.contents());
    for name in [
        "BRONZE.SALES",
        "QUARANTINE.SALES",
        "SILVER.SALES",
        "RAW.SALES",
        "MARTS.DIM_CUSTOMER",
    ] {
        assert_eq!(daily[name], at_once[name], "{name}");
    }
}

#[test]
fn the_superstore_files_give_the_known_figures() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let data = folder.join("data/superstore");
    if !data.is_dir() {
        assert!(
            !folder.is_dir() || std::env::var_os("CI").is_none(),
            "`{}` is missing",
            data.display()
        );
        return;
    }
    let shop = Shop::empty().reading(&data.canonicalize().unwrap());
    demo::write_project_files(shop.path()).unwrap();
    let said = shop.run();
    assert!(said.contains("13,313 rows quarantined"), "{said}");
    assert_eq!(shop.value("select count(*) from bronze.sales"), "51290");
    let rules = [
        ("invalid_quantity", 4_537),
        ("invalid_sales", 4_710),
        ("missing_date", 4_066),
    ];
    assert_eq!(
        quarantined(&shop),
        rules.map(|(rule, count)| (rule.to_owned(), count))
    );
    same_decimals(
        &shop.value(SILVER),
        "37952 30009853.76186 132001 1111061.59226",
    );
    second_run_changes_nothing(&shop);
}
