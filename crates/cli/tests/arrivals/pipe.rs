//! Snowpipe's REST API.

use serde_json::Value;

use super::{called, insert, listed, local, report, silver, wait};
use crate::end_to_end::shop::said;
use crate::webhooks::sender::{Sender, Served};

#[test]
fn announced_files_are_loaded_and_reported_and_others_are_not() {
    let shop = local("false");
    shop.write("landing/a.csv", b"id,amount\n1,1.50\n2,2\n");
    shop.write("landing/in/b.csv", b"id,amount\n3,0\n4,4\n");
    shop.write("landing/broken.csv", b"id,amount\n\"5,1");
    shop.write("landing/quiet.csv", b"id,amount\n9,9\n");
    let served = Served::start(&shop, &[]);
    let sender = Sender::to(&served);

    let answer = insert(
        &sender,
        "r1",
        &["a.csv", "in/b.csv", "empty.csv", "broken.csv", "notes.txt"],
    );
    assert_eq!(
        (answer.status, answer.says("status")),
        (200, "success".to_owned()),
        "{}",
        answer.body
    );
    assert_eq!(answer.says("requestId"), "r1");
    let answer: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(
        answer["unmatchedPatternFiles"],
        serde_json::json!(["notes.txt"])
    );

    let done = wait("the report", || {
        let report = report(&sender, "");
        (report["files"].as_array().unwrap().len() == 4).then_some(report)
    });
    assert_eq!(
        (&done["pipe"], &done["completeResult"]),
        (&"shop.sales".into(), &true.into())
    );
    let file = |path: &str| {
        let files = done["files"].as_array().unwrap();
        files
            .iter()
            .find(|file| file["path"] == path)
            .unwrap()
            .clone()
    };
    let a = file("a.csv");
    assert_eq!(
        (
            &a["status"],
            &a["rowsParsed"],
            &a["rowsInserted"],
            &a["errorsSeen"],
            &a["fileSize"],
            &a["complete"]
        ),
        (
            &"LOADED".into(),
            &2.into(),
            &2.into(),
            &0.into(),
            &21.into(),
            &true.into()
        )
    );
    let b = file("in/b.csv");
    assert_eq!(
        (
            &b["status"],
            &b["rowsInserted"],
            &b["errorsSeen"],
            &b["firstError"]
        ),
        (
            &"PARTIALLY_LOADED".into(),
            &1.into(),
            &1.into(),
            &"1 row breaks the rule `positive`".into()
        )
    );
    let missing = file("empty.csv");
    assert_eq!(
        (&missing["status"], &missing["firstError"]),
        (
            &"LOAD_FAILED".into(),
            &"There is no file `empty.csv`".into()
        )
    );
    assert_eq!(silver(&shop), ["1 1.50", "2 2.00", "4 4.00"]);

    // What comes behind the mark is new only, and a request that is sent again changes nothing.
    let mark = done["nextBeginMark"].as_str().unwrap();
    assert_eq!(
        insert(
            &sender,
            "r1",
            &["a.csv", "in/b.csv", "empty.csv", "broken.csv", "notes.txt"]
        )
        .status,
        200
    );
    shop.write("landing/empty.csv", b"id,amount\n7,7\n");
    assert_eq!(insert(&sender, "r2", &["empty.csv", "a.csv"]).status, 200);
    let later = wait("the second report", || {
        let report = report(&sender, mark);
        (!report["files"].as_array().unwrap().is_empty()).then_some(report)
    });
    let paths: Vec<_> = later["files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| file["path"].as_str().unwrap())
        .collect();
    assert_eq!(paths, ["empty.csv", "a.csv"]);
    // Of a file that was loaded before, the report tells what it told then.
    assert_eq!(later["files"][1]["rowsInserted"], 2);
    assert_eq!(silver(&shop), ["1 1.50", "2 2.00", "4 4.00", "7 7.00"]);

    let scan = called(
        &sender,
        "GET",
        "loadHistoryScan?startTimeInclusive=2020-01-01T00%3A00%3A00Z",
        "",
    );
    let scan: Value = serde_json::from_str(&scan.body).unwrap();
    assert_eq!(
        (
            scan["files"].as_array().unwrap().len(),
            &scan["completeResult"]
        ),
        (6, &true.into())
    );
    let early = "loadHistoryScan?startTimeInclusive=2020-01-01T00:00:00Z&endTimeExclusive=2020-01-02T00:00:00Z";
    let early: Value = serde_json::from_str(&called(&sender, "GET", early, "").body).unwrap();
    assert_eq!(early["files"], serde_json::json!([]));
    served.end();

    // The next run finds what nobody announced.
    shop.run();
    assert_eq!(silver(&shop).len(), 5);
}

#[test]
fn requests_that_are_wrong_are_refused() {
    let shop = local("false");
    let served = Served::start(&shop, &[]);
    let sender = Sender::to(&served);
    let path = "/v1/data/pipes/shop.sales/insertFiles";
    let one = listed(&["a.csv"]);
    assert_eq!(sender.post(path, &[], &one).status, 401);
    assert_eq!(
        sender
            .post(path, &[("authorization", "Bearer hunter")], &one)
            .status,
        401
    );
    let token = ("authorization", super::TOKEN);
    for unknown in ["shop.unread", "shop.other"] {
        let path = format!("/v1/data/pipes/{unknown}/insertFiles");
        assert_eq!(sender.post(&path, &[token], &one).status, 404, "{unknown}");
    }
    assert_eq!(
        sender.request("GET", path, &[token], "").unwrap().status,
        405
    );
    assert_eq!(called(&sender, "POST", "dropFiles", &one).status, 404);
    let many: Vec<String> = (0..5001).map(|at| format!("{at}.csv")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(insert(&sender, "many", &many).status, 400);
    for wrong in ["../../etc/passwd.csv", "/a.csv"] {
        assert_eq!(insert(&sender, "climb", &[wrong]).status, 400, "{wrong}");
    }
    assert_eq!(called(&sender, "POST", "insertFiles", "[]").status, 400);
    assert_eq!(called(&sender, "GET", "loadHistoryScan", "").status, 400);
    assert_eq!(
        called(&sender, "GET", "insertReport?beginMark=x", "").status,
        400
    );
    let text = [token, ("content-type", "text/plain")];
    assert_eq!(
        sender
            .post(&format!("{path}?requestId=t"), &text, "a.csv\nb.csv\n")
            .status,
        200
    );
    assert_eq!(
        insert(&sender, "t", &["c.csv"]).status,
        400,
        "the name of another request"
    );

    let second = shop.sluice(&["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(second.status.code(), Some(1));
    assert!(said(&second).contains("W1002"), "{}", said(&second));
    served.end();
}
