//! `str` and `repr` of Python for JSON values: dbt builds names and hashes from them.

use serde_json::Value as Json;

/// Python's `str`.
#[must_use]
pub fn str_of(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        other => repr_of(other),
    }
}

/// Python's `repr`.
#[must_use]
pub fn repr_of(value: &Json) -> String {
    match value {
        Json::Null => "None".to_owned(),
        Json::Bool(true) => "True".to_owned(),
        Json::Bool(false) => "False".to_owned(),
        Json::Number(number) => number.to_string(),
        Json::String(text) => repr_text(text),
        Json::Array(items) => {
            let items: Vec<String> = items.iter().map(repr_of).collect();
            format!("[{}]", items.join(", "))
        }
        Json::Object(map) => {
            let pairs = map
                .iter()
                .map(|(key, value)| format!("{}: {}", repr_text(key), repr_of(value)));
            format!("{{{}}}", pairs.collect::<Vec<_>>().join(", "))
        }
    }
}

fn repr_text(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') {
        '"'
    } else {
        '\''
    };
    let mut out = String::with_capacity(text.len() + 2);
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
            c if (c as u32) < 0x20 || c as u32 == 0x7f => {
                out.push_str(&format!("\\x{:02x}", c as u32));
            }
            c => out.push(c),
        }
    }
    out.push(quote);
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{repr_of, str_of};

    #[test]
    fn reads_as_python_writes() {
        assert_eq!(str_of(&json!("a'b")), "a'b");
        assert_eq!(repr_of(&json!("a'b")), "\"a'b\"");
        assert_eq!(repr_of(&json!("a'b\"c")), "'a\\'b\"c'");
        assert_eq!(
            repr_of(&json!({"a": [1, true, null, 1.5, "x\n"]})),
            "{'a': [1, True, None, 1.5, 'x\\n']}"
        );
    }
}
