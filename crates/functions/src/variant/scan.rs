//! Walks canonical text: what kind a value is, the elements of an array, the members of an object.
//!
//! Nothing here recurses, so that deep nesting costs no stack, and nothing is copied.

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// JSON's null.
    Null,
    /// SQL's NULL as an element of an array.
    Undefined,
    Boolean,
    Integer,
    Decimal,
    Double,
    Text,
    Array,
    Object,
}

/// What the value written as `text` is.
pub(crate) fn kind(text: &str) -> Kind {
    match text.as_bytes().first() {
        Some(b'{') => Kind::Object,
        Some(b'[') => Kind::Array,
        Some(b'"') => Kind::Text,
        Some(b't' | b'f') => Kind::Boolean,
        Some(b'n') => Kind::Null,
        Some(b'u') | None => Kind::Undefined,
        Some(b'N' | b'I') => Kind::Double,
        Some(_) if text.bytes().any(|byte| matches!(byte, b'e' | b'I')) => Kind::Double,
        Some(_) if text.contains('.') => Kind::Decimal,
        Some(_) => Kind::Integer,
    }
}

/// Whether a value stands for no value: JSON's null, or SQL's inside an array.
pub(crate) fn is_missing(text: &str) -> bool {
    matches!(kind(text), Kind::Null | Kind::Undefined)
}

/// The place behind the string that begins at `start`.
fn string_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// The place behind the array or object that begins at `start`.
fn container_end(bytes: &[u8], start: usize) -> usize {
    let mut depth = 0_usize;
    let mut at = start;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => {
                at = string_end(bytes, at);
                continue;
            }
            b'[' | b'{' => depth += 1,
            b']' | b'}' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at + 1;
                }
            }
            _ => {}
        }
        at += 1;
    }
    bytes.len()
}

/// The place behind the value that begins at `start`.
fn value_end(bytes: &[u8], start: usize) -> usize {
    match bytes.get(start) {
        Some(b'"') => string_end(bytes, start),
        Some(b'[' | b'{') => container_end(bytes, start),
        _ => {
            let rest = bytes.get(start..).unwrap_or_default();
            let length = rest
                .iter()
                .position(|byte| matches!(byte, b',' | b']' | b'}'));
            length.map_or(bytes.len(), |length| start + length)
        }
    }
}

/// The elements of an array; none of any other value.
pub(crate) fn elements(array: &str) -> Elements<'_> {
    let at = if array.starts_with('[') {
        1
    } else {
        array.len()
    };
    Elements { text: array, at }
}

#[derive(Clone)]
pub(crate) struct Elements<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Iterator for Elements<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let bytes = self.text.as_bytes();
        if matches!(bytes.get(self.at), None | Some(b']')) {
            return None;
        }
        let end = value_end(bytes, self.at);
        let element = self.text.get(self.at..end);
        self.at = end + 1;
        element
    }
}

/// The members of an object, keys as they are written between their quotes; none of any other value.
pub(crate) fn members(object: &str) -> Members<'_> {
    let at = if object.starts_with('{') {
        1
    } else {
        object.len()
    };
    Members { text: object, at }
}

#[derive(Clone)]
pub(crate) struct Members<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Iterator for Members<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<(&'a str, &'a str)> {
        let bytes = self.text.as_bytes();
        if bytes.get(self.at) != Some(&b'"') {
            return None;
        }
        let key_end = string_end(bytes, self.at);
        let key = self.text.get(self.at + 1..key_end.saturating_sub(1))?;
        let start = key_end + 1;
        let end = value_end(bytes, start);
        let value = self.text.get(start..end)?;
        self.at = end + 1;
        Some((key, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn walks_arrays_and_objects() {
        let parts: Vec<&str> = elements(r#"[1,"a]\"",[2,[3]],{"k":"}"},undefined,null]"#).collect();
        assert_eq!(
            parts,
            [
                "1",
                r#""a]\"""#,
                "[2,[3]]",
                r#"{"k":"}"}"#,
                "undefined",
                "null"
            ]
        );
        let parts: Vec<_> = members(r#"{"a":{"b":[1]},"c\"d":2,"e":""}"#).collect();
        assert_eq!(
            parts,
            [("a", r#"{"b":[1]}"#), (r#"c\"d"#, "2"), ("e", r#""""#)]
        );
        assert_eq!(elements("[]").count(), 0);
        assert_eq!(members("{}").count(), 0);
        assert_eq!(elements("1").count(), 0);
    }

    #[test]
    fn broken_text_ends_the_walk() {
        for text in ["[", "[1", "[\"", "{\"a", "{\"a\"", "{\"a\":", "[{", "[\"\\"] {
            let _ = elements(text).count();
            let _ = members(text).count();
        }
    }

    #[test]
    fn knows_kinds() {
        assert_eq!(kind("-1"), Kind::Integer);
        assert_eq!(kind("1.5"), Kind::Decimal);
        assert_eq!(kind("1.500000000000000e+00"), Kind::Double);
        assert_eq!(kind("undefined"), Kind::Undefined);
        assert_eq!(kind("null"), Kind::Null);
    }
}
