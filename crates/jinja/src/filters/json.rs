//! Writing values as Python's `json` and `pprint` do.

use std::fmt::Write as _;

use diagnostic::Result;
use serde_json::Value as Json;

use crate::Value;
use crate::value::float_repr;

/// `json.dumps`: `, ` and `: ` as separators, other characters than ASCII escaped.
pub(crate) fn dumps(value: &Value, indent: Option<usize>, sort_keys: bool) -> Result<String> {
    let json = value.to_json()?;
    let mut out = String::new();
    write(&json, indent, sort_keys, 0, &mut out);
    Ok(out)
}

fn write(json: &Json, indent: Option<usize>, sort: bool, depth: usize, out: &mut String) {
    let line = |depth: usize, out: &mut String| {
        if let Some(indent) = indent {
            out.push('\n');
            out.push_str(&" ".repeat(indent * depth));
        }
    };
    let comma = if indent.is_some() { "," } else { ", " };
    match json {
        Json::String(text) => string(text, out),
        Json::Number(number) if number.is_f64() => {
            out.push_str(&float_repr(number.as_f64().unwrap_or(f64::NAN)));
        }
        Json::Array(items) if !items.is_empty() => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push_str(comma);
                }
                line(depth + 1, out);
                write(item, indent, sort, depth + 1, out);
            }
            line(depth, out);
            out.push(']');
        }
        Json::Object(map) if !map.is_empty() => {
            let mut entries: Vec<(&String, &Json)> = map.iter().collect();
            if sort {
                entries.sort_by(|left, right| left.0.cmp(right.0));
            }
            out.push('{');
            for (index, (key, value)) in entries.into_iter().enumerate() {
                if index > 0 {
                    out.push_str(comma);
                }
                line(depth + 1, out);
                string(key, out);
                out.push_str(": ");
                write(value, indent, sort, depth + 1, out);
            }
            line(depth, out);
            out.push('}');
        }
        other => {
            let _ = write!(out, "{other}");
        }
    }
}

fn string(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\x08' => out.push_str("\\b"),
            '\x0c' => out.push_str("\\f"),
            ' '..='~' => out.push(c),
            _ => {
                let mut units = [0; 2];
                for unit in c.encode_utf16(&mut units) {
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
        }
    }
    out.push('"');
}

/// What Jinja2's `tojson` filter does on top, so that the text can stand in HTML.
pub(crate) fn html_safe(json: &str) -> String {
    json.replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026")
        .replace('\'', "\\u0027")
}

const LINE: usize = 80;

/// `pprint.pformat`: on one line if it fits, else one item per line; dicts sorted by key.
pub(crate) fn pretty(value: &Value) -> String {
    pretty_at(value, 0, 0)
}

fn sorted_repr(value: &Value, depth: usize) -> String {
    if depth > 64 {
        return "...".to_owned();
    }
    let all = |items: &[Value]| -> String {
        items
            .iter()
            .map(|item| sorted_repr(item, depth + 1))
            .collect::<Vec<_>>()
            .join(", ")
    };
    match value {
        Value::Dict(_) => {
            let entries: Vec<String> = sorted_entries(value)
                .iter()
                .map(|(key, value)| {
                    format!(
                        "{}: {}",
                        sorted_repr(key, depth + 1),
                        sorted_repr(value, depth + 1)
                    )
                })
                .collect();
            format!("{{{}}}", entries.join(", "))
        }
        Value::List(list) => format!("[{}]", all(&list.items())),
        Value::Tuple(items) if items.len() > 1 => format!("({})", all(items)),
        other => other.repr(),
    }
}

fn sorted_entries(value: &Value) -> Vec<(Value, Value)> {
    let mut entries = value.as_dict().map(|dict| dict.items()).unwrap_or_default();
    entries.sort_by(|left, right| {
        left.0.order(&right.0).unwrap_or_else(|_| {
            (left.0.type_name(), left.0.repr()).cmp(&(right.0.type_name(), right.0.repr()))
        })
    });
    entries
}

fn pretty_at(value: &Value, indent: usize, trailing: usize) -> String {
    let short = sorted_repr(value, 0);
    if short.chars().count() + indent + trailing <= LINE || indent > LINE {
        return short;
    }
    let blank = " ".repeat(indent + 1);
    let items = |items: &[Value], open: &str, close: &str| {
        let last = items.len().saturating_sub(1);
        let parts: Vec<String> = items
            .iter()
            .enumerate()
            .map(|(at, item)| {
                pretty_at(item, indent + 1, if at == last { trailing + 1 } else { 1 })
            })
            .collect();
        format!("{open}{}{close}", parts.join(&format!(",\n{blank}")))
    };
    match value {
        Value::List(list) => items(&list.items(), "[", "]"),
        Value::Tuple(parts) => items(parts, "(", if parts.len() == 1 { ",)" } else { ")" }),
        Value::Dict(_) => {
            let entries = sorted_entries(value);
            let last = entries.len().saturating_sub(1);
            let parts: Vec<String> = entries
                .iter()
                .enumerate()
                .map(|(at, (key, value))| {
                    let key = key.repr();
                    let room = if at == last { trailing + 1 } else { 1 };
                    let value = pretty_at(value, indent + key.chars().count() + 3, room);
                    format!("{key}: {value}")
                })
                .collect();
            format!("{{{}}}", parts.join(&format!(",\n{blank}")))
        }
        _ => short,
    }
}
