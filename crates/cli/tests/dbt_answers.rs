//! What dbt's commands say of statements and failures, to people and in files: `adapter_response`, batches, messages.

use std::process::Command;

use serde_json::{Value, json};

struct Shop(tempfile::TempDir);

impl Shop {
    fn new(files: &[(&str, &str)]) -> Self {
        let shop = Self(tempfile::tempdir().unwrap());
        shop.write("dbt_project.yml", "name: shop\nprofile: shop\n");
        shop.write(
            "profiles.yml",
            "shop:\n  target: dev\n  outputs:\n    \
             dev: {type: snowflake, account: a, user: u, database: SHOP, schema: DEV, threads: 1}\n    \
             duck: {type: duckdb, path: shop.duckdb, schema: dev}\n",
        );
        for (name, text) in files {
            shop.write(name, text);
        }
        shop
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.0.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.0.path().join(name)).unwrap()
    }

    /// The exit code and stdout of a dbt command.
    fn dbt(&self, words: &[&str]) -> (Option<i32>, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sluice"));
        command.current_dir(self.0.path()).arg("dbt").args(words);
        let done = command.env("NO_COLOR", "1").output().unwrap();
        let errors = String::from_utf8_lossy(&done.stderr);
        let said = String::from_utf8_lossy(&done.stdout);
        (done.status.code(), format!("{said}{errors}"))
    }

    fn result(&self, id: &str) -> Value {
        let results: Value = serde_json::from_str(&self.read("target/run_results.json")).unwrap();
        let results = results["results"].as_array().unwrap().clone();
        let mut results = results.into_iter();
        results.find(|result| result["unique_id"] == id).unwrap()
    }
}

fn assert_holds(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "`{part}` is missing in:\n{text}");
    }
}

#[test]
fn results_hold_what_the_adapter_says_of_the_statement() {
    let shop = Shop::new(&[
        ("seeds/s.csv", "id\n1\n2\n3\n"),
        ("models/v.sql", "select 1 as id"),
        (
            "models/v.yml",
            "unit_tests: [{name: one, model: v, given: [], expect: {rows: [{id: 1}]}}]\n",
        ),
        (
            "models/t.sql",
            "{{ config(materialized='table') }} select id from {{ ref('s') }}",
        ),
        (
            "models/e.sql",
            "{{ config(materialized='table') }} select id from {{ ref('s') }} where false",
        ),
        (
            "models/m.sql",
            "{{ config(materialized='incremental', unique_key='id') }}\n\
             select id, 1 as n from {{ ref('s') }} where id >= {{ var('from', 1) }}\n\
             union all select {{ var('new', 4) }}, 1",
        ),
        ("tests/none.sql", "select 1 where false"),
    ]);
    let (code, said) = shop.dbt(&["build"]);
    assert_eq!(code, Some(0), "{said}");
    let answer = |id: &str| shop.result(id)["adapter_response"].clone();
    let done = json!({"_message": "SUCCESS 1", "code": "SUCCESS", "rows_affected": 1});
    assert_eq!(answer("model.shop.v"), done);
    assert_eq!(answer("test.shop.none"), done);
    let both_sides = json!({"_message": "SUCCESS 2", "code": "SUCCESS", "rows_affected": 2});
    assert_eq!(answer("unit_test.shop.v.one"), both_sides);
    assert_eq!(
        answer("seed.shop.s"),
        json!({"_message": "INSERT 3", "code": "INSERT", "rows_affected": 3})
    );
    let changed = |affected: u64, inserted: u64, updated: u64| {
        json!({
            "_message": format!("SUCCESS {affected}"), "code": "SUCCESS", "rows_affected": affected,
            "rows_inserted": inserted, "rows_updated": updated, "rows_deleted": 0, "rows_duplicates": 0,
        })
    };
    assert_eq!(answer("model.shop.t"), changed(3, 3, 0));
    // The result of `create table as` is one row, also where the table has none.
    assert_eq!(answer("model.shop.e"), changed(1, 0, 0));
    assert_eq!(answer("model.shop.m"), changed(4, 4, 0));
    let run = |vars: &str| shop.dbt(&["run", "-s", "m", "--vars", vars]);
    assert_eq!(run("{from: 2, new: 5}").0, Some(0));
    assert_eq!(answer("model.shop.m"), changed(1, 1, 2));
    let (_, said) = run("{from: 2, new: 5}");
    assert_holds(&said, &["[SUCCESS 3 in "]);
    assert_eq!(answer("model.shop.m"), changed(3, 0, 3));
    assert_eq!(shop.dbt(&["seed", "--full-refresh"]).0, Some(0));
    assert_eq!(shop.result("seed.shop.s")["message"], "CREATE 3");
    let (_, said) = shop.dbt(&["build", "-s", "+t", "--target", "duck"]);
    assert_holds(&said, &["[INSERT 3 in ", "[OK in "]);
}

