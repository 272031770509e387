//! Arrays: made, measured, cut and joined. Places count from 0, negative ones from the end.
//!
//! <https://docs.snowflake.com/en/sql-reference/functions/array_construct>

use std::sync::Arc;

use arrow::array::{ArrayRef, LargeStringBuilder, ListBuilder};
use arrow::datatypes::{DataType, Field};
use datafusion::common::{Result, exec_err};

use crate::scalar::{Call, Function, Kind as Parameter, Returns};
use crate::variant::cast::{CARRIER, plain_text};
use crate::variant::{ArrayWriter, Kind, ObjectWriter, UNDEFINED, elements, is_missing, kind};

use super::{each, key};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::kernel(
        "array_construct",
        "array_construct([value, …])",
        &[Parameter::Variant],
        Returns::Array,
        |call| construct(call, false),
    )
    .required(0)
    .repeated()
    .note("NULL becomes undefined"),
    Function::kernel(
        "array_construct_compact",
        "array_construct_compact([value, …])",
        &[Parameter::Variant],
        Returns::Array,
        |call| construct(call, true),
    )
    .required(0)
    .repeated(),
    Function::kernel(
        "$elements",
        "$elements(array)",
        &[Parameter::Semi],
        Returns::With(|_, _| Ok(list_of_values())),
        list,
    ),
    Function::kernel(
        "array_append",
        "array_append(array, value)",
        &[Parameter::Semi, Parameter::Variant],
        Returns::Array,
        |call| {
            let values = call.variant(1)?;
            each(call, Kind::Array, |array, row| {
                Ok(Some(joined(
                    array,
                    &format!("[{}]", values.get(row).unwrap_or(UNDEFINED)),
                )))
            })
        },
    ),
    Function::kernel(
        "array_prepend",
        "array_prepend(array, value)",
        &[Parameter::Semi, Parameter::Variant],
        Returns::Array,
        |call| {
            let values = call.variant(1)?;
            each(call, Kind::Array, |array, row| {
                Ok(Some(joined(
                    &format!("[{}]", values.get(row).unwrap_or(UNDEFINED)),
                    array,
                )))
            })
        },
    ),
    Function::kernel(
        "array_cat",
        "array_cat(left, right)",
        &[Parameter::Semi, Parameter::Semi],
        Returns::Array,
        |call| {
            let others = call.variant(1)?;
            each(call, Kind::Array, |array, row| {
                let other = others.get(row).filter(|other| kind(other) == Kind::Array);
                Ok(other.map(|other| joined(array, other)))
            })
        },
    ),
    Function::kernel(
        "array_compact",
        "array_compact(array)",
        &[Parameter::Semi],
        Returns::Array,
        |call| {
            each(call, Kind::Array, |array, _| {
                Ok(Some(collected(
                    elements(array).filter(|element| !is_missing(element)),
                )))
            })
        },
    ),
    Function::kernel(
        "array_size",
        "array_size(array)",
        &[Parameter::Semi],
        Returns::Integer,
        array_size,
    )
    .note("NULL for what is no array"),
    // DuckDB's `len`, of lists and texts, which `sql::dialect` writes so.
    Function::kernel(
        "$length",
        "length of a list or a text",
        &[Parameter::Any],
        Returns::Integer,
        |call| match call.data_type(0)? {
            &CARRIER => array_size(call),
            _ => {
                let text = call.text(0)?;
                call.integers(|row| {
                    Ok(text
                        .get(row)
                        .and_then(|text| i64::try_from(text.chars().count()).ok()))
                })
            }
        },
    )
    .coerce(|types| match types {
        [CARRIER] => Ok(vec![CARRIER]),
        _ => Ok(vec![DataType::Utf8; types.len()]),
    })
    .unlisted(),
    Function::kernel(
        "array_insert",
        "array_insert(array, position, value)",
        &[Parameter::Semi, Parameter::Integer, Parameter::Variant],
        Returns::Array,
        insert,
    ),
    Function::kernel(
        "array_remove_at",
        "array_remove_at(array, position)",
        &[Parameter::Semi, Parameter::Integer],
        Returns::Array,
        |call| {
            let positions = call.integer(1)?;
            each(call, Kind::Array, |array, row| {
                let Some(position) = positions.get(row) else {
                    return Ok(None);
                };
                let gone = place(position, elements(array).count());
                let kept = elements(array).enumerate();
                let kept = kept.filter(|(at, _)| Some(*at) != gone);
                Ok(Some(collected(kept.map(|(_, element)| element))))
            })
        },
    ),
    Function::kernel(
        "array_reverse",
        "array_reverse(array)",
        &[Parameter::Semi],
        Returns::Array,
        |call| {
            each(call, Kind::Array, |array, _| {
                let mut all: Vec<&str> = elements(array).collect();
                all.reverse();
                Ok(Some(collected(all)))
            })
        },
    ),
    Function::kernel(
        "array_slice",
        "array_slice(array, from, to)",
        &[Parameter::Semi, Parameter::Integer, Parameter::Integer],
        Returns::Array,
        slice,
    )
    .note("without the element at `to`"),
    Function::kernel(
        "array_sort",
        "array_sort(array [, ascending [, nulls first]])",
        &[Parameter::Semi, Parameter::Boolean, Parameter::Boolean],
        Returns::Array,
        sort,
    )
    .required(1),
    Function::kernel(
        "array_max",
        "array_max(array)",
        &[Parameter::Semi],
        Returns::Variant,
        |call| extreme(call, true),
    ),
    Function::kernel(
        "array_min",
        "array_min(array)",
        &[Parameter::Semi],
        Returns::Variant,
        |call| extreme(call, false),
    ),
    Function::kernel(
        "array_to_string",
        "array_to_string(array, separator)",
        &[Parameter::Semi, Parameter::Text],
        Returns::Text,
        |call| {
            let (values, separators) = (call.variant(0)?, call.text(1)?);
            call.texts(|row| {
                let array = values.get(row).filter(|value| kind(value) == Kind::Array);
                let (Some(array), Some(separator)) = (array, separators.get(row)) else {
                    return Ok(None);
                };
                let parts: Vec<_> = elements(array)
                    .map(|element| plain_text(element).unwrap_or_default())
                    .collect();
                Ok(Some(parts.join(separator)))
            })
        },
    )
    .note("nulls become empty text"),
    Function::kernel(
        "array_flatten",
        "array_flatten(array of arrays)",
        &[Parameter::Semi],
        Returns::Array,
        flatten,
    ),
    Function::kernel(
        "array_generate_range",
        "array_generate_range(start, stop [, step])",
        &[Parameter::Integer, Parameter::Integer, Parameter::Integer],
        Returns::Array,
        range,
    )
    .required(2),
    Function::kernel(
        "arrays_zip",
        "arrays_zip(array, …)",
        &[Parameter::Semi],
        Returns::Array,
        zip,
    )
    .repeated()
    .note("objects with the keys $1, $2, …"),
];

