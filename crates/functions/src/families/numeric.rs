//! Numeric functions.
//!
//! <https://docs.snowflake.com/en/sql-reference/functions-numeric>

use arrow::array::{ArrayRef, new_null_array};
use arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue, exec_datafusion_err, exec_err};

use crate::scalar::{Call, Function, Kind, Returns, coerce};
use crate::text::number::{divide_rounding, power_of_ten, rescale};
use crate::zoned::is_zoned;

use super::arithmetic::Numbers;
use super::dates::{check_part, cut};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::kernel(
        "abs",
        "abs(number)",
        &[Kind::Number],
        Returns::Argument(0),
        abs,
    ),
    Function::kernel(
        "$negate",
        "-number",
        &[Kind::Number],
        Returns::Argument(0),
        negate,
    ),
    Function::kernel(
        "round",
        "round(number [, scale [, rounding mode]])",
        &[Kind::Number, Kind::Integer, Kind::Text],
        Returns::With(rounded_type),
        |call| match rounding_mode(call)? {
            Some(rounding) => round(call, rounding),
            None => Ok(new_null_array(call.returns(), call.rows())),
        },
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
];

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

fn negate(call: &Call) -> Result<ArrayRef> {
    let numbers = Numbers::of(call, 0)?;
    match call.returns() {
        DataType::Decimal128(..) => {
            call.decimals(|row| Ok(numbers.digits(row).map(|digits| -digits)))
        }
        DataType::Int64 => call.integers(|row| {
            let Some(digits) = numbers.digits(row) else {
                return Ok(None);
            };
            i64::try_from(-digits)
                .map(Some)
                .map_err(|_| exec_datafusion_err!("{} is too large", -digits))
        }),
        _ => call.floats(|row| Ok(numbers.float(row).map(|number| -number))),
    }
}

fn is_moment(data_type: &DataType) -> bool {
    let is_plain = matches!(
        data_type,
        DataType::Date32 | DataType::Timestamp(..) | DataType::Time64(_)
    );
    is_plain || is_zoned(data_type)
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
        Some(first) if is_moment(first) => {
            check_part(constants.get(1), Some(first))?;
            Ok(first.clone())
        }
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

#[derive(Clone, Copy, PartialEq, Eq)]
enum Rounding {
    HalfAway,
    HalfEven,
    TowardsZero,
    Up,
    Down,
}

/// The third argument of `ROUND`, in any case; NULL makes all of it NULL.
fn rounding_mode(call: &Call) -> Result<Option<Rounding>> {
    let Some(modes) = call.text_if_given(2)? else {
        return Ok(Some(Rounding::HalfAway));
    };
    let Some(mode) = modes.get(0) else {
        return Ok(None);
    };
    match mode.to_ascii_uppercase().as_str() {
        "HALF_AWAY_FROM_ZERO" => Ok(Some(Rounding::HalfAway)),
        "HALF_TO_EVEN" => Ok(Some(Rounding::HalfEven)),
        _ => exec_err!("ROUND takes 'HALF_AWAY_FROM_ZERO' or 'HALF_TO_EVEN', not '{mode}'"),
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