#[test]
fn batches_that_fail_leave_the_others_and_are_tried_again() {
    let shop = Shop::new(&[
        (
            "models/events.sql",
            "{{ config(materialized='table', event_time='ts') }}\n\
             select column1::timestamp_ntz as ts, column2 as n from values\n\
             ('2024-01-01 10:00:00', '1'), ('2024-01-02 10:00:00', '{{ var('second', 'x') }}'),\n\
             ('2024-01-03 10:00:00', '3')",
        ),
        (
            "models/days.sql",
            "{{ config(materialized='incremental', incremental_strategy='microbatch',\n\
             event_time='ts', batch_size='day', begin='2024-01-01') }}\n\
             select ts, n::int as n from {{ ref('events') }}",
        ),
    ]);
    let span = [
        "--event-time-start",
        "2024-01-01",
        "--event-time-end",
        "2024-01-04",
    ];
    let (code, said) = shop.dbt(&[&["run"], &span[..]].concat());
    assert_eq!(code, Some(1), "{said}");
    assert_holds(
        &said,
        &[
            "START sql microbatch model DEV.days",
            "Batch 1 of 3 START batch 2024-01-01 of DEV.days ",
            "Batch 1 of 3 OK created batch 2024-01-01 of DEV.days ",
            "Batch 2 of 3 ERROR creating batch 2024-01-02 of DEV.days ",
            "Batch 3 of 3 OK created batch 2024-01-03 of DEV.days ",
            "PARTIALLY created sql microbatch model DEV.days ",
            "[PARTIAL SUCCESS (2/3) in ",
            "Completed with 1 partial success and 0 warnings",
        ],
    );
    let day = |day: u8| format!("2024-01-0{day}T00:00:00+00:00");
    let spans = |days: &[u8]| -> Value {
        days.iter()
            .map(|from| json!([day(*from), day(from + 1)]))
            .collect()
    };
    let result = shop.result("model.shop.days");
    assert_eq!(result["status"], "partial success");
    assert_eq!(result["batch_results"]["successful"], spans(&[1, 3]));
    assert_eq!(result["batch_results"]["failed"], spans(&[2]));
    // What comes from it is repaired, and only the batch that failed is built.
    assert_eq!(shop.dbt(&["retry"]).0, Some(1));
    shop.write(
        "models/days.sql",
        &shop
            .read("models/days.sql")
            .replace("n::int", "try_to_number(n)"),
    );
    let (code, said) = shop.dbt(&["retry"]);
    assert_eq!(code, Some(0), "{said}");
    assert_holds(
        &said,
        &["Batch 1 of 1 OK created batch 2024-01-02 of DEV.days "],
    );
    let result = shop.result("model.shop.days");
    assert_eq!(result["message"], "SUCCESS");
    assert_eq!(result["batch_results"]["successful"], spans(&[2, 1, 3]));
    // If the first one fails, the others are left out, and nothing is built.
    let first = shop
        .read("models/days.sql")
        .replace("try_to_number(n)", "1 / 0");
    shop.write("models/days.sql", &first);
    let (code, said) = shop.dbt(&[&["run"], &span[..]].concat());
    assert_eq!(code, Some(1), "{said}");
    assert_holds(&said, &["Batch 3 of 3 SKIP batch 2024-01-03 of DEV.days "]);
    let result = shop.result("model.shop.days");
    assert_eq!(result["status"], "error");
    assert_eq!(result["batch_results"]["failed"], spans(&[1, 2, 3]));
}

