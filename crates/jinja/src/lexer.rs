//! Cuts a template into tokens: text, `{{ }}`, `{% %}`; comments and raw blocks end here.
//!
//! Follows Jinja2 with dbt's settings: `trim_blocks` and `lstrip_blocks` off, one trailing newline
//! dropped, all line ends read as `\n`.

use std::collections::HashMap;
use std::sync::Arc;

use diagnostic::{Error, Result, Source, codes};

use crate::strings::unescape;
use crate::token::{Span, Token};

/// Operators, longer ones before their beginnings.
const OPERATORS: [&str; 26] = [
    "//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[", "]", "(", ")", "{", "}",
    ">", "<", "=", ".", ":", "|", ",", ";",
];

/// The source with `\n` line ends, as Jinja2 reads it; spans refer to this text.
pub(crate) fn normalize(source: &Source) -> Source {
    if !source.text.contains('\r') {
        return source.clone();
    }
    let text = source.text.replace("\r\n", "\n").replace('\r', "\n");
    Source {
        name: Arc::clone(&source.name),
        text: text.into(),
    }
}

/// The tokens of a normalised source, always ending with [`Token::End`].
pub(crate) fn tokenize(source: &Source) -> Result<Vec<(Token, Span)>> {
    let text = source.text.strip_suffix('\n').unwrap_or(&source.text);
    let mut lexer = Lexer {
        source,
        text,
        at: 0,
        tokens: Vec::new(),
        names: HashMap::new(),
    };
    lexer.template()?;
    let end = Span::new(lexer.text.len(), lexer.text.len());
    lexer.tokens.push((Token::End, end));
    Ok(lexer.tokens)
}

/// The tokens of a bare expression, as if it stood between `{{` and `}}`.
pub(crate) fn tokenize_expression(source: &Source) -> Result<Vec<(Token, Span)>> {
    let text = &source.text;
    let mut lexer = Lexer {
        source,
        text,
        at: 0,
        tokens: Vec::new(),
        names: HashMap::new(),
    };
    lexer.skip_space();
    while lexer.at < text.len() {
        lexer.expression_token()?;
        lexer.skip_space();
    }
    lexer
        .tokens
        .push((Token::End, Span::new(text.len(), text.len())));
    Ok(lexer.tokens)
}

struct Lexer<'a> {
    source: &'a Source,
    text: &'a str,
    at: usize,
    tokens: Vec<(Token, Span)>,
    names: HashMap<&'a str, Arc<str>>,
}

