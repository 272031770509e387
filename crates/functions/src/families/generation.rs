//! Data generation: random numbers and identifiers.
//!
//! <https://docs.snowflake.com/en/sql-reference/functions-data-generation>

use arrow::array::ArrayRef;
use arrow::datatypes::DataType;
use datafusion::common::{Result, exec_err};
use datafusion::functions::{math, string};
use datafusion::logical_expr::{Expr, cast, lit};

use crate::scalar::{Call, Function, Kind, Returns};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::rewrite("random", "random()", &[], Returns::Integer, |_| {
        Ok(whole(math::random().call(Vec::new())))
    })
    .volatile()
    .note("a 64-bit number; a seed is refused, since its numbers would not be Snowflake's"),
    Function::kernel(
        "uniform",
        "uniform(least, greatest, random())",
        &[Kind::Integer, Kind::Integer, Kind::Integer],
        Returns::Integer,
        uniform,
    )
    .note("whole numbers only"),
    Function::rewrite("uuid_string", "uuid_string()", &[], Returns::Text, |_| {
        Ok(cast(string::uuid().call(Vec::new()), DataType::Utf8))
    })
    .volatile(),
];

/// A number from 0 to 1 spread over 53 bits around zero.
fn whole(fraction: Expr) -> Expr {
    const SPREAD: f64 = 9_007_199_254_740_992.0;
    cast((fraction - lit(0.5)) * lit(SPREAD * 2.0), DataType::Int64)
}

fn uniform(call: &Call) -> Result<ArrayRef> {
    let (least, greatest, random) = (call.integer(0)?, call.integer(1)?, call.integer(2)?);
    call.integers(|row| {
        let (Some(least), Some(greatest), Some(random)) =
            (least.get(row), greatest.get(row), random.get(row))
        else {
            return Ok(None);
        };
        match greatest
            .checked_sub(least)
            .and_then(|span| span.checked_add(1))
        {
            Some(count) if count > 0 => Ok(Some(least + random.rem_euclid(count))),
            _ => exec_err!("UNIFORM takes its bounds in order"),
        }
    })
}
