//! Filters of text.

use std::fmt::Write as _;

use diagnostic::Result;

use super::{Filter, flag, given, size};
use crate::fail::{bad_value, wrong_type};
use crate::methods::text::capitalize;
use crate::{Arguments, Value, format};

pub(super) fn find(name: &str) -> Option<Filter> {
    Some(match name {
        "lower" => |_, a| Ok(one(a, "lower")?.to_lowercase().into()),
        "upper" => |_, a| Ok(one(a, "upper")?.to_uppercase().into()),
        "capitalize" => |_, a| Ok(capitalize(&one(a, "capitalize")?).into()),
        "title" => |_, a| Ok(title(&one(a, "title")?).into()),
        "string" => |_, a| Ok(one(a, "string")?.into()),
        "trim" => |_, a| {
            let [value, chars] = a.bind("trim", ["value", "chars"], 1)?;
            let text = given(value).to_string();
            Ok(match chars {
                None | Some(Value::None) => text.trim().into(),
                Some(chars) => {
                    let chars: Vec<char> = chars.to_string().chars().collect();
                    text.trim_matches(|c| chars.contains(&c)).into()
                }
            })
        },
        "replace" => |_, a| {
            let [value, old, new, count] = a.bind("replace", ["s", "old", "new", "count"], 3)?;
            let (text, old, new) = (
                given(value).to_string(),
                given(old).to_string(),
                given(new).to_string(),
            );
            Ok(match count {
                None | Some(Value::None) => text.replace(&old, &new).into(),
                count => text.replacen(&old, &new, size("`count`", count, 0)?).into(),
            })
        },
        "format" => |_, a| {
            let Arguments { positional, named } = a;
            let mut positional = positional.into_iter();
            let pattern = given(positional.next()).to_string();
            let values = if named.is_empty() {
                Value::tuple(positional)
            } else {
                named
                    .iter()
                    .map(|(name, value)| (&**name, value.clone()))
                    .collect::<crate::Dict>()
                    .into()
            };
            format::percent(&pattern, &values).map(Value::from)
        },
        "center" => |_, a| {
            let [value, width] = a.bind("center", ["value", "width"], 1)?;
            let width = size("the width", width, 80)?;
            let text = given(value).to_string();
            let missing = width.saturating_sub(text.chars().count());
            let left = missing / 2 + (missing & width & 1);
            Ok(format!("{}{text}{}", " ".repeat(left), " ".repeat(missing - left)).into())
        },
        "indent" => |_, a| {
            let [value, width, first, blank] =
                a.bind("indent", ["s", "width", "first", "blank"], 1)?;
            let indention = match &width {
                Some(Value::Str(text)) => text.to_string(),
                _ => " ".repeat(size("the width", width, 4)?),
            };
            Ok(indent(
                &given(value).to_string(),
                &indention,
                flag(first, false),
                flag(blank, false),
            )
            .into())
        },
        "truncate" => |_, a| {
            let [value, length, killwords, end, leeway] =
                a.bind("truncate", ["s", "length", "killwords", "end", "leeway"], 1)?;
            let end = end.unwrap_or_else(|| "...".into()).to_string();
            let length = size("the length", length, 255)?;
            let leeway = size("the leeway", leeway, 5)?;
            truncate(
                &given(value).to_string(),
                length,
                flag(killwords, false),
                &end,
                leeway,
            )
        },
        "wordcount" => |_, a| {
            let text = one(a, "wordcount")?;
            let words = text.split(|c: char| !(c.is_alphanumeric() || c == '_'));
            Ok(Value::from(words.filter(|word| !word.is_empty()).count()))
        },
        "wordwrap" => |_, a| {
            let [value, width, break_long, wrapstring, break_hyphens] = a.bind(
                "wordwrap",
                [
                    "s",
                    "width",
                    "break_long_words",
                    "wrapstring",
                    "break_on_hyphens",
                ],
                1,
            )?;
            let width = size("the width", width, 79)?.max(1);
            let separator = wrapstring.unwrap_or_else(|| "\n".into()).to_string();
            let style = Wrap {
                width,
                long: flag(break_long, true),
                hyphens: flag(break_hyphens, true),
            };
            let text = given(value).to_string();
            let lines: Vec<String> = text
                .lines()
                .map(|line| style.wrap(line).join(&separator))
                .collect();
            Ok(lines.join(&separator).into())
        },
        "escape" | "e" | "forceescape" => |_, a| Ok(escape(&one(a, "escape")?).into()),
        "safe" => |_, a| Ok(one(a, "safe")?.into()),
        "striptags" => |_, a| Ok(strip_tags(&one(a, "striptags")?).into()),
        "urlencode" => |_, a| urlencode(&a.one("urlencode", "value")?),
        "xmlattr" => |_, a| {
            let [value, autospace] = a.bind("xmlattr", ["d", "autospace"], 1)?;
            xmlattr(&given(value), flag(autospace, true))
        },
        "tojson" => |_, a| {
            let [value, indent, sort_keys] =
                a.bind("tojson", ["value", "indent", "sort_keys"], 1)?;
            let indent = match indent {
                None | Some(Value::None) => None,
                indent => Some(size("the indent", indent, 0)?),
            };
            let json = super::json::dumps(&given(value), indent, flag(sort_keys, true))?;
            Ok(super::json::html_safe(&json).into())
        },
        "pprint" => |_, a| Ok(super::json::pretty(&a.one("pprint", "value")?).into()),
        _ => return None,
    })
}

