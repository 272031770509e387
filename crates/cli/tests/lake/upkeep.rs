//! Maintenance from outside, and killed in the middle.

use std::os::unix::process::ExitStatusExt as _;

use crate::end_to_end::shop::{Shop, said};

/// A table with twelve versions of a few rows.
fn shop() -> Shop {
    let shop = Shop::new();
    let mut script = vec!["create table public.t (a int, b text)".to_owned()];
    script.extend((1..=11).map(|at| format!("insert into public.t values ({at}, 'x'), (0, null)")));
    let done = shop.sluice(&["sql", "-c", &script.join(";")]);
    assert!(done.status.success(), "{}", said(&done));
    shop
}

const ROWS: &str = "select count(*) || ' ' || sum(a) || ' ' || count(b) from public.t";

fn does(shop: &Shop, arguments: &[&str]) -> String {
    let output = shop.sluice(arguments);
    assert!(output.status.success(), "{}", said(&output));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn tables_are_optimized_and_vacuumed() {
    let shop = shop();
    let told = does(&shop, &["--log-format", "json", "optimize", "public.t"]);
    assert!(
        told.contains("\"files_removed\":11,\"files_added\":1"),
        "{told}"
    );
    assert!(does(&shop, &["optimize"]).contains("No table has small files"));
    let listed = does(&shop, &["vacuum", "--dry-run", "--retention", "0"]);
    assert_eq!(listed.matches(".parquet").count(), 11, "{listed}");
    assert_eq!(does(&shop, &["vacuum"]).trim(), "Every file is needed");
    let before = "select count(*) from public.t at(version => 3)";
    assert_eq!(shop.value(before), "6");
    does(&shop, &["vacuum", "--retention", "0"]);
    assert_eq!(shop.value(ROWS), "22 66 11");
    let gone = said(&shop.sluice(&["sql", "-c", before]));
    assert!(gone.contains("K3007"), "{gone}");
    let data = std::fs::read_dir(shop.path().join(".sluice/warehouse/shop/public/t")).unwrap();
    assert_eq!(data.count(), 2);
}

#[test]
fn maintenance_survives_a_crash_anywhere() {
    let prepared = shop();
    for failpoint in telemetry::UPKEEP_FAILPOINTS {
        let shop = prepared.copy();
        let commands: &[&[&str]] = match failpoint.starts_with("vacuum") {
            true => &[&["optimize"], &["vacuum", "--retention", "0"]],
            // Nine more versions reach the next checkpoint.
            false => &[&["sql", "-c", CHANGES]],
        };
        let mut killed = false;
        for arguments in commands {
            let output = shop
                .command(arguments)
                .env("SLUICE_FAILPOINT", failpoint)
                .output()
                .unwrap();
            killed |= output.status.signal().is_some();
        }
        assert!(killed, "`{failpoint}` was not reached");
        let seen = shop.value(ROWS);
        assert_eq!(seen, "22 66 11", "after `{failpoint}`");
        does(&shop, &["optimize"]);
        does(&shop, &["vacuum", "--retention", "0"]);
        assert_eq!(shop.value(ROWS), seen, "after `{failpoint}`");
        does(
            &shop,
            &["sql", "-c", "insert into public.t values (100, 'y')"],
        );
        assert_eq!(shop.value(ROWS), "23 166 12", "after `{failpoint}`");
    }
}

/// Ten versions that change no row.
const CHANGES: &str = "update public.t set b = 'x' where a = 1; update public.t set b = 'x' where a = 2; \
     update public.t set b = 'x' where a = 3; update public.t set b = 'x' where a = 4; \
     update public.t set b = 'x' where a = 5; update public.t set b = 'x' where a = 6; \
     update public.t set b = 'x' where a = 7; update public.t set b = 'x' where a = 8; \
     update public.t set b = 'x' where a = 9; update public.t set b = 'x' where a = 10";