fn collected<'a>(values: impl IntoIterator<Item = &'a str>) -> String {
    values.into_iter().collect::<ArrayWriter>().finish()
}

fn construct(call: &Call, compact: bool) -> Result<ArrayRef> {
    let columns = (0..call.len())
        .map(|at| call.variant(at))
        .collect::<Result<Vec<_>>>()?;
    call.variants(|row| {
        let mut writer = ArrayWriter::new();
        for column in &columns {
            match column.get(row) {
                None if compact => {}
                value => writer.push(value),
            }
        }
        Ok(Some(writer.finish()))
    })
}

fn list_of_values() -> DataType {
    DataType::List(Arc::new(Field::new_list_field(CARRIER, true)))
}

/// The elements as a list, for functions that take a lambda.
fn list(call: &Call) -> Result<ArrayRef> {
    let arrays = call.variant(0)?;
    let mut builder = ListBuilder::new(LargeStringBuilder::new());
    for row in 0..call.rows() {
        let array = arrays.get(row).filter(|value| kind(value) == Kind::Array);
        if let Some(array) = array {
            for element in elements(array) {
                let value = Some(element).filter(|element| *element != UNDEFINED);
                builder.values().append_option(value);
            }
        }
        builder.append(array.is_some());
    }
    Ok(Arc::new(builder.finish()))
}

/// Two arrays as one.
fn joined(left: &str, right: &str) -> String {
    match (left, right) {
        ("[]", other) | (other, "[]") => other.to_owned(),
        _ => {
            let head = left.strip_suffix(']').unwrap_or(left);
            let tail = right.strip_prefix('[').unwrap_or(right);
            format!("{head},{tail}")
        }
    }
}

/// The place that a position counts to, from the end if it is negative.
fn place(position: i64, length: usize) -> Option<usize> {
    let length = i64::try_from(length).ok()?;
    let place = if position < 0 {
        position + length
    } else {
        position
    };
    usize::try_from(place).ok()
}

/// How long an array may grow by an insertion behind its end.
const LONGEST: usize = 16 << 20;

fn insert(call: &Call) -> Result<ArrayRef> {
    let (positions, values) = (call.integer(1)?, call.variant(2)?);
    each(call, Kind::Array, |array, row| {
        let Some(position) = positions.get(row) else {
            return Ok(None);
        };
        let mut all: Vec<&str> = elements(array).collect();
        let Some(at) = place(position, all.len()).filter(|at| *at <= LONGEST) else {
            return exec_err!("ARRAY_INSERT's position {position} lies outside of the array");
        };
        if at > all.len() {
            all.resize(at, UNDEFINED);
        }
        all.insert(at, values.get(row).unwrap_or(UNDEFINED));
        Ok(Some(collected(all)))
    })
}

fn slice(call: &Call) -> Result<ArrayRef> {
    let (starts, ends) = (call.integer(1)?, call.integer(2)?);
    each(call, Kind::Array, |array, row| {
        let (Some(start), Some(end)) = (starts.get(row), ends.get(row)) else {
            return Ok(None);
        };
        let length = elements(array).count();
        let bound = |position| place(position, length).unwrap_or(0).min(length);
        let (start, end) = (bound(start), bound(end));
        Ok(Some(collected(elements(array).take(end).skip(start))))
    })
}

