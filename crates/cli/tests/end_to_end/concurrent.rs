//! Several processes in one project: one run at a time, readers whenever they like, and Ctrl-C.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::shop::{Shop, said};

#[test]
fn a_second_run_is_refused_by_the_name_of_the_first() {
    let shop = Shop::empty();
    let options = demo::Options {
        rows: 20_000,
        days: 2,
        ..demo::Options::default()
    };
    demo::write_project(shop.path(), &options).unwrap();
    let mut first = shop.command(&["-qq", "run"]).spawn().unwrap();
    let lock = shop.path().join(".sluice/run.lock");
    let clock = Instant::now();
    while !std::fs::read_to_string(&lock).is_ok_and(|holder| holder == first.id().to_string()) {
        assert!(
            clock.elapsed() < Duration::from_secs(30),
            "the first run takes no lock"
        );
        std::thread::sleep(Duration::from_millis(2));
    }
    let second = shop.sluice(&["run"]);
    let told = said(&second);
    assert!(told.contains("error[K1003]"), "{told}");
    assert!(told.contains(&first.id().to_string()), "{told}");
    assert!(
        matches!(second.status.code(), Some(1 | 2)),
        "{:?}",
        second.status
    );

    // Readers do not wait, and see the state before or after.
    let seen = shop.contents().len();
    assert!(matches!(seen, 0 | 18), "{seen} relations");
    assert!(first.wait().unwrap().success());
    assert_eq!(shop.contents().len(), 18);
    shop.run();
}

/// Every drop adds one row to each table, so that a mixture of two states shows.
#[test]
fn readers_never_see_half_a_run() {
    const COUNTS: &str = "\
select (select count(*) from bronze.sales) || ' ' || (select count(*) from silver.sales) || ' '
    || (select count(*) from marts.fact_sales) || ' ' || (select sum(orders) from marts.city_totals)";
    let shop = Shop::new();
    shop.deliver("2026-08-01", "a.csv", "o1,2026-08-01,Bern,1\n");
    shop.run();
    // The writer is the thread, so that its failure ends the reader, too.
    let seen = std::thread::scope(|threads| {
        let writer = threads.spawn(|| {
            for day in 2..=6 {
                let rows = format!("o{day},2026-08-0{day},Bern,1\n");
                shop.deliver(&format!("2026-08-0{day}"), "a.csv", &rows);
                shop.run();
            }
        });
        let mut seen = Vec::new();
        while !writer.is_finished() {
            seen.push(shop.value(COUNTS));
        }
        writer.join().unwrap();
        seen
    });
    let mut expected = (1..=6).map(|rows| [rows; 4].map(|count: u32| count.to_string()).join(" "));
    let mut state = expected.next().unwrap();
    for counts in seen {
        while counts != state {
            state = expected
                .next()
                .unwrap_or_else(|| panic!("readers saw {counts}"));
        }
    }
}

#[test]
fn an_interrupted_run_publishes_nothing_and_the_next_one_all() {
    let shop = Shop::empty();
    let options = demo::Options {
        rows: 20_000,
        days: 2,
        ..demo::Options::default()
    };
    let truth = demo::write_project(shop.path(), &options).unwrap().truth;
    let child = shop
        .command(&["run"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let runs = shop.path().join(".sluice/processes");
    let clock = Instant::now();
    while !std::fs::read_dir(&runs).is_ok_and(|mut folder| folder.next().is_some()) {
        assert!(
            clock.elapsed() < Duration::from_secs(30),
            "the run does not begin"
        );
        std::thread::sleep(Duration::from_millis(2));
    }
    let process = child.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-INT", &process])
            .status()
            .unwrap()
            .success()
    );
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", said(&output));
    assert_eq!(shop.contents().len(), 0);
    assert_eq!(
        std::fs::read_dir(&runs).unwrap().count(),
        0,
        "the run is left"
    );
    shop.run();
    assert_eq!(
        shop.value("select count(*) from bronze.sales"),
        truth.rows.to_string()
    );
}
