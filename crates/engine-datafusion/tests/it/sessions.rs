//! Sessions: variables, parameters, USE, the history of statements, and errors that point at characters.

use engine::{Binds, Value};

use crate::warehouse::Warehouse;

fn orders() -> Warehouse {
    let warehouse = Warehouse::new();
    warehouse.run(
        "create table orders (id int, name varchar, amount number(10,2), day date);
         insert into orders values (1, 'a', 1.50, '2024-01-01'), (2, 'b', 2.25, '2024-02-01'), (3, null, null, null)",
    );
    warehouse
}

#[test]
fn every_statement_has_its_own_present_unless_it_is_pinned() {
    let warehouse = orders();
    warehouse.run(
        "set before = (select current_timestamp()); create table t as select current_timestamp() as made",
    );
    assert_eq!(
        warehouse.run("select $before < made, made < current_timestamp() from t at (offset => 0)"),
        ["true|true"]
    );
    let moment = "2024-02-03T04:05:06Z".parse().unwrap();
    let session = warehouse.session().pinned_to(moment);
    let present = "create table n (a int); select current_timestamp()::timestamp_ntz";
    assert_eq!(warehouse.run_in(&session, present), ["2024-02-03T04:05:06"]);
}

#[test]
fn variables_keep_values_of_every_type() {
    let warehouse = orders();
    warehouse.run("set (low, label) = (1, 'it''s'); set day = '2024-02-01'::date; set top = (select max(id) from orders)");
    assert_eq!(
        warehouse
            .run("select $low + 1, $LABEL, $day > '2024-01-31'::date, $top, getvariable('low')"),
        ["2|it's|true|3|1"]
    );
    assert_eq!(
        warehouse
            .run("select id from orders where id > $low and id <= $top order by id limit $low"),
        ["2"]
    );
    assert_eq!(
        warehouse.run("show variables like 'L%'"),
        ["LABEL|it's|text", "LOW|1|fixed"]
    );
    warehouse.run("unset low; unset (label, day)");
    let error = warehouse.error("select 1,\n  $low");
    assert_eq!(error.code().id, "S1005");
    assert_eq!(
        error.place().map(|place| (place.line, place.column)),
        Some((2, 3))
    );
    assert_eq!(warehouse.error("set (a, b) = (1, 2, 3)").code().id, "E1002");
    assert_eq!(warehouse.run("set neg = -1.50; select $neg * 2"), ["-3.0"]);
}

#[test]
fn names_may_be_texts_and_variables() {
    let warehouse = orders();
    warehouse.run("set t = 'd.s.orders'; set c = 'name'");
    assert_eq!(
        warehouse.run("select identifier($c) from identifier($t) where id = 1"),
        ["a"]
    );
    assert_eq!(
        warehouse
            .run("select count(*) from table('orders') union all select count(*) from table($t)"),
        ["3", "3"]
    );
    warehouse.run("create table identifier('d.s.\"Odd\"') as select 1 as one");
    assert_eq!(warehouse.run("select one from \"Odd\""), ["1"]);
    assert_eq!(
        warehouse.error("select * from identifier('a b')").code().id,
        "S1006"
    );
}

#[test]
fn bind_parameters_take_their_values_in_order_and_by_name() {
    let warehouse = orders();
    let binds = Binds {
        positional: vec![Value::from(2), Value::from("b")],
        named: [("LOW".to_owned(), Value::from(1))].into(),
    };
    let session = warehouse.session().with_binds(binds);
    assert_eq!(
        warehouse.run_in(
            &session,
            "select id from orders where id = ? and name = ? and id > :low"
        ),
        ["2"]
    );
    assert_eq!(warehouse.run_in(&session, "select :2, :1"), ["b|2"]);
    assert_eq!(warehouse.error("select ?").code().id, "S1005");
}

#[test]
fn use_changes_where_names_resolve() {
    let warehouse = orders();
    warehouse.run("create schema d.other; create table d.other.orders as select 9 as id");
    assert_eq!(
        warehouse
            .run("use schema other; select id, current_database(), current_schema() from orders"),
        ["9|D|OTHER"]
    );
    assert_eq!(warehouse.run("select count(*) from orders"), ["1"]);
    assert_eq!(warehouse.run("use d.s; select count(*) from orders"), ["3"]);
    assert_eq!(
        warehouse
            .run("use role analyst; use warehouse wh; select current_role(), current_warehouse()"),
        ["ANALYST|WH"]
    );
    let error = warehouse.error("use schema othr");
    assert_eq!(
        (error.code().id, error.remedy()),
        ("K3003", Some("a similar name exists: `D.OTHER`"))
    );
    assert_eq!(warehouse.error("use database nowhere").code().id, "K3003");
}

#[test]
fn a_forked_session_goes_its_own_way() {
    let warehouse = orders();
    let session = warehouse.session();
    warehouse.run_in(&session, "set x = 1");
    let fork = session.fork();
    warehouse.run_in(&fork, "set x = 2");
    assert_eq!(warehouse.run_in(&session, "select $x"), ["1"]);
    assert_eq!(warehouse.run_in(&fork, "select $x"), ["2"]);
}

