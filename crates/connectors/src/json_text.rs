//! JSON text in the canonical form that VARIANT has: no blanks, keys in order, numbers without trailing
//! zeros (decision 0008).

/// How deep values may nest: PostgreSQL's own limit is its stack.
const DEEPEST: usize = 512;

/// Writes `text`, which is JSON, to `out`; `None` if it is not.
#[must_use]
pub fn canonical(text: &str, out: &mut String) -> Option<()> {
    let mut scanner = Scanner {
        text,
        bytes: text.as_bytes(),
        at: 0,
    };
    scanner.value(out, 0)?;
    scanner.blanks();
    (scanner.at == text.len()).then_some(())
}

/// Writes `text` as a JSON string.
pub fn string(text: &str, out: &mut String) {
    out.push('"');
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| c == '"' || c == '\\' || (c as u32) < 0x20) {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        let mut chars = from.chars();
        match chars.next() {
            Some('"') => out.push_str("\\\""),
            Some('\\') => out.push_str("\\\\"),
            Some('\n') => out.push_str("\\n"),
            Some('\r') => out.push_str("\\r"),
            Some('\t') => out.push_str("\\t"),
            Some('\u{8}') => out.push_str("\\b"),
            Some('\u{c}') => out.push_str("\\f"),
            Some(other) => out.push_str(&format!("\\u{:04x}", other as u32)),
            None => {}
        }
        rest = chars.as_str();
    }
    out.push_str(rest);
    out.push('"');
}

/// A decimal number without the zeros that say nothing; others as they are.
#[must_use]
pub fn number(text: &str) -> &str {
    if !text.contains('.') || text.contains(['e', 'E']) {
        return match text {
            "-0" => "0",
            text => text,
        };
    }
    let trimmed = text.trim_end_matches('0');
    let trimmed = trimmed.strip_suffix('.').unwrap_or(trimmed);
    match trimmed {
        "-0" => "0",
        trimmed => trimmed,
    }
}

struct Scanner<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
}

impl Scanner<'_> {
    fn blanks(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.bytes.get(self.at) {
            self.at += 1;
        }
    }

    fn eat(&mut self, byte: u8) -> Option<()> {
        self.blanks();
        (self.bytes.get(self.at) == Some(&byte)).then(|| self.at += 1)
    }

    fn value(&mut self, out: &mut String, depth: usize) -> Option<()> {
        if depth > DEEPEST {
            return None;
        }
        self.blanks();
        match self.bytes.get(self.at)? {
            b'{' => self.object(out, depth),
            b'[' => self.array(out, depth),
            b'"' => self.string(out),
            _ => self.word(out),
        }
    }

    fn array(&mut self, out: &mut String, depth: usize) -> Option<()> {
        self.eat(b'[')?;
        out.push('[');
        let mut first = true;
        while self.eat(b']').is_none() {
            if !first {
                self.eat(b',')?;
                out.push(',');
            }
            first = false;
            self.value(out, depth + 1)?;
        }
        out.push(']');
        Some(())
    }

    fn object(&mut self, out: &mut String, depth: usize) -> Option<()> {
        self.eat(b'{')?;
        out.push('{');
        let body = out.len();
        // Where each member stands in `out`, its comma included, and where its key ends.
        let mut members: Vec<(usize, usize, usize)> = Vec::new();
        let mut sorted = true;
        while self.eat(b'}').is_none() {
            if !members.is_empty() {
                self.eat(b',')?;
            }
            let from = out.len();
            self.blanks();
            self.string(out)?;
            let key = out.len();
            if let Some((last, last_key, _)) = members.last() {
                sorted &= out.get(*last..*last_key)? < out.get(from..key)?;
            }
            self.eat(b':')?;
            out.push(':');
            self.value(out, depth + 1)?;
            out.push(',');
            members.push((from, key, out.len()));
        }
        if !sorted {
            let written = out.get(body..)?.to_owned();
            let slice = |from: usize, to: usize| written.get(from - body..to - body);
            // Stable, so that the last of several members with one key is the last here too.
            members.sort_by(|a, b| slice(a.0, a.1).cmp(&slice(b.0, b.1)));
            out.truncate(body);
            for (at, (from, key, to)) in members.iter().enumerate() {
                let next = members.get(at + 1);
                let again = next.is_some_and(|next| slice(next.0, next.1) == slice(*from, *key));
                if !again {
                    out.push_str(slice(*from, *to)?);
                }
            }
        }
        if out.ends_with(',') && out.len() > body {
            out.pop();
        }
        out.push('}');
        Some(())
    }

    fn string(&mut self, out: &mut String) -> Option<()> {
        let from = self.at;
        self.eat(b'"')?;
        let mut escaped = false;
        loop {
            match self.bytes.get(self.at)? {
                b'"' => break,
                b'\\' => {
                    escaped = true;
                    self.at += 2;
                }
                _ => self.at += 1,
            }
        }
        self.at += 1;
        let raw = self.text.get(from..self.at)?;
        match escaped.then(|| serde_json::from_str::<String>(raw)) {
            Some(Ok(text)) => string(&text, out),
            // A lone surrogate is no text; it stays as it was written.
            _ => out.push_str(raw),
        }
        Some(())
    }

    fn word(&mut self, out: &mut String) -> Option<()> {
        let rest = self.text.get(self.at..)?;
        let length = rest
            .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.')))
            .unwrap_or(rest.len());
        let word = rest.get(..length)?;
        match word {
            "true" | "false" | "null" => out.push_str(word),
            _ if word.starts_with(|c: char| c.is_ascii_digit() || c == '-') => {
                out.push_str(number(word));
            }
            _ => return None,
        }
        self.at += length;
        Some(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    fn canonical(text: &str) -> Option<String> {
        let mut out = String::new();
        super::canonical(text, &mut out).map(|()| out)
    }

    #[test]
    fn blanks_go_and_keys_are_sorted() {
        for (text, expected) in [
            (
                r#"{"b": 1, "a": [1, 2.50, {"z": null, "y": "x y"}]}"#,
                r#"{"a":[1,2.5,{"y":"x y","z":null}],"b":1}"#,
            ),
            ("[]", "[]"),
            ("{ }", "{}"),
            (" 1.0 ", "1"),
            (r#""é\u00e9\n""#, r#""éé\n""#),
            (r#"{"a": 1, "a": 2}"#, r#"{"a":2}"#),
            (r#"{"b": [], "a": {}}"#, r#"{"a":{},"b":[]}"#),
            (
                "123456789012345678901234567890.10",
                "123456789012345678901234567890.1",
            ),
            ("true", "true"),
        ] {
            assert_eq!(canonical(text).unwrap(), expected, "{text}");
        }
        for text in ["", "{", "[1", "nope", "1 2", r#""a"#] {
            assert_eq!(canonical(text), None, "{text}");
        }
    }
}
