//! Bitwise functions.
//!
//! <https://docs.snowflake.com/en/sql-reference/expressions-byte-bit>

use arrow::array::ArrayRef;
use datafusion::common::Result;

use crate::scalar::{Call, Function, Kind, Returns};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::kernel(
        "bitand",
        "bitand(left, right)",
        &[Kind::Integer, Kind::Integer],
        Returns::Integer,
        |call| both(call, |left, right| left & right),
    ),
    Function::kernel(
        "bitor",
        "bitor(left, right)",
        &[Kind::Integer, Kind::Integer],
        Returns::Integer,
        |call| both(call, |left, right| left | right),
    ),
    Function::kernel(
        "bitxor",
        "bitxor(left, right)",
        &[Kind::Integer, Kind::Integer],
        Returns::Integer,
        |call| both(call, |left, right| left ^ right),
    ),
    Function::kernel(
        "bitshiftleft",
        "bitshiftleft(number, bits)",
        &[Kind::Integer, Kind::Integer],
        Returns::Integer,
        |call| {
            both(call, |number, bits| {
                shift(bits).map_or(0, |bits| number << bits)
            })
        },
    ),
    Function::kernel(
        "bitshiftright",
        "bitshiftright(number, bits)",
        &[Kind::Integer, Kind::Integer],
        Returns::Integer,
        |call| {
            both(call, |number, bits| {
                number >> shift(bits).unwrap_or(i64::BITS - 1)
            })
        },
    ),
    Function::kernel(
        "bitnot",
        "bitnot(number)",
        &[Kind::Integer],
        Returns::Integer,
        |call| {
            let numbers = call.integer(0)?;
            call.integers(|row| Ok(numbers.get(row).map(|number| !number)))
        },
    ),
];

fn shift(bits: i64) -> Option<u32> {
    u32::try_from(bits).ok().filter(|bits| *bits < i64::BITS)
}

fn both(call: &Call, combine: impl Fn(i64, i64) -> i64) -> Result<ArrayRef> {
    let (left, right) = (call.integer(0)?, call.integer(1)?);
    call.integers(|row| {
        Ok(left
            .get(row)
            .zip(right.get(row))
            .map(|(left, right)| combine(left, right)))
    })
}
