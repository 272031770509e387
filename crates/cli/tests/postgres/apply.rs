//! What becomes of changes: soft delete, history, change tables.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

use super::Pair;

const TABLE: &str = "
create table orders (id integer primary key, what text, big text);
alter table orders alter column big set storage external;
insert into orders select n, 'o' || n, repeat(n::text, 3000) from generate_series(1, 5) n;
";

#[test]
fn soft_delete_keeps_rows_and_marks_them() {
    let pair = Pair::new("      - {name: orders, sync: cdc, apply: soft_delete}\n");
    pair.server.sql(TABLE);
    pair.run(&[]);
    let state = || {
        pair.ours(
            "select id, what, length(big), _sluice_deleted, _sluice_synced is not null from pg.orders order by id",
        )
    };
    let copied: String = (1..=5)
        .map(|n| format!("{n},o{n},3000,false,true\n"))
        .collect();
    assert_eq!(state(), copied);
    // The large value is not in the log where it does not change, not even under another key.
    pair.server.sql(
        "delete from orders where id = 1; update orders set what = 'new' where id = 2;
         update orders set id = 30 where id = 3; insert into orders values (6, 'short', 'x');
         delete from orders where id = 6",
    );
    pair.run(&[]);
    let expected = "1,o1,3000,true,true\n2,new,3000,false,true\n3,o3,3000,true,true\n4,o4,3000,false,true\n\
                    5,o5,3000,false,true\n6,short,1,true,true\n30,o3,3000,false,true\n";
    assert_eq!(state(), expected);
    // A row that comes again is the same row; one that is made and unmade stays unmade.
    pair.server
        .sql("insert into orders values (1, 'again', 'y'); delete from orders where id = 5");
    pair.run(&[]);
    let rows =
        pair.ours("select id, what, _sluice_deleted from pg.orders where id in (1, 5) order by id");
    assert_eq!(rows, "1,again,false\n5,o5,true\n");
    pair.server
        .sql("truncate orders; insert into orders values (4, 'after', 'z')");
    pair.run(&[]);
    let alive = "select id, what from pg.orders where not _sluice_deleted order by id";
    assert_eq!(pair.ours(alive), "4,after\n");
    assert_eq!(pair.ours("select count(*) from pg.orders"), "7\n");
    // What the source no longer has survives a copy.
    pair.server
        .sql("insert into orders values (7, 'seven', 'z')");
    pair.run(&["--full-refresh"]);
    assert_eq!(pair.ours(alive), "4,after\n7,seven\n");
    assert_eq!(pair.ours("select count(*) from pg.orders"), "8\n");
}

#[test]
fn history_keeps_every_version_with_its_time() {
    let pair = Pair::new(
        "      - {name: orders, sync: cdc, apply: {mode: history, valid_from: since, valid_to: until, current: is_now}}\n",
    );
    pair.server.sql(TABLE);
    pair.run(&[]);
    assert_eq!(
        pair.ours("select count(*), count(since), count(until), count_if(is_now) from pg.orders"),
        "5,5,0,5\n"
    );
    // Transactions are versions; what one transaction does to a row is one version.
    for sql in [
        "update orders set what = 'a' where id = 1",
        "update orders set what = 'b' where id = 1",
        "begin; update orders set what = 'c' where id = 1; update orders set what = 'd' where id = 1; commit",
        "update orders set id = 20 where id = 2",
        "begin; insert into orders values (9, 'never seen', ''); delete from orders where id = 9; commit",
        "delete from orders where id = 3",
    ] {
        pair.server.sql(sql);
    }
    pair.run(&[]);
    let versions = "select id, what, length(big), is_now, until is null from pg.orders where id in (1, 2, 3, 9, 20) \
                    order by id, since";
    let expected = "1,o1,3000,false,false\n1,a,3000,false,false\n1,b,3000,false,false\n1,d,3000,true,true\n\
                    2,o2,3000,false,false\n3,o3,3000,false,false\n20,o2,3000,true,true\n";
    assert_eq!(pair.ours(versions), expected);
    let gaps = "select count(*) from (select until, lead(since) over (partition by id order by since) as next \
                from pg.orders where id = 1) where until <> next";
    assert_eq!(pair.ours(gaps), "0\n");
    // An empty column comes along, a filled one needs a copy, which leaves the history alone.
    pair.server
        .sql("alter table orders add column note text; update orders set note = 'n' where id = 1");
    pair.run(&[]);
    pair.server
        .sql("alter table orders add column filled integer default 7");
    let said = pair.run(&[]);
    assert!(said.contains("copied anew"), "{said}");
    let current = "select id, what, note, filled from pg.orders where is_now order by id";
    assert_eq!(
        pair.ours(current),
        pair.server
            .sql("select id, what, note, filled from orders order by id")
    );
    assert_eq!(
        pair.ours("select count(*) from pg.orders where id = 1"),
        "6\n"
    );
    pair.server.sql("truncate orders");
    pair.run(&[]);
    assert_eq!(
        pair.ours("select count_if(is_now), count_if(until is null) from pg.orders"),
        "0,0\n"
    );
    // A retyped column cannot hold what the old versions had.
    pair.server
        .sql("alter table orders alter column filled type text");
    let said = pair.run_expecting(1, &[]);
    assert!(said.contains("P2006"), "{said}");
}

