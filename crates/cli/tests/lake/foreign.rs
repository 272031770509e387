//! Tables that delta-rs and Spark wrote, read as external tables.

use tempfile::TempDir;

use super::peers::{Peer, run};
use crate::end_to_end::shop::{Shop, said};

/// A project with an external table for each of `names` below `folder`.
fn shop(folder: &TempDir, names: &[&str]) -> Shop {
    let shop = Shop::empty();
    shop.write("sluice.yml", b"name: shop\n");
    let place = folder.path().display();
    let script: Vec<String> = names
        .iter()
        .map(|name| {
            format!(
                "create external table public.{name} location = 'file://{place}/{name}/' \
                 table_format = delta file_format = (type = parquet) auto_refresh = false"
            )
        })
        .collect();
    let done = shop.sluice(&["sql", "-c", &script.join(";")]);
    assert!(done.status.success(), "{}", said(&done));
    shop
}

#[test]
fn tables_of_delta_rs_are_read_and_left_alone() {
    let folder = TempDir::new().unwrap();
    let place = folder.path().display().to_string();
    run(
        Peer::Python,
        "foreign.py",
        &["deltalake".to_owned(), place.clone()],
    );
    let shop = shop(&folder, &["plain"]);
    let rows = "select id || ' ' || coalesce(small::text, '~') || ' ' || coalesce(ratio::text, '~') || ' ' || \
                coalesce(amount::text, '~') || ' ' || coalesce(city, '~') || ' ' || coalesce(day::text, '~') \
                from public.plain order by id";
    assert_eq!(
        shop.column(rows),
        [
            "1 1 0.5 1.50 Zürich / a=b 50% 2026-08-01",
            "2 ~ ~ ~ ~ ~",
            "3 -3 2.5 -2.25 Bern 2026-08-01",
            "4 -3 2.5 -2.25 Bern 2026-08-01",
        ]
    );
    let found =
        "select count(*) from public.plain where city = 'Bern' and id > 3::int and raw is not null";
    assert_eq!(shop.value(found), "1");
    let kept =
        "create table public.kept as select * from public.plain; select count(*) from public.kept";
    assert_eq!(shop.value(kept), "4");
    assert_eq!(
        shop.value("select table_type from information_schema.tables where table_name = 'PLAIN'"),
        "EXTERNAL TABLE"
    );
    for (statement, code) in [
        ("insert into public.plain (id) values (1)", "K3002"),
        ("delete from public.plain", "K3002"),
        ("truncate table public.plain", "K3002"),
        ("create or replace table public.plain (a int)", "K3002"),
        ("alter table public.plain add column a int", "K3002"),
        ("drop table public.plain", "K3002"),
        ("select * from public.plain at(offset => -60)", "E2001"),
    ] {
        let refused = said(&shop.sluice(&["sql", "-c", statement]));
        assert!(refused.contains(code), "{statement}\n{refused}");
    }
    // Its writer goes on; the next query sees it.
    let more = format!("import deltalake; deltalake.DeltaTable('{place}/plain').delete('id = 1')");
    let written = std::process::Command::new(super::server::python())
        .args(["-c", &more])
        .status();
    assert!(written.unwrap().success());
    assert_eq!(shop.value("select count(*) from public.plain"), "3");
    let dropped =
        "drop external table public.plain; drop external table if exists public.plain; select 1";
    assert_eq!(shop.value(dropped), "1");
    assert!(folder.path().join("plain/_delta_log").exists());
}

#[test]
fn tables_that_cannot_be_read_rightly_are_refused() {
    let folder = TempDir::new().unwrap();
    let place = folder.path().display().to_string();
    run(
        Peer::Python,
        "foreign.py",
        &["deltalake".to_owned(), place.clone()],
    );
    let log = folder.path().join("odd/_delta_log");
    std::fs::create_dir_all(&log).unwrap();
    let text = r#"{"protocol":{"minReaderVersion":3,"minWriterVersion":7,"readerFeatures":["typeWidening"],"writerFeatures":["typeWidening"]}}
{"metaData":{"id":"x","format":{"provider":"parquet","options":{}},"schemaString":"{\"type\":\"struct\",\"fields\":[{\"name\":\"a\",\"type\":\"long\",\"nullable\":true,\"metadata\":{}}]}","partitionColumns":[],"configuration":{}}}
"#;
    std::fs::write(log.join("00000000000000000000.json"), text).unwrap();
    let shop = shop(&folder, &["plain"]);
    for (name, expected) in [
        ("odd", "typeWidening"),
        ("nested", "parts"),
        ("nowhere", "no Delta table"),
    ] {
        let statement = format!(
            "create external table public.{name} location = 'file://{place}/{name}' table_format = delta"
        );
        let refused = said(&shop.sluice(&["sql", "-c", &statement]));
        assert!(
            refused.contains("K3013") && refused.contains(expected),
            "{refused}"
        );
    }
}

#[test]
fn tables_of_spark_are_read_with_deletion_vectors_and_mapped_columns() {
    let folder = TempDir::new().unwrap();
    let place = folder.path().display().to_string();
    run(Peer::Spark, "foreign.py", &["spark".to_owned(), place]);
    let shop = shop(&folder, &["deleted", "mapped", "version2"]);
    let deleted = "select id || ' ' || v from public.deleted order by id";
    let expected = (1..=10).map(|at| match at * 10 {
        50 => "50 new".to_owned(),
        id => format!("{id} v{id}"),
    });
    assert_eq!(shop.column(deleted), expected.collect::<Vec<_>>());
    assert_eq!(
        shop.value("select count(*) from public.deleted where id <= 20"),
        "2"
    );
    let mapped = "select \"AN ID\" || ' ' || coalesce(new, '~') || ' ' || coalesce(p, '~') from public.mapped order by 1";
    assert_eq!(shop.column(mapped), ["1 a x", "2 b y", "3 ~ ~", "4 d z"]);
    let version2 = "select count(*) || ' ' || max(wall) || ' ' || max(date_part(epoch_second, at)) from public.version2";
    assert_eq!(shop.value(version2), "3 2026-08-01 10:11:12.123 1785579072");
}
