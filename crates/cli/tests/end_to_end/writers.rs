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

#[test]
fn temporary_tables_last_as_long_as_their_session() {
    let shop = Shop::new();
    let sql = |text: &str| shop.sluice(&["sql", "--format", "csv", "-c", text]);
    let rows = |text: &str| {
        let told = sql(text);
        assert!(told.status.success(), "{}", said(&told));
        let told = String::from_utf8_lossy(&told.stdout).into_owned();
        told.lines().last().unwrap_or_default().to_owned()
    };
    sql("create table public.a as select 1 as x");
    assert_eq!(
        rows(
            "create temporary table a as select x + 1 as x from a; insert into a select x + 1 from a; \
              begin; insert into a values (100); rollback; update a set x = x * 10; \
              select listagg(x, ' ') within group (order by x) from a"
        ),
        "20 30"
    );
    // It hid the permanent one, and is gone with its session.
    assert_eq!(rows("select x from public.a"), "1");
    assert_eq!(
        rows("create temporary table a as select 7 as x; drop table a; select x from a"),
        "1"
    );
    assert!(
        sql("create temporary table b as select 1 as x")
            .status
            .success()
    );
    assert!(!sql("select * from b").status.success());
}

#[test]
fn columns_of_bytes_are_bytes_to_every_function() {
    let shop = Shop::new();
    let script = "create table public.bytes as select to_binary('00ff', 'HEX') as x; \
                  select hex_encode(x), length(x), to_varchar(x, 'base64'), x::varchar, md5(x) = md5(to_binary('00ff', 'HEX')) \
                  from public.bytes where x = to_binary('00FF', 'HEX')";
    let told = shop.sluice(&["sql", "--format", "csv", "-c", script]);
    assert!(told.status.success(), "{}", said(&told));
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    assert_eq!(told.lines().last(), Some("00FF,2,AP8=,00FF,true"));
}

#[test]
fn statements_of_a_block_publish_one_by_one() {
    let shop = Shop::new();
    let sql = |text: &str| shop.sluice(&["sql", "--format", "csv", "-c", text]);
    let count = || {
        let counted = sql("select count(*) from public.a");
        let told = String::from_utf8_lossy(&counted.stdout).into_owned();
        told.lines().last().unwrap_or_default().to_owned()
    };
    sql("create table public.a (x int)");
    // What was done before the error stays, as in Snowflake.
    let failed = sql("begin insert into public.a values (1); select no_such from public.a; end");
    assert!(!failed.status.success());
    assert_eq!(count(), "1");
    let handled = sql("begin
           begin transaction;
           insert into public.a values (2);
           select no_such from public.a;
           commit;
         exception when other then
           rollback;
           return (select count(*) from public.a);
         end");
    assert!(handled.status.success(), "{}", said(&handled));
    assert_eq!(count(), "1");
    let done = sql(
        "execute immediate $$begin let n := (select count(*) from public.a);
        insert into public.a values (:n + 1); return (select max(x) from public.a); end$$",
    );
    let told = String::from_utf8_lossy(&done.stdout).into_owned();
    assert_eq!(told.lines().last(), Some("2"), "{}", said(&done));
}
