//! Jinja2's tests: what may stand after `is`.

use std::cmp::Ordering;

use diagnostic::Result;

use crate::{Arguments, CallContext, Value};

/// A test: the context and the arguments, of which the tested value is the first.
pub(crate) type Check = fn(&mut CallContext<'_>, Arguments) -> Result<bool>;

/// The names of all tests, for suggestions.
pub(crate) const NAMES: &[&str] = &[
    "boolean",
    "callable",
    "defined",
    "divisibleby",
    "eq",
    "escaped",
    "even",
    "false",
    "filter",
    "float",
    "ge",
    "gt",
    "in",
    "integer",
    "iterable",
    "le",
    "lower",
    "lt",
    "mapping",
    "ne",
    "none",
    "number",
    "odd",
    "sameas",
    "sequence",
    "string",
    "test",
    "true",
    "undefined",
    "upper",
];

/// The test `name`.
pub(crate) fn find(name: &str) -> Option<Check> {
    Some(match name {
        "defined" => |_, a| Ok(!one(a, "defined")?.is_undefined()),
        "undefined" => |_, a| Ok(one(a, "undefined")?.is_undefined()),
        "none" => |_, a| Ok(one(a, "none")?.is_none()),
        "string" => |_, a| Ok(one(a, "string")?.as_str().is_some()),
        "boolean" => |_, a| Ok(matches!(one(a, "boolean")?, Value::Bool(_))),
        "integer" => |_, a| Ok(matches!(one(a, "integer")?, Value::Int(_))),
        "float" => |_, a| Ok(matches!(one(a, "float")?, Value::Float(_))),
        "number" => |_, a| Ok(one(a, "number")?.as_float().is_some()),
        "true" => |_, a| Ok(matches!(one(a, "true")?, Value::Bool(true))),
        "false" => |_, a| Ok(matches!(one(a, "false")?, Value::Bool(false))),
        "mapping" => |_, a| Ok(is_mapping(&one(a, "mapping")?)),
        "iterable" => |_, a| Ok(one(a, "iterable")?.is_iterable()),
        "sequence" => |_, a| {
            Ok(match one(a, "sequence")? {
                Value::Object(object) => object.len().is_some(),
                Value::Set(_) => false,
                value => value.len().is_some(),
            })
        },
        "callable" => |_, a| {
            Ok(match one(a, "callable")? {
                Value::Object(object) => object.callable(),
                _ => false,
            })
        },
        "escaped" => |_, a| one(a, "escaped").map(|_| false),
        "sameas" => |_, a| two(a, "sameas", |left, right| Ok(same(left, right))),
        "eq" | "equalto" | "==" => |_, a| two(a, "eq", |left, right| Ok(left == right)),
        "ne" | "!=" => |_, a| two(a, "ne", |left, right| Ok(left != right)),
        "lt" | "lessthan" | "<" => |_, a| ordered(a, "lt", |order| order == Ordering::Less),
        "le" | "<=" => |_, a| ordered(a, "le", |order| order != Ordering::Greater),
        "gt" | "greaterthan" | ">" => |_, a| ordered(a, "gt", |order| order == Ordering::Greater),
        "ge" | ">=" => |_, a| ordered(a, "ge", |order| order != Ordering::Less),
        "in" => |_, a| two(a, "in", |left, right| right.contains(left)),
        "even" => |_, a| remainder(&one(a, "even")?, 2).map(|rest| rest == 0),
        "odd" => |_, a| remainder(&one(a, "odd")?, 2).map(|rest| rest != 0),
        "divisibleby" => |_, a| {
            two(a, "divisibleby", |left, right| {
                let rest = left.operate(crate::Operator::Rem, right)?;
                Ok(rest.as_float() == Some(0.0))
            })
        },
        "lower" => |_, a| {
            let text = one(a, "lower")?.to_string();
            Ok(text.contains(char::is_lowercase) && !text.contains(char::is_uppercase))
        },
        "upper" => |_, a| {
            let text = one(a, "upper")?.to_string();
            Ok(text.contains(char::is_uppercase) && !text.contains(char::is_lowercase))
        },
        "filter" => |context, a| {
            let name = one(a, "filter")?.to_string();
            let known = context.environment().filter(&name).is_some();
            Ok(known || crate::filters::find(&name).is_some())
        },
        "test" => |context, a| {
            let name = one(a, "test")?.to_string();
            Ok(context.environment().test(&name).is_some() || find(&name).is_some())
        },
        _ => return None,
    })
}

fn one(arguments: Arguments, name: &str) -> Result<Value> {
    arguments.one(name, "value")
}

fn two(
    arguments: Arguments,
    name: &str,
    holds: impl Fn(&Value, &Value) -> Result<bool>,
) -> Result<bool> {
    let [left, right] = arguments.bind(name, ["value", "other"], 2)?;
    holds(&left.unwrap_or(Value::None), &right.unwrap_or(Value::None))
}

fn ordered(arguments: Arguments, name: &str, holds: fn(Ordering) -> bool) -> Result<bool> {
    two(arguments, name, |left, right| left.order(right).map(holds))
}

fn remainder(value: &Value, by: i128) -> Result<i128> {
    match value {
        Value::Float(number) => Ok((number.rem_euclid(by as f64) != 0.0).into()),
        _ => match value.as_int() {
            Some(number) => Ok(number.rem_euclid(by)),
            None => Err(crate::fail::wrong_type("the value", "a number", value)),
        },
    }
}

fn is_mapping(value: &Value) -> bool {
    match value {
        Value::Dict(_) => true,
        Value::Object(object) => object.mapping(),
        _ => false,
    }
}

/// Python's `is`: the same object, not only an equal one.
fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::List(left), Value::List(right)) => left.same(right),
        (Value::Dict(left), Value::Dict(right)) => left.same(right),
        (Value::Set(left), Value::Set(right)) => left.same(right),
        (Value::Object(left), Value::Object(right)) => std::sync::Arc::ptr_eq(left, right),
        (Value::Bool(left), Value::Bool(right)) => left == right,
        (Value::Bool(_), _) | (_, Value::Bool(_)) => false,
        (Value::Int(_), Value::Float(_)) | (Value::Float(_), Value::Int(_)) => false,
        _ => left == right,
    }
}
