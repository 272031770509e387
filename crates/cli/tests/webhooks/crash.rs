//! `kill -9` while events come: what was answered is there, once.

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use super::sender::{Sender, Served};
use super::{kept, project};

/// Senders at once, and what each sends to one process.
const SENDERS: u32 = 4;
const EVENTS: u32 = 40;

/// Sends events until each was answered with 200 or the server is gone, and gives those that were.
fn send(served: &Served, round: u32) -> Vec<String> {
    thread::scope(|scope| {
        let senders: Vec<_> = (0..SENDERS)
            .map(|sender| {
                let to = Sender::to(served);
                scope.spawn(move || {
                    (0..EVENTS)
                        .map(|event| format!("{round}-{sender}-{event}"))
                        .take_while(|id| {
                            let body = format!(r#"{{"id": "{id}"}}"#);
                            let answer = to.try_signed("/shop/orders", &body);
                            answer.is_some_and(|answer| answer.status == 200)
                        })
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        senders
            .into_iter()
            .flat_map(|sender| sender.join().unwrap())
            .collect()
    })
}

/// Ids that are kept, and how often.
fn counted(shop: &crate::end_to_end::shop::Shop) -> BTreeMap<String, u32> {
    let mut counts = BTreeMap::new();
    for event in kept(shop, "orders") {
        let id = event["body"]["id"].as_str().unwrap().to_owned();
        *counts.entry(id).or_insert(0) += 1;
    }
    counts
}

#[test]
fn what_was_answered_is_kept_once_wherever_the_process_dies() {
    let shop = project();
    let mut answered = Vec::new();
    for (round, point) in (0..).zip(telemetry::PUSH_FAILPOINTS) {
        let served = Served::start(&shop, &[("SLUICE_FAILPOINT", &format!("{point}:2"))]);
        answered.extend(send(&served, round));
        // Names of segments come with time, and two of them have to.
        let one_more = Sender::to(&served);
        for more in 0..50 {
            thread::sleep(Duration::from_millis(100));
            let id = format!("{round}-more-{more}");
            let body = format!(r#"{{"id": "{id}"}}"#);
            match one_more.try_signed("/shop/orders", &body) {
                Some(answer) if answer.status == 200 => answered.push(id),
                _ => break,
            }
        }
        served.kill();
    }
    check(&shop, &answered);
}

#[test]
fn what_was_answered_is_kept_once_after_kills_at_any_moment() {
    let shop = project();
    let mut answered = Vec::new();
    for round in 0..6 {
        let served = Served::start(&shop, &[]);
        let pause = Duration::from_millis(20 + u64::from(round) * 35);
        answered.extend(thread::scope(|scope| {
            let sending = scope.spawn(|| send(&served, round));
            thread::sleep(pause);
            served.kill();
            sending.join().unwrap()
        }));
        drop(served);
    }
    check(&shop, &answered);
}

/// Sends all that was answered once more to a last process: nothing is new to it, and nothing stands twice.
fn check(shop: &crate::end_to_end::shop::Shop, answered: &[String]) {
    assert!(answered.len() > 10, "{}", answered.len());
    let served = Served::start(shop, &[]);
    let sender = Sender::to(&served);
    for id in answered {
        let answer = sender.signed("/shop/orders", &format!(r#"{{"id": "{id}"}}"#));
        assert_eq!(answer.says("status"), "duplicate", "{id}");
    }
    served.end();
    let counts = counted(shop);
    for id in answered {
        assert_eq!(counts.get(id), Some(&1), "{id}");
    }
    assert!(counts.values().all(|count| *count == 1));
}
