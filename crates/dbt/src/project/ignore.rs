//! `.dbtignore`: which files of a project dbt does not see, in the patterns of `.gitignore`
//! (<https://docs.getdbt.com/reference/dbtignore>, <https://git-scm.com/docs/gitignore>).

use std::path::Path;

use crate::selector::matches_pattern;

/// The patterns of one project.
#[derive(Clone, Debug, Default)]
pub struct Ignored {
    patterns: Vec<Pattern>,
}

#[derive(Clone, Debug)]
struct Pattern {
    /// Its parts between slashes, from the root of the project.
    parts: Vec<String>,
    /// Whether it names folders only.
    folder: bool,
    /// Whether it takes back what an earlier one said.
    keeps: bool,
}

impl Ignored {
    /// What the `.dbtignore` in `root` says; nothing if there is none.
    #[must_use]
    pub fn of(root: &Path) -> Self {
        let text = std::fs::read_to_string(root.join(".dbtignore")).unwrap_or_default();
        Self::read(&text)
    }

    fn read(text: &str) -> Self {
        let patterns = text.lines().filter_map(Pattern::read).collect();
        Self { patterns }
    }

    /// Whether the file at `path`, relative to the project, is left out. The last pattern that fits
    /// has the say.
    #[must_use]
    pub fn contains(&self, path: &str) -> bool {
        let path: Vec<&str> = path.split('/').filter(|part| *part != ".").collect();
        let mut patterns = self.patterns.iter().rev();
        let last = patterns.find(|pattern| fits(&pattern.parts, &path, pattern.folder));
        last.is_some_and(|pattern| !pattern.keeps)
    }
}

impl Pattern {
    fn read(line: &str) -> Option<Self> {
        let line = line.trim_end();
        if line.is_empty() || line.starts_with('#') {
            return None;
        }
        let (keeps, line) = match line.strip_prefix('!') {
            Some(rest) => (true, rest),
            None => (false, line.strip_prefix('\\').unwrap_or(line)),
        };
        let folder = line.ends_with('/');
        let line = line.trim_end_matches('/');
        // Without a slash inside, a pattern fits at any depth.
        let anywhere = (!line.contains('/')).then(|| "**".to_owned());
        let own = line.trim_start_matches('/').split('/').map(str::to_owned);
        Some(Self {
            parts: anywhere.into_iter().chain(own).collect(),
            folder,
            keeps,
        })
    }
}

/// Whether `parts` name the file at `path` or a folder that it is in.
fn fits(parts: &[String], path: &[&str], folder: bool) -> bool {
    match parts {
        [] => !folder || !path.is_empty(),
        [any] if any == "**" => !path.is_empty(),
        [any, rest @ ..] if any == "**" => {
            (0..path.len()).any(|from| fits(rest, &path[from..], folder))
        }
        [first, rest @ ..] => match path {
            [name, inner @ ..] => matches_pattern(name, first) && fits(rest, inner, folder),
            [] => false,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::Ignored;

    #[test]
    fn patterns_are_those_of_git() {
        let ignored = Ignored::read(
            "# drafts\n\nmodels/draft*.sql\nold\nbuild/\n*.bak.sql\n!keep.bak.sql\n/seeds/a.csv\nm/**/x.sql\n",
        );
        for path in [
            "models/draft_orders.sql",
            "models/staging/old/a.sql",
            "old/a.sql",
            "models/build/a.sql",
            "models/x/y.bak.sql",
            "seeds/a.csv",
            "m/x.sql",
            "m/a/b/x.sql",
        ] {
            assert!(ignored.contains(path), "{path}");
        }
        for path in [
            "models/staging/draft_orders.sql",
            "models/older/a.sql",
            "models/build",
            "models/keep.bak.sql",
            "more/seeds/a.csv",
            "models/orders.sql",
        ] {
            assert!(!ignored.contains(path), "{path}");
        }
    }
}
