//! Two processes in one project: one run at a time, and readers whenever they like.

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
