//! Full refresh and incremental streams.

use super::Pair;
use crate::end_to_end::memory::{LIMIT_MIB, peak_of};

const STREAMS: &str = "
      - {name: everything}
      - {name: orders, sync: incremental, cursor: updated_at, look_back: 1 hour}
      - {name: events, sync: incremental, cursor: id, write: append}
      - {name: totals, query: 'select customer, sum(amount) as amount from orders group by 1', key: [customer]}
";

const TABLES: &str = "
create type mood as enum ('sad', 'happy');
create domain positive as integer check (value > 0);
create table everything (
    id bigint primary key, small smallint, plain integer, fits numeric(12,2), free numeric,
    single real, double double precision, flag boolean, word text, fixed char(5), varied varchar(10),
    raw bytea, day date, moment timestamp, instant timestamptz, clock time, span interval, ident uuid,
    doc json, docb jsonb, list integer[], words text[], feeling mood, checked positive, address inet,
    range int4range, double_id bigint generated always as (id * 2) stored);
insert into everything values
    (1, 2, 3, 12345.60, 1.50, 0.1, 0.1, true, 'Zürich, \"x\"', 'ab', 'cd', '\\x00ff', '2024-02-29',
     '2024-02-29 12:34:56.789', '2024-02-29 12:34:56.789+02', '12:34:56', '1 day 02:00:00',
     '00112233-4455-6677-8899-aabbccddeeff', '{\"b\": 1, \"a\": [1.50, null]}', '{\"b\": 1, \"a\": \"x\"}',
     '{1,NULL,3}', '{\"a b\",NULL,\"NULL\"}', 'happy', 7, '10.0.0.1', '[1,5)'),
    (2, null, null, null, 'NaN', 'NaN', 'Infinity', null, null, null, null, null, 'infinity', '-infinity',
     'infinity', null, null, null, null, null, null, null, null, null, null, null);
create table orders (id integer primary key, customer text, amount numeric(10,2), updated_at timestamptz);
insert into orders select n, 'c' || n % 3, n * 1.25, timestamptz '2024-01-01 00:00+00' + n * interval '1 minute'
    from generate_series(1, 1000) n;
create table events (id bigint primary key, what text);
insert into events select n, 'e' || n from generate_series(1, 100) n;
";

#[test]
fn copies_and_increments() {
    let pair = Pair::new(STREAMS);
    pair.server.sql(TABLES);

    let said = pair.run(&["--select", "source:pg"]);
    assert!(said.contains("pg/orders"), "{said}");
    pair.same("orders", &["id", "customer", "amount"]);
    pair.same("events", &["id", "what"]);
    let first = "select small, plain, fits, free, flag, word, varied, raw, day, clock, span, ident, doc, docb, \
                 list, words, feeling, checked, address, range, double_id from pg.everything order by id";
    let expected = [
        "2,3,12345.60,1.50,true,\"Zürich, \"\"x\"\"\",cd,00FF,2024-02-29,12:34:56,1 day 02:00:00,\
         00112233-4455-6677-8899-aabbccddeeff,\"{\"\"a\"\":[1.5,null],\"\"b\"\":1}\",\
         \"{\"\"a\"\":\"\"x\"\",\"\"b\"\":1}\",\"[1,null,3]\",\"[\"\"a b\"\",null,\"\"NULL\"\"]\",happy,7,10.0.0.1,\
         \"[1,5)\",2\n",
        ",,,NaN,,,,,9999-12-31,,,,,,,,,,,,4\n",
    ];
    assert_eq!(pair.ours(first), expected.concat());
    let times = "select moment::text, instant::timestamp_ntz::text, single, double from pg.everything order by id";
    let expected = [
        "2024-02-29 12:34:56.789,2024-02-29 10:34:56.789,0.10000000149011612,0.1\n",
        "0001-01-01 00:00:00.000,9999-12-31 23:59:59.999,NaN,inf\n",
    ];
    assert_eq!(pair.ours(times), expected.concat());

    // Nothing new: the look-back reads the last hour again and finds it unchanged.
    let version = "select count(*) from pg.orders";
    assert_eq!(pair.ours(version), "1000\n");
    let said = pair.run(&["--select", "source:pg.orders", "source:pg.events"]);
    assert!(said.contains("Nothing new"), "{said}");

    // Rows that are new, that changed, and that were late by less than the look-back.
    pair.server.sql(
        "insert into orders values (1001, 'new', 1, '2024-01-02 00:00+00'), \
         (1002, 'late', 2, '2024-01-01 16:10+00');
         update orders set amount = 0, updated_at = '2024-01-03 00:00+00' where id = 5;
         insert into events values (101, 'more')",
    );
    pair.run(&[]);
    pair.same("orders", &["id", "customer", "amount"]);
    pair.same("events", &["id", "what"]);
    let totals = pair.ours("select customer, amount from pg.totals order by 1");
    assert_eq!(
        totals,
        pair.server
            .sql("select customer, sum(amount) from orders group by 1 order by 1")
    );

    // The shape changes: a new column comes along, one that is gone stays with what it had.
    pair.server.sql(
        "alter table orders add column note text; alter table orders drop column customer;
         insert into orders values (1003, 3, '2024-01-04 00:00+00', 'hello')",
    );
    pair.streams(
        &STREAMS
            .lines()
            .filter(|line| !line.contains("totals"))
            .collect::<Vec<_>>()
            .join("\n"),
    );
    pair.run(&[]);
    pair.same("orders", &["id", "amount", "note"]);
    assert_eq!(
        pair.ours("select customer from pg.orders where id = 1"),
        "c1\n"
    );

    // Another type needs a copy.
    pair.server.sql("alter table orders alter column amount type text; update orders set updated_at = '2024-01-05 00:00+00' where id = 7");
    let said = pair.run_expecting(1, &[]);
    assert!(said.contains("P2006"), "{said}");
    pair.run(&["--full-refresh"]);
    pair.same("orders", &["id", "amount", "note"]);
}

