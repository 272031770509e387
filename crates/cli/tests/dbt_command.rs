//! `sluice dbt` on a folder that holds a dbt project and nothing else.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

const FILES: [(&str, &str); 9] = [
    (
        "dbt_project.yml",
        "name: shop\nversion: '1'\nprofile: shop\nmodels: {shop: {+materialized: view}}\n",
    ),
    (
        "profiles.yml",
        "shop:\n  target: dev\n  outputs:\n    dev: {type: snowflake, account: a, user: u, database: SHOP, schema: DEV, threads: 2}\n    \
         duck: {type: duckdb, path: shop.duckdb, threads: 2}\n",
    ),
    (
        "seeds/raw_orders.csv",
        "id,customer,amount\n1,1,10.5\n2,1,20\n3,2,30\n",
    ),
    (
        "models/stg_orders.sql",
        "select id as order_id, customer as customer_id, amount from {{ ref('raw_orders') }}",
    ),
    (
        "models/totals.sql",
        "{{ config(materialized='ephemeral') }} select customer_id, sum(amount) as total from {{ ref('stg_orders') }} group by 1",
    ),
    (
        "models/customers.sql",
        "{{ config(materialized='table') }} select customer_id, total, {{ var('bonus', 0) }} as bonus from {{ ref('totals') }}",
    ),
    (
        "models/orders.sql",
        "{{ config(materialized='incremental', unique_key='order_id') }} select * from {{ ref('stg_orders') }}\n\
         {% if is_incremental() %} where order_id > (select max(order_id) from {{ this }}) {% endif %}",
    ),
    (
        "models/schema.yml",
        "models:\n  - name: stg_orders\n    columns:\n      - name: order_id\n        data_tests: [unique, not_null]\n  \
         - name: orders\n    columns:\n      - name: amount\n        data_tests:\n          - accepted_values:\n              \
         arguments: {values: [1]}\n              config: {severity: warn}\n",
    ),
    (
        "snapshots/history.yml",
        "snapshots:\n  - name: history\n    relation: ref('stg_orders')\n    \
         config: {unique_key: order_id, strategy: check, check_cols: all}\n",
    ),
];

struct Shop(tempfile::TempDir);

impl Shop {
    fn new() -> Self {
        let shop = Self(tempfile::tempdir().unwrap());
        for (name, text) in FILES {
            shop.write(name, text);
        }
        shop
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.0.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn sluice(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_sluice"))
            .args(arguments)
            .current_dir(self.0.path())
            .env("NO_COLOR", "1")
            .env_remove("SLUICE_ENV")
            .output()
            .unwrap()
    }

    /// The exit code and stdout of a dbt command.
    fn dbt(&self, line: &str) -> (Option<i32>, String) {
        let mut arguments = vec!["dbt"];
        arguments.extend(line.split_whitespace());
        let output = self.sluice(&arguments);
        let mut text = String::from_utf8(output.stdout).unwrap();
        text.push_str(&String::from_utf8(output.stderr).unwrap());
        (output.status.code(), text)
    }

    fn csv(&self, sql: &str) -> String {
        let output = self.sluice(&["sql", "-q", "--format", "csv", "-c", sql]);
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    }

    fn json(&self, name: &str) -> Value {
        let path: &Path = &self.0.path().join("target").join(name);
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
    }
}

fn assert_holds(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "`{part}` is missing in:\n{text}");
    }
}

