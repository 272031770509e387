//! Whole projects on disk: what they mean, and how mistakes in them are told.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::{Path, PathBuf};

use model::{ColumnType, Identifier};
use settings::{
    Clean, Encoding, Format, OnChange, Project, RawMode, Severity, SourceKind, Surroundings,
    WriteMode,
};

struct Folder(tempfile::TempDir);

impl Folder {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        for (path, text) in files {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        folder
    }

    fn path(&self) -> PathBuf {
        self.0.path().canonicalize().unwrap()
    }

    fn open(&self, environment: Option<&str>) -> diagnostic::Result<Project> {
        open(&self.path(), environment)
    }

    fn refusal(&self) -> String {
        self.open(None).unwrap_err().to_string()
    }
}

fn open(folder: &Path, environment: Option<&str>) -> diagnostic::Result<Project> {
    let surroundings = Surroundings::new("/typed/here", |name| match name {
        "DROPS" => Some("drops".to_owned()),
        "TOKEN" => Some("hunter2".to_owned()),
        _ => None,
    });
    Project::open_in(folder, environment, &surroundings)
}

const SOURCE: &str = "
sources:
  - name: shop
    kind: files
    path: ${DROPS:-landing}
    streams:
      - {name: sales, files: '**/*.csv', batch: run_date}
";

const DATASET: &str = "
dataset: sales
from: shop.sales
expose: raw.sales
columns:
  order_id: varchar
  order_date: {type: date, clean: [trim], formats: [dd-MM-yyyy]}
  sales: {type: 'number(32,16)', cap: 10000.50}
rules:
  - {name: invalid_sales, when: sales <= 0, reason: 'Sales must be above zero, found `{sales}`'}
deduplicate: {key: order_id, latest_by: [order_date]}
write: merge
checks:
  - {name: some_rows, expect: select count(*) > 0 from silver.sales, severity: warn}
";

#[test]
fn a_name_is_enough() {
    let folder = Folder::new(&[("sluice.yml", "name: my-shop\n")]);
    let project = folder.open(None).unwrap();
    assert_eq!(project.database, Identifier::unquoted("MY_SHOP"));
    assert_eq!(project.environment.name, "dev");
    assert_eq!(
        Path::new(&project.environment.warehouse),
        folder.path().join(".sluice/warehouse")
    );
    assert_eq!(project.memory_limit, 1 << 30);
    assert!(project.dbt.is_none() && project.sources.is_empty());
}

#[test]
fn an_environment_may_have_its_tables_in_a_bucket() {
    let text = "name: shop\nenvironments:\n  dev: {warehouse: tables}\n  prod:\n    \
                warehouse: s3://lake/w\n    storage: {region: eu-west-1, secret_access_key: '${TOKEN}'}\n";
    let plain = text.replace("'${TOKEN}'", "hunter2");
    let refused = Folder::new(&[("sluice.yml", plain.as_str())]).open(Some("prod"));
    let said = refused.unwrap_err().to_string();
    assert!(
        said.contains("`secret_access_key` stands in a project file"),
        "{said}"
    );
    let folder = Folder::new(&[("sluice.yml", text)]);
    let dev = folder.open(None).unwrap().environment;
    assert_eq!(Path::new(&dev.warehouse), folder.path().join("tables"));
    let prod = folder.open(Some("prod")).unwrap().environment;
    assert_eq!(prod.warehouse, "s3://lake/w");
    assert_eq!(prod.storage[1].1.reveal(), "hunter2");
    assert!(!format!("{prod:?}").contains("hunter2"));
}

#[test]
fn a_dbt_project_is_enough() {
    let folder = Folder::new(&[("dbt_project.yml", "name: jaffle\nprofile: x\n")]);
    let project = folder.open(None).unwrap();
    assert_eq!(
        (project.name.as_str(), project.dbt),
        ("jaffle", Some(folder.path()))
    );
}

#[test]
fn the_dbt_folder_belongs_to_the_project_that_names_it() {
    let folder = Folder::new(&[
        ("sluice.yml", "name: shop\n"),
        ("dbt/dbt_project.yml", "name: shop\n"),
        ("other/dbt_project.yml", "name: other\n"),
        ("lake/notes/readme.txt", ""),
    ]);
    let root = |inner: &str| open(&folder.path().join(inner), None).unwrap().root;
    assert_eq!(root("dbt"), folder.path());
    assert_eq!(root("lake/notes"), folder.path());
    assert_eq!(root("other"), folder.path().join("other"));
}

