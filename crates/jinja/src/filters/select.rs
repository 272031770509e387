//! Filters that choose or change the items of a sequence.

use std::sync::Arc;

use diagnostic::{Error, Result, codes};

use super::{Filter, flag, given};
use crate::methods::list::sort_keyed;
use crate::{Arguments, CallContext, Key, Set, Value};

pub(super) fn find(name: &str) -> Option<Filter> {
    Some(match name {
        "map" => map,
        "select" => |context, a| select(context, a, true, false),
        "reject" => |context, a| select(context, a, false, false),
        "selectattr" => |context, a| select(context, a, true, true),
        "rejectattr" => |context, a| select(context, a, false, true),
        "attr" => |context, a| {
            let [value, name] = a.bind("attr", ["obj", "name"], 2)?;
            let (value, name) = (given(value), given(name).to_string());
            // Unlike `.`, this asks for attributes only, never for the keys of a dict.
            let dict_key =
                matches!(&value, Value::Dict(_)) && crate::methods::find(&value, &name).is_none();
            if dict_key {
                return Ok(Value::missing(&value, name));
            }
            context.attribute(&value, &name)
        },
        "sort" => |context, a| {
            let [value, reverse, case_sensitive, attribute] = a.bind(
                "sort",
                ["value", "reverse", "case_sensitive", "attribute"],
                1,
            )?;
            let fold = !flag(case_sensitive, false);
            let paths: Vec<Value> = match &attribute {
                None | Some(Value::None) => Vec::new(),
                Some(Value::Str(names)) => names.split(',').map(Value::from).collect(),
                Some(path) => vec![path.clone()],
            };
            let mut keyed = Vec::new();
            for item in given(value).iterate()? {
                let mut keys = Vec::with_capacity(paths.len());
                for path in &paths {
                    keys.push(folded(path_of(context, &item, path)?, fold));
                }
                let key = if paths.is_empty() {
                    folded(item.clone(), fold)
                } else {
                    Value::tuple(keys)
                };
                keyed.push((key, item));
            }
            sort_keyed(keyed, flag(reverse, false)).map(Value::list)
        },
        "dictsort" => |_, a| {
            let [value, case_sensitive, by, reverse] =
                a.bind("dictsort", ["value", "case_sensitive", "by", "reverse"], 1)?;
            let fold = !flag(case_sensitive, false);
            let by_value = match by.unwrap_or_else(|| "key".into()).as_str() {
                Some("key") => false,
                Some("value") => true,
                _ => return Err(crate::fail::bad_value("`by` has to be `key` or `value`")),
            };
            let keyed = crate::methods::entries_of(&given(value))?
                .into_iter()
                .map(|(key, value)| {
                    let by = if by_value { value.clone() } else { key.clone() };
                    (folded(by, fold), Value::tuple([key, value]))
                })
                .collect();
            sort_keyed(keyed, flag(reverse, false)).map(Value::list)
        },
        "unique" => |context, a| {
            let [value, case_sensitive, attribute] =
                a.bind("unique", ["value", "case_sensitive", "attribute"], 1)?;
            let fold = !flag(case_sensitive, false);
            let seen = Set::default();
            let mut kept = Vec::new();
            for item in given(value).iterate()? {
                let key = match &attribute {
                    None | Some(Value::None) => item.clone(),
                    Some(path) => path_of(context, &item, path)?,
                };
                if seen.insert(Key::new(folded(key, fold))?) {
                    kept.push(item);
                }
            }
            Ok(Value::list(kept))
        },
        "groupby" => groupby,
        "min" => |context, a| extreme(context, a, "min", std::cmp::Ordering::Less),
        "max" => |context, a| extreme(context, a, "max", std::cmp::Ordering::Greater),
        _ => return None,
    })
}

/// Text in lower case, unless case matters.
fn folded(value: Value, fold: bool) -> Value {
    match &value {
        Value::Str(text) if fold => text.to_lowercase().into(),
        _ => value,
    }
}

/// The value at `path`: an attribute or item, dotted, or a position.
pub(super) fn path_of(context: &CallContext<'_>, item: &Value, path: &Value) -> Result<Value> {
    let Value::Str(path) = path else {
        return context.item(item, path);
    };
    let mut value = item.clone();
    for part in path.split('.') {
        let key = match part.parse::<i128>() {
            Ok(index) if part.bytes().all(|byte| byte.is_ascii_digit()) => Value::Int(index),
            _ => Value::from(part),
        };
        value = context.item(&value, &key)?;
    }
    Ok(value)
}

fn map(context: &mut CallContext<'_>, mut arguments: Arguments) -> Result<Value> {
    if arguments.positional.is_empty() {
        return Err(missing("map"));
    }
    let items = items_of(&arguments.positional.remove(0))?;
    let mut mapped = Vec::with_capacity(items.len());
    if arguments.positional.is_empty()
        && let Some(path) = arguments.take("attribute")
    {
        let default = arguments.take("default");
        arguments.none("map")?;
        for item in items {
            let value = path_of(context, &item, &path)?;
            mapped.push(match &default {
                Some(default) if value.is_undefined() => default.clone(),
                _ => value,
            });
        }
        return Ok(Value::list(mapped));
    }
    if arguments.positional.is_empty() {
        return Err(missing("map"));
    }
    let filter = arguments.positional.remove(0);
    for item in items {
        let mut call = arguments.clone();
        call.positional.insert(0, item);
        mapped.push(match &filter {
            Value::Str(name) => context.apply_filter(name, call)?,
            callable => context.call(callable, call)?,
        });
    }
    Ok(Value::list(mapped))
}