#[test]
fn builds_what_snowflake_and_duckdb_profiles_say() {
    let shop = Shop::new();
    for (target, answer) in [("dev", "[SUCCESS 2 in "), ("duck", "[OK in ")] {
        let (code, text) = shop.dbt(&format!("build --target {target}"));
        assert_eq!(code, Some(0), "{text}");
        assert_holds(
            &text,
            &[
                "OK loaded seed file",
                "[INSERT 3 in ",
                "OK created sql table model",
                answer,
                "WARN 3 accepted_values_orders_amount__1",
            ],
        );
        assert_holds(
            &text,
            &["Done. PASS=7 WARN=1 ERROR=0 SKIP=0 NO-OP=0 REUSED=0 TOTAL=8"],
        );
    }
    assert_eq!(
        shop.csv("select customer_id, total from dev.customers order by 1"),
        "CUSTOMER_ID,TOTAL\n1,30.5\n2,30\n"
    );
    assert_eq!(
        shop.csv("select count(*) n from shop.main.history"),
        "N\n3\n"
    );
    let results = shop.json("run_results.json");
    assert_eq!(results["results"].as_array().unwrap().len(), 8);
    let manifest = shop.json("manifest.json");
    let code = manifest["nodes"]["model.shop.customers"]["compiled_code"]
        .as_str()
        .unwrap();
    assert!(code.contains("__dbt__cte__totals"), "{code}");
}

#[test]
fn a_failing_test_keeps_back_what_depends_on_it_and_nothing_else() {
    let shop = Shop::new();
    assert_eq!(shop.dbt("build").0, Some(0));
    shop.write(
        "seeds/raw_orders.csv",
        "id,customer,amount\n1,1,10.5\n1,1,20\n9,2,30\n",
    );
    let (code, text) = shop.dbt("build --store-failures");
    assert_eq!(code, Some(1), "{text}");
    assert_holds(
        &text,
        &[
            "FAIL 1 unique_stg_orders_order_id",
            "SKIP relation DEV.customers",
            "SKIP relation DEV.orders",
        ],
    );
    assert_holds(
        &text,
        &["Done. PASS=3 WARN=0 ERROR=1 SKIP=4 NO-OP=0 REUSED=0 TOTAL=8"],
    );
    // What came before the failure is published, what came after is as it was.
    assert_eq!(
        shop.csv("select max(order_id) n from dev.stg_orders"),
        "N\n9\n"
    );
    assert_eq!(shop.csv("select max(order_id) n from dev.orders"), "N\n3\n");
    assert_eq!(
        shop.csv("select count(*) n from dev_dbt_test__audit.unique_stg_orders_order_id"),
        "N\n1\n"
    );
    // `run` does not ask tests.
    let (code, text) = shop.dbt("run");
    assert_eq!(code, Some(0), "{text}");
    assert_eq!(shop.csv("select count(*) n from dev.orders"), "N\n4\n");
    let (_, text) = shop.dbt("run --full-refresh -s orders --vars {bonus:1}");
    assert_holds(
        &text,
        &[
            "1 of 1 OK created sql incremental model DEV.orders",
            "[SUCCESS 3 in ",
        ],
    );
    assert_eq!(shop.csv("select count(*) n from dev.orders"), "N\n3\n");
}

#[test]
fn snapshots_keep_what_was() {
    let shop = Shop::new();
    assert_eq!(shop.dbt("build").0, Some(0));
    shop.write(
        "seeds/raw_orders.csv",
        "id,customer,amount\n1,1,10.5\n2,1,25\n3,2,30\n",
    );
    assert_eq!(shop.dbt("seed").0, Some(0));
    let (code, text) = shop.dbt("snapshot");
    assert_eq!(code, Some(0), "{text}");
    let rows = shop.csv("select amount, dbt_valid_to is null as is_current from dev.history where order_id = 2 order by 1");
    assert_eq!(rows, "AMOUNT,IS_CURRENT\n20,false\n25,true\n");
}

