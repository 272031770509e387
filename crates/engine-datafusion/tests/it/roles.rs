//! What roles may do: every kind of statement is refused without a privilege that it needs, and runs with exactly those.

use crate::warehouse::Warehouse;

/// What stands there, all of it ACCOUNTADMIN's.
const OBJECTS: &str = "
    create table t (id int, name varchar);
    insert into t values (1, 'one');
    create table u (id int, name varchar);
    insert into u values (1, 'uno');
    create view v as select * from t;
    create schema d.other;
    create schema d.s2;
    use schema d.s;
    create sequence q;
    create file format ff type = csv;
    create stage st;
    create function f(x int) returns int as 'x + 1';
    create procedure p() returns int language sql as 'begin return 1; end';
    create role r;
    create role someone";

/// Privileges on what the objects are in.
const CONTAINERS: [&str; 2] = ["usage on database d", "usage on schema d.s"];

/// Statements in the schema, and the privileges they need beside those.
const INSIDE: &[(&str, &[&str])] = &[
    ("select * from t", &["select on table t"]),
    ("select * from v", &["select on view v"]),
    ("select (select max(id) from t)", &["select on t"]),
    (
        "with a as (select * from d.s.t) select * from a",
        &["select on table t"],
    ),
    (
        "select * from t join u using (id)",
        &["select on table t", "select on table u"],
    ),
    (
        "select * from t at (timestamp => '2100-01-01'::timestamp_ltz)",
        &["select on table t"],
    ),
    ("explain select * from t", &["select on table t"]),
    ("insert into t values (2, 'two')", &["insert on table t"]),
    (
        "insert into t select * from u",
        &["insert on table t", "select on table u"],
    ),
    (
        "insert overwrite into t select * from u",
        &[
            "insert on table t",
            "delete on table t",
            "select on table u",
        ],
    ),
    (
        "insert all into t into u select 1, 'one'",
        &["insert on table t", "insert on table u"],
    ),
    ("update t set id = 2", &["update on table t"]),
    (
        "update t set name = u.name from u where t.id = u.id",
        &["update on table t", "select on table u"],
    ),
    ("delete from t", &["delete on table t"]),
    (
        "delete from t using u where t.id = u.id",
        &["delete on table t", "select on table u"],
    ),
    ("truncate table t", &["truncate on table t"]),
    (
        "merge into t using u on t.id = u.id when matched then update set name = 'x' \
         when not matched then insert values (u.id, 'y')",
        &[
            "select on table u",
            "update on table t",
            "insert on table t",
        ],
    ),
    (
        "merge into t using u on t.id = u.id when matched then delete",
        &["select on table u", "delete on table t"],
    ),
    ("create table n (a int)", &["create table on schema d.s"]),
    (
        "create table n as select * from t",
        &["create table on schema d.s", "select on table t"],
    ),
    (
        "create or replace table t (a int)",
        &["create table on schema d.s", "ownership on table t"],
    ),
    ("create temporary table n (a int)", &[]),
    (
        "create table n clone t",
        &["create table on schema d.s", "select on table t"],
    ),
    (
        "create table n like t",
        &["create table on schema d.s", "select on table t"],
    ),
    (
        "create view n as select 1 as a",
        &["create view on schema d.s"],
    ),
    (
        "create view n as select * from t",
        &["create view on schema d.s", "select on table t"],
    ),
    (
        "create or replace view v as select 1 as a",
        &["create view on schema d.s", "ownership on view v"],
    ),
    ("drop table t", &["ownership on table t"]),
    ("drop view v", &["ownership on view v"]),
    ("alter table t add column c int", &["ownership on table t"]),
    (
        "alter table t rename to n",
        &["ownership on table t", "create table on schema d.s"],
    ),
    (
        "alter table t swap with u",
        &["ownership on table t", "ownership on table u"],
    ),
    ("alter view v set comment = 'x'", &["ownership on view v"]),
    ("comment on table t is 'x'", &["ownership on table t"]),
    ("comment on column t.id is 'x'", &["ownership on table t"]),
    ("describe table t", &["references on table t"]),
    ("select get_ddl('table', 't')", &["references on table t"]),
    ("create sequence n", &["create sequence on schema d.s"]),
    ("select q.nextval", &["usage on sequence q"]),
    ("drop sequence q", &["ownership on sequence q"]),
    (
        "create file format n type = csv",
        &["create file format on schema d.s"],
    ),
    ("drop file format ff", &["ownership on file format ff"]),
    ("create stage n", &["create stage on schema d.s"]),
    ("list @st", &["read on stage st"]),
    ("remove @st", &["read on stage st", "write on stage st"]),
    (
        "copy into t from @st",
        &["insert on table t", "read on stage st"],
    ),
    (
        "copy into t from @st file_format = (format_name = 'ff')",
        &[
            "insert on table t",
            "read on stage st",
            "usage on file format ff",
        ],
    ),
    (
        "copy into @st from t",
        &["select on table t", "read on stage st", "write on stage st"],
    ),
    (
        "create function n(x int) returns int as 'x'",
        &["create function on schema d.s"],
    ),
    ("select f(1)", &["usage on function f(int)"]),
    ("drop function f(int)", &["ownership on function f(int)"]),
    (
        "create procedure n() returns int language sql as 'begin return 1; end'",
        &["create procedure on schema d.s"],
    ),
    ("call p()", &["usage on procedure p()"]),
    ("drop procedure p()", &["ownership on procedure p()"]),
    (
        "begin insert into t values (3, 'three'); end",
        &["insert on table t"],
    ),
    (
        "alter schema d.s set comment = 'x'",
        &["modify on schema d.s"],
    ),
    (
        "grant select on table t to role someone",
        &["ownership on table t"],
    ),
];

