//! A standby takes over, with the slot.

use super::Pair;
use super::follow::eventually;
use super::server::Server;
use crate::end_to_end::shop::Shop;

const STREAMS: &str = "      - {name: orders, sync: cdc}\n";
const FAILOVER: &str = "replication: {failover: true}";

#[test]
fn a_promoted_standby_is_followed_from_where_the_primary_ended() {
    let (primary, standby) = Server::start_with_standby();
    let mut pair = Pair {
        server: primary,
        shop: Shop::empty(),
    };
    pair.shop.write("sluice.yml", b"name: shop\n");
    pair.replication(FAILOVER, STREAMS);
    pair.server.sql(
        "create table orders (id integer primary key, what text);
         insert into orders select n, 'before' from generate_series(1, 100) n",
    );
    pair.run(&[]);
    eventually("the slot is on the standby", || {
        pair.server
            .sql("insert into orders select max(id) + 1, 'more' from orders");
        pair.server.sql("select pg_log_standby_snapshot()");
        pair.run(&[]);
        standby.sql("select pg_sync_replication_slots()");
        let there = "select synced and not temporary from pg_replication_slots where slot_name = 'sluice_pg'";
        standby.sql(there) == "t\n"
    });
    // Some of it is here already, and some nobody has read when the primary dies.
    pair.server
        .sql("update orders set what = 'seen' where id < 10");
    pair.run(&[]);
    pair.server
        .sql("delete from orders where id < 5; insert into orders values (-1, 'unseen')");
    let end = pair.server.sql("select pg_current_wal_lsn()");
    eventually("the standby has all", || {
        let has = format!("select pg_last_wal_replay_lsn() >= '{}'", end.trim());
        standby.sql(&has) == "t\n"
    });
    pair.server.crash();
    standby.sql("select pg_promote()");
    pair.server = standby;
    pair.replication(FAILOVER, STREAMS);
    let said = pair.run(&[]);
    assert!(!said.contains("copied"), "{said}");
    pair.same("orders", &["id", "what"]);
    pair.server.sql("insert into orders values (-2, 'after')");
    pair.run(&[]);
    pair.same("orders", &["id", "what"]);
}
