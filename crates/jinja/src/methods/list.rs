//! Methods of lists and tuples.

use diagnostic::Result;

use super::Method;
use crate::fail::{bad_value, wrong_type};
use crate::{CallContext, List, Value};

pub(super) fn find(name: &str) -> Option<Method> {
    Some(match name {
        "append" => |_, owner, arguments| {
            list(owner)?.push(arguments.one("list.append", "value")?);
            Ok(Value::None)
        },
        "extend" => |_, owner, arguments| {
            let items = arguments.one("list.extend", "items")?.iterate()?;
            list(owner)?.change(|list| list.extend(items));
            Ok(Value::None)
        },
        "insert" => |_, owner, arguments| {
            let [index, value] = arguments.bind("list.insert", ["index", "value"], 2)?;
            let index = whole("the index", &index.unwrap_or(Value::None))?;
            let value = value.unwrap_or(Value::None);
            list(owner)?.change(|list| {
                let at = clamp(index, list.len());
                list.insert(at, value);
            });
            Ok(Value::None)
        },
        "remove" => |_, owner, arguments| {
            let value = arguments.one("list.remove", "value")?;
            let owner = list(owner)?;
            match owner.items().iter().position(|item| *item == value) {
                Some(at) => {
                    owner.change(|list| list.remove(at));
                    Ok(Value::None)
                }
                None => Err(bad_value(format!("{} is not in the list", value.repr()))),
            }
        },
        "pop" => |_, owner, arguments| {
            let [index] = arguments.bind("list.pop", ["index"], 0)?;
            let index = whole("the index", &index.unwrap_or(Value::Int(-1)))?;
            list(owner)?
                .change(|list| {
                    let at = if index < 0 {
                        index + list.len() as i128
                    } else {
                        index
                    };
                    let at = usize::try_from(at).ok().filter(|at| *at < list.len())?;
                    Some(list.remove(at))
                })
                .ok_or_else(|| bad_value(format!("the list has no item {index} to pop")))
        },
        "clear" => |_, owner, arguments| {
            arguments.none("list.clear")?;
            list(owner)?.change(Vec::clear);
            Ok(Value::None)
        },
        "reverse" => |_, owner, arguments| {
            arguments.none("list.reverse")?;
            list(owner)?.change(|list| list.reverse());
            Ok(Value::None)
        },
        "sort" => |context, owner, arguments| {
            let [key, reverse] = arguments.bind("list.sort", ["key", "reverse"], 0)?;
            let owner = list(owner)?;
            let reverse = reverse.is_some_and(|flag| flag.truthy());
            let sorted = sort_by_key(context, owner.items(), key.as_ref(), reverse)?;
            owner.change(|list| *list = sorted);
            Ok(Value::None)
        },
        "copy" => |_, owner, arguments| {
            arguments.none("list.copy")?;
            Ok(Value::list(list(owner)?.items()))
        },
        _ => return find_tuple(name),
    })
}

pub(super) fn find_tuple(name: &str) -> Option<Method> {
    Some(match name {
        "count" => |_, owner, arguments| {
            let value = arguments.one("count", "value")?;
            Ok(Value::from(
                owner
                    .iterate()?
                    .iter()
                    .filter(|item| **item == value)
                    .count(),
            ))
        },
        "index" => |_, owner, arguments| {
            let [value, start, end] = arguments.bind("index", ["value", "start", "end"], 1)?;
            let value = value.unwrap_or(Value::None);
            let items = owner.iterate()?;
            let bound = |bound: Option<Value>, default: usize| match bound {
                None => Ok(default),
                Some(bound) => whole("the bound", &bound).map(|at| clamp(at, items.len())),
            };
            let (start, end) = (bound(start, 0)?, bound(end, items.len())?);
            let found = items
                .iter()
                .take(end)
                .skip(start)
                .position(|item| *item == value);
            match found {
                Some(at) => Ok(Value::from(start + at)),
                None => Err(bad_value(format!(
                    "{} is not in the sequence",
                    value.repr()
                ))),
            }
        },
        _ => return None,
    })
}

/// Sorts stably by what `key` gives for each item (the item itself without one).
pub(crate) fn sort_by_key(
    context: &mut CallContext<'_>,
    items: Vec<Value>,
    key: Option<&Value>,
    reverse: bool,
) -> Result<Vec<Value>> {
    let mut keyed = Vec::with_capacity(items.len());
    for item in items {
        let sort_key = match key {
            None | Some(Value::None) => item.clone(),
            Some(key) => context.call(key, crate::Arguments::of([item.clone()]))?,
        };
        keyed.push((sort_key, item));
    }
    sort_keyed(keyed, reverse)
}

/// Sorts stably by the first of each pair; gives the second ones.
pub(crate) fn sort_keyed(mut keyed: Vec<(Value, Value)>, reverse: bool) -> Result<Vec<Value>> {
    let mut failure = None;
    keyed.sort_by(|(left, _), (right, _)| {
        let order = left.order(right).unwrap_or_else(|error| {
            failure.get_or_insert(error);
            std::cmp::Ordering::Equal
        });
        if reverse { order.reverse() } else { order }
    });
    match failure {
        Some(error) => Err(error),
        None => Ok(keyed.into_iter().map(|(_, item)| item).collect()),
    }
}

fn list(owner: &Value) -> Result<&List> {
    match owner {
        Value::List(list) => Ok(list),
        _ => Err(wrong_type("the value", "a list", owner)),
    }
}

pub(super) fn whole(what: &str, value: &Value) -> Result<i128> {
    value
        .as_int()
        .ok_or_else(|| wrong_type(what, "a whole number", value))
}

/// A position as Python's slices take it: from the end if negative, never outside.
pub(super) fn clamp(index: i128, length: usize) -> usize {
    let length_wide = length as i128;
    let index = if index < 0 {
        index + length_wide
    } else {
        index
    };
    usize::try_from(index.clamp(0, length_wide)).unwrap_or(length)
}
