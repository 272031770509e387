//! `sluice run --follow`: changes while they happen.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use serde_json::Value;

use super::Pair;
use super::crash::{STREAMS, TABLES, WORK};
use super::cut::Wire;

/// How long something may take that takes a second on an idle machine.
const LIMIT: Duration = Duration::from_secs(90);

/// A process that follows.
struct Following {
    child: Child,
    lines: Receiver<String>,
    events: Vec<Value>,
}

impl Following {
    fn start(pair: &Pair) -> Self {
        let mut child = pair
            .command(&["--log-format", "json", "run", "--follow"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, lines) = channel();
        let streams: [Box<dyn std::io::Read + Send>; 2] = [
            Box::new(child.stdout.take().unwrap()),
            Box::new(child.stderr.take().unwrap()),
        ];
        for stream in streams {
            let sender = sender.clone();
            std::thread::spawn(move || {
                for line in BufReader::new(stream).lines().map_while(Result::ok) {
                    let _ended = sender.send(line);
                }
            });
        }
        Self {
            child,
            lines,
            events: Vec::new(),
        }
    }

    /// Waits for an event that `is` what is looked for.
    fn event(&mut self, is: impl Fn(&Value) -> bool) -> Value {
        let until = Instant::now() + LIMIT;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let Ok(line) = self.lines.recv_timeout(left) else {
                panic!("no such event: {:#?}", self.events)
            };
            let event: Value = serde_json::from_str(&line).unwrap_or(Value::String(line));
            self.events.push(event.clone());
            if is(&event) {
                return event;
            }
        }
    }

    fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args([signal, &pid])
                .status()
                .unwrap()
                .success()
        );
    }

    /// Asks it to stop, and gives its exit code and the rest of its events.
    fn stop(mut self) -> (Option<i32>, Vec<Value>) {
        self.signal("-TERM");
        let code = self.child.wait().unwrap().code();
        while let Ok(line) = self.lines.recv_timeout(Duration::from_secs(5)) {
            self.events
                .push(serde_json::from_str(&line).unwrap_or(Value::String(line)));
        }
        (code, std::mem::take(&mut self.events))
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

fn is(name: &'static str) -> impl Fn(&Value) -> bool {
    move |event| event["event"] == name
}

pub fn eventually(what: &str, mut done: impl FnMut() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < LIMIT, "{what}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

impl Pair {
    fn ours_becomes(&self, sql: &str, expected: &str) {
        let mut last = String::new();
        let began = Instant::now();
        while began.elapsed() < LIMIT {
            // A column or table may not be there yet.
            let output = self.sluice(&["sql", "--format", "csv", "-c", sql]);
            let text = String::from_utf8(output.stdout).unwrap();
            last = text
                .split_once('\n')
                .map_or(String::new(), |(_, rows)| rows.to_owned());
            if last == expected {
                return;
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        assert_eq!(last, expected, "{sql}");
    }

    fn confirmed_is_near(&self, bytes: u64) -> bool {
        let sql = format!(
            "select pg_wal_lsn_diff(pg_current_wal_flush_lsn(), confirmed_flush_lsn) < {bytes} from pg_replication_slots"
        );
        self.server.sql(&sql) == "t\n"
    }
}

#[test]
fn changes_are_published_while_they_happen() {
    let mut pair = Pair::new(
        "      - {name: orders, sync: cdc}\n      - {name: logs, sync: cdc, apply: history}\n",
    );
    pair.server.sql(
        "create table orders (id integer primary key, what text); insert into orders values (1, 'one');
         create table logs (id integer primary key, what text)",
    );
    let mut following = Following::start(&pair);
    following.event(is("done"));
    pair.server
        .sql("insert into orders values (2, 'two'); insert into logs values (1, 'x')");
    let event = following.event(|event| event["event"] == "followed" && event["changes"] == 2);
    assert_eq!(event["source"], "pg");
    assert!(event["lag_seconds"].as_f64().unwrap() < 60.0, "{event}");
    assert!(!event["alarm"].as_bool().unwrap());
    assert_eq!(event["streams"].as_array().unwrap().len(), 2);
    pair.same("orders", &["id", "what"]);

    // The columns change meanwhile: an empty one is followed, a filled one and a renamed one need a copy.
    pair.server.sql(
        "alter table orders add column note text; insert into orders values (3, 'three', 'n')",
    );
    pair.ours_becomes(
        "select id, what, note from pg.orders where id = 3",
        "3,three,n\n",
    );
    pair.server.sql("alter table orders add column filled integer default 7; update orders set what = 'uno' where id = 1");
    pair.ours_becomes(
        "select what, filled from pg.orders order by id",
        "uno,7\ntwo,7\nthree,7\n",
    );
    pair.server.sql("alter table orders rename column note to remark; update orders set remark = 'r' where id = 3");
    pair.ours_becomes("select remark from pg.orders where id = 3", "r\n");

    // A second process finds the source taken; a run takes the tables as they are.
    for arguments in [&["--follow"], &["--full-refresh"]] {
        let said = pair.run_expecting(1, arguments);
        assert!(said.contains("P3002"), "{said}");
    }
    let said = pair.run(&[]);
    assert!(said.contains("another process follows"), "{said}");

    // The server crashes and comes back.
    pair.server.crash_and_restart();
    pair.server.sql("insert into orders values (4, 'after')");
    following.event(is("reconnecting"));
    pair.ours_becomes("select what from pg.orders where id = 4", "after\n");
    eventually("the server may forget what we have", || {
        pair.confirmed_is_near(1_000_000)
    });
    let check = pair.sluice(&["source", "check"]);
    let said = super::said(&check);
    assert!(check.status.success() && said.contains("lag: "), "{said}");

    let (code, events) = following.stop();
    assert_eq!(code, Some(0), "{events:#?}");
    let stopped = events.iter().find(|event| is("stopped")(event)).unwrap();
    assert!(
        stopped["position"].as_str().unwrap().contains('/'),
        "{stopped}"
    );
    pair.server
        .sql("update orders set what = 'late' where id = 4; insert into logs values (2, 'y')");
    pair.run(&[]);
    pair.same("orders", &["id", "what", "remark", "filled"]);
}

#[test]
fn a_transaction_is_seen_whole_or_not_at_all() {
    // Little memory: the transaction is applied in many parts.
    let pair = Pair::with_replication(
        "replication: {batch_bytes: 64KiB, batch_interval: 100ms, alarm: {time: 1ms}}",
        "      - {name: t, sync: cdc}\n      - {name: h, table: t, sync: cdc, apply: history, store_changes: true}\n",
    );
    pair.server.sql("create table t (id integer primary key, n integer, pad text); insert into t select g, 0, 'p' from generate_series(1, 100) g");
    let mut following = Following::start(&pair);
    following.event(is("done"));
    pair.server.sql(
        "begin; insert into t select g, 1, repeat('x', 100) from generate_series(1001, 11000) g; update t set n = 1; \
         update t set n = 2; delete from t where id <= 50; commit",
    );
    let began = Instant::now();
    loop {
        let seen = pair.ours("select count(*), min(n), max(n), (select count(*) from pg.h where is_current) from pg.t");
        if seen == "10050,2,2,10050\n" {
            break;
        }
        assert_eq!(seen, "100,0,0,100\n");
        assert!(began.elapsed() < LIMIT);
    }
    // One version for what the transaction made, whatever it did to it in between.
    assert_eq!(pair.ours("select count(*) from pg.h"), "10150\n");
    assert_eq!(pair.ours("select count(*) from pg.h__ct"), "30250\n");
    let alarm = following.events.iter().any(|event| event["alarm"] == true);
    let alarm = alarm || following.event(|event| event["alarm"] == true).is_object();
    assert!(alarm);
    following.stop();
}

#[test]
fn transactions_are_published_one_by_one_if_asked() {
    let pair = Pair::with_replication(
        "replication: {apply: transactional}",
        "      - {name: t, sync: cdc}\n",
    );
    pair.server.sql("create table t (id integer primary key)");
    let mut following = Following::start(&pair);
    following.event(is("done"));
    for id in 1..=4 {
        pair.server
            .sql(&format!("insert into t values ({id}), ({id} + 100)"));
    }
    pair.ours_becomes("select count(*) from pg.t", "8\n");
    let (_, events) = following.stop();
    let changes: Vec<&Value> = events
        .iter()
        .filter(|event| event["changes"] != 0 && is("followed")(event))
        .collect();
    assert_eq!(changes.len(), 4, "{events:#?}");
    assert!(
        changes
            .iter()
            .all(|event| event["transactions"] == 1 && event["changes"] == 2)
    );
}

#[test]
fn an_idle_slot_goes_on() {
    let pair = Pair::with_replication(
        "replication: {heartbeat: 1s}",
        "      - {name: t, sync: cdc}\n",
    );
    pair.server
        .sql("create table t (id integer primary key); create table other (what text)");
    let mut following = Following::start(&pair);
    following.event(is("done"));
    let before = pair
        .server
        .sql("select confirmed_flush_lsn from pg_replication_slots");
    // Somebody else writes.
    pair.server
        .sql("insert into other select repeat('x', 1000) from generate_series(1, 3000)");
    eventually("the slot goes past what is not ours", || {
        pair.confirmed_is_near(100_000)
    });
    let beats = "select count(*) > 1 from pg_logical_slot_peek_binary_changes('looker', null, null, 'proto_version', '1', \
                 'publication_names', 'sluice_pg', 'messages', 'true')";
    pair.server
        .sql("select pg_create_logical_replication_slot('looker', 'pgoutput')");
    eventually("the log has heartbeats", || pair.server.sql(beats) == "t\n");
    assert_ne!(
        pair.server.sql(
            "select confirmed_flush_lsn from pg_replication_slots where slot_name <> 'looker'"
        ),
        before
    );
    following.stop();
}

#[test]
fn a_lost_slot_is_told_or_the_tables_are_copied_anew() {
    let streams = "      - {name: t, sync: cdc, apply: soft_delete}\n";
    let pair = Pair::new(streams);
    pair.server
        .sql("create table t (id integer primary key); insert into t values (1), (2)");
    pair.run(&[]);
    pair.server
        .sql("alter system set max_slot_wal_keep_size = '1MB'");
    pair.server.sql("select pg_reload_conf()");
    pair.server
        .sql("delete from t where id = 1; insert into t values (3)");
    eventually("the slot is lost", || {
        pair.server.sql("select pg_switch_wal()");
        pair.server.sql("create table if not exists filler (what text); insert into filler select 'x' from generate_series(1, 1000)");
        pair.server.sql("checkpoint");
        pair.server
            .sql("select wal_status from pg_replication_slots")
            == "lost\n"
    });
    let said = pair.run_expecting(1, &[]);
    assert!(
        said.contains("P3003") && said.contains("when_lost"),
        "{said}"
    );
    pair.replication("replication: {when_lost: copy}", streams);
    let mut following = Following::start(&pair);
    following.event(is("done"));
    assert_eq!(
        pair.ours("select id, _sluice_deleted from pg.t order by id"),
        "1,true\n2,false\n3,false\n"
    );
    pair.server.sql("insert into t values (4)");
    pair.ours_becomes("select count(*) from pg.t", "4\n");
    // Lost while it is followed, by a failover to a server without it.
    pair.server.sql(
        "do $$ begin
            for i in 1 .. 100 loop begin
                perform pg_terminate_backend(active_pid) from pg_replication_slots where active;
                perform pg_sleep(0.05);
                perform pg_drop_replication_slot(slot_name) from pg_replication_slots;
                exit;
            exception when others then null; end; end loop;
        end $$",
    );
    pair.server.sql("insert into t values (5)");
    following.event(|event| event["notices"].to_string().contains("copied anew"));
    pair.ours_becomes("select count(*) from pg.t", "5\n");
    following.stop();
    let version = pair.server.sql("show server_version_num");
    if version.trim() < "170000" {
        pair.replication("replication: {failover: true}", streams);
        pair.server
            .sql("select pg_drop_replication_slot('sluice_pg')");
        let said = pair.run_expecting(1, &["--full-refresh"]);
        assert!(
            said.contains("P3001") && said.contains("PostgreSQL 17"),
            "{said}"
        );
    }
}

#[test]
fn nothing_is_lost_or_doubled_by_kills_while_following() {
    const ROUNDS: u32 = 6;
    let mut random = ChaCha8Rng::seed_from_u64(7);
    let pair = Pair::new(STREAMS);
    pair.server.sql(TABLES);
    pair.run(&[]);
    for _ in 0..ROUNDS {
        let mut following = Following::start(&pair);
        following.event(is("done"));
        for _ in 0..=random.next_u64() % 3 {
            pair.server.sql(WORK);
            std::thread::sleep(Duration::from_millis(random.next_u64() % 700));
        }
        following.signal("-KILL");
    }
    pair.run(&[]);
    pair.crash_same();
    // At each boundary of a batch.
    for failpoint in [
        "postgres.after_files",
        "postgres.after_changes",
        "publish.after_intent",
        "publish.after_pointers",
        "postgres.before_confirm",
    ] {
        pair.run(&[]);
        let mut child = pair
            .command(&["-qq", "run", "--follow", "--select", "source:pg"])
            // The first run passes some of them as well: that it has nothing to do makes them few.
            .env("SLUICE_FAILPOINT", format!("{failpoint}:3"))
            .spawn()
            .unwrap();
        let began = Instant::now();
        while child.try_wait().unwrap().is_none() {
            assert!(began.elapsed() < LIMIT, "`{failpoint}` was not reached");
            pair.server.sql(WORK);
            std::thread::sleep(Duration::from_millis(500));
        }
        pair.run(&[]);
        pair.crash_same();
    }
}

#[test]
fn connections_that_are_cut_while_following_harm_nothing() {
    const ROUNDS: u32 = 10;
    let mut random = ChaCha8Rng::seed_from_u64(8);
    let pair = Pair::new(STREAMS);
    pair.server.sql(TABLES);
    let wire = Wire::to(pair.server.port());
    wire.budget.store(i64::MAX, Ordering::SeqCst);
    pair.streams_by(wire.port, STREAMS);
    let mut following = Following::start(&pair);
    following.event(is("done"));
    for _ in 0..ROUNDS {
        pair.server.sql(WORK);
        let budget = 500 + i64::try_from(random.next_u64() % 20_000).unwrap();
        wire.budget.store(budget, Ordering::SeqCst);
        std::thread::sleep(Duration::from_millis(300 + random.next_u64() % 1_000));
    }
    wire.budget.store(i64::MAX, Ordering::SeqCst);
    let theirs = pair.server.sql("select count(*), sum(n) from orders");
    pair.ours_becomes("select count(*), sum(n) from pg.orders", &theirs);
    let (code, events) = following.stop();
    assert_eq!(code, Some(0), "{events:#?}");
    let cuts = events
        .iter()
        .filter(|event| is("reconnecting")(event))
        .count();
    assert!(cuts >= 3, "{cuts} cuts: {events:#?}");
    pair.run(&[]);
    pair.crash_same();
}

#[test]
fn a_stopped_follower_says_where_it_goes_on_and_a_check_raises_the_alarm() {
    let streams = "      - {name: orders, sync: cdc}\n";
    let pair = Pair::with_replication("replication: {alarm: {bytes: 100KiB}}", streams);
    pair.server
        .sql("create table orders (id integer primary key, what text)");
    let check = || pair.sluice(&["source", "check"]);
    let mut following = Following::start(&pair);
    following.event(is("done"));
    pair.server.sql("insert into orders values (1, 'a')");
    following.event(is("followed"));
    pair.ours_becomes("select what from pg.orders", "a\n");
    let (code, events) = following.stop();
    assert_eq!(code, Some(0));
    let stopped = events
        .iter()
        .find(|event| event["event"] == "stopped")
        .unwrap();
    let position = stopped["position"].as_str().unwrap();
    assert!(position.contains('/'), "{stopped}");
    let checked = check();
    assert_eq!(checked.status.code(), Some(0), "{}", super::said(&checked));

    // Nobody reads the log, and it grows.
    pair.server.sql(
        "insert into orders select n, repeat(md5(n::text), 20) from generate_series(2, 3000) n",
    );
    let checked = check();
    let said = super::said(&checked);
    assert_eq!(checked.status.code(), Some(1), "{said}");
    assert!(
        said.contains("P3006") && said.contains("sluice run --follow"),
        "{said}"
    );
    // The next run goes on from there.
    pair.run(&[]);
    pair.ours_becomes("select count(*) from pg.orders", "3000\n");
    assert_eq!(check().status.code(), Some(0));
}
