//! Filters of sequences as a whole.

use rand::RngExt as _;

use super::{Filter, given, size};
use crate::Value;
use crate::fail::{bad_value, wrong_type};

pub(super) fn find(name: &str) -> Option<Filter> {
    Some(match name {
        "length" | "count" => |_, a| {
            let value = a.one("length", "value")?;
            value
                .len()
                .map(Value::from)
                .ok_or_else(|| wrong_type("the value", "a sequence", &value))
        },
        "list" => |_, a| a.one("list", "value")?.iterate().map(Value::list),
        "join" => |context, a| {
            let [value, separator, attribute] = a.bind("join", ["value", "d", "attribute"], 1)?;
            let separator = separator.map(|value| value.to_string()).unwrap_or_default();
            let mut out = String::new();
            for (index, item) in given(value).iterate()?.into_iter().enumerate() {
                if index > 0 {
                    out.push_str(&separator);
                }
                let item = match &attribute {
                    None | Some(Value::None) => item,
                    Some(path) => super::select::path_of(context, &item, path)?,
                };
                item.write_to(&mut out);
            }
            Ok(out.into())
        },
        "first" => |_, a| {
            let value = a.one("first", "seq")?;
            let first = value.iterate()?.into_iter().next();
            Ok(first.unwrap_or_else(|| Value::undefined("the first item of nothing")))
        },
        "last" => |_, a| {
            let value = a.one("last", "seq")?;
            let last = value.iterate()?.pop();
            Ok(last.unwrap_or_else(|| Value::undefined("the last item of nothing")))
        },
        "random" => |_, a| {
            let mut items = a.one("random", "seq")?.iterate()?;
            if items.is_empty() {
                return Ok(Value::undefined("a random item of nothing"));
            }
            let at = rand::rng().random_range(0..items.len());
            Ok(items.swap_remove(at))
        },
        "reverse" => |_, a| {
            let value = a.one("reverse", "value")?;
            if let Value::Str(text) = &value {
                return Ok(text.chars().rev().collect::<String>().into());
            }
            let mut items = value.iterate()?;
            items.reverse();
            Ok(Value::list(items))
        },
        "items" => |_, a| {
            let value = a.one("items", "value")?;
            if value.is_undefined() {
                return Ok(Value::list([]));
            }
            let entries = crate::methods::entries_of(&value)?;
            Ok(Value::list(
                entries
                    .into_iter()
                    .map(|(key, value)| Value::tuple([key, value])),
            ))
        },
        "batch" => |_, a| {
            let [value, count, fill] = a.bind("batch", ["value", "linecount", "fill_with"], 2)?;
            let count = size("the size", count, 1)?;
            if count == 0 {
                return Err(bad_value("the size of a batch has to be at least 1"));
            }
            let items = given(value).iterate()?;
            let batches = items.chunks(count).map(|chunk| {
                let mut batch = chunk.to_vec();
                if let Some(fill) = fill.as_ref().filter(|fill| !fill.is_none()) {
                    batch.resize(count, fill.clone());
                }
                Value::list(batch)
            });
            Ok(Value::list(batches))
        },
        "slice" => |_, a| {
            let [value, slices, fill] = a.bind("slice", ["value", "slices", "fill_with"], 2)?;
            let slices = size("the number of slices", slices, 1)?;
            if slices == 0 || slices > 1 << 20 {
                return Err(bad_value("the number of slices has to be at least 1"));
            }
            Ok(sliced(
                &given(value).iterate()?,
                slices,
                fill.filter(|fill| !fill.is_none()),
            ))
        },
        _ => return None,
    })
}

/// Cuts into a number of lists, the first ones one longer if it does not come out even.
fn sliced(items: &[Value], slices: usize, fill: Option<Value>) -> Value {
    let each = items.len() / slices;
    let longer = items.len() % slices;
    let mut rest = items.iter().cloned();
    Value::list((0..slices).map(|index| {
        let count = each + usize::from(index < longer);
        let mut slice: Vec<Value> = rest.by_ref().take(count).collect();
        if let Some(fill) = fill.as_ref().filter(|_| index >= longer) {
            slice.push(fill.clone());
        }
        Value::list(slice)
    }))
}