#[test]
fn a_change_table_tells_every_change() {
    let pair = Pair::new(
        "      - {name: orders, sync: cdc, store_changes: true}
      - {name: notes, sync: cdc, store_changes: {suffix: _log, prefix: h_, before_images: false}}\n",
    );
    pair.server.sql(TABLE);
    pair.server.sql(
        "create table notes (word text, times integer); alter table notes replica identity full;
         insert into notes values ('a', 1), ('a', 1)",
    );
    pair.run(&[]);
    assert_eq!(pair.ours("select count(*) from pg.orders__ct"), "0\n");
    pair.server
        .sql("update orders set what = 'new' where id = 1");
    pair.server.sql("update orders set id = 20 where id = 2");
    pair.server.sql("begin; insert into orders values (7, 'seven', 's'); delete from orders where id = 4; commit");
    pair.server
        .sql("update notes set times = 2 where ctid = (select min(ctid) from notes)");
    pair.server.sql("alter table orders replica identity full");
    pair.server
        .sql("update orders set what = 'newer' where id = 1; truncate orders");
    pair.run(&[]);
    pair.same("orders", &["id", "what"]);
    pair.same("notes", &["word", "times"]);
    let changes = "select header__change_oper, header__operation, id, what, length(big), hex_encode(header__change_mask) \
                   from pg.orders__ct order by header__change_seq, header__change_oper";
    let expected = "U,UPDATE,1,new,3000,03\nD,DELETE,2,,,01\nI,INSERT,20,o2,3000,07\nI,INSERT,7,seven,1,07\n\
                    D,DELETE,4,,,01\nB,BEFOREIMAGE,1,new,3000,02\nU,UPDATE,1,newer,3000,02\nT,TRUNCATE,,,,\"\"\n";
    assert_eq!(pair.ours(changes), expected);
    let shape = "select count(distinct header__change_seq), count(distinct header__transaction_id), \
                 min(length(header__change_seq)), min(length(header__transaction_id)), \
                 count(header__stream_position), count_if(header__timestamp > '2020-01-01') from pg.orders__ct";
    // The old and the new row of an update share their number, the transactions of one psql call are one.
    assert_eq!(pair.ours(shape), "7,4,35,32,8,8\n");
    let notes = "select h_change_oper, word, times from pg.notes_log order by h_change_seq";
    assert_eq!(pair.ours(notes), "U,a,2\n");
    // A table without a key cannot say which of its rows has ended.
    pair.streams("      - {name: notes, sync: cdc, apply: history}\n");
    let said = pair.run_expecting(1, &["--full-refresh"]);
    assert!(said.contains("P2003"), "{said}");
    // Columns may not have the names of ours.
    pair.server
        .sql("create table clash (id integer primary key, valid_to text)");
    pair.streams("      - {name: clash, sync: cdc, apply: history}\n");
    let said = pair.run_expecting(1, &[]);
    assert!(said.contains("P2004"), "{said}");
}

