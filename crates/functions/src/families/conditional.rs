//! Conditional functions.
//!
//! <https://docs.snowflake.com/en/sql-reference/expressions-conditional>

use arrow::array::{Array as _, ArrayRef, BooleanArray, Scalar, new_null_array};
use arrow::compute::kernels::cmp::{eq, gt, lt};
use arrow::compute::kernels::zip::zip;
use arrow::compute::{is_not_null, nullif, or};
use arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue, plan_err};
use datafusion::logical_expr::{BinaryExpr, Expr, Operator, when};

use crate::scalar::{Call, Function, Kind, Returns, folded};
use crate::zoned::{Zoned, is_zoned};

use super::arithmetic::{ByZero, divide_with, quotient_type};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::rewrite(
        "iff",
        "iff(condition, then, else)",
        &[Kind::Boolean, Kind::Branch, Kind::Branch],
        Returns::Argument(1),
        iff,
    ),
    Function::rewrite(
        "coalesce",
        "coalesce(value, …)",
        &[Kind::Branch],
        Returns::Argument(0),
        coalesce,
    )
    .repeated(),
    Function::rewrite(
        "nvl",
        "nvl(value, otherwise)",
        &[Kind::Branch, Kind::Branch],
        Returns::Argument(0),
        coalesce,
    )
    .aliases(&["ifnull"]),
    Function::rewrite(
        "nvl2",
        "nvl2(value, if not null, if null)",
        &[Kind::Any, Kind::Branch, Kind::Branch],
        Returns::Argument(1),
        nvl2,
    ),
    Function::rewrite(
        "decode",
        "decode(value, search, result, … [, otherwise])",
        &[Kind::Any, Kind::Any, Kind::Any],
        Returns::Argument(2),
        decode,
    )
    .repeated()
    .coerce(decode_types)
    .note("null finds null"),
    Function::rewrite(
        "nullif",
        "nullif(value, other)",
        &[Kind::Common, Kind::Common],
        Returns::Argument(0),
        nullif_equal,
    ),
    Function::rewrite(
        "regr_valx",
        "regr_valx(y, x)",
        &[Kind::Any, Kind::Any],
        Returns::Argument(1),
        |args| beside(args, 1, 0),
    )
    .note("x, or null where y is null"),
    Function::rewrite(
        "regr_valy",
        "regr_valy(y, x)",
        &[Kind::Any, Kind::Any],
        Returns::Argument(0),
        |args| beside(args, 0, 1),
    )
    .note("y, or null where x is null"),
    Function::rewrite(
        "equal_null",
        "equal_null(left, right)",
        &[Kind::Branch, Kind::Branch],
        Returns::Boolean,
        equal_null,
    ),
    Function::kernel(
        "zeroifnull",
        "zeroifnull(number)",
        &[Kind::Number],
        Returns::Argument(0),
        zeroifnull,
    ),
    Function::kernel(
        "nullifzero",
        "nullifzero(number)",
        &[Kind::Number],
        Returns::Argument(0),
        nullifzero,
    ),
    Function::kernel(
        "greatest",
        "greatest(value, …)",
        &[Kind::Branch],
        Returns::Argument(0),
        |call| {
            extreme(
                call,
                Extreme {
                    least: false,
                    ignore_nulls: false,
                },
            )
        },
    )
    .repeated()
    .note("null as soon as one value is"),
    Function::kernel(
        "least",
        "least(value, …)",
        &[Kind::Branch],
        Returns::Argument(0),
        |call| {
            extreme(
                call,
                Extreme {
                    least: true,
                    ignore_nulls: false,
                },
            )
        },
    )
    .repeated()
    .note("null as soon as one value is"),
    Function::kernel(
        "greatest_ignore_nulls",
        "greatest_ignore_nulls(value, …)",
        &[Kind::Branch],
        Returns::Argument(0),
        |call| {
            extreme(
                call,
                Extreme {
                    least: false,
                    ignore_nulls: true,
                },
            )
        },
    )
    .repeated(),
    Function::kernel(
        "least_ignore_nulls",
        "least_ignore_nulls(value, …)",
        &[Kind::Branch],
        Returns::Argument(0),
        |call| {
            extreme(
                call,
                Extreme {
                    least: true,
                    ignore_nulls: true,
                },
            )
        },
    )
    .repeated(),
    Function::kernel(
        "div0",
        "div0(dividend, divisor)",
        &[Kind::Number, Kind::Number],
        Returns::With(|types, _| quotient_type(types)),
        |call| divide_with(call, ByZero::Zero),
    ),
    Function::kernel(
        "div0null",
        "div0null(dividend, divisor)",
        &[Kind::Number, Kind::Number],
        Returns::With(|types, _| quotient_type(types)),
        |call| divide_with(call, ByZero::ZeroForNullToo),
    ),
    Function::rewrite(
        "booland",
        "booland(left, right)",
        &[Kind::Boolean, Kind::Boolean],
        Returns::Boolean,
        |args| binary(args, Operator::And),
    ),
    Function::rewrite(
        "boolor",
        "boolor(left, right)",
        &[Kind::Boolean, Kind::Boolean],
        Returns::Boolean,
        |args| binary(args, Operator::Or),
    ),
    Function::rewrite(
        "boolxor",
        "boolxor(left, right)",
        &[Kind::Boolean, Kind::Boolean],
        Returns::Boolean,
        |args| binary(args, Operator::NotEq),
    ),
    Function::rewrite(
        "boolnot",
        "boolnot(value)",
        &[Kind::Boolean],
        Returns::Boolean,
        |args| match <[Expr; 1]>::try_from(args) {
            Ok([value]) => Ok(Expr::Not(Box::new(value))),
            Err(_) => plan_err!("BOOLNOT takes one value"),
        },
    ),
];

