//! Methods of strings.

use diagnostic::Result;

use super::Method;
use super::list::{clamp, whole};
use crate::fail::{bad_value, wrong_type};
use crate::{Arguments, Dict, Key, Value, format};

pub(super) fn find(name: &str) -> Option<Method> {
    changing(name)
        .or_else(|| cutting(name))
        .or_else(|| asking(name))
}

/// Methods that give a changed text.
fn changing(name: &str) -> Option<Method> {
    Some(match name {
        "upper" => |_, v, a| plain(v, a, "upper", str::to_uppercase),
        "lower" => |_, v, a| plain(v, a, "lower", str::to_lowercase),
        "casefold" => |_, v, a| plain(v, a, "casefold", |t| t.to_lowercase().replace('ß', "ss")),
        "title" => |_, v, a| plain(v, a, "title", title),
        "capitalize" => |_, v, a| plain(v, a, "capitalize", capitalize),
        "swapcase" => |_, v, a| plain(v, a, "swapcase", swapcase),
        "strip" => |_, v, a| strip(v, a, true, true),
        "lstrip" => |_, v, a| strip(v, a, true, false),
        "rstrip" => |_, v, a| strip(v, a, false, true),
        "replace" => |_, v, a| {
            let [old, new, count] = a.bind("str.replace", ["old", "new", "count"], 2)?;
            let (old, new) = (given(old), given(new));
            let (old, new) = (string("`old`", &old)?, string("`new`", &new)?);
            let count = match count {
                Some(count) => whole("`count`", &count)?,
                None => -1,
            };
            Ok(match usize::try_from(count) {
                Ok(count) => text(v).replacen(old, new, count).into(),
                Err(_) => text(v).replace(old, new).into(),
            })
        },
        "format" => |context, v, a| format::template(context, text(v), &a).map(Value::from),
        "format_map" => |context, v, a| {
            let map = a.one("str.format_map", "mapping")?;
            let mut named = Arguments::default();
            for (key, value) in super::entries_of(&map)? {
                named = named.with(key.to_string(), value);
            }
            format::template(context, text(v), &named).map(Value::from)
        },
        "join" => |_, v, a| {
            let items = a.one("str.join", "items")?.iterate()?;
            let mut parts: Vec<&str> = Vec::with_capacity(items.len());
            for item in &items {
                parts.push(string("every joined item", item)?);
            }
            Ok(parts.join(text(v)).into())
        },
        "zfill" => |_, v, a| {
            let width = width(&a.one("str.zfill", "width")?)?;
            let (sign, digits) = match text(v).strip_prefix(['+', '-']) {
                Some(digits) => text(v).split_at(text(v).len() - digits.len()),
                None => ("", text(v)),
            };
            let missing = width.saturating_sub(text(v).chars().count());
            Ok(format!("{sign}{}{digits}", "0".repeat(missing)).into())
        },
        "ljust" => |_, v, a| justify(v, a, "str.ljust", |missing| (0, missing)),
        "rjust" => |_, v, a| justify(v, a, "str.rjust", |missing| (missing, 0)),
        "center" => |_, v, a| {
            // Python puts the odd blank to the left only if the width is odd too.
            let odd_width = a.positional.first().and_then(Value::as_int).unwrap_or(0) & 1;
            let extra = usize::from(odd_width == 1);
            if extra == 1 {
                justify(v, a, "str.center", |missing| {
                    let left = missing / 2 + (missing & 1);
                    (left, missing - left)
                })
            } else {
                justify(v, a, "str.center", |missing| {
                    (missing / 2, missing - missing / 2)
                })
            }
        },
        "expandtabs" => |_, v, a| {
            let [size] = a.bind("str.expandtabs", ["tabsize"], 0)?;
            let size = width(&size.unwrap_or(Value::Int(8)))?;
            Ok(expand_tabs(text(v), size).into())
        },
        "removeprefix" => |_, v, a| {
            let prefix = a.one("str.removeprefix", "prefix")?;
            let prefix = string("the prefix", &prefix)?;
            Ok(text(v).strip_prefix(prefix).unwrap_or(text(v)).into())
        },
        "removesuffix" => |_, v, a| {
            let suffix = a.one("str.removesuffix", "suffix")?;
            let suffix = string("the suffix", &suffix)?;
            Ok(text(v).strip_suffix(suffix).unwrap_or(text(v)).into())
        },
        "translate" => |_, v, a| translate(v, &a.one("str.translate", "table")?),
        "maketrans" => |_, _, a| maketrans(a),
        // Templates only ever print bytes or hash them; both work on text here.
        "encode" => |_, v, _| Ok(v.clone()),
        _ => return None,
    })
}

