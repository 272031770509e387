//! Values from and to Rust types and JSON.

use std::sync::Arc;

use diagnostic::{Error, Result, codes};
use serde_json::Value as Json;

use super::{Dict, Key, List, Set, Value};

macro_rules! from {
    ($($kind:ty => $variant:ident($convert:expr)),* $(,)?) => {$(
        impl From<$kind> for Value {
            fn from(value: $kind) -> Self {
                let convert: fn($kind) -> _ = $convert;
                Value::$variant(convert(value))
            }
        }
    )*};
}

from! {
    bool => Bool(|v| v),
    i32 => Int(i128::from),
    i64 => Int(i128::from),
    i128 => Int(|v| v),
    u32 => Int(i128::from),
    u64 => Int(i128::from),
    usize => Int(|v| v as i128),
    f64 => Float(|v| v),
    String => Str(Arc::from),
    Arc<str> => Str(|v| v),
    List => List(|v| v),
    Dict => Dict(|v| v),
    Set => Set(|v| v),
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::Str(Arc::from(text))
    }
}

impl From<Vec<Value>> for Value {
    fn from(items: Vec<Value>) -> Self {
        Value::list(items)
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Value::None, Into::into)
    }
}

impl From<&Json> for Value {
    fn from(json: &Json) -> Self {
        match json {
            Json::Null => Value::None,
            Json::Bool(flag) => Value::Bool(*flag),
            Json::Number(number) => match (number.as_i64(), number.as_u64()) {
                (Some(number), _) => Value::from(number),
                (_, Some(number)) => Value::from(number),
                _ => Value::Float(number.as_f64().unwrap_or(f64::NAN)),
            },
            Json::String(text) => Value::from(text.as_str()),
            Json::Array(items) => Value::list(items.iter().map(Value::from)),
            Json::Object(map) => Value::Dict(
                map.iter()
                    .map(|(key, value)| (key.as_str(), Value::from(value)))
                    .collect(),
            ),
        }
    }
}

impl From<Json> for Value {
    fn from(json: Json) -> Self {
        Value::from(&json)
    }
}

/// A list inside lists deeper than this is refused: it probably contains itself.
const DEPTH: usize = 128;

impl Value {
    /// As JSON. Tuples and sets become arrays; keys become text as in Python's `json`.
    ///
    /// # Errors
    /// J2002 for what has no JSON form (macros, undefined), J2005 for a number JSON cannot hold.
    pub fn to_json(&self) -> Result<Json> {
        to_json(self, 0)
    }
}

fn to_json(value: &Value, depth: usize) -> Result<Json> {
    if depth > DEPTH {
        return Err(Error::new(
            codes::J2005,
            "the value is nested too deeply for JSON",
        ));
    }
    let array = |items: &[Value]| -> Result<Json> {
        Ok(Json::Array(
            items
                .iter()
                .map(|item| to_json(item, depth + 1))
                .collect::<Result<_>>()?,
        ))
    };
    match value {
        Value::None => Ok(Json::Null),
        Value::Bool(flag) => Ok(Json::Bool(*flag)),
        Value::Int(number) => match (i64::try_from(*number), u64::try_from(*number)) {
            (Ok(number), _) => Ok(number.into()),
            (_, Ok(number)) => Ok(number.into()),
            _ => Err(Error::new(
                codes::J2005,
                format!("{number} is too large for JSON"),
            )),
        },
        Value::Float(number) => serde_json::Number::from_f64(*number)
            .map(Json::Number)
            .ok_or_else(|| Error::new(codes::J2005, format!("{number} has no JSON form"))),
        Value::Str(text) => Ok(Json::String(text.to_string())),
        Value::List(list) => array(&list.items()),
        Value::Tuple(items) => array(items),
        Value::Set(set) => array(&set.items()),
        Value::Dict(dict) => {
            let mut map = serde_json::Map::new();
            for (key, value) in dict.items() {
                map.insert(json_key(&key)?, to_json(&value, depth + 1)?);
            }
            Ok(Json::Object(map))
        }
        Value::Object(object) => object.to_json().ok_or_else(|| no_json(value)),
        Value::Undefined(_) => Err(crate::fail::undefined(value)),
    }
}

fn json_key(key: &Value) -> Result<String> {
    match key {
        Value::Str(text) => Ok(text.to_string()),
        Value::Bool(flag) => Ok(flag.to_string()),
        Value::None => Ok("null".to_owned()),
        Value::Int(_) | Value::Float(_) => Ok(key.to_string()),
        _ => Err(no_json(key)),
    }
}

fn no_json(value: &Value) -> Error {
    Error::new(
        codes::J2002,
        format!("a `{}` has no JSON form", value.type_name()),
    )
}

impl Value {
    /// As JSON text, as Python's `json.dumps` writes it: `, ` and `: ` between the parts, other
    /// characters than ASCII escaped.
    ///
    /// # Errors
    /// As [`Value::to_json`].
    pub fn to_json_text(&self, indent: Option<usize>, sort_keys: bool) -> Result<String> {
        crate::filters::json::dumps(self, indent, sort_keys)
    }

    /// The value as a set member or dict key.
    ///
    /// # Errors
    /// J2002 if it is mutable.
    pub fn to_key(&self) -> Result<Key> {
        Key::new(self.clone())
    }
}
