//! dbt's filters that turn rendered text into values, and `default`.

use diagnostic::Result;

use super::{Filter, flag, given};
use crate::fail::bad_value;
use crate::{Value, literal};

pub(super) fn find(name: &str) -> Option<Filter> {
    Some(match name {
        "default" | "d" => |_, a| {
            let [value, default, boolean] =
                a.bind("default", ["value", "default_value", "boolean"], 1)?;
            let value = given(value);
            if value.is_undefined() || (flag(boolean, false) && !value.truthy()) {
                return Ok(default.unwrap_or_else(|| "".into()));
            }
            Ok(value)
        },
        "as_text" => |context, a| {
            let value = a.one("as_text", "value")?;
            Ok(if context.native() {
                value.to_string().into()
            } else {
                value
            })
        },
        "as_native" => |context, a| {
            let value = a.one("as_native", "value")?;
            if !context.native() {
                return Ok(value);
            }
            Ok(evaluated(&value))
        },
        "as_bool" => |context, a| {
            let value = a.one("as_bool", "value")?;
            Ok(if_it_fits(context.native(), value, is_bool))
        },
        "as_number" => |context, a| {
            let value = a.one("as_number", "value")?;
            Ok(if_it_fits(context.native(), value, is_number))
        },
        _ => return None,
    })
}

fn evaluated(value: &Value) -> Value {
    match value {
        Value::Str(text) => literal::parse(text).unwrap_or_else(|| value.clone()),
        _ => value.clone(),
    }
}

fn is_bool(value: &Value) -> bool {
    matches!(value, Value::Bool(_))
}

fn is_number(value: &Value) -> bool {
    matches!(value, Value::Int(_) | Value::Float(_))
}

/// Converts what can be converted. In the middle of an expression dbt's filters only mark text, so
/// that `target.type == 'duckdb' | as_bool` compares text.
fn if_it_fits(native: bool, value: Value, fits: fn(&Value) -> bool) -> Value {
    if !native {
        return value;
    }
    let converted = evaluated(&value);
    if fits(&converted) { converted } else { value }
}

/// Refuses what the filter `name` could not convert, where it comes last.
pub(crate) fn check_converted(name: &str, value: &Value) -> Result<()> {
    let (fits, wanted): (fn(&Value) -> bool, _) = match name {
        "as_bool" => (is_bool, "a bool"),
        "as_number" => (is_number, "a number"),
        _ => return Ok(()),
    };
    if fits(value) {
        return Ok(());
    }
    Err(bad_value(format!(
        "{} cannot be converted to {wanted}",
        value.repr()
    )))
}