#[test]
fn reads_sources_and_contracts() {
    let folder = Folder::new(&[
        ("sluice.yml", "name: shop\nthreads: 3\n"),
        ("sources/shop.yml", SOURCE),
        ("lake/sales.yml", DATASET),
    ]);
    let project = folder.open(None).unwrap();
    let stream = &project.sources[0].streams[0];
    let SourceKind::Files { path } = &project.sources[0].kind else {
        panic!("not files")
    };
    assert_eq!(path.value, Path::new("/typed/here/drops"));
    assert_eq!(
        (stream.batch.as_deref(), stream.raw),
        (Some("run_date"), RawMode::Copy)
    );
    let Format::Csv(csv) = &stream.format else {
        panic!("not CSV")
    };
    assert_eq!((csv.encoding, csv.max_record), (Encoding::Auto, 16 << 20));

    let sales = &project.datasets[0];
    assert_eq!(sales.write, WriteMode::Merge);
    assert_eq!(sales.columns[0].kind, ColumnType::Varchar);
    assert_eq!(sales.columns[1].clean, [Clean::Trim]);
    assert_eq!(
        sales.column("SALES").unwrap().cap.as_deref(),
        Some("10000.50")
    );
    assert_eq!(sales.rules[0].placeholders().collect::<Vec<_>>(), ["sales"]);
    assert_eq!(sales.rules[0].when.place().line, 10);
    assert_eq!(sales.deduplicate.as_ref().unwrap().key[0].value, "order_id");
    assert_eq!(sales.schema_contract.missing_column, OnChange::Freeze);
    assert_eq!(sales.checks[0].severity, Severity::Warn);
}

/// The format of a stream with `lines` as its settings.
fn format(lines: &str) -> Result<Format, String> {
    let source = format!(
        "sources:\n  - name: s\n    kind: files\n    path: in\n    streams:\n      - name: t\n        {lines}\n"
    );
    let folder = Folder::new(&[("sluice.yml", "name: shop\n"), ("sources/s.yml", &source)]);
    let project = folder.open(None).map_err(|error| error.to_string())?;
    Ok(project.sources[0].streams[0].format.clone())
}

#[test]
fn formats_are_told_by_name_or_declared() {
    let kind = |files: &str| format(&format!("files: ['{files}']")).unwrap();
    assert!(matches!(kind("**/*.csv.gz"), Format::Csv(csv) if csv.delimiter == b','));
    assert!(matches!(kind("*.tsv"), Format::Csv(csv) if csv.delimiter == b'\t'));
    assert!(matches!(kind("{shop}/*.JSONL.zst*"), Format::Json(json) if json.lines));
    assert!(matches!(kind("*.zip/*.json"), Format::Json(json) if !json.lines));
    assert!(matches!(kind("*.parquet"), Format::Parquet(_)));
    assert!(matches!(kind("*.avro.bz2"), Format::Avro(_)));
    assert!(matches!(kind("*.xlsx"), Format::Excel(_)));
    assert!(matches!(kind("*"), Format::Csv(_)));

    let excel = "files: '*', format: {kind: excel, sheet: A b, header_row: 3, range: 'B:D'}";
    let Format::Excel(excel) = format(&excel.replace(", format", "\n        format")).unwrap()
    else {
        panic!("not Excel")
    };
    assert_eq!(
        (excel.sheet.as_deref(), excel.header_row),
        (Some("A b"), Some(3))
    );
    assert_eq!(excel.range.unwrap().columns, (1, Some(3)));
    for wrong in [
        "format: {kind: excel, delimiter: ','}",
        "format: {kind: parquet, encoding: utf-8}",
        "format: {kind: excel, range: B0}",
        "format: {kind: xml}",
        "marker: a/b",
        "on_file_change: replace",
    ] {
        let lines = format!("files: '*'\n        {wrong}");
        assert!(format(&lines).is_err(), "{wrong}");
    }
}

#[test]
fn the_retail_example_is_valid() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/retail");
    let project = open(&folder, None).unwrap();
    assert_eq!(project.datasets[0].columns.len(), 24);
    assert!(project.dbt.is_some());
}

#[test]
fn environments_keep_apart() {
    let folder = Folder::new(&[(
        "sluice.yml",
        "name: shop\nenvironments: {dev: {}, prod: {lake: /big/lake}}\n",
    )]);
    let prod = folder.open(Some("prod")).unwrap().environment;
    assert_eq!(prod.lake, Path::new("/big/lake"));
    assert_eq!(prod.state, folder.path().join(".sluice/environments/prod"));
    assert_eq!(folder.open(None).unwrap().environment.name, "dev");
    let error = folder.open(Some("prd")).unwrap_err();
    assert_eq!(error.code(), diagnostic::codes::C0009);
    assert_eq!(error.remedy(), Some("a similar name exists: `prod`"));
}

