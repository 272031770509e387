//! `sluice replay` and `sluice backfill`: tables built from the raw zone, or a part of them from the source again,
//! also by processes that die.

use std::fs;
use std::os::unix::process::ExitStatusExt as _;

use super::shop::{Contents, Shop, said};

/// Two drops with a broken row, and a correction of the first; then the source is gone.
fn loaded() -> Shop {
    let shop = Shop::new();
    shop.deliver(
        "2026-08-01",
        "a.csv",
        "a,2026-08-01,Bern,1.10\nb,2026-08-01,Cairo,2.20\n,2026-08-01,Bern,3\n",
    );
    shop.deliver("2026-08-01", "b.csv", "c,2026-08-01,Accra,-4\n");
    shop.run();
    shop.deliver(
        "2026-08-02",
        "a.csv",
        "b,2026-08-02,Accra,20\nd,2026-08-02,Bern,5\n",
    );
    shop.run();
    shop
}

fn lose_source(shop: &Shop) {
    fs::remove_dir_all(shop.path().join("landing")).unwrap();
}

fn change_contract(shop: &Shop, from: &str, to: &str) {
    let path = shop.path().join("lake/sales.yml");
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(from));
    fs::write(path, text.replace(from, to)).unwrap();
}

fn done(shop: &Shop, arguments: &[&str]) -> String {
    let output = shop.sluice(arguments);
    let said = said(&output);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}\n{said}");
    said
}

/// What the lake holds; models follow with the next run.
fn lake(shop: &Shop) -> Contents {
    let mut contents = shop.contents();
    contents.retain(|name, _| !name.starts_with("MARTS."));
    contents
}

#[test]
fn a_replay_needs_no_source_and_changes_nothing() {
    let shop = loaded();
    let before = shop.contents();
    lose_source(&shop);
    let said = done(&shop, &["replay"]);
    assert!(said.contains("Published"), "{said}");
    assert_eq!(shop.contents(), before);
    shop.deliver("2026-08-03", "a.csv", "e,2026-08-03,Bern,7\n");
    shop.run();
    assert_eq!(
        shop.column("select order_id from marts.fact_sales order by 1"),
        ["a", "b", "d", "e"]
    );
}

#[test]
fn a_replay_obeys_the_contract_of_today_and_models_follow() {
    let shop = loaded();
    change_contract(&shop, "amount <= 0", "amount <= 2");
    change_contract(&shop, "number(12,2)", "number(14,3)");
    let told = shop.run();
    assert!(told.contains("sluice replay"), "{told}");
    lose_source(&shop);
    done(&shop, &["replay", "sales"]);
    let rows = shop.column("select order_id || ' ' || amount from silver.sales order by 1");
    assert_eq!(rows, ["b 20.000", "d 5.000"]);
    assert_eq!(
        shop.column("select _rule from quarantine.sales order by 1"),
        ["invalid_amount", "invalid_amount", "missing_order_id"]
    );
    fs::create_dir_all(shop.path().join("landing")).unwrap();
    let told = shop.run();
    assert!(!told.contains("holds for new rows"), "{told}");
    assert_eq!(
        shop.value("select sum(amount)::varchar from marts.city_totals where city = 'Accra'"),
        "20.00"
    );
}

#[test]
fn a_replay_survives_a_crash_anywhere() {
    let shop = loaded();
    change_contract(&shop, "amount <= 0", "amount < -9");
    lose_source(&shop);
    for arguments in [
        &["replay", "--quarantine"][..],
        &["replay", "--from", "2026-08-01", "--to", "2026-08-01"],
        &["replay"],
    ] {
        let undisturbed = shop.copy();
        let before = lake(&undisturbed);
        done(&undisturbed, arguments);
        let after = lake(&undisturbed);
        assert_ne!(before, after);
        for failpoint in telemetry::FAILPOINTS {
            let shop = shop.copy();
            let mut command = shop.command(arguments);
            let output = command.env("SLUICE_FAILPOINT", failpoint).output().unwrap();
            assert!(
                output.status.signal().is_some(),
                "`{failpoint}`: {}",
                said(&output)
            );
            let seen = lake(&shop);
            assert!(
                seen == before || seen == after,
                "a mixture after `{failpoint}`"
            );
            done(&shop, arguments);
            assert_eq!(lake(&shop), after, "{arguments:?} after `{failpoint}`");
        }
    }
}

#[test]
fn a_backfill_survives_a_crash_anywhere_and_brings_the_range_up_to_date() {
    let shop = loaded();
    shop.deliver("2026-08-01", "a.csv", "a,2026-08-01,Cairo,9\n");
    shop.deliver("2026-08-02", "late.csv", "x,2026-08-02,Bern,1\n");
    let arguments = ["backfill", "--from", "2026-08-01", "--to", "2026-08-01"];
    let undisturbed = shop.copy();
    let before = lake(&undisturbed);
    done(&undisturbed, &arguments);
    let after = lake(&undisturbed);
    assert_eq!(
        undisturbed.column("select order_id || city from silver.sales order by 1"),
        ["aCairo", "bAccra", "dBern"]
    );
    for failpoint in telemetry::FAILPOINTS {
        let shop = shop.copy();
        let mut command = shop.command(&arguments);
        let output = command.env("SLUICE_FAILPOINT", failpoint).output().unwrap();
        assert!(
            output.status.signal().is_some(),
            "`{failpoint}`: {}",
            said(&output)
        );
        let seen = lake(&shop);
        assert!(
            seen == before || seen == after,
            "a mixture after `{failpoint}`"
        );
        done(&shop, &arguments);
        assert_eq!(lake(&shop), after, "after `{failpoint}`");
    }
    undisturbed.run();
    assert_eq!(
        undisturbed.column("select order_id from marts.fact_sales order by 1"),
        ["a", "b", "d", "x"]
    );
}