#[test]
fn parameters_take_what_has_an_effect_and_nothing_else() {
    let warehouse = orders();
    warehouse.run("alter session set query_tag = 'nightly', rows_per_resultset = 2");
    assert_eq!(
        warehouse.run("show parameters like 'query_tag'"),
        ["QUERY_TAG|nightly||SESSION|a note in the history of statements|STRING"]
    );
    assert_eq!(
        warehouse.run("select id from orders order by id"),
        ["1", "2"]
    );
    warehouse.run("alter session unset rows_per_resultset");
    assert_eq!(warehouse.run("select id from orders").len(), 3);
    assert_eq!(
        warehouse
            .error("alter session set lock_timeuot = 1")
            .remedy(),
        Some("a similar name exists: `LOCK_TIMEOUT`")
    );
    for unimplemented in [
        "alter session set autocommit = false",
        "alter session set json_indent = 0",
        "alter session set week_start = 9",
        "alter session set statement_timeout_in_seconds = 1000000",
    ] {
        assert_eq!(
            warehouse.error(unimplemented).code().id,
            "E1107",
            "{unimplemented}"
        );
    }
    // A default may always be set.
    warehouse.run("alter session set autocommit = true, timestamp_type_mapping = timestamp_ntz");
}

#[test]
fn results_can_be_scanned_again() {
    let warehouse = orders();
    assert_eq!(
        warehouse.run(
            "select id, name from orders order by id;
             select count(*), max(name) from table(result_scan(last_query_id()))"
        ),
        ["3|b"]
    );
    assert_eq!(
        warehouse.run(
            "show tables;
             select \"name\" from table(result_scan(last_query_id())) where \"kind\" = 'TABLE'"
        ),
        ["ORDERS"]
    );
    assert_eq!(
        warehouse.run(
            "select 1 as x; select 2 as x; select x from table(result_scan(last_query_id(-2)))"
        ),
        ["1"]
    );
    assert_eq!(
        warehouse.run(
            "update orders set name = 'z' where id < 3;
             select \"number of rows updated\" from table(result_scan(last_query_id()))"
        ),
        ["2"]
    );
    assert_eq!(
        warehouse
            .error("select * from table(result_scan('none'))")
            .code()
            .id,
        "E1108"
    );
}

#[test]
fn the_history_tells_what_ran() {
    let warehouse = orders();
    warehouse.run("alter session set query_tag = 'nightly'; select id from orders");
    warehouse.error("select nothing from orders");
    assert_eq!(
        warehouse.run(
            "select query_text, query_type, execution_status, error_code, rows_produced, query_tag
             from table(information_schema.query_history(result_limit => 2)) order by start_time"
        ),
        [
            "select id from orders|SELECT|SUCCESS|-|3|nightly",
            "select nothing from orders|SELECT|FAILED_WITH_ERROR|E1101|0|nightly"
        ]
    );
}

#[test]
fn texts_are_run_as_statements() {
    let warehouse = orders();
    assert_eq!(
        warehouse.run("execute immediate 'select count(*) from orders where id > ?' using (1)"),
        ["2"]
    );
    assert_eq!(
        warehouse.run("set q = 'select max(id) from orders'; execute immediate $q"),
        ["3"]
    );
    assert_eq!(
        warehouse.run("execute immediate $$begin return 1; end$$"),
        ["1"]
    );
}

#[test]
fn explain_shows_operations_as_a_table_text_or_json() {
    let warehouse = orders();
    let rows = warehouse.run("explain select id from orders where id > 1");
    assert!(rows.iter().any(|row| row.contains("TableScan")), "{rows:?}");
    assert!(warehouse.run("explain using text select 1")[0].contains("Projection"));
    assert!(warehouse.run("explain using json select 1")[0].starts_with('['));
    assert_eq!(
        warehouse.error("explain delete from orders").code().id,
        "E2001"
    );
}

#[test]
fn pivot_finds_its_values() {
    let warehouse = orders();
    warehouse.run(
        "create table sales (empid int, amount int, quarter varchar) as
         select * from (values (1, 10, 'q1'), (1, 20, 'q2'), (2, 30, 'q1'), (2, 5, 'q1')) v(a, b, c)",
    );
    assert_eq!(
        warehouse.run("select * from sales pivot (sum(amount) for quarter in (any order by quarter)) order by empid"),
        ["1|10|20", "2|35|-"]
    );
    assert_eq!(
        warehouse.run(
            "select \"'q1'\" from sales pivot (sum(amount) for quarter in (any)) order by empid"
        ),
        ["10", "35"]
    );
    assert_eq!(
        warehouse.run(
            "with s as (select empid, amount, quarter from sales where empid = 1), q as (select distinct quarter from s)
             select * from s pivot (sum(amount) for quarter in (select quarter from q order by quarter desc) default on null (0))"
        ),
        ["1|20|10"]
    );
    assert_eq!(
        warehouse.run(
            "select * from sales pivot (sum(amount) for quarter in (any)) rename_me where empid = 2"
        ),
        ["2|35|-"]
    );
}