#[test]
fn failures_are_told_in_dbts_words_at_the_end_and_kept() {
    let shop = Shop::new(&[
        (
            "models/missing.sql",
            "select * from nowhere\n{{ config(materialized='table') }}",
        ),
        (
            "models/raised.sql",
            "{% if execute %}{{ exceptions.raise_compiler_error('no good') }}{% endif %}",
        ),
        (
            "models/promised.sql",
            "{{ config(materialized='table') }} select 1 as a, 'x' as b, 2 as d",
        ),
        ("models/good.sql", "select 1 as a"),
        ("tests/odd.sql", "select nothing from {{ ref('good') }}"),
        (
            "models/all.yml",
            "models:\n  - name: promised\n    config: {contract: {enforced: true}}\n    columns:\n      \
             - {name: a, data_type: varchar}\n      - {name: b, data_type: varchar}\n      \
             - {name: c, data_type: int}\n  - name: good\n    columns:\n      - name: a\n        \
             data_tests:\n          - accepted_values: {arguments: {values: [2]}}\n          \
             - accepted_values: {arguments: {values: [3]}, config: {severity: warn}}\n",
        ),
    ]);
    let (code, said) = shop.dbt(&["build"]);
    assert_eq!(code, Some(1), "{said}");
    let missing = "Database Error in model missing (models/missing.sql)\n  \
                   Relation `SHOP.DEV.NOWHERE` does not exist\n  error[K3001]\n   --> models/missing.sql:1:15\n";
    let promised = "Compilation Error in model promised (models/promised.sql)\n  \
        This model has an enforced contract that failed.\n  Please ensure the name, data_type, and number \
        of columns in your contract match the columns in your model's definition.\n  \n  \
        | column_name | definition_type | contract_type | mismatch_reason       |\n  \
        | ----------- | --------------- | ------------- | --------------------- |\n  \
        | A           | FIXED           | TEXT          | data type mismatch    |\n  \
        | C           |                 | FIXED         | missing in definition |\n  \
        | D           | FIXED           |               | missing in contract   |\n  error[T1007]\n";
    let raised =
        "Compilation Error in model raised (models/raised.sql)\n  no good\n  error[D2003]\n";
    for (id, message) in [
        ("model.shop.missing", missing),
        ("model.shop.promised", promised),
        ("model.shop.raised", raised),
    ] {
        let kept = shop.result(id)["message"].as_str().unwrap().to_owned();
        assert!(kept.starts_with(message), "{kept}");
        assert_holds(&said, &[message]);
    }
    assert_holds(
        &said,
        &[
            "Found 4 models, 3 data tests, ",
            "Finished running 2 table models, 3 data tests, 2 view models in 0 hours 0 minutes and ",
            "Completed with 5 errors, 0 partial successes, and 1 warning:",
            "[ERROR]: in model missing (models/missing.sql)\n",
            "  compiled code at target/compiled/shop/models/missing.sql\n",
            "[ERROR]: in test accepted_values_good_a__2 (models/all.yml)\n",
            "  Got 1 result, configured to fail if != 0\n",
            "Database Error in test odd (tests/odd.sql)\n  Column `NOTHING` does not exist\n",
            "  compiled code at target/compiled/shop/tests/odd.sql\n",
            "[WARNING]: in test accepted_values_good_a__3 (models/all.yml)\n",
            "[WARNING]: Got 1 result, configured to warn if != 0\n",
            "Done. PASS=1 WARN=1 ERROR=5 SKIP=0 NO-OP=0 REUSED=0 TOTAL=7\n",
        ],
    );
    let (_, said) = shop.dbt(&["build", "-s", "missing", "--target", "duck"]);
    assert_holds(
        &said,
        &["Runtime Error in model missing (models/missing.sql)"],
    );
}

