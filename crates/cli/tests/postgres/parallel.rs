//! Large tables, which several connections copy at once.

use std::collections::BTreeSet;
use std::thread;

use super::Pair;

/// Accounts in pairs, and a procedure that moves money within pairs: the sum is the same at every moment, though
/// most rows move to other pages all the time.
const ACCOUNTS: &str = "
create table accounts (id integer primary key, balance bigint, filler text);
insert into accounts select n, 100, repeat('x', 150) from generate_series(0, 299999) n;
create procedure move_money(rounds integer) language plpgsql as $$ begin
    for round in 1 .. rounds loop
        update accounts set balance = balance + case id % 2 when 0 then round else -round end
        where id / 2 % 20 = round % 20;
        commit;
    end loop;
end $$;
create table readings (day date, value integer, filler text) partition by range (day);
create table readings_1 partition of readings for values from ('2024-01-01') to ('2024-02-01');
create table readings_2 partition of readings for values from ('2024-02-01') to ('2024-03-01');
insert into readings select date '2024-01-01' + n % 45, n, repeat('x', 150) from generate_series(1, 150000) n;
";

#[test]
fn several_connections_copy_a_table_as_it_is_at_one_moment() {
    let pair = Pair::new("      - {name: accounts}\n      - {name: readings}\n");
    pair.server.sql(ACCOUNTS);
    pair.server.sql("alter system set log_statement = 'all'");
    pair.server.sql("select pg_reload_conf()");
    thread::scope(|scope| {
        scope.spawn(|| pair.server.sql("call move_money(40)"));
        pair.run(&[]);
    });
    let accounts = "select count(*), count(distinct id), sum(balance) from pg.accounts";
    assert_eq!(pair.ours(accounts), "300000,300000,30000000\n");
    let readings = "select count(*), count(distinct value), min(day), max(day) from pg.readings";
    assert_eq!(pair.ours(readings), "150000,150000,2024-01-01,2024-02-14\n");
    // The log names the process that served each statement.
    for table in ["accounts", "readings"] {
        let log = pair.server.log();
        let parts = log.lines().filter(|line| {
            line.contains("copy (select") && line.contains(table) && line.contains("ctid")
        });
        let connections: BTreeSet<&str> = parts
            .filter_map(|line| line.split_once('[')?.1.split(']').next())
            .collect();
        assert!(connections.len() > 1, "{table}: {connections:?}");
    }
}
