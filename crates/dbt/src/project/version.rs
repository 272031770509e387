//! Versions of packages and the ranges that ask for them: `>=1.0.0,<2.0.0`.

use std::cmp::Ordering;

/// A semantic version: three numbers and, perhaps, a pre-release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    numbers: [u64; 3],
    pre: Option<String>,
}

impl Version {
    /// Reads `1.2.3`, `v1.2` or `1.2.3-rc1`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim().trim_start_matches(['v', '=']).trim();
        let text = text.split('+').next().unwrap_or_default();
        // `1.0.0b1`, as Python writes pre-releases, is `1.0.0-b1`.
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.');
        let (plain, pre) = match end {
            Some(at) => (
                &text[..at],
                Some(text[at..].trim_start_matches('-').to_owned()),
            ),
            None => (text, None),
        };
        let mut numbers = [0; 3];
        let parts: Vec<&str> = plain.trim_end_matches('.').split('.').collect();
        if parts.len() > 3 || plain.is_empty() {
            return None;
        }
        for (slot, part) in numbers.iter_mut().zip(&parts) {
            *slot = part.parse().ok()?;
        }
        Some(Self { numbers, pre })
    }

    /// Whether it is a release candidate, beta or alpha.
    #[must_use]
    pub fn is_prerelease(&self) -> bool {
        self.pre.is_some()
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [major, minor, patch] = self.numbers;
        write!(f, "{major}.{minor}.{patch}")?;
        match &self.pre {
            Some(pre) => write!(f, "-{pre}"),
            None => Ok(()),
        }
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        self.numbers
            .cmp(&other.numbers)
            .then_with(|| match (&self.pre, &other.pre) {
                (None, None) => Ordering::Equal,
                (None, Some(_)) => Ordering::Greater,
                (Some(_), None) => Ordering::Less,
                (Some(a), Some(b)) => a.cmp(b),
            })
    }
}

/// Whether `version` fits all of `ranges`, each one or more conditions joined by commas.
#[must_use]
pub fn fits(version: &Version, ranges: &[String]) -> bool {
    let conditions = ranges.iter().flat_map(|range| range.split(','));
    conditions
        .map(str::trim)
        .filter(|c| !c.is_empty())
        .all(|condition| {
            let operators = [">=", "<=", "==", "!=", ">", "<", "="];
            let (operator, wanted) = operators
                .iter()
                .find_map(|operator| Some((*operator, condition.strip_prefix(operator)?)))
                .unwrap_or(("=", condition));
            let Some(wanted) = Version::parse(wanted) else {
                return false;
            };
            match operator {
                ">=" => *version >= wanted,
                "<=" => *version <= wanted,
                ">" => *version > wanted,
                "<" => *version < wanted,
                "!=" => *version != wanted,
                _ => *version == wanted,
            }
        })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::{Version, fits};

    #[test]
    fn ranges_are_dbts() {
        let fit = |version: &str, ranges: &[&str]| {
            let ranges: Vec<String> = ranges.iter().map(|r| (*r).to_owned()).collect();
            fits(&Version::parse(version).unwrap(), &ranges)
        };
        assert!(fit("1.3.3", &[">=1.0.0", "<2.0.0"]));
        assert!(fit("1.3.3", &[">=1.0.0,<2.0.0"]));
        assert!(!fit("2.0.0", &[">=1.0.0", "<2.0.0"]));
        assert!(fit("0.8.0", &["0.8.0"]) && fit("0.8", &["=0.8.0"]));
        assert!(!fit("0.8.1", &["0.8.0"]));
        assert!(!fit("1.0.0-rc1", &[">=1.0.0"]));
        assert!(Version::parse("1.10.0") > Version::parse("1.9.9"));
        assert_eq!(Version::parse("1.0.0b2"), Version::parse("1.0.0-b2"));
        assert!(Version::parse("main").is_none());
    }
}