/// Methods that cut the text into parts.
fn cutting(name: &str) -> Option<Method> {
    Some(match name {
        "split" => |_, v, a| {
            let [separator, limit] = a.bind("str.split", ["sep", "maxsplit"], 0)?;
            split(v, separator, limit, false)
        },
        "rsplit" => |_, v, a| {
            let [separator, limit] = a.bind("str.rsplit", ["sep", "maxsplit"], 0)?;
            split(v, separator, limit, true)
        },
        "splitlines" => |_, v, a| {
            let [keep] = a.bind("str.splitlines", ["keepends"], 0)?;
            Ok(Value::list(lines(
                text(v),
                keep.is_some_and(|keep| keep.truthy()),
            )))
        },
        "partition" => |_, v, a| {
            let separator = a.one("str.partition", "sep")?;
            let separator = separator_of(&separator)?;
            Ok(match text(v).split_once(separator) {
                Some((before, after)) => three(before, separator, after),
                None => three(text(v), "", ""),
            })
        },
        "rpartition" => |_, v, a| {
            let separator = a.one("str.rpartition", "sep")?;
            let separator = separator_of(&separator)?;
            Ok(match text(v).rsplit_once(separator) {
                Some((before, after)) => three(before, separator, after),
                None => three("", "", text(v)),
            })
        },
        _ => return None,
    })
}

/// Methods that answer a question about the text.
fn asking(name: &str) -> Option<Method> {
    Some(match name {
        "startswith" => {
            |_, v, a| affix(v, a, "str.startswith", |text, part| text.starts_with(part))
        }
        "endswith" => |_, v, a| affix(v, a, "str.endswith", |text, part| text.ends_with(part)),
        "find" => {
            |_, v, a| Ok(search(v, a, "str.find", false)?.map_or(Value::Int(-1), Value::from))
        }
        "rfind" => {
            |_, v, a| Ok(search(v, a, "str.rfind", true)?.map_or(Value::Int(-1), Value::from))
        }
        "index" => |_, v, a| found(search(v, a, "str.index", false)?),
        "rindex" => |_, v, a| found(search(v, a, "str.rindex", true)?),
        "count" => |_, v, a| {
            let (text, part, _) = window(v, a, "str.count")?;
            if part.is_empty() {
                return Ok(Value::from(text.chars().count() + 1));
            }
            Ok(Value::from(text.matches(&part).count()))
        },
        "isdigit" | "isdecimal" | "isnumeric" => |_, v, _| every(v, char::is_numeric),
        "isalpha" => |_, v, _| every(v, char::is_alphabetic),
        "isalnum" => |_, v, _| every(v, char::is_alphanumeric),
        "isspace" => |_, v, _| every(v, char::is_whitespace),
        "isascii" => |_, v, _| Ok(Value::Bool(text(v).is_ascii())),
        "islower" => |_, v, _| {
            Ok(Value::Bool(
                cased(text(v)) && !text(v).contains(char::is_uppercase),
            ))
        },
        "isupper" => |_, v, _| {
            Ok(Value::Bool(
                cased(text(v)) && !text(v).contains(char::is_lowercase),
            ))
        },
        "istitle" => |_, v, _| Ok(Value::Bool(cased(text(v)) && title(text(v)) == text(v))),
        "isprintable" => |_, v, _| Ok(Value::Bool(!text(v).contains(char::is_control))),
        "isidentifier" => |_, v, _| {
            let start = text(v).starts_with(|c: char| c.is_alphabetic() || c == '_');
            Ok(Value::Bool(
                start && text(v).chars().all(|c| c.is_alphanumeric() || c == '_'),
            ))
        },
        _ => return None,
    })
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn given(value: Option<Value>) -> Value {
    value.unwrap_or(Value::None)
}

fn string<'a>(what: &str, value: &'a Value) -> Result<&'a str> {
    value
        .as_str()
        .ok_or_else(|| wrong_type(what, "a string", value))
}

fn width(value: &Value) -> Result<usize> {
    let width = whole("the width", value)?;
    let width = usize::try_from(width.max(0)).unwrap_or(usize::MAX);
    if width > crate::value::MAX_SIZE {
        return Err(crate::format::too_wide(width));
    }
    Ok(width)
}

fn plain(v: &Value, a: Arguments, name: &str, change: fn(&str) -> String) -> Result<Value> {
    a.none(name)?;
    Ok(change(text(v)).into())
}

fn three(a: &str, b: &str, c: &str) -> Value {
    Value::tuple([a.into(), b.into(), c.into()])
}

/// Every word with a capital: a word starts after anything that has no case.
pub(crate) fn title(text: &str) -> String {
    let mut inside = false;
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if inside {
            out.extend(c.to_lowercase());
        } else {
            out.extend(c.to_uppercase());
        }
        inside = c.is_alphabetic();
    }
    out
}

