//! JSON text as somebody wrote it to canonical text.
//!
//! <https://docs.snowflake.com/en/sql-reference/functions/parse_json>. Like Snowflake's, the parser takes
//! an element left out (`[1,,2]`, `[1,]`) for `undefined`. It keeps its own stack.

use super::UNDEFINED;
use super::number::number;
use super::write::escape_char;

/// What happens to a key that stands twice in an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Duplicates {
    /// The text is refused.
    Refused,
    /// The last value counts.
    LastWins,
}

/// Why a text is no JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ParseError {
    pub(crate) what: String,
    /// Byte of the text.
    pub(crate) at: usize,
}

impl std::fmt::Display for ParseError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}, pos {}", self.what, self.at)
    }
}

/// `text` in canonical form; nothing if it is blank.
pub(crate) fn canonical(text: &str, duplicates: Duplicates) -> Result<Option<String>, ParseError> {
    let mut parser = Parser {
        text,
        at: 0,
        out: String::with_capacity(text.len()),
        open: Vec::new(),
        duplicates,
    };
    parser.skip_blanks();
    if parser.at == text.len() {
        return Ok(None);
    }
    parser.run()?;
    Ok(Some(parser.out))
}

/// An array or object that is being read.
enum Open {
    Array,
    Object {
        /// Where its members begin in the output.
        start: usize,
        members: Vec<Member>,
        sorted: bool,
    },
}

/// A member in the output: where it begins (at the quote of its key) and where its key ends.
#[derive(Clone, Copy)]
struct Member {
    start: usize,
    key_end: usize,
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    out: String,
    open: Vec<Open>,
    duplicates: Duplicates,
}

