//! Jinja2's filters, and dbt's.

pub(crate) mod json;
mod native;
pub(crate) use native::check_converted;
mod number;
mod select;
mod sequence;
mod text;

use diagnostic::Result;

use crate::{Arguments, CallContext, Value};

/// A filter: the context and the arguments, of which the filtered value is the first.
pub(crate) type Filter = fn(&mut CallContext<'_>, Arguments) -> Result<Value>;

/// The names of all filters, for suggestions.
pub(crate) const NAMES: &[&str] = &[
    "abs",
    "as_bool",
    "as_native",
    "as_number",
    "as_text",
    "attr",
    "batch",
    "capitalize",
    "center",
    "count",
    "d",
    "default",
    "dictsort",
    "e",
    "escape",
    "filesizeformat",
    "first",
    "float",
    "forceescape",
    "format",
    "groupby",
    "indent",
    "int",
    "items",
    "join",
    "last",
    "length",
    "list",
    "lower",
    "map",
    "max",
    "min",
    "pprint",
    "random",
    "reject",
    "rejectattr",
    "replace",
    "reverse",
    "round",
    "safe",
    "select",
    "selectattr",
    "slice",
    "sort",
    "string",
    "striptags",
    "sum",
    "title",
    "tojson",
    "trim",
    "truncate",
    "unique",
    "upper",
    "urlencode",
    "wordcount",
    "wordwrap",
    "xmlattr",
];

/// The filter `name`.
pub(crate) fn find(name: &str) -> Option<Filter> {
    text::find(name)
        .or_else(|| sequence::find(name))
        .or_else(|| select::find(name))
        .or_else(|| number::find(name))
        .or_else(|| native::find(name))
}

/// The value to filter, when `bind` has made sure that it is there.
fn given(value: Option<Value>) -> Value {
    value.unwrap_or(Value::None)
}

/// A flag argument.
fn flag(value: Option<Value>, default: bool) -> bool {
    value.map_or(default, |value| value.truthy())
}

/// A size argument.
fn size(what: &str, value: Option<Value>, default: usize) -> Result<usize> {
    let Some(value) = value else {
        return Ok(default);
    };
    let number = value
        .as_int()
        .ok_or_else(|| crate::fail::wrong_type(what, "a whole number", &value))?;
    let number = usize::try_from(number.max(0)).unwrap_or(usize::MAX);
    if number > crate::value::MAX_SIZE {
        return Err(crate::format::too_wide(number));
    }
    Ok(number)
}