/// The items of a sequence. As in Jinja2, `map` and `select` take nothing (`none`, `false`) for an
/// empty one.
fn items_of(value: &Value) -> Result<Vec<Value>> {
    match value.truthy() || value.is_undefined() {
        true => value.iterate(),
        false => Ok(Vec::new()),
    }
}

fn missing(filter: &str) -> Error {
    Error::new(
        codes::J2003,
        format!("`{filter}` needs the name of a filter, a test or an attribute"),
    )
}

fn select(
    context: &mut CallContext<'_>,
    mut arguments: Arguments,
    keep: bool,
    by_attribute: bool,
) -> Result<Value> {
    if arguments.positional.is_empty() {
        return Err(missing("select"));
    }
    let items = items_of(&arguments.positional.remove(0))?;
    let path = if !by_attribute {
        None
    } else if arguments.positional.is_empty() {
        return Err(missing("selectattr"));
    } else {
        Some(arguments.positional.remove(0))
    };
    let test: Option<Arc<str>> = if arguments.positional.is_empty() {
        None
    } else {
        Some(arguments.positional.remove(0).to_string().into())
    };
    let mut kept = Vec::new();
    for item in items {
        let value = match &path {
            Some(path) => path_of(context, &item, path)?,
            None => item.clone(),
        };
        let holds = match &test {
            None => value.truthy(),
            Some(test) => {
                let mut call = arguments.clone();
                call.positional.insert(0, value);
                context.apply_test(test, call)?
            }
        };
        if holds == keep {
            kept.push(item);
        }
    }
    Ok(Value::list(kept))
}

fn groupby(context: &mut CallContext<'_>, arguments: Arguments) -> Result<Value> {
    let [value, attribute, default, case_sensitive] = arguments.bind(
        "groupby",
        ["value", "attribute", "default", "case_sensitive"],
        2,
    )?;
    let path = given(attribute);
    let fold = !flag(case_sensitive, false);
    let mut keyed = Vec::new();
    for item in given(value).iterate()? {
        let mut key = path_of(context, &item, &path)?;
        if key.is_undefined()
            && let Some(default) = &default
        {
            key = default.clone();
        }
        keyed.push((folded(key.clone(), fold), Value::tuple([key, item])));
    }
    let mut groups: Vec<(Value, Value, Vec<Value>)> = Vec::new();
    for pair in sort_keyed(keyed, false)? {
        let Ok([key, item]) = <[Value; 2]>::try_from(pair.iterate()?) else {
            continue;
        };
        let by = folded(key.clone(), fold);
        match groups.last_mut() {
            Some((last, _, items)) if *last == by => items.push(item),
            _ => groups.push((by, key, vec![item])),
        }
    }
    Ok(Value::list(groups.into_iter().map(|(_, key, items)| {
        Value::object(Group {
            parts: [key, Value::list(items)],
        })
    })))
}

/// A group: a pair that also has names.
struct Group {
    parts: [Value; 2],
}

impl crate::Object for Group {
    fn type_name(&self) -> &str {
        "_GroupTuple"
    }

    fn get_attr(&self, name: &str) -> Result<Option<Value>> {
        Ok(match name {
            "grouper" => Some(self.parts[0].clone()),
            "list" => Some(self.parts[1].clone()),
            _ => None,
        })
    }

    fn get_item(&self, key: &Value) -> Result<Option<Value>> {
        Ok(match key.as_int() {
            Some(0 | -2) => Some(self.parts[0].clone()),
            Some(1 | -1) => Some(self.parts[1].clone()),
            _ => None,
        })
    }

    fn iterate(&self) -> Result<Option<Vec<Value>>> {
        Ok(Some(self.parts.to_vec()))
    }

    fn len(&self) -> Option<usize> {
        Some(2)
    }

    fn repr(&self) -> String {
        format!("({}, {})", self.parts[0].repr(), self.parts[1].repr())
    }
}

fn extreme(
    context: &mut CallContext<'_>,
    arguments: Arguments,
    name: &str,
    wanted: std::cmp::Ordering,
) -> Result<Value> {
    let [value, case_sensitive, attribute] =
        arguments.bind(name, ["value", "case_sensitive", "attribute"], 1)?;
    let fold = !flag(case_sensitive, false);
    let mut best: Option<(Value, Value)> = None;
    for item in given(value).iterate()? {
        let key = match &attribute {
            None | Some(Value::None) => item.clone(),
            Some(path) => path_of(context, &item, path)?,
        };
        let key = folded(key, fold);
        let better = match &best {
            None => true,
            Some((best, _)) => key.order(best)? == wanted,
        };
        if better {
            best = Some((key, item));
        }
    }
    Ok(best.map_or_else(
        || Value::undefined(format!("the {name} of nothing")),
        |(_, item)| item,
    ))
}
