//! A request as one line of JSON.

use axum::http::HeaderMap;
use chrono::{DateTime, SecondsFormat, Utc};
use serde::de::IgnoredAny;
use serde_json::{Map, Value};
use settings::{IdempotencyKey, Signature};

use crate::signature::is_secret;

/// What is kept of a request.
pub(crate) struct Event<'a> {
    pub(crate) id: uuid::Uuid,
    pub(crate) received_at: DateTime<Utc>,
    pub(crate) query: &'a str,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: &'a [u8],
}

impl Event<'_> {
    /// The sender's own name of it, which must be there if the stream says where.
    pub(crate) fn key(&self, place: &IdempotencyKey) -> Result<String, String> {
        let missing =
            |what: &str| format!("{what} is missing: the stream tells events apart by it");
        match place {
            IdempotencyKey::Header(name) => {
                let value = self.headers.get(name).and_then(|value| value.to_str().ok());
                let value = value.filter(|value| !value.is_empty());
                value
                    .map(str::to_owned)
                    .ok_or_else(|| missing(&format!("the header `{name}`")))
            }
            IdempotencyKey::Body(path) => {
                let wanted = || missing(&format!("`{}` of the body", path.join(".")));
                let body: Value = serde_json::from_slice(self.body).map_err(|_| wanted())?;
                let value = path
                    .iter()
                    .try_fold(&body, |value, member| value.get(member));
                match value {
                    Some(Value::String(text)) if !text.is_empty() => Ok(text.clone()),
                    Some(Value::Number(number)) => Ok(number.to_string()),
                    _ => Err(wanted()),
                }
            }
        }
    }

    /// The line, its end included. A JSON body stands in it as it was sent but for blanks; another is text,
    /// or Base64 if it is no text.
    pub(crate) fn line(&self, key: Option<&str>, signature: &Signature) -> Vec<u8> {
        let mut head = Map::new();
        head.insert("id".to_owned(), self.id.to_string().into());
        let received = self
            .received_at
            .to_rfc3339_opts(SecondsFormat::Micros, true);
        head.insert("received_at".to_owned(), received.into());
        head.insert("key".to_owned(), key.into());
        head.insert(
            "query".to_owned(),
            self.query.trim_start_matches('?').into(),
        );
        head.insert("headers".to_owned(), self.kept_headers(signature));
        let (name, body) = match serde_json::from_slice::<IgnoredAny>(self.body) {
            Ok(_) => ("body", compact(self.body)),
            Err(_) => match std::str::from_utf8(self.body) {
                Ok(text) => ("body_text", Value::from(text).to_string().into_bytes()),
                Err(_) => {
                    use base64::Engine as _;
                    let text = base64::engine::general_purpose::STANDARD.encode(self.body);
                    ("body_base64", Value::from(text).to_string().into_bytes())
                }
            },
        };
        let mut line = Value::Object(head).to_string().into_bytes();
        // Before the brace that ends the object.
        line.pop();
        line.extend_from_slice(format!(",\"{name}\":").as_bytes());
        line.extend_from_slice(&body);
        line.extend_from_slice(b"}\n");
        line
    }

    fn kept_headers(&self, signature: &Signature) -> Value {
        let mut kept = Map::new();
        for name in self.headers.keys() {
            if is_secret(signature, name.as_str()) {
                continue;
            }
            let values: Vec<_> = self.headers.get_all(name).iter().collect();
            let texts: Vec<_> = values
                .iter()
                .map(|value| String::from_utf8_lossy(value.as_bytes()))
                .collect();
            kept.insert(name.as_str().to_owned(), texts.join(", ").into());
        }
        Value::Object(kept)
    }
}

/// JSON without the blanks between its parts, so that it stands on one line; numbers keep every digit.
fn compact(json: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(json.len());
    let (mut in_text, mut escaped) = (false, false);
    for byte in json {
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' if !in_text => continue,
            b'"' if !escaped => in_text = !in_text,
            _ => {}
        }
        escaped = in_text && *byte == b'\\' && !escaped;
        out.push(*byte);
    }
    out
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use axum::http::HeaderMap;
    use chrono::DateTime;
    use settings::{IdempotencyKey, Signature};

    use super::{Event, compact};

    fn event<'a>(headers: &'a HeaderMap, body: &'a [u8]) -> Event<'a> {
        Event {
            id: uuid::Uuid::nil(),
            received_at: DateTime::from_timestamp(0, 0).unwrap(),
            query: "?a=b",
            headers,
            body,
        }
    }

    #[test]
    fn a_body_keeps_its_digits_and_loses_its_blanks() {
        let json = b"{ \"a\" : 1.10,\n \"b c\": \"x \\\" y\\\\\" , \"n\": 123456789012345678901234567890 }";
        assert_eq!(
            String::from_utf8(compact(json)).unwrap(),
            r#"{"a":1.10,"b c":"x \" y\\","n":123456789012345678901234567890}"#
        );
    }

    #[test]
    fn a_line_holds_the_request_without_its_secrets() {
        let mut headers = HeaderMap::new();
        headers.insert("x-kind", "order".parse().unwrap());
        headers.insert("authorization", "Bearer s3cret".parse().unwrap());
        let line = event(&headers, b"{\"id\": 1}").line(Some("1"), &Signature::Unsigned);
        assert_eq!(
            String::from_utf8(line).unwrap(),
            "{\"id\":\"00000000-0000-0000-0000-000000000000\",\"received_at\":\"1970-01-01T00:00:00.000000Z\",\
             \"key\":\"1\",\"query\":\"a=b\",\"headers\":{\"x-kind\":\"order\"},\"body\":{\"id\":1}}\n"
        );
        let line = event(&headers, b"a=1\n").line(None, &Signature::Unsigned);
        assert!(
            String::from_utf8(line)
                .unwrap()
                .ends_with(",\"body_text\":\"a=1\\n\"}\n")
        );
        let line = event(&headers, b"\xff").line(None, &Signature::Unsigned);
        assert!(
            String::from_utf8(line)
                .unwrap()
                .ends_with(",\"body_base64\":\"/w==\"}\n")
        );
    }

    #[test]
    fn a_key_is_found_or_missed() {
        let headers = HeaderMap::new();
        let place = IdempotencyKey::Body(vec!["data".to_owned(), "id".to_owned()]);
        let key = |body: &[u8]| event(&headers, body).key(&place);
        assert_eq!(key(br#"{"data":{"id":"evt"}}"#), Ok("evt".to_owned()));
        assert_eq!(key(br#"{"data":{"id":7}}"#), Ok("7".to_owned()));
        assert!(key(br#"{"data":{}}"#).is_err());
        assert!(key(b"no json").is_err());
    }
}
