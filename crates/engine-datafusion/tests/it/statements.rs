//! DDL, DML and their errors.

use crate::warehouse::Warehouse;

fn orders() -> Warehouse {
    let warehouse = Warehouse::new();
    warehouse.run(
        "create table orders (id int, name varchar, amount number(10,2), day date);
         insert into orders values (1, 'a', 1.50, '2024-01-01'), (2, 'b', 2.25, '2024-02-01'), (3, null, null, null)",
    );
    warehouse
}

const ALL: &str = "select * from orders order by id";

#[test]
fn inserts_keep_types_and_nulls() {
    assert_eq!(
        orders().run(ALL),
        ["1|a|1.50|2024-01-01", "2|b|2.25|2024-02-01", "3|-|-|-"]
    );
}

#[test]
fn an_insert_may_name_columns() {
    let warehouse = orders();
    warehouse.run("insert into orders (day, id) select '2024-03-01'::date, 4");
    assert_eq!(warehouse.run(ALL)[3], "4|-|-|2024-03-01");
}

#[test]
fn update_and_delete_change_what_they_say() {
    let warehouse = orders();
    warehouse.run("update orders set amount = amount * 2, name = upper(name) where id < 3");
    assert_eq!(
        warehouse.run(ALL),
        ["1|A|3.00|2024-01-01", "2|B|4.50|2024-02-01", "3|-|-|-"]
    );
    // A row for which the condition is NULL stays.
    warehouse.run("delete from orders where name = 'A'");
    assert_eq!(
        warehouse.run("select id from orders order by id"),
        ["2", "3"]
    );
}

#[test]
fn merge_updates_inserts_and_deletes() {
    let warehouse = orders();
    warehouse.run(
        "merge into orders as t using (select 1 as id, 'x' as name union all select 2, 'gone' union all select 9, 'new') as s
         on t.id = s.id
         when matched and s.name = 'gone' then delete
         when matched then update set name = s.name
         when not matched then insert (id, name) values (s.id, s.name)",
    );
    assert_eq!(
        warehouse.run(ALL),
        ["1|x|1.50|2024-01-01", "3|-|-|-", "9|new|-|-"]
    );
}

#[test]
fn merge_refuses_what_would_depend_on_chance() {
    let error = orders().error(
        "merge into orders t using (select 1 as id, 'x' as name union all select 1, 'y') s on t.id = s.id
         when matched then update set name = s.name",
    );
    assert_eq!(error.code().id, "E1005");
}

#[test]
fn create_or_replace_may_change_columns() {
    let warehouse = orders();
    warehouse.run("create or replace table orders as select 'only' as word");
    assert_eq!(warehouse.run("select * from orders"), ["only"]);
    // Only a table takes a table's place.
    let view = warehouse.error("create or replace view orders as select 1 as one, 2 as two");
    assert_eq!(view.code().id, "K3002");
    assert_eq!(
        warehouse.error("create table orders (id int)").code().id,
        "K3002"
    );
}

#[test]
fn views_see_later_versions_of_their_tables() {
    let warehouse = orders();
    warehouse.run(
        "create view named (number, word) as select id, name from orders where name is not null",
    );
    warehouse.run("insert into orders (id, name) values (7, 'seven')");
    assert_eq!(
        warehouse.run("select word from named where number > 1 order by number"),
        ["b", "seven"]
    );
}

#[test]
fn columns_can_be_added() {
    let warehouse = orders();
    warehouse.run("alter table orders add column note varchar");
    warehouse.run("update orders set note = 'first' where id = 1");
    assert_eq!(
        warehouse.run("select id, note from orders order by id"),
        ["1|first", "2|-", "3|-"]
    );
}

#[test]
fn a_failing_script_publishes_nothing() {
    let warehouse = orders();
    let error = warehouse.error("delete from orders; select nothing from orders");
    assert_eq!(error.code().id, "E1101");
    assert_eq!(warehouse.run(ALL).len(), 3);
}

#[test]
fn quoted_names_keep_their_letters() {
    let warehouse = Warehouse::new();
    warehouse.run("create table \"Mixed\" as select 1 as \"camelCase\", 2 as PLAIN");
    assert_eq!(
        warehouse.run("select \"camelCase\", plain from \"Mixed\""),
        ["1|2"]
    );
    assert_eq!(
        warehouse.error("select camelCase from \"Mixed\"").code().id,
        "E1101"
    );
    assert_eq!(warehouse.error("select 1 from mixed").code().id, "K3001");
}

#[test]
fn errors_point_at_the_name_and_suggest_another() {
    let warehouse = orders();
    let error = warehouse.error("select id,\n  nmae from orders");
    assert_eq!(
        error.place().map(|place| (place.line, place.column)),
        Some((2, 3))
    );
    assert_eq!(error.remedy(), Some("a similar column exists: `NAME`"));
    let error = warehouse.error("select * from order_");
    assert_eq!(
        error.place().map(|place| (place.line, place.column)),
        Some((1, 15))
    );
    assert_eq!(error.remedy(), Some("a similar name exists: `D.S.ORDERS`"));
}

#[test]
fn what_is_not_implemented_is_refused() {
    let warehouse = orders();
    for statement in [
        "select * from orders match_recognize (order by id measures first(x.id + y.id) as f pattern (x+ y) define x as id > 1)",
        "create table x (id varchar collate 'de')",
        "create dynamic table x target_lag = '1 minute' warehouse = w as select 1",
        "grant select on table orders to share s",
        "create masking policy p as (v varchar) returns varchar -> 'x'",
        "create database role reader",
    ] {
        let error = warehouse.error(statement);
        assert!(
            ["S0001", "S1001", "E2001"].contains(&error.code().id),
            "{statement}: {error}"
        );
    }
    assert_eq!(warehouse.run(ALL).len(), 3);
}

#[test]
fn shows_and_describes_what_exists() {
    let warehouse = orders();
    warehouse.run("create view named as select name from orders");
    assert_eq!(
        warehouse.run("describe table orders"),
        [
            "ID|NUMBER(38,0)|COLUMN|Y|-|N|N|-|-|-|-|-",
            "NAME|VARCHAR(16777216)|COLUMN|Y|-|N|N|-|-|-|-|-",
            "AMOUNT|NUMBER(10,2)|COLUMN|Y|-|N|N|-|-|-|-|-",
            "DAY|DATE|COLUMN|Y|-|N|N|-|-|-|-|-"
        ]
    );
    // The first column is when it was created.
    let behind = |statement: &str| -> Vec<String> {
        let lines = warehouse.run(statement).into_iter();
        lines
            .filter_map(|line| line.split_once('|').map(|(_, rest)| rest.to_owned()))
            .collect()
    };
    assert_eq!(behind("show terse tables"), ["ORDERS|TABLE|D|S"]);
    assert_eq!(behind("show terse views like 'NAM%'"), ["NAMED|VIEW|D|S"]);
    assert_eq!(
        warehouse.run(
            "select table_name, table_type from information_schema.tables where table_schema = 'S' order by 1"
        ),
        ["NAMED|VIEW", "ORDERS|BASE TABLE"]
    );
}
