//! `'%s is %05.2f' % (name, number)`

use diagnostic::Result;

use super::spec::{Spec, format_float, format_int, format_text};
use crate::Value;
use crate::fail::{bad_value, wrong_type};

/// Formats as Python's `%` on strings.
pub(crate) fn percent(pattern: &str, arguments: &Value) -> Result<String> {
    let mut given = match arguments {
        Value::Tuple(items) => items.to_vec(),
        other => vec![other.clone()],
    }
    .into_iter();
    let mut out = String::with_capacity(pattern.len());
    let mut used_mapping = false;
    let mut rest = pattern;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('%') {
            out.push('%');
            rest = after;
            continue;
        }
        let mut key = None;
        if let Some(after) = rest.strip_prefix('(') {
            let Some((name, after)) = after.split_once(')') else {
                return Err(bad_value("a `%(` has no `)`"));
            };
            key = Some(name);
            rest = after;
        }
        let mut next = || given.next().ok_or_else(too_few);
        let flags_end = rest.find(|c| !"#0- +".contains(c)).unwrap_or(rest.len());
        let (flags, after) = rest.split_at(flags_end);
        let (width, after) = number(after, &mut next)?;
        let (precision, after) = match after.strip_prefix('.') {
            Some(after) => {
                let (precision, after) = number(after, &mut next)?;
                (Some(precision.unwrap_or(0)), after)
            }
            None => (None, after),
        };
        let after = after.trim_start_matches(['h', 'l', 'L']);
        let Some(kind) = after.chars().next() else {
            return Err(bad_value("the text ends in the middle of a `%` format"));
        };
        rest = &after[kind.len_utf8()..];
        let value = match key {
            Some(key) => {
                used_mapping = true;
                mapped(arguments, key)?
            }
            None => next()?,
        };
        let spec = spec(flags, width, precision)?;
        out.push_str(&one(&value, kind, spec)?);
    }
    out.push_str(rest);
    let mapping = matches!(
        arguments,
        Value::Dict(_) | Value::List(_) | Value::Object(_)
    );
    if !used_mapping && given.next().is_some() && !mapping {
        return Err(bad_value(
            "the text has fewer `%` formats than there are values",
        ));
    }
    Ok(out)
}

fn too_few() -> diagnostic::Error {
    bad_value("the text has more `%` formats than there are values")
}

fn mapped(arguments: &Value, key: &str) -> Result<Value> {
    let entries = match arguments {
        Value::Dict(dict) => dict.get(key),
        Value::Object(object) => object.get_item(&Value::from(key))?,
        other => return Err(wrong_type("the value after `%`", "a dict", other)),
    };
    entries.ok_or_else(|| bad_value(format!("the dict has no key '{key}'")))
}

/// A number, or `*` for one among the values.
fn number<'a>(
    text: &'a str,
    next: &mut impl FnMut() -> Result<Value>,
) -> Result<(Option<i128>, &'a str)> {
    if let Some(after) = text.strip_prefix('*') {
        let value = next()?;
        let number = value
            .as_int()
            .ok_or_else(|| wrong_type("`*`", "a whole number", &value))?;
        return Ok((Some(number), after));
    }
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    Ok((text[..end].parse().ok(), &text[end..]))
}

fn spec(flags: &str, width: Option<i128>, precision: Option<i128>) -> Result<Spec> {
    let left = flags.contains('-') || width.is_some_and(|width| width < 0);
    let narrow = |number: i128| {
        usize::try_from(number.unsigned_abs())
            .ok()
            .filter(|number| *number <= 1 << 20)
            .ok_or_else(|| super::too_wide(usize::MAX))
    };
    Ok(Spec {
        align: left.then_some('<'),
        sign: if flags.contains('+') {
            Some('+')
        } else {
            flags.contains(' ').then_some(' ')
        },
        alternate: flags.contains('#'),
        zero: flags.contains('0'),
        width: narrow(width.unwrap_or(0))?,
        precision: precision.map(narrow).transpose()?,
        ..Spec::default()
    })
}

fn one(value: &Value, kind: char, spec: Spec) -> Result<String> {
    let text = |text: String| {
        let align = spec.align.or(Some('>'));
        format_text(
            &text,
            &Spec {
                align,
                kind: None,
                sign: None,
                zero: false,
                ..spec.clone()
            },
        )
    };
    match kind {
        's' => text(value.to_string()),
        'r' | 'a' => text(value.repr()),
        'c' => match value {
            Value::Str(one) if one.chars().count() == 1 => text(one.to_string()),
            Value::Int(_) => format_int(
                value.as_int().unwrap_or_default(),
                &Spec {
                    kind: Some('c'),
                    ..spec
                },
            ),
            other => Err(wrong_type("`%c`", "a character", other)),
        },
        'd' | 'i' | 'u' => {
            let number = match value {
                Value::Float(number) if number.is_finite() => *number as i128,
                _ => value
                    .as_int()
                    .ok_or_else(|| wrong_type("`%d`", "a number", value))?,
            };
            format_whole(
                number,
                Spec {
                    kind: Some('d'),
                    ..spec
                },
            )
        }
        'x' | 'X' | 'o' => {
            let number = value
                .as_int()
                .ok_or_else(|| wrong_type("`%x`", "a whole number", value))?;
            format_whole(
                number,
                Spec {
                    kind: Some(kind),
                    ..spec
                },
            )
        }
        'e' | 'E' | 'f' | 'F' | 'g' | 'G' => {
            let number = value
                .as_float()
                .ok_or_else(|| wrong_type("`%f`", "a number", value))?;
            format_float(
                number,
                &Spec {
                    kind: Some(kind),
                    ..spec
                },
            )
        }
        other => Err(bad_value(format!("there is no format `%{other}`"))),
    }
}

/// In `%` formats a precision is the least number of digits.
fn format_whole(number: i128, spec: Spec) -> Result<String> {
    let Some(least) = spec.precision else {
        return format_int(number, &spec);
    };
    let digits = format_int(
        number.checked_abs().unwrap_or(i128::MAX),
        &Spec {
            kind: spec.kind,
            ..Spec::default()
        },
    )?;
    let sign = if number < 0 {
        "-"
    } else if spec.sign == Some('+') {
        "+"
    } else {
        ""
    };
    let zeros = "0".repeat(least.saturating_sub(digits.len()));
    let text = format!("{sign}{zeros}{digits}");
    let align = spec.align.or(Some('>'));
    format_text(
        &text,
        &Spec {
            align,
            width: spec.width,
            ..Spec::default()
        },
    )
}
