//! `PARSE_URL`: an address taken apart.
//!
//! <https://docs.snowflake.com/en/sql-reference/functions/parse_url>

use std::borrow::Cow;

use arrow::array::ArrayRef;
use datafusion::common::{Result, exec_err};

use crate::scalar::{Call, Function, Kind, Returns};
use crate::variant::{object, quote};

pub(super) const FUNCTIONS: &[Function] = &[Function::kernel(
    "parse_url",
    "parse_url(text [, permissive])",
    &[Kind::Text, Kind::Integer],
    Returns::Object,
    parse_url,
)
.required(1)
.note("with 1 an object whose `error` says what is wrong")];

const NO_SCHEME: &str = "scheme not specified";

fn parse_url(call: &Call) -> Result<ArrayRef> {
    let texts = call.text(0)?;
    let permissive = call.integer_if_given(1)?;
    call.variants(|row| {
        let permissive = permissive.as_ref().map_or(Some(0), |given| given.get(row));
        let (Some(text), Some(permissive)) = (texts.get(row), permissive) else {
            return Ok(None);
        };
        match parts(text) {
            Some(parts) => Ok(Some(parts)),
            None if permissive == 1 => Ok(Some(format!("{{\"error\":\"{NO_SCHEME}\"}}"))),
            None => exec_err!("Error parsing URL: {NO_SCHEME}"),
        }
    })
}

/// The parts of `text` as an OBJECT; those that it does not have are JSON's null.
fn parts(text: &str) -> Option<String> {
    let (scheme, rest) = text.trim().split_once(':')?;
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    if !is_scheme {
        return None;
    }
    let (rest, fragment) = cut(rest, '#');
    let (rest, query) = cut(rest, '?');
    let (authority, path) = match rest.strip_prefix("//") {
        Some(rest) => {
            let (authority, path) = cut(rest, '/');
            (Some(authority), path.unwrap_or(""))
        }
        None => (None, rest),
    };
    let (host, port) = match authority {
        Some(authority) => match authority.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => {
                (Some(host), Some(port))
            }
            _ => (Some(authority), None),
        },
        None => (None, None),
    };
    let members = vec![
        (
            "scheme".to_owned(),
            Cow::Owned(quote(&scheme.to_lowercase())),
        ),
        ("host".to_owned(), value(host)),
        ("port".to_owned(), value(port)),
        ("path".to_owned(), value(Some(path))),
        ("query".to_owned(), value(query)),
        ("parameters".to_owned(), parameters(query)),
        ("fragment".to_owned(), value(fragment)),
    ];
    object(members).ok()
}

/// What stands before the first `mark`, and after it if there is one.
fn cut(text: &str, mark: char) -> (&str, Option<&str>) {
    match text.split_once(mark) {
        Some((head, tail)) => (head, Some(tail)),
        None => (text, None),
    }
}

fn value(text: Option<&str>) -> Cow<'static, str> {
    text.map_or(Cow::Borrowed("null"), |text| Cow::Owned(quote(text)))
}

/// The query's parameters; of equal names the last counts.
fn parameters(query: Option<&str>) -> Cow<'static, str> {
    let Some(query) = query else {
        return Cow::Borrowed("null");
    };
    let mut members: Vec<(String, Cow<'_, str>)> = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, text) = cut(pair, '=');
        members.retain(|(known, _)| known != name);
        members.push((name.to_owned(), value(text)));
    }
    object(members).map_or(Cow::Borrowed("null"), Cow::Owned)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_documented_addresses_apart() {
        assert_eq!(
            parts("https://www.snowflake.com/").unwrap(),
            r#"{"fragment":null,"host":"www.snowflake.com","parameters":null,"path":"","port":null,"query":null,"scheme":"https"}"#
        );
        assert_eq!(
            parts("HTTP://USER:PASS@EXAMPLE.INT:4345/HELLO.PHP?USER=1").unwrap(),
            r#"{"fragment":null,"host":"USER:PASS@EXAMPLE.INT","parameters":{"USER":"1"},"path":"HELLO.PHP","port":"4345","query":"USER=1","scheme":"http"}"#
        );
        assert_eq!(
            parts("mailto:abc@xyz.com").unwrap(),
            r#"{"fragment":null,"host":null,"parameters":null,"path":"abc@xyz.com","port":null,"query":null,"scheme":"mailto"}"#
        );
        assert_eq!(parts("example.int/hello.php?user=12#nofragment"), None);
    }
}
