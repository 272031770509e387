//! [`PathValues`]: what a file's path says of all its rows: hive partitions `run_date=2026-08-01` and the
//! placeholders `{client}` of a pattern.

use diagnostic::{Error, Result, ResultExt, codes};
use globset::GlobBuilder;
use indexmap::IndexMap;
use regex::bytes::Regex;

/// The value by which Hive writes NULL into a path.
const NULL: &str = "__HIVE_DEFAULT_PARTITION__";

/// Reads the values in paths that match a stream's patterns.
#[derive(Clone, Debug)]
pub struct PathValues {
    patterns: Vec<(Regex, Vec<String>)>,
}

impl PathValues {
    /// For files that match any of `patterns`.
    ///
    /// # Errors
    /// `F1003` for a pattern that is not one, or that has a placeholder twice.
    pub fn new(patterns: &[String]) -> Result<Self> {
        let patterns = patterns.iter().map(|pattern| compile(pattern));
        Ok(Self {
            patterns: patterns.collect::<Result<Vec<_>>>()?,
        })
    }

    /// What the path `name`, or that of the archive it lies in, says: outermost first.
    #[must_use]
    pub fn of(&self, name: &str) -> IndexMap<String, String> {
        let mut values = partitions(name);
        let archives = name.match_indices(".zip/");
        let paths = std::iter::once(name)
            .chain(archives.filter_map(|(at, zip)| name.get(..at + zip.len() - 1)));
        for path in paths {
            for (pattern, names) in &self.patterns {
                let Some(found) = pattern.captures(path.trim_start_matches("./").as_bytes()) else {
                    continue;
                };
                let found = names.iter().zip(found.iter().skip(1).flatten());
                let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                values.extend(found.map(|(name, value)| (name.clone(), text(value.as_bytes()))));
                return values;
            }
        }
        values
    }

    /// The value as a row has it; `None` is NULL.
    #[must_use]
    pub fn as_value(text: &str) -> Option<&str> {
        (text != NULL).then_some(text)
    }
}

/// A pattern whose placeholders are wildcards.
pub(super) fn without_placeholders(pattern: &str) -> String {
    let (glob, _) = take_apart(pattern, |_| "*".to_owned());
    glob
}

fn compile(pattern: &str) -> Result<(Regex, Vec<String>)> {
    let stand_in = |at: usize| format!("sluicesplaceholder{at}ends");
    let (glob, names) = take_apart(pattern, stand_in);
    let wrong = || format!("`{pattern}` is not a valid file pattern");
    if let Some((at, name)) = names
        .iter()
        .enumerate()
        .find(|(at, name)| names.iter().take(*at).any(|other| other == *name))
    {
        return Err(Error::new(codes::F1003, wrong()).because(format!(
            "the placeholder `{name}` stands twice, last in place {at}"
        )));
    }
    let glob = glob.strip_prefix("./").unwrap_or(&glob);
    let glob = GlobBuilder::new(glob)
        .literal_separator(true)
        .build()
        .explain(codes::F1003, wrong)?;
    let mut expression = glob.regex().to_owned();
    for at in 0..names.len() {
        expression = expression.replace(&stand_in(at), "([^/]+)");
    }
    // Alternatives of the pattern are groups that say nothing.
    let regex = Regex::new(&expression).explain(codes::F1003, wrong)?;
    Ok((regex, names))
}

/// Puts what `stand_in` says in place of each placeholder: a name in braces without alternatives.
fn take_apart(pattern: &str, stand_in: impl Fn(usize) -> String) -> (String, Vec<String>) {
    let mut glob = String::with_capacity(pattern.len());
    let mut names = Vec::new();
    let mut rest = pattern;
    while let Some((before, after)) = rest.split_once('{') {
        glob.push_str(before);
        let name = after.split_once('}').map(|(name, _)| name);
        let is_name = |name: &&str| {
            let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
            starts && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        };
        match name.filter(is_name) {
            Some(name) => {
                glob.push_str(&stand_in(names.len()));
                names.push(name.to_owned());
                rest = after.get(name.len() + 1..).unwrap_or_default();
            }
            None => {
                glob.push('{');
                rest = after;
            }
        }
    }
    glob.push_str(rest);
    (glob, names)
}

/// Hive partitions of a path, outermost first. What a path cannot say plainly stands there as `%2F`.
fn partitions(name: &str) -> IndexMap<String, String> {
    let folders = name.rsplit_once('/').map_or("", |(folders, _)| folders);
    folders
        .split('/')
        .filter_map(|folder| folder.split_once('='))
        .filter(|(key, _)| !key.is_empty())
        .map(|(key, value)| (key.to_owned(), unescape(value)))
        .collect()
}

fn unescape(value: &str) -> String {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        let escaped = digits.and_then(|two| u8::from_str_radix(two, 16).ok());
        match escaped.filter(|_| *byte == b'%') {
            Some(escaped) => {
                bytes.push(escaped);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*byte);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| value.to_owned())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::{PathValues, without_placeholders};

    fn values(pattern: &str, name: &str) -> Vec<(String, String)> {
        let values = PathValues::new(&[pattern.to_owned()]).unwrap();
        values.of(name).into_iter().collect()
    }

    fn pair(key: &str, value: &str) -> (String, String) {
        (key.to_owned(), value.to_owned())
    }

    #[test]
    fn paths_say_partitions_and_placeholders() {
        let pattern = "clients/{client}/**/run_date={day}/*.{json,jsonl}";
        assert_eq!(
            values(
                pattern,
                "clients/acme/shop/orders/run_date=2026-08-01/a.jsonl"
            ),
            [
                pair("run_date", "2026-08-01"),
                pair("client", "acme"),
                pair("day", "2026-08-01")
            ]
        );
        assert_eq!(
            values("{kind}_*.csv", "sales_2026.csv"),
            [pair("kind", "sales")]
        );
        assert_eq!(
            values("*.csv", "x/a%2Fb=c%2Fd/e.csv"),
            [pair("a%2Fb", "c/d")]
        );
        assert_eq!(
            values("{shop}.zip", "north.zip/sales.csv"),
            [pair("shop", "north")]
        );
        assert_eq!(without_placeholders("a/{b}/{c,d}"), "a/*/{c,d}");
        assert!(PathValues::new(&["{a}/{a}".to_owned()]).is_err());
    }
}
