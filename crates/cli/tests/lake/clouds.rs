//! What a source and a warehouse have to do in the buckets of any cloud.

use crate::end_to_end::crash::{FIRST, SECOND};
use crate::end_to_end::shop::{Shop, dies_at, said};

/// A store of objects in which a warehouse and a source can lie.
pub trait Cloud {
    /// The small project with its files in the store, and its tables below `prefix`.
    fn shop(&self, prefix: &str) -> Shop;

    /// Puts a file of `rows` where the source looks for those of `day`.
    fn deliver(&self, day: &str, rows: &str);
}

/// The small project with its tables at `warehouse` and its files at `drops`, both reached by `storage`.
pub fn shop_in(warehouse: &str, drops: &str, storage: &str) -> Shop {
    let shop = Shop::new();
    let project = format!(
        "name: shop\nenvironments: {{dev: {{warehouse: '{warehouse}', storage: {storage}}}}}\n"
    );
    shop.write("sluice.yml", project.as_bytes());
    let source = std::fs::read_to_string(shop.path().join("sources/shop.yml")).unwrap();
    let place = format!("location: {drops}\n    storage: {storage}");
    let source = source.replace("path: landing", &place);
    shop.write("sources/shop.yml", source.as_bytes());
    shop
}

/// Loads, reads, replays and tidies up, beside a project in folders. Nothing said may hold `secret`.
pub fn is_as_good_as_folders(cloud: &dyn Cloud, secret: &str) {
    let local = Shop::new();
    let shop = cloud.shop("w");
    let mut before = Vec::new();
    for (day, rows) in [("2026-08-01", FIRST), ("2026-08-02", SECOND)] {
        local.deliver(day, "a.csv", rows);
        cloud.deliver(day, rows);
        local.run();
        shop.run();
        assert_eq!(
            shop.contents()["SILVER.SALES"],
            local.contents()["SILVER.SALES"],
            "{day}"
        );
        before.push(shop.value("select count(*) from silver.sales"));
    }
    assert!(shop.run().contains("Nothing new"));
    assert_eq!(
        shop.value("select count(*) from silver.sales at(version => 0)"),
        before[0]
    );
    for arguments in [
        &["replay"][..],
        &["optimize"],
        &["vacuum", "--retention", "0"],
    ] {
        let done = shop.sluice(arguments);
        assert!(done.status.success(), "{arguments:?}\n{}", said(&done));
        assert!(!said(&done).contains(secret));
    }
    assert_eq!(
        shop.contents()["MARTS.FACT_SALES"],
        local.contents()["MARTS.FACT_SALES"]
    );
}

/// Writers at once do not lose each other's rows.
pub fn loses_no_writes(cloud: &dyn Cloud) {
    let shop = cloud.shop("at_once");
    let made = shop.sluice(&["sql", "-c", "create table public.t (id int)"]);
    assert!(made.status.success(), "{}", said(&made));
    std::thread::scope(|threads| {
        for writer in 0..4 {
            let shop = &shop;
            threads.spawn(move || {
                let sql = format!("insert into public.t values ({writer})");
                let done = shop.sluice(&["sql", "-c", &sql]);
                assert!(done.status.success(), "{}", said(&done));
            });
        }
    });
    assert_eq!(shop.value("select count(distinct id) from public.t"), "4");
}

/// Kills runs. The tests of S3 die at all failpoints, by the same code; here a few do.
pub fn survives_a_crash(cloud: &dyn Cloud) {
    cloud.deliver("2026-08-01", FIRST);
    let calm = cloud.shop("calm");
    calm.run();
    for failpoint in telemetry::FAILPOINTS.iter().step_by(4) {
        let shop = cloud.shop(failpoint);
        dies_at(&mut shop.command(&["run"]), failpoint);
        shop.run();
        assert_eq!(shop.contents(), calm.contents(), "after `{failpoint}`");
    }
}
