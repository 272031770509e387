//! Arithmetic and slices, as in Python.

use std::sync::Arc;

use diagnostic::{Error, Result, codes};

use super::{Operator, Value};
use crate::format;

/// The most items or bytes that repetition, padding or `range` may make.
pub(crate) const MAX_SIZE: usize = 1 << 28;

impl Value {
    /// `self operator other`.
    ///
    /// # Errors
    /// J2002 if the types do not fit, J2006 if there is no result.
    pub fn operate(&self, operator: Operator, other: &Value) -> Result<Value> {
        if let Some(result) = numbers(self, operator, other)? {
            return Ok(result);
        }
        if let Some(result) = sequences(self, operator, other)? {
            return Ok(result);
        }
        if let Value::Object(object) = self
            && let Some(result) = object.operate(operator, other, false)?
        {
            return Ok(result);
        }
        if let Value::Object(object) = other
            && let Some(result) = object.operate(operator, self, true)?
        {
            return Ok(result);
        }
        Err(unsupported(self, operator, other))
    }

    /// `-self`
    ///
    /// # Errors
    /// J2002 if it is no number.
    pub fn negate(&self) -> Result<Value> {
        match self {
            Value::Float(number) => Ok(Value::Float(-number)),
            Value::Object(_) => Value::Int(-1).operate(Operator::Mul, self),
            _ => match self.as_int() {
                Some(number) => Ok(Value::Int(number.checked_neg().ok_or_else(overflow)?)),
                None if self.is_undefined() => Err(crate::fail::undefined(self)),
                None => Err(Error::new(
                    codes::J2002,
                    format!("`-` does not apply to `{}`", self.type_name()),
                )),
            },
        }
    }
}

fn unsupported(left: &Value, operator: Operator, right: &Value) -> Error {
    for value in [left, right] {
        if value.is_undefined() {
            return crate::fail::undefined(value);
        }
    }
    let error = Error::new(
        codes::J2002,
        format!(
            "`{}` does not apply to `{}` and `{}`",
            operator.symbol(),
            left.type_name(),
            right.type_name()
        ),
    );
    if operator == Operator::Add && (left.as_str().is_some() || right.as_str().is_some()) {
        return error.help("`~` joins values of any type as text");
    }
    error
}

fn overflow() -> Error {
    Error::new(
        codes::J2006,
        "the result is beyond the range of whole numbers (128 bits)",
    )
}

fn by_zero() -> Error {
    Error::new(codes::J2006, "division by zero")
}

fn numbers(left: &Value, operator: Operator, right: &Value) -> Result<Option<Value>> {
    if let (Some(left), Some(right)) = (left.as_int(), right.as_int()) {
        return ints(left, operator, right).map(Some);
    }
    match (left.as_float(), right.as_float()) {
        (Some(left), Some(right)) => floats(left, operator, right).map(|v| Some(Value::Float(v))),
        _ => Ok(None),
    }
}

fn ints(left: i128, operator: Operator, right: i128) -> Result<Value> {
    if right == 0 && matches!(operator, Operator::Div | Operator::FloorDiv | Operator::Rem) {
        return Err(by_zero());
    }
    let result = match operator {
        Operator::Add => left.checked_add(right),
        Operator::Sub => left.checked_sub(right),
        Operator::Mul => left.checked_mul(right),
        Operator::Div => return Ok(Value::Float(left as f64 / right as f64)),
        Operator::FloorDiv => left.checked_div(right).map(|quotient| {
            let inexact = left % right != 0;
            if inexact && (left < 0) != (right < 0) {
                quotient - 1
            } else {
                quotient
            }
        }),
        Operator::Rem => left.checked_rem(right).map(|rest| {
            if rest != 0 && (rest < 0) != (right < 0) {
                rest + right
            } else {
                rest
            }
        }),
        Operator::Pow if right < 0 => {
            return floats(left as f64, operator, right as f64).map(Value::Float);
        }
        Operator::Pow => u32::try_from(right)
            .ok()
            .and_then(|power| left.checked_pow(power)),
    };
    result.map(Value::Int).ok_or_else(overflow)
}

fn floats(left: f64, operator: Operator, right: f64) -> Result<f64> {
    if right == 0.0 && matches!(operator, Operator::Div | Operator::FloorDiv | Operator::Rem) {
        return Err(by_zero());
    }
    Ok(match operator {
        Operator::Add => left + right,
        Operator::Sub => left - right,
        Operator::Mul => left * right,
        Operator::Div => left / right,
        Operator::FloorDiv => (left / right).floor(),
        Operator::Rem => left - right * (left / right).floor(),
        Operator::Pow if left == 0.0 && right < 0.0 => return Err(by_zero()),
        Operator::Pow => left.powf(right),
    })
}

