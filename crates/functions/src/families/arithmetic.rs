//! The arithmetic behind `+`, `-`, `*`, `/` and `%`.
//!
//! <https://docs.snowflake.com/en/sql-reference/operators-arithmetic>

use std::sync::Arc;

use arrow::array::{Array as _, ArrayRef, AsArray, Datum, new_null_array};
use arrow::compute::cast;
use arrow::compute::kernels::arity::binary;
use arrow::compute::kernels::numeric::{add, mul, rem, sub};
use arrow::datatypes::{DECIMAL128_MAX_PRECISION, DataType, Decimal128Type, i256};
use arrow::error::ArrowError;
use datafusion::common::{Result, exec_datafusion_err, exec_err};

use crate::scalar::{Call, Function, Kind, Returns};
use crate::text::number::{divide_rounding, power_of_ten};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::kernel(
        "divide",
        "dividend / divisor",
        &[Kind::Number, Kind::Number],
        Returns::With(|types, _| quotient_type(types)),
        |call| divide_with(call, ByZero::Error),
    )
    .operator(),
    Function::kernel(
        "$windowed_average",
        "sum / count",
        &[Kind::Number, Kind::Number],
        Returns::With(|types, _| Ok(average_type(types))),
        windowed_average,
    )
    .operator(),
    // PostgreSQL's `/`, which `sql::dialect` writes so.
    Function::kernel(
        "$quotient",
        "dividend / divisor",
        &[Kind::Number, Kind::Number],
        Returns::With(|types, _| {
            let whole = types
                .iter()
                .all(|t| exact(t).is_some_and(|(_, scale)| scale == 0));
            Ok(if whole {
                DataType::Int64
            } else {
                DataType::Float64
            })
        }),
        whole_quotient,
    )
    .unlisted(),
    Function::kernel(
        "multiply",
        "left * right",
        &[Kind::Number, Kind::Number],
        Returns::With(|types, _| product_type(types)),
        multiply,
    )
    .operator(),
    Function::kernel(
        "plus",
        "left + right",
        &[Kind::Number, Kind::Number],
        Returns::With(|types, _| sum_type(types)),
        |call| checked(call, add, i128::wrapping_add),
    )
    .operator(),
    Function::kernel(
        "minus",
        "left - right",
        &[Kind::Number, Kind::Number],
        Returns::With(|types, _| sum_type(types)),
        |call| checked(call, sub, i128::wrapping_sub),
    )
    .operator(),
    Function::kernel(
        "mod",
        "mod(dividend, divisor)",
        &[Kind::Number, Kind::Number],
        Returns::With(|types, _| remainder_type(types)),
        remainder,
    )
    .note("also the operator `%`; the sign is the dividend's"),
];

/// What a quotient is when its divisor is zero.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum ByZero {
    Error,
    Zero,
    ZeroForNullToo,
}

/// Digits before and after the point of an exact number. An `Int64` stands for NUMBER(38,0).
fn exact(data_type: &DataType) -> Option<(i16, i16)> {
    match data_type {
        DataType::Decimal128(precision, scale) => {
            Some((i16::from(*precision) - i16::from(*scale), i16::from(*scale)))
        }
        DataType::Int64 => Some((38, 0)),
        _ => None,
    }
}

/// The type with these digits before and after the point, cut to 38.
fn exact_type(leading: i16, scale: i16) -> DataType {
    let most = i16::from(DECIMAL128_MAX_PRECISION);
    let scale = scale.clamp(0, most - 1);
    let precision = (leading.max(0) + scale).clamp(1, most);
    DataType::Decimal128(
        u8::try_from(precision).unwrap_or(DECIMAL128_MAX_PRECISION),
        i8::try_from(scale).unwrap_or(0),
    )
}

type Digits = (i16, i16);

/// The exact type that a rule makes of two exact ones; a floating-point one beside another number.
fn arithmetic(types: &[DataType], rule: fn(Digits, Digits) -> Digits) -> DataType {
    match types {
        [left, right] => match (exact(left), exact(right)) {
            (Some(left), Some(right)) => {
                let (leading, scale) = rule(left, right);
                exact_type(leading, scale)
            }
            _ => DataType::Float64,
        },
        _ => DataType::Float64,
    }
}

