//! Runs that die while they follow changes: nothing is lost, nothing is doubled.

use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

use super::Pair;
use crate::end_to_end::shop::dies_at;

pub const STREAMS: &str = "
      - {name: orders, sync: cdc}
      - {name: notes, sync: cdc}
      - {name: events, sync: incremental, cursor: id, write: append}
      - {name: soft, table: orders, sync: cdc, apply: soft_delete}
      - {name: history, table: orders, sync: cdc, apply: history, store_changes: true}
      - {name: thin, table: orders, sync: cdc, deletion_vectors: true}
      - {name: thin_history, table: orders, sync: cdc, apply: history, deletion_vectors: true}
";

pub const TABLES: &str = "
create table orders (id integer primary key, what text, n integer);
create table notes (word text, times integer);
alter table notes replica identity full;
create table events (id bigserial primary key, what text);
insert into orders select n, 'o' || n, 0 from generate_series(1, 200) n;
";

pub const WORK: &str = "
insert into orders select (select max(id) from orders) + n, 'new', 0 from generate_series(1, 20) n;
update orders set n = n + 1 where id % 7 = 0; delete from orders where id % 41 = 0;
insert into notes select 'w' || n % 5, n % 3 from generate_series(1, 30) n;
delete from notes where ctid in (select ctid from notes limit 10);
insert into events (what) select 'e' from generate_series(1, 25);
";

impl Pair {
    pub fn crash_same(&self) {
        self.same("orders", &["id", "what", "n"]);
        self.same("notes", &["word", "times"]);
        self.same("events", &["id", "what"]);
        let list = |from: &str| format!("select id, what, n from {from} order by 1");
        let theirs = self.server.sql(&list("orders"));
        assert_eq!(
            self.ours(&list("pg.soft where not _sluice_deleted")),
            theirs
        );
        assert_eq!(self.ours(&list("pg.history where is_current")), theirs);
        assert_eq!(self.ours(&list("pg.thin")), theirs);
        let versions = |table: &str| format!("select * from pg.{table} order by id, valid_from");
        assert_eq!(
            self.ours(&versions("thin_history")),
            self.ours(&versions("history"))
        );
        // Versions of a row follow each other; each change is stored once.
        let wrong = "select count_if(valid_to > next or valid_to <= valid_from) from (select *, lead(valid_from) \
                     over (partition by id order by valid_from) as next from pg.history)";
        assert_eq!(self.ours(wrong), "0\n");
        let twice = "select count(*) - count(distinct header__change_seq) from pg.history__ct";
        assert_eq!(self.ours(twice), "0\n");
        // A row that is updated and deleted by one transaction has no version of that.
        let lost = "select count(*) from pg.history__ct c left join pg.history h \
                    on c.id = h.id and c.header__timestamp = h.valid_from \
                    where c.header__change_oper = 'U' and h.id is null and c.id % 41 <> 0";
        assert_eq!(self.ours(lost), "0\n");
    }
}

#[test]
fn nothing_is_lost_or_doubled_by_a_crash_anywhere() {
    let pair = Pair::new(STREAMS);
    pair.server.sql(TABLES);
    let all = telemetry::POSTGRES_FAILPOINTS.iter().chain(
        telemetry::FAILPOINTS
            .iter()
            .filter(|name| name.starts_with("publish.")),
    );
    // The first kill meets the first copy, the others changes.
    for failpoint in all {
        pair.server.sql(WORK);
        dies_at(&mut pair.command(&["run"]), failpoint);
        pair.server.sql(WORK);
        pair.run(&[]);
        pair.crash_same();
    }
}

#[test]
fn nothing_is_lost_or_doubled_by_kills_at_any_moment() {
    const ROUNDS: u32 = 12;
    let mut random = ChaCha8Rng::seed_from_u64(5);
    let pair = Pair::new(STREAMS);
    pair.server.sql(TABLES);
    for _ in 0..ROUNDS {
        pair.server.sql(WORK);
        let mut child = pair.command(&["-qq", "run"]).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(50 + random.next_u64() % 1_200));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    pair.run(&[]);
    pair.crash_same();
}
