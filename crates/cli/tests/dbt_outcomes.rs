//! What dbt's commands select, run, tell and write, where dbt has rules of its own for it.

use std::process::{Command, Output};

use serde_json::{Value, json};

struct Shop(tempfile::TempDir);

impl Shop {
    fn new(files: &[(&str, &str)]) -> Self {
        let shop = Self(tempfile::tempdir().unwrap());
        shop.write("dbt_project.yml", "name: shop\nprofile: shop\n");
        shop.write(
            "profiles.yml",
            "shop:\n  target: dev\n  outputs:\n    \
             dev: {type: snowflake, account: a, user: u, database: SHOP, schema: DEV, threads: 2}\n",
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

    fn sluice(&self, words: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sluice"));
        command.current_dir(self.0.path()).args(words);
        command.env("DBT_ENV_CUSTOM_ENV_TEAM", "shop");
        command.output().unwrap()
    }

    /// The exit code and what is said.
    fn dbt(&self, words: &[&str]) -> (Option<i32>, String) {
        let done = self.sluice(&[&["dbt"], words].concat());
        let parts = [&done.stdout, &done.stderr];
        let text = parts.map(|part| String::from_utf8_lossy(part).into_owned());
        (done.status.code(), text.concat())
    }

    fn done(&self, words: &[&str]) -> String {
        let (code, text) = self.dbt(words);
        assert_eq!(code, Some(0), "{text}");
        text
    }

    fn query(&self, sql: &str) -> String {
        let done = self.sluice(&["sql", "-q", "--format", "csv", "-c", sql]);
        assert!(done.status.success());
        String::from_utf8(done.stdout).unwrap()
    }

    fn artifact(&self, name: &str) -> Value {
        let path = self.0.path().join("target").join(name);
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
    }

    fn statuses(&self) -> Vec<String> {
        let results = self.artifact("run_results.json");
        let results = results["results"].as_array().unwrap().iter();
        let shown = results.map(|result| format!("{} {}", result["unique_id"], result["status"]));
        shown.map(|text| text.replace('"', "")).collect()
    }
}

const ORDERS: &[(&str, &str)] = &[
    (
        "models/orders.sql",
        "{{ config(materialized='table', meta={'owner': 'me'}) }} select 1 as id",
    ),
    ("models/blank.sql", " \n"),
    (
        "models/all.yml",
        "models:\n  - name: orders\n    description: All of them.\n    \
         config: {persist_docs: {relation: true, columns: true}}\n    \
         columns: [{name: id, description: Its number., data_tests: [unique]}]\n\
         exposures:\n  - name: page\n    type: dashboard\n    owner: {name: me}\n    \
         depends_on: [ref('orders')]\n",
    ),
];

#[test]
fn exposures_and_hooks_follow_what_is_selected() {
    let shop = Shop::new(ORDERS);
    shop.write(
        "dbt_project.yml",
        "name: shop\nprofile: shop\non-run-start: [\"create table marks (n int)\"]\n",
    );
    shop.done(&["build", "--select", "nothing_like_this"]);
    assert!(!shop.query("show tables like 'marks'").contains("MARKS"));
    let told = shop.done(&["build"]);
    assert!(told.contains("NO-OP=1"), "{told}");
    assert_eq!(shop.statuses().last().unwrap(), "exposure.shop.page no-op");
    assert!(!shop.done(&["compile"]).contains("NO-OP"));
    shop.write("models/orders.sql", "select 1 / 0 as id");
    shop.write("dbt_project.yml", "name: shop\nprofile: shop\n");
    assert_eq!(shop.dbt(&["build"]).0, Some(1));
    assert_eq!(
        shop.statuses().last().unwrap(),
        "exposure.shop.page skipped"
    );
}

#[test]
fn listings_are_in_the_order_of_ids_and_show_what_is_asked_for() {
    let shop = Shop::new(ORDERS);
    shop.write("models/sub/a.sql", "select 2 as id");
    let lines = |words: &[&str]| {
        let done = shop.sluice(&[&["dbt", "ls"], words].concat());
        String::from_utf8(done.stdout).unwrap()
    };
    // By unique id, not by what is shown of it.
    assert_eq!(
        lines(&["--resource-type", "model exposure"]),
        "exposure:shop.page\nshop.sub.a\nshop.blank\nshop.orders\n"
    );
    assert_eq!(lines(&["-m", "orders"]), "shop.orders\n");
    assert_eq!(
        lines(&["-s", "orders"]),
        "shop.orders\nshop.unique_orders_id\n"
    );
    let keys = ["-m", "orders", "--output", "json", "--output-keys"];
    let shown = lines(
        &[
            &keys[..],
            &["name config.meta.owner config.nothing config.alias"],
        ]
        .concat(),
    );
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown, json!({"name": "orders", "config.meta.owner": "me"}));
}

#[test]
fn macros_are_heard_when_they_are_called_alone() {
    let shop = Shop::new(&[(
        "macros/m.sql",
        "{% macro m() %}{{ log('quiet') }}{{ log('loud', info=true) }}{% endmacro %}\n\
         {% macro broken() %}{{ log('before') }}{{ exceptions.raise_compiler_error('no') }}{% endmacro %}",
    )]);
    let told = shop.done(&["run-operation", "m"]);
    assert!(told.contains("loud") && !told.contains("quiet"), "{told}");
    assert!(
        shop.done(&["--debug", "run-operation", "m"])
            .contains("quiet")
    );
    shop.write(
        "dbt_packages/tools/dbt_project.yml",
        "name: tools\nprofile: shop\n",
    );
    let tool = "{% macro tool() %}{{ print('of a package') }}{% endmacro %}";
    shop.write("dbt_packages/tools/macros/tool.sql", tool);
    assert!(
        shop.done(&["run-operation", "tool"])
            .contains("of a package")
    );
    let (code, told) = shop.dbt(&["--debug", "run-operation", "broken"]);
    assert_ne!(code, Some(0));
    assert!(told.contains("before"), "{told}");
    let log = std::fs::read_to_string(shop.0.path().join("logs/dbt.log")).unwrap();
    assert!(log.contains("quiet") && log.contains("loud"));
}

#[test]
fn artifacts_tell_comments_statistics_and_no_secrets() {
    let shop = Shop::new(ORDERS);
    let vars = json!({"DBT_ENV_SECRET_KEY": "hidden", "plain": "shown"}).to_string();
    shop.done(&["run", "--vars", &vars]);
    let results = shop.artifact("run_results.json");
    let args = json!({"DBT_ENV_SECRET_KEY": "*****", "plain": "shown"});
    assert_eq!(results["args"]["vars"], args);
    assert_eq!(results["metadata"]["env"], json!({"TEAM": "shop"}));
    shop.done(&["docs", "generate"]);
    let orders = shop.artifact("catalog.json")["nodes"]["model.shop.orders"].clone();
    assert_eq!(orders["metadata"]["comment"], "All of them.");
    assert_eq!(orders["metadata"]["owner"], "ACCOUNTADMIN");
    assert_eq!(orders["columns"]["ID"]["comment"], "Its number.");
    assert_eq!(orders["stats"]["has_stats"]["value"], true);
    assert_eq!(orders["stats"]["row_count"]["value"], 1);
}

#[test]
fn warnings_of_tests_fail_where_warnings_are_errors() {
    let shop = Shop::new(&[
        ("models/a.sql", "select 1 as id"),
        ("models/b.sql", "select * from {{ ref('a') }}"),
        (
            "tests/odd.sql",
            "{{ config(severity='warn') }} select * from {{ ref('a') }}",
        ),
    ]);
    shop.done(&["build"]);
    assert_eq!(shop.dbt(&["--warn-error", "build"]).0, Some(1));
    let statuses = shop.statuses();
    assert!(
        statuses.contains(&"test.shop.odd fail".to_owned()),
        "{statuses:?}"
    );
    assert!(
        statuses.contains(&"model.shop.b skipped".to_owned()),
        "{statuses:?}"
    );
    let both = "{include: all, error: all}";
    assert_eq!(
        shop.dbt(&["--warn-error-options", both, "build"]).0,
        Some(2)
    );
}

#[test]
fn spans_of_event_time_are_moments() {
    let shop = Shop::new(&[
        (
            "models/input.sql",
            "{{ config(materialized='table', event_time='at') }}\n\
             select 1 as id, '2020-01-03 00:37:00+01:00' as at union all \
             select 2, '2020-01-03 00:37:00+00:00'",
        ),
        (
            "models/batches.sql",
            "{{ config(materialized='incremental', incremental_strategy='microbatch',\n\
             event_time='at', batch_size='hour', begin='2020-01-03') }}\n\
             select * from {{ ref('input') }}",
        ),
    ]);
    let (start, end) = ("--event-time-start", "--event-time-end");
    shop.done(&["run", start, "2020-01-03", end, "2020-01-03 01:00:00"]);
    assert_eq!(shop.query("select id from batches"), "ID\n2\n");
    for wrong in [
        &["run", start, "2020-01-03"][..],
        &["run", end, "2020-01-03"],
        &["run", start, "2020-01-03", end, "2020-01-03"],
    ] {
        let (code, told) = shop.dbt(wrong);
        assert_eq!(code, Some(2), "{told}");
        assert!(told.contains("--event-time-end"), "{told}");
    }
}

#[test]
fn empty_runs_read_no_rows_of_ephemeral_models_either() {
    let shop = Shop::new(&[
        (
            "models/inner.sql",
            "{{ config(materialized='ephemeral') }} select 1 as id",
        ),
        (
            "models/outer.sql",
            "{{ config(materialized='table') }} select * from {{ ref('inner') }}",
        ),
    ]);
    shop.write("seeds/given.csv", "id\n1\n");
    shop.write(
        "models/name.sql",
        "{% set given = ref('given') %}\n\
         {% do run_query(alter_relation_comment(given, 'x')) %}\n\
         select '{{ given.render() }}' as name, (select count(*) from {{ given }}) as n",
    );
    shop.done(&["seed"]);
    shop.done(&["run", "--empty"]);
    assert_eq!(shop.query("select count(*) as n from \"OUTER\""), "N\n0\n");
    assert_eq!(
        shop.query("select * from \"NAME\""),
        "NAME,N\nSHOP.DEV.given,0\n"
    );
}

#[test]
fn relations_are_made_of_parts_a_type_and_what_is_written() {
    let shop = Shop::new(&[(
        "models/m.sql",
        "{% set r = api.Relation.create('d', 's', 'i', 'view') %}\n\
         {% set i = api.Relation.create(identifier='i', schema='s', include_policy={'schema': false}) %}\n\
         {% set rows = run_query('select 7 as n') %}\n\
         select '{{ r.type }} {{ r }} {{ i }} {{ api.Column.string_type(5) }} {{ rows[0][0] if execute }}' as t",
    )]);
    shop.done(&["run"]);
    assert_eq!(
        shop.query("select t from m"),
        "T\nview d.s.i i character varying(5) 7\n"
    );
}

#[test]
fn a_key_that_is_empty_is_none_and_names_of_seeds_are_trimmed() {
    let shop = Shop::new(&[
        (
            "models/m.sql",
            "{{ config(materialized='incremental', unique_key='') }} select 1 as id",
        ),
        ("seeds/s.csv", "id, name\n1,a\n"),
    ]);
    shop.done(&["build"]);
    shop.done(&["run"]);
    assert_eq!(shop.query("select id from m"), "ID\n1\n1\n");
    assert_eq!(shop.query("select name from s"), "NAME\na\n");
}

#[test]
fn rows_are_shown_with_their_header_and_the_version_of_their_node() {
    let shop = Shop::new(&[
        (
            "models/v_v1.sql",
            "{{ config(sql_header='with given as (select 5 as n)') }} select n from given",
        ),
        (
            "models/v.yml",
            "models:\n  - name: v\n    latest_version: 1\n    versions: [{v: 1}]\n",
        ),
    ]);
    let told = shop.done(&["show", "--select", "v"]);
    assert!(
        told.contains("Previewing node 'v.v1':") && told.contains(" 5 "),
        "{told}"
    );
    let told = shop.done(&["show", "--inline", "select 6 as n"]);
    assert!(told.contains("Previewing inline node:"), "{told}");
}

#[test]
fn what_another_target_puts_elsewhere_is_not_modified() {
    let shop = Shop::new(ORDERS);
    shop.done(&["run"]);
    let (target, before) = (shop.0.path().join("target"), shop.0.path().join("before"));
    std::fs::create_dir(&before).unwrap();
    std::fs::copy(target.join("manifest.json"), before.join("manifest.json")).unwrap();
    shop.write(
        "profiles.yml",
        "shop:\n  target: ci\n  outputs:\n    \
         ci: {type: snowflake, account: a, user: u, database: OTHER, schema: CI}\n",
    );
    let modified = || {
        let words = [
            "dbt",
            "ls",
            "-q",
            "-s",
            "state:modified",
            "--state",
            "before",
        ];
        String::from_utf8(shop.sluice(&words).stdout).unwrap()
    };
    assert_eq!(modified(), "");
    shop.write("models/orders.sql", "select 2 as id");
    assert_eq!(modified(), "shop.orders\nshop.unique_orders_id\n");
    let old = std::fs::read_to_string(before.join("manifest.json")).unwrap();
    let old = old.replace("manifest/v12.json", "manifest/v3.json");
    std::fs::write(before.join("manifest.json"), old).unwrap();
    let (code, told) = shop.dbt(&["ls", "-s", "state:modified", "--state", "before"]);
    assert_eq!(code, Some(2), "{told}");
}

#[test]
fn exposures_are_selected_by_name() {
    let shop = Shop::new(ORDERS);
    shop.done(&["build", "--exclude", "page"]);
    assert!(
        !shop
            .statuses()
            .iter()
            .any(|status| status.starts_with("exposure."))
    );
    shop.done(&["build", "--select", "+page"]);
    assert_eq!(shop.statuses().len(), 3);
}

#[test]
fn what_is_run_is_kept() {
    let shop = Shop::new(&[
        (
            "models/orders.sql",
            "{{ config(materialized='incremental', unique_key='id') }} select 1 as id, 'a' as name",
        ),
        (
            "models/open.sql",
            "{{ config(materialized='own') }} select * from {{ ref('orders') }}",
        ),
        (
            "models/all.yml",
            "models: [{name: orders, columns: [{name: id, data_tests: [unique]}]}]\n",
        ),
        (
            "macros/own.sql",
            "{% materialization own, default %}{% call statement('other') %}select 1{% endcall %}\
             {% call statement('main') %}create or replace view {{ this }} as {{ sql }}{% endcall %}\
             {{ return({'relations': [this]}) }}{% endmaterialization %}",
        ),
    ]);
    let run = |name: &str| {
        let path = shop.0.path().join("target/run/shop").join(name);
        let text = std::fs::read_to_string(path).unwrap();
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    shop.done(&["build"]);
    let created = run("models/orders.sql");
    assert!(created.starts_with("create or replace"), "{created}");
    assert!(
        created.ends_with("as ( select 1 as id, 'a' as name )"),
        "{created}"
    );
    assert_eq!(
        run("models/open.sql"),
        "create or replace view SHOP.DEV.open as select * from SHOP.DEV.orders"
    );
    let test = run("models/all.yml/unique_orders_id.sql");
    assert!(
        test.starts_with("select count(*) as failures, count(*) != 0 as should_warn"),
        "{test}"
    );
    shop.done(&["run"]);
    let merged = run("models/orders.sql");
    assert!(merged.starts_with("merge into"), "{merged}");
    // What fails can be looked at.
    shop.write(
        "models/orders.sql",
        "{{ config(materialized='table') }} select 1 / 0 as id",
    );
    let (code, said) = shop.dbt(&["run", "--select", "orders"]);
    assert_eq!(code, Some(1), "{said}");
    let failed = run("models/orders.sql");
    assert!(failed.contains("select 1 / 0 as id"), "{failed}");
}