#[allow(clippy::unnecessary_wraps, reason = "the shape of a type rule")]
pub(super) fn quotient_type(types: &[DataType]) -> Result<DataType> {
    Ok(arithmetic(types, |(l1, s1), (_, s2)| {
        (l1 + s2, s1.max((s1 + 6).min(12)))
    }))
}

/// Over a window AVG has three digits more than its numbers, and cuts the rest off
/// (<https://docs.snowflake.com/en/sql-reference/functions/avg>: `8.666` of 10, 10 and 6).
fn average_type(types: &[DataType]) -> DataType {
    arithmetic(types, |(l1, s1), _| (l1, s1 + 3))
}

#[allow(clippy::unnecessary_wraps, reason = "the shape of a type rule")]
fn product_type(types: &[DataType]) -> Result<DataType> {
    Ok(arithmetic(types, |(l1, s1), (l2, s2)| {
        (l1 + l2, (s1 + s2).min(s1.max(s2).max(12)))
    }))
}

#[allow(clippy::unnecessary_wraps, reason = "the shape of a type rule")]
fn sum_type(types: &[DataType]) -> Result<DataType> {
    if let [DataType::Int64, DataType::Int64] = types {
        return Ok(DataType::Int64);
    }
    Ok(arithmetic(types, |(l1, s1), (l2, s2)| {
        (l1.max(l2) + 1, s1.max(s2))
    }))
}

#[allow(clippy::unnecessary_wraps, reason = "the shape of a type rule")]
fn remainder_type(types: &[DataType]) -> Result<DataType> {
    if let [DataType::Int64, DataType::Int64] = types {
        return Ok(DataType::Int64);
    }
    Ok(arithmetic(types, |(l1, s1), (l2, s2)| {
        (l1.max(l2), s1.max(s2))
    }))
}

/// An argument in the type of the result, or in the exact type of its scale.
fn operand(call: &Call, at: usize) -> Result<Box<dyn Datum>> {
    call.datum(at, |array| {
        Ok(match (array.data_type(), call.returns()) {
            (DataType::Decimal128(..), DataType::Decimal128(..)) => Arc::clone(array),
            (_, DataType::Decimal128(..)) => cast(array, &DataType::Decimal128(38, 0))?,
            (from, to) if from == to => Arc::clone(array),
            (_, to) => cast(array, to)?,
        })
    })
}

/// A sum or a difference. Arrow's kernels fail where 64 or 128 bits overflow; 38 digits end before.
fn checked(
    call: &Call,
    kernel: fn(&dyn Datum, &dyn Datum) -> Result<ArrayRef, ArrowError>,
    narrow: fn(i128, i128) -> i128,
) -> Result<ArrayRef> {
    let (left, right) = (operand(call, 0)?, operand(call, 1)?);
    if let (Some((l1, s1)), Some((l2, s2)), DataType::Decimal128(_, scale)) =
        (extent(call, 0)?, extent(call, 1)?, call.returns())
    {
        let unit = |own: i16| power_of_ten(u32::from((i16::from(*scale) - own).unsigned_abs()));
        let (Some(l), Some(r)) = (unit(s1), unit(s2)) else {
            return exec_err!("A sum of these scales has too many digits");
        };
        let (left, right) = (left.as_ref(), right.as_ref());
        let fits = l1.max(l2) + 1 + s1.max(s2) <= i16::from(DECIMAL128_MAX_PRECISION);
        let stays = || {
            let left = largest(left).checked_mul(l.unsigned_abs())?;
            left.checked_add(largest(right).checked_mul(r.unsigned_abs())?)
        };
        if fits || stays().is_some_and(is_number_of_38_digits) {
            return paired(call, left, right, |left, right| {
                narrow(left.wrapping_mul(l), right.wrapping_mul(r))
            });
        }
    }
    let sum = kernel(left.as_ref(), right.as_ref()).map_err(|error| match error {
        ArrowError::ArithmeticOverflow(_) if *call.returns() == DataType::Int64 => {
            exec_datafusion_err!(
                "A sum is larger than the 64 bits of INT: cast one side to NUMBER(38,0)"
            )
        }
        other => other.into(),
    })?;
    in_range(call, sum)
}

