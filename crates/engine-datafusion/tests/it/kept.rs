//! Small tables whose rows stay in memory: they read as their files do, and only as long as these are there.

use std::path::{Path, PathBuf};

use crate::warehouse::Warehouse;

const TYPES: &str = "create table t as select 1::number(10, 2) n, 7 i, 1.5::float f, 'a' s, null::varchar none, true b,
    '2024-01-01'::date d, '10:00:00.5'::time at, '2024-01-01 10:00:00.25'::timestamp_ntz(6) ntz,
    '2024-01-01 10:00:00 +02:00'::timestamp_ltz(6) ltz, '2024-01-01 10:00:00 +02:00'::timestamp_tz(6) tz,
    to_binary('00ff') bytes, parse_json('{\"a\": [1, null]}') v, object_construct('k', 1) o, array_construct(1, 'x') l,
    st_makepoint(1, 2) g
  union all select null, 8, 'nan', '', 'x', null, null, null, null, null, null, null, null, null, null, null";

/// What is asked of it: rows, types, filters and types met by those of other tables.
const ASKED: [&str; 8] = [
    "select * from t order by i",
    "describe table t",
    "select i from t where s = 'a' and n = 1 and d = '2024-01-01' and bytes = to_binary('00ff') and v:a[0] = 1",
    "select i from t where s = '' or none is null order by i",
    "select typeof(v), typeof(o), typeof(l), st_x(g), ltz = tz, date_part(timezone_hour, tz) from t where i = 7",
    "select n, s, ntz from t union select 2, 'b', '2025-01-01'::timestamp_ntz order by 1, 2",
    "select a.i, b.s from t a join t b on a.i = b.i and a.s = b.s order by 1",
    "select count(*), min(s), max(n), sum(f), max(tz), array_agg(i) within group (order by i) from t where i = 7",
];

#[test]
fn rows_in_memory_read_as_those_of_files() {
    let mut warehouse = Warehouse::new();
    warehouse.run(TYPES);
    let kept = ASKED.map(|query| warehouse.run(query));
    warehouse.reopen();
    for (query, kept) in ASKED.iter().zip(kept) {
        assert!(!kept.is_empty(), "{query}");
        assert_eq!(warehouse.run(query), kept, "{query}");
    }
}

#[test]
fn a_table_is_read_from_memory_while_its_file_is_there() {
    let warehouse = Warehouse::new();
    warehouse.run("create table t as select 1 as id union all select 2");
    let query = "select sum(id) from t";
    let file = data_file(warehouse.folder());
    let bytes = std::fs::read(&file).unwrap();
    std::fs::write(&file, "no Parquet").unwrap();
    assert_eq!(warehouse.run(query), ["3"]);
    // The table at this place may be another one by now.
    std::fs::remove_file(&file).unwrap();
    assert!(warehouse.try_run(query).is_err());
    std::fs::write(&file, bytes).unwrap();
    assert_eq!(warehouse.run(query), ["3"]);
}

#[test]
fn each_version_has_its_own_rows() {
    let warehouse = Warehouse::new();
    warehouse.run("create table t as select 1 as id");
    warehouse.run("create or replace table t as select 2 as id");
    warehouse.run("insert into t values (3)");
    assert_eq!(warehouse.run("select id from t order by 1"), ["2", "3"]);
    assert_eq!(warehouse.run("select id from t at (version => 1)"), ["2"]);
    assert!(
        warehouse
            .try_run("create or replace table t as select 4 as id; select 1 / 0 from t")
            .is_err()
    );
    assert_eq!(warehouse.run("select id from t order by 1"), ["2", "3"]);
    // In one run, before anything is published.
    assert_eq!(
        warehouse.run("create or replace table t as select 5 as id; create or replace table t as select id + 1 as id from t; select id from t"),
        ["6"]
    );
    assert_eq!(
        warehouse.run("drop table t; create table t as select 7 as id; select id from t"),
        ["7"]
    );
    assert_eq!(warehouse.run("select id from t"), ["7"]);
}

#[test]
fn rows_of_versions_that_were_not_published_are_forgotten() {
    let warehouse = Warehouse::new();
    warehouse.run("create table t as select 1 as id");
    // A version is written in this run, and nobody publishes it.
    warehouse.run("create or replace table t as select 2 as id; drop table t");
    warehouse.run("undrop table t");
    // This is the version of that number.
    warehouse.run("insert into t values (3)");
    assert_eq!(warehouse.run("select id from t order by 1"), ["1", "3"]);
}

/// The only data file below `folder`.
fn data_file(folder: &Path) -> PathBuf {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.extension() {
                _ if path.is_dir() => folders.push(path),
                Some(extension) if extension == "parquet" => found.push(path),
                _ => {}
            }
        }
    }
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}
