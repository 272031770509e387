//! Equality, order and membership, as in Python.

use std::cmp::Ordering;
use std::sync::Arc;

use diagnostic::{Error, Result, codes};

use super::{Key, Value};

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        equal(self, other, 0)
    }
}

/// Values nested deeper than this are taken as different instead of running out of stack.
const DEPTH: usize = 64;

fn equal(left: &Value, right: &Value, depth: usize) -> bool {
    if depth > DEPTH {
        return false;
    }
    match (left, right) {
        (Value::Undefined(_), Value::Undefined(_)) | (Value::None, Value::None) => true,
        (Value::Str(left), Value::Str(right)) => left == right,
        (Value::List(left), Value::List(right)) => {
            left.same(right) || all_equal(&left.items(), &right.items(), depth)
        }
        (Value::Tuple(left), Value::Tuple(right)) => all_equal(left, right, depth),
        (Value::Set(left), Value::Set(right)) => {
            left.same(right)
                || (left.len() == right.len()
                    && left.members().iter().all(|member| right.contains(member)))
        }
        (Value::Dict(left), Value::Dict(right)) => {
            left.same(right)
                || (left.len() == right.len()
                    && left.entries().iter().all(|(key, value)| {
                        right
                            .get_key(key)
                            .is_some_and(|other| equal(value, &other, depth + 1))
                    }))
        }
        (Value::Object(left), right_value) => {
            matches!(right_value, Value::Object(right) if Arc::ptr_eq(left, right))
                || left.compare(right_value) == Some(Ordering::Equal)
        }
        (left_value, Value::Object(right)) => right.compare(left_value) == Some(Ordering::Equal),
        _ => numbers(left, right) == Some(Ordering::Equal),
    }
}

fn all_equal(left: &[Value], right: &[Value], depth: usize) -> bool {
    left.len() == right.len()
        && left
            .iter()
            .zip(right)
            .all(|(left, right)| equal(left, right, depth + 1))
}

/// The order of two numbers; `None` if one is no number.
fn numbers(left: &Value, right: &Value) -> Option<Ordering> {
    if let (Some(left), Some(right)) = (left.as_int(), right.as_int()) {
        return Some(left.cmp(&right));
    }
    left.as_float()?.partial_cmp(&right.as_float()?)
}

impl Value {
    /// Which of the two comes first.
    ///
    /// # Errors
    /// J2002 if Python would not compare the two types.
    pub fn order(&self, other: &Value) -> Result<Ordering> {
        match (self, other) {
            (Value::Str(left), Value::Str(right)) => Ok(left.cmp(right)),
            (Value::List(left), Value::List(right)) => sequence(&left.items(), &right.items()),
            (Value::Tuple(left), Value::Tuple(right)) => sequence(left, right),
            (Value::Object(object), _) => object
                .compare(other)
                .ok_or_else(|| incomparable(self, other)),
            (_, Value::Object(object)) => object
                .compare(self)
                .map(Ordering::reverse)
                .ok_or_else(|| incomparable(self, other)),
            (Value::Float(left), _) if left.is_nan() => Ok(Ordering::Greater),
            (_, Value::Float(right)) if right.is_nan() => Ok(Ordering::Less),
            _ => numbers(self, other).ok_or_else(|| incomparable(self, other)),
        }
    }

    /// Whether `item in self`.
    ///
    /// # Errors
    /// J2002 if this is no container, or `item` cannot be in it.
    pub fn contains(&self, item: &Value) -> Result<bool> {
        match self {
            Value::Str(text) => match item {
                Value::Str(part) => Ok(text.contains(&**part)),
                Value::Undefined(_) => Err(crate::fail::undefined(item)),
                _ => Err(Error::new(
                    codes::J2002,
                    format!(
                        "`in` a string needs a string on its left, not `{}`",
                        item.type_name()
                    ),
                )),
            },
            Value::List(list) => Ok(list.items().contains(item)),
            Value::Tuple(items) => Ok(items.contains(item)),
            Value::Dict(dict) => match item {
                Value::Str(key) => Ok(dict.get(key).is_some()),
                _ => Ok(dict.get_key(&Key::new(item.clone())?).is_some()),
            },
            Value::Set(set) => Ok(set.contains(&Key::new(item.clone())?)),
            Value::Undefined(_) => Ok(false),
            Value::Object(object) => {
                if object.mapping() {
                    return Ok(object.get_item(item)?.is_some());
                }
                match object.iterate()? {
                    Some(items) => Ok(items.contains(item)),
                    None => Ok(object.get_item(item)?.is_some()),
                }
            }
            _ => Err(crate::fail::not_iterable(self)),
        }
    }
}

fn sequence(left: &[Value], right: &[Value]) -> Result<Ordering> {
    for (left, right) in left.iter().zip(right) {
        if left != right {
            return left.order(right);
        }
    }
    Ok(left.len().cmp(&right.len()))
}

fn incomparable(left: &Value, right: &Value) -> Error {
    for value in [left, right] {
        if value.is_undefined() {
            return crate::fail::undefined(value);
        }
    }
    Error::new(
        codes::J2002,
        format!(
            "`{}` and `{}` have no order",
            left.type_name(),
            right.type_name()
        ),
    )
}