/// The digits before and after the point that an argument's values can have.
fn extent(call: &Call, at: usize) -> Result<Option<Digits>> {
    Ok(match call.data_type(at)? {
        DataType::Int64 => Some((19, 0)),
        other => exact(other),
    })
}

/// The largest of a decimal array's values without their signs. What stands where NULL is counts as well.
fn largest(values: &dyn Datum) -> u128 {
    let values = values.get().0.as_primitive::<Decimal128Type>().values();
    values
        .iter()
        .fold(0, |most, value| most.max(value.unsigned_abs()))
}

fn is_number_of_38_digits(value: u128) -> bool {
    power_of_ten(u32::from(DECIMAL128_MAX_PRECISION))
        .is_some_and(|limit| value < limit.unsigned_abs())
}

/// `op` of the digits of every row's pair, where the types leave no room for an overflow.
fn paired(
    call: &Call,
    left: &dyn Datum,
    right: &dyn Datum,
    op: impl Fn(i128, i128) -> i128,
) -> Result<ArrayRef> {
    let ((left, left_constant), (right, right_constant)) = (left.get(), right.get());
    let (left, right) = (
        left.as_primitive::<Decimal128Type>(),
        right.as_primitive::<Decimal128Type>(),
    );
    let digits = match (left_constant, right_constant) {
        (true, _) if left.is_null(0) => return Ok(new_null_array(call.returns(), right.len())),
        (_, true) if right.is_null(0) => return Ok(new_null_array(call.returns(), left.len())),
        (true, _) => {
            let constant = left.value(0);
            right.unary::<_, Decimal128Type>(|value| op(constant, value))
        }
        (_, true) => {
            let constant = right.value(0);
            left.unary::<_, Decimal128Type>(|value| op(value, constant))
        }
        (false, false) => binary::<_, _, _, Decimal128Type>(left, right, op)?,
    };
    Ok(Arc::new(digits.with_data_type(call.returns().clone())))
}

/// `array` as the announced type, whose digits hold every value.
fn in_range(call: &Call, array: ArrayRef) -> Result<ArrayRef> {
    let (DataType::Decimal128(precision, _), Some(decimals)) =
        (call.returns(), array.as_primitive_opt::<Decimal128Type>())
    else {
        return Ok(array);
    };
    let decimals = decimals.clone().with_data_type(call.returns().clone());
    if *precision == DECIMAL128_MAX_PRECISION {
        decimals.validate_decimal_precision(*precision)?;
    }
    Ok(Arc::new(decimals))
}

/// That of whole numbers is cut to a whole one.
fn whole_quotient(call: &Call) -> Result<ArrayRef> {
    if *call.returns() == DataType::Float64 {
        return divide_with(call, ByZero::Error);
    }
    let (left, right) = (Numbers::of(call, 0)?, Numbers::of(call, 1)?);
    call.integers(|row| match left.digits(row).zip(right.digits(row)) {
        None => Ok(None),
        Some((dividend, divisor)) => match dividend.checked_div(divisor) {
            None => exec_err!("Division by zero"),
            Some(quotient) => match i64::try_from(quotient) {
                Ok(quotient) => Ok(Some(quotient)),
                Err(_) => exec_err!("The quotient {quotient} has more than 64 bits"),
            },
        },
    })
}

fn remainder(call: &Call) -> Result<ArrayRef> {
    if *call.returns() == DataType::Float64 {
        let (left, right) = (Numbers::of(call, 0)?, Numbers::of(call, 1)?);
        return call.floats(|row| match left.float(row).zip(right.float(row)) {
            None => Ok(None),
            Some((_, 0.0)) => exec_err!("Division by zero"),
            Some((left, right)) => Ok(Some(left % right)),
        });
    }
    let (left, right) = (operand(call, 0)?, operand(call, 1)?);
    let result = rem(left.as_ref(), right.as_ref()).map_err(|error| match error {
        ArrowError::DivideByZero => exec_datafusion_err!("Division by zero"),
        other => other.into(),
    })?;
    in_range(call, result)
}