#[test]
fn a_dry_run_tells_the_files_and_changes_nothing() {
    let shop = loaded();
    shop.deliver("2026-08-01", "c.csv", "c,2026-08-01,Accra,4\n");
    fs::remove_file(shop.path().join("landing/run_date=2026-08-01/b.csv")).unwrap();
    let (before, files) = (shop.contents(), shop.table_files());
    let told = |arguments: &[&str]| -> Vec<String> {
        let output = shop.sluice(&[arguments, &["--dry-run"]].concat());
        assert!(output.status.success(), "{arguments:?}: {}", said(&output));
        let text = String::from_utf8(output.stdout).unwrap();
        let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        text.lines().skip(1).map(words).collect()
    };
    let line = |what: &str, file: &str| format!("silver/sales {what} run_date=2026-08-{file}.csv");
    let again = |file: &str| line("load again", file);
    assert_eq!(told(&["replay"]), ["01/a", "01/b", "02/a"].map(again));
    assert_eq!(told(&["replay", "--from", "2026-08-02"]), [again("02/a")]);
    assert_eq!(
        told(&["replay", "--quarantine"]),
        ["01/a", "01/b"].map(again)
    );
    let range = ["backfill", "--from", "2026-08-01", "--to", "2026-08-01"];
    assert_eq!(told(&range), ["01/a", "01/c"].map(again));
    assert_eq!(
        told(&[&range[..], &["--prune"]].concat()),
        [again("01/a"), again("01/c"), line("drop its rows", "01/b")]
    );
    assert_eq!(shop.contents(), before);
    assert_eq!(shop.table_files(), files);
    // What the real command refuses, this does.
    change_contract(&shop, "mode: merge", "mode: overwrite");
    let refused = shop.sluice(&[&range[..], &["--dry-run"]].concat());
    assert!(said(&refused).contains("L2005"), "{}", said(&refused));
}

#[test]
fn what_cannot_be_loaded_again_is_said() {
    let shop = loaded();
    let wrong = |arguments: &[&str], code: &str| {
        let output = shop.sluice(arguments);
        assert_ne!(output.status.code(), Some(0));
        let said = said(&output);
        assert!(said.contains(code), "{said}");
    };
    wrong(&["replay", "nothing"], "O1002");
    wrong(&["replay", "--from", "yesterday"], "--from");
    wrong(&["backfill"], "--from");
    wrong(&["backfill", "--from", "1. August"], "C0014");
    let told = done(&shop, &["replay", "--from", "2030-01-01"]);
    assert!(told.contains("Nothing new"), "{told}");
}

/// <https://docs.snowflake.com/en/sql-reference/functions/copy_history>
#[test]
fn the_load_ledger_is_a_table() {
    let shop = loaded();
    shop.write("landing/run_date=2026-08-02/bad.csv", b"a,b\n1,2\n");
    shop.run_expecting(1);
    let columns = "file_name, row_count, row_parsed, file_size, first_error_message, first_error_line_number, \
                   first_error_column_name, error_count, status, table_catalog_name, table_schema_name, table_name, \
                   pipe_name";
    let history = "table(information_schema.copy_history(table_name => 'silver.sales', \
                   start_time => dateadd(hour, -1, current_timestamp())))";
    let shown = |from: &str| -> Vec<String> {
        let rows = shop.rows(&format!(
            "select {columns} from {from} order by last_load_time, file_name"
        ));
        rows.iter().map(ToString::to_string).collect()
    };
    let rows = shown(history);
    assert_eq!(rows.len(), 4, "{rows:#?}");
    assert_eq!(
        rows[0],
        r#"{"FILE_NAME":"landing/run_date=2026-08-01/a.csv","ROW_COUNT":2,"ROW_PARSED":3,"FILE_SIZE":91,"FIRST_ERROR_MESSAGE":"The order id is missing","FIRST_ERROR_LINE_NUMBER":4,"FIRST_ERROR_COLUMN_NAME":"ORDER_ID","ERROR_COUNT":1,"STATUS":"Partially loaded","TABLE_CATALOG_NAME":"SHOP","TABLE_SCHEMA_NAME":"SILVER","TABLE_NAME":"SALES","PIPE_NAME":null}"#
            .replace("landing/", "")
    );
    assert!(
        rows[2].contains(r#""ERROR_COUNT":0,"STATUS":"Loaded""#),
        "{}",
        rows[2]
    );
    assert!(
        rows[3].contains(r#""ROW_COUNT":0"#) && rows[3].contains("Load failed"),
        "{}",
        rows[3]
    );
    let location = shop.value(&format!("select distinct stage_location from {history}"));
    assert!(
        location.starts_with("file://") && location.ends_with("/landing/"),
        "{location}"
    );
    assert_eq!(shown("snowflake.account_usage.copy_history"), rows);
    assert_eq!(
        shop.value("select count(*) from information_schema.load_history"),
        "4"
    );
    let later = history.replace("-1", "1");
    assert!(shown(&later).is_empty());
}