fn sort(call: &Call) -> Result<ArrayRef> {
    let flags = (1..call.len())
        .map(|at| call.boolean(at))
        .collect::<Result<Vec<_>>>()?;
    each(call, Kind::Array, |array, row| {
        let mut given = Vec::with_capacity(2);
        for flag in &flags {
            match flag.get(row) {
                Some(flag) => given.push(flag),
                None => return Ok(None),
            }
        }
        let ascending = given.first().copied().unwrap_or(true);
        let nulls_first = given.get(1).copied().unwrap_or(!ascending);
        let (nulls, values): (Vec<&str>, Vec<&str>) =
            elements(array).partition(|element| *element == UNDEFINED);
        let mut values: Vec<(Vec<u8>, &str)> = values
            .into_iter()
            .map(|value| (key(value), value))
            .collect();
        values.sort_by(|left, right| match ascending {
            true => left.0.cmp(&right.0),
            false => right.0.cmp(&left.0),
        });
        let values = values.into_iter().map(|(_, value)| value);
        Ok(Some(match nulls_first {
            true => collected(nulls.into_iter().chain(values)),
            false => collected(values.chain(nulls)),
        }))
    })
}

/// JSON's null is the answer only where there is nothing else.
fn extreme(call: &Call, largest: bool) -> Result<ArrayRef> {
    each(call, Kind::Array, |array, _| {
        let null = || elements(array).find(|element| kind(element) == Kind::Null);
        let values = elements(array).filter(|element| !is_missing(element));
        let keyed = values.map(|value| (key(value), value));
        let best = match largest {
            true => keyed.max_by(|left, right| left.0.cmp(&right.0)),
            false => keyed.min_by(|left, right| left.0.cmp(&right.0)),
        };
        Ok(best
            .map(|(_, value)| value)
            .or_else(null)
            .map(str::to_owned))
    })
}

fn flatten(call: &Call) -> Result<ArrayRef> {
    each(call, Kind::Array, |array, _| {
        let mut writer = ArrayWriter::new();
        for inner in elements(array) {
            match kind(inner) {
                Kind::Array => elements(inner).for_each(|element| writer.push(Some(element))),
                Kind::Undefined => return Ok(None),
                _ => return exec_err!("Not an array: ARRAY_FLATTEN takes an array of arrays"),
            }
        }
        Ok(Some(writer.finish()))
    })
}

fn range(call: &Call) -> Result<ArrayRef> {
    let (starts, stops) = (call.integer(0)?, call.integer(1)?);
    let steps = call.integer_if_given(2)?;
    call.variants(|row| {
        let step = match &steps {
            None => Some(1),
            Some(steps) => steps.get(row),
        };
        let (Some(start), Some(stop), Some(step)) = (starts.get(row), stops.get(row), step) else {
            return Ok(None);
        };
        if step == 0 {
            return exec_err!("ARRAY_GENERATE_RANGE's step cannot be 0");
        }
        let mut writer = ArrayWriter::new();
        let (mut number, mut count) = (start, 0_usize);
        while (step > 0 && number < stop) || (step < 0 && number > stop) {
            count += 1;
            if count > LONGEST {
                return exec_err!("ARRAY_GENERATE_RANGE from {start} to {stop} is too long");
            }
            writer.push(Some(&number.to_string()));
            match number.checked_add(step) {
                Some(next) => number = next,
                None => break,
            }
        }
        Ok(Some(writer.finish()))
    })
}

fn zip(call: &Call) -> Result<ArrayRef> {
    let columns = (0..call.len())
        .map(|at| call.variant(at))
        .collect::<Result<Vec<_>>>()?;
    call.variants(|row| {
        let mut arrays = Vec::with_capacity(columns.len());
        for column in &columns {
            match column.get(row).filter(|value| kind(value) == Kind::Array) {
                Some(array) => arrays.push(elements(array).collect::<Vec<_>>()),
                None => return Ok(None),
            }
        }
        let longest = arrays.iter().map(Vec::len).max().unwrap_or(0);
        let mut writer = ArrayWriter::new();
        if longest == 0 {
            // <https://docs.snowflake.com/en/sql-reference/functions/arrays_zip> shows one object without keys.
            writer.push(Some(&ObjectWriter::new().finish()));
        }
        for at in 0..longest {
            let mut zipped = ObjectWriter::new();
            let mut members: Vec<(String, &str)> = arrays
                .iter()
                .enumerate()
                .map(|(number, array)| {
                    let value = array.get(at).copied().filter(|value| *value != UNDEFINED);
                    (format!("${}", number + 1), value.unwrap_or("null"))
                })
                .collect();
            members.sort();
            for (key, value) in members {
                zipped.push(&key, value);
            }
            writer.push(Some(&zipped.finish()));
        }
        Ok(Some(writer.finish()))
    })
}

/// How many elements each array has.
fn array_size(call: &Call) -> Result<ArrayRef> {
    let values = call.variant(0)?;
    call.integers(|row| {
        let array = values.get(row).filter(|value| kind(value) == Kind::Array);
        Ok(array.and_then(|array| i64::try_from(elements(array).count()).ok()))
    })
}
