//! Streams kept up to date by changes.

use super::Pair;
use crate::lake::feed::feed;
use crate::lake::readers::read;

const STREAMS: &str = "
      - {name: orders, sync: cdc}
      - {name: lines, sync: cdc}
      - {name: notes, sync: cdc}
      - {name: logs, sync: cdc}
      - {name: parts, sync: cdc}
";

const TABLES: &str = "
create table orders (id integer primary key, customer text, amount numeric(10,2), big text);
alter table orders alter column big set storage external;
create table lines (order_id integer, line integer, what text, primary key (order_id, line));
create table notes (word text, times integer);
alter table notes replica identity full;
create table logs (at integer, what text);
create table parts (id integer, region text, primary key (id, region)) partition by list (region);
create table parts_a partition of parts for values in ('a');
create table parts_b partition of parts for values in ('b');
insert into orders select n, 'c' || n % 3, n, repeat(n::text, 3000) from generate_series(1, 50) n;
insert into lines select n / 3, n % 3, 'l' || n from generate_series(1, 60) n;
insert into notes values ('a', 1), ('a', 1), ('b', null);
insert into logs values (1, 'one');
insert into parts values (1, 'a'), (2, 'b');
";

impl Pair {
    fn all_same(&self) {
        self.same("orders", &["id", "customer", "amount", "big"]);
        self.same("lines", &["order_id", "line", "what"]);
        self.same("notes", &["word", "times"]);
        self.same("logs", &["at", "what"]);
        self.same("parts", &["id", "region"]);
    }

    fn step(&self, sql: &str) {
        self.server.sql(sql);
        self.run(&[]);
        self.all_same();
    }
}

#[test]
fn tables_are_what_the_source_is_after_every_kind_of_change() {
    every_kind_of_change(STREAMS);
}

#[test]
fn tables_with_partitions_are_too() {
    let streams = STREAMS
        .replace(
            "orders, sync: cdc",
            "orders, sync: cdc, partition_by: [customer]",
        )
        .replace(
            "lines, sync: cdc",
            "lines, sync: cdc, partition_by: [line], deletion_vectors: true",
        )
        .replace(
            "parts, sync: cdc",
            "parts, sync: cdc, partition_by: [region]",
        );
    let pair = every_kind_of_change(&streams);
    let files = pair.shop.table_files().into_keys();
    let files: Vec<String> = files
        .map(|path| path.to_string_lossy().into_owned())
        .collect();
    for folder in [
        "orders/CUSTOMER=c1/part-",
        "lines/LINE=2/part-",
        "parts/REGION=a/part-",
    ] {
        assert!(files.iter().any(|path| path.contains(folder)), "{folder}");
    }
}

#[test]
fn tables_with_deletion_vectors_are_too() {
    let streams = STREAMS.replace("sync: cdc", "sync: cdc, deletion_vectors: true");
    let pair = every_kind_of_change(&streams);
    // Other readers heed the vectors, too.
    pair.server.sql("create table few (id integer primary key, v text); insert into few select n, 'v' from generate_series(1, 1000) n");
    pair.streams("      - {name: few, sync: cdc, deletion_vectors: true}\n");
    pair.run(&[]);
    pair.server
        .sql("update few set v = 'w' where id = 500; delete from few where id % 100 = 0");
    pair.run(&[]);
    pair.same("few", &["id", "v"]);
    let vectors = pair.shop.table_files().into_keys();
    let vectors = vectors.filter(|path| path.to_string_lossy().contains("few/deletion_vector_"));
    assert_eq!(vectors.count(), 1);
    let ours = pair.ours("select id || '|' || v from pg.few");
    let mut ours: Vec<&str> = ours.lines().collect();
    ours.sort_unstable();
    for reader in ["deltalake", "spark"] {
        assert_eq!(read(&pair.shop, reader, "pg/few"), ours, "{reader}");
    }
}

/// What the feed tells of each version is what a comparison of the versions tells.
#[test]
fn tables_with_a_change_data_feed_tell_every_change() {
    let streams = STREAMS
        .replace("sync: cdc", "sync: cdc, change_data_feed: true")
        .replace("{name: orders,", "{name: orders, deletion_vectors: true,");
    let pair = every_kind_of_change(&streams);
    for (table, columns) in [
        ("pg/orders", "ID,CUSTOMER,AMOUNT"),
        ("pg/notes", "WORD,TIMES"),
        ("pg/parts", "ID,REGION"),
    ] {
        let told = feed(&pair.shop, "deltalake", table, columns);
        assert!(told.len() > 4, "{told:?}");
        let updates = told.iter().filter(|line| line.contains("update_preimage"));
        // What has no key has no updates.
        assert_eq!(updates.count() > 0, table == "pg/orders", "{told:?}");
    }
}

