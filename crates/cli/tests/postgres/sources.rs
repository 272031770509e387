//! Sources drafted from a server, and tables of it that no stream reads.

use super::{PASSWORD, Pair};
use crate::end_to_end::shop::said;

const TABLES: &str = "
create table orders (id integer primary key, what text, updated_at timestamptz);
create table notes (line text);
create view latest as select max(id) as id from orders;
create table \"odd name\" (id integer);
create schema crm;
create table crm.people (id integer primary key, name text);
insert into orders values (1, 'pen', '2026-08-01 10:00:00+00'), (2, null, null);
insert into notes values ('a'), ('a');
insert into crm.people values (7, 'Ada');
";

/// What `sluice source add` is told of the server.
fn address(pair: &Pair) -> String {
    format!(
        "postgres://postgres@127.0.0.1:{}/postgres",
        pair.server.port()
    )
}

#[test]
fn a_drafted_database_passes_its_check_and_runs() {
    let pair = Pair::new("");
    pair.server.sql(TABLES);
    std::fs::remove_file(pair.shop.path().join("sources/pg.yml")).unwrap();
    let add = |arguments: &[&str]| {
        let arguments = [&["source", "add"], arguments].concat();
        let mut command = pair.shop.command(&arguments);
        for name in ["ERP_PASSWORD", "CRM_PASSWORD", "THIRD_PASSWORD"] {
            command.env(name, PASSWORD);
        }
        command.output().unwrap()
    };
    let dry = add(&["erp", &address(&pair), "--dry-run"]);
    let drafted = said(&dry);
    assert!(dry.status.success(), "{drafted}");
    assert!(!pair.shop.path().join("sources/erp.yml").exists());
    for part in [
        "password: ${ERP_PASSWORD}",
        "- {name: orders}",
        "{name: orders, sync: cdc}",
        "cursor: updated_at",
        "- {name: notes}",
        "- {name: latest}",
        "`odd name` is left out",
    ] {
        assert!(drafted.contains(part), "{part}: {drafted}");
    }
    assert!(
        !drafted.contains(PASSWORD) && !drafted.contains("people"),
        "{drafted}"
    );

    assert!(add(&["erp", &address(&pair)]).status.success());
    let schema = add(&["crm", &address(&pair), "--schema", "crm"]);
    assert!(schema.status.success(), "{}", said(&schema));
    let run = |arguments: &[&str]| {
        let mut command = pair.shop.command(arguments);
        for name in ["ERP_PASSWORD", "CRM_PASSWORD"] {
            command.env(name, PASSWORD);
        }
        let output = command.output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", said(&output));
        String::from_utf8(output.stdout).unwrap()
    };
    run(&["source", "check", "erp"]);
    run(&["run"]);
    let rows = "select (select count(*) from erp.orders) || ' ' || (select count(*) from erp.notes) || ' ' || \
                (select id from erp.latest) || ' ' || (select name from crm.people) as found";
    assert_eq!(
        run(&["sql", "--format", "csv", "-c", rows]),
        "FOUND\n2 2 2 Ada\n"
    );

    for (arguments, code) in [
        (["erp", &address(&pair)], "C0015"),
        (
            ["third", "postgres://postgres:secret@127.0.0.1/postgres"],
            "C0014",
        ),
        (["third", "postgres://127.0.0.1"], "C0014"),
    ] {
        let refused = add(&arguments);
        assert!(said(&refused).contains(code), "{code}: {}", said(&refused));
    }
    let empty = add(&["third", &address(&pair), "--schema", "nothing"]);
    assert!(
        said(&empty).contains("C0015") || !empty.status.success(),
        "{}",
        said(&empty)
    );
}

#[test]
fn tables_that_no_stream_reads_are_told_of_refused_or_taken_up() {
    let streams = "      - {name: orders, sync: cdc}\n";
    let contract = |word: &str| format!("schema_contract: {{new_table: {word}}}");
    let pair = Pair::with_replication(&contract("notice"), streams);
    pair.server.sql(TABLES);
    let told = pair.run(&[]);
    assert!(
        told.contains("no stream of `pg` reads `public.notes`, `public.odd name`"),
        "{told}"
    );
    assert!(
        !told.contains("people") && !told.contains("latest"),
        "{told}"
    );

    pair.replication(&contract("freeze"), streams);
    let refused = pair.run_expecting(1, &[]);
    assert!(refused.contains("error[L2011]"), "{refused}");

    pair.replication(&contract("evolve"), streams);
    pair.server.sql(
        "create table items (id integer primary key, n integer); insert into items values (1, 1)",
    );
    let told = pair.run(&[]);
    for part in [
        "`pg.items` is a new stream",
        "`pg.notes` is a new stream",
        "`public.odd name`, which has a name that streams cannot have",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    // A table with a key is followed by its changes, as the others are; one without is read whole.
    pair.server.sql(
        "update items set n = 2; insert into items values (2, 3); insert into notes values ('b')",
    );
    let told = pair.run(&[]);
    assert!(!told.contains("is a new stream"), "{told}");
    for (table, columns) in [
        ("items", &["id", "n"][..]),
        ("notes", &["line"]),
        ("orders", &["id", "what"]),
    ] {
        pair.same(table, columns);
    }
    let publication =
        "select string_agg(tablename, ' ' order by tablename) from pg_publication_tables";
    assert_eq!(pair.server.sql(publication), "items orders\n");
}