fn sequences(left: &Value, operator: Operator, right: &Value) -> Result<Option<Value>> {
    let result = match (operator, left, right) {
        (Operator::Add, Value::Str(left), Value::Str(right)) => {
            let mut joined = String::with_capacity(left.len() + right.len());
            joined.push_str(left);
            joined.push_str(right);
            Value::from(joined)
        }
        (Operator::Add, Value::List(left), Value::List(right)) => {
            Value::list(left.items().into_iter().chain(right.items()))
        }
        (Operator::Add, Value::Tuple(left), Value::Tuple(right)) => {
            Value::tuple(left.iter().chain(right.iter()).cloned())
        }
        (Operator::Sub, Value::Set(left), Value::Set(right)) => Value::Set(
            left.members()
                .into_iter()
                .filter(|member| !right.contains(member))
                .collect(),
        ),
        (Operator::Rem, Value::Str(pattern), _) => format::percent(pattern, right)?.into(),
        (Operator::Mul, _, _) => match (left.as_int(), right.as_int()) {
            (None, Some(times)) => return repeat(left, times),
            (Some(times), None) => return repeat(right, times),
            _ => return Ok(None),
        },
        _ => return Ok(None),
    };
    Ok(Some(result))
}

fn repeat(value: &Value, times: i128) -> Result<Option<Value>> {
    let length = match value {
        Value::Str(text) => text.len(),
        Value::List(list) => list.len(),
        Value::Tuple(items) => items.len(),
        _ => return Ok(None),
    };
    let times = usize::try_from(times.max(0)).unwrap_or(usize::MAX);
    if length.saturating_mul(times) > MAX_SIZE {
        return Err(Error::new(
            codes::J3003,
            format!(
                "repeating a `{}` {times} times is too much",
                value.type_name()
            ),
        ));
    }
    let times_over = |items: &[Value]| -> Vec<Value> {
        std::iter::repeat_n(items, times)
            .flatten()
            .cloned()
            .collect()
    };
    Ok(Some(match value {
        Value::Str(text) => text.repeat(times).into(),
        Value::List(list) => Value::list(times_over(&list.items())),
        Value::Tuple(items) => Value::tuple(times_over(items)),
        _ => return Ok(None),
    }))
}

/// `value[start:stop:step]`
pub(crate) fn slice(value: &Value, bounds: [Option<i128>; 3]) -> Result<Value> {
    if bounds[2] == Some(0) {
        return Err(Error::new(
            codes::J2005,
            "the step of a slice must not be zero",
        ));
    }
    match value {
        Value::Str(text) => {
            let chars: Vec<char> = text.chars().collect();
            let chosen: String = indices(chars.len(), bounds)
                .map(|index| chars[index])
                .collect();
            Ok(chosen.into())
        }
        Value::List(list) => {
            let items = list.items();
            Ok(Value::list(
                indices(items.len(), bounds).map(|index| items[index].clone()),
            ))
        }
        Value::Tuple(items) => {
            let chosen: Arc<[Value]> = indices(items.len(), bounds)
                .map(|index| items[index].clone())
                .collect();
            Ok(Value::Tuple(chosen))
        }
        Value::Undefined(_) => Err(crate::fail::undefined(value)),
        Value::Object(object) if !object.mapping() => {
            let items = value.iterate()?;
            Ok(Value::list(
                indices(items.len(), bounds).map(|index| items[index].clone()),
            ))
        }
        _ => Err(Error::new(
            codes::J2002,
            format!("a `{}` cannot be sliced", value.type_name()),
        )),
    }
}

/// The positions a slice takes from a sequence of `length`, as Python's `slice.indices`.
fn indices(length: usize, [start, stop, step]: [Option<i128>; 3]) -> impl Iterator<Item = usize> {
    let length = length as i128;
    let step = step.unwrap_or(1);
    let (low, high) = if step < 0 {
        (-1, length - 1)
    } else {
        (0, length)
    };
    let clamp = |bound: i128| {
        let bound = if bound < 0 {
            bound.saturating_add(length)
        } else {
            bound
        };
        bound.clamp(low, high)
    };
    let first = start.map_or(if step < 0 { high } else { low }, clamp);
    let end = stop.map_or(if step < 0 { low } else { high }, clamp);
    let mut next = first;
    std::iter::from_fn(move || {
        let inside = if step < 0 { next > end } else { next < end };
        if !inside {
            return None;
        }
        let index = next;
        next = next.saturating_add(step);
        usize::try_from(index).ok()
    })
}