fn iff(args: Vec<Expr>) -> Result<Expr> {
    let Ok([condition, then, otherwise]) = <[Expr; 3]>::try_from(args) else {
        return plan_err!("IFF takes three values");
    };
    when(condition, then).otherwise(otherwise)
}

fn coalesce(args: Vec<Expr>) -> Result<Expr> {
    let mut args = args;
    let Some(last) = args.pop() else {
        return plan_err!("COALESCE takes values");
    };
    args.into_iter().rev().try_fold(last, |otherwise, value| {
        when(value.clone().is_not_null(), value).otherwise(otherwise)
    })
}

fn nullif_equal(args: Vec<Expr>) -> Result<Expr> {
    let Ok([value, other]) = <[Expr; 2]>::try_from(args) else {
        return plan_err!("NULLIF takes two values");
    };
    let same = binary(vec![value.clone(), other], Operator::NotEq)?;
    // Null differs from nothing, but is itself.
    when(same.is_not_false(), value).end()
}

/// One argument where the other is not null.
fn beside(args: Vec<Expr>, value: usize, other: usize) -> Result<Expr> {
    match (args.get(value), args.get(other)) {
        (Some(value), Some(other)) => when(other.clone().is_not_null(), value.clone()).end(),
        _ => plan_err!("a pair of numbers lost one"),
    }
}

fn nvl2(args: Vec<Expr>) -> Result<Expr> {
    let Ok([value, then, otherwise]) = <[Expr; 3]>::try_from(args) else {
        return plan_err!("NVL2 takes three values");
    };
    when(value.is_not_null(), then).otherwise(otherwise)
}

fn same(left: Expr, right: Expr) -> Expr {
    Expr::BinaryExpr(BinaryExpr::new(
        Box::new(left),
        Operator::IsNotDistinctFrom,
        Box::new(right),
    ))
}

fn equal_null(args: Vec<Expr>) -> Result<Expr> {
    match <[Expr; 2]>::try_from(args) {
        Ok([left, right]) => Ok(same(left, right)),
        Err(_) => plan_err!("EQUAL_NULL takes two values"),
    }
}

fn binary(args: Vec<Expr>, operator: Operator) -> Result<Expr> {
    match <[Expr; 2]>::try_from(args) {
        Ok([left, right]) => Ok(Expr::BinaryExpr(BinaryExpr::new(
            Box::new(left),
            operator,
            Box::new(right),
        ))),
        Err(_) => plan_err!("{operator} takes two values"),
    }
}

