//! Files that a person brings: the calls of the page, made by HTTP. `upload_page` makes them in a browser.

use std::fs;

use serde_json::Value;

use super::{local, silver, wait};
use crate::end_to_end::shop::Shop;
use crate::webhooks::sender::{Answer, Sender, Served};

const FILE: &str = "id,amount\n1,1.5\n2,0\n3,x\n";

fn call(sender: &Sender, method: &str, path: &str, body: &str) -> Answer {
    let headers = [
        ("authorization", super::TOKEN),
        ("content-type", "application/octet-stream"),
    ];
    sender
        .request(method, &format!("/upload{path}"), &headers, body)
        .unwrap()
}

fn bring(sender: &Sender, name: &str, body: &str) -> Answer {
    call(
        sender,
        "POST",
        &format!("/files?stream=shop.sales&name={name}"),
        body,
    )
}

fn read(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{}", answer.body);
    serde_json::from_str(&answer.body).unwrap()
}

fn loaded(sender: &Sender, name: &str) -> Value {
    wait("the load", || {
        let state = read(&call(
            sender,
            "GET",
            &format!("/state?stream=shop.sales&name={name}"),
            "",
        ));
        (state["state"] != "loading").then_some(state)
    })
}

/// What lies in the stream's folder, hidden files too.
fn landed(shop: &Shop, below: &str) -> Vec<String> {
    let folder = shop.path().join("landing").join(below);
    let names = fs::read_dir(folder).into_iter().flatten();
    names
        .map(|item| item.unwrap().file_name().into_string().unwrap())
        .collect()
}

#[test]
fn the_page_needs_nothing_from_elsewhere() {
    let shop = local("false");
    let served = Served::start(&shop, &[]);
    let sender = Sender::to(&served);
    let page = sender.get("/upload");
    assert_eq!(page.status, 200);
    for part in [
        "<html lang=\"en\">",
        "<label for=\"files\">",
        "role=\"status\"",
        "/upload/page.js",
        "/upload/page.css",
    ] {
        assert!(page.body.contains(part), "{part}");
    }
    let all = [
        page.body,
        sender.get("/upload/page.js").body,
        sender.get("/upload/page.css").body,
    ]
    .concat();
    assert!(
        !all.contains("http://") && !all.contains("https://"),
        "it asks somebody else"
    );
    // Its script may use ids of the page only.
    let ids = all
        .split("at('")
        .skip(1)
        .map(|rest| rest.split('\'').next().unwrap());
    for id in ids {
        assert!(all.contains(&format!("id=\"{id}\"")), "{id}");
    }
    assert_eq!(sender.get("/upload/streams").status, 401);
    assert_eq!(
        sender
            .post("/upload/files?stream=shop.sales&name=a.csv", &[], "x")
            .status,
        401
    );
    served.end();
}

#[test]
fn a_file_is_shown_by_contract_and_loaded_once_it_is_confirmed() {
    let shop = local("false");
    let served = Served::start(&shop, &[]);
    let sender = Sender::to(&served);
    let streams = read(&call(&sender, "GET", "/streams", ""));
    assert_eq!(streams["streams"][0]["name"], "shop.sales");
    assert_eq!(
        streams["streams"][0]["files"],
        serde_json::json!(["**/*.csv"])
    );

    let upload = read(&bring(&sender, "in%2Fa.csv", FILE));
    let preview = &upload["preview"];
    assert_eq!(
        preview["columns"],
        serde_json::json!([["id", "VARCHAR"], ["amount", "NUMBER(12,2)"]])
    );
    assert_eq!(
        (&preview["total"], &preview["valid"]),
        (&3.into(), &1.into())
    );
    assert_eq!(
        preview["quarantined"],
        serde_json::json!({"positive": 1, "unreadable_amount": 1})
    );
    assert_eq!(
        preview["rows"][0],
        serde_json::json!({"line": 2, "values": ["1", "1.50"], "reason": null})
    );
    assert_eq!(preview["rows"][1]["reason"], "Found `0`");
    assert_eq!(preview["broken"].as_array().unwrap().len(), 2);
    assert_eq!(
        landed(&shop, ""),
        Vec::<String>::new(),
        "nothing is there before it is confirmed"
    );

    let id = upload["id"].as_str().unwrap();
    assert_eq!(
        call(&sender, "POST", &format!("/files/{id}"), "").says("status"),
        "accepted"
    );
    let state = loaded(&sender, "in%2Fa.csv");
    assert_eq!(
        (&state["state"], &state["rows"], &state["quarantined"]),
        (&"loaded".into(), &3.into(), &2.into())
    );
    assert_eq!(silver(&shop), ["1 1.50"]);
    assert_eq!(landed(&shop, "in"), ["a.csv"]);
    assert_eq!(
        call(&sender, "POST", &format!("/files/{id}"), "").status,
        404,
        "it is done"
    );

    // Another file of that name is refused and the first stays; one that is discarded is gone.
    let other = read(&bring(&sender, "in%2Fa.csv", "id,amount\n9,9\n"));
    let other = format!("/files/{}", other["id"].as_str().unwrap());
    assert_eq!(call(&sender, "POST", &other, "").status, 409);
    assert_eq!(call(&sender, "DELETE", &other, "").status, 200);
    assert_eq!(call(&sender, "POST", &other, "").status, 404);
    assert_eq!(
        fs::read_to_string(shop.path().join("landing/in/a.csv")).unwrap(),
        FILE
    );

    for (name, body, status) in [
        ("a.txt", FILE, 400),
        ("..%2Fa.csv", FILE, 400),
        ("b.csv", "id,amount\n\"1,2", 200),
    ] {
        let answer = bring(&sender, name, body);
        assert_eq!(answer.status, status, "{name}: {}", answer.body);
    }
    assert_eq!(
        call(&sender, "POST", "/files?stream=shop.unread&name=a.x", "").status,
        404
    );
    assert_eq!(
        call(&sender, "POST", "/files/..%2F..%2Fsluice.yml", "").status,
        404
    );
    served.end();
}

#[test]
fn an_upload_that_is_confirmed_again_after_a_crash_is_loaded_once() {
    let shop = local("false");
    let points = telemetry::UPLOAD_FAILPOINTS
        .iter()
        .chain(&telemetry::ARRIVAL_FAILPOINTS[..1]);
    for (round, point) in points.enumerate() {
        let served = Served::start(&shop, &[("SLUICE_FAILPOINT", point)]);
        let sender = Sender::to(&served);
        let name = format!("{round}.csv");
        let upload = read(&bring(&sender, &name, &format!("id,amount\n{round},1\n")));
        let path = format!("/upload/files/{}", upload["id"].as_str().unwrap());
        let headers = [("authorization", super::TOKEN)];
        let died = sender
            .request("POST", &path, &headers, "")
            .is_none_or(|answer| answer.status != 200);
        assert!(died, "{point}");
        drop(served);
        let served = Served::start(&shop, &[]);
        let sender = Sender::to(&served);
        assert_eq!(
            sender.request("POST", &path, &headers, "").unwrap().status,
            200,
            "{point}"
        );
        assert_eq!(loaded(&sender, &name)["state"], "loaded", "{point}");
        served.end();
    }
    assert_eq!(silver(&shop), ["0 1.00", "1 1.00"]);
    assert_eq!(shop.value("select count(*) from bronze.sales"), "2");
    assert_eq!(landed(&shop, "").len(), 2, "{:?}", landed(&shop, ""));
}