pub(crate) fn capitalize(text: &str) -> String {
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => first.to_uppercase().collect::<String>() + &chars.as_str().to_lowercase(),
        None => String::new(),
    }
}

fn swapcase(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_uppercase() {
            out.extend(c.to_lowercase());
        } else {
            out.extend(c.to_uppercase());
        }
    }
    out
}

fn strip(v: &Value, a: Arguments, left: bool, right: bool) -> Result<Value> {
    let [chars] = a.bind("str.strip", ["chars"], 0)?;
    let chars = chars.filter(|chars| !chars.is_none());
    let set: Option<Vec<char>> = match &chars {
        Some(chars) => Some(string("the characters", chars)?.chars().collect()),
        None => None,
    };
    let unwanted = |c: char| match &set {
        Some(set) => set.contains(&c),
        None => c.is_whitespace(),
    };
    let mut text = text(v);
    if left {
        text = text.trim_start_matches(unwanted);
    }
    if right {
        text = text.trim_end_matches(unwanted);
    }
    Ok(text.into())
}

fn justify(
    v: &Value,
    a: Arguments,
    name: &str,
    sides: impl Fn(usize) -> (usize, usize),
) -> Result<Value> {
    let [wanted, fill] = a.bind(name, ["width", "fillchar"], 1)?;
    let wanted = width(&given(wanted))?;
    let fill = fill.unwrap_or_else(|| " ".into());
    let fill = string("the fill character", &fill)?;
    if fill.chars().count() != 1 {
        return Err(bad_value("the fill character has to be one character"));
    }
    let (left, right) = sides(wanted.saturating_sub(text(v).chars().count()));
    Ok(format!("{}{}{}", fill.repeat(left), text(v), fill.repeat(right)).into())
}

fn expand_tabs(text: &str, size: usize) -> String {
    let mut out = String::new();
    let mut column = 0;
    for c in text.chars() {
        match c {
            '\t' if size > 0 => {
                let blanks = size - column % size;
                out.push_str(&" ".repeat(blanks));
                column += blanks;
            }
            '\t' => {}
            _ => {
                out.push(c);
                column = if c == '\n' || c == '\r' {
                    0
                } else {
                    column + 1
                };
            }
        }
    }
    out
}

fn separator_of(value: &Value) -> Result<&str> {
    match string("the separator", value)? {
        "" => Err(bad_value("the separator must not be empty")),
        separator => Ok(separator),
    }
}

fn split(
    v: &Value,
    separator: Option<Value>,
    limit: Option<Value>,
    from_right: bool,
) -> Result<Value> {
    let limit = match limit {
        Some(limit) => whole("`maxsplit`", &limit)?,
        None => -1,
    };
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let separator = separator.filter(|separator| !separator.is_none());
    let parts: Vec<&str> = match &separator {
        None => split_blanks(text(v), limit, from_right),
        Some(separator) => {
            let separator = separator_of(separator)?;
            let most = limit.saturating_add(1);
            if from_right {
                let mut parts: Vec<&str> = text(v).rsplitn(most, separator).collect();
                parts.reverse();
                parts
            } else {
                text(v).splitn(most, separator).collect()
            }
        }
    };
    Ok(Value::list(parts.into_iter().map(Value::from)))
}

fn split_blanks(text: &str, limit: usize, from_right: bool) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = if from_right {
        text.trim_end()
    } else {
        text.trim_start()
    };
    while !rest.is_empty() {
        if parts.len() == limit {
            parts.push(if from_right { rest.trim_end() } else { rest });
            break;
        }
        let cut = if from_right {
            rest.rfind(char::is_whitespace).map(|at| {
                let blank = rest[at..].chars().next().map_or(1, char::len_utf8);
                (&rest[at + blank..], rest[..at].trim_end())
            })
        } else {
            rest.find(char::is_whitespace)
                .map(|at| (&rest[..at], rest[at..].trim_start()))
        };
        match cut {
            Some((part, remaining)) => {
                parts.push(part);
                rest = remaining;
            }
            None => {
                parts.push(rest);
                break;
            }
        }
    }
    if from_right {
        parts.reverse();
    }
    parts
}

