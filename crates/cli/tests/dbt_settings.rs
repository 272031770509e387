//! Settings of Snowflake's adapter, and lineage of columns, on the embedded warehouse.

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
             dev: {type: snowflake, account: a, user: u, database: SHOP, schema: DEV, threads: 2, query_tag: all}\n",
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

    fn builds(&self) -> String {
        let done = self.sluice(&["dbt", "build"]);
        assert!(done.status.success(), "{}", text(&done));
        text(&done)
    }

    fn query(&self, sql: &str) -> Vec<Value> {
        let done = self.sluice(&["sql", "-q", "--format", "json", "-c", sql]);
        assert!(done.status.success(), "{}", text(&done));
        serde_json::from_slice(&done.stdout).unwrap()
    }
}

fn text(done: &Output) -> String {
    let parts = [&done.stdout, &done.stderr].map(|part| String::from_utf8_lossy(part).into_owned());
    parts.concat()
}

#[test]
fn what_snowflake_has_is_passed_on() {
    let shop = Shop::new();
    shop.write(
        "models/orders.sql",
        "{{ config(materialized='table', cluster_by=['day', 'id'], transient=false, query_tag='loud', \
         snowflake_warehouse='big', persist_docs={'relation': true, 'columns': true}, \
         pre_hook=\"set tag = (select current_warehouse())\") }}\n\
         select column1 as id, column2::date as day, $tag as wh from values (2, '2024-01-02'), (1, '2024-01-01')",
    );
    shop.write(
        "models/calm.sql",
        "{{ config(materialized='table', post_hook='create or replace table shop.dev.tags as select distinct query_tag \
         from table(information_schema.query_history())') }} select 1 as n",
    );
    shop.write(
        "models/seen.sql",
        "{{ config(secure=true, persist_docs={'relation': true, 'columns': true}) }} select n from {{ ref('calm') }}",
    );
    shop.write(
        "models/all.yml",
        "models:\n  - name: orders\n    description: \"It's \\\\ all\"\n    columns:\n      \
         - {name: id, description: The key}\n      - {name: gone, description: Nowhere}\n  \
         - name: seen\n    description: Calm\n    columns: [{name: n, description: Number}]\n",
    );
    shop.builds();
    assert_eq!(
        shop.query("select * from shop.dev.orders limit 1"),
        [json!({"ID": 1, "DAY": "2024-01-01", "WH": "BIG"})]
    );
    let tables = shop.query("show tables in schema shop.dev");
    let table = |name: &str| {
        let mut all = tables.iter();
        all.find(|table| table["name"] == name).unwrap().clone()
    };
    assert_eq!(table("ORDERS")["kind"], "TABLE");
    assert_eq!(table("ORDERS")["cluster_by"], "LINEAR(DAY, ID)");
    assert_eq!(table("ORDERS")["comment"], "It's \\ all");
    assert_eq!(table("CALM")["kind"], "TRANSIENT", "dbt's default");
    assert_eq!(
        shop.query("describe table shop.dev.orders")[0]["comment"],
        "The key"
    );
    assert_eq!(
        shop.query("describe view shop.dev.seen")[0]["comment"],
        "Number"
    );
    let views = shop.query("show views in schema shop.dev");
    assert_eq!(views[0]["is_secure"], "true");
    assert_eq!(views[0]["comment"], "Calm");
    assert_eq!(
        shop.query("select query_tag from shop.dev.tags"),
        [json!({"QUERY_TAG": "all"})]
    );
}

#[test]
fn what_has_no_effect_is_told() {
    let shop = Shop::new();
    shop.write(
        "models/a.sql",
        "{{ config(materialized='table', table_tag=\"t = 'x'\") }} select 1 as n",
    );
    shop.write(
        "models/b.sql",
        "{{ config(table_tag=\"t = 'x'\") }} select 1 as n",
    );
    let said = shop.builds();
    assert!(
        said.contains("T1011: The setting `table_tag` of `a` and 1 more has no effect"),
        "{said}"
    );
    shop.write(
        "models/b.sql",
        "{{ config(materialized='table', row_access_policy='p on (n)') }} select 1 as n",
    );
    let done = shop.sluice(&["dbt", "build"]);
    assert!(text(&done).contains("error[T1011]"), "{}", text(&done));
    assert_eq!(done.status.code(), Some(1));
}

/// Who has SELECT on which relation of the project.
const READERS: &str = "select table_name as t, grantee as g from shop.information_schema.table_privileges \
     where privilege_type = 'SELECT' order by 1, 2";

/// What [`READERS`] gives, as `TABLE ROLE`.
fn readers(shop: &Shop) -> Vec<String> {
    let rows = shop.query(READERS).into_iter();
    rows.map(|row| {
        format!(
            "{} {}",
            row["T"].as_str().unwrap(),
            row["G"].as_str().unwrap()
        )
    })
    .collect()
}

