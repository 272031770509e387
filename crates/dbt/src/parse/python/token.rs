//! The words of Python code, as far as finding calls with literal arguments needs them
//! (<https://docs.python.org/3/reference/lexical_analysis.html>).

use std::iter::Peekable;
use std::str::CharIndices;

/// A word of the code and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Token {
    /// What it is.
    pub kind: Kind,
    /// Its bytes.
    pub span: (usize, usize),
    /// Whether it begins its line without indentation.
    pub outermost: bool,
}

/// What a word is.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// A name or keyword.
    Name(String),
    /// Text, with its escapes resolved.
    Text(String),
    /// Text that is put together at run time, or bytes.
    Formatted,
    /// A number as written.
    Number(String),
    /// Anything else, one character at a time.
    Symbol(char),
}

/// The words of `code`. What is no Python gives whatever words there are: Python itself will say.
#[must_use]
pub fn tokens(code: &str) -> Vec<Token> {
    let mut scanner = Scanner {
        code,
        chars: code.char_indices().peekable(),
        tokens: Vec::new(),
        line: 0,
    };
    while scanner.next().is_some() {}
    scanner.tokens
}

struct Scanner<'c> {
    code: &'c str,
    chars: Peekable<CharIndices<'c>>,
    tokens: Vec<Token>,
    /// Where the line begins.
    line: usize,
}

impl Scanner<'_> {
    fn next(&mut self) -> Option<()> {
        let (start, c) = self.chars.next()?;
        match c {
            '\n' => self.line = start + 1,
            '#' => while self.chars.next_if(|(_, c)| *c != '\n').is_some() {},
            c if c.is_whitespace() || c == '\\' => {}
            '"' | '\'' => self.text(start, "", c),
            c if c.is_alphabetic() || c == '_' => self.word(start),
            c if c.is_ascii_digit() => {
                let number = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '_';
                let mut end = start + 1;
                let mut last = c;
                while let Some((at, c)) = self.chars.next_if(|(_, c)| {
                    number(*c) || (matches!(last, 'e' | 'E') && matches!(c, '+' | '-'))
                }) {
                    (end, last) = (at + c.len_utf8(), c);
                }
                let text = self.code.get(start..end).unwrap_or_default();
                self.push(Kind::Number(text.replace('_', "")), start, end);
            }
            c => self.push(Kind::Symbol(c), start, start + c.len_utf8()),
        }
        Some(())
    }

    fn push(&mut self, kind: Kind, start: usize, end: usize) {
        self.tokens.push(Token {
            kind,
            span: (start, end),
            outermost: start == self.line,
        });
    }

    fn word(&mut self, start: usize) {
        let mut end = self.code.len();
        while let Some((at, c)) = self.chars.peek() {
            if !c.is_alphanumeric() && *c != '_' {
                end = *at;
                break;
            }
            self.chars.next();
        }
        let word = self.code.get(start..end).unwrap_or_default().to_owned();
        let prefix = word.to_lowercase();
        let quote = self.chars.peek().map(|(_, c)| *c);
        let prefixes = ["r", "u", "b", "f", "t", "rb", "br", "rf", "fr", "rt", "tr"];
        match quote {
            Some(quote @ ('"' | '\'')) if prefixes.contains(&prefix.as_str()) => {
                self.chars.next();
                self.text(start, &prefix, quote);
            }
            _ => self.push(Kind::Name(word), start, end),
        }
    }

    /// Text, whose first quote was read.
    fn text(&mut self, start: usize, prefix: &str, quote: char) {
        let (raw, formatted) = (prefix.contains('r'), prefix.contains(['f', 't']));
        let mut long = false;
        if self.chars.next_if(|(_, c)| *c == quote).is_some() {
            if self.chars.next_if(|(_, c)| *c == quote).is_none() {
                let kind = match formatted || prefix.contains('b') {
                    true => Kind::Formatted,
                    false => Kind::Text(String::new()),
                };
                return self.push(kind, start, start + prefix.len() + 2);
            }
            long = true;
        }
        let (mut text, mut quotes) = (String::new(), 0);
        let mut end = self.code.len();
        while let Some((at, c)) = self.chars.next() {
            end = at + c.len_utf8();
            if c == quote {
                quotes += 1;
                if !long || quotes == 3 {
                    break;
                }
                text.push(c);
                continue;
            }
            quotes = 0;
            match c {
                '\\' => self.escape(raw, &mut text),
                '\n' if !long => {
                    self.line = at + 1;
                    break;
                }
                '\n' => {
                    self.line = at + 1;
                    text.push(c);
                }
                '{' if formatted && self.chars.next_if(|(_, c)| *c == '{').is_none() => {
                    self.replacement();
                }
                c => text.push(c),
            }
        }
        if long && quotes == 3 {
            text.truncate(text.len().saturating_sub(2));
        }
        let kind = match formatted || prefix.contains('b') {
            true => Kind::Formatted,
            false => Kind::Text(text),
        };
        self.push(kind, start, end);
    }

    /// The expression of an f-string, up to its brace. Calls in it count like others.
    fn replacement(&mut self) {
        let mut depth = 0;
        loop {
            match self.chars.peek() {
                None | Some((_, '\n')) => return,
                Some((_, '}')) if depth == 0 => {
                    self.chars.next();
                    return;
                }
                Some((_, '{' | '(' | '[')) => depth += 1,
                Some((_, '}' | ')' | ']')) => depth -= 1,
                Some(_) => {}
            }
            self.next();
        }
    }

    /// What follows a backslash in text.
    fn escape(&mut self, raw: bool, text: &mut String) {
        let Some((at, c)) = self.chars.next() else {
            return;
        };
        if c == '\n' {
            self.line = at + 1;
        }
        if raw {
            text.push('\\');
            text.push(c);
            return;
        }
        let digits = match c {
            'n' => return text.push('\n'),
            't' => return text.push('\t'),
            'r' => return text.push('\r'),
            '\n' => return,
            '\\' | '\'' | '"' => return text.push(c),
            '0' => return text.push('\0'),
            'x' => 2,
            'u' => 4,
            'U' => 8,
            other => {
                text.push('\\');
                return text.push(other);
            }
        };
        let hex = self.code.get(at + 1..at + 1 + digits);
        let code = hex.and_then(|hex| u32::from_str_radix(hex, 16).ok());
        if let Some(c) = code.and_then(char::from_u32) {
            for _ in 0..digits {
                self.chars.next();
            }
            text.push(c);
        }
    }
}
