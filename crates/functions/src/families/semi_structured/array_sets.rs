//! Arrays as collections of values: membership, distinct values, differences, intersections.
//!
//! <https://docs.snowflake.com/en/sql-reference/functions/array_contains>
//! <https://docs.snowflake.com/en/sql-reference/functions/array_except>

use std::collections::HashMap;
use std::collections::HashSet;

use arrow::array::ArrayRef;
use arrow::datatypes::DataType;
use datafusion::common::{Result, plan_err};

use crate::scalar::{Call, Function, Kind as Parameter, Returns, coerce};
use crate::variant::cast::CARRIER;
use crate::variant::{ArrayWriter, Kind, UNDEFINED, elements, kind};

use super::{each, key, same};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::kernel(
        "array_contains",
        "array_contains(value, array)",
        &[Parameter::Variant, Parameter::Semi],
        Returns::Boolean,
        contains,
    )
    .coerce(|types| element_types("array_contains", types, 0))
    .note("text is cast: `'a'::variant`"),
    Function::kernel(
        "array_position",
        "array_position(value, array)",
        &[Parameter::Variant, Parameter::Semi],
        Returns::Integer,
        |call| {
            let (values, arrays) = (call.variant(0)?, call.variant(1)?);
            call.integers(|row| {
                let Some(array) = arrays.get(row) else {
                    return Ok(None);
                };
                let wanted = values.get(row).unwrap_or(UNDEFINED);
                let at = elements(array).position(|element| same(element, wanted));
                Ok(at.and_then(|at| i64::try_from(at).ok()))
            })
        },
    )
    .coerce(|types| element_types("array_position", types, 0))
    .note("counts from 0"),
    Function::kernel(
        "array_distinct",
        "array_distinct(array)",
        &[Parameter::Semi],
        Returns::Array,
        |call| {
            each(call, Kind::Array, |array, _| {
                let mut seen = HashSet::new();
                let first = elements(array).filter(|element| seen.insert(key(element)));
                Ok(Some(first.collect::<ArrayWriter>().finish()))
            })
        },
    ),
    Function::kernel(
        "array_remove",
        "array_remove(array, value)",
        &[Parameter::Semi, Parameter::Variant],
        Returns::Array,
        |call| {
            let values = call.variant(1)?;
            each(call, Kind::Array, |array, row| {
                let Some(value) = values.get(row) else {
                    return Ok(None);
                };
                let kept = elements(array).filter(|element| !same(element, value));
                Ok(Some(kept.collect::<ArrayWriter>().finish()))
            })
        },
    )
    .coerce(|types| element_types("array_remove", types, 1))
    .note("text is cast: `'a'::variant`"),
    Function::kernel(
        "array_except",
        "array_except(array, array)",
        &[Parameter::Semi, Parameter::Semi],
        Returns::Array,
        |call| compared(call, false),
    )
    .note("as many of equal elements go as the second array has"),
    Function::kernel(
        "array_intersection",
        "array_intersection(array, array)",
        &[Parameter::Semi, Parameter::Semi],
        Returns::Array,
        |call| compared(call, true),
    ),
    Function::kernel(
        "arrays_overlap",
        "arrays_overlap(array, array)",
        &[Parameter::Semi, Parameter::Semi],
        Returns::Boolean,
        |call| {
            let (left, right) = (call.variant(0)?, call.variant(1)?);
            call.booleans(|row| {
                let (Some(left), Some(right)) = (left.get(row), right.get(row)) else {
                    return Ok(None);
                };
                let known: HashSet<Vec<u8>> = elements(left).map(key).collect();
                Ok(Some(
                    elements(right).any(|element| known.contains(&key(element))),
                ))
            })
        },
    ),
];

/// An array and a value to look for, which accounts take no text for.
fn element_types(function: &str, types: &[DataType], value: usize) -> Result<Vec<DataType>> {
    let mut kinds = [Parameter::Semi, Parameter::Semi];
    if let (Some(kind), Some(found)) = (kinds.get_mut(value), types.get(value)) {
        if *found != CARRIER && found.is_string() {
            return plan_err!(
                "{} looks for no text: cast it, for example `'a'::variant`",
                function.to_uppercase()
            );
        }
        *kind = Parameter::Variant;
    }
    coerce(function, &kinds, types)
}

fn contains(call: &Call) -> Result<ArrayRef> {
    let (values, arrays) = (call.variant(0)?, call.variant(1)?);
    call.booleans(|row| {
        let Some(array) = arrays.get(row).filter(|array| kind(array) == Kind::Array) else {
            return Ok(None);
        };
        let Some(wanted) = values.get(row) else {
            let has_null = elements(array).any(|element| element == UNDEFINED);
            return Ok(has_null.then_some(true));
        };
        Ok(Some(elements(array).any(|element| same(element, wanted))))
    })
}

/// The elements of the first array that the second one has, or has not; each of its elements counts once.
fn compared(call: &Call, wanted: bool) -> Result<ArrayRef> {
    let others = call.variant(1)?;
    each(call, Kind::Array, |array, row| {
        let Some(other) = others.get(row).filter(|other| kind(other) == Kind::Array) else {
            return Ok(None);
        };
        let mut left: HashMap<Vec<u8>, usize> = HashMap::new();
        for element in elements(other) {
            *left.entry(key(element)).or_default() += 1;
        }
        let kept = elements(array).filter(|element| {
            let found = left.get_mut(&key(element)).filter(|count| **count > 0);
            let is_there = found.is_some();
            if let Some(count) = found {
                *count -= 1;
            }
            is_there == wanted
        });
        Ok(Some(kept.collect::<ArrayWriter>().finish()))
    })
}
