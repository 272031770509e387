//! [`Patterns`]: whether a name is one of a stream's files, without looking whether it is there.

use diagnostic::{Result, ResultExt, codes};
use globset::{GlobBuilder, GlobMatcher};

use super::discover::is_marker;
use super::values::without_placeholders;

/// The patterns of a stream.
#[derive(Clone, Debug)]
pub struct Patterns(Vec<Pattern>);

/// One pattern: that of the file, and that of its members if it is an archive of which some are wanted.
#[derive(Clone, Debug)]
struct Pattern {
    file: GlobMatcher,
    member: Option<GlobMatcher>,
}

impl Patterns {
    /// Reads `patterns`.
    ///
    /// # Errors
    /// `F1003` for a pattern that is not one.
    pub fn new(patterns: &[String]) -> Result<Self> {
        let compile = |text: &str, pattern: &str| {
            let glob = GlobBuilder::new(text).literal_separator(true).build();
            let glob = glob.explain(codes::F1003, || {
                format!("`{pattern}` is not a valid file pattern")
            })?;
            Ok(glob.compile_matcher())
        };
        let read = |pattern: &String| {
            let glob = without_placeholders(pattern);
            let glob = glob.trim_start_matches("./");
            // Of an archive's members the archive arrives.
            Ok(match glob.split_once(".zip/") {
                Some((archive, inside)) => Pattern {
                    file: compile(&format!("{archive}.zip"), pattern)?,
                    member: Some(compile(inside, pattern)?),
                },
                None => Pattern {
                    file: compile(glob, pattern)?,
                    member: None,
                },
            })
        };
        patterns.iter().map(read).collect::<Result<_>>().map(Self)
    }

    /// Whether the file `name` is one of them.
    #[must_use]
    pub fn match_name(&self, name: &str) -> bool {
        let hidden = name.split('/').any(is_marker);
        !hidden && self.0.iter().any(|pattern| pattern.file.is_match(name))
    }

    /// Whether the member `name` of the archive `archive` is one of them.
    #[must_use]
    pub fn match_member(&self, archive: &str, name: &str) -> bool {
        let hidden = name.split('/').any(is_marker);
        let wanted = |pattern: &Pattern| {
            let member = pattern.member.as_ref();
            pattern.file.is_match(archive) && member.is_none_or(|glob| glob.is_match(name))
        };
        !hidden && self.0.iter().any(wanted)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::Patterns;

    #[test]
    fn names_match_as_files_are_found() {
        let patterns = ["./in/{client}/*.csv", "packed/*.zip/a.csv"];
        let patterns = Patterns::new(&patterns.map(str::to_owned)).unwrap();
        assert!(patterns.match_name("in/acme/a.csv"));
        assert!(patterns.match_name("packed/b.zip"));
        assert!(patterns.match_member("packed/b.zip", "a.csv"));
        assert!(!patterns.match_member("packed/b.zip", "b.csv"));
        for other in [
            "in/acme/_SUCCESS",
            "in/.acme/a.csv",
            "in/acme/x/a.csv",
            "a.csv",
        ] {
            assert!(!patterns.match_name(other), "{other}");
        }
    }
}