fn every_kind_of_change(streams: &str) -> Pair {
    let mut pair = Pair::new(streams);
    pair.server.sql(TABLES);
    pair.run(&[]);
    pair.all_same();
    let said = pair.run(&[]);
    assert!(said.contains("Nothing new"), "{said}");

    // Large values that do not change are not in the log: from the table, from a pending row, under a new key.
    pair.step(
        "update orders set amount = amount + 1 where id < 10;
         update orders set customer = 'twice' where id < 5;
         update orders set big = 'small' where id = 20; update orders set amount = 0 where id = 20;
         update orders set id = id + 1000 where id in (30, 31);
         update orders set customer = null where id = 1030;
         delete from orders where id = 40;
         insert into orders values (40, 'back', 1, 'x'); delete from orders where id = 41;",
    );
    pair.step(
        "update lines set line = line + 10 where order_id = 3; delete from lines where order_id = 4;
         insert into lines values (100, 1, 'new');
         insert into notes values ('a', 1), (null, null); delete from notes where word = 'b';
         update notes set times = 2 where ctid = (select min(ctid) from notes where word = 'a');
         insert into logs values (1, 'one'), (2, 'two');
         insert into parts values (3, 'a'); update parts set region = 'b' where id = 1;",
    );
    // One transaction of many, one that is rolled back, one that swaps keys.
    pair.step(
        "begin; insert into orders select n, 'many', n, null from generate_series(5000, 9000) n;
         delete from orders where id between 6000 and 7000; commit;
         begin; delete from orders; rollback;
         begin; update orders set id = -1 where id = 1; update orders set id = 1 where id = 2;
         update orders set id = 2 where id = -1; commit;",
    );
    pair.step("truncate lines; insert into lines values (1, 1, 'after'); delete from notes where word = 'a'");
    pair.server.crash_and_restart();
    pair.step("insert into orders values (99999, 'after a crash of the server', 1, null)");

    // New columns: empty ones are followed, filled ones and renamed ones copied anew.
    pair.server
        .sql("alter table logs add column extra text; insert into logs values (3, 'three', 'x')");
    pair.run(&[]);
    pair.same("logs", &["at", "what", "extra"]);
    pair.server.sql("alter table logs add column filled integer default 7; alter table lines rename column what to why");
    let said = pair.run(&[]);
    assert!(said.contains("copied anew"), "{said}");
    pair.same("logs", &["at", "what", "extra", "filled"]);
    pair.same("lines", &["order_id", "line", "why"]);

    // The server may forget what we have.
    let behind = pair.server.sql(
        "select pg_wal_lsn_diff(pg_current_wal_flush_lsn(), confirmed_flush_lsn) < 1000000 from pg_replication_slots",
    );
    assert_eq!(behind, "t\n");
    pair
}

#[test]
fn changes_that_are_lost_are_told() {
    let pair = Pair::new("      - {name: orders, sync: cdc}\n");
    pair.server.sql("create table orders (id integer primary key, what text); insert into orders values (1, 'a')");
    pair.run(&[]);
    pair.server
        .sql("select pg_drop_replication_slot('sluice_pg'); insert into orders values (2, 'b')");
    let said = pair.run_expecting(1, &[]);
    assert!(
        said.contains("P3003") && said.contains("--full-refresh"),
        "{said}"
    );
    pair.run(&["--full-refresh", "--select", "source:pg"]);
    pair.same("orders", &["id", "what"]);
    pair.server.sql("insert into orders values (3, 'c')");
    pair.run(&[]);
    pair.same("orders", &["id", "what"]);
    // Somebody moves the slot.
    pair.server.sql("insert into orders values (4, 'd')");
    pair.server
        .sql("select pg_replication_slot_advance('sluice_pg', pg_current_wal_flush_lsn())");
    let said = pair.run_expecting(1, &[]);
    assert!(said.contains("P3003"), "{said}");
}
