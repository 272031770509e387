#![allow(clippy::unwrap_used)]
//! What commands are taken apart into.

use diagnostic::Source;

use super::{Command, CopyFrom, OptionValue};

fn commands(text: &str) -> Vec<Command> {
    let statements = crate::parse_script(&Source::new("t", text)).unwrap();
    statements
        .into_iter()
        .filter_map(|statement| statement.command.map(|command| *command))
        .collect()
}

#[test]
fn stages_and_paths_keep_their_case() {
    let found = commands("copy into T from @db.s.stage/Path/2024-01-01/a.csv.gz; ls @~/x;");
    assert_eq!(found.len(), 2);
    let Command::CopyIntoTable(copy) = &found[0] else {
        unreachable!()
    };
    let CopyFrom::Location(location) = &copy.from else {
        unreachable!()
    };
    assert_eq!(
        location.to_string(),
        "\"@DB.S.STAGE/Path/2024-01-01/a.csv.gz\""
    );
}

#[test]
fn options_may_have_commas_between_them() {
    let found = commands(
        "copy into t (a, b) from 'file:///data/x.csv' file_format = (type = csv, null_if = ('', 'NULL') \
         skip_header = 1) on_error = skip_file_5% force = true",
    );
    let Command::CopyIntoTable(copy) = &found[0] else {
        unreachable!()
    };
    let names: Vec<&str> = copy.options.iter().map(|o| o.name.as_str()).collect();
    assert_eq!(names, ["FILE_FORMAT", "ON_ERROR", "FORCE"]);
    assert_eq!(
        copy.options[0].value.to_string(),
        "(TYPE = CSV NULL_IF = ('', 'NULL') SKIP_HEADER = 1)"
    );
    assert_eq!(
        copy.options[1].value,
        OptionValue::Word("SKIP_FILE_5%".to_owned())
    );
}

#[test]
fn a_load_may_transform() {
    let found = commands(
        "copy into t from (select $1:a.b::int, s.$2, metadata$filename from @st/p (file_format => 'f') s); \
         copy into @st/out from (select * from t) header = true partition by (a);
         copy into @st/out from db.s.t;",
    );
    assert_eq!(found.len(), 3);
}

#[test]
fn files_need_no_quotes() {
    let found =
        commands("put file:///tmp/a*.csv @%t auto_compress = false;\nget @st/x file:///tmp/;");
    let Command::Put(put) = &found[0] else {
        unreachable!()
    };
    assert_eq!(put.local, "file:///tmp/a*.csv");
    assert_eq!(put.options.len(), 1);
    let Command::Get(get) = &found[1] else {
        unreachable!()
    };
    assert_eq!(get.local, "file:///tmp/");
}

#[test]
fn objects_are_told_from_tables() {
    let found = commands(
        "create or replace sequence s start with 5 increment by 2 noorder; create stage st url = 'file:///x'; \
         create table t (a int); create table u using template (select 1); create schema x clone y at (offset => -5); \
         alter table t modify column a set data type number(5,2), b drop not null; alter table t add column c int; \
         alter schema a swap with b; undrop table t; drop file format if exists f; \
         show terse tables like 'x%' in schema a.b starts with 'q' limit 3; describe table t",
    );
    assert_eq!(found.len(), 11);
}
