//! The parse cache: what is parsed again, and that the result is always that of a parse from nothing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use dbt::{Flags, Project};
use serde_json::{Value as Json, json};
use tempfile::TempDir;

/// A project in a folder of its own.
struct Shop {
    folder: TempDir,
    flags: Flags,
}

const FILES: &[(&str, &str)] = &[
    (
        "dbt_project.yml",
        "name: shop\nversion: '1.0'\nprofile: shop\nvars: {country: DE}\n\
         models:\n  shop:\n    +materialized: view\n",
    ),
    (
        "profiles.yml",
        "shop:\n  target: dev\n  outputs:\n    dev: {type: snowflake, database: D, schema: dev, threads: 4}\n    \
         prod: {type: snowflake, database: D, schema: prod, threads: 4}\n",
    ),
    (
        "macros/m.sql",
        "{% macro cents(x) %}{{ x }} / 100{% endmacro %}\n",
    ),
    (
        "models/docs.md",
        "{% docs orders %}All orders.{% enddocs %}\n",
    ),
    (
        "models/stg_orders.sql",
        "select * from {{ source('erp', 'orders') }}\n",
    ),
    (
        "models/orders.sql",
        "select {{ cents('amount') }} from {{ ref('stg_orders') }}\n",
    ),
    (
        "models/of_var.sql",
        "{{ config(alias=var('of')) }} select 1\n",
    ),
    (
        "models/of_env.sql",
        "{{ config(tags=[env_var('OF_ENV', 'none')]) }} select 1\n",
    ),
    (
        "models/of_flag.sql",
        "{{ config(materialized='table' if flags.FULL_REFRESH else 'view') }} select 1\n",
    ),
    (
        "models/of_threads.sql",
        "{{ config(meta={'n': target.threads}) }} select 1\n",
    ),
    (
        "models/of_time.sql",
        "select '{{ run_started_at }}' as at\n",
    ),
    (
        "models/of_now.sql",
        "select '{{ modules.datetime.datetime.now() }}' as at\n",
    ),
    ("models/of_chance.sql", "select {{ [1] | random }} as id\n"),
    ("models/v_v1.sql", "select 1 as id\n"),
    ("models/v_v2.sql", "select 1 as id\n"),
    (
        "models/schema.yml",
        "models:\n  - name: orders\n    description: \"{{ doc('orders') }}\"\n    columns:\n      \
         - name: id\n        data_tests: [unique, not_null]\n  - name: nothing\n  - name: v\n    \
         latest_version: 2\n    columns: [{name: id, data_tests: [unique]}]\n    versions: [{v: 1}, {v: 2}]\n\
         unit_tests:\n  - name: one\n    model: orders\n    given: [{input: ref('stg_orders'), rows: \
         [{amount: 1}]}]\n    expect: {format: csv, fixture: expected}\n",
    ),
    (
        "models/sources.yml",
        "sources:\n  - name: erp\n    tables:\n      - name: orders\n        \
         tests: [{accepted_values: {values: [1], column_name: id}}]\n\
         exposures:\n  - {name: weekly, type: dashboard, owner: {name: A}, depends_on: [ref('orders')]}\n\
         groups:\n  - {name: sales, owner: {name: B}}\n",
    ),
    (
        "models/semantic.yml",
        "semantic_models:\n  - name: orders\n    model: ref('orders')\n    entities: [{name: id, type: primary}]\n    \
         defaults: {agg_time_dimension: at}\n    dimensions: [{name: at, type: time, type_params: {time_granularity: day}}]\n    \
         measures: [{name: total, agg: sum, expr: amount, create_metric: true}]\n",
    ),
    (
        "models/metricflow_time_spine.sql",
        "select '2024-01-01' as date_day\n",
    ),
    ("tests/fixtures/expected.csv", "amount\n1\n"),
    (
        "tests/singular.sql",
        "select * from {{ ref('orders') }} where false\n",
    ),
    ("seeds/countries.csv", "id\n1\n"),
    (
        "snapshots/history.sql",
        "{% snapshot history %}{{ config(strategy='check', check_cols='all', unique_key='id', \
         target_schema='s') }}select * from {{ ref('orders') }}{% endsnapshot %}\n",
    ),
    (
        "snapshots/snapshots.yml",
        "snapshots:\n  - name: yaml_history\n    relation: ref('orders')\n    \
         config: {strategy: check, check_cols: all, unique_key: id}\n",
    ),
];

