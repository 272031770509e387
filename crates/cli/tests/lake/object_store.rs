//! Whole runs with the warehouse in a bucket: killed, disturbed, and with several writers.

use super::faults::{Fault, Proxy};
use super::server::S3Server;
use crate::end_to_end::shop::{Contents, Shop, dies_at, said};

const FIRST: &str =
    "a,2026-08-01,Bern,1.10\nb,2026-08-01,Cairo,2.20\n,2026-08-01,Bern,3\nc,2026-08-01,Accra,4\n";
const SECOND: &str = "b,2026-08-02,Accra,20\nd,2026-08-02,Bern,5\ne,2026-08-02,Bern,0\n";

/// The small project with its tables below `prefix` in a bucket.
fn shop(endpoint: &str, prefix: &str) -> Shop {
    let shop = Shop::new();
    let text = format!(
        "name: shop\nenvironments:\n  dev:\n    warehouse: s3://lake/{prefix}\n    storage:\n      \
         endpoint: {endpoint}\n      access_key_id: key\n      secret_access_key: ${{S3_SECRET}}\n      \
         timeout: 20\n"
    );
    shop.write("sluice.yml", text.as_bytes());
    shop.deliver("2026-08-01", "a.csv", FIRST);
    shop
}

/// What the same project holds in a folder after its first run and after a second drop.
fn expected() -> (Contents, Contents) {
    let local = Shop::new();
    local.deliver("2026-08-01", "a.csv", FIRST);
    local.run();
    let first = local.contents();
    local.deliver("2026-08-02", "a.csv", SECOND);
    local.run();
    (first, local.contents())
}

#[test]
fn runs_with_tables_in_a_bucket_survive_a_crash_anywhere() {
    let server = S3Server::start(&["lake"]);
    let (first, both) = expected();
    for failpoint in telemetry::FAILPOINTS {
        let shop = shop(&server.endpoint(), failpoint);
        shop.run();
        assert_eq!(shop.contents(), first, "before `{failpoint}`");
        shop.deliver("2026-08-02", "a.csv", SECOND);
        dies_at(&mut shop.command(&["run"]), failpoint);
        let seen = shop.contents();
        assert!(
            seen == first || seen == both,
            "a mixture after `{failpoint}`"
        );
        shop.run();
        assert_eq!(shop.contents(), both, "after `{failpoint}`");
    }
}

#[test]
fn a_run_through_a_bad_line_is_as_good_as_any_other() {
    let server = S3Server::start(&["lake"]);
    let proxy = Proxy::start(server.address);
    let (_, both) = expected();
    let shop = shop(&proxy.endpoint(), "w");
    let faults = [
        Fault::Status(503),
        Fault::AnswerLost,
        Fault::Dropped,
        Fault::AnswerCut,
    ];
    proxy.fail(move |number, _, _| (number % 5 == 2).then(|| faults[(number / 5) % faults.len()]));
    shop.run();
    shop.deliver("2026-08-02", "a.csv", SECOND);
    shop.run();
    assert!(proxy.failed() > 10);
    assert_eq!(shop.contents(), both);
}

#[test]
fn eight_processes_write_to_one_table_in_a_bucket() {
    let server = S3Server::start(&["lake"]);
    let shop = shop(&server.endpoint(), "w");
    let sql = |text: &str| shop.sluice(&["sql", "--format", "csv", "-c", text]);
    let made = sql("create table public.counted (writer int, round int)");
    assert!(made.status.success(), "{}", said(&made));
    std::thread::scope(|threads| {
        for writer in 0..8 {
            let sql = &sql;
            threads.spawn(move || {
                let script: Vec<String> = (0..3)
                    .map(|round| format!("insert into public.counted values ({writer}, {round})"))
                    .collect();
                let done = sql(&script.join(";"));
                assert!(done.status.success(), "writer {writer}: {}", said(&done));
            });
        }
    });
    let counted =
        "select count(*) || ' ' || count(distinct writer * 100 + round) from public.counted";
    assert_eq!(shop.value(counted), "24 24");
    let changed = sql(
        "update public.counted set round = 9 where writer = 1; delete from public.counted where writer = 2; \
         create table public.c clone public.counted; insert into public.c values (0, 0)",
    );
    assert!(changed.status.success(), "{}", said(&changed));
    assert_eq!(shop.value("select sum(round) from public.counted"), "45");
    assert_eq!(shop.value("select count(*) from public.c"), "22");
}

#[test]
fn a_place_that_changes_is_refused_and_secrets_are_not_shown() {
    let server = S3Server::start(&["lake"]);
    let shop = shop(&server.endpoint(), "w");
    shop.run();
    let text = format!(
        "name: shop\nenvironments:\n  dev:\n    warehouse: s3://lake/other\n    storage:\n      \
         endpoint: {}\n      access_key_id: key\n      secret_access_key: ${{S3_SECRET}}\n",
        server.endpoint()
    );
    shop.write("sluice.yml", text.as_bytes());
    let refused = said(&shop.sluice(&["-vvv", "run"]));
    assert!(refused.contains("K2005"), "{refused}");
    assert!(!refused.contains("hunter2"), "{refused}");
}