/// Whether the argument at this place of a `DECODE` is compared; the others are results.
fn is_searched(at: usize, count: usize) -> bool {
    let is_otherwise = at + 1 == count && count.is_multiple_of(2);
    at == 0 || (at % 2 == 1 && !is_otherwise)
}

fn decode_types(types: &[DataType]) -> Result<Vec<DataType>> {
    let count = types.len();
    let of = |searched: bool| {
        folded(
            types
                .iter()
                .enumerate()
                .filter(|(at, _)| is_searched(*at, count) == searched)
                .map(|(_, data_type)| data_type),
        )
    };
    let (searched, results) = (of(true)?, of(false)?);
    Ok((0..count)
        .map(|at| {
            if is_searched(at, count) {
                searched.clone()
            } else {
                results.clone()
            }
        })
        .collect())
}

fn decode(args: Vec<Expr>) -> Result<Expr> {
    let mut args = args.into_iter();
    let Some(value) = args.next() else {
        return plan_err!("DECODE takes values");
    };
    let mut branches = Vec::new();
    let mut otherwise = None;
    while let Some(search) = args.next() {
        match args.next() {
            Some(result) => branches.push((search, result)),
            None => otherwise = Some(search),
        }
    }
    let mut branches = branches.into_iter();
    let Some((search, result)) = branches.next() else {
        return plan_err!("DECODE takes a value to search and its result");
    };
    let mut case = when(same(value.clone(), search), result);
    for (search, result) in branches {
        case = case.when(same(value.clone(), search), result);
    }
    match otherwise {
        Some(otherwise) => case.otherwise(otherwise),
        None => case.end(),
    }
}

/// Zero in the type of the call's first argument, as a constant for kernels.
fn zero(call: &Call) -> Result<ArrayRef> {
    ScalarValue::new_zero(call.data_type(0)?)?.to_array()
}

fn zeroifnull(call: &Call) -> Result<ArrayRef> {
    let value = call.array(0)?;
    Ok(zip(
        &is_not_null(&value)?,
        &value,
        &Scalar::new(zero(call)?),
    )?)
}

fn nullifzero(call: &Call) -> Result<ArrayRef> {
    let value = call.array(0)?;
    Ok(nullif(&value, &eq(&value, &Scalar::new(zero(call)?))?)?)
}

#[derive(Clone, Copy)]
struct Extreme {
    least: bool,
    ignore_nulls: bool,
}

/// `mask` with false for null. Arrow's own function takes masks with nulls only.
fn certain(mask: &BooleanArray) -> BooleanArray {
    match mask.null_count() {
        0 => mask.clone(),
        _ => arrow::compute::prep_null_mask_filter(mask),
    }
}

/// What values are compared by.
fn compared(array: &ArrayRef) -> Result<ArrayRef> {
    match is_zoned(array.data_type()) {
        true => Ok(Zoned::of(array.as_ref())?.instants()),
        false => Ok(array.clone()),
    }
}

fn extreme(call: &Call, extreme: Extreme) -> Result<ArrayRef> {
    let mut best = call.array(0)?;
    if *best.data_type() == DataType::Null {
        return Ok(new_null_array(call.returns(), call.rows()));
    }
    for at in 1..call.len() {
        let next = call.array(at)?;
        let (ahead, behind) = (compared(&next)?, compared(&best)?);
        let better = if extreme.least {
            lt(&ahead, &behind)?
        } else {
            gt(&ahead, &behind)?
        };
        let (best_missing, next_missing) = (
            arrow::compute::is_null(&best)?,
            arrow::compute::is_null(&next)?,
        );
        best = if extreme.ignore_nulls {
            let better = certain(&better);
            zip(&or(&better, &best_missing)?, &next, &best)?
        } else {
            let better = certain(&better);
            nullif(
                &zip(&better, &next, &best)?,
                &or(&best_missing, &next_missing)?,
            )?
        };
    }
    Ok(best)
}
