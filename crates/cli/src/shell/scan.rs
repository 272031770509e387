//! What a piece of SQL consists of, as far as a shell needs it: words, strings, comments, and ends of
//! statements.

use std::ops::Range;

use diagnostic::Source;

/// What stands at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Word,
    Number,
    /// `'…'` or `$$…$$`.
    Text,
    /// `"…"`.
    Name,
    Comment,
    Semicolon,
    Other,
}

/// A part of the text. Parts follow each other without a gap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) kind: Kind,
    pub(super) at: Range<usize>,
    /// Whether a string, name or comment lacks its end.
    pub(super) open: bool,
}

/// The parts of `text`.
pub(super) fn parts(text: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut at = 0;
    while let Some(rest) = text.get(at..)
        && let Some(first) = rest.chars().next()
    {
        let (kind, length, open) = part(rest, first);
        parts.push(Part {
            kind,
            at: at..at + length,
            open,
        });
        at += length;
    }
    parts
}

fn part(rest: &str, first: char) -> (Kind, usize, bool) {
    if rest.starts_with("--") || rest.starts_with("//") {
        return (Kind::Comment, rest.find('\n').unwrap_or(rest.len()), false);
    }
    if rest.starts_with("/*") {
        return enclosed(Kind::Comment, rest, 2, "*/");
    }
    if rest.starts_with("$$") {
        return enclosed(Kind::Text, rest, 2, "$$");
    }
    match first {
        '\'' => quoted(Kind::Text, rest, '\'', true),
        '"' => quoted(Kind::Name, rest, '"', false),
        ';' => (Kind::Semicolon, 1, false),
        '0'..='9' => {
            let number = |letter: char| letter.is_ascii_alphanumeric() || letter == '.';
            (Kind::Number, run(rest, number), false)
        }
        letter if is_word(letter) => (Kind::Word, run(rest, is_word), false),
        other => (Kind::Other, other.len_utf8(), false),
    }
}

/// Whether a letter may be in a name without quotes.
pub(super) fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_' || letter == '$'
}

fn run(rest: &str, belongs: impl Fn(char) -> bool) -> usize {
    rest.find(|letter| !belongs(letter)).unwrap_or(rest.len())
}

fn enclosed(kind: Kind, rest: &str, opening: usize, closing: &str) -> (Kind, usize, bool) {
    match rest.get(opening..).and_then(|inside| inside.find(closing)) {
        Some(end) => (kind, opening + end + closing.len(), false),
        None => (kind, rest.len(), true),
    }
}

/// Quotes inside are doubled, or written behind a backslash.
fn quoted(kind: Kind, rest: &str, quote: char, escapes: bool) -> (Kind, usize, bool) {
    let mut letters = rest.char_indices().skip(1).peekable();
    while let Some((at, letter)) = letters.next() {
        if letter == '\\' && escapes {
            letters.next();
        } else if letter == quote {
            if letters.peek().is_some_and(|(_, next)| *next == quote) {
                letters.next();
            } else {
                return (kind, at + 1, false);
            }
        }
    }
    (kind, rest.len(), true)
}

/// Whether `text` can be run: it is blank, a `\` command, or ends with a `;` that is not inside of a block.
pub(super) fn is_complete(text: &str) -> bool {
    let text = text.trim();
    if text.is_empty() || text.starts_with('\\') {
        return true;
    }
    let parts = parts(text);
    let last = parts.iter().rev().find(|part| {
        let blank = text
            .get(part.at.clone())
            .is_some_and(|written| written.trim().is_empty());
        !blank && (part.kind != Kind::Comment || part.open)
    });
    last.is_some_and(|part| part.kind == Kind::Semicolon) && !is_open(text)
}

/// Whether the parser wants more: a block lacks its END.
fn is_open(text: &str) -> bool {
    match sql::parse_script(&Source::new("input", text)) {
        Ok(_) => false,
        Err(error) => error.message().ends_with("found: EOF"),
    }
}

#[cfg(test)]
mod tests {
    use super::{Kind, is_complete, parts};

    #[test]
    fn statements_end_with_a_semicolon_outside_of_quotes() {
        for complete in [
            "",
            "  ",
            "\\dt",
            "select 1;",
            "select ';' ; -- done",
            "select $$;$$;\n/* x */",
            "select 'it''s \\' ;' ;",
            "begin; select 1;",
            "begin let x := 1; return x; end;",
            "select from;",
        ] {
            assert!(is_complete(complete), "{complete}");
        }
        for open in [
            "select 1",
            "select ';'",
            "select 'a;",
            "select 1 -- ;",
            "select 1; /* ",
            "select $$;",
            "select \";\"",
            "begin let x := 1;",
            "declare x int;",
        ] {
            assert!(!is_complete(open), "{open}");
        }
    }

    #[test]
    fn parts_follow_each_other() {
        let text = "select 'ä', 1.5 from \"t\" -- x\n;";
        let parts = parts(text);
        let mut at = 0;
        for part in &parts {
            assert_eq!(part.at.start, at);
            at = part.at.end;
        }
        assert_eq!(at, text.len());
        let kinds: Vec<Kind> = parts
            .iter()
            .map(|part| part.kind)
            .filter(|kind| *kind != Kind::Other)
            .collect();
        assert_eq!(
            kinds,
            [
                Kind::Word,
                Kind::Text,
                Kind::Number,
                Kind::Word,
                Kind::Name,
                Kind::Comment,
                Kind::Semicolon
            ]
        );
    }
}