#[test]
fn secrets_do_not_print() {
    let text = "name: shop\nvars: {token: '${TOKEN}', deep: {list: ['${TOKEN}']}, limit: 3}\n";
    let project = Folder::new(&[("sluice.yml", text)]).open(None).unwrap();
    assert_eq!(project.vars.values()["token"], "hunter2");
    assert_eq!(project.vars.values()["deep"]["list"][0], "hunter2");
    let shown = format!("{project:?}");
    assert!(
        shown.contains("***") && !shown.contains("hunter2"),
        "{shown}"
    );
}

#[test]
fn an_unknown_key_is_refused_with_the_near_one() {
    let folder = Folder::new(&[("sluice.yml", "name: shop\nmemory_limits: 2GiB\n")]);
    assert_eq!(
        folder.refusal(),
        "error[C0003]: `memory_limits` is not a known key in `sluice.yml`\n \
         --> sluice.yml:2:1\n  |\n2 | memory_limits: 2GiB\n  | ^^^^^^^^^^^^^\n\
         help: a similar name exists: `memory_limit`"
    );
}

#[test]
fn a_missing_variable_is_told_with_its_place() {
    let folder = Folder::new(&[("sluice.yml", "name: shop\nvars:\n  a: ${NOWHERE}\n")]);
    let refusal = folder.refusal();
    assert!(
        refusal.contains("error[C0006]: The variable `NOWHERE` is not set"),
        "{refusal}"
    );
    assert!(refusal.contains("sluice.yml:3:6"), "{refusal}");
}

#[test]
fn tells_everything_that_is_wrong_with_a_contract_at_once() {
    let wrong = "
dataset: sales
from: shop.sale
columns:
  order_id: varchar
  Order_ID: varchar
rules:
  - {name: invalid, when: sales <= 0, reason: 'found {sales}'}
deduplicate: {key: [order_ids]}
";
    let folder = Folder::new(&[
        ("sluice.yml", "name: shop\n"),
        ("sources/shop.yml", SOURCE),
        ("lake/sales.yml", wrong),
    ]);
    let refusal = folder.refusal();
    for part in [
        "reads the stream `sale`",
        "a similar name exists: `sales`",
        "Two columns are called `Order_ID`",
        "deduplicate names the column `order_ids`",
        "the reason of rule `invalid` names the column `sales`",
    ] {
        assert!(refusal.contains(part), "{part}\n{refusal}");
    }
}

#[test]
fn refuses_values_that_do_not_fit() {
    for (from, to, part) in [
        (
            "write: merge",
            "write: {mode: upsert}",
            "Expected one of `append`",
        ),
        (
            "order_id: varchar",
            "order_id: money",
            "`money` is not a column type",
        ),
        (
            "formats: [dd-MM-yyyy]",
            "formats: [DD-MM-YYYY]",
            "`DD` in `DD-MM-YYYY`",
        ),
        (
            "order_id: varchar",
            "order_id: {type: varchar, cap: 3}",
            "C0010",
        ),
        ("order_id: varchar", "_file: varchar", "starts with `_`"),
        (
            "deduplicate: {key: order_id, latest_by: [order_date]}",
            "",
            "written by merge",
        ),
        (
            "dataset: sales",
            "dataset: sales\ndataset: sale",
            "stands twice",
        ),
        (
            "clean: [trim]",
            "clean: [trin]",
            "a similar name exists: `trim`",
        ),
        (
            "severity: warn",
            "severity: warning",
            "Expected one of `error`, `warn`",
        ),
    ] {
        assert!(DATASET.contains(from), "{from}");
        let folder = Folder::new(&[
            ("sluice.yml", "name: shop\n"),
            ("sources/shop.yml", SOURCE),
            ("lake/sales.yml", &DATASET.replace(from, to)),
        ]);
        let refusal = folder.refusal();
        assert!(refusal.contains(part), "{part}\n{refusal}");
    }
}

#[test]
fn a_folder_without_a_project_says_how_to_start_one() {
    let error = Folder::new(&[]).open(None).unwrap_err();
    assert_eq!(error.code(), diagnostic::codes::C0004);
    assert!(open(Path::new("/no/such/folder"), None).is_err());
}

const POSTGRES: &str = "
sources:
  - name: Shop
    kind: postgres
    connection: {host: db, port: 5433, database: shop, user: sluice, password: '${TOKEN}', sslmode: verify-full}
    target_schema: raw
    streams:
      - {name: orders, sync: cdc}
      - {name: events, table: log.events, sync: incremental, cursor: id, write: append, into: raw.log_events}
      - {name: rates, query: 'select 1 as a;', types: {a: 'number(10,2)'}, key: [a]}
";

