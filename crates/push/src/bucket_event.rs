//! [`read`]: the objects that messages about buckets tell of, in all the envelopes that such messages come in:
//! S3's own (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html>), SNS's
//! notifications, SQS's messages, both as Lambda hands them on, and EventBridge's
//! (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html>).

use serde_json::Value;
use url::form_urlencoded;

/// Envelopes in envelopes: SNS in SQS in Lambda's.
const DEPTH: usize = 8;

/// What a message says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Message {
    /// Objects that were written.
    pub(crate) created: Vec<Object>,
    /// Events that tell of no new object.
    pub(crate) other: usize,
    /// Events by which a service tries whether its messages come through.
    pub(crate) tests: usize,
    /// The address by which a subscription of SNS is confirmed.
    pub(crate) confirm: Option<String>,
}

/// An object that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Object {
    pub(crate) bucket: String,
    pub(crate) key: String,
    pub(crate) size: Option<u64>,
}

/// Reads a message; `None` if it is of no kind that is known.
pub(crate) fn read(body: &[u8]) -> Option<Message> {
    let mut message = Message::default();
    let body: Value = serde_json::from_slice(body).ok()?;
    open(&body, DEPTH, &mut message).then_some(message)
}

/// Adds what `value` says, and tells whether it was understood.
fn open(value: &Value, depth: usize, message: &mut Message) -> bool {
    let Some(depth) = depth.checked_sub(1) else {
        return false;
    };
    let text = |name: &str| value.get(name).and_then(Value::as_str);
    if let Value::Array(values) = value {
        return all(values, depth, message);
    }
    for list in ["Records", "Messages"] {
        if let Some(Value::Array(values)) = value.get(list) {
            return all(values, depth, message);
        }
    }
    if let Some(object) = value.get("s3") {
        return record(value, object, message);
    }
    if text("Event") == Some("s3:TestEvent") {
        message.tests += 1;
        return true;
    }
    match text("Type") {
        Some("SubscriptionConfirmation") => {
            message.confirm = text("SubscribeURL").map(str::to_owned);
            return message.confirm.is_some();
        }
        Some("UnsubscribeConfirmation") => {
            message.other += 1;
            return true;
        }
        _ => {}
    }
    if text("source") == Some("aws.s3") {
        return bridged(value, message);
    }
    if let Some(inner) = value.get("Sns") {
        return open(inner, depth, message);
    }
    // A text that holds a message: SNS's, and SQS's as its API and as Lambda write it.
    let inner = ["Message", "Body", "body"].into_iter().find_map(text);
    let inner = inner.and_then(|inner| serde_json::from_str::<Value>(inner).ok());
    inner.is_some_and(|inner| open(&inner, depth, message))
}

fn all(values: &[Value], depth: usize, message: &mut Message) -> bool {
    // Each is opened: what is understood is taken though another one is not.
    let strange = values.iter().filter(|value| !open(value, depth, message));
    strange.count() == 0
}

/// A record of S3's own: keys are encoded as in forms, with `+` for a blank.
fn record(value: &Value, object: &Value, message: &mut Message) -> bool {
    let event = value
        .get("eventName")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let event = event.strip_prefix("s3:").unwrap_or(event);
    if !event.starts_with("ObjectCreated:") {
        message.other += 1;
        return true;
    }
    let bucket = object.pointer("/bucket/name").and_then(Value::as_str);
    let key = object.pointer("/object/key").and_then(Value::as_str);
    let (Some(bucket), Some(key)) = (bucket, key) else {
        return false;
    };
    message.created.push(Object {
        bucket: bucket.to_owned(),
        key: decoded(key),
        size: object.pointer("/object/size").and_then(Value::as_u64),
    });
    true
}

/// An event of EventBridge: keys are plain.
fn bridged(value: &Value, message: &mut Message) -> bool {
    if value.get("detail-type").and_then(Value::as_str) != Some("Object Created") {
        message.other += 1;
        return true;
    }
    let bucket = value.pointer("/detail/bucket/name").and_then(Value::as_str);
    let key = value.pointer("/detail/object/key").and_then(Value::as_str);
    let (Some(bucket), Some(key)) = (bucket, key) else {
        return false;
    };
    message.created.push(Object {
        bucket: bucket.to_owned(),
        key: key.to_owned(),
        size: value.pointer("/detail/object/size").and_then(Value::as_u64),
    });
    true
}