/// Statements about the account and its databases.
const OUTSIDE: &[(&str, &[&str])] = &[
    (
        "comment on schema d.s is 'x'",
        &["usage on database d", "ownership on schema d.s"],
    ),
    (
        "grant select on future tables in schema d.s to role someone",
        &["usage on database d", "ownership on schema d.s"],
    ),
    ("create schema d.n", &["create schema on database d"]),
    ("create schema n.n", &["create database on account"]),
    ("create database n", &["create database on account"]),
    ("drop database d", &["ownership on database d"]),
    ("create role n", &["create role on account"]),
    ("drop role someone", &["ownership on role someone"]),
    (
        "grant role someone to role r",
        &["ownership on role someone"],
    ),
    (
        "grant select on table t to role someone",
        &["manage grants on account"],
    ),
    ("use database d", &["usage on database d"]),
    ("use warehouse w", &["usage on warehouse w"]),
];

/// How it reads that a role may not do something.
const REFUSALS: [&str; 6] = ["K3001", "K3003", "K3004", "K3016", "E1101", "E1103"];

fn outcome(
    warehouse: &Warehouse,
    grants: &[&str],
    statement: &str,
) -> Result<(), diagnostic::Error> {
    let mut script = "use role accountadmin;use schema d.s;".to_owned();
    for grant in grants {
        script.push_str(&format!("grant {grant} to role r;"));
    }
    script.push_str(&format!("use role r;{statement}"));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(warehouse.outcome(&script))
}

