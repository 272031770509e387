//! Arrays (<https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO>) and hstore
//! (<https://www.postgresql.org/docs/current/hstore.html>) from their text to JSON.

use crate::json_text as json;
use crate::postgres::Element;

/// Writes the array `text` as JSON. Lower bounds other than 1 are not kept.
pub(in super::super) fn array(text: &str, element: Element, out: &mut String) -> Option<()> {
    // `[0:1]={a,b}` names its bounds.
    let text = match text.strip_prefix('[') {
        Some(rest) => rest.split_once("]=")?.1,
        None => text,
    };
    let mut rest = text;
    dimension(&mut rest, element, out)?;
    rest.is_empty().then_some(())
}

fn dimension(rest: &mut &str, element: Element, out: &mut String) -> Option<()> {
    *rest = rest.strip_prefix('{')?;
    out.push('[');
    if let Some(after) = rest.strip_prefix('}') {
        *rest = after;
        out.push(']');
        return Some(());
    }
    loop {
        match rest.as_bytes().first()? {
            b'{' => dimension(rest, element, out)?,
            b'"' => {
                let text = quoted(rest)?;
                write(&text, element, out)?;
            }
            _ => {
                let end = rest.find([',', '}'])?;
                let (word, after) = rest.split_at(end);
                *rest = after;
                match word {
                    "NULL" => out.push_str("null"),
                    word => write(word, element, out)?,
                }
            }
        }
        let separator = *rest.as_bytes().first()?;
        *rest = rest.get(1..)?;
        match separator {
            b',' => out.push(','),
            b'}' => break,
            _ => return None,
        }
    }
    out.push(']');
    Some(())
}

/// The text between quotes at the beginning of `rest`, which then begins behind it.
fn quoted(rest: &mut &str) -> Option<String> {
    let inside = rest.strip_prefix('"')?;
    let mut text = String::new();
    let mut chars = inside.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => {
                *rest = inside.get(at + 1..)?;
                return Some(text);
            }
            '\\' => text.push(chars.next()?.1),
            c => text.push(c),
        }
    }
    None
}

fn write(text: &str, element: Element, out: &mut String) -> Option<()> {
    match element {
        Element::Number if !matches!(text, "NaN" | "Infinity" | "-Infinity") => {
            out.push_str(json::number(text));
        }
        Element::Boolean => out.push_str(match text {
            "t" => "true",
            "f" => "false",
            _ => return None,
        }),
        Element::Json => json::canonical(text, out)?,
        Element::Number | Element::Text => json::string(text, out),
    }
    Some(())
}

/// Writes the hstore `text` as a JSON object, keys in order.
pub(in super::super) fn hstore(text: &str, out: &mut String) -> Option<()> {
    let mut pairs = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let key = quoted(&mut rest)?;
        rest = rest.strip_prefix("=>")?;
        let value = match rest.strip_prefix("NULL") {
            Some(after) => {
                rest = after;
                None
            }
            None => Some(quoted(&mut rest)?),
        };
        pairs.push((key, value));
        rest = rest.strip_prefix(", ").unwrap_or(rest);
    }
    pairs.sort();
    out.push('{');
    for (at, (key, value)) in pairs.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        json::string(key, out);
        out.push(':');
        match value {
            Some(value) => json::string(value, out),
            None => out.push_str("null"),
        }
    }
    out.push('}');
    Some(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::Element;

    #[test]
    fn arrays_become_json() {
        for (text, element, expected) in [
            ("{}", Element::Number, "[]"),
            ("{1,2,NULL}", Element::Number, "[1,2,null]"),
            ("{1.50,NaN}", Element::Number, r#"[1.5,"NaN"]"#),
            ("{t,f}", Element::Boolean, "[true,false]"),
            (
                r#"{a,"b c","d\"e","NULL",NULL}"#,
                Element::Text,
                r#"["a","b c","d\"e","NULL",null]"#,
            ),
            ("{{1,2},{3,4}}", Element::Number, "[[1,2],[3,4]]"),
            ("[0:1]={7,8}", Element::Number, "[7,8]"),
            (
                r#"{"{\"b\": 1, \"a\": 2}"}"#,
                Element::Json,
                r#"[{"a":2,"b":1}]"#,
            ),
        ] {
            let mut out = String::new();
            super::array(text, element, &mut out).unwrap();
            assert_eq!(out, expected, "{text}");
        }
        assert!(super::array("{1,2", Element::Number, &mut String::new()).is_none());
    }

    #[test]
    fn hstores_become_objects() {
        let mut out = String::new();
        super::hstore(r#""b"=>"x \"y\"", "a"=>NULL"#, &mut out).unwrap();
        assert_eq!(out, r#"{"a":null,"b":"x \"y\""}"#);
    }
}