#[test]
fn stars_over_joins_and_expressions() {
    let warehouse = orders();
    assert_eq!(
        warehouse.run("select *, id from orders where id = 1"),
        ["1|a|1.50|2024-01-01|1"]
    );
    assert_eq!(
        warehouse.run("select *, id + 1 as id from orders where id = 1"),
        ["1|a|1.50|2024-01-01|2"]
    );
    assert_eq!(
        warehouse.run("select o.* rename (name as who), p.id as other from orders o join orders p on o.id = p.id where o.id = 1"),
        ["1|a|1.50|2024-01-01|1"]
    );
    assert_eq!(
        warehouse.run(
            "select * ilike '%a%' rename (amount as price) from orders where id = 1 and price > 1"
        ),
        ["a|1.50|2024-01-01"]
    );
}

fn place(warehouse: &Warehouse, text: &str) -> (&'static str, usize, usize) {
    let error = warehouse.error(text);
    let place = error.place().unwrap();
    (error.code().id, place.line, place.column)
}

#[test]
fn errors_point_at_the_character() {
    let warehouse = orders();
    // The same word stands in a text, in a comment and in the place that is wrong.
    assert_eq!(
        place(&warehouse, "select 'nmae', -- nmae\n  nmae from orders"),
        ("E1101", 2, 3)
    );
    assert_eq!(
        place(&warehouse, "select 1 from orders o where o.amuont > 1"),
        ("E1101", 1, 30)
    );
    assert_eq!(
        place(
            &warehouse,
            "select id from orders a\njoin orders b on a.id = b.id"
        ),
        ("E1102", 1, 8)
    );
    assert_eq!(
        place(&warehouse, "select 1;\nselect id,\n uper(name) from orders"),
        ("E1103", 3, 2)
    );
    assert_eq!(
        place(
            &warehouse,
            "select name, day, count(*) from orders group by name"
        ),
        ("E1110", 1, 14)
    );
    assert_eq!(
        place(
            &warehouse,
            "with x as (select 1 as a)\nselect * from ordres"
        ),
        ("K3001", 2, 15)
    );
    let error = warehouse.error("select uper(name) from orders");
    assert_eq!(error.remedy(), Some("a similar name exists: `upper`"));
    assert_eq!(
        warehouse
            .error("select id + true::boolean + day from orders")
            .code()
            .id,
        "E1105"
    );
}

#[test]
fn errors_inside_views_name_the_view() {
    let warehouse = orders();
    warehouse
        .run("create view v as select id, name from orders; create view w as select name from v");
    warehouse.run("create or replace table orders as select 1 as id");
    let error = warehouse.error("select * from w");
    assert_eq!(error.code().id, "E1101");
    let shown = error.to_string();
    assert!(shown.contains("view D.S.V"), "{shown}");
}

#[test]
fn statements_are_given_only_so_much_time() {
    let warehouse = orders();
    warehouse.run("alter session set statement_timeout_in_seconds = 1");
    let error = warehouse.error(
        "select count(*) from table(generator(rowcount => 100000)) a, table(generator(rowcount => 100000)) b, table(generator(rowcount => 100000)) c",
    );
    assert_eq!(error.code().id, "E1109");
}

#[test]
fn the_schema_public_is_there_from_the_beginning() {
    let warehouse = Warehouse::new();
    assert_eq!(
        warehouse
            .run("use schema public; create table p as select 1 as x; select x from d.public.p"),
        ["1"]
    );
    assert_eq!(
        warehouse
            .error("create table other.public.p as select 1 as x")
            .code()
            .id,
        "K3003"
    );
}

#[test]
fn views_keep_the_text_they_were_given() {
    let warehouse = orders();
    warehouse.run(
        "create view v as select name, sum(amount) as total, total * 2 as twice from orders group by all
             qualify row_number() over (order by total desc nulls last) <= 2",
    );
    assert_eq!(
        warehouse.run("select * from v order by 1"),
        ["a|1.50|3.00", "b|2.25|4.50"]
    );
    warehouse.run("create view w as select * from (select name, id from orders) pivot (max(id) for name in (any order by name)) as p (x, y, z)");
    assert_eq!(warehouse.run("select * from w"), ["1|2|3"]);
}

#[test]
fn moments_are_told_in_the_zone_of_the_session() {
    let warehouse = Warehouse::new();
    let moment = "select '2024-07-01 12:00:00'::timestamp_ltz";
    let script = format!("alter session set timezone = 'America/New_York'; {moment}");
    assert_eq!(warehouse.run(&script), ["2024-07-01T12:00:00-04:00"]);
    assert_eq!(warehouse.run(moment), ["2024-07-01T12:00:00-04:00"]);
    let script = format!("alter session unset timezone; {moment}");
    assert_eq!(warehouse.run(&script), ["2024-07-01T12:00:00Z"]);
}