impl<'a> Lexer<'a> {
    fn fail(&self, span: Span, message: impl Into<String>) -> Error {
        Error::new(codes::J1001, message).at(self.source.place(span.range()))
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn push(&mut self, token: Token, start: usize) {
        self.tokens.push((token, Span::new(start, self.at)));
    }

    fn template(&mut self) -> Result<()> {
        let mut trim = false;
        while self.at < self.text.len() {
            if trim {
                self.skip_space();
                trim = false;
                continue;
            }
            let start = self.at;
            let Some(open) = find_tag(self.text, self.at) else {
                self.at = self.text.len();
                self.push(Token::Text, start);
                return Ok(());
            };
            self.text_until(open);
            trim = match self.text.as_bytes()[open + 1] {
                b'#' => self.comment()?,
                b'%' => match self.raw_tag(open, "raw") {
                    Some((end, trim_after)) => self.raw(open, end, trim_after)?,
                    None => self.tag(Token::BlockBegin, "%}", Token::BlockEnd)?,
                },
                _ => self.tag(Token::PrintBegin, "}}", Token::PrintEnd)?,
            };
        }
        Ok(())
    }

    /// Emits the text before a tag, without its trailing blanks if the tag starts with `-`.
    fn text_until(&mut self, open: usize) {
        let text = &self.text[self.at..open];
        let text = if self.text[open + 2..].starts_with('-') {
            text.trim_end()
        } else {
            text
        };
        if !text.is_empty() {
            self.tokens
                .push((Token::Text, Span::new(self.at, self.at + text.len())));
        }
        self.at = open;
    }

    /// Skips a comment; whether it ends with `-#}`.
    fn comment(&mut self) -> Result<bool> {
        let start = self.at;
        let Some(length) = self.text[start + 2..].find("#}") else {
            return Err(self
                .fail(Span::new(start, start + 2), "this comment has no end")
                .help("close it with `#}`"));
        };
        let end = start + 2 + length;
        self.at = end + 2;
        Ok(end > start + 2 && self.text.as_bytes()[end - 1] == b'-')
    }

    /// Whether `{% word %}` stands at `open`: where it ends and whether it trims what follows.
    fn raw_tag(&self, open: usize, word: &str) -> Option<(usize, bool)> {
        let rest = &self.text[open + 2..];
        let inner = rest.strip_prefix(['-', '+']).unwrap_or(rest).trim_start();
        let inner = inner.strip_prefix(word)?.trim_start();
        let trim = inner.starts_with('-');
        let inner = inner.strip_prefix(['-', '+']).unwrap_or(inner);
        let after = inner.strip_prefix("%}")?;
        Some((self.text.len() - after.len(), trim))
    }

    /// Emits the text of a raw block; whether its end tag trims what follows.
    fn raw(&mut self, open: usize, begin: usize, trim: bool) -> Result<bool> {
        let mut search = begin;
        while let Some(found) = self.text[search..].find("{%") {
            let close = search + found;
            if let Some((end, trim_after)) = self.raw_tag(close, "endraw") {
                self.at = begin;
                if trim {
                    let blank =
                        self.text[begin..close].len() - self.text[begin..close].trim_start().len();
                    self.at += blank;
                }
                self.text_until(close);
                self.at = end;
                return Ok(trim_after);
            }
            search = close + 2;
        }
        Err(self
            .fail(Span::new(open, begin), "this raw block has no end")
            .help("close it with `{% endraw %}`"))
    }

    /// The tokens of one tag; whether it ends with `-`.
    fn tag(&mut self, begin: Token, close: &str, end: Token) -> Result<bool> {
        let start = self.at;
        self.at += 2;
        if self.rest().starts_with(['-', '+']) {
            self.at += 1;
        }
        self.push(begin, start);
        let mut open: Vec<&'static str> = Vec::new();
        loop {
            self.skip_space();
            if open.is_empty() {
                let rest = self.rest();
                let inner = rest.strip_prefix(['-', '+']).unwrap_or(rest);
                if inner.starts_with(close) {
                    let sign = rest.len() - inner.len();
                    let trim = rest.starts_with('-');
                    let at = self.at;
                    self.at += sign + close.len();
                    self.push(end, at);
                    return Ok(trim);
                }
            }
            if self.at >= self.text.len() {
                let opened = &self.text[start..start + 2];
                return Err(self
                    .fail(
                        Span::new(start, start + 2),
                        format!("this `{opened}` is never closed"),
                    )
                    .help(format!(
                        "close it with `{close}`, and check quotes and brackets inside"
                    )));
            }
            let at = self.at;
            match self.expression_token()? {
                Token::Op("(") => open.push(")"),
                Token::Op("[") => open.push("]"),
                Token::Op("{") => open.push("}"),
                Token::Op(found @ (")" | "]" | "}")) => {
                    if let Some(wanted) = open.pop().filter(|wanted| *wanted != found) {
                        let message = format!("expected `{wanted}`, found `{found}`");
                        return Err(self.fail(Span::new(at, self.at), message));
                    }
                }
                _ => {}
            }
        }
    }

    fn skip_space(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }

    /// Reads one token of an expression; there is one, and no blank before it.
    fn expression_token(&mut self) -> Result<Token> {
        let start = self.at;
        let rest = self.rest();
        let first = rest.chars().next().unwrap_or(' ');
        let token = if first == '"' || first == '\'' {
            self.string(first)?
        } else if first.is_ascii_digit() {
            self.number()?
        } else if first.is_alphabetic() || first == '_' {
            let length = rest.find(|c: char| !(c.is_alphanumeric() || c == '_'));
            self.at += length.unwrap_or(rest.len());
            let name = &self.text[start..self.at];
            let name = self.names.entry(name).or_insert_with(|| Arc::from(name));
            Token::Name(Arc::clone(name))
        } else if rest.starts_with("--") && !rest.starts_with("--}}") && !rest.starts_with("--%}") {
            return Err(self
                .fail(
                    Span::new(start, start + 2),
                    "a SQL comment does not work inside a template tag",
                )
                .help("write `{# … #}` outside of the tag instead"));
        } else if let Some(op) = OPERATORS.iter().find(|op| rest.starts_with(**op)) {
            self.at += op.len();
            Token::Op(op)
        } else {
            return Err(self.fail(
                Span::new(start, start + first.len_utf8()),
                format!("the character `{first}` does not belong here"),
            ));
        };
        self.push(token.clone(), start);
        Ok(token)
    }

    fn string(&mut self, quote: char) -> Result<Token> {
        let start = self.at;
        let mut escaped = false;
        for (offset, c) in self.text[start + 1..].char_indices() {
            if escaped {
                escaped = false;
            } else if c == '\\' {
                escaped = true;
            } else if c == quote {
                let inner = &self.text[start + 1..start + 1 + offset];
                self.at = start + 1 + offset + 1;
                let value = unescape(inner)
                    .map_err(|message| self.fail(Span::new(start, start + offset + 2), message))?;
                return Ok(Token::Str(value.into()));
            }
        }
        Err(self
            .fail(Span::new(start, start + 1), "this string is never closed")
            .help(format!("close it with {quote}")))
    }

    fn number(&mut self) -> Result<Token> {
        let start = self.at;
        let rest = self.rest();
        let radix = match rest.get(..2).map(str::to_ascii_lowercase).as_deref() {
            Some("0x") => 16,
            Some("0o") => 8,
            Some("0b") => 2,
            _ => 10,
        };
        if radix != 10 {
            let digits = &rest[2..];
            let length = digits.find(|c: char| !(c.is_digit(radix) || c == '_'));
            let length = length.unwrap_or(digits.len());
            self.at += 2 + length;
            let span = Span::new(start, self.at);
            return i128::from_str_radix(&digits[..length].replace('_', ""), radix)
                .map(Token::Int)
                .map_err(|_| self.fail(span, "this number cannot be read"));
        }
        let after_dot = self.text[..start].ends_with('.');
        let mut length = digits(rest);
        let mut float = false;
        if !after_dot {
            let fraction = rest[length..].strip_prefix('.').map_or(0, digits);
            if fraction > 0 {
                float = true;
                length += 1 + fraction;
            }
            let tail = &rest[length..];
            if let Some(exponent) = tail.strip_prefix(['e', 'E']) {
                let unsigned = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
                let count = digits(unsigned);
                if count > 0 {
                    float = true;
                    length += 1 + (exponent.len() - unsigned.len()) + count;
                }
            }
        }
        self.at += length;
        let span = Span::new(start, self.at);
        let plain = rest[..length].replace('_', "");
        let token = if float {
            plain.parse().ok().map(Token::Float)
        } else {
            plain.parse().ok().map(Token::Int)
        };
        token.ok_or_else(|| self.fail(span, "this number is beyond the range of whole numbers"))
    }
}

/// How many bytes of digits (with `_` between them) `text` starts with.
fn digits(text: &str) -> usize {
    let end = text
        .find(|c: char| !(c.is_ascii_digit() || c == '_'))
        .unwrap_or(text.len());
    if text.starts_with(|c: char| c.is_ascii_digit()) {
        text[..end].trim_end_matches('_').len()
    } else {
        0
    }
}

/// Where the next `{{`, `{%` or `{#` stands.
pub(crate) fn find_tag(text: &str, from: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = from;
    while let Some(found) = text[at..].find('{') {
        let open = at + found;
        if matches!(bytes.get(open + 1), Some(b'{' | b'%' | b'#')) {
            return Some(open);
        }
        at = open + 1;
    }
    None
}