/// What is wrong with the privileges that `statement` is said to need.
fn check(warehouse: &Warehouse, statement: &str, needed: &[&str]) -> Vec<String> {
    let mut wrong = Vec::new();
    if let Err(error) = outcome(warehouse, needed, statement) {
        wrong.push(format!("{statement} with {needed:?}: {error}"));
    }
    for left_out in 0..needed.len() {
        let mut rest = needed.to_vec();
        let missing = rest.remove(left_out);
        // Any privilege on a schema or database stands for USAGE on it.
        let stands_in = missing
            .strip_prefix("usage")
            .is_some_and(|on| rest.iter().any(|other| other.ends_with(on)));
        match outcome(warehouse, &rest, statement) {
            Err(error) if REFUSALS.contains(&error.code().id) => {}
            Ok(()) if stands_in => {}
            Err(error) => wrong.push(format!(
                "{statement} without {missing}: {} {error}",
                error.code().id
            )),
            Ok(()) => wrong.push(format!("{statement} runs without {missing}")),
        }
    }
    wrong
}

#[test]
fn every_statement_needs_its_privileges_and_no_others() {
    let warehouse = Warehouse::new();
    warehouse.run(OBJECTS);
    let mut wrong = Vec::new();
    for (statement, needed) in INSIDE {
        wrong.extend(check(
            &warehouse,
            statement,
            &[&CONTAINERS, *needed].concat(),
        ));
    }
    for (statement, needed) in OUTSIDE {
        wrong.extend(check(&warehouse, statement, needed));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_not_there_and_what_is_not_for_a_role_reads_alike() {
    let warehouse = Warehouse::new();
    warehouse.run(OBJECTS);
    let containers = CONTAINERS;
    let there = outcome(&warehouse, &containers, "select * from d.s.t").unwrap_err();
    let not = outcome(&warehouse, &containers, "select * from d.s.x").unwrap_err();
    assert_eq!(there.message().replace("D.S.T", "D.S.X"), not.message(),);
    assert_eq!(there.code(), not.code());
    assert!(
        there
            .message()
            .ends_with("does not exist or not authorized")
    );
}

#[test]
fn a_role_that_was_dropped_may_do_nothing() {
    let warehouse = Warehouse::new();
    warehouse.run(OBJECTS);
    let session = warehouse.session().fork();
    warehouse.run_in(&session, "use role r");
    warehouse.run("use role accountadmin; drop role r; drop role someone");
    let refused = warehouse.try_run_in(&session, "select 1").unwrap_err();
    assert_eq!(refused.code().id, "K3001");
    // There were roles, so a name alone is none.
    assert_eq!(warehouse.error("use role anybody").code().id, "K3001");
    assert_eq!(
        warehouse.run_in(&session, "use role accountadmin; select 1"),
        ["1"]
    );
}

#[test]
fn grants_survive_and_rollbacks_leave_none() {
    let mut warehouse = Warehouse::new();
    warehouse.run(OBJECTS);
    warehouse.run("grant select on table t to role r");
    assert!(
        warehouse
            .try_run("grant select on table u to role r; select * from nowhere")
            .is_err()
    );
    warehouse.reopen();
    let shown = "select privilege_type, table_name from information_schema.table_privileges where grantee = 'R'";
    assert_eq!(warehouse.run(shown), ["SELECT|T"]);
}

#[test]
fn a_stale_grant_is_refused_rather_than_lost() {
    let warehouse = Warehouse::new();
    warehouse.run(OBJECTS);
    let published = warehouse.publish_both(
        "grant usage on schema d.other to role r",
        "grant usage on schema d.other to role someone",
    );
    assert_eq!(published.unwrap_err().code().id, "K1001");
}

#[test]
fn without_roles_a_name_is_enough() {
    let warehouse = Warehouse::new();
    assert_eq!(warehouse.run("select current_role()"), ["ACCOUNTADMIN"]);
    warehouse.run("use role transformer; create table t as select 1 as a");
    assert_eq!(
        warehouse.run("select a, current_role() from t"),
        ["1|TRANSFORMER"]
    );
    warehouse.run("grant select on t to role reporter");
    // What a role made before it was created is its own once it is.
    warehouse.run("use role accountadmin; create role transformer; create role reporter");
    warehouse.run("grant usage on database d to role transformer; grant usage on schema d.s to role transformer");
    warehouse.run("use role transformer; drop table t");
}
