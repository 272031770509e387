//! Numeric functions, and the arithmetic behind `/` and `*`.
//!
//! <https://docs.snowflake.com/en/sql-reference/functions-numeric>

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Datum};
use arrow::compute::cast;
use arrow::compute::kernels::numeric::{add, rem, sub};
use arrow::datatypes::{DECIMAL128_MAX_PRECISION, DataType, Decimal128Type, i256};
use arrow::error::ArrowError;
use datafusion::common::{Result, ScalarValue, exec_datafusion_err, exec_err};

use crate::scalar::{Call, Function, Kind, Returns, coerce};
use crate::text::number::{divide_rounding, power_of_ten, rescale};

use super::dates::cut;

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
        |call| checked(call, add),
    )
    .operator(),
    Function::kernel(
        "minus",
        "left - right",
        &[Kind::Number, Kind::Number],
        Returns::With(|types, _| sum_type(types)),
        |call| checked(call, sub),
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
    Function::kernel(
        "abs",
        "abs(number)",
        &[Kind::Number],
        Returns::Argument(0),
        abs,
    ),
    Function::kernel(
        "round",
        "round(number [, scale [, rounding mode]])",
        &[Kind::Number, Kind::Integer, Kind::Text],
        Returns::With(rounded_type),
        |call| round(call, rounding_mode(call)?),
    )
    .required(1)
    .note("half away from zero, or 'HALF_TO_EVEN'"),
    Function::kernel(
        "trunc",
        "trunc(number [, scale]), trunc(date, part)",
        &[Kind::Any, Kind::Any],
        Returns::With(truncated_type),
        |call| match call.data_type(0)? {
            moment if is_moment(moment) => cut(call, 1, 0),
            _ => round(call, Rounding::TowardsZero),
        },
    )
    .aliases(&["truncate"])
    .coerce(truncated_arguments)
    .required(1),
    Function::kernel(
        "ceil",
        "ceil(number [, scale])",
        &[Kind::Number, Kind::Integer],
        Returns::With(rounded_type),
        |call| round(call, Rounding::Up),
    )
    .aliases(&["ceiling"])
    .required(1),
    Function::kernel(
        "floor",
        "floor(number [, scale])",
        &[Kind::Number, Kind::Integer],
        Returns::With(rounded_type),
        |call| round(call, Rounding::Down),
    )
    .required(1),
    Function::kernel(
        "sign",
        "sign(number)",
        &[Kind::Number],
        Returns::Integer,
        sign,
    ),
    Function::kernel(
        "width_bucket",
        "width_bucket(number, least, greatest, buckets)",
        &[Kind::Float, Kind::Float, Kind::Float, Kind::Integer],
        Returns::Integer,
        width_bucket,
    ),
    Function::kernel(
        "haversine",
        "haversine(latitude, longitude, latitude, longitude)",
        &[Kind::Float, Kind::Float, Kind::Float, Kind::Float],
        Returns::Float,
        haversine,
    )
    .note("kilometres on a sphere of 6371 km"),
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
fn operand(call: &Call, at: usize) -> Result<ArrayRef> {
    let array = call.array(at)?;
    match (array.data_type(), call.returns()) {
        (DataType::Decimal128(..), DataType::Decimal128(..)) => Ok(array),
        (_, DataType::Decimal128(..)) => Ok(cast(&array, &DataType::Decimal128(38, 0))?),
        (from, to) if from == to => Ok(array),
        (_, to) => Ok(cast(&array, to)?),
    }
}

/// A sum or a difference. Arrow's kernels fail where 64 or 128 bits overflow; 38 digits end before.
fn checked(
    call: &Call,
    kernel: fn(&dyn Datum, &dyn Datum) -> Result<ArrayRef, ArrowError>,
) -> Result<ArrayRef> {
    in_range(call, kernel(&operand(call, 0)?, &operand(call, 1)?)?)
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
    let result = rem(&left, &right).map_err(|error| match error {
        ArrowError::DivideByZero => exec_datafusion_err!("Division by zero"),
        other => other.into(),
    })?;
    in_range(call, result)
}

fn abs(call: &Call) -> Result<ArrayRef> {
    let numbers = Numbers::of(call, 0)?;
    match call.returns() {
        DataType::Decimal128(..) => call.decimals(|row| Ok(numbers.digits(row).map(i128::abs))),
        DataType::Int64 => call.integers(|row| {
            let Some(digits) = numbers.digits(row) else {
                return Ok(None);
            };
            i64::try_from(digits.abs())
                .map(Some)
                .map_err(|_| exec_datafusion_err!("{} is too large", digits.abs()))
        }),
        _ => call.floats(|row| Ok(numbers.float(row).map(f64::abs))),
    }
}

/// An argument's digits and their scale, or its floating-point value.
enum Numbers<'a> {
    Whole(crate::scalar::Values<&'a arrow::array::Int64Array>),
    Decimal(crate::scalar::Values<&'a arrow::array::Decimal128Array>, i8),
    Float(crate::scalar::Values<&'a arrow::array::Float64Array>),
}

impl<'a> Numbers<'a> {
    fn of(call: &'a Call, at: usize) -> Result<Self> {
        Ok(match call.data_type(at)? {
            DataType::Decimal128(_, scale) => Self::Decimal(call.decimal(at)?, *scale),
            DataType::Int64 => Self::Whole(call.integer(at)?),
            _ => Self::Float(call.float(at)?),
        })
    }

    fn scale(&self) -> i8 {
        match self {
            Self::Decimal(_, scale) => *scale,
            Self::Whole(_) | Self::Float(_) => 0,
        }
    }

    fn digits(&self, row: usize) -> Option<i128> {
        match self {
            Self::Whole(values) => values.get(row).map(i128::from),
            Self::Decimal(values, _) => values.get(row),
            Self::Float(_) => None,
        }
    }

    #[allow(clippy::cast_precision_loss, reason = "a float is asked for")]
    fn float(&self, row: usize) -> Option<f64> {
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

fn is_moment(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Date32 | DataType::Timestamp(..))
}

fn truncated_arguments(types: &[DataType]) -> Result<Vec<DataType>> {
    let kinds = match types.first() {
        Some(first) if is_moment(first) && types.len() == 2 => [Kind::Moment, Kind::Text],
        _ => [Kind::Number, Kind::Integer],
    };
    coerce("trunc", kinds.get(..types.len()).unwrap_or(&kinds), types)
}

fn truncated_type(types: &[DataType], constants: &[Option<&ScalarValue>]) -> Result<DataType> {
    match types.first() {
        Some(first) if is_moment(first) => Ok(first.clone()),
        _ => rounded_type(types, constants),
    }
}

#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "a bucket's number"
)]
fn width_bucket(call: &Call) -> Result<ArrayRef> {
    let (numbers, least, greatest) = (call.float(0)?, call.float(1)?, call.float(2)?);
    let buckets = call.integer(3)?;
    call.integers(|row| {
        let (Some(number), Some(least), Some(greatest), Some(buckets)) = (
            numbers.get(row),
            least.get(row),
            greatest.get(row),
            buckets.get(row),
        ) else {
            return Ok(None);
        };
        if buckets < 1 || least >= greatest {
            return exec_err!("WIDTH_BUCKET takes rising bounds and at least one bucket");
        }
        let place = (number - least) / (greatest - least) * buckets as f64;
        Ok(Some(
            (place.floor() as i64)
                .saturating_add(1)
                .clamp(0, buckets + 1),
        ))
    })
}

fn haversine(call: &Call) -> Result<ArrayRef> {
    let places: Vec<_> = (0..4).map(|at| call.float(at)).collect::<Result<_>>()?;
    call.floats(|row| {
        let place: Option<Vec<f64>> = places
            .iter()
            .map(|degrees| degrees.get(row).map(f64::to_radians))
            .collect();
        let Some([from_latitude, from_longitude, to_latitude, to_longitude]) = place.as_deref()
        else {
            return Ok(None);
        };
        let half = |from: f64, to: f64| ((to - from) / 2.0).sin().powi(2);
        let chord = half(*from_latitude, *to_latitude)
            + from_latitude.cos() * to_latitude.cos() * half(*from_longitude, *to_longitude);
        Ok(Some(2.0 * 6371.0 * chord.sqrt().asin()))
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Rounding {
    HalfAway,
    HalfEven,
    TowardsZero,
    Up,
    Down,
}

/// The third argument of `ROUND`.
fn rounding_mode(call: &Call) -> Result<Rounding> {
    let Some(modes) = call.text_if_given(2)? else {
        return Ok(Rounding::HalfAway);
    };
    match modes.get(0) {
        Some("HALF_AWAY_FROM_ZERO") => Ok(Rounding::HalfAway),
        Some("HALF_TO_EVEN") => Ok(Rounding::HalfEven),
        mode => exec_err!(
            "ROUND takes 'HALF_AWAY_FROM_ZERO' or 'HALF_TO_EVEN', not '{}'",
            mode.unwrap_or("NULL")
        ),
    }
}

/// A constant scale shortens the type; another one keeps it.
fn rounded_type(types: &[DataType], constants: &[Option<&ScalarValue>]) -> Result<DataType> {
    let Some(DataType::Decimal128(precision, scale)) = types.first() else {
        return Ok(types.first().cloned().unwrap_or(DataType::Float64));
    };
    let kept = match (types.len(), constants.get(1)) {
        (1, _) => 0,
        (_, Some(Some(constant))) => match constant.cast_to(&DataType::Int64)? {
            ScalarValue::Int64(Some(places)) => {
                i8::try_from(places.clamp(0, i64::from(*scale))).unwrap_or(*scale)
            }
            _ => *scale,
        },
        _ => *scale,
    };
    // Rounding up may need one digit more.
    let dropped = scale.saturating_sub(kept).unsigned_abs();
    let precision = precision.saturating_sub(dropped).saturating_add(1).min(38);
    Ok(DataType::Decimal128(precision, kept))
}

fn round(call: &Call, rounding: Rounding) -> Result<ArrayRef> {
    let numbers = Numbers::of(call, 0)?;
    let places = call.integer_if_given(1)?;
    let places = |row| match &places {
        Some(places) => places.get(row).map(|places| places.clamp(-40, 40)),
        None => Some(0),
    };
    match *call.returns() {
        DataType::Decimal128(_, to) => {
            let from = numbers.scale();
            call.decimals(|row| {
                let (Some(digits), Some(places)) = (numbers.digits(row), places(row)) else {
                    return Ok(None);
                };
                let rounded = round_digits(digits, from, places, rounding);
                Ok(rescale(rounded, from, to))
            })
        }
        DataType::Int64 => call.integers(|row| {
            let (Some(digits), Some(places)) = (numbers.digits(row), places(row)) else {
                return Ok(None);
            };
            let rounded = round_digits(digits, 0, places, rounding);
            i64::try_from(rounded)
                .map(Some)
                .map_err(|_| exec_datafusion_err!("{rounded} is too large"))
        }),
        _ => call.floats(|row| {
            Ok(numbers
                .float(row)
                .zip(places(row))
                .map(|(number, places)| round_float(number, places, rounding)))
        }),
    }
}

/// Digits of the same scale with `places` of them kept after the point.
fn round_digits(digits: i128, scale: i8, places: i64, rounding: Rounding) -> i128 {
    let dropped = i64::from(scale) - places;
    if dropped <= 0 {
        return digits;
    }
    let Some(unit) = u32::try_from(dropped).ok().and_then(power_of_ten) else {
        return 0;
    };
    let units = match rounding {
        Rounding::HalfAway => divide_rounding(digits, unit),
        Rounding::HalfEven => {
            let rounded = divide_rounding(digits, unit);
            let is_tie = (digits % unit).abs().checked_mul(2) == Some(unit);
            if is_tie && rounded % 2 != 0 {
                rounded - digits.signum()
            } else {
                rounded
            }
        }
        Rounding::TowardsZero => digits / unit,
        Rounding::Down => digits.div_euclid(unit),
        Rounding::Up => -((-digits).div_euclid(unit)),
    };
    units * unit
}

fn round_float(number: f64, places: i64, rounding: Rounding) -> f64 {
    let places = i32::try_from(places).unwrap_or(0);
    let unit = 10_f64.powi(places.abs());
    let scaled = if places >= 0 {
        number * unit
    } else {
        number / unit
    };
    let rounded = match rounding {
        Rounding::HalfAway => scaled.round(),
        Rounding::HalfEven => scaled.round_ties_even(),
        Rounding::TowardsZero => scaled.trunc(),
        Rounding::Up => scaled.ceil(),
        Rounding::Down => scaled.floor(),
    };
    match () {
        () if !rounded.is_finite() => number,
        () if places >= 0 => rounded / unit,
        () => rounded * unit,
    }
}

fn sign(call: &Call) -> Result<ArrayRef> {
    let numbers = Numbers::of(call, 0)?;
    if let Numbers::Float(floats) = &numbers {
        return call.integers(|row| {
            Ok(floats
                .get(row)
                .map(|number| i64::from(number > 0.0) - i64::from(number < 0.0)))
        });
    }
    call.integers(|row| {
        Ok(numbers
            .digits(row)
            .map(|digits| i64::from(digits > 0) - i64::from(digits < 0)))
    })
}