#[test]
fn reads_postgresql_sources() {
    let folder = Folder::new(&[("sluice.yml", "name: shop\n"), ("sources/pg.yml", POSTGRES)]);
    let project = folder.open(None).unwrap();
    let source = project.sources[0].postgres().unwrap();
    assert_eq!(source.connection.port, 5433);
    assert_eq!(source.connection.sslmode, settings::SslMode::VerifyFull);
    assert_eq!(
        source.connection.password.as_ref().unwrap().reveal(),
        "hunter2"
    );
    assert!(!format!("{project:?}").contains("hunter2"));
    assert_eq!(source.replication.slot, "sluice_shop");
    let [orders, events, rates] = source.streams.as_slice() else {
        panic!("{:?}", source.streams)
    };
    assert!(orders.is_cdc());
    assert_eq!(orders.apply, settings::Apply::Changes);
    assert_eq!(orders.store_changes, None);
    assert_eq!(
        events.origin,
        settings::PostgresOrigin::Table {
            schema: "log".to_owned(),
            name: "events".to_owned()
        }
    );
    assert_eq!(
        rates.origin,
        settings::PostgresOrigin::Query("select 1 as a".to_owned())
    );
    assert_eq!(
        events.target.as_ref().unwrap().1,
        Identifier::unquoted("log_events")
    );
}

#[test]
fn reads_what_becomes_of_changes() {
    let text = POSTGRES
        .replace(
            "{name: orders, sync: cdc}",
            "{name: orders, sync: cdc, apply: {mode: history, current: now_valid}, store_changes: {suffix: _log}}",
        )
        .replace(
            "    target_schema: raw\n",
            "    replication: {apply: transactional, batch_interval: 200ms, heartbeat: 10s, when_lost: copy, \
             alarm: {bytes: 1MiB, time: 2 minutes}}\n",
        );
    let folder = Folder::new(&[("sluice.yml", "name: shop\n"), ("sources/pg.yml", &text)]);
    let project = folder.open(None).unwrap();
    let source = project.sources[0].postgres().unwrap();
    let replication = &source.replication;
    assert!(replication.transactional && replication.copy_when_lost && !replication.failover);
    assert_eq!(replication.batch_interval.as_millis(), 200);
    assert_eq!(replication.heartbeat.unwrap().as_secs(), 10);
    assert_eq!(replication.alarm_bytes, Some(1 << 20));
    assert_eq!(replication.alarm_time.unwrap().as_secs(), 120);
    let names = source.streams[0].apply.columns();
    let names: Vec<&str> = names.iter().map(|name| name.as_str()).collect();
    assert_eq!(names, ["VALID_FROM", "VALID_TO", "NOW_VALID"]);
    let table = source.streams[0].store_changes.as_ref().unwrap();
    assert_eq!(
        (table.suffix.as_str(), table.prefix.as_str()),
        ("_log", "header__")
    );
    assert!(table.before_images);
}

#[test]
fn refuses_postgresql_sources_that_make_no_sense() {
    let refusal = |from: &str, to: &str| {
        let text = POSTGRES.replace(from, to);
        assert_ne!(text, POSTGRES, "{from}");
        Folder::new(&[("sluice.yml", "name: shop\n"), ("sources/pg.yml", &text)]).refusal()
    };
    let said = refusal("'${TOKEN}'", "secret");
    assert!(said.contains("A secret stands in a project file"), "{said}");
    let said = refusal("write: append", "write: append, look_back: 1 hour");
    assert!(said.contains("look_back"), "{said}");
    let said = refusal("sync: cdc", "sync: cdc, cursor: id");
    assert!(
        said.contains("`cursor` belongs to `sync: incremental`"),
        "{said}"
    );
    let said = refusal("sync: cdc", "sync: cdc, apply: {mode: history, deleted: d}");
    assert!(said.contains("deleted"), "{said}");
    let said = refusal(
        "sync: cdc",
        "sync: cdc, apply: {mode: history, valid_to: valid_from}",
    );
    assert!(said.contains("one name"), "{said}");
    let said = refusal("write: append", "store_changes: true");
    assert!(
        said.contains("`store_changes` belongs to `sync: cdc`"),
        "{said}"
    );
    let said = refusal("sync: cdc", "sync: full_refresh, deletion_vectors: true");
    assert!(said.contains("`deletion_vectors` belongs to"), "{said}");
    let said = refusal("key: [a]", "sync: cdc");
    assert!(said.contains("changes of a query"), "{said}");
    let said = refusal("sync: cdc", "sync: cdd");
    assert!(said.contains("cdc"), "{said}");
    let said = refusal("events, table", "orders, table");
    assert!(said.contains("orders"), "{said}");
}