/// An argument's digits and their scale, or its floating-point value.
pub(super) enum Numbers<'a> {
    Whole(crate::scalar::Values<&'a arrow::array::Int64Array>),
    Decimal(crate::scalar::Values<&'a arrow::array::Decimal128Array>, i8),
    Float(crate::scalar::Values<&'a arrow::array::Float64Array>),
}

impl<'a> Numbers<'a> {
    pub(super) fn of(call: &'a Call, at: usize) -> Result<Self> {
        Ok(match call.data_type(at)? {
            DataType::Decimal128(_, scale) => Self::Decimal(call.decimal(at)?, *scale),
            DataType::Int64 => Self::Whole(call.integer(at)?),
            _ => Self::Float(call.float(at)?),
        })
    }

    pub(super) fn scale(&self) -> i8 {
        match self {
            Self::Decimal(_, scale) => *scale,
            Self::Whole(_) | Self::Float(_) => 0,
        }
    }

    pub(super) fn digits(&self, row: usize) -> Option<i128> {
        match self {
            Self::Whole(values) => values.get(row).map(i128::from),
            Self::Decimal(values, _) => values.get(row),
            Self::Float(_) => None,
        }
    }

    #[allow(clippy::cast_precision_loss, reason = "a float is asked for")]
    pub(super) fn float(&self, row: usize) -> Option<f64> {
        match self {
            Self::Whole(values) => values.get(row).map(|value| value as f64),
            Self::Decimal(values, scale) => values
                .get(row)
                .map(|digits| digits as f64 / 10_f64.powi(i32::from(*scale))),
            Self::Float(values) => values.get(row),
        }
    }
}

pub(super) fn divide_with(call: &Call, by_zero: ByZero) -> Result<ArrayRef> {
    let (left, right) = (Numbers::of(call, 0)?, Numbers::of(call, 1)?);
    let is_zero_for_null = by_zero == ByZero::ZeroForNullToo;
    let DataType::Decimal128(_, scale) = *call.returns() else {
        return call.floats(|row| {
            let Some(dividend) = left.float(row) else {
                return Ok(None);
            };
            match right.float(row) {
                None if is_zero_for_null => Ok(Some(0.0)),
                None => Ok(None),
                Some(0.0) if by_zero == ByZero::Error => exec_err!("Division by zero"),
                Some(0.0) => Ok(Some(0.0)),
                Some(divisor) => Ok(Some(dividend / divisor)),
            }
        });
    };
    let shift = i32::from(scale) - i32::from(left.scale()) + i32::from(right.scale());
    let factor = power_of_ten(shift.unsigned_abs())
        .ok_or_else(|| exec_datafusion_err!("A quotient of these scales has too many digits"))?;
    call.decimals(|row| {
        let Some(dividend) = left.digits(row) else {
            return Ok(None);
        };
        match right.digits(row) {
            None if is_zero_for_null => Ok(Some(0)),
            None => Ok(None),
            Some(0) if by_zero == ByZero::Error => exec_err!("Division by zero"),
            Some(0) => Ok(Some(0)),
            Some(divisor) => quotient(dividend, factor, divisor)
                .map(Some)
                .ok_or_else(|| exec_datafusion_err!("A quotient has more than 38 digits")),
        }
    })
}

fn windowed_average(call: &Call) -> Result<ArrayRef> {
    let DataType::Decimal128(_, scale) = *call.returns() else {
        return divide_with(call, ByZero::Error);
    };
    let (sums, counts) = (Numbers::of(call, 0)?, Numbers::of(call, 1)?);
    let factor = power_of_ten(u32::from((scale - sums.scale()).unsigned_abs()))
        .ok_or_else(|| exec_datafusion_err!("An average has too many digits"))?;
    call.decimals(|row| {
        let Some((sum, count)) = sums.digits(row).zip(counts.digits(row)) else {
            return Ok(None);
        };
        let wide = i256::from_i128(sum).wrapping_mul(i256::from_i128(factor));
        let average = wide.checked_div(i256::from_i128(count));
        Ok(average.and_then(i256::to_i128))
    })
}

/// `dividend * factor / divisor`, half away from zero.
fn quotient(dividend: i128, factor: i128, divisor: i128) -> Option<i128> {
    let (dividend, divisor) = if divisor < 0 {
        (dividend.checked_neg()?, divisor.checked_neg()?)
    } else {
        (dividend, divisor)
    };
    if let Some(scaled) = dividend.checked_mul(factor) {
        return Some(divide_rounding(scaled, divisor));
    }
    let wide = i256::from_i128(dividend).checked_mul(i256::from_i128(factor))?;
    divide_wide(wide, i256::from_i128(divisor))
}

fn divide_wide(value: i256, divisor: i256) -> Option<i128> {
    let quotient = value.checked_div(divisor)?;
    let remainder = value.checked_rem(divisor)?.wrapping_abs();
    let twice = remainder.checked_add(remainder)?;
    let away = if value.is_negative() { -1 } else { 1 };
    let rounded = if twice >= divisor {
        quotient.checked_add(i256::from_i128(away))?
    } else {
        quotient
    };
    rounded.to_i128()
}

fn multiply(call: &Call) -> Result<ArrayRef> {
    let (left, right) = (Numbers::of(call, 0)?, Numbers::of(call, 1)?);
    let DataType::Decimal128(_, scale) = *call.returns() else {
        return call.floats(|row| Ok(left.float(row).zip(right.float(row)).map(|(l, r)| l * r)));
    };
    let from = left.scale().saturating_add(right.scale());
    let excess = power_of_ten(u32::from(from.saturating_sub(scale).unsigned_abs()))
        .ok_or_else(|| exec_datafusion_err!("A product of these scales has too many digits"))?;
    if let Some(product) = product(call, excess)? {
        return Ok(product);
    }
    let product = |left: i128, right: i128| match left.checked_mul(right) {
        Some(product) if excess == 1 => Some(product),
        Some(product) => Some(divide_rounding(product, excess)),
        None => {
            let wide = i256::from_i128(left).checked_mul(i256::from_i128(right))?;
            divide_wide(wide, i256::from_i128(excess))
        }
    };
    call.decimals(|row| {
        let Some((left, right)) = left.digits(row).zip(right.digits(row)) else {
            return Ok(None);
        };
        product(left, right)
            .map(Some)
            .ok_or_else(|| exec_datafusion_err!("A product has more than 38 digits"))
    })
}

/// All products at once, where nothing overflows on the way to the result's digits; `excess` is what they
/// are divided by.
fn product(call: &Call, excess: i128) -> Result<Option<ArrayRef>> {
    let (Some((l1, s1)), Some((l2, s2))) = (extent(call, 0)?, extent(call, 1)?) else {
        return Ok(None);
    };
    let (left, right) = (operand(call, 0)?, operand(call, 1)?);
    let (left, right) = (left.as_ref(), right.as_ref());
    let stays = || largest(left).checked_mul(largest(right));
    let fits = l1 + s1 + l2 + s2 <= i16::from(DECIMAL128_MAX_PRECISION)
        || stays().is_some_and(is_number_of_38_digits);
    if !fits && excess != 1 {
        return Ok(None);
    }
    if !fits {
        let product = mul(left, right).map_err(|error| match error {
            ArrowError::ArithmeticOverflow(_) => {
                exec_datafusion_err!("A product has more than 38 digits")
            }
            other => other.into(),
        })?;
        return in_range(call, product).map(Some);
    }
    let product = match excess {
        1 => paired(call, left, right, i128::wrapping_mul)?,
        _ => paired(call, left, right, |left, right| {
            divide_rounding(left.wrapping_mul(right), excess)
        })?,
    };
    Ok(Some(product))
}
