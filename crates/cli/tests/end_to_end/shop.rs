//! [`Shop`]: a project in a folder of its own, and what a test does to it and asks of it.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

/// The columns of the small project's files.
pub const HEADER: &str = "order_id,day,city,amount\n";

/// A project small enough to be run often: a contract, a view, two tables, a snapshot, their tests.
const FILES: &[(&str, &str)] = &[
    ("sluice.yml", "name: shop\n"),
    (
        "sources/shop.yml",
        "\
sources:
  - name: shop
    kind: files
    path: landing
    streams:
      - name: sales
        files: ['**/*.csv', '**/*.csv.gz']
        format: {kind: csv, max_record: 1MiB}
        batch: run_date
",
    ),
    (
        "lake/sales.yml",
        "\
dataset: sales
from: shop.sales
expose: RAW.SALES
columns:
  order_id: {type: text, clean: [trim]}
  day: {type: date, formats: [yyyy-MM-dd]}
  city: {type: text, clean: [trim]}
  amount: {type: 'number(12,2)'}
rules:
  - {name: missing_order_id, when: order_id is null, reason: 'The order id is missing'}
  - {name: invalid_amount, when: 'amount is null or amount <= 0', reason: 'Found `{amount}`'}
deduplicate: {key: [order_id], latest_by: [day]}
write: {mode: merge}
schema_contract: {new_column: evolve, missing_column: freeze, type_change: quarantine}
",
    ),
    (
        "dbt/dbt_project.yml",
        "\
name: shop
version: '1.0.0'
profile: shop
model-paths: [models]
snapshot-paths: [snapshots]
macro-paths: [macros]
models:
  +materialized: table
  +schema: MARTS
snapshots:
  +schema: MARTS
",
    ),
    (
        "dbt/profiles.yml",
        "\
shop:
  target: dev
  outputs:
    dev: {type: snowflake, account: embedded, user: shop, database: SHOP, schema: PUBLIC}
",
    ),
    (
        "dbt/macros/generate_schema_name.sql",
        "{% macro generate_schema_name(name, node) %}{{ name or target.schema }}{% endmacro %}\n",
    ),
    (
        "dbt/models/stg_sales.sql",
        "{{ config(materialized='view') }}\nselect * from {{ source('raw', 'sales') }}\n",
    ),
    (
        "dbt/models/fact_sales.sql",
        "\
{{ config(materialized='incremental', incremental_strategy='merge', unique_key='order_id') }}
select order_id, day, city, amount from {{ ref('stg_sales') }}
",
    ),
    (
        "dbt/models/city_totals.sql",
        "select city, count(*) as orders, sum(amount) as amount from {{ ref('fact_sales') }} group by city\n",
    ),
    (
        "dbt/snapshots/orders_history.sql",
        "\
{% snapshot orders_history %}
{{ config(unique_key='order_id', strategy='timestamp', updated_at='day') }}
select order_id, day, city from {{ ref('fact_sales') }}
{% endsnapshot %}
",
    ),
    (
        "dbt/models/shop.yml",
        "\
version: 2
sources:
  - name: raw
    schema: RAW
    tables: [{name: sales}]
models:
  - name: fact_sales
    columns:
      - name: order_id
        data_tests: [unique, not_null]
      - name: city
        data_tests:
          - accepted_values:
              arguments: {values: [Accra, Bern, Cairo, Zürich]}
  - name: city_totals
    columns:
      - name: city
        data_tests: [unique]
",
    ),
];

/// What every table holds, row by row, without what differs from run to run.
pub type Contents = BTreeMap<String, Vec<String>>;

/// A project in a folder of its own.
pub struct Shop {
    folder: TempDir,
    landing: Option<PathBuf>,
    variables: BTreeMap<String, String>,
}

impl Shop {
    /// The small project, without files.
    pub fn new() -> Self {
        let shop = Self::empty();
        for (path, text) in FILES {
            shop.write(path, text.as_bytes());
        }
        shop
    }

    /// A folder without a project.
    pub fn empty() -> Self {
        Self {
            folder: TempDir::new().unwrap(),
            landing: None,
            variables: BTreeMap::new(),
        }
    }

    /// Gives all its commands a variable of the environment.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Lets the retail project read its files from `landing`.
    pub fn reading(mut self, landing: &Path) -> Self {
        self.landing = Some(landing.to_owned());
        self
    }

