//! Several sources in one run, and the less usual shapes of tables and values.

use super::Pair;

#[test]
fn several_databases_and_slots_in_one_run() {
    let pair = Pair::new("");
    pair.server.sql("create database other");
    pair.server.sql(
        "create table t (id integer primary key, what text); insert into t values (1, 'here')",
    );
    pair.server.sql_in(
        "other",
        "create table t (id integer primary key, what text); insert into t values (1, 'there')",
    );
    let connection = |database: &str| {
        pair.server
            .connection(pair.server.port())
            .replace("database: postgres", &format!("database: {database}"))
    };
    let source = |name: &str, database: &str, streams: &str| {
        format!(
            "  - name: {name}\n    kind: postgres\n    {}\n    streams: [{streams}]\n",
            connection(database)
        )
    };
    let text = format!(
        "sources:\n{}{}{}",
        source("one", "postgres", "{name: t, sync: cdc}"),
        source("two", "other", "{name: t, sync: cdc}"),
        source("three", "other", "{name: t, sync: cdc, apply: history}"),
    );
    pair.shop.write("sources/pg.yml", text.as_bytes());
    pair.run(&[]);
    pair.server.sql("insert into t values (2, 'here too')");
    pair.server
        .sql_in("other", "update t set what = 'still there'");
    pair.run(&[]);
    let rows = "select 1 as n, id, what from one.t union all select 2, id, what from two.t \
                union all select 3, id, what from three.t where is_current order by 1, 2";
    assert_eq!(
        pair.ours(rows),
        "1,1,here\n1,2,here too\n2,1,still there\n3,1,still there\n"
    );
    assert_eq!(
        pair.server.sql("select count(*) from pg_replication_slots"),
        "3\n"
    );
}

const STREAMS: &str = "
      - {name: by_index, sync: cdc}
      - {name: computed, sync: cdc}
      - {name: parts, sync: cdc, apply: history}
      - {name: kinds, sync: cdc}
";

const TABLES: &str = "
create extension if not exists hstore;
create type mood as enum ('sad', 'happy');
create domain positive as integer check (value > 0);
create domain amount as numeric(10,2);
create table by_index (id integer not null, code text not null, what text);
create unique index by_index_key on by_index (code, id);
alter table by_index replica identity using index by_index_key;
create table computed (id integer primary key, n integer, twice integer generated always as (n * 2) stored);
create table parts (id integer, region text, v integer, primary key (id, region)) partition by list (region);
create table parts_a partition of parts for values in ('a');
create table parts_b partition of parts for values in ('b') partition by range (id);
create table parts_b1 partition of parts_b for values from (0) to (100);
create table kinds (
    id integer primary key, r int4range, tr tstzrange, mr int4multirange, h hstore, feeling mood, d positive,
    money amount, span interval, day date, moment timestamp, instant timestamptz, num numeric, nums numeric[],
    moods mood[], list text[][], doc jsonb, raw bytea, real_n real, bits bit(3), net cidr, mac macaddr, clock timetz,
    xml xml, p point);
";

const VALUES: &str = "'[1,5)', '[2024-01-01 00:00+00,)', '{[1,3),[7,9)}', 'a=>1, b=>NULL', 'happy', 7, 12.30,
    '1 year 2 mons -3 days 04:05:06.789', '2024-02-29', '2024-02-29 12:34:56.789', '2024-02-29 12:34:56+02', 'NaN',
    '{1.50,NaN}', '{sad,NULL}', '{{a,b},{c,NULL}}', '{\"b\": [1.50, null], \"a\": \"\\u00fc\"}', '\\x00ff', 0.1, B'101',
    '10.0.0.0/8', '08:00:2b:01:02:03', '12:34:56+02', '<a>1</a>', '(1,2)'";
const LIMITS: &str = "'empty', '(,)', '{}', '', 'sad', null, null, '-00:00:00.000001', 'infinity', '-infinity', 'infinity',
    'Infinity', '{}', null, '{}', 'null', '', 'NaN', null, '::/0', null, null, null, null";

#[test]
fn unusual_tables_and_values_are_the_same_by_copy_and_by_change() {
    let pair = Pair::new(STREAMS);
    pair.server.sql(TABLES);
    pair.server.sql(&format!(
        "insert into kinds values (1, {VALUES}), (2, {LIMITS})"
    ));
    pair.server.sql("insert into by_index values (1, 'a', 'x'), (2, 'b', 'y'); insert into computed values (1, 2);
        insert into parts values (1, 'a', 1), (2, 'b', 2)");
    let said = pair.run(&[]);
    assert!(said.contains("leaves out twice"), "{said}");
    pair.server.sql(&format!(
        "insert into kinds values (11, {VALUES}), (12, {LIMITS})"
    ));
    pair.server.sql("update by_index set what = 'z' where id = 1; update by_index set code = 'c' where id = 2;
        insert into by_index values (3, 'c', 'w'); delete from by_index where id = 1;
        update computed set n = 5; insert into computed values (2, 3);
        update parts set region = 'b' where id = 1; update parts set v = 20 where id = 2; truncate parts_a");
    pair.run(&[]);
    pair.same("by_index", &["id", "code", "what"]);
    pair.same("computed", &["id", "n"]);
    let current = pair.ours("select id, region, v from pg.parts where is_current order by id");
    assert_eq!(
        current,
        pair.server
            .sql("select id, region, v from parts order by id")
    );
    // A change gives what a copy gives, for every type.
    let columns = "r, tr, mr, h, feeling, d, money, span, day, moment, instant, num, nums, moods, list, doc, raw, real_n, \
                   bits, net, mac, clock, xml, p";
    for id in [1, 2] {
        let row = |id: i32| pair.ours(&format!("select {columns} from pg.kinds where id = {id}"));
        assert_eq!(row(id + 10), row(id));
    }
    let shown = "select r, tr, mr, h, feeling, d, money, span, num, nums, moods, list, net, clock from pg.kinds order by id limit 2";
    let expected = "\"[1,5)\",\"[\"\"2024-01-01 00:00:00+00\"\",)\",\"{[1,3),[7,9)}\",\"{\"\"a\"\":\"\"1\"\",\"\"b\"\":null}\",happy,7,12.30,\
        1 year 2 mons -3 days +04:05:06.789,NaN,\"[1.5,\"\"NaN\"\"]\",\"[\"\"sad\"\",null]\",\"[[\"\"a\"\",\"\"b\"\"],[\"\"c\"\",null]]\",10.0.0.0/8,12:34:56+02\n\
        empty,\"(,)\",{},{},sad,,,-00:00:00.000001,Infinity,[],,[],::/0,\n";
    assert_eq!(pair.ours(shown), expected);
}