#[test]
fn logs_hold_statements_and_what_nodes_are() {
    let shop = Shop::new(&[(
        "models/a.sql",
        "{{ config(materialized='table', meta={'owner': 'me'}) }} select 1 as a",
    )]);
    let (code, said) = shop.dbt(&["run", "--log-format", "json"]);
    assert_eq!(code, Some(0), "{said}");
    let events: Vec<Value> = said
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let of = |name: &str| {
        let found = events.iter().find(|event| event["info"]["name"] == name);
        found.unwrap()["data"].clone()
    };
    let (start, end) = (of("LogStartLine"), of("LogModelResult"));
    assert_eq!(start["node_info"]["node_status"], "started");
    assert_eq!(end["node_info"]["node_status"], "success");
    assert_eq!(end["status"], "SUCCESS 1");
    for info in [&start["node_info"], &end["node_info"]] {
        assert_eq!(info["meta"], json!({"owner": "me"}));
        assert_eq!(info["node_checksum"].as_str().unwrap().len(), 64);
        assert_eq!(info["node_relation"]["database"], "SHOP");
    }
    assert_eq!(shop.dbt(&["run"]).0, Some(0));
    assert_holds(
        &shop.read("logs/dbt.log"),
        &[
            "On model.shop.a: create or replace transient table SHOP.DEV.A",
            "select 1 as a",
            "SQL status: SUCCESS 1 in ",
        ],
    );
    let summary: Value = serde_json::from_str(&shop.read("target/graph_summary.json")).unwrap();
    assert_eq!(
        summary["linked"],
        json!({"0": {"name": "model.shop.a", "type": "model"}})
    );
}

#[test]
fn operations_and_inline_queries_leave_results() {
    let shop = Shop::new(&[
        ("models/a.sql", "select 1 as a"),
        (
            "macros/m.sql",
            "{% macro tidy(table) %}{% do run_query('select * from ' ~ table) %}{% endmacro %}",
        ),
    ]);
    assert_eq!(shop.dbt(&["run"]).0, Some(0));
    let of = |table: &str| {
        shop.dbt(&[
            "run-operation",
            "tidy",
            "--args",
            &format!("table: {table}"),
        ])
    };
    assert_eq!(of("dev.a").0, Some(0));
    assert_eq!(shop.result("macro.shop.tidy")["status"], "success");
    let (code, said) = of("nowhere");
    assert_eq!(code, Some(1), "{said}");
    assert_holds(
        &said,
        &["[ERROR]: Encountered an error while running operation: Database Error\n  Relation `"],
    );
    let result = shop.result("macro.shop.tidy");
    assert_eq!(
        (&result["status"], &result["failures"]),
        (&json!("error"), &json!(1))
    );
    assert_eq!(shop.dbt(&["retry"]).0, Some(1));
    assert_eq!(shop.dbt(&["run-operation", "tidier"]).0, Some(2));
    let (_, said) = shop.dbt(&["run-operation", "--sql", "select * from {{ ref('a') }}"]);
    assert_holds(
        &said,
        &["1 of 1 OK executed inline_query ", "[SUCCESS 1 in "],
    );
    let result = shop.result("sql_operation.shop.inline_query");
    assert_eq!(result["adapter_response"]["rows_affected"], 1);
    assert_eq!(shop.dbt(&["compile", "--inline", "select 2"]).0, Some(0));
    let result = shop.result("sql_operation.shop.inline_query");
    assert_eq!(result["compiled_code"], "select 2");
}

