//! Errors that several parts raise in the same words.

use diagnostic::{Error, codes};

use crate::Value;

/// Something was done to an undefined value.
pub(crate) fn undefined(value: &Value) -> Error {
    let message = match value {
        Value::Undefined(what) => what.message(),
        _ => "the value is undefined".to_owned(),
    };
    Error::new(codes::J2001, message)
}

pub(crate) fn not_iterable(value: &Value) -> Error {
    if value.is_undefined() {
        return undefined(value);
    }
    Error::new(
        codes::J2002,
        format!("a `{}` cannot be iterated over", value.type_name()),
    )
}

pub(crate) fn not_callable(value: &Value) -> Error {
    if value.is_undefined() {
        return undefined(value);
    }
    Error::new(
        codes::J2002,
        format!("a `{}` cannot be called", value.type_name()),
    )
}

/// `what` needs a `wanted`, but got `value`.
pub(crate) fn wrong_type(what: &str, wanted: &str, value: &Value) -> Error {
    if value.is_undefined() {
        return undefined(value);
    }
    Error::new(
        codes::J2002,
        format!("{what} has to be {wanted}, not `{}`", value.type_name()),
    )
}

pub(crate) fn bad_value(message: impl Into<String>) -> Error {
    Error::new(codes::J2005, message)
}