impl Shop {
    fn new() -> Self {
        let shop = Self {
            folder: tempfile::tempdir().unwrap(),
            flags: Flags {
                parse_cache: true,
                vars: [("of".to_owned(), json!("a"))].into_iter().collect(),
                ..Flags::default()
            },
        };
        for (path, text) in FILES {
            shop.write(path, text);
        }
        shop
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn remove(&self, path: &str) {
        std::fs::remove_file(self.path(path)).unwrap();
    }

    fn cache(&self) -> PathBuf {
        self.path("target").join(dbt::cache::FILE)
    }

    fn load(&self, flags: &Flags) -> Result<Project, String> {
        Project::load(self.folder.path(), flags.clone()).map_err(|error| error.to_string())
    }

    /// Parses by way of the cache, compares with a parse from nothing, and tells which nodes were
    /// parsed now.
    fn parse(&self) -> Vec<String> {
        let now = dbt::context::seconds(chrono::Utc::now());
        let cached = self.load(&self.flags).unwrap_or_else(|e| panic!("{e}"));
        let alone = self
            .load(&self.without_cache())
            .unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(shown(&cached), shown(&alone));
        let nodes = cached.manifest.nodes.values();
        let fresh = nodes.filter(|node| node.created_at >= now);
        let mut names: Vec<String> = fresh.map(|node| node.name.clone()).collect();
        names.sort();
        names
    }

    fn without_cache(&self) -> Flags {
        Flags {
            parse_cache: false,
            ..self.flags.clone()
        }
    }
}

/// What a project is, apart from when it was parsed: manifest and warnings.
fn shown(project: &Project) -> (BTreeMap<String, Json>, Vec<String>) {
    fn strip(json: &mut Json) {
        match json {
            Json::Object(map) => {
                map.shift_remove("created_at");
                map.values_mut().for_each(strip);
                map.sort_keys();
            }
            Json::Array(items) => items.iter_mut().for_each(strip),
            _ => {}
        }
    }
    let mut json = dbt::manifest::manifest_json(&project.manifest, &project.context);
    json["metadata"] = Json::Null;
    strip(&mut json);
    let state = dbt::surroundings::state_json(&project.context, &project.manifest);
    let Json::Object(map) = json else {
        panic!("no object");
    };
    let mut all: BTreeMap<String, Json> = map.into_iter().collect();
    all.insert("state".to_owned(), state);
    let mut warnings: Vec<String> = project
        .warnings
        .list
        .iter()
        .map(ToString::to_string)
        .collect();
    warnings.sort();
    (all, warnings)
}

/// What is parsed each time, because it asks for the time.
const ALWAYS: [&str; 3] = ["of_chance", "of_now", "of_time"];

fn with(more: &[&str]) -> Vec<String> {
    let mut all: Vec<String> = ALWAYS
        .iter()
        .chain(more)
        .map(|name| (*name).to_owned())
        .collect();
    all.sort();
    all
}

#[test]
fn what_is_unchanged_is_not_parsed_again() {
    let shop = Shop::new();
    assert!(shop.parse().len() > 15);
    assert_eq!(shop.parse(), with(&[]));
    let uncached = Flags {
        partial_parse: Some(false),
        ..shop.flags.clone()
    };
    let now = dbt::context::seconds(chrono::Utc::now());
    let project = shop.load(&uncached).unwrap();
    assert!(
        project
            .manifest
            .nodes
            .values()
            .all(|node| node.created_at >= now)
    );
    // It has left a cache of its own.
    assert_eq!(shop.parse(), with(&[]));
}

#[test]
fn only_files_that_changed_are_parsed_again() {
    let shop = Shop::new();
    shop.parse();
    shop.write(
        "models/orders.sql",
        "select 1 as id, 2 as amount from {{ ref('stg_orders') }}\n",
    );
    assert_eq!(shop.parse(), with(&["orders"]));
    assert_eq!(shop.parse(), with(&[]));
    shop.write("models/more.sql", "select 1 from {{ ref('orders') }}\n");
    assert_eq!(shop.parse(), with(&["more"]));
    shop.remove("models/more.sql");
    assert_eq!(shop.parse(), with(&[]));
    shop.write("seeds/countries.csv", "id\n2\n");
    assert_eq!(shop.parse(), with(&["countries"]));
    shop.write(
        "tests/singular.sql",
        "select * from {{ ref('stg_orders') }} where false\n",
    );
    assert_eq!(shop.parse(), with(&["singular"]));
    shop.write(
        "snapshots/history.sql",
        "{% snapshot history %}{{ config(strategy='check', check_cols='all', unique_key='id') }}\
         select 1 as id from {{ ref('orders') }}{% endsnapshot %}{% snapshot second %}{{ config(strategy='check', \
         check_cols='all', unique_key='id') }}select 1 as id{% endsnapshot %}",
    );
    assert_eq!(shop.parse(), with(&["history", "second"]));
}

#[test]
fn what_properties_describe_is_parsed_again() {
    let shop = Shop::new();
    shop.parse();
    shop.write(
        "models/more.yml",
        "models:\n  - name: stg_orders\n    config: {tags: [x]}\n    columns: [{name: id, tests: [unique]}]\n",
    );
    assert_eq!(shop.parse(), with(&["stg_orders", "unique_stg_orders_id"]));
    shop.write(
        "models/more.yml",
        "models:\n  - name: of_var\n    description: another\n",
    );
    assert_eq!(shop.parse(), with(&["of_var", "stg_orders"]));
    shop.remove("models/more.yml");
    assert_eq!(shop.parse(), with(&["of_var"]));
    shop.write(
        "models/sources.yml",
        "sources:\n  - name: erp\n    database: OTHER\n    tables: [{name: orders}]\n",
    );
    assert_eq!(shop.parse(), with(&[]));
    shop.write("models/semantic.yml", "semantic_models: []\n");
    assert_eq!(shop.parse(), with(&[]));
    shop.write(
        "models/macros.yml",
        "macros: [{name: cents, description: divides}]\n",
    );
    assert!(shop.parse().len() > 10);
    shop.write("models/macros.yml", "macros: []\n");
    assert!(shop.parse().len() > 10);
}

#[test]
fn tests_follow_the_nodes_they_are_of() {
    let shop = Shop::new();
    shop.parse();
    // Switched off: its tests go, its unit test too, the file that declares them is the same.
    shop.write(
        "models/orders.sql",
        "{{ config(enabled=false) }} select 1 as id\n",
    );
    for path in [
        "tests/singular.sql",
        "snapshots/history.sql",
        "snapshots/snapshots.yml",
    ] {
        shop.remove(path);
    }
    shop.write(
        "models/sources.yml",
        "sources:\n  - name: erp\n    tables: [{name: orders}]\n",
    );
    shop.write("models/semantic.yml", "semantic_models: []\n");
    let gone = shop.parse();
    assert!(!gone.contains(&"unique_orders_id".to_owned()), "{gone:?}");
    shop.write(
        "models/orders.sql",
        "select 1 as id, amount from {{ ref('stg_orders') }}\n",
    );
    let back = shop.parse();
    for name in ["orders", "unique_orders_id", "one"] {
        assert!(back.contains(&name.to_owned()), "{name} in {back:?}");
    }
    shop.remove("models/v_v1.sql");
    shop.parse();
    shop.remove("seeds/countries.csv");
    shop.write("models/refers.yml", "models: [{name: stg_orders, tests: [{relationships: {to: ref('gone'), field: id, column_name: id}}]}]\n");
    shop.parse();
    shop.write("models/gone.sql", "select 1 as id");
    shop.parse();
    shop.remove("models/gone.sql");
    shop.parse();
}

#[test]
fn variables_flags_and_threads_are_noticed_where_they_are_read() {
    let mut shop = Shop::new();
    shop.parse();
    shop.flags.vars.insert("of".to_owned(), json!("b"));
    assert_eq!(shop.parse(), with(&["of_var"]));
    shop.flags.vars.insert("unread".to_owned(), json!("b"));
    assert_eq!(shop.parse(), with(&[]));
    shop.flags
        .environment
        .insert("OF_ENV".to_owned(), "x".to_owned());
    assert_eq!(shop.parse(), with(&["of_env"]));
    shop.flags
        .environment
        .insert("UNREAD".to_owned(), "x".to_owned());
    assert_eq!(shop.parse(), with(&[]));
    shop.flags.environment.remove("OF_ENV");
    assert_eq!(shop.parse(), with(&["of_env"]));
    shop.flags.full_refresh = Some(true);
    assert_eq!(shop.parse(), with(&["of_flag"]));
    shop.flags.threads = Some(7);
    assert_eq!(shop.parse(), with(&["of_threads"]));
    shop.flags.which = "build".to_owned();
    assert_eq!(shop.parse(), with(&[]));
    shop.flags.store_failures = true;
    let tests = shop.parse();
    assert!(
        tests.contains(&"unique_orders_id".to_owned()) && !tests.contains(&"of_var".to_owned())
    );
}

#[test]
fn everything_is_parsed_again_where_everything_may_depend_on_it() {
    let mut shop = Shop::new();
    let all = shop.parse().len();
    let changes: &[(&str, &str)] = &[
        (
            "macros/m.sql",
            "{% macro cents(x) %}{{ x }} / 1000{% endmacro %}\n",
        ),
        (
            "macros/more.sql",
            "{% macro generate_schema_name(name, node) %}own{% endmacro %}\n",
        ),
        (
            "models/docs.md",
            "{% docs orders %}Other orders.{% enddocs %}\n",
        ),
        ("tests/fixtures/expected.csv", "amount\n2\n"),
        (
            "tests/generic/g.sql",
            "{% test g(model) %}select 1{% endtest %}\n",
        ),
        (
            "dbt_project.yml",
            "name: shop\nversion: '1.0'\nprofile: shop\nvars: {country: FR}\n",
        ),
        (
            "profiles.yml",
            "shop:\n  target: dev\n  outputs:\n    dev: {type: snowflake, database: D, schema: other}\n    \
             prod: {type: snowflake, database: D, schema: prod}\n",
        ),
        (
            "dbt_packages/p/dbt_project.yml",
            "name: p\nversion: '1.0'\n",
        ),
    ];
    for (path, text) in changes {
        shop.write(path, text);
        assert_eq!(shop.parse().len(), all, "{path}");
        assert_eq!(shop.parse(), with(&[]), "{path}");
    }
    shop.write("dbt_packages/p/models/in_p.sql", "select 1\n");
    assert_eq!(shop.parse(), with(&["in_p"]));
    shop.flags.target = Some("prod".to_owned());
    assert_eq!(shop.parse().len(), all + 1);
    shop.flags.as_of = Some(chrono::Utc::now());
    assert_eq!(shop.parse().len(), all + 1);
    shop.remove("macros/more.sql");
    assert_eq!(shop.parse().len(), all + 1);
}

#[test]
fn stamps_do_not_hide_a_change() {
    let shop = Shop::new();
    shop.parse();
    // The same size, at once, under the old time.
    let path = shop.path("models/stg_orders.sql");
    let before = std::fs::metadata(&path).unwrap().modified().unwrap();
    shop.write(
        "models/stg_orders.sql",
        "select 1 fr0m {{ source('erp', 'orders') }}\n",
    );
    let file = std::fs::File::options().write(true).open(&path).unwrap();
    file.set_modified(before).unwrap();
    assert_eq!(shop.parse(), with(&["stg_orders"]));
    // Other stamps, the same bytes.
    std::thread::sleep(std::time::Duration::from_millis(20));
    for (path, text) in FILES {
        if *path != "models/stg_orders.sql" {
            shop.write(path, text);
        }
    }
    assert_eq!(shop.parse(), with(&[]));
    assert_eq!(shop.parse(), with(&[]));
}

#[test]
fn a_cache_that_is_broken_or_of_another_is_no_cache() {
    let shop = Shop::new();
    let all = shop.parse().len();
    let whole = std::fs::read(shop.cache()).unwrap();
    let mut broken: Vec<Vec<u8>> = vec![
        Vec::new(),
        b"{}".to_vec(),
        whole[..whole.len() / 2].to_vec(),
    ];
    for at in [3, 20, whole.len() / 3, whole.len() - 1] {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x40;
        broken.push(bytes);
    }
    for bytes in broken {
        std::fs::write(shop.cache(), bytes).unwrap();
        assert_eq!(shop.parse().len(), all);
    }
    // That of a project at another place.
    let other = Shop::new();
    other.write(
        "models/orders.sql",
        "select 'other' from {{ ref('stg_orders') }}\n",
    );
    other.parse();
    std::fs::copy(other.cache(), shop.cache()).unwrap();
    assert_eq!(shop.parse().len(), all);
}

#[test]
fn errors_are_those_of_a_parse_from_nothing() {
    let shop = Shop::new();
    shop.parse();
    let breaks: &[(&str, &str)] = &[
        ("models/orders.sql", "select {{ \n"),
        ("models/orders.sql", "select * from {{ ref('nowhere') }}\n"),
        ("models/twice.yml", "models: [{name: orders}]\n"),
        ("models/sub/orders.sql", "select 1\n"),
        (
            "models/circle.yml",
            "sources: [{name: erp, tables: [{name: orders}]}]\n",
        ),
        ("macros/m.sql", "{% macro cents(x) %}{{ x }\n"),
    ];
    for (path, text) in breaks {
        let before = std::fs::read_to_string(shop.path(path)).ok();
        shop.write(path, text);
        let cached = shop
            .load(&shop.flags)
            .err()
            .unwrap_or_else(|| panic!("{path} is fine"));
        assert_eq!(Some(cached), shop.load(&shop.without_cache()).err());
        match before {
            Some(text) => shop.write(path, &text),
            None => shop.remove(path),
        }
        assert_eq!(shop.parse(), with(&[]), "{path}");
    }
}

#[test]
fn the_manifest_is_copied_while_the_parse_holds() {
    let shop = Shop::new();
    let written = |flags: &Flags| -> Json {
        let project = shop.load(flags).unwrap();
        dbt::artifact::manifest_file::write(&project, &[]).unwrap();
        let path = dbt::artifact::files::target_folder(&project.context).join("manifest.json");
        let mut json: Json = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        assert!(json["metadata"]["invocation_id"].is_string());
        json["metadata"] = Json::Null;
        json
    };
    for name in ALWAYS {
        shop.remove(&format!("models/{name}.sql"));
    }
    let first = written(&shop.flags);
    assert!(first["nodes"].as_object().unwrap().len() > 10);
    assert_eq!(written(&shop.flags), first);
    shop.write("models/more.sql", "select 1");
    assert!(written(&shop.flags)["nodes"]["model.shop.more"].is_object());
    shop.write(
        "selectors.yml",
        "selectors: [{name: s, definition: 'tag:x'}]",
    );
    assert!(written(&shop.flags)["selectors"]["s"].is_object());
    let kept = shop.path("target/partial_parse.manifest");
    let whole = std::fs::read(&kept).unwrap();
    std::fs::write(&kept, &whole[..whole.len() / 2]).unwrap();
    let after = written(&shop.flags);
    let names = |json: &Json| -> Vec<String> {
        json["nodes"].as_object().unwrap().keys().cloned().collect()
    };
    assert_eq!(names(&after), names(&written(&shop.without_cache())));
}

#[test]
fn compiled_nodes_stand_in_the_copy() {
    let shop = Shop::new();
    for name in ALWAYS {
        shop.remove(&format!("models/{name}.sql"));
    }
    let written = |flags: &Flags, compiled: &[&str]| -> Json {
        let project = shop.load(flags).unwrap();
        let compiler = dbt::Compiler::new(&project, None);
        let compiled: Vec<_> = compiled
            .iter()
            .map(|id| compiler.compile(id).unwrap())
            .collect();
        dbt::artifact::manifest_file::write(&project, &compiled).unwrap();
        let text = std::fs::read(shop.path("target/manifest.json")).unwrap();
        serde_json::from_slice(&text).unwrap()
    };
    let ids = [
        "model.shop.of_var",
        "model.shop.orders",
        "seed.shop.countries",
    ];
    for _ in 0..2 {
        let json = written(&shop.flags, &ids);
        let code = &json["nodes"]["model.shop.orders"]["compiled_code"];
        assert_eq!(code, "select amount / 100 from D.dev.stg_orders");
        assert_eq!(json["nodes"]["model.shop.of_var"]["compiled"], true);
        assert_eq!(json["nodes"]["model.shop.of_env"]["compiled"], Json::Null);
        assert_eq!(
            json["nodes"].as_object().unwrap().len(),
            written(&shop.without_cache(), &[])["nodes"]
                .as_object()
                .unwrap()
                .len()
        );
    }
    let plain = written(&shop.flags, &[]);
    assert_eq!(plain["nodes"]["model.shop.orders"]["compiled"], Json::Null);
}

#[test]
fn a_folder_that_cannot_be_written_does_no_harm() {
    let shop = Shop::new();
    // A file where the folder should be.
    shop.write("target", "");
    assert_eq!(shop.parse().len(), shop.parse().len());
    assert!(Path::new(&shop.path("target")).is_file());
}