fn decoded(key: &str) -> String {
    // A key may hold what separates the fields of a form.
    let field = key.replace('&', "%26");
    let mut fields = form_urlencoded::parse(field.as_bytes());
    match fields.next() {
        Some((name, value)) if value.is_empty() && !key.contains('=') => name.into_owned(),
        Some((name, value)) => format!("{name}={value}"),
        None => String::new(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::{Value, json};

    use super::{Message, Object, read};

    /// The example of S3's page, shortened.
    fn record(event: &str, key: &str) -> Value {
        json!({
            "eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": "us-west-2",
            "eventTime": "1970-01-01T00:00:00.000Z", "eventName": event,
            "s3": {
                "s3SchemaVersion": "1.0", "configurationId": "testConfigRule",
                "bucket": {"name": "amzn-s3-demo-bucket", "arn": "arn:aws:s3:::amzn-s3-demo-bucket"},
                "object": {"key": key, "size": 1024, "eTag": "d41d8cd98f00b204e9800998ecf8427e",
                    "versionId": "096fKKXTRTtl3on89fVO.nfljtsv6qko", "sequencer": "0055AED6DCD90281E5"}
            }
        })
    }

    fn said(value: &Value) -> Option<Message> {
        read(value.to_string().as_bytes())
    }

    fn object(key: &str) -> Object {
        Object {
            bucket: "amzn-s3-demo-bucket".to_owned(),
            key: key.to_owned(),
            size: Some(1024),
        }
    }

    #[test]
    fn keys_are_decoded() {
        for (key, plain) in [
            ("HappyFace.jpg", "HappyFace.jpg"),
            ("red+flower.jpg", "red flower.jpg"),
            (
                "run_date%3D2026-08-01/a%2Bb+c.csv",
                "run_date=2026-08-01/a+b c.csv",
            ),
            ("a=b/c%26d=e.csv", "a=b/c&d=e.csv"),
            ("Z%C3%BCrich.csv", "Zürich.csv"),
        ] {
            let message = said(&json!({"Records": [record("ObjectCreated:Put", key)]})).unwrap();
            assert_eq!(message.created, [object(plain)]);
        }
    }

    #[test]
    fn every_envelope_is_opened() {
        let event = json!({"Records": [record("ObjectCreated:Put", "a.csv")]});
        let text = event.to_string();
        let notification = json!({"Type": "Notification", "MessageId": "1", "Message": text});
        for envelope in [
            event.clone(),
            notification.clone(),
            json!({"Messages": [{"MessageId": "1", "ReceiptHandle": "x", "Body": text}]}),
            json!({"MessageId": "1", "Body": notification.to_string()}),
            json!({"Records": [{"messageId": "1", "body": text, "eventSource": "aws:sqs"}]}),
            json!({"Records": [{"EventSource": "aws:sns", "Sns": {"Type": "Notification", "Message": text}}]}),
            json!({"Records": [record("s3:ObjectCreated:Put", "a.csv")], "EventName": "s3:ObjectCreated:Put"}),
            json!({"version": "0", "detail-type": "Object Created", "source": "aws.s3", "detail": {
                "bucket": {"name": "amzn-s3-demo-bucket"},
                "object": {"key": "a.csv", "size": 1024, "etag": "b1", "sequencer": "61"}}}),
        ] {
            assert_eq!(
                said(&envelope).unwrap().created,
                [object("a.csv")],
                "{envelope}"
            );
        }
    }

    #[test]
    fn tests_confirmations_and_other_events_are_told_apart() {
        let test = json!({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "b"});
        assert_eq!(said(&test).unwrap().tests, 1);
        let confirm = json!({"Type": "SubscriptionConfirmation", "SubscribeURL": "https://sns/x"});
        assert_eq!(said(&confirm).unwrap().confirm.unwrap(), "https://sns/x");
        let gone = json!({"Records": [record("ObjectRemoved:Delete", "a.csv")]});
        assert_eq!(said(&gone).unwrap().other, 1);
        for unknown in [
            "{}",
            "[1]",
            "no json",
            r#"{"Records": [{"s3": {}, "eventName": "ObjectCreated:Put"}]}"#,
        ] {
            assert_eq!(read(unknown.as_bytes()), None, "{unknown}");
        }
    }
}
