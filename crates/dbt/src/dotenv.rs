//! `.env`: variables for those that the environment does not have, as dbt 1.12 loads them with python-dotenv.
//!
//! The file is looked for in the working folder and above it
//! (<https://docs.getdbt.com/docs/build/environment-variables>); its grammar is that of
//! <https://github.com/theskumar/python-dotenv#file-format>.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// The variables of the `.env` that counts in the working folder; none without one. `environment` counts more.
#[must_use]
pub fn variables(environment: &HashMap<String, String>) -> HashMap<String, String> {
    let Some(path) = std::env::current_dir().ok().and_then(|dir| found(&dir)) else {
        return HashMap::new();
    };
    let text = std::fs::read(path).unwrap_or_default();
    let read = read(&String::from_utf8_lossy(&text), environment);
    let new = read.into_iter();
    new.filter(|(name, _)| !environment.contains_key(name))
        .collect()
}

fn found(folder: &Path) -> Option<PathBuf> {
    let mut paths = folder.ancestors().map(|folder| folder.join(".env"));
    paths.find(|path| path.is_file())
}

/// What the lines of `text` set. Lines that are none of the grammar are passed over.
fn read(text: &str, environment: &HashMap<String, String>) -> HashMap<String, String> {
    let mut all = HashMap::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        rest = match binding(rest) {
            Some((Some((name, value)), after)) => {
                let value = interpolated(&value, environment, &all);
                all.insert(name, value);
                after
            }
            Some((None, after)) => after,
            None => rest.split_once(['\n', '\r']).map_or("", |(_, after)| after),
        }
        .trim_start();
    }
    all
}

type Binding<'t> = (Option<(String, String)>, &'t str);

/// The binding at the beginning of `text`, if it sets anything, and what follows its line.
fn binding(text: &str) -> Option<Binding<'_>> {
    let text = match text.strip_prefix("export") {
        Some(after) if after.starts_with([' ', '\t']) => after.trim_start_matches([' ', '\t']),
        _ => text,
    };
    if text.starts_with('#') {
        return Some((None, end_of_line(text)?));
    }
    let (name, rest) = match text.strip_prefix('\'') {
        Some(quoted) => quoted.split_once('\'')?,
        None => {
            let end = text.find(|c: char| matches!(c, '=' | '#') || c.is_whitespace());
            text.split_at(end.unwrap_or(text.len()))
        }
    };
    if name.is_empty() {
        return None;
    }
    let rest = rest.trim_start_matches([' ', '\t']);
    let Some(rest) = rest.strip_prefix('=') else {
        // A name alone sets nothing.
        return Some((None, end_of_line(rest)?));
    };
    let (value, rest) = value(rest.trim_start_matches([' ', '\t']))?;
    Some((Some((name.to_owned(), value)), end_of_line(rest)?))
}

/// The value at the beginning of `text`, and what follows it.
fn value(text: &str) -> Option<(String, &str)> {
    for quote in ['\'', '"'] {
        let Some(inner) = text.strip_prefix(quote) else {
            continue;
        };
        let mut escaped = false;
        let end = inner.find(|c: char| {
            let ends = c == quote && !escaped;
            escaped = c == '\\' && !escaped;
            ends
        })?;
        let (inner, after) = inner.split_at(end);
        return Some((unescaped(inner, quote), after.strip_prefix(quote)?));
    }
    let end = text.find(['\n', '\r']).unwrap_or(text.len());
    let (line, after) = text.split_at(end);
    // A comment stands apart from the value.
    let comment = line.match_indices('#').map(|(at, _)| at).find(|at| {
        let before = line.get(..*at).unwrap_or_default();
        before.ends_with(char::is_whitespace)
    });
    let value = line
        .get(..comment.unwrap_or(line.len()))
        .unwrap_or_default();
    Some((value.trim_end().to_owned(), after))
}

/// What follows the line, of which nothing but a comment may be left.
fn end_of_line(text: &str) -> Option<&str> {
    let end = text.find(['\n', '\r']).unwrap_or(text.len());
    let (line, after) = text.split_at(end);
    let line = line.trim_start();
    (line.is_empty() || line.starts_with('#')).then_some(after)
}

/// `text` without the backslashes that escape in such quotes.
fn unescaped(text: &str, quote: char) -> String {
    let mut out = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        let next = characters.peek().copied().filter(|_| c == '\\');
        let meant = match (next, quote) {
            (Some(same @ ('\\' | '\'')), _) | (Some(same @ '"'), '"') => Some(same),
            (Some('n'), '"') => Some('\n'),
            (Some('t'), '"') => Some('\t'),
            (Some('r'), '"') => Some('\r'),
            (Some('a'), '"') => Some('\u{7}'),
            (Some('b'), '"') => Some('\u{8}'),
            (Some('f'), '"') => Some('\u{c}'),
            (Some('v'), '"') => Some('\u{b}'),
            _ => None,
        };
        if meant.is_some() {
            characters.next();
        }
        out.push(meant.unwrap_or(c));
    }
    out
}

/// `text` with the values of `${NAME}` and `${NAME:-default}`: of the environment, then of lines before.
fn interpolated(
    text: &str,
    environment: &HashMap<String, String>,
    before: &HashMap<String, String>,
) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((head, from)) = rest.split_once("${") {
        out.push_str(head);
        let Some((inner, after)) = from.split_once('}') else {
            out.push_str("${");
            rest = from;
            continue;
        };
        let (name, default) = match inner.split_once(":-") {
            Some((name, default)) => (name, default),
            None => (inner, ""),
        };
        if name.contains(':') {
            // None of its form: it stands for itself.
            out.push_str(&format!("${{{inner}}}"));
        } else {
            let known = environment.get(name).or_else(|| before.get(name));
            out.push_str(known.map_or(default, String::as_str));
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::read;

    /// Values as python-dotenv 1.2 gives them.
    #[test]
    fn lines_are_read_as_python_dotenv_reads_them() {
        let text = "# first\nA=1\nexport B = two words  # told\nC='it''s'\nD='a\\'b \\n' # x\n\
                    E=\"a\\tb\\\"c\"\nF=\nG\nH=a#b\n'I'=i\nJ=${A}-${HOME}-${NO:-none}-${NO}\n\
                    =broken\nK=\"two\nlines\"\nL = ${a:b}\n";
        let home = [("HOME", "/root")].map(|(k, v)| (k.to_owned(), v.to_owned()));
        let found = read(text, &HashMap::from(home));
        let expected = [
            ("A", "1"),
            ("B", "two words"),
            ("D", "a'b \\n"),
            ("E", "a\tb\"c"),
            ("F", ""),
            ("H", "a#b"),
            ("I", "i"),
            ("J", "1-/root-none-"),
            ("K", "two\nlines"),
            ("L", "${a:b}"),
        ];
        let expected = expected.map(|(k, v)| (k.to_owned(), v.to_owned()));
        assert_eq!(found, HashMap::from(expected));
    }
}