#[test]
fn lists_shows_and_compares() {
    let shop = Shop::new();
    assert_eq!(
        shop.dbt("ls --select +customers --resource-type model --output name")
            .1,
        "customers\nstg_orders\ntotals\n"
    );
    let (_, text) = shop.dbt("ls -s raw_orders --output json --output-keys name unique_id");
    let listed: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(listed["unique_id"], "seed.shop.raw_orders");
    assert_eq!(shop.dbt("build -q").0, Some(0));
    let output = shop.sluice(&[
        "dbt",
        "-q",
        "show",
        "--inline",
        "select max(order_id) as n from {{ ref('orders') }}",
        "--output",
        "json",
    ]);
    let shown: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(shown["show"][0]["N"], 3);
    std::fs::rename(shop.0.path().join("target"), shop.0.path().join("before")).unwrap();
    shop.write("models/totals.sql", "{{ config(materialized='ephemeral') }} select customer_id, max(amount) as total from {{ ref('stg_orders') }} group by 1");
    assert_eq!(
        shop.dbt("ls -s state:modified+ --state before").1,
        "shop.customers\nshop.totals\n"
    );
}

#[test]
fn says_what_is_wrong_and_what_is_missing() {
    let shop = Shop::new();
    for (line, code) in [
        ("run --sample 3days", "error[D3001]"),
        ("run --defer", "error[D3004]"),
        ("clone", "error[D3004]"),
        ("retry", "error[D4002]"),
    ] {
        let (exit, text) = shop.dbt(line);
        assert_eq!(exit, Some(2), "{text}");
        assert_holds(&text, &[code]);
    }
    let (code, text) = shop.dbt("run --profiles-dir elsewhere");
    assert_eq!(code, Some(2), "{text}");
    assert_holds(&text, &["error[D1011]"]);
    assert_eq!(shop.dbt("build").0, Some(0));
    shop.write(
        "models/orders.sql",
        "select nope from {{ ref('stg_orders') }}",
    );
    let (code, text) = shop.dbt("run -s orders");
    assert_eq!(code, Some(1), "{text}");
    assert_holds(
        &text,
        &[
            "ERROR creating sql view model DEV.orders",
            "Database Error in model orders (models/orders.sql)",
            "  Column `NOPE` does not exist\n  error[E1101]",
        ],
    );
    // What readers had is still there.
    assert_eq!(shop.csv("select count(*) n from dev.orders"), "N\n3\n");
    shop.write("models/orders.sql", "select * from {{ ref('stg_order') }}");
    let (code, text) = shop.dbt("parse");
    assert_eq!(code, Some(2), "{text}");
    assert_holds(
        &text,
        &["error[D1004]", "models/orders.sql:1:", "stg_orders"],
    );
}

#[test]
fn a_whole_run_is_published_or_nothing() {
    let shop = Shop::new();
    let (code, text) = shop.dbt("build --publish run");
    assert_eq!(code, Some(0), "{text}");
    assert_holds(&text, &["Published: readers see all of this run now"]);
    // A second run changes the seed, then a test fails: readers keep the first run's rows.
    shop.write(
        "seeds/raw_orders.csv",
        "id,customer,amount\n1,1,99\n1,1,99\n",
    );
    let (code, text) = shop.dbt("build --publish run");
    assert_eq!(code, Some(1), "{text}");
    assert_holds(&text, &["Nothing is published"]);
    let text = shop.csv("select count(*), sum(amount) from raw_orders");
    assert_holds(&text, &["3,60.5"]);
}

#[test]
fn unchanged_nodes_are_reused_and_changed_ones_say_why() {
    let shop = Shop::new();
    assert_eq!(shop.dbt("build").0, Some(0));
    let (code, text) = shop.dbt("build --state-aware");
    assert_eq!(code, Some(0), "{text}");
    assert_holds(&text, &["REUSED sql table model DEV.customers"]);
    let (code, text) = shop.dbt("build --state-aware --vars {\"bonus\":5}");
    assert_eq!(code, Some(0), "{text}");
    assert_holds(
        &text,
        &["its code, configuration, macros or variables changed"],
    );
}

