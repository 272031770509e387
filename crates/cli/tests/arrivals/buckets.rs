//! Buckets: their events, and listings of what is new.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};

use super::{project, silver, wait};
use crate::end_to_end::shop::Shop;
use crate::lake::server::S3Server;
use crate::webhooks::sender::{Answer, Sender, Served};

fn shop(server: &S3Server, watch: &str) -> Shop {
    let place = format!(
        "    location: s3://drops/in\n    storage: {{endpoint: '{}', access_key_id: key, \
         secret_access_key: '${{S3_SECRET}}'}}",
        server.endpoint()
    );
    let serve =
        "  events: [{path: /events/s3, signature: {scheme: token, secret: '${S3_SECRET}'}}]";
    project(&place, watch, serve)
}

pub fn put(server: &S3Server, key: &str, body: &str) {
    let mut stream = TcpStream::connect(server.address).unwrap();
    // Moto wants to know who writes an object anew, and believes it.
    let who = "AWS4-HMAC-SHA256 Credential=key/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0";
    let length = body.len();
    let head = format!(
        "Authorization: {who}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    );
    write!(stream, "PUT /drops/{key} HTTP/1.1\r\nHost: s3\r\n{head}").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

fn event(bucket: &str, key: &str, sequencer: &str) -> Value {
    json!({"eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "s3": {
        "bucket": {"name": bucket},
        "object": {"key": key, "size": 1, "eTag": "e", "versionId": "v", "sequencer": sequencer}}})
}

fn send(sender: &Sender, body: &Value) -> Answer {
    let headers = [("authorization", super::TOKEN)];
    sender.post("/events/s3", &headers, &body.to_string())
}

#[test]
fn events_have_just_their_objects_loaded_and_runs_find_the_others() {
    let server = S3Server::start(&["drops"]);
    let shop = shop(&server, "false");
    put(
        &server,
        "in/run_date%3D2026-08-01/a%20b.csv",
        "id,amount\n1,1\n",
    );
    put(&server, "in/missed.csv", "id,amount\n2,2\n");
    let served = Served::start(&shop, &[]);
    let sender = Sender::to(&served);
    let test = send(
        &sender,
        &json!({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "drops"}),
    );
    assert_eq!((test.status, test.says("status")), (200, "test".to_owned()));

    let key = "in/run_date%3D2026-08-01/a+b.csv";
    let records = json!({"Records": [event("drops", key, "2"), event("drops", key, "1")]});
    // By SNS and SQS, twice, and in the wrong order.
    let sns = json!({"Type": "Notification", "Message": records.to_string()});
    for message in [
        json!({"Records": [{"body": sns.to_string(), "eventSource": "aws:sqs"}]}),
        sns,
    ] {
        let answer = send(&sender, &message);
        assert_eq!(
            (answer.status, answer.says("status")),
            (200, "accepted".to_owned()),
            "{}",
            answer.body
        );
    }
    wait("the load", || (silver(&shop) == ["1 1.00"]).then_some(()));
    assert_eq!(shop.value("select count(*) from bronze.sales"), "1");

    let other = send(
        &sender,
        &json!({"Records": [event("drops", "elsewhere/a.csv", "1")]}),
    );
    assert_eq!(other.status, 200);
    let unknown = send(
        &sender,
        &json!({"Records": [event("strange", "in/a.csv", "1")]}),
    );
    assert_eq!(unknown.status, 422);
    assert!(
        unknown.says("error").contains("`strange`"),
        "{}",
        unknown.body
    );
    assert_eq!(send(&sender, &json!({"a": 1})).status, 400);
    let unsigned = sender.post("/events/s3", &[], &records.to_string());
    assert_eq!(unsigned.status, 401);

    // An object that is written anew is loaded anew.
    put(
        &server,
        "in/run_date%3D2026-08-01/a%20b.csv",
        "id,amount\n1,9\n",
    );
    assert_eq!(send(&sender, &records).status, 200);
    wait("the new content", || {
        (silver(&shop) == ["1 9.00"]).then_some(())
    });
    served.end();
    shop.run();
    assert_eq!(silver(&shop), ["1 9.00", "2 2.00"]);
}

#[test]
fn new_keys_are_listed_behind_the_last_one_and_late_ones_by_a_whole_list() {
    let server = S3Server::start(&["drops"]);
    let shop = shop(&server, "{poll: 200ms, relist: 3s}");
    put(&server, "in/2026-08-01.csv", "id,amount\n1,1\n");
    let served = Served::start(&shop, &[]);
    wait("the first", || (silver(&shop).len() == 1).then_some(()));
    put(&server, "in/2026-08-02.csv", "id,amount\n2,2\n");
    wait("the next", || (silver(&shop).len() == 2).then_some(()));
    put(&server, "in/2026-07-31.csv", "id,amount\n3,3\n");
    wait("the late one", || (silver(&shop).len() == 3).then_some(()));
    std::thread::sleep(Duration::from_secs(1));
    served.end();
    assert_eq!(shop.value("select count(*) from bronze.sales"), "3");
}
