//! `modules.itertools`, as lists: templates only ever loop over them.

use diagnostic::{Error, Result, codes};

use crate::fail::{bad_value, wrong_type};
use crate::value::{HostFunction, MAX_SIZE};
use crate::{Arguments, CallContext, Dict, Operator, Value};

/// The module.
pub(super) fn module() -> Value {
    fn function<F: HostFunction>(name: &'static str, function: F) -> (&'static str, Value) {
        (name, Value::function(name, function))
    }
    Value::Dict(Dict::from_iter([
        function("chain", |_, arguments| {
            let mut all = Vec::new();
            for part in &arguments.positional {
                all.extend(part.iterate()?);
            }
            Ok(Value::list(all))
        }),
        function("product", |_, mut arguments: Arguments| {
            let repeat = count(arguments.take("repeat"), 1)?;
            let pools = pools(&arguments.positional)?;
            let repeated: Vec<&Vec<Value>> = std::iter::repeat_n(pools.iter(), repeat)
                .flatten()
                .collect();
            product(&repeated)
        }),
        function("combinations", |_, arguments| {
            let (pool, size) = pool_and_size("combinations", arguments)?;
            choose(&pool, size, |used, index| {
                used.last().is_none_or(|last| index > *last)
            })
        }),
        function("combinations_with_replacement", |_, arguments| {
            let (pool, size) = pool_and_size("combinations_with_replacement", arguments)?;
            choose(&pool, size, |used, index| {
                used.last().is_none_or(|last| index >= *last)
            })
        }),
        function("permutations", |_, arguments| {
            let (pool, size) = pool_and_size("permutations", arguments)?;
            choose(&pool, size, |used, index| !used.contains(&index))
        }),
        function("accumulate", accumulate),
        function("islice", |_, arguments| {
            let [items, start, stop, step] =
                arguments.bind("islice", ["iterable", "start", "stop", "step"], 2)?;
            let items = Value::list(items.unwrap_or(Value::None).iterate()?);
            let number = |value: Option<Value>| value.and_then(|value| value.as_int());
            let bounds = match stop {
                None => [None, number(start), None],
                stop => [number(start), number(stop), number(step)],
            };
            crate::value::slice(&items, bounds)
        }),
        function("repeat", |_, arguments| {
            let [value, times] = arguments.bind("repeat", ["object", "times"], 2)?;
            let times = count(times, 0)?;
            Ok(Value::list(vec![value.unwrap_or(Value::None); times]))
        }),
        function("zip_longest", |_, mut arguments: Arguments| {
            let fill = arguments.take("fillvalue").unwrap_or(Value::None);
            let pools = pools(&arguments.positional)?;
            let longest = pools.iter().map(Vec::len).max().unwrap_or(0);
            Ok(Value::list((0..longest).map(|index| {
                Value::tuple(
                    pools
                        .iter()
                        .map(|pool| pool.get(index).unwrap_or(&fill).clone()),
                )
            })))
        }),
        function("groupby", groupby),
    ]))
}

fn count(value: Option<Value>, default: usize) -> Result<usize> {
    let Some(value) = value else {
        return Ok(default);
    };
    let number = value
        .as_int()
        .ok_or_else(|| wrong_type("the number", "a whole number", &value))?;
    usize::try_from(number)
        .ok()
        .filter(|number| *number <= MAX_SIZE)
        .ok_or_else(|| bad_value(format!("{number} is out of range")))
}

fn pools(arguments: &[Value]) -> Result<Vec<Vec<Value>>> {
    arguments.iter().map(Value::iterate).collect()
}

fn pool_and_size(name: &str, arguments: Arguments) -> Result<(Vec<Value>, usize)> {
    let [items, size] = arguments.bind(name, ["iterable", "r"], 1)?;
    let pool = items.unwrap_or(Value::None).iterate()?;
    let size = count(size, pool.len())?;
    Ok((pool, size))
}

/// More results than this would fill the memory.
const MOST: usize = 5_000_000;

fn too_many() -> Error {
    Error::new(codes::J3003, format!("there are more than {MOST} results"))
}

fn product(pools: &[&Vec<Value>]) -> Result<Value> {
    let mut rows: Vec<Vec<Value>> = vec![Vec::new()];
    for pool in pools {
        if rows.len().saturating_mul(pool.len()) > MOST {
            return Err(too_many());
        }
        rows = rows
            .iter()
            .flat_map(|row| {
                pool.iter().map(move |item| {
                    let mut longer = row.clone();
                    longer.push(item.clone());
                    longer
                })
            })
            .collect();
    }
    Ok(Value::list(rows.into_iter().map(Value::tuple)))
}

/// All ways to choose `size` positions of the pool, each allowed by `fits` after those before it.
fn choose(pool: &[Value], size: usize, fits: fn(&[usize], usize) -> bool) -> Result<Value> {
    let mut chosen: Vec<Vec<usize>> = vec![Vec::new()];
    for _ in 0..size {
        let mut longer = Vec::new();
        for used in &chosen {
            for index in (0..pool.len()).filter(|index| fits(used, *index)) {
                let mut next = used.clone();
                next.push(index);
                longer.push(next);
            }
            if longer.len() > MOST {
                return Err(too_many());
            }
        }
        chosen = longer;
    }
    Ok(Value::list(chosen.into_iter().map(|positions| {
        Value::tuple(positions.into_iter().map(|index| pool[index].clone()))
    })))
}

fn accumulate(context: &mut CallContext<'_>, arguments: Arguments) -> Result<Value> {
    let [items, function] = arguments.bind("accumulate", ["iterable", "func"], 1)?;
    let mut total: Option<Value> = None;
    let mut totals = Vec::new();
    for item in items.unwrap_or(Value::None).iterate()? {
        let next = match (total, &function) {
            (None, _) => item,
            (Some(total), None) => total.operate(Operator::Add, &item)?,
            (Some(total), Some(function)) => {
                context.call(function, Arguments::of([total, item]))?
            }
        };
        totals.push(next.clone());
        total = Some(next);
    }
    Ok(Value::list(totals))
}

fn groupby(context: &mut CallContext<'_>, arguments: Arguments) -> Result<Value> {
    let [items, key] = arguments.bind("groupby", ["iterable", "key"], 1)?;
    let mut groups: Vec<(Value, Vec<Value>)> = Vec::new();
    for item in items.unwrap_or(Value::None).iterate()? {
        let by = match &key {
            None | Some(Value::None) => item.clone(),
            Some(key) => context.call(key, Arguments::of([item.clone()]))?,
        };
        match groups.last_mut() {
            Some((last, items)) if *last == by => items.push(item),
            _ => groups.push((by, vec![item])),
        }
    }
    Ok(Value::list(groups.into_iter().map(|(key, items)| {
        Value::tuple([key, Value::list(items)])
    })))
}
