//! Functions over VARIANT, OBJECT and ARRAY.
//!
//! <https://docs.snowflake.com/en/sql-reference/functions-semistructured>

mod access;
mod addresses;
mod array_sets;
mod arrays;
mod kinds;
mod objects;
mod parsing;
mod urls;

use arrow::array::ArrayRef;
use datafusion::common::Result;

use crate::scalar::{Call, Function};
use crate::variant::{Kind, kind, order_key};

pub(super) const PARSING: &[Function] = parsing::FUNCTIONS;
pub(super) const ADDRESSES: &[Function] = addresses::FUNCTIONS;
pub(super) const URLS: &[Function] = urls::FUNCTIONS;
pub(super) const ACCESS: &[Function] = access::FUNCTIONS;
pub(super) const KINDS: &[Function] = kinds::FUNCTIONS;
pub(super) const OBJECTS: &[Function] = objects::FUNCTIONS;
pub(super) const ARRAYS: &[Function] = arrays::FUNCTIONS;
pub(super) const ARRAY_SETS: &[Function] = array_sets::FUNCTIONS;

/// The first argument's values that are of kind `wanted`, each made into another value; NULL for others.
fn each(
    call: &Call,
    wanted: Kind,
    change: impl Fn(&str, usize) -> Result<Option<String>>,
) -> Result<ArrayRef> {
    let values = call.variant(0)?;
    call.variants(|row| match values.get(row) {
        Some(value) if kind(value) == wanted => change(value, row),
        _ => Ok(None),
    })
}

fn is_number(value: &str) -> bool {
    matches!(kind(value), Kind::Integer | Kind::Decimal | Kind::Double)
}

/// Whether two values are equal: by their text, numbers by what they are worth.
fn same(left: &str, right: &str) -> bool {
    left == right || (is_number(left) && is_number(right) && key(left) == key(right))
}

/// Bytes that compare as the value does.
fn key(value: &str) -> Vec<u8> {
    let mut key = Vec::with_capacity(value.len() + 1);
    order_key(value, &mut key);
    key
}
