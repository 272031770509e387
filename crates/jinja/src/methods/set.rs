//! Methods of sets.

use diagnostic::Result;

use super::Method;
use crate::fail::bad_value;
use crate::{Arguments, Key, Set, Value};

pub(super) fn find(name: &str) -> Option<Method> {
    Some(match name {
        "add" => |_, owner, arguments| {
            set(owner)?.insert(Key::new(arguments.one("set.add", "value")?)?);
            Ok(Value::None)
        },
        "discard" => |_, owner, arguments| {
            set(owner)?.remove(&Key::new(arguments.one("set.discard", "value")?)?);
            Ok(Value::None)
        },
        "remove" => |_, owner, arguments| {
            let key = Key::new(arguments.one("set.remove", "value")?)?;
            if set(owner)?.remove(&key) {
                return Ok(Value::None);
            }
            Err(bad_value(format!(
                "{} is not in the set",
                key.value().repr()
            )))
        },
        "pop" => |_, owner, arguments| {
            arguments.none("set.pop")?;
            set(owner)?
                .pop()
                .ok_or_else(|| bad_value("the set is empty"))
        },
        "clear" => |_, owner, arguments| {
            arguments.none("set.clear")?;
            set(owner)?.clear();
            Ok(Value::None)
        },
        "copy" => |_, owner, arguments| {
            arguments.none("set.copy")?;
            Ok(Value::Set(set(owner)?.members().into_iter().collect()))
        },
        "update" => |_, owner, arguments| {
            for other in others(arguments)? {
                for key in other.members() {
                    set(owner)?.insert(key);
                }
            }
            Ok(Value::None)
        },
        "union" => |_, owner, arguments| {
            let union: Set = set(owner)?.members().into_iter().collect();
            for other in others(arguments)? {
                for key in other.members() {
                    union.insert(key);
                }
            }
            Ok(union.into())
        },
        "intersection" => |_, owner, arguments| {
            let others = others(arguments)?;
            Ok(Value::Set(keep(set(owner)?, |key| {
                others.iter().all(|set| set.contains(key))
            })))
        },
        "difference" => |_, owner, arguments| {
            let others = others(arguments)?;
            Ok(Value::Set(keep(set(owner)?, |key| {
                !others.iter().any(|set| set.contains(key))
            })))
        },
        "symmetric_difference" => |_, owner, arguments| {
            let owner = set(owner)?;
            let other = members(&arguments.one("set.symmetric_difference", "other")?)?;
            let result = keep(owner, |key| !other.contains(key));
            for key in other.members() {
                if !owner.contains(&key) {
                    result.insert(key);
                }
            }
            Ok(result.into())
        },
        "issubset" => |_, owner, arguments| {
            let other = members(&arguments.one("set.issubset", "other")?)?;
            Ok(Value::Bool(
                set(owner)?.members().iter().all(|key| other.contains(key)),
            ))
        },
        "issuperset" => |_, owner, arguments| {
            let other = members(&arguments.one("set.issuperset", "other")?)?;
            let owner = set(owner)?;
            Ok(Value::Bool(
                other.members().iter().all(|key| owner.contains(key)),
            ))
        },
        "isdisjoint" => |_, owner, arguments| {
            let other = members(&arguments.one("set.isdisjoint", "other")?)?;
            Ok(Value::Bool(
                !set(owner)?.members().iter().any(|key| other.contains(key)),
            ))
        },
        _ => return None,
    })
}

fn keep(set: &Set, wanted: impl Fn(&Key) -> bool) -> Set {
    set.members().into_iter().filter(wanted).collect()
}

fn others(arguments: Arguments) -> Result<Vec<Set>> {
    arguments.positional.iter().map(members).collect()
}

/// The members of any iterable, as a set.
pub(crate) fn members(value: &Value) -> Result<Set> {
    match value {
        Value::Set(set) => Ok(set.clone()),
        _ => value.iterate()?.into_iter().map(Key::new).collect(),
    }
}

fn set(owner: &Value) -> Result<&Set> {
    match owner {
        Value::Set(set) => Ok(set),
        _ => Err(crate::fail::wrong_type("the value", "a set", owner)),
    }
}
