//! Methods of numbers.

use super::Method;
use crate::Value;
use crate::fail::{bad_value, wrong_type};

pub(super) fn find(name: &str) -> Option<Method> {
    Some(match name {
        "is_integer" => |_, owner, arguments| {
            arguments.none("is_integer")?;
            Ok(Value::Bool(
                owner.as_float().is_some_and(|number| number.fract() == 0.0),
            ))
        },
        "bit_length" => |_, owner, arguments| {
            arguments.none("bit_length")?;
            match owner.as_int() {
                Some(number) => Ok(Value::from(128 - number.unsigned_abs().leading_zeros())),
                None => Err(wrong_type("the value", "a whole number", owner)),
            }
        },
        "conjugate" => |_, owner, arguments| {
            arguments.none("conjugate")?;
            Ok(owner.clone())
        },
        "as_integer_ratio" => |_, owner, arguments| {
            arguments.none("as_integer_ratio")?;
            ratio(owner)
        },
        _ => return None,
    })
}

fn ratio(owner: &Value) -> diagnostic::Result<Value> {
    if let Some(number) = owner.as_int() {
        return Ok(Value::tuple([Value::Int(number), Value::Int(1)]));
    }
    let mut number = owner.as_float().unwrap_or(f64::NAN);
    let mut denominator: i128 = 1;
    while number.fract() != 0.0 && denominator < (1 << 100) {
        number *= 2.0;
        denominator *= 2;
    }
    if !number.is_finite() || number.fract() != 0.0 || number.abs() > 1e37 {
        return Err(bad_value(format!(
            "{} is no ratio of whole numbers",
            owner.repr()
        )));
    }
    Ok(Value::tuple([
        Value::Int(number as i128),
        Value::Int(denominator),
    ]))
}
