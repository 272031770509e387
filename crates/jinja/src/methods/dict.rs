//! Methods of dicts.

use diagnostic::Result;

use super::{Method, entries_or_pairs};
use crate::fail::bad_value;
use crate::{Dict, Key, Value};

pub(super) fn find(name: &str) -> Option<Method> {
    Some(match name {
        "get" => |_, owner, arguments| {
            let [key, default] = arguments.bind("dict.get", ["key", "default"], 1)?;
            let key = Key::new(key.unwrap_or(Value::None))?;
            let found = dict(owner)?.get_key(&key);
            Ok(found.or(default).unwrap_or(Value::None))
        },
        "items" => |_, owner, arguments| {
            arguments.none("dict.items")?;
            Ok(Value::list(
                dict(owner)?
                    .items()
                    .into_iter()
                    .map(|(k, v)| Value::tuple([k, v])),
            ))
        },
        "keys" => |_, owner, arguments| {
            arguments.none("dict.keys")?;
            Ok(Value::list(dict(owner)?.keys()))
        },
        "values" => |_, owner, arguments| {
            arguments.none("dict.values")?;
            Ok(Value::list(dict(owner)?.values()))
        },
        "update" => |_, owner, mut arguments| {
            let owner = dict(owner)?;
            let named = std::mem::take(&mut arguments.named);
            let [other] = arguments.bind("dict.update", ["other"], 0)?;
            if let Some(other) = other {
                for (key, value) in entries_or_pairs(&other)? {
                    owner.insert_key(Key::new(key)?, value);
                }
            }
            for (name, value) in named {
                owner.insert(&name, value);
            }
            Ok(Value::None)
        },
        "pop" => |_, owner, arguments| {
            let [key, default] = arguments.bind("dict.pop", ["key", "default"], 1)?;
            let key = Key::new(key.unwrap_or(Value::None))?;
            match dict(owner)?.remove_key(&key).or(default) {
                Some(value) => Ok(value),
                None => Err(bad_value(format!(
                    "the dict has no key {}",
                    key.value().repr()
                ))),
            }
        },
        "popitem" => |_, owner, arguments| {
            arguments.none("dict.popitem")?;
            match dict(owner)?.pop_last() {
                Some((key, value)) => Ok(Value::tuple([key, value])),
                None => Err(bad_value("`popitem` needs a dict that is not empty")),
            }
        },
        "setdefault" => |_, owner, arguments| {
            let [key, default] = arguments.bind("dict.setdefault", ["key", "default"], 1)?;
            let key = Key::new(key.unwrap_or(Value::None))?;
            let owner = dict(owner)?;
            if let Some(value) = owner.get_key(&key) {
                return Ok(value);
            }
            let value = default.unwrap_or(Value::None);
            owner.insert_key(key, value.clone());
            Ok(value)
        },
        "copy" => |_, owner, arguments| {
            arguments.none("dict.copy")?;
            Ok(Value::Dict(dict(owner)?.copy()))
        },
        "clear" => |_, owner, arguments| {
            arguments.none("dict.clear")?;
            dict(owner)?.clear();
            Ok(Value::None)
        },
        "fromkeys" => |_, _, arguments| {
            let [keys, value] = arguments.bind("dict.fromkeys", ["keys", "value"], 1)?;
            let value = value.unwrap_or(Value::None);
            let made = Dict::new();
            for key in keys.unwrap_or(Value::None).iterate()? {
                made.insert_key(Key::new(key)?, value.clone());
            }
            Ok(made.into())
        },
        _ => return None,
    })
}

fn dict(owner: &Value) -> Result<&Dict> {
    owner
        .as_dict()
        .ok_or_else(|| crate::fail::wrong_type("the value", "a dict", owner))
}
