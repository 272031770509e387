//! The methods of Python's built-in types, by the type of the value.

mod dict;
pub(crate) mod list;
mod number;
pub(crate) mod set;
pub(crate) mod text;

use diagnostic::Result;

use crate::value::Object;
use crate::{Arguments, CallContext, Value};

/// A method: the context, the value it belongs to, and the arguments.
pub(crate) type Method = fn(&mut CallContext<'_>, &Value, Arguments) -> Result<Value>;

/// The method `name` of a value that is no object.
pub(crate) fn find(owner: &Value, name: &str) -> Option<Method> {
    match owner {
        Value::Str(_) => text::find(name),
        Value::List(_) => list::find(name),
        Value::Tuple(_) => list::find_tuple(name),
        Value::Dict(_) => dict::find(name),
        Value::Set(_) => set::find(name),
        Value::Int(_) | Value::Float(_) | Value::Bool(_) => number::find(name),
        Value::Undefined(_) | Value::None | Value::Object(_) => None,
    }
}

/// The method `name` as a value of its own: `{% set add = items.append %}`.
pub(crate) fn bound(owner: &Value, name: &str) -> Option<Value> {
    let method = find(owner, name)?;
    Some(Value::object(Bound {
        owner: owner.clone(),
        name: name.to_owned(),
        method,
    }))
}

struct Bound {
    owner: Value,
    name: String,
    method: Method,
}

impl Object for Bound {
    fn type_name(&self) -> &str {
        "builtin_function_or_method"
    }

    fn call(&self, context: &mut CallContext<'_>, arguments: Arguments) -> Result<Value> {
        (self.method)(context, &self.owner, arguments)
    }

    fn callable(&self) -> bool {
        true
    }

    fn repr(&self) -> String {
        format!(
            "<built-in method {} of {} object>",
            self.name,
            self.owner.type_name()
        )
    }
}

/// The entries of a mapping.
pub(crate) fn entries_of(value: &Value) -> Result<Vec<(Value, Value)>> {
    match value {
        Value::Dict(dict) => Ok(dict.items()),
        Value::Object(object) if object.mapping() => {
            let mut entries = Vec::new();
            for key in object.iterate()?.unwrap_or_default() {
                let item = object.get_item(&key)?.unwrap_or(Value::None);
                entries.push((key, item));
            }
            Ok(entries)
        }
        _ => Err(crate::fail::wrong_type("the value", "a mapping", value)),
    }
}

/// The entries of a mapping, or of an iterable of pairs, as `dict()` and `update()` take them.
pub(crate) fn entries_or_pairs(value: &Value) -> Result<Vec<(Value, Value)>> {
    let mapping = match value {
        Value::Dict(_) => true,
        Value::Object(object) => object.mapping(),
        _ => false,
    };
    if mapping {
        return entries_of(value);
    }
    let mut entries = Vec::new();
    for pair in value.iterate()? {
        match <[Value; 2]>::try_from(pair.iterate()?) {
            Ok([key, value]) => entries.push((key, value)),
            Err(parts) => {
                let message = format!("a dict is made of pairs, not of {} values", parts.len());
                return Err(crate::fail::bad_value(message));
            }
        }
    }
    Ok(entries)
}