#[test]
fn grants_are_those_of_the_configuration() {
    let shop = Shop::new();
    shop.write("seeds/raw.csv", "id,amount\n1,2\n");
    shop.write(
        "models/all.yml",
        "seeds:\n  - {name: raw, config: {grants: {select: [loader]}}}\n",
    );
    let model = |name: &str, kind: &str, roles: &str| {
        shop.write(
            &format!("models/{name}.sql"),
            &format!(
                "{{{{ config(materialized='{kind}', grants={{'select': {roles}}}, \
                 post_hook='grant references on {{{{ this }}}} to role auditor') }}}} select * from {{{{ ref('raw') }}}}"
            ),
        );
    };
    model("v", "view", "['reporter']");
    model("t", "table", "['reporter', 'analyst']");
    model("i", "incremental", "['reporter', 'analyst']");
    // Nobody has created a role yet.
    shop.builds();
    let all = [
        "I ANALYST",
        "I REPORTER",
        "RAW LOADER",
        "T ANALYST",
        "T REPORTER",
        "V REPORTER",
    ];
    assert_eq!(readers(&shop), all);
    shop.builds();
    assert_eq!(readers(&shop), all);
    // What is no longer configured is revoked, also from what is not replaced.
    model("i", "incremental", "['reporter']");
    model("t", "table", "['reporter']");
    shop.builds();
    assert_eq!(
        readers(&shop),
        ["I REPORTER", "RAW LOADER", "T REPORTER", "V REPORTER"]
    );
    // What is granted meanwhile goes with what is replaced, unless grants are copied.
    shop.query("grant select on shop.dev.t to role guest; select 1");
    shop.builds();
    assert!(!readers(&shop).contains(&"T GUEST".to_owned()));
    shop.write(
        "models/t.sql",
        "{{ config(materialized='table', copy_grants=true) }} select * from {{ ref('raw') }}",
    );
    shop.query("grant select on shop.dev.t to role guest; select 1");
    shop.builds();
    assert!(readers(&shop).contains(&"T GUEST".to_owned()));
}

#[test]
fn the_role_of_the_profile_counts_once_there_are_roles() {
    let shop = Shop::new();
    shop.write(
        "profiles.yml",
        "shop:\n  target: dev\n  outputs:\n    dev: {type: snowflake, account: a, user: u, role: transformer, \
         database: shop, schema: dev, threads: 2}\n",
    );
    shop.write(
        "models/m.sql",
        "{{ config(materialized='table', post_hook='grant usage on schema {{ this.schema }} to role reporter') }} \
         select current_role() as r, '{{ target.role }}' as p",
    );
    shop.builds();
    assert_eq!(
        shop.query("select * from shop.dev.m"),
        [json!({"R": "TRANSFORMER", "P": "transformer"})]
    );
    shop.query("create role reporter; select 1");
    let done = shop.sluice(&["dbt", "build"]);
    assert!(
        text(&done).contains("Role `TRANSFORMER` does not exist"),
        "{}",
        text(&done)
    );
    // What the role made before it was created is its own; what it needs beside is granted.
    shop.query(
        "create role transformer; grant all on database shop to role transformer; \
         grant all on schema shop.dev to role transformer; \
         grant ownership on schema shop.dev to role transformer copy current grants; select 1",
    );
    shop.builds();
    let reporter = |statement: &str| shop.sluice(&["sql", "--role", "reporter", "-c", statement]);
    let refused = reporter("select * from shop.dev.m");
    assert!(
        text(&refused).contains("error[K3001]"),
        "{}",
        text(&refused)
    );
    shop.query("grant usage on database shop to role reporter; grant select on shop.dev.m to role reporter; select 1");
    let allowed = reporter("select * from shop.dev.m");
    assert!(allowed.status.success(), "{}", text(&allowed));
    let unknown = shop.sluice(&["sql", "--role", "reportr", "-c", "select 1"]);
    assert!(
        text(&unknown).contains("a similar role exists: `REPORTER`"),
        "{}",
        text(&unknown)
    );
}

#[test]
fn columns_are_followed_from_table_to_table() {
    let shop = Shop::new();
    shop.write("seeds/raw.csv", "id,amount\n1,2\n");
    shop.write("models/stg.sql", "select * from {{ ref('raw') }}");
    shop.write("models/eph.sql", "{{ config(materialized='ephemeral') }} select id, amount * 2 as twice from {{ ref('stg') }}");
    shop.write(
        "models/mart.sql",
        "with x as (select * from {{ ref('eph') }}) select sum(twice) as total, count(*) as n from x where id > 0",
    );
    shop.builds();
    let path = shop.0.path().join("target/manifest.json");
    let manifest: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert_eq!(
        manifest["nodes"]["model.shop.mart"]["meta"]["sluice"]["columns"],
        json!({
            "TOTAL": [{"node": "model.shop.stg", "relation": "SHOP.DEV.STG", "column": "AMOUNT"}],
            "N": []
        })
    );
    assert_eq!(
        manifest["nodes"]["model.shop.mart"]["config"]["meta"],
        json!({})
    );
    let done = shop.sluice(&["lineage", "dev.mart.total"]);
    assert_eq!(
        String::from_utf8_lossy(&done.stdout),
        "dev/mart.TOTAL\n\ncomes from\n└─ dev/stg.AMOUNT\n   └─ dev/raw.AMOUNT\n\nfeeds\n  nothing\n",
        "{}",
        text(&done)
    );
    let done = shop.sluice(&["lineage", "raw.amount", "--format", "json"]);
    let found: Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!(
        found["downstream"],
        json!([
            {"asset": "dev/mart", "column": "TOTAL"},
            {"asset": "dev/stg", "column": "AMOUNT"}
        ])
    );
    let done = shop.sluice(&["lineage", "mart.totl"]);
    assert!(
        text(&done).contains("a similar name exists: `TOTAL`"),
        "{}",
        text(&done)
    );
}