fn one(arguments: Arguments, name: &str) -> Result<String> {
    Ok(arguments.one(name, "value")?.to_string())
}

/// Jinja2's own rule: words start after blanks, hyphens and opening brackets.
fn title(text: &str) -> String {
    let mut start = true;
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let boundary = c.is_whitespace() || "-({[<".contains(c);
        if boundary {
            out.push(c);
        } else if start {
            out.extend(c.to_uppercase());
        } else {
            out.extend(c.to_lowercase());
        }
        start = boundary;
    }
    out
}

fn indent(text: &str, indention: &str, first: bool, blank: bool) -> String {
    // As Jinja2: a newline is added before splitting, so that a trailing line end survives.
    let mut out = String::with_capacity(text.len() + 64);
    if first {
        out.push_str(indention);
    }
    for (index, line) in text.split('\n').enumerate() {
        if index > 0 {
            out.push('\n');
            if blank || !line.is_empty() {
                out.push_str(indention);
            }
        }
        out.push_str(line);
    }
    out
}

fn truncate(
    text: &str,
    length: usize,
    kill_words: bool,
    end: &str,
    leeway: usize,
) -> Result<Value> {
    let end_length = end.chars().count();
    if length < end_length {
        return Err(bad_value(format!(
            "the length has to be at least {end_length}"
        )));
    }
    if text.chars().count() <= length + leeway {
        return Ok(text.into());
    }
    let cut: String = text.chars().take(length - end_length).collect();
    if kill_words {
        return Ok((cut + end).into());
    }
    let kept = cut.rsplit_once(' ').map_or(cut.as_str(), |(kept, _)| kept);
    Ok(format!("{kept}{end}").into())
}

struct Wrap {
    width: usize,
    long: bool,
    hyphens: bool,
}

impl Wrap {
    /// As Python's `textwrap.wrap` without expanding tabs or replacing blanks.
    fn wrap(&self, line: &str) -> Vec<String> {
        let mut chunks: Vec<String> = self.chunks(line);
        chunks.reverse();
        let mut lines: Vec<String> = Vec::new();
        while let Some(first) = chunks.last() {
            if !lines.is_empty() && first.trim().is_empty() {
                chunks.pop();
                continue;
            }
            let mut current = String::new();
            let mut length = 0;
            while let Some(next) = chunks.pop_if(|next| length + next.chars().count() <= self.width)
            {
                length += next.chars().count();
                current.push_str(&next);
            }
            if let Some(word) = chunks.pop_if(|next| next.chars().count() > self.width) {
                self.break_word(&word, self.width - length, &mut current, &mut chunks);
            }
            let trimmed = current.trim_end();
            if !trimmed.is_empty() {
                lines.push(trimmed.to_owned());
            }
        }
        lines
    }