#[test]
fn a_backfill_reads_a_range_of_a_cursor_again() {
    let pair = Pair::new(STREAMS);
    pair.server.sql(TABLES);
    pair.run(&["--select", "source:pg.orders", "source:pg.events"]);
    // Corrections that the cursor does not tell.
    pair.server.sql(
        "update orders set customer = 'corrected' where id in (10, 500, 900);
         insert into orders values (0, 'forgotten', 1, '2024-01-01 02:00+00')",
    );
    assert!(
        pair.run(&["--select", "source:pg.orders"])
            .contains("pg/orders")
    );
    let corrected = "select listagg(id, ' ') within group (order by id) from pg.orders \
                     where customer in ('corrected', 'forgotten')";
    let backfill = |arguments: &[&str], code: i32| {
        let output = pair.sluice(&[&["backfill"], arguments].concat());
        let said = super::said(&output);
        assert_eq!(output.status.code(), Some(code), "{said}");
        said
    };
    let range = [
        "pg/orders",
        "--from",
        "2024-01-01 00:30+00",
        "--to",
        "2024-01-01 09:00+00",
    ];
    for failpoint in [
        "postgres.after_files",
        "postgres.after_copy",
        "publish.after_intent",
    ] {
        let killed = pair
            .command(&[&["backfill"], &range[..]].concat())
            .env("SLUICE_FAILPOINT", failpoint)
            .output()
            .unwrap();
        assert_eq!(killed.status.code(), None, "{}", super::said(&killed));
    }
    for _ in 0..2 {
        backfill(&range, 0);
        assert_eq!(pair.ours(corrected), "0 500\n");
    }
    backfill(
        &["pg/orders", "--from", "2024-01-01", "--to", "2024-01-01"],
        0,
    );
    pair.same("orders", &["id", "customer", "amount"]);
    // Where the stream stands is as before.
    pair.server
        .sql("insert into orders values (1001, 'new', 1, '2024-01-02 00:00+00')");
    pair.run(&["--select", "source:pg.orders"]);
    pair.same("orders", &["id", "customer", "amount"]);

    let said = backfill(&["pg/events", "--from", "1"], 2);
    assert!(
        said.contains("L2005") && said.contains("only adds rows"),
        "{said}"
    );
    let replay = pair.sluice(&["replay"]);
    let said = super::said(&replay);
    assert!(
        said.contains("L2005") && said.contains("nothing is kept in the raw zone"),
        "{said}"
    );
}

#[test]
fn a_source_is_checked_and_discovered() {
    let pair = Pair::new("      - {name: orders, sync: cdc}\n      - {name: ordres}\n");
    pair.server
        .sql("create table orders (id integer primary key, what text)");
    let output = pair.sluice(&["source", "check"]);
    let said = super::said(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("orders: 2 columns, key id"), "{said}");
    assert!(
        said.contains("P2001") && said.contains("public.orders"),
        "{said}"
    );
    let output = pair.sluice(&["source", "discover", "pg", "--format", "json"]);
    let said = super::said(&output);
    let table: serde_json::Value = serde_json::from_str(said.trim()).unwrap();
    assert_eq!(table["name"], "orders");
    assert_eq!(table["key"], serde_json::json!(["id"]));
    assert_eq!(table["columns"][1]["type"], "text");

    let output = pair
        .shop
        .command(&["source", "check"])
        .env("PGPASSWORD", "wrong")
        .output()
        .unwrap();
    let said = super::said(&output);
    assert!(said.contains("P1002") && !said.contains("wrong"), "{said}");
}

/// 40 rows of 8 MiB by copy, then each of them by change: more than the limit, both times.
#[test]
fn long_rows_pass_through_little_memory() {
    let pair = Pair::new("      - {name: books, sync: cdc}\n");
    let limit = format!("name: shop\nmemory_limit: {LIMIT_MIB}MiB\n");
    pair.shop.write("sluice.yml", limit.as_bytes());
    pair.server.sql(
        "create table books (id integer primary key, body text);
         insert into books select n, repeat('a row as long as a book', 364722) from generate_series(1, 40) n",
    );
    let peak = peak_of(&mut pair.command(&["run"]));
    assert!(peak < LIMIT_MIB, "{peak} MiB by copy");
    pair.server.sql("update books set body = body || id");
    let peak = peak_of(&mut pair.command(&["run"]));
    assert!(peak < LIMIT_MIB, "{peak} MiB by changes");
    let lengths = "select sum(length(body)) from";
    let theirs = pair.server.sql(&format!("{lengths} public.books"));
    assert_eq!(pair.ours(&format!("{lengths} pg.books")), theirs);
}