#[test]
fn changed_variables_are_a_modification() {
    let shop = Shop::new();
    assert_eq!(shop.dbt("parse").0, Some(0));
    std::fs::rename(shop.0.path().join("target"), shop.0.path().join("before")).unwrap();
    let (_, text) = shop.dbt("ls --select state:modified --state before --resource-type model");
    assert!(!text.contains("shop."), "{text}");
    let line =
        "ls --select state:modified --state before --resource-type model --vars {\"bonus\":7}";
    let (code, text) = shop.dbt(line);
    assert_eq!(code, Some(0), "{text}");
    assert_holds(&text, &["shop.customers"]);
    assert!(!text.contains("shop.stg_orders"), "{text}");
}

#[test]
fn hooks_of_parallel_nodes_may_write_to_one_table() {
    let shop = Shop::new();
    shop.write(
        "dbt_project.yml",
        "name: shop\nversion: '1'\nprofile: shop\n\
         on-run-start: [\"create table if not exists dev.log (node varchar)\"]\n\
         models:\n  shop: {+post-hook: \"insert into dev.log values ('{{ this.name }}')\"}\n",
    );
    for name in ["a", "b", "c", "d"] {
        shop.write(&format!("models/{name}.sql"), "select 1 as n");
    }
    let (code, text) = shop.dbt("run -s a b c d --threads 4");
    assert_eq!(code, Some(0), "{text}");
    let log = shop.csv("select node from dev.log order by 1");
    assert_eq!(log, "NODE\na\nb\nc\nd\n");
}

#[test]
fn incremental_tables_follow_the_columns_and_keys_of_their_models() {
    let shop = Shop::new();
    shop.write("seeds/raw_orders.csv", "id,customer,amount\n1,1,1\n2,1,2\n");
    shop.write(
        "models/pairs.sql",
        "{{ config(materialized='incremental', incremental_strategy='delete+insert',\n\
         unique_key=['id', 'customer'], on_schema_change='sync_all_columns') }}\n\
         select id, customer, {{ 'amount as paid' if var('new', false) else 'amount' }} from {{ ref('raw_orders') }}",
    );
    assert_eq!(shop.dbt("build -s raw_orders pairs").0, Some(0));
    shop.write(
        "seeds/raw_orders.csv",
        "id,customer,amount\n2,1,20\n3,1,30\n",
    );
    let (code, text) = shop.dbt("build -s raw_orders pairs --vars {\"new\":true}");
    assert_eq!(code, Some(0), "{text}");
    let rows = shop.csv("select * from dev.pairs order by id");
    assert_eq!(rows, "ID,CUSTOMER,PAID\n1,1,\n2,1,20\n3,1,30\n");
}

#[test]
fn snapshots_gain_columns_and_end_when_they_are_told_to() {
    let shop = Shop::new();
    shop.write(
        "snapshots/history.yml",
        "snapshots:\n  - name: history\n    relation: ref('raw_orders')\n    config:\n      \
         unique_key: [id, customer]\n      strategy: check\n      check_cols: all\n      hard_deletes: new_record\n      \
         dbt_valid_to_current: \"to_date('9999-12-31')\"\n      \
         snapshot_meta_column_names: {dbt_valid_to: until, dbt_is_deleted: gone}\n",
    );
    shop.write("seeds/raw_orders.csv", "id,customer,amount\n1,1,1\n2,1,2\n");
    assert_eq!(shop.dbt("build -s raw_orders history").0, Some(0));
    shop.write("seeds/raw_orders.csv", "id,customer,amount,note\n1,1,1,n\n");
    let (code, text) = shop.dbt("build -s raw_orders history");
    assert_eq!(code, Some(0), "{text}");
    let rows = shop.csv(
        "select id, note, gone, until = '9999-12-31'::timestamp_ntz as current_one \
         from dev.history order by id, dbt_valid_from",
    );
    assert_eq!(
        rows,
        "ID,NOTE,GONE,CURRENT_ONE\n1,,False,false\n1,n,False,true\n2,,False,false\n2,,True,true\n"
    );
}
