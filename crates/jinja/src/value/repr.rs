//! How values read: Python's `repr` and `str`.

use std::fmt::{self, Write as _};

use super::Value;

/// Containers deeper than this print as `[...]`, which also ends a list that contains itself.
const DEPTH: usize = 64;

impl Value {
    /// As Python's `repr`.
    #[must_use]
    pub fn repr(&self) -> String {
        let mut out = String::new();
        repr(self, &mut out, 0);
        out
    }

    /// Appends what `{{ value }}` prints.
    pub fn write_to(&self, out: &mut String) {
        match self {
            Self::Str(text) => out.push_str(text),
            Self::Undefined(_) => {}
            Self::Object(object) => out.push_str(&object.text()),
            _ => repr(self, out, 0),
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Str(text) => f.pad(text),
            _ => {
                let mut out = String::new();
                self.write_to(&mut out);
                f.pad(&out)
            }
        }
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.repr())
    }
}

fn repr(value: &Value, out: &mut String, depth: usize) {
    match value {
        Value::Undefined(_) => out.push_str("Undefined"),
        Value::None => out.push_str("None"),
        Value::Bool(true) => out.push_str("True"),
        Value::Bool(false) => out.push_str("False"),
        Value::Int(number) => {
            let _ = write!(out, "{number}");
        }
        Value::Float(number) => out.push_str(&float_repr(*number)),
        Value::Str(text) => string_repr(text, out),
        Value::Object(object) => out.push_str(&object.repr()),
        Value::List(_) if depth > DEPTH => out.push_str("[...]"),
        Value::Tuple(_) if depth > DEPTH => out.push_str("(...)"),
        Value::Dict(_) | Value::Set(_) if depth > DEPTH => out.push_str("{...}"),
        Value::List(list) => {
            out.push('[');
            items(&list.items(), out, depth);
            out.push(']');
        }
        Value::Tuple(parts) => {
            out.push('(');
            items(parts, out, depth);
            out.push_str(if parts.len() == 1 { ",)" } else { ")" });
        }
        Value::Set(set) if set.is_empty() => out.push_str("set()"),
        Value::Set(set) => {
            out.push('{');
            items(&set.items(), out, depth);
            out.push('}');
        }
        Value::Dict(dict) => {
            out.push('{');
            for (index, (key, value)) in dict.items().iter().enumerate() {
                if index > 0 {
                    out.push_str(", ");
                }
                repr(key, out, depth + 1);
                out.push_str(": ");
                repr(value, out, depth + 1);
            }
            out.push('}');
        }
    }
}

fn items(items: &[Value], out: &mut String, depth: usize) {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push_str(", ");
        }
        repr(item, out, depth + 1);
    }
}

/// A string in quotes: single ones, unless it contains only single quotes.
fn string_repr(text: &str, out: &mut String) {
    let quote = if text.contains('\'') && !text.contains('"') {
        '"'
    } else {
        '\''
    };
    out.push(quote);
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c == quote => {
                out.push('\\');
                out.push(c);
            }
            c if (c as u32) < 0x20 || (0x7f..0xa1).contains(&(c as u32)) || c == '\u{ad}' => {
                let _ = write!(out, "\\x{:02x}", c as u32);
            }
            '\u{2028}' | '\u{2029}' | '\u{200b}'..='\u{200f}' | '\u{feff}' => {
                let _ = write!(out, "\\u{:04x}", c as u32);
            }
            c => out.push(c),
        }
    }
    out.push(quote);
}

/// A float as Python writes it: the shortest digits that read back, `1e+16` from sixteen on.
pub(crate) fn float_repr(number: f64) -> String {
    if number.is_nan() {
        return "nan".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    let scientific = format!("{number:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..16).contains(&exponent) {
        let plain = format!("{number}");
        if plain.contains('.') {
            plain
        } else {
            plain + ".0"
        }
    } else {
        let sign = if exponent < 0 { '-' } else { '+' };
        format!("{mantissa}e{sign}{:02}", exponent.abs())
    }
}
