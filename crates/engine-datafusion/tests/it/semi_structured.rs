//! VARIANT, OBJECT and ARRAY in tables.

use crate::warehouse::Warehouse;

fn events() -> Warehouse {
    let warehouse = Warehouse::new();
    warehouse.run(
        r#"create table events (id int, v variant, a array, o object, name varchar);
           insert into events select 1, parse_json('{"k":[1,2],"n":null,"s":"x"}'), [1, 'y'], {'b': 2, 'a': 1}, 'one';
           insert into events select 2, null, null, null, null"#,
    );
    warehouse
}

#[test]
fn values_are_stored_and_read_back() {
    let warehouse = events();
    assert_eq!(
        warehouse.run("select id, v, a, o, name from events order by id"),
        [
            r#"1|{"k":[1,2],"n":null,"s":"x"}|[1,"y"]|{"a":1,"b":2}|one"#,
            "2|-|-|-|-"
        ]
    );
    assert_eq!(
        warehouse.run(
            "select v:k[1]::int, a[1]::string, o:b, v:n is null, v:s = 'x', v:s like 'x%' from events where v:k[0] = 1"
        ),
        ["2|y|2|false|true|true"]
    );
}

#[test]
fn tables_made_by_queries_keep_the_types() {
    let warehouse = events();
    warehouse.run(
        "create table made as
         select id, v:k as k, v:s::varchar as s, array_agg(name) as names, object_construct('id', id) as o
         from events group by all",
    );
    assert_eq!(
        warehouse.run("select id, k[0], s || '!', names, o:id from made where id = 1"),
        [r#"1|1|x!|["one"]|1"#]
    );
    let types: Vec<String> = warehouse
        .run("describe table made")
        .iter()
        .map(|line| line.split('|').take(2).collect::<Vec<_>>().join(" "))
        .collect();
    let text: Vec<&str> = types
        .iter()
        .map(|line| line.split('(').next().unwrap())
        .collect();
    assert_eq!(
        text,
        [
            "ID NUMBER",
            "K VARIANT",
            "S VARCHAR",
            "NAMES ARRAY",
            "O OBJECT"
        ]
    );
    assert_eq!(
        warehouse.run(
            "select data_type from information_schema.columns where table_name = 'EVENTS' and column_name in ('V', 'A', 'O') order by ordinal_position"
        ),
        ["VARIANT", "ARRAY", "OBJECT"]
    );
}

#[test]
fn changes_keep_values_as_they_are() {
    let warehouse = events();
    warehouse.run("update events set v = object_insert(v, 'z', 1), name = v:s where id = 1");
    assert_eq!(
        warehouse.run("select v, name from events where id = 1"),
        [r#"{"k":[1,2],"n":null,"s":"x","z":1}|x"#]
    );
    warehouse.run(
        r#"merge into events t using (select 1 as id, parse_json('{"m":1}') as v union all select 3, '"new"'::variant) s
           on t.id = s.id
           when matched then update set v = s.v
           when not matched then insert (id, v, name) values (s.id, s.v, s.v)"#,
    );
    assert_eq!(
        warehouse.run("select id, v, a, name from events order by id"),
        [
            r#"1|{"m":1}|[1,"y"]|x"#,
            "2|-|-|-",
            r#"3|"\"new\""|-|"new""#
        ]
    );
    warehouse.run("delete from events where v:m = 1");
    assert_eq!(warehouse.run("select count(*) from events"), ["2"]);
}

#[test]
fn text_becomes_a_variant_and_back() {
    let warehouse = events();
    warehouse.run("insert into events (id, v) select 4, 'plain'");
    warehouse.run("insert into events (id, name) select 5, parse_json('\"quoted\"')");
    assert_eq!(
        warehouse.run("select v, name from events where id > 3 order by id"),
        ["\"plain\"|-", "-|quoted"]
    );
}

#[test]
fn expansions_read_tables_and_views() {
    let warehouse = events();
    warehouse.run("create view parts as select id, f.index as at, f.value::int as k from events, lateral flatten(input => v:k) f");
    assert_eq!(
        warehouse.run("select * from parts order by at"),
        ["1|0|1", "1|1|2"]
    );
    assert_eq!(
        warehouse.run("select id, count(f.value) from events, table(flatten(v, outer => true)) f group by 1 order by 1"),
        ["1|2", "2|0"]
    );
    assert_eq!(
        warehouse.run("select object_construct(*) from (select id, name from events where id = 1)"),
        [r#"{"ID":1,"NAME":"one"}"#]
    );
}
