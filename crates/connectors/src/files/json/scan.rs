//! Taking one JSON object apart without building it (RFC 8259): keys and the text of their values.

use crate::files::records::Malformed;

/// How deep values may nest.
const DEEPEST: usize = 512;

/// The value of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value<'a> {
    Null,
    /// What stands between the quotes.
    Text(&'a [u8]),
    /// A number, a truth value, an object or an array, as written.
    Bare(&'a [u8]),
}

/// Whether `text` is one JSON value.
///
/// # Errors
/// Where it stops being one.
pub fn check(text: &[u8]) -> Result<(), Malformed> {
    let mut scanner = Scanner { text, at: 0 };
    scanner.blanks();
    scanner.value(0)?;
    scanner.end()
}

/// Hands each key of the object `text`, as between its quotes, and its value to `each`.
pub(super) fn object<'a>(
    text: &'a [u8],
    mut each: impl FnMut(&'a [u8], Value<'a>) -> Result<(), &'static str>,
) -> Result<(), Malformed> {
    let mut scanner = Scanner { text, at: 0 };
    scanner.blanks();
    if scanner.peek() != Some(b'{') {
        return Err(scanner.wrong("it is no object"));
    }
    scanner.at += 1;
    scanner.blanks();
    if scanner.eat(b'}') {
        return scanner.end();
    }
    loop {
        let from = scanner.at;
        let key = scanner.string()?;
        scanner.colon()?;
        let value = scanner.value(1)?;
        each(key, value).map_err(|why| malformed(why, from))?;
        scanner.blanks();
        if scanner.eat(b'}') {
            return scanner.end();
        }
        if !scanner.eat(b',') {
            return Err(scanner.wrong("a comma or `}` is missing"));
        }
        scanner.blanks();
    }
}

/// Appends the text that stands between the quotes of a string which was scanned.
pub(super) fn unescape(inside: &[u8], out: &mut Vec<u8>) -> Result<(), &'static str> {
    let mut rest = inside;
    while let Some(at) = rest.iter().position(|byte| *byte == b'\\') {
        out.extend_from_slice(rest.get(..at).unwrap_or_default());
        let letter = rest.get(at + 1).copied().unwrap_or_default();
        rest = rest.get(at + 2..).unwrap_or_default();
        let plain = match letter {
            b'n' => b'\n',
            b't' => b'\t',
            b'r' => b'\r',
            b'b' => 8,
            b'f' => 12,
            b'u' => {
                rest = character(rest, out)?;
                continue;
            }
            other => other,
        };
        out.push(plain);
    }
    out.extend_from_slice(rest);
    Ok(())
}

/// Appends the character whose four digits begin `rest`, and gives what comes after it.
fn character<'a>(rest: &'a [u8], out: &mut Vec<u8>) -> Result<&'a [u8], &'static str> {
    let unit = |text: &[u8]| -> Option<u32> {
        let digits = std::str::from_utf8(text.get(..4)?).ok()?;
        u32::from_str_radix(digits, 16).ok()
    };
    const LONE: &str = "half of a surrogate pair stands alone";
    let first = unit(rest).ok_or(LONE)?;
    let mut after = rest.get(4..).unwrap_or_default();
    let mut code = first;
    if (0xd800..0xdc00).contains(&first) {
        let second = after.strip_prefix(b"\\u").and_then(unit);
        let second = second.filter(|unit| (0xdc00..0xe000).contains(unit));
        code = 0x10000 + ((first - 0xd800) << 10) + (second.ok_or(LONE)? - 0xdc00);
        after = after.get(6..).unwrap_or_default();
    }
    let character = char::from_u32(code).ok_or(LONE)?;
    out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    Ok(after)
}

struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Scanner<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn eat(&mut self, byte: u8) -> bool {
        let is_there = self.peek() == Some(byte);
        self.at += usize::from(is_there);
        is_there
    }

    fn blanks(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    #[cold]
    fn wrong(&self, why: &'static str) -> Malformed {
        match self.at < self.text.len() {
            true => malformed(why, self.at),
            false => malformed("it is cut off", self.at),
        }
    }

    fn end(&mut self) -> Result<(), Malformed> {
        self.blanks();
        match self.at == self.text.len() {
            true => Ok(()),
            false => Err(self.wrong("more follows after its end")),
        }
    }

    fn colon(&mut self) -> Result<(), Malformed> {
        self.blanks();
        if !self.eat(b':') {
            return Err(self.wrong("a colon is missing"));
        }
        self.blanks();
        Ok(())
    }

    fn value(&mut self, depth: usize) -> Result<Value<'a>, Malformed> {
        let from = self.at;
        match self.peek() {
            Some(b'"') => return self.string().map(Value::Text),
            Some(b'{') => self.nested(depth, b'}')?,
            Some(b'[') => self.nested(depth, b']')?,
            Some(b'n') => {
                self.word(b"null")?;
                return Ok(Value::Null);
            }
            Some(b't') => self.word(b"true")?,
            Some(b'f') => self.word(b"false")?,
            Some(b'-' | b'0'..=b'9') => self.number()?,
            _ => return Err(self.wrong("a value is missing")),
        }
        Ok(Value::Bare(
            self.text.get(from..self.at).unwrap_or_default(),
        ))
    }

    fn nested(&mut self, depth: usize, close: u8) -> Result<(), Malformed> {
        if depth > DEEPEST {
            return Err(self.wrong("it nests more than 512 deep"));
        }
        self.at += 1;
        self.blanks();
        if self.eat(close) {
            return Ok(());
        }
        loop {
            if close == b'}' {
                self.string()?;
                self.colon()?;
            }
            self.value(depth + 1)?;
            self.blanks();
            if self.eat(close) {
                return Ok(());
            }
            if !self.eat(b',') {
                return Err(self.wrong("a comma or closing bracket is missing"));
            }
            self.blanks();
        }
    }

    /// What stands between the quotes.
    fn string(&mut self) -> Result<&'a [u8], Malformed> {
        if !self.eat(b'"') {
            return Err(self.wrong("a quoted key is missing"));
        }
        let from = self.at;
        loop {
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => {
                    self.at += 1;
                    self.escape()?;
                }
                Some(0..=0x1f) => return Err(self.wrong("a control character is not escaped")),
                Some(_) => self.at += 1,
                None => return Err(self.wrong("a string does not end")),
            }
        }
        let inside = self.text.get(from..self.at).unwrap_or_default();
        self.at += 1;
        Ok(inside)
    }

    fn escape(&mut self) -> Result<(), Malformed> {
        match self.peek() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 1,
            Some(b'u') => {
                let digits = self.text.get(self.at + 1..self.at + 5);
                if !digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)) {
                    return Err(self.wrong("`\\u` has no four digits"));
                }
                self.at += 5;
            }
            _ => return Err(self.wrong("an escape is unknown")),
        }
        Ok(())
    }

    fn word(&mut self, word: &[u8]) -> Result<(), Malformed> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        if !rest.starts_with(word) {
            return Err(self.wrong("a word is neither true, false nor null"));
        }
        self.at += word.len();
        Ok(())
    }

    fn number(&mut self) -> Result<(), Malformed> {
        self.eat(b'-');
        if self.eat(b'0') {
            if matches!(self.peek(), Some(b'0'..=b'9')) {
                return Err(self.wrong("a number begins with a zero"));
            }
        } else {
            self.digits()?;
        }
        if self.eat(b'.') {
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), Malformed> {
        if !matches!(self.peek(), Some(b'0'..=b'9')) {
            return Err(self.wrong("a digit is missing"));
        }
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        Ok(())
    }
}

fn malformed(why: &'static str, at: usize) -> Malformed {
    Malformed {
        why,
        at: u32::try_from(at).unwrap_or(u32::MAX),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::{Value, check, object, unescape};

    #[test]
    fn takes_objects_apart() {
        let text = br#" {"a" : 1.50, "b\"":"x\ny", "c":null,"d":{"e":[1, {}]} , "f":true} "#;
        let mut found = Vec::new();
        object(text, |key, value| {
            found.push((key, value));
            Ok(())
        })
        .unwrap();
        let expected: [(&[u8], Value<'_>); 5] = [
            (b"a", Value::Bare(b"1.50")),
            (br#"b\""#, Value::Text(br"x\ny")),
            (b"c", Value::Null),
            (b"d", Value::Bare(br#"{"e":[1, {}]}"#)),
            (b"f", Value::Bare(b"true")),
        ];
        assert_eq!(found, expected);
        assert!(object(b"{}", |_, _| Ok(())).is_ok());
    }

    #[test]
    fn says_where_a_text_stops_being_json() {
        let fault = |text: &str| {
            let fault = object(text.as_bytes(), |_, _| Ok(())).unwrap_err();
            (fault.why, fault.at)
        };
        assert_eq!(fault(r#"{"a":1"#), ("it is cut off", 6));
        assert_eq!(fault(r#"{"a" 1}"#), ("a colon is missing", 5));
        assert_eq!(fault(r#"{"a":01}"#), ("a number begins with a zero", 6));
        assert_eq!(
            fault(r#"{"a":nul}"#),
            ("a word is neither true, false nor null", 5)
        );
        assert_eq!(fault(r#"{"a":NaN}"#), ("a value is missing", 5));
        assert_eq!(fault("[1]"), ("it is no object", 0));
        assert_eq!(fault(r#"{"a":1}}"#), ("more follows after its end", 7));
        assert_eq!(fault(r#"{"a":"\x"}"#), ("an escape is unknown", 7));
        assert_eq!(
            fault("{\"a\":\"\t\"}"),
            ("a control character is not escaped", 6)
        );
        assert_eq!(fault(r#"{"a":1 "b":2}"#), ("a comma or `}` is missing", 7));
        assert!(check(b"[1, 2e-3, \"x\"]").is_ok());
        let deep = "[".repeat(100_000);
        assert!(check(deep.as_bytes()).is_err());
    }

    #[test]
    fn unescapes_characters_beyond_the_first_plane() {
        let text = |inside: &str| {
            let mut out = Vec::new();
            unescape(inside.as_bytes(), &mut out).map(|()| String::from_utf8(out).unwrap())
        };
        assert_eq!(text(r#"a\/b\u00e9\ud83d\ude00\\"#).unwrap(), "a/bé😀\\");
        assert!(text(r"\ud83d").is_err());
        assert!(text(r"\ude00x").is_err());
    }
}