impl Parser<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn fail<T>(&self, what: &str) -> Result<T, ParseError> {
        Err(ParseError {
            what: what.to_owned(),
            at: self.at,
        })
    }

    fn unexpected<T>(&self) -> Result<T, ParseError> {
        match self
            .text
            .get(self.at..)
            .and_then(|rest| rest.chars().next())
        {
            Some(letter) => self.fail(&format!("unexpected character '{letter}'")),
            None => self.fail("unexpected end of the text"),
        }
    }

    fn run(&mut self) -> Result<(), ParseError> {
        loop {
            self.skip_blanks();
            let opened = self.value()?;
            if !opened && self.close()? {
                return Ok(());
            }
        }
    }

    /// Reads a scalar, or the beginning of an array or object that is not empty.
    fn value(&mut self) -> Result<bool, ParseError> {
        let Some(byte) = self.peek() else {
            return self.unexpected();
        };
        match byte {
            b'{' => {
                self.at += 1;
                self.out.push('{');
                self.skip_blanks();
                if self.peek() == Some(b'}') {
                    self.at += 1;
                    self.out.push('}');
                    return Ok(false);
                }
                self.open.push(Open::Object {
                    start: self.out.len(),
                    members: Vec::new(),
                    sorted: true,
                });
                self.key()?;
                return Ok(true);
            }
            b'[' => {
                self.at += 1;
                self.out.push('[');
                self.skip_blanks();
                if self.peek() == Some(b']') {
                    self.at += 1;
                    self.out.push(']');
                    return Ok(false);
                }
                self.open.push(Open::Array);
                return Ok(true);
            }
            b'"' => self.string()?,
            b',' | b']' if matches!(self.open.last(), Some(Open::Array)) => {
                self.out.push_str(UNDEFINED);
            }
            b'-' | b'0'..=b'9' => self.number()?,
            _ => self.word()?,
        }
        Ok(false)
    }

    /// What follows a value: the next value's place, or ends. Says whether the text is at its end.
    fn close(&mut self) -> Result<bool, ParseError> {
        loop {
            self.skip_blanks();
            let byte = self.peek();
            match (self.open.last(), byte) {
                (None, None) => return Ok(true),
                (Some(Open::Array), Some(b',')) => {
                    self.at += 1;
                    self.out.push(',');
                    return Ok(false);
                }
                (Some(Open::Array), Some(b']')) => {
                    self.at += 1;
                    self.out.push(']');
                    self.open.pop();
                }
                (Some(Open::Object { .. }), Some(b',')) => {
                    self.at += 1;
                    self.out.push(',');
                    self.skip_blanks();
                    self.key()?;
                    return Ok(false);
                }
                (Some(Open::Object { .. }), Some(b'}')) => {
                    self.at += 1;
                    self.end_object()?;
                    self.out.push('}');
                }
                _ => return self.unexpected(),
            }
        }
    }

    /// `"key":`, or `key:` where the key is a plain word.
    fn key(&mut self) -> Result<(), ParseError> {
        let start = self.out.len();
        match self.peek() {
            Some(b'"') => self.string()?,
            Some(b'_' | b'a'..=b'z' | b'A'..=b'Z') => {
                let rest = self.text.get(self.at..).unwrap_or_default();
                let is_part = |byte: u8| byte == b'_' || byte.is_ascii_alphanumeric();
                let length = rest.bytes().position(|byte| !is_part(byte));
                let word = rest.get(..length.unwrap_or(rest.len())).unwrap_or_default();
                self.out.push('"');
                self.out.push_str(word);
                self.out.push('"');
                self.at += word.len();
            }
            _ => return self.unexpected(),
        }
        let key_end = self.out.len();
        self.skip_blanks();
        if self.peek() != Some(b':') {
            return self.unexpected();
        }
        self.at += 1;
        self.out.push(':');
        let out = &self.out;
        if let Some(Open::Object {
            members, sorted, ..
        }) = self.open.last_mut()
        {
            if let Some(before) = members.last() {
                *sorted &= out.get(before.start..before.key_end) < out.get(start..key_end);
            }
            members.push(Member { start, key_end });
        }
        Ok(())
    }

    /// Brings the members of the innermost object into the order of their keys.
    fn end_object(&mut self) -> Result<(), ParseError> {
        let Some(Open::Object {
            start,
            members,
            sorted,
        }) = self.open.pop()
        else {
            return self.unexpected();
        };
        if sorted {
            return Ok(());
        }
        let body = self.out.split_off(start);
        let mut parts: Vec<(&str, &str)> = Vec::with_capacity(members.len());
        for (at, member) in members.iter().enumerate() {
            let end = members
                .get(at + 1)
                .map_or(body.len(), |next| next.start - start - 1);
            let key = body.get(member.start - start..member.key_end - start);
            let whole = body.get(member.start - start..end);
            parts.push((key.unwrap_or_default(), whole.unwrap_or_default()));
        }
        // Stable, so that of equal keys the last stays last.
        parts.sort_by_key(|(key, _)| *key);
        let mut first = true;
        for (at, (key, whole)) in parts.iter().enumerate() {
            if parts.get(at + 1).is_some_and(|(next, _)| next == key) {
                if self.duplicates == Duplicates::Refused {
                    return self.fail(&format!("duplicate object attribute {key}"));
                }
                continue;
            }
            if !first {
                self.out.push(',');
            }
            first = false;
            self.out.push_str(whole);
        }
        Ok(())
    }

    fn string(&mut self) -> Result<(), ParseError> {
        self.at += 1;
        self.out.push('"');
        loop {
            let rest = self.text.get(self.at..).unwrap_or_default();
            let Some(length) = rest
                .bytes()
                .position(|byte| byte < 0x20 || byte == b'"' || byte == b'\\')
            else {
                self.at = self.text.len();
                return self.fail("unfinished string");
            };
            let (plain, special) = rest.split_at(length);
            self.out.push_str(plain);
            self.at += length;
            match special.bytes().next() {
                Some(b'"') => {
                    self.at += 1;
                    self.out.push('"');
                    return Ok(());
                }
                Some(b'\\') => self.escape()?,
                Some(control) => {
                    self.at += 1;
                    escape_char(&mut self.out, char::from(control));
                }
                None => return self.fail("unfinished string"),
            }
        }
    }

    fn escape(&mut self) -> Result<(), ParseError> {
        self.at += 1;
        let letter = match self.peek() {
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(letter @ (b'"' | b'\\' | b'/')) => char::from(letter),
            Some(b'u') => {
                self.at += 1;
                let letter = self.code_point()?;
                escape_char(&mut self.out, letter);
                return Ok(());
            }
            _ => return self.fail("unknown escape sequence"),
        };
        self.at += 1;
        escape_char(&mut self.out, letter);
        Ok(())
    }

    /// Four hexadecimal digits, or twice four for a character beyond 16 bits.
    fn code_point(&mut self) -> Result<char, ParseError> {
        let high = self.unit()?;
        if !(0xD800..0xDC00).contains(&high) {
            return match char::from_u32(high) {
                Some(letter) => Ok(letter),
                None => self.fail("half of a surrogate pair"),
            };
        }
        let Some(b"\\u") = self.text.as_bytes().get(self.at..self.at + 2) else {
            return self.fail("half of a surrogate pair");
        };
        self.at += 2;
        let low = self.unit()?;
        let pair = 0x10000 + ((high - 0xD800) << 10) + low.wrapping_sub(0xDC00);
        match char::from_u32(pair) {
            Some(letter) if (0xDC00..0xE000).contains(&low) => Ok(letter),
            _ => self.fail("half of a surrogate pair"),
        }
    }

    fn unit(&mut self) -> Result<u32, ParseError> {
        let digits = self.text.get(self.at..self.at + 4);
        let unit = digits
            .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
            .and_then(|digits| u32::from_str_radix(digits, 16).ok());
        match unit {
            Some(unit) => {
                self.at += 4;
                Ok(unit)
            }
            None => self.fail("\\u needs four hexadecimal digits"),
        }
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        self.at - start
    }

    fn number(&mut self) -> Result<(), ParseError> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        let leading_zero = self.peek() == Some(b'0');
        let whole = self.digits();
        if whole == 0 || (leading_zero && whole > 1) {
            return self.fail("not a number");
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            if self.digits() == 0 {
                return self.fail("not a number");
            }
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            if self.digits() == 0 {
                return self.fail("not a number");
            }
        }
        let text = self.text.get(start..self.at).unwrap_or_default();
        self.out.push_str(&number(text));
        Ok(())
    }

    fn word(&mut self) -> Result<(), ParseError> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let length = rest
            .bytes()
            .position(|byte| !byte.is_ascii_alphabetic())
            .unwrap_or(rest.len());
        let word = rest.get(..length).unwrap_or_default();
        match word.to_ascii_lowercase().as_str() {
            plain @ ("true" | "false" | "null") => self.out.push_str(plain),
            UNDEFINED if matches!(self.open.last(), Some(Open::Array)) => self.out.push_str(word),
            "" => return self.unexpected(),
            _ => return self.fail(&format!("unknown keyword \"{word}\"")),
        }
        self.at += length;
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Option<String>, ParseError> {
        canonical(text, Duplicates::Refused)
    }

    #[test]
    fn blanks_go_and_keys_are_sorted() {
        for (text, expected) in [
            (
                " { \"b\" : [ 1 , 2.50 ] , \"a\" : { } } ",
                r#"{"a":{},"b":[1,2.5]}"#,
            ),
            (
                "[-1, 12, 289, 2188, false,]",
                "[-1,12,289,2188,false,undefined]",
            ),
            ("[1,,2]", "[1,undefined,2]"),
            (r#""a\/b\u00e9\ud83d\ude00""#, "\"a/bé😀\""),
            ("null", "null"),
            ("1.912e2", "1.912000000000000e+02"),
            ("{a:1}", r#"{"a":1}"#),
            (
                r#"{"z":1,"y":{"b":1,"a":2},"x":[{"d":1,"c":2}]}"#,
                r#"{"x":[{"c":2,"d":1}],"y":{"a":2,"b":1},"z":1}"#,
            ),
        ] {
            assert_eq!(parsed(text).unwrap().unwrap(), expected, "{text}");
        }
        assert_eq!(parsed("  ").unwrap(), None);
    }

    #[test]
    fn refuses_what_is_no_json() {
        for text in [
            "{",
            "[1",
            "{\"a\"}",
            "{\"a\":}",
            "tru",
            "1 2",
            "01",
            "1.",
            "-",
            "\"x",
            "{\"a\":1,}",
            "{\"a\":1,\"a\":2}",
            "\"\\x\"",
            "\"\\ud800\"",
            "}",
            "]",
            ",",
            "'a'",
            "{'a':1}",
            "[}",
            "{\"a\":1]",
            "NaNx",
        ] {
            assert!(parsed(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_last_of_equal_keys_may_win() {
        let text = r#"{"b":1,"a":2,"b":3}"#;
        let result = canonical(text, Duplicates::LastWins).unwrap().unwrap();
        assert_eq!(result, r#"{"a":2,"b":3}"#);
    }

    #[test]
    fn depth_costs_no_stack() {
        let deep = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
        assert_eq!(parsed(&deep).unwrap().unwrap(), deep);
        assert!(parsed(&"[".repeat(200_000)).is_err());
    }
}
