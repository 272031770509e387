//! Paths into a value: `a.b[0]['c d']."E"`. Keys are case-sensitive.
//!
//! <https://docs.snowflake.com/en/sql-reference/functions/get_path>

use super::UNDEFINED;
use super::scan::{elements, members};
use super::write::escape_into;

/// One step down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A member of an object; the key as canonical text writes it between quotes.
    Key(String),
    /// An element of an array.
    Index(usize),
    /// A negative index, which no array has.
    Nowhere,
}

impl Step {
    pub(crate) fn key(key: &str) -> Self {
        let mut escaped = String::with_capacity(key.len());
        escape_into(&mut escaped, key);
        Self::Key(escaped)
    }

    pub(crate) fn index(index: i64) -> Self {
        usize::try_from(index).map_or(Self::Nowhere, Self::Index)
    }

    /// The part of `value` this step leads to.
    pub(crate) fn find<'a>(&self, value: &'a str) -> Option<&'a str> {
        match self {
            Self::Key(wanted) => members(value)
                // Keys are in order, so one that comes later ends the search.
                .take_while(|(key, _)| *key <= wanted.as_str())
                .find(|(key, _)| key == wanted)
                .map(|(_, value)| value),
            Self::Index(index) => elements(value)
                .nth(*index)
                .filter(|element| *element != UNDEFINED),
            Self::Nowhere => None,
        }
    }
}

/// Steps from the outside in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Path(Vec<Step>);

impl Path {
    /// Reads a path; nothing if it is none.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut steps = Vec::new();
        let mut rest = text.trim();
        let mut key_next = !rest.starts_with('[');
        while !rest.is_empty() {
            if let Some(inside) = rest.strip_prefix('[') {
                let (step, after) = bracket(inside)?;
                steps.push(step);
                rest = after;
            } else {
                if !key_next {
                    return None;
                }
                let (key, after) = key(rest)?;
                steps.push(Step::key(&key));
                rest = after;
            }
            key_next = false;
            // Snowflake takes a colon for a dot.
            if let Some(after) = rest.strip_prefix(['.', ':']) {
                rest = after;
                key_next = true;
            }
        }
        // A dot at the end leads nowhere.
        (!key_next || text.trim().is_empty()).then_some(Self(steps))
    }

    /// The part of `value` the path leads to.
    pub(crate) fn find<'a>(&self, value: &'a str) -> Option<&'a str> {
        self.0
            .iter()
            .try_fold(value, |value, step| step.find(value))
    }
}

/// What stands in a bracket, and what follows it.
fn bracket(text: &str) -> Option<(Step, &str)> {
    let text = text.trim_start();
    if let Some(quote) = text.chars().next().filter(|c| matches!(c, '\'' | '"')) {
        let (key, after) = quoted(text.get(1..)?, quote)?;
        return Some((Step::key(&key), after.trim_start().strip_prefix(']')?));
    }
    let (index, after) = text.split_once(']')?;
    Some((Step::index(index.trim().parse().ok()?), after))
}

fn key(text: &str) -> Option<(String, &str)> {
    if let Some(rest) = text.strip_prefix('"') {
        return quoted(rest, '"');
    }
    let end = text.find(['.', '[', ':']).unwrap_or(text.len());
    let (key, after) = text.split_at(end);
    (!key.is_empty()).then(|| (key.to_owned(), after))
}

/// Text up to the closing quote; a quote inside stands twice or behind a backslash.
fn quoted(text: &str, quote: char) -> Option<(String, &str)> {
    let mut key = String::new();
    let mut letters = text.chars();
    loop {
        match letters.next()? {
            '\\' => key.push(letters.next()?),
            letter if letter == quote => {
                if !letters.as_str().starts_with(quote) {
                    return Some((key, letters.as_str()));
                }
                letters.next();
                key.push(quote);
            }
            letter => key.push(letter),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn finds_parts() {
        let value = r#"{"A":0,"a":{"b":[{"c d":1},undefined,null]},"q\"":2}"#;
        for (path, found) in [
            ("A", Some("0")),
            ("a.b[0]['c d']", Some("1")),
            ("a.b[0].\"c d\"", Some("1")),
            ("a['b'][0][\"c d\"]", Some("1")),
            ("a.b[1]", None),
            ("a.b[2]", Some("null")),
            ("a.b[9]", None),
            ("a.b[-1]", None),
            ("a.x.y", None),
            ("B", None),
            ("\"q\"\"\"", Some("2")),
            ("", Some(value)),
        ] {
            assert_eq!(Path::parse(path).unwrap().find(value), found, "{path}");
        }
    }

    #[test]
    fn refuses_what_is_no_path() {
        for path in ["a.", ".a", "a[", "a[x]", "a[0", "a['b", "a..b", "a[0]b"] {
            assert_eq!(Path::parse(path), None, "{path}");
        }
    }
}
