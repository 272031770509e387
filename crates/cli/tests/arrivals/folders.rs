//! Folders that are watched.

use std::fs::{self, File};
use std::io::Write as _;
use std::time::{Duration, Instant};

use super::{local, silver, wait};
use crate::end_to_end::shop::Shop;
use crate::webhooks::sender::Served;

/// How soon a file must be loaded that lies in a watched folder.
const SOON: Duration = Duration::from_secs(2);

/// Waits until `rows` rows are in silver, and gives how long that took without the time of asking.
fn loaded(shop: &Shop, rows: usize) -> Duration {
    let asked = Instant::now();
    silver(shop);
    let asking = asked.elapsed();
    let since = Instant::now();
    wait("the load", || (silver(shop).len() >= rows).then_some(()));
    since.elapsed().saturating_sub(asking)
}

fn row(id: usize) -> String {
    format!("id,amount\n{id},1\n")
}

#[test]
fn a_file_is_loaded_as_soon_as_it_is_there() {
    // Within ten minutes no list finds anything.
    let shop = local("{poll: 10m, settle: 10m}");
    let served = Served::start(&shop, &[]);
    wait("the watch", || {
        shop.write("landing/0.csv", row(0).as_bytes());
        (!silver(&shop).is_empty()).then_some(())
    });
    let mut times = Vec::new();
    for at in 1..=3 {
        shop.write(&format!("landing/{at}.csv"), row(at).as_bytes());
        times.push(loaded(&shop, at + 1));
    }
    // Other tests have the machine too, so one of three is enough.
    assert!(times.iter().any(|time| *time < SOON), "{times:?}");
    served.end();
}

#[test]
fn folders_that_are_new_are_watched_too() {
    let shop = local("{poll: 1s, settle: 1s}");
    let served = Served::start(&shop, &[]);
    shop.write("landing/run_date=2026-08-01/4.csv", row(4).as_bytes());
    shop.write("elsewhere/deep/5.csv", row(5).as_bytes());
    fs::rename(
        shop.path().join("elsewhere"),
        shop.path().join("landing/whole"),
    )
    .unwrap();
    wait("the folders", || (silver(&shop).len() == 2).then_some(()));
    served.end();
}

#[test]
fn a_file_that_is_still_written_to_is_not_taken() {
    let shop = local("{poll: 200ms, settle: 1m}");
    let served = Served::start(&shop, &[]);
    let mut file = File::create(shop.path().join("landing/slow.csv")).unwrap();
    file.write_all(b"id,amount\n1,1\n2,").unwrap();
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(silver(&shop), [""; 0]);
    file.write_all(b"2\n").unwrap();
    drop(file);
    loaded(&shop, 1);
    assert_eq!(silver(&shop), ["1 1.00", "2 2.00"]);
    served.end();
}

#[test]
fn a_run_waits_for_a_load_and_files_from_before_the_start_are_found() {
    let shop = local("{poll: 200ms, settle: 100ms}");
    fs::remove_dir(shop.path().join("landing")).unwrap();
    let served = Served::start(&shop, &[]);
    std::thread::sleep(Duration::from_millis(300));
    // The folder is made while the server runs.
    shop.write("landing/0.csv", b"id,amount\n0,1\n");
    wait("the first file", || {
        (silver(&shop).len() == 1).then_some(())
    });
    for at in 1..=6 {
        shop.write(
            &format!("landing/{at}.csv"),
            format!("id,amount\n{at},1\n").as_bytes(),
        );
        shop.run();
    }
    wait("all files", || (silver(&shop).len() == 7).then_some(()));
    served.end();
    assert_eq!(shop.value("select count(*) from bronze.sales"), "7");
}
