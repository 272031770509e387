//! Several writers of one table: nobody's rows are lost.

use super::shop::{Shop, said};

const WRITERS: usize = 8;
const ROUNDS: usize = 4;

#[test]
fn eight_writers_of_one_table_lose_nothing() {
    let shop = Shop::new();
    let sql = |text: &str| shop.sluice(&["sql", "--format", "csv", "-c", text]);
    let made = sql("create table public.counted (writer int, round int)");
    assert!(made.status.success(), "{}", said(&made));
    std::thread::scope(|threads| {
        for writer in 0..WRITERS {
            let sql = &sql;
            threads.spawn(move || {
                let script: Vec<String> = (0..ROUNDS)
                    .map(|round| format!("insert into public.counted values ({writer}, {round})"))
                    .collect();
                let done = sql(&script.join(";"));
                assert!(done.status.success(), "writer {writer}: {}", said(&done));
            });
        }
    });
    let counted = sql("select count(*), count(distinct writer * 100 + round) from public.counted");
    let told = String::from_utf8_lossy(&counted.stdout).into_owned();
    let rows = (WRITERS * ROUNDS).to_string();
    assert!(told.contains(&format!("{rows},{rows}")), "{told}");
}

#[test]
fn transactions_change_several_tables_at_once_or_none() {
    let shop = Shop::new();
    let sql = |text: &str| shop.sluice(&["sql", "--format", "csv", "-c", text]);
    let made = sql("create table public.a (x int); create table public.b (x int)");
    assert!(made.status.success(), "{}", said(&made));
    let count = || {
        let counted =
            sql("select (select count(*) from public.a) || ' ' || (select count(*) from public.b)");
        let told = String::from_utf8_lossy(&counted.stdout).into_owned();
        told.lines().last().unwrap_or_default().to_owned()
    };
    sql("begin; insert into public.a values (1); insert into public.b values (1); rollback");
    assert_eq!(count(), "0 0");
    sql("begin; insert into public.a values (1); insert into public.b values (1)");
    assert_eq!(count(), "0 0");
    sql(
        "begin; insert into public.a values (1); insert into public.b select no_such from public.a; commit",
    );
    assert_eq!(count(), "0 0");
    let done = sql(
        "begin transaction; insert into public.a values (1); insert into public.b select x from public.a; commit",
    );
    assert!(done.status.success(), "{}", said(&done));
    assert_eq!(count(), "1 1");
}