    /// The same project with the same state, elsewhere.
    pub fn copy(&self) -> Self {
        let copy = Self {
            variables: self.variables.clone(),
            ..Self::empty()
        };
        copy_folder(self.path(), copy.path());
        copy
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn write(&self, path: &str, bytes: &[u8]) {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    /// Delivers a file with the small project's header, as part of the drop of `day`.
    pub fn deliver(&self, day: &str, name: &str, rows: &str) {
        let path = format!("landing/run_date={day}/{name}");
        self.write(&path, [HEADER, rows].concat().as_bytes());
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sluice"));
        command
            .arg("-C")
            .arg(self.path())
            .args(arguments)
            .env("NO_COLOR", "1")
            .env("S3_SECRET", "hunter2")
            .envs(&self.variables);
        for name in ["SLUICE_ENV", "SLUICE_FAILPOINT", "SUPERSTORE_DIR"] {
            command.env_remove(name);
        }
        if let Some(landing) = &self.landing {
            command.env("SUPERSTORE_DIR", landing);
        }
        command
    }

    pub fn sluice(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Runs, which must go well, and gives what was said.
    pub fn run(&self) -> String {
        self.run_expecting(0)
    }

    /// Runs, which must end with `code`, and gives what was said.
    pub fn run_expecting(&self, code: i32) -> String {
        let output = self.sluice(&["run"]);
        let said = said(&output);
        assert_eq!(output.status.code(), Some(code), "{said}");
        said
    }

    /// The rows of a statement, each as JSON.
    pub fn rows(&self, sql: &str) -> Vec<Value> {
        let output = self.sluice(&["sql", "--format", "ndjson", "-c", sql]);
        assert!(output.status.success(), "{sql}\n{}", said(&output));
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// The only value of a statement's only row, as text.
    pub fn value(&self, sql: &str) -> String {
        let rows = self.rows(sql);
        let [row] = rows.as_slice() else {
            panic!("{sql}: {rows:?}")
        };
        let value = row.as_object().unwrap().values().next().unwrap();
        value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned)
    }

    /// The first column of a statement, as texts.
    pub fn column(&self, sql: &str) -> Vec<String> {
        let text = |row: &Value| {
            let value = row.as_object().unwrap().values().next().unwrap().clone();
            value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned)
        };
        self.rows(sql).iter().map(text).collect()
    }

    /// What readers see: every relation with its rows, sorted, without run ids.
    pub fn contents(&self) -> Contents {
        let names = self.column(
            "select table_schema || '.' || table_name from information_schema.tables \
             where table_schema <> 'INFORMATION_SCHEMA'",
        );
        let mut contents: Contents = names
            .iter()
            .cloned()
            .map(|name| (name, Vec::new()))
            .collect();
        if names.is_empty() {
            return contents;
        }
        let statements: Vec<String> = names
            .iter()
            .map(|name| format!("select '{name}' as _table, * from {name}"))
            .collect();
        for mut row in self.rows(&statements.join(";\n")) {
            let fields = row.as_object_mut().unwrap();
            let name = fields.shift_remove("_TABLE").unwrap();
            fields.shift_remove("_RUN_ID");
            contents
                .get_mut(name.as_str().unwrap())
                .unwrap()
                .push(row.to_string());
        }
        contents.values_mut().for_each(|rows| rows.sort());
        contents
    }

    /// The files of all tables, commits included, with their sizes.
    pub fn table_files(&self) -> BTreeMap<PathBuf, u64> {
        let mut files = BTreeMap::new();
        for area in ["lake", "warehouse"] {
            let area = self.path().join(".sluice").join(area);
            if area.exists() {
                list(&area, &mut files);
            }
        }
        files
    }
}

/// Runs `command`, which must die at `failpoint`.
pub fn dies_at(command: &mut Command, failpoint: &str) {
    let output = command.env("SLUICE_FAILPOINT", failpoint).output().unwrap();
    assert!(
        output.status.signal().is_some(),
        "`{failpoint}` was not reached\n{}",
        said(&output)
    );
}

/// Everything a process wrote, for the eyes of whoever reads a failed test.
pub fn said(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    text(&output.stdout) + &text(&output.stderr)
}

fn list(folder: &Path, files: &mut BTreeMap<PathBuf, u64>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let metadata = entry.metadata().unwrap();
        if metadata.is_dir() {
            list(&entry.path(), files);
        } else {
            files.insert(entry.path(), metadata.len());
        }
    }
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
