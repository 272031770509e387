//! The format mini-language: `[[fill]align][sign][#][0][width][grouping][.precision][type]`.

use diagnostic::{Error, Result};

use super::too_wide;
use crate::Value;
use crate::fail::bad_value;
use crate::value::float_repr;

/// A parsed format specification.
#[derive(Clone, Debug, Default)]
pub(super) struct Spec {
    pub fill: Option<char>,
    pub align: Option<char>,
    pub sign: Option<char>,
    pub alternate: bool,
    pub zero: bool,
    pub width: usize,
    pub grouping: Option<char>,
    pub precision: Option<usize>,
    pub kind: Option<char>,
}

const WIDEST: usize = 1 << 20;

impl Spec {
    pub(super) fn parse(text: &str) -> Result<Self> {
        let mut spec = Self::default();
        let chars: Vec<char> = text.chars().collect();
        let mut at = 0;
        let aligns = |c: Option<&char>| matches!(c, Some('<' | '>' | '^' | '='));
        if aligns(chars.get(1)) {
            spec.fill = chars.first().copied();
            spec.align = chars.get(1).copied();
            at = 2;
        } else if aligns(chars.first()) {
            spec.align = chars.first().copied();
            at = 1;
        }
        let mut eat = |wanted: &[char]| {
            let found = chars.get(at).copied().filter(|c| wanted.contains(c));
            at += usize::from(found.is_some());
            found
        };
        spec.sign = eat(&['+', '-', ' ']);
        spec.alternate = eat(&['#']).is_some();
        spec.zero = eat(&['0']).is_some();
        let digits = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'];
        let number = |eat: &mut dyn FnMut(&[char]) -> Option<char>| {
            let mut value: Option<usize> = None;
            while let Some(digit) = eat(&digits).and_then(|c| c.to_digit(10)) {
                value = Some(
                    value
                        .unwrap_or(0)
                        .saturating_mul(10)
                        .saturating_add(digit as usize),
                );
            }
            value
        };
        spec.width = number(&mut eat).unwrap_or(0);
        spec.grouping = eat(&[',', '_']);
        if eat(&['.']).is_some() {
            spec.precision = number(&mut eat);
            if spec.precision.is_none() {
                return Err(bad_value(format!(
                    "the format `{text}` lacks its precision"
                )));
            }
        }
        spec.kind = chars.get(at).copied();
        at += usize::from(spec.kind.is_some());
        if at < chars.len() {
            return Err(bad_value(format!("`{text}` is not a valid format")));
        }
        let widest = spec.width.max(spec.precision.unwrap_or(0));
        if widest > WIDEST {
            Err(too_wide(widest))
        } else {
            Ok(spec)
        }
    }
}

/// `format(value, spec)`
pub(crate) fn format_value(value: &Value, text: &str) -> Result<String> {
    if text.is_empty() {
        return Ok(value.to_string());
    }
    match value {
        Value::Str(content) => format_text(content, &Spec::parse(text)?),
        Value::Bool(_) if !text.ends_with(|c: char| c.is_ascii_alphabetic() && c != 's') => {
            let spec = Spec::parse(text)?;
            format_int(i128::from(value.truthy()), &spec)
        }
        Value::Int(_) | Value::Bool(_) => {
            let spec = Spec::parse(text)?;
            format_int(value.as_int().unwrap_or_default(), &spec)
        }
        Value::Float(number) => format_float(*number, &Spec::parse(text)?),
        Value::Undefined(_) => Err(crate::fail::undefined(value)),
        Value::Object(object) => {
            if let Some(text) = crate::modules::format_date(value, text) {
                return text;
            }
            format_text(&object.text(), &Spec::parse(text)?)
        }
        _ => Err(bad_value(format!(
            "a `{}` cannot be formatted as `{text}`",
            value.type_name()
        ))),
    }
}

fn unknown(kind: char, of: &str) -> Error {
    bad_value(format!("the format `{kind}` does not apply to `{of}`"))
}

pub(super) fn format_text(text: &str, spec: &Spec) -> Result<String> {
    match spec.kind {
        None | Some('s') => {}
        Some(kind) => return Err(unknown(kind, "str")),
    }
    if spec.sign.is_some() || spec.grouping.is_some() || spec.align == Some('=') {
        return Err(bad_value("a sign or grouping does not apply to `str`"));
    }
    let cut: String = match spec.precision {
        Some(precision) => text.chars().take(precision).collect(),
        None => text.to_owned(),
    };
    let spec = Spec {
        fill: spec.fill.or(spec.zero.then_some('0')),
        ..spec.clone()
    };
    Ok(pad("", &cut, &spec, '<'))
}

pub(super) fn format_int(number: i128, spec: &Spec) -> Result<String> {
    let magnitude = number.unsigned_abs();
    let (prefix, digits) = match spec.kind {
        None | Some('d' | 'n') => ("", magnitude.to_string()),
        Some('x') => ("0x", format!("{magnitude:x}")),
        Some('X') => ("0X", format!("{magnitude:X}")),
        Some('o') => ("0o", format!("{magnitude:o}")),
        Some('b') => ("0b", format!("{magnitude:b}")),
        Some('c') => {
            let c = u32::try_from(number).ok().and_then(char::from_u32);
            let c = c.ok_or_else(|| bad_value(format!("{number} is no character")))?;
            return Ok(pad("", &c.to_string(), spec, '<'));
        }
        Some('e' | 'E' | 'f' | 'F' | 'g' | 'G' | '%') => return format_float(number as f64, spec),
        Some(kind) => return Err(unknown(kind, "int")),
    };
    if spec.precision.is_some() {
        return Err(bad_value("a precision does not apply to whole numbers"));
    }
    let every = if prefix.is_empty() { 3 } else { 4 };
    let prefix = if spec.alternate { prefix } else { "" };
    let head = format!("{}{prefix}", sign(number < 0, spec));
    Ok(finish(&head, &digits, "", every, spec))
}

