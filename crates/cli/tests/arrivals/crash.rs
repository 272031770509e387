//! `kill -9` while files arrive: what was answered or dropped is loaded, once.

use std::time::Duration;

use super::{insert, local, report, silver, wait};
use crate::end_to_end::shop::Shop;
use crate::webhooks::sender::{Sender, Served};

fn bronze(shop: &Shop) -> String {
    shop.value("select count(*) || ' ' || count(distinct id) from bronze.sales")
}

#[test]
fn announced_files_are_loaded_once_wherever_the_process_dies() {
    let shop = local("false");
    let run_points = ["ingest.after_files", "ingest.after_silver"];
    let points = telemetry::ARRIVAL_FAILPOINTS.iter().chain(&run_points);
    let mut expected = Vec::new();
    for (round, point) in points.enumerate() {
        let name = format!("{round}.csv");
        shop.write(
            &format!("landing/{name}"),
            format!("id,amount\n{round},1\n").as_bytes(),
        );
        let served = Served::start(&shop, &[("SLUICE_FAILPOINT", point)]);
        let sender = Sender::to(&served);
        let path = "/v1/data/pipes/shop.sales/insertFiles?requestId=";
        let body = super::listed(&[&name]);
        let headers = [("authorization", super::TOKEN)];
        // It may die before it answers; then its caller asks again.
        let answer = sender.request("POST", &format!("{path}{round}"), &headers, &body);
        wait("the crash", || {
            let gone = std::net::TcpStream::connect(served.address()).is_err();
            gone.then_some(())
        });
        drop(served);
        let served = Served::start(&shop, &[]);
        let sender = Sender::to(&served);
        if answer.is_none_or(|answer| answer.status != 200) {
            assert_eq!(
                insert(&sender, &round.to_string(), &[&name]).status,
                200,
                "{point}"
            );
        }
        expected.push(format!("{round} 1.00"));
        wait(point, || {
            let report = report(&sender, "");
            let files = report["files"].as_array().unwrap().clone();
            let mut own = files.iter().filter(|file| file["path"] == *name);
            own.next()
                .map(|file| assert_eq!(file["status"], "LOADED", "{point}: {file}"))
        });
        served.end();
        assert_eq!(silver(&shop), expected, "after {point}");
        let rows = expected.len();
        assert_eq!(bronze(&shop), format!("{rows} {rows}"), "after {point}");
    }
}

#[test]
fn dropped_files_are_loaded_once_after_kills_at_any_moment() {
    let shop = local("{poll: 500ms, settle: 1s}");
    let mut expected = Vec::new();
    for round in 0..5_u64 {
        let served = Served::start(&shop, &[]);
        for at in 0..3 {
            let id = format!("{round}{at}");
            shop.write(
                &format!("landing/{id}.csv"),
                format!("id,amount\n{id},1\n").as_bytes(),
            );
            expected.push(format!("{id} 1.00"));
            std::thread::sleep(Duration::from_millis(40 * round));
        }
        served.kill();
    }
    let served = Served::start(&shop, &[]);
    wait("all files", || {
        (silver(&shop).len() == expected.len()).then_some(())
    });
    served.end();
    assert_eq!(silver(&shop), expected);
    assert_eq!(bronze(&shop), format!("{0} {0}", expected.len()));
}