/// The lines, as Python splits them: also at `\r`, form feeds and Unicode's separators.
fn lines(text: &str, keep_ends: bool) -> Vec<Value> {
    let is_end = |c: char| {
        matches!(
            c,
            '\n' | '\r' | '\x0b' | '\x0c' | '\x1c'..='\x1e' | '\u{85}' | '\u{2028}' | '\u{2029}'
        )
    };
    let mut lines = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let Some(at) = rest.find(is_end) else {
            lines.push(rest.into());
            break;
        };
        let end = if rest[at..].starts_with("\r\n") {
            2
        } else {
            rest[at..].chars().next().map_or(1, char::len_utf8)
        };
        let line = if keep_ends {
            &rest[..at + end]
        } else {
            &rest[..at]
        };
        lines.push(line.into());
        rest = &rest[at + end..];
    }
    lines
}

/// The text between the optional positions `start` and `end`, what is looked for, and how many
/// characters were cut off before.
fn window(v: &Value, a: Arguments, name: &str) -> Result<(String, String, usize)> {
    let [part, start, end] = a.bind(name, ["sub", "start", "end"], 1)?;
    let part = given(part);
    let part = string("what is looked for", &part)?.to_owned();
    let (text, skipped) = cut_window(text(v), start, end)?;
    Ok((text, part, skipped))
}

fn cut_window(text: &str, start: Option<Value>, end: Option<Value>) -> Result<(String, usize)> {
    let length = text.chars().count();
    let bound = |value: Option<Value>, default: usize| match value {
        None | Some(Value::None) => Ok(default),
        Some(value) => whole("the bound", &value).map(|at| clamp(at, length)),
    };
    let (start, end) = (bound(start, 0)?, bound(end, length)?);
    let text = text
        .chars()
        .skip(start)
        .take(end.saturating_sub(start))
        .collect();
    Ok((text, start))
}

fn search(v: &Value, a: Arguments, name: &str, last: bool) -> Result<Option<usize>> {
    let (text, part, skipped) = window(v, a, name)?;
    let at = if last {
        text.rfind(&part)
    } else {
        text.find(&part)
    };
    Ok(at.map(|at| skipped + text[..at].chars().count()))
}

fn found(at: Option<usize>) -> Result<Value> {
    at.map(Value::from)
        .ok_or_else(|| bad_value("the substring was not found"))
}

fn affix(v: &Value, a: Arguments, name: &str, holds: fn(&str, &str) -> bool) -> Result<Value> {
    let [part, start, end] = a.bind(name, ["affix", "start", "end"], 1)?;
    let part = given(part);
    let (text, _) = cut_window(text(v), start, end)?;
    let one = |part: &Value| Ok(holds(&text, string("the affix", part)?));
    match &part {
        Value::Tuple(parts) => {
            for part in parts.iter() {
                if one(part)? {
                    return Ok(Value::Bool(true));
                }
            }
            Ok(Value::Bool(false))
        }
        part => one(part).map(Value::Bool),
    }
}

fn every(v: &Value, holds: fn(char) -> bool) -> Result<Value> {
    Ok(Value::Bool(
        !text(v).is_empty() && text(v).chars().all(holds),
    ))
}

fn cased(text: &str) -> bool {
    text.contains(|c: char| c.is_uppercase() || c.is_lowercase())
}

fn translate(v: &Value, table: &Value) -> Result<Value> {
    let Some(table) = table.as_dict() else {
        return Err(wrong_type("the table", "a dict", table));
    };
    let mut out = String::new();
    for c in text(v).chars() {
        match table.get_key(&Key::new(Value::from(c as u32))?) {
            None => out.push(c),
            Some(Value::None) => {}
            Some(Value::Int(code)) => {
                let c = u32::try_from(code).ok().and_then(char::from_u32);
                out.push(c.ok_or_else(|| bad_value(format!("{code} is no character")))?);
            }
            Some(other) => other.write_to(&mut out),
        }
    }
    Ok(out.into())
}

fn maketrans(a: Arguments) -> Result<Value> {
    let [from, to, delete] = a.bind("str.maketrans", ["x", "y", "z"], 1)?;
    let table = Dict::new();
    let code = |c: char| Key::new(Value::from(c as u32));
    match (given(from), to) {
        (Value::Dict(map), None) => {
            for (key, value) in map.items() {
                let key = match key.as_str().and_then(|text| text.chars().next()) {
                    Some(c) => code(c)?,
                    None => Key::new(key)?,
                };
                table.insert_key(key, value);
            }
        }
        (from, to) => {
            let to = given(to);
            let (from, to) = (string("`x`", &from)?, string("`y`", &to)?);
            if from.chars().count() != to.chars().count() {
                return Err(bad_value("`x` and `y` have to be of the same length"));
            }
            for (from, to) in from.chars().zip(to.chars()) {
                table.insert_key(code(from)?, Value::from(to as u32));
            }
            if let Some(delete) = delete {
                for c in string("`z`", &delete)?.chars() {
                    table.insert_key(code(c)?, Value::None);
                }
            }
        }
    }
    Ok(table.into())
}