const SEVERAL: &str = "
      - {name: t, sync: cdc, store_changes: true}
      - {name: soft, table: t, sync: cdc, apply: soft_delete}
      - {name: history, table: t, sync: cdc, apply: history}
      - {name: thin, table: t, sync: cdc, deletion_vectors: true}
      - {name: thin_history, table: t, sync: cdc, apply: history, deletion_vectors: true}
";

/// After any transactions, history tells what the table was at any moment, and the change table leads there.
#[test]
fn history_is_what_the_source_was_at_each_moment() {
    let mut random = ChaCha8Rng::seed_from_u64(11);
    let pair = Pair::new(SEVERAL);
    pair.server
        .sql("create table t (id integer primary key, v integer); insert into t select n, 0 from generate_series(1, 6) n");
    pair.run(&[]);
    let list = |table: &str| format!("select id, v from {table} order by 1, 2");
    let mut moments = Vec::new();
    for round in 0..5 {
        for _ in 0..8 {
            let mut sql = String::from("begin;");
            for _ in 0..=random.next_u64() % 3 {
                let (id, other) = (random.next_u64() % 9, random.next_u64() % 9);
                let value = random.next_u64() % 1000;
                sql.push_str(&match random.next_u64() % 12 {
                    0..=3 => format!("insert into t values ({id}, {value}) on conflict (id) do update set v = {value};"),
                    4..=7 => format!("update t set v = {value} where id = {id};"),
                    8..=9 => format!("delete from t where id = {id};"),
                    10 => format!("update t set id = {other} where id = {id} and not exists (select from t where id = {other});"),
                    _ if random.next_u64().is_multiple_of(3) => "truncate t;".to_owned(),
                    _ => "select 1;".to_owned(),
                });
            }
            let end = match random.next_u64() % 6 {
                0 => "rollback;",
                _ => "commit;",
            };
            pair.server.sql(&format!("{sql}{end}"));
            let moment = pair
                .server
                .sql("select to_char(clock_timestamp(), 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"+00:00\"')");
            moments.push((moment.trim().to_owned(), pair.server.sql(&list("t"))));
        }
        pair.run(&[]);
        let theirs = pair.server.sql(&list("t"));
        assert_eq!(pair.ours(&list("pg.t")), theirs, "round {round}");
        assert_eq!(
            pair.ours(&list("pg.soft where not _sluice_deleted")),
            theirs,
            "round {round}"
        );
        assert_eq!(
            pair.ours(&list("pg.history where is_current")),
            theirs,
            "round {round}"
        );
        assert_eq!(pair.ours(&list("pg.thin")), theirs, "round {round}");
        let versions = |table: &str| format!("select * from pg.{table} order by id, valid_from");
        assert_eq!(
            pair.ours(&versions("thin_history")),
            pair.ours(&versions("history")),
            "round {round}"
        );
    }
    for (moment, theirs) in moments.iter().step_by(4) {
        let at = format!(
            "pg.history where valid_from <= '{moment}'::timestamp_ltz and (valid_to > '{moment}'::timestamp_ltz or valid_to is null)"
        );
        assert_eq!(&pair.ours(&list(&at)), theirs, "{moment}");
    }
    // The last word of the change table on each row since the last truncation.
    let last = "select id, header__change_oper as oper, v from pg.t__ct
        where header__change_oper <> 'T' and header__change_seq > coalesce(
            (select max(header__change_seq) from pg.t__ct where header__change_oper = 'T'), '')
        qualify row_number() over (partition by id order by header__change_seq desc) = 1";
    let wrong = format!(
        "select count(*) from ({last}) c full join pg.t t on t.id = c.id
         where (c.oper = 'D' and t.id is not null) or (c.oper <> 'D' and (t.id is null or t.v <> c.v))"
    );
    assert_eq!(pair.ours(&wrong), "0\n");
    let twice = "select count(*) - count(distinct header__change_seq) from pg.t__ct";
    assert_eq!(pair.ours(twice), "0\n");
}
