//! Writes canonical text: strings, arrays, objects.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::UNDEFINED;

/// `text` as a JSON string.
pub(crate) fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    quote_into(&mut out, text);
    out
}

/// Appends `text` as a JSON string.
pub(crate) fn quote_into(out: &mut String, text: &str) {
    out.push('"');
    escape_into(out, text);
    out.push('"');
}

/// Appends `text` as it stands between the quotes of a JSON string.
pub(super) fn escape_into(out: &mut String, text: &str) {
    let mut rest = text;
    while let Some(at) = rest
        .bytes()
        .position(|byte| byte < 0x20 || byte == b'"' || byte == b'\\')
    {
        let (plain, special) = rest.split_at(at);
        out.push_str(plain);
        let mut letters = special.chars();
        if let Some(letter) = letters.next() {
            escape_char(out, letter);
        }
        rest = letters.as_str();
    }
    out.push_str(rest);
}

/// Appends one character, escaped if it must be.
pub(super) fn escape_char(out: &mut String, letter: char) {
    match letter {
        '"' => out.push_str("\\\""),
        '\\' => out.push_str("\\\\"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\u{8}' => out.push_str("\\b"),
        '\u{c}' => out.push_str("\\f"),
        // Writing to a string cannot fail.
        letter if letter < ' ' => {
            let _ = write!(out, "\\u{:04x}", u32::from(letter));
        }
        letter => out.push(letter),
    }
}

/// What the characters between the quotes of a JSON string stand for.
pub(crate) fn unescape(raw: &str) -> Cow<'_, str> {
    if !raw.contains('\\') {
        return Cow::Borrowed(raw);
    }
    let mut out = String::with_capacity(raw.len());
    let mut letters = raw.chars();
    while let Some(letter) = letters.next() {
        if letter != '\\' {
            out.push(letter);
            continue;
        }
        match letters.next() {
            Some('n') => out.push('\n'),
            Some('r') => out.push('\r'),
            Some('t') => out.push('\t'),
            Some('b') => out.push('\u{8}'),
            Some('f') => out.push('\u{c}'),
            Some('u') => {
                let code = letters.as_str().get(..4).unwrap_or_default();
                let code = u32::from_str_radix(code, 16).ok().and_then(char::from_u32);
                out.push(code.unwrap_or(char::REPLACEMENT_CHARACTER));
                letters = letters.as_str().get(4..).unwrap_or_default().chars();
            }
            Some(other) => out.push(other),
            None => {}
        }
    }
    Cow::Owned(out)
}

/// The text of a JSON string, without quotes and escapes; none of any other value.
pub(crate) fn text(value: &str) -> Option<Cow<'_, str>> {
    let raw = value.strip_prefix('"')?.strip_suffix('"')?;
    Some(unescape(raw))
}

/// Writes an array element by element.
pub(crate) struct ArrayWriter {
    out: String,
}

impl ArrayWriter {
    pub(crate) fn new() -> Self {
        Self {
            out: "[".to_owned(),
        }
    }

    /// Appends a value; none is SQL's NULL.
    pub(crate) fn push(&mut self, value: Option<&str>) {
        if self.out.len() > 1 {
            self.out.push(',');
        }
        self.out.push_str(value.unwrap_or(UNDEFINED));
    }

    pub(crate) fn push_text(&mut self, text: &str) {
        if self.out.len() > 1 {
            self.out.push(',');
        }
        quote_into(&mut self.out, text);
    }

    pub(crate) fn finish(mut self) -> String {
        self.out.push(']');
        self.out
    }
}

impl<'a> FromIterator<&'a str> for ArrayWriter {
    fn from_iter<I: IntoIterator<Item = &'a str>>(values: I) -> Self {
        let mut writer = Self::new();
        for value in values {
            writer.push(Some(value));
        }
        writer
    }
}

/// Writes an object whose members come in the order of their keys.
pub(crate) struct ObjectWriter {
    out: String,
}

impl ObjectWriter {
    pub(crate) fn new() -> Self {
        Self {
            out: "{".to_owned(),
        }
    }

    /// Appends a member; `key` is escaped already.
    pub(crate) fn push(&mut self, key: &str, value: &str) {
        if self.out.len() > 1 {
            self.out.push(',');
        }
        self.out.push('"');
        self.out.push_str(key);
        self.out.push_str("\":");
        self.out.push_str(value);
    }

    pub(crate) fn finish(mut self) -> String {
        self.out.push('}');
        self.out
    }
}

/// An object of members in any order, keys not escaped; the first key that stands twice is the error.
pub(crate) fn object(mut members: Vec<(String, Cow<'_, str>)>) -> Result<String, String> {
    for (key, _) in &mut members {
        if key
            .bytes()
            .any(|byte| byte < 0x20 || byte == b'"' || byte == b'\\')
        {
            let mut escaped = String::with_capacity(key.len() + 2);
            escape_into(&mut escaped, key);
            *key = escaped;
        }
    }
    members.sort_by(|left, right| left.0.cmp(&right.0));
    let mut writer = ObjectWriter::new();
    let mut before: Option<&str> = None;
    for (key, value) in &members {
        if before == Some(key) {
            return Err(unescape(key).into_owned());
        }
        before = Some(key);
        writer.push(key, value);
    }
    Ok(writer.finish())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn escapes_and_back() {
        for plain in ["", "a", "a\"b\\c", "line\nbreak\t\u{1}", "é漢😀"] {
            assert_eq!(text(&quote(plain)).unwrap(), plain);
        }
        assert_eq!(quote("\u{1}\n"), "\"\\u0001\\n\"");
    }

    #[test]
    fn objects_have_sorted_and_single_keys() {
        let members = |keys: &[&str]| {
            keys.iter()
                .map(|key| ((*key).to_owned(), Cow::Borrowed("1")))
                .collect::<Vec<_>>()
        };
        assert_eq!(object(members(&["b", "a"])).unwrap(), r#"{"a":1,"b":1}"#);
        assert_eq!(object(members(&["b", "b"])).unwrap_err(), "b");
    }
}