#[test]
fn variables_of_a_file_stand_for_those_of_the_environment() {
    let shop = Shop::new(&[
        (
            ".env",
            "export DBT_TARGET=duck\nSHOP_NAME=\"our shop\"\nHOME=nowhere\n",
        ),
        (
            "models/a.sql",
            "select '{{ env_var('SHOP_NAME') }}' as a, '{{ env_var('HOME') }}' as h",
        ),
    ]);
    let (code, said) = shop.dbt(&["compile", "-s", "a"]);
    assert_eq!(code, Some(0), "{said}");
    assert_holds(&said, &["(target='duck')", "select 'our shop' as a"]);
    assert!(!said.contains("nowhere"), "{said}");
    let (code, said) = shop.dbt(&["--warn-error-options", "{error: [NoSuchEvent]}", "parse"]);
    assert_eq!(code, Some(2), "{said}");
    assert_holds(&said, &["error[D3001]", "`NoSuchEvent`"]);
    for wrong in ["{error: LogTestResult}", "{warn: [LogTestResult]}"] {
        let (code, said) = shop.dbt(&["--warn-error-options", wrong, "parse"]);
        assert_eq!(code, Some(2), "{said}");
    }
    shop.write(
        "packages.yml",
        "packages: [{git: \"https://{{ env_var('DBT_ENV_SECRET_TOKEN') }}@shop.invalid/a.git\"}]\n",
    );
    shop.write(".env", "DBT_ENV_SECRET_TOKEN=hidden\n");
    let (code, said) = shop.dbt(&["deps"]);
    assert_ne!(code, Some(0), "{said}");
    assert!(
        said.contains("*****@shop.invalid") && !said.contains("hidden"),
        "{said}"
    );
}

#[test]
fn nodes_are_left_out_where_a_hook_at_the_start_fails() {
    let shop = Shop::new(&[
        ("models/a.sql", "select 1 as a"),
        ("models/b.sql", "select * from {{ ref('a') }}"),
    ]);
    let project = |flag: &str| {
        shop.write(
            "dbt_project.yml",
            &format!(
                "name: shop\nprofile: shop\non-run-start: [\"create table kept (n int)\", \
                 \"select * from nowhere\", \"select 2\"]\n\
                 on-run-end: \"create or replace table seen as select {{{{ results | length }}}} as n\"\n{flag}"
            ),
        );
    };
    project("");
    let (code, said) = shop.dbt(&["run"]);
    assert_eq!(code, Some(1), "{said}");
    assert_holds(
        &said,
        &[
            "1 of 3 OK hook: shop.on-run-start.0 ",
            "2 of 3 ERROR hook: shop.on-run-start.1 ",
            "3 of 3 SKIP hook: shop.on-run-start.2 ",
            "2 of 2 SKIP relation DEV.b ",
            "1 of 1 OK hook: shop.on-run-end.0 ",
            "Completed with 2 errors, 0 partial successes, and 0 warnings:",
            "[ERROR]: in operation shop-on-run-start-1 (./dbt_project.yml)",
            "    shop.on-run-start.1 failed, error:\n Relation `SHOP.DEV.NOWHERE` does not exist\n",
            "Done. PASS=2 WARN=0 ERROR=1 SKIP=3 NO-OP=0 REUSED=0 TOTAL=6",
        ],
    );
    assert_eq!(shop.result("model.shop.a")["status"], "skipped");
    let seen = |flag: &str| {
        project(flag);
        let (_, said) = shop.dbt(&["run"]);
        let (_, seen) = shop.dbt(&["show", "--inline", "select n from seen", "--output", "json"]);
        (said, seen)
    };
    // What the hook before it did is there.
    let (said, seen) = seen("flags: {skip_nodes_if_on_run_start_fails: false}\n");
    assert_holds(
        &said,
        &[
            "1 of 3 ERROR hook: shop.on-run-start.0 ",
            "OK created sql view model DEV.b ",
        ],
    );
    assert!(seen.contains('3'), "{seen}");
}
