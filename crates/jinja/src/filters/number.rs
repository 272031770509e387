//! Filters of numbers.

use diagnostic::Result;

use super::{Filter, flag, given};
use crate::fail::{bad_value, wrong_type};
use crate::{Operator, Value};

pub(super) fn find(name: &str) -> Option<Filter> {
    Some(match name {
        "abs" => |_, a| {
            let value = a.one("abs", "value")?;
            match &value {
                Value::Float(number) => Ok(Value::Float(number.abs())),
                _ => match value.as_int() {
                    Some(number) if number < 0 => Value::Int(number).negate(),
                    Some(number) => Ok(Value::Int(number)),
                    None => Err(wrong_type("the value", "a number", &value)),
                },
            }
        },
        "int" => |_, a| {
            let [value, default, base] = a.bind("int", ["value", "default", "base"], 1)?;
            let base = base.and_then(|base| base.as_int()).unwrap_or(10);
            let base = u32::try_from(base)
                .ok()
                .filter(|base| *base == 0 || (2..=36).contains(base));
            let base = base.ok_or_else(|| bad_value("the base has to be 0 or between 2 and 36"))?;
            Ok(to_int(&given(value), base).unwrap_or_else(|| default.unwrap_or(Value::Int(0))))
        },
        "float" => |_, a| {
            let [value, default] = a.bind("float", ["value", "default"], 1)?;
            let value = given(value);
            let number = match &value {
                Value::Str(text) => parse_float(text),
                _ => value.as_float(),
            };
            Ok(number
                .map(Value::Float)
                .or(default)
                .unwrap_or(Value::Float(0.0)))
        },
        "round" => |_, a| {
            let [value, precision, method] =
                a.bind("round", ["value", "precision", "method"], 1)?;
            let precision = precision.and_then(|value| value.as_int()).unwrap_or(0);
            let method = method.unwrap_or_else(|| "common".into()).to_string();
            round(&given(value), precision, &method)
        },
        "filesizeformat" => |_, a| {
            let [value, binary] = a.bind("filesizeformat", ["value", "binary"], 1)?;
            let value = given(value);
            let bytes = match &value {
                Value::Str(text) => parse_float(text),
                _ => value.as_float(),
            };
            let bytes = bytes.ok_or_else(|| wrong_type("the size", "a number", &value))?;
            Ok(file_size(bytes, flag(binary, false)).into())
        },
        "sum" => |context, a| {
            let [value, attribute, start] = a.bind("sum", ["iterable", "attribute", "start"], 1)?;
            let mut sum = start.unwrap_or(Value::Int(0));
            for item in given(value).iterate()? {
                let item = match &attribute {
                    None | Some(Value::None) => item,
                    Some(path) => super::select::path_of(context, &item, path)?,
                };
                sum = sum.operate(Operator::Add, &item)?;
            }
            Ok(sum)
        },
        _ => return None,
    })
}

/// A float as Python's `float()` reads it.
pub(crate) fn parse_float(text: &str) -> Option<f64> {
    let text = text.trim().replace('_', "");
    let unsigned = text.trim_start_matches(['+', '-']).to_ascii_lowercase();
    let named = matches!(unsigned.as_str(), "inf" | "infinity" | "nan");
    if !named && !unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    text.parse().ok()
}

/// A whole number as Python's `int(text, base)` reads it.
pub(crate) fn parse_int(text: &str, base: u32) -> Option<i128> {
    let text = text.trim();
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let lower = digits.to_ascii_lowercase();
    let (base, digits) = match (lower.get(..2), base) {
        (Some("0x"), 16 | 0) => (16, &lower[2..]),
        (Some("0o"), 8 | 0) => (8, &lower[2..]),
        (Some("0b"), 2 | 0) => (2, &lower[2..]),
        (_, 0) => (10, lower.as_str()),
        (_, base) => (base, lower.as_str()),
    };
    if digits.starts_with(['+', '-']) || digits.starts_with('_') || digits.ends_with('_') {
        return None;
    }
    let number = i128::from_str_radix(&digits.replace('_', ""), base).ok()?;
    Some(if negative { -number } else { number })
}

fn to_int(value: &Value, base: u32) -> Option<Value> {
    match value {
        Value::Str(text) => parse_int(text, base)
            .or_else(|| {
                parse_float(text)
                    .filter(|number| number.is_finite())
                    .map(|n| n as i128)
            })
            .map(Value::Int),
        Value::Float(number) if number.is_finite() => Some(Value::Int(*number as i128)),
        _ => value.as_int().map(Value::Int),
    }
}

fn round(value: &Value, precision: i128, method: &str) -> Result<Value> {
    let Some(number) = value.as_float() else {
        return Err(wrong_type("the value", "a number", value));
    };
    let digits = i32::try_from(precision).unwrap_or(0).clamp(-300, 300);
    match method {
        "common" => match value {
            // Python rounds whole numbers to whole numbers, whatever the precision.
            Value::Int(whole) if digits >= 0 => Ok(Value::Int(*whole)),
            Value::Int(whole) => Ok(Value::Int(half_even(*whole as f64, digits) as i128)),
            _ => Ok(Value::Float(half_even(number, digits))),
        },
        "ceil" | "floor" => {
            let scale = 10_f64.powi(digits);
            let scaled = number * scale;
            let whole = if method == "ceil" {
                scaled.ceil()
            } else {
                scaled.floor()
            };
            Ok(Value::Float(whole / scale))
        }
        _ => Err(bad_value(
            "the method has to be `common`, `ceil` or `floor`",
        )),
    }
}

/// Rounds the exact binary value, ties to even, as Python's `round`.
fn half_even(number: f64, digits: i32) -> f64 {
    if !number.is_finite() {
        return number;
    }
    if digits >= 0 {
        // Formatting rounds the exact value, ties to even.
        let digits = usize::try_from(digits).unwrap_or(0);
        return format!("{number:.digits$}").parse().unwrap_or(number);
    }
    let scale = 10_f64.powi(-digits);
    (number / scale).round_ties_even() * scale
}

fn file_size(bytes: f64, binary: bool) -> String {
    let base: f64 = if binary { 1024.0 } else { 1000.0 };
    let units = if binary {
        ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"]
    } else {
        ["kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"]
    };
    if bytes == 1.0 {
        return "1 Byte".to_owned();
    }
    if bytes < base {
        return format!("{} Bytes", bytes as i128);
    }
    let mut unit = base;
    for name in units {
        unit *= base;
        if bytes < unit {
            return format!("{:.1} {name}", base * bytes / unit);
        }
    }
    format!("{:.1} {}", base * bytes / unit, units[7])
}
