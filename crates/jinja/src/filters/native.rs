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
            convert(context.native(), value, "a bool", |value| {
                matches!(value, Value::Bool(_))
            })
        },
        "as_number" => |context, a| {
            let value = a.one("as_number", "value")?;
            convert(context.native(), value, "a number", |value| {
                matches!(value, Value::Int(_) | Value::Float(_))
            })
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

fn convert(native: bool, value: Value, wanted: &str, fits: fn(&Value) -> bool) -> Result<Value> {
    if !native {
        return Ok(value);
    }
    let converted = evaluated(&value);
    if fits(&converted) {
        return Ok(converted);
    }
    Err(bad_value(format!(
        "{} cannot be converted to {wanted}",
        value.repr()
    )))
}