pub(super) fn format_float(number: f64, spec: &Spec) -> Result<String> {
    let magnitude = number.abs();
    let head = sign(number.is_sign_negative() && !number.is_nan(), spec);
    let precision = spec.precision.unwrap_or(6);
    let body = match spec.kind {
        _ if !number.is_finite() => {
            let word = if number.is_nan() { "nan" } else { "inf" };
            let upper = spec.kind.is_some_and(char::is_uppercase);
            let word = if upper {
                word.to_uppercase()
            } else {
                word.to_owned()
            };
            let percent = if spec.kind == Some('%') { "%" } else { "" };
            return Ok(pad(&head, &format!("{word}{percent}"), spec, '>'));
        }
        Some('f' | 'F') => format!("{magnitude:.precision$}"),
        Some('%') => format!("{:.precision$}%", magnitude * 100.0),
        Some('e') => exponent(magnitude, precision, 'e'),
        Some('E') => exponent(magnitude, precision, 'E'),
        Some(kind @ ('g' | 'G')) => {
            let text = general(magnitude, precision, spec.alternate);
            if kind == 'G' {
                text.to_uppercase()
            } else {
                text
            }
        }
        None if spec.precision.is_some() => {
            let text = general(magnitude, precision, false);
            let whole = !text.contains(['.', 'e']);
            if whole && text.len() < precision {
                text + ".0"
            } else {
                text
            }
        }
        None => float_repr(magnitude),
        Some('n') => general(magnitude, precision, false),
        Some(kind) => return Err(unknown(kind, "float")),
    };
    let split = body
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(body.len());
    let (whole, rest) = body.split_at(split);
    Ok(finish(&head, whole, rest, 3, spec))
}

fn exponent(magnitude: f64, precision: usize, letter: char) -> String {
    let text = format!("{magnitude:.precision$e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}{letter}{sign}{:02}", exponent.abs())
}

/// Python's `g`: the shorter of fixed and scientific with `precision` significant digits.
fn general(magnitude: f64, precision: usize, keep_zeros: bool) -> String {
    let precision = precision.max(1);
    let scientific = exponent(magnitude, precision - 1, 'e');
    let (mantissa, power) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let power: i64 = power.parse().unwrap_or(0);
    if power < -4 || power >= precision as i64 {
        let mantissa = if keep_zeros {
            mantissa
        } else {
            without_zeros(mantissa)
        };
        let sign = if power < 0 { '-' } else { '+' };
        return format!("{mantissa}e{sign}{:02}", power.abs());
    }
    let decimals = usize::try_from(precision as i64 - 1 - power).unwrap_or(0);
    let fixed = format!("{magnitude:.decimals$}");
    if keep_zeros {
        fixed
    } else {
        without_zeros(&fixed).to_owned()
    }
}

fn without_zeros(text: &str) -> &str {
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.')
    } else {
        text
    }
}

fn sign(negative: bool, spec: &Spec) -> String {
    match (negative, spec.sign) {
        (true, _) => "-".to_owned(),
        (false, Some(sign @ ('+' | ' '))) => sign.to_string(),
        _ => String::new(),
    }
}

/// Puts separators between groups of digits, then pads.
fn finish(head: &str, digits: &str, rest: &str, every: usize, spec: &Spec) -> String {
    let zeros = spec.zero && spec.align.is_none();
    let Some(separator) = spec.grouping else {
        let spec = if zeros {
            Spec {
                fill: Some('0'),
                align: Some('='),
                ..spec.clone()
            }
        } else {
            spec.clone()
        };
        return pad(head, &format!("{digits}{rest}"), &spec, '>');
    };
    let mut digits = digits.to_owned();
    let mut grouped = group(&digits, separator, every);
    if zeros {
        // Zeros that fill the width are grouped as well.
        while head.len() + grouped.len() + rest.len() < spec.width {
            digits.insert(0, '0');
            let wider = group(&digits, separator, every);
            if head.len() + wider.len() + rest.len() > spec.width && digits.len() % every == 1 {
                grouped = wider;
                break;
            }
            grouped = wider;
        }
        return format!("{head}{grouped}{rest}");
    }
    pad(head, &format!("{grouped}{rest}"), spec, '>')
}

fn group(digits: &str, separator: char, every: usize) -> String {
    let mut out = String::with_capacity(digits.len() * 4 / 3 + 1);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(every) {
            out.push(separator);
        }
        out.push(digit);
    }
    out
}

fn pad(head: &str, body: &str, spec: &Spec, default: char) -> String {
    let length = head.chars().count() + body.chars().count();
    let missing = spec.width.saturating_sub(length);
    let fill = |count: usize| spec.fill.unwrap_or(' ').to_string().repeat(count);
    match spec.align.unwrap_or(default) {
        '<' => format!("{head}{body}{}", fill(missing)),
        '^' => format!(
            "{}{head}{body}{}",
            fill(missing / 2),
            fill(missing - missing / 2)
        ),
        '=' => format!("{head}{}{body}", fill(missing)),
        _ => format!("{}{head}{body}", fill(missing)),
    }
}
