//! What dbt's materialisations and tests leave behind when a project is run again with other data or code.

use std::process::{Command, Output};

use serde_json::{Value, json};

struct Shop(tempfile::TempDir);

impl Shop {
    fn new() -> Self {
        let shop = Self(tempfile::tempdir().unwrap());
        shop.write("dbt_project.yml", "name: shop\nprofile: shop\n");
        shop.write(
            "profiles.yml",
            "shop:\n  target: dev\n  outputs:\n    \
             dev: {type: snowflake, account: a, user: u, database: SHOP, schema: DEV, threads: 2}\n    \
             duck: {type: duckdb, path: shop.duckdb, schema: dev, threads: 2}\n",
        );
        shop
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.0.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn sluice(&self, words: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sluice"));
        command.current_dir(self.0.path()).args(words);
        command.output().unwrap()
    }

    fn builds(&self, words: &[&str]) -> String {
        let done = self.sluice(&[&["dbt"], words].concat());
        assert!(done.status.success(), "{}", text(&done));
        text(&done)
    }

    fn fails(&self, words: &[&str]) -> String {
        let done = self.sluice(&[&["dbt"], words].concat());
        assert!(!done.status.success(), "{}", text(&done));
        text(&done)
    }

    fn query(&self, sql: &str) -> String {
        let done = self.sluice(&["sql", "-q", "--format", "csv", "-c", sql]);
        assert!(done.status.success(), "{}", text(&done));
        String::from_utf8(done.stdout).unwrap()
    }

    fn results(&self) -> Vec<Value> {
        let path = self.0.path().join("target/run_results.json");
        let all: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        all["results"].as_array().unwrap().clone()
    }
}

fn text(done: &Output) -> String {
    let parts = [&done.stdout, &done.stderr].map(|part| String::from_utf8_lossy(part).into_owned());
    parts.concat()
}

#[test]
fn incremental_tables_follow_columns_as_configured() {
    let shop = Shop::new();
    for mode in ["ignore", "fail", "sync_all_columns", "append_new_columns"] {
        shop.write(
            &format!("models/{mode}.sql"),
            &format!(
                "{{{{ config(materialized='incremental', on_schema_change='{mode}') }}}}\n\
                 select {{{{ var('columns') }}}}"
            ),
        );
    }
    let run = |mode: &str, columns: &str| {
        let vars = json!({ "columns": columns }).to_string();
        let done = shop.sluice(&["dbt", "run", "--select", mode, "--vars", &vars]);
        (done.status.success(), text(&done))
    };
    for mode in ["ignore", "fail", "sync_all_columns", "append_new_columns"] {
        assert!(run(mode, "1 as id, 2 as n").0);
    }
    let (good, said) = run("ignore", "2 as id");
    assert!(!good && said.contains("error[T1003]"), "{said}");
    assert!(run("ignore", "2 as id, 3 as n, 4 as more").0);
    assert_eq!(
        shop.query("select * from shop.dev.ignore order by id"),
        "ID,N\n1,2\n2,3\n"
    );
    let (good, said) = run("fail", "2 as id, 'x' as n");
    assert!(!good && said.contains("N VARCHAR"), "{said}");
    assert!(run("sync_all_columns", "2 as id, 'x' as n, true as more").0);
    assert_eq!(
        shop.query("select * from shop.dev.sync_all_columns order by id"),
        "ID,N,MORE\n1,2,\n2,x,true\n"
    );
    assert!(run("append_new_columns", "2 as id, true as more").0);
    assert_eq!(
        shop.query("select * from shop.dev.append_new_columns order by id"),
        "ID,N,MORE\n1,2,\n2,,true\n"
    );
    shop.write(
        "models/odd.sql",
        "{{ config(materialized='incremental', on_schema_change='whatever') }} select 1 as id",
    );
    let (good, said) = run("odd", "1");
    assert!(good && said.contains("T1002"), "{said}");
    shop.write(
        "models/odd.sql",
        "{{ config(materialized='incremental', contract={'enforced': true}) }} select 1 as id",
    );
    let (good, said) = run("odd", "1");
    assert!(!good && said.contains("error[D1051]"), "{said}");
}

#[test]
fn stored_failures_are_those_of_the_last_run() {
    let shop = Shop::new();
    shop.write("seeds/raw.csv", "id\n1\n1\n");
    shop.write(
        "seeds/raw.yml",
        "seeds:\n  - name: raw\n    columns:\n      - name: id\n        data_tests:\n          \
         - unique: {name: kept, config: {store_failures: true, severity: warn}}\n          \
         - unique: {name: seen, config: {store_failures_as: view, severity: warn}}\n          \
         - unique: {name: lost, config: {store_failures: true, store_failures_as: ephemeral, severity: warn}}\n",
    );
    shop.builds(&["build"]);
    let count = |name: &str| {
        shop.query(&format!(
            "select count(*) as n from shop.dev_dbt_test__audit.{name}"
        ))
    };
    assert_eq!(
        (count("kept").as_str(), count("seen").as_str()),
        ("N\n1\n", "N\n1\n")
    );
    assert!(
        shop.query("show views in schema shop.dev_dbt_test__audit")
            .contains("SEEN")
    );
    assert!(
        !shop
            .query("show objects in schema shop.dev_dbt_test__audit")
            .contains("LOST")
    );
    shop.write("seeds/raw.csv", "id\n1\n2\n");
    shop.builds(&["build"]);
    assert_eq!(
        (count("kept").as_str(), count("seen").as_str()),
        ("N\n0\n", "N\n0\n")
    );
}

#[test]
fn tests_of_one_table_are_told_one_by_one() {
    let shop = Shop::new();
    shop.write("seeds/raw.csv", "id,kind,note\n1,a,x\n2,b,\n2,c,\n,,\n");
    shop.write(
        "seeds/raw.yml",
        "seeds:\n  - name: raw\n    columns:\n      - name: id\n        data_tests:\n          \
         - unique\n          - not_null\n          - not_null: {name: nn_where, config: {where: \"kind = 'a'\"}}\n          \
         - not_null: {name: nn_calc, config: {fail_calc: count(*) + 5, error_if: \">10\", warn_if: \">10\"}}\n      \
         - name: kind\n        data_tests:\n          - unique\n          \
         - accepted_values: {arguments: {values: [a, b, c]}}\n          \
         - accepted_values: {name: few, arguments: {values: [a, b]}, config: {severity: warn}}\n      \
         - name: note\n        data_tests:\n          - not_null: {config: {severity: warn, limit: 2}}\n          - unique\n",
    );
    shop.fails(&["build"]);
    let results = shop.results();
    let result = |name: &str| {
        let found = results.iter().find(|result| {
            let id = result["unique_id"].as_str().unwrap();
            id.contains(&format!(".{name}."))
        });
        let found = found.unwrap();
        (
            found["status"].as_str().unwrap().to_owned(),
            found["failures"].as_i64().unwrap(),
        )
    };
    let expected = [
        ("unique_raw_id", "fail", 1),
        ("not_null_raw_id", "fail", 1),
        ("nn_where", "pass", 0),
        ("nn_calc", "pass", 0),
        ("unique_raw_kind", "pass", 0),
        ("accepted_values_raw_kind__a__b__c", "pass", 0),
        ("few", "warn", 1),
        ("not_null_raw_note", "warn", 2),
        ("unique_raw_note", "pass", 0),
    ];
    for (name, status, failures) in expected {
        assert_eq!(result(name), (status.to_owned(), failures), "{name}");
    }
}

#[test]
fn a_project_brings_its_own_snapshot_strategy() {
    let shop = Shop::new();
    shop.write(
        "macros/strategy.sql",
        "{% macro snapshot_digest_strategy(node, snapshotted_rel, current_rel, config, target_exists) %}\n\
         {% set now = \"to_timestamp_ntz('\" ~ var('now') ~ \"')\" %}\n\
         {{ return({'unique_key': config.unique_key, 'updated_at': now, 'invalidate_hard_deletes': false,\n\
           'row_changed': snapshotted_rel ~ '.digest <> ' ~ current_rel ~ '.digest',\n\
           'scd_id': snapshot_hash_arguments([config.unique_key, now])}) }}\n{% endmacro %}\n",
    );
    shop.write(
        "snapshots/s.sql",
        "{% snapshot s %}{{ config(target_schema='dev', unique_key='id', strategy='digest') }}\n\
         select 1 as id, '{{ var('value') }}' as value, md5('{{ var('value') }}') as digest{% endsnapshot %}",
    );
    for (value, now) in [
        ("a", "2024-01-01"),
        ("a", "2024-01-02"),
        ("b", "2024-01-03"),
    ] {
        let vars = json!({ "value": value, "now": now }).to_string();
        shop.builds(&["snapshot", "--vars", &vars]);
    }
    assert_eq!(
        shop.query(
            "select value, dbt_valid_from::date as since, dbt_valid_to::date as until from shop.dev.s order by 2"
        ),
        "VALUE,SINCE,UNTIL\na,2024-01-01,2024-01-03\nb,2024-01-03,\n"
    );
}

#[test]
fn a_version_may_begin_at_the_moment_of_the_one_it_ends_where_dbt_updates_and_inserts() {
    let shop = Shop::new();
    shop.write(
        "snapshots/s.yml",
        "snapshots:\n  - name: s\n    relation: ref('m')\n    \
         config: {unique_key: id, strategy: check, check_cols: all, updated_at: at}\n",
    );
    shop.write(
        "models/m.sql",
        "select 1 as id, {{ var('value') }} as value, cast('2024-01-01' as timestamp) as at",
    );
    for value in ["1", "2"] {
        let vars = format!("{{value: {value}}}");
        shop.builds(&["build", "--target", "duck", "--vars", &vars]);
    }
    assert_eq!(
        shop.query("select value, dbt_valid_to is null as is_current from shop.dev.s order by 1"),
        "VALUE,IS_CURRENT\n1,false\n2,true\n"
    );
}

#[test]
fn hooks_of_a_run_are_among_its_results() {
    let shop = Shop::new();
    shop.write(
        "dbt_project.yml",
        "name: shop\nprofile: shop\non-run-start: [\"select 1\", \"select 2\"]\non-run-end: \"select 3\"\n",
    );
    shop.write("models/m.sql", "select 1 as n");
    shop.builds(&["run"]);
    let ids: Vec<String> = shop
        .results()
        .iter()
        .map(|result| format!("{} {}", result["unique_id"], result["message"]).replace('"', ""))
        .collect();
    assert_eq!(
        ids,
        [
            "operation.shop.shop-on-run-start-0 shop.on-run-start.0 passed",
            "operation.shop.shop-on-run-start-1 shop.on-run-start.1 passed",
            "model.shop.m SUCCESS 1",
            "operation.shop.shop-on-run-end-0 shop.on-run-end.0 passed",
        ]
    );
}