    /// Puts as much of a word longer than a line into the line as fits, or all of it on its own.
    fn break_word(&self, word: &str, room: usize, line: &mut String, chunks: &mut Vec<String>) {
        if !self.long {
            if line.is_empty() {
                line.push_str(word);
            } else {
                chunks.push(word.to_owned());
            }
            return;
        }
        let head: String = word.chars().take(room).collect();
        let hyphen = head
            .rfind('-')
            .filter(|at| self.hyphens && head[..*at].contains(|c| c != '-'));
        let end = hyphen.map_or(head.len(), |at| at + 1);
        line.push_str(&word[..end]);
        chunks.push(word[end..].to_owned());
    }

    /// Words and the blanks between them; words with hyphens are cut after these.
    fn chunks(&self, line: &str) -> Vec<String> {
        let mut chunks: Vec<String> = Vec::new();
        let mut blank = None;
        for c in line.chars() {
            let is_blank = c.is_whitespace();
            match chunks.last_mut() {
                Some(last) if blank == Some(is_blank) => last.push(c),
                _ => chunks.push(c.to_string()),
            }
            blank = Some(is_blank);
            if self.hyphens
                && c == '-'
                && chunks.last().is_some_and(|chunk| {
                    chunk
                        .chars()
                        .rev()
                        .skip(1)
                        .take(2)
                        .filter(|c| c.is_alphabetic())
                        .count()
                        == 2
                })
            {
                blank = None;
            }
        }
        chunks
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('\'', "&#39;")
        .replace('"', "&#34;")
}

fn strip_tags(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(open) = rest.find('<') {
        let Some(close) = rest[open..].find('>') else {
            break;
        };
        out.push_str(&rest[..open]);
        rest = &rest[open + close + 1..];
    }
    out.push_str(rest);
    out.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn quote(text: &str, query: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'.' | b'-' | b'~' => {
                out.push(byte as char);
            }
            b'/' if !query => out.push('/'),
            b' ' if query => out.push('+'),
            _ => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
    out
}

fn urlencode(value: &Value) -> Result<Value> {
    let pairs = match value {
        Value::Str(text) => return Ok(quote(text, false).into()),
        Value::Dict(_) | Value::List(_) | Value::Tuple(_) => {
            crate::methods::entries_or_pairs(value)?
        }
        other => return Ok(quote(&other.to_string(), false).into()),
    };
    let parts: Vec<String> = pairs
        .iter()
        .map(|(key, value)| {
            format!(
                "{}={}",
                quote(&key.to_string(), true),
                quote(&value.to_string(), true)
            )
        })
        .collect();
    Ok(parts.join("&").into())
}

fn xmlattr(value: &Value, autospace: bool) -> Result<Value> {
    let mut parts = Vec::new();
    for (key, value) in crate::methods::entries_of(value)? {
        if value.is_none() || value.is_undefined() {
            continue;
        }
        let key = key.to_string();
        if key.contains(|c: char| c.is_whitespace() || "/>=".contains(c)) {
            return Err(wrong_type(
                "the name of an attribute",
                "a plain word",
                &key.into(),
            ));
        }
        parts.push(format!(
            "{}=\"{}\"",
            escape(&key),
            escape(&value.to_string())
        ));
    }
    let text = parts.join(" ");
    Ok(if autospace && !text.is_empty() {
        format!(" {text}").into()
    } else {
        text.into()
    })
}
