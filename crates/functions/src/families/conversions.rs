//! Conversion functions. Those named `TRY_…` give null where the others fail.
//!
//! <https://docs.snowflake.com/en/sql-reference/functions-conversion>

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Decimal128Type, Int64Type, TimeUnit};
use chrono::{DateTime, NaiveDate, NaiveDateTime};
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};

use crate::conversion::{Failure, convert, convert_in, located};
use crate::fine::{FINE, is_fine};
use crate::scalar::{Call, Function, Kind, Returns, TIMESTAMP, instant};
use crate::text::date_format::DateFormat;
use crate::text::moment::{parse_time, parse_timestamp};
use crate::text::number::{decimal_text, power_of_ten};
use crate::text::number_format::NumberFormat;
use crate::types::decimal;
use crate::zoned::is_zoned;

use super::encoding::binary_text;

const TIME: DataType = DataType::Time64(TimeUnit::Nanosecond);

pub(super) const FUNCTIONS: &[Function] = &[
    Function::kernel(
        "to_varchar",
        "to_varchar(value [, format])",
        &[Kind::Any, Kind::Text],
        Returns::Text,
        to_varchar,
    )
    .aliases(&["to_char"])
    .required(1),
    Function::kernel(
        "to_date",
        "to_date(value [, format])",
        &[Kind::Any, Kind::Text],
        Returns::Date,
        |call| to_moment(call, Failure::Error),
    )
    .aliases(&["date"])
    .required(1),
    Function::kernel(
        "try_to_date",
        "try_to_date(value [, format])",
        &[Kind::Any, Kind::Text],
        Returns::Date,
        |call| to_moment(call, Failure::Null),
    )
    .required(1),
    Function::kernel(
        "to_timestamp_ntz",
        "to_timestamp_ntz(value [, format | scale])",
        &[Kind::Any, Kind::Any],
        Returns::With(|_, constants| Ok(timestamp_of(constants))),
        |call| to_moment(call, Failure::Error),
    )
    .aliases(&["to_timestamp"])
    .required(1)
    .note("a number counts seconds, or units of 10^-scale of them"),
    Function::kernel(
        "try_to_timestamp_ntz",
        "try_to_timestamp_ntz(value [, format | scale])",
        &[Kind::Any, Kind::Any],
        Returns::With(|_, constants| Ok(timestamp_of(constants))),
        |call| to_moment(call, Failure::Null),
    )
    .aliases(&["try_to_timestamp"])
    .required(1),
    Function::kernel(
        "to_timestamp_ltz",
        "to_timestamp_ltz(value [, format | scale])",
        &[Kind::Any, Kind::Any],
        Returns::With(|_, _| Ok(instant())),
        |call| to_moment(call, Failure::Error),
    )
    .required(1)
    .note("an instant, shown in the session's TIMEZONE"),
    Function::kernel(
        "try_to_timestamp_ltz",
        "try_to_timestamp_ltz(value [, format | scale])",
        &[Kind::Any, Kind::Any],
        Returns::With(|_, _| Ok(instant())),
        |call| to_moment(call, Failure::Null),
    )
    .required(1),
    Function::kernel(
        "to_timestamp_tz",
        "to_timestamp_tz(value [, format | scale])",
        &[Kind::Any, Kind::Any],
        Returns::TimestampTz,
        |call| to_moment(call, Failure::Error),
    )
    .required(1)
    .note("an instant with the text's distance from UTC, or else the session's"),
    Function::kernel(
        "try_to_timestamp_tz",
        "try_to_timestamp_tz(value [, format | scale])",
        &[Kind::Any, Kind::Any],
        Returns::TimestampTz,
        |call| to_moment(call, Failure::Null),
    )
    .required(1)
    .note("as TO_TIMESTAMP_TZ"),
    Function::kernel(
        "to_time",
        "to_time(value [, format])",
        &[Kind::Any, Kind::Text],
        Returns::With(|_, _| Ok(TIME)),
        |call| to_moment(call, Failure::Error),
    )
    .aliases(&["time"])
    .required(1),
    Function::kernel(
        "try_to_time",
        "try_to_time(value [, format])",
        &[Kind::Any, Kind::Text],
        Returns::With(|_, _| Ok(TIME)),
        |call| to_moment(call, Failure::Null),
    )
    .required(1),
    Function::kernel(
        "to_number",
        "to_number(value [, format] [, precision [, scale]])",
        &[Kind::Any, Kind::Any, Kind::Any, Kind::Any],
        Returns::With(number_type),
        |call| to_number(call, Failure::Error),
    )
    .aliases(&["to_decimal", "to_numeric"])
    .required(1)
    .note("NUMBER(38,0) unless told otherwise"),
    Function::kernel(
        "try_to_number",
        "try_to_number(value [, format] [, precision [, scale]])",
        &[Kind::Any, Kind::Any, Kind::Any, Kind::Any],
        Returns::With(number_type),
        |call| to_number(call, Failure::Null),
    )
    .aliases(&["try_to_decimal", "try_to_numeric"])
    .required(1),
    Function::kernel(
        "to_double",
        "to_double(value [, format])",
        &[Kind::Any, Kind::Text],
        Returns::Float,
        |call| to_double(call, Failure::Error),
    )
    .required(1),
    Function::kernel(
        "try_to_double",
        "try_to_double(value [, format])",
        &[Kind::Any, Kind::Text],
        Returns::Float,
        |call| to_double(call, Failure::Null),
    )
    .required(1),
    Function::kernel(
        "to_boolean",
        "to_boolean(value)",
        &[Kind::Any],
        Returns::Boolean,
        |call| convert(&call.array(0)?, &DataType::Boolean, Failure::Error),
    ),
    Function::kernel(
        "try_to_boolean",
        "try_to_boolean(value)",
        &[Kind::Any],
        Returns::Boolean,
        |call| convert(&call.array(0)?, &DataType::Boolean, Failure::Null),
    ),
];

/// The format in an argument, taken apart once per batch if it is a constant.
fn formats<'a, F: Clone + 'a>(
    call: &'a Call,
    at: usize,
    parse: impl Fn(&str) -> Result<F> + 'a,
) -> Result<impl FnMut(usize) -> Result<Option<F>> + 'a> {
    let texts = call.text(at)?;
    let mut last: Option<(&str, F)> = None;
    Ok(move |row| {
        let Some(text) = texts.get(row) else {
            return Ok(None);
        };
        if let Some((known, format)) = &last
            && *known == text
        {
            return Ok(Some(format.clone()));
        }
        let format = parse(text)?;
        last = Some((text, format.clone()));
        Ok(Some(format))
    })
}

fn to_varchar(call: &Call) -> Result<ArrayRef> {
    let value = call.data_type(0)?;
    if call.len() == 1 || matches!(value, DataType::Utf8 | DataType::Boolean | DataType::Null) {
        let array = call.array(0)?;
        return convert_in(&array, &DataType::Utf8, Failure::Error, &call.parameters());
    }
    if value.is_numeric() {
        return number_text(call);
    }
    if *value == DataType::Binary {
        return binary_text(call);
    }
    let mut formats = formats(call, 1, |text| DateFormat::new(text).map(Arc::new))?;
    let moments = match value {
        DataType::Date32 | DataType::Timestamp(..) | DataType::Time64(_) => call.moment(0)?,
        zoned if is_zoned(zoned) => call.moment(0)?,
        other => return plan_err!("TO_VARCHAR takes no format for {other}"),
    };
    call.texts(|row| match (formats(row)?, moments.get(row)) {
        (Some(format), Some(moment)) => Ok(Some(format.text_at(moment, moments.offset(row)))),
        _ => Ok(None),
    })
}

/// Floating-point numbers, read by a format if there is one.
fn to_double(call: &Call, failure: Failure) -> Result<ArrayRef> {
    let value = call.array(0)?;
    if call.len() == 1 || *value.data_type() != DataType::Utf8 {
        return convert(&value, &DataType::Float64, failure);
    }
    const SCALE: i8 = 18;
    let texts = call.text(0)?;
    let mut formats = formats(call, 1, |text| NumberFormat::new(text).map(Arc::new))?;
    call.floats(|row| {
        let (Some(format), Some(text)) = (formats(row)?, texts.get(row)) else {
            return Ok(None);
        };
        match (format.parse(text, 38, SCALE), failure) {
            (Some(digits), _) => Ok(decimal_text(digits, SCALE).parse().ok()),
            (None, Failure::Null) => Ok(None),
            (None, Failure::Error) => exec_err!("Numeric value '{text}' is not recognized"),
        }
    })
}

fn number_text(call: &Call) -> Result<ArrayRef> {
    let mut formats = formats(call, 1, |text| NumberFormat::new(text).map(Arc::new))?;
    if call.data_type(0)?.is_floating() {
        let floats = call.float(0)?;
        let to = DataType::Decimal128(38, FLOAT_DIGITS);
        let exact = convert(&call.array(0)?, &to, Failure::Null)?;
        let exact = exact.as_primitive::<Decimal128Type>();
        return call.texts(|row| {
            let (Some(format), Some(value)) = (formats(row)?, floats.get(row)) else {
                return Ok(None);
            };
            match format.float_text(value) {
                Some(text) => Ok(Some(text)),
                None if exact.is_valid(row) => {
                    Ok(Some(format.text(exact.value(row), FLOAT_DIGITS)))
                }
                None => exec_err!("{value} has too many digits for a fixed number format"),
            }
        });
    }
    let (decimals, scale) = digits(call)?;
    let decimals = decimals.as_primitive::<Decimal128Type>();
    call.texts(|row| match formats(row)? {
        Some(format) if decimals.is_valid(row) => Ok(Some(format.text(decimals.value(row), scale))),
        _ => Ok(None),
    })
}

/// Digits behind the point of a floating-point number that is made an exact one.
const FLOAT_DIGITS: i8 = 9;

/// The numbers in the first argument as exact ones.
fn digits(call: &Call) -> Result<(ArrayRef, i8)> {
    let value = call.array(0)?;
    let scale = match value.data_type() {
        DataType::Decimal128(_, scale) => *scale,
        DataType::Int64 => 0,
        _ => FLOAT_DIGITS,
    };
    Ok((cast(&value, &DataType::Decimal128(38, scale))?, scale))
}

/// TIMESTAMP_NTZ, with nine digits of a second where a constant has so many.
fn timestamp_of(constants: &[Option<&ScalarValue>]) -> DataType {
    let is_exact = match constants {
        [Some(ScalarValue::Utf8(Some(text))), ..] => is_fine(text),
        [
            Some(ScalarValue::Int64(Some(number))),
            Some(ScalarValue::Int64(Some(9))),
        ] => number % 1_000 != 0,
        _ => false,
    };
    if is_exact { FINE } else { TIMESTAMP }
}

/// Dates, times or timestamps, as announced.
fn to_moment(call: &Call, failure: Failure) -> Result<ArrayRef> {
    let (value, parameters) = (call.array(0)?, call.parameters());
    if call.len() == 1 {
        return convert_in(&value, call.returns(), failure, &parameters);
    }
    let format = call.data_type(1)?;
    if *value.data_type() != DataType::Utf8 {
        if value.data_type().is_numeric() && format.is_numeric() {
            return from_scaled(call, failure);
        }
        return convert_in(&value, call.returns(), failure, &parameters);
    }
    if *format != DataType::Utf8 {
        return plan_err!("A format is text, not {format}");
    }
    let texts = call.text(0)?;
    let mut formats = formats(call, 1, |text| {
        if text.eq_ignore_ascii_case("auto") {
            return Ok(None);
        }
        DateFormat::new(text).map(|format| Some(Arc::new(format)))
    })?;
    let is_time = *call.returns() == TIME;
    let read = |format: Option<Arc<DateFormat>>, text: &str| match format {
        Some(format) => format.parse_zoned(text, parameters.two_digit_century_start),
        None if is_time => Some((NaiveDate::default().and_time(parse_time(text)?), None)),
        None => parse_timestamp(text),
    };
    let mut found = |row: usize| {
        let (Some(format), Some(text)) = (formats(row)?, texts.get(row)) else {
            return Ok(None);
        };
        match (read(format, text), failure) {
            (Some(moment), _) => Ok(Some(moment)),
            (None, Failure::Null) => Ok(None),
            (None, Failure::Error) => {
                exec_err!("Can't parse '{text}' as a date with the given format")
            }
        }
    };
    if is_zoned(call.returns()) {
        return call.zoned(|row| {
            Ok(found(row)?.and_then(|(wall, offset)| located(wall, offset, &parameters)))
        });
    }
    let is_instant = *call.returns() == instant();
    call.moments(|row| {
        Ok(match found(row)? {
            // By the session's clock, which is what the array is made from.
            Some((wall, offset @ Some(_))) if is_instant => {
                located(wall, offset, &parameters).map(|(utc, _)| parameters.local(utc))
            }
            other => other.map(|(wall, _)| wall),
        })
    })
}

/// The moment so many nanoseconds after 1970.
fn moment_from_nanos(nanos: i128) -> Option<NaiveDateTime> {
    const SECOND: i128 = 1_000_000_000;
    let seconds = i64::try_from(nanos.div_euclid(SECOND)).ok()?;
    let rest = u32::try_from(nanos.rem_euclid(SECOND)).ok()?;
    DateTime::from_timestamp(seconds, rest).map(|moment| moment.naive_utc())
}

/// Numbers that count units of `10^-scale` seconds since 1970.
fn from_scaled(call: &Call, failure: Failure) -> Result<ArrayRef> {
    let (numbers, scale) = digits(call)?;
    let numbers = numbers.as_primitive::<Decimal128Type>();
    let units = convert(&call.array(1)?, &DataType::Int64, failure)?;
    let units = units.as_primitive::<Int64Type>();
    let parameters = call.parameters();
    let is_instant = *call.returns() == instant() || is_zoned(call.returns());
    call.moments(|row| {
        if numbers.is_null(row) || units.is_null(row) {
            return Ok(None);
        }
        let unit = units.value(row);
        if !(0..=9).contains(&unit) {
            return exec_err!("A timestamp's scale is 0 to 9, not {unit}");
        }
        let places = u32::try_from(unit).unwrap_or(0) + u32::from(scale.unsigned_abs());
        let power = power_of_ten(places).unwrap_or(i128::MAX);
        let nanos = numbers
            .value(row)
            .checked_mul(1_000_000_000)
            .map(|large| large.div_euclid(power));
        let moment = nanos.and_then(moment_from_nanos);
        match (moment, failure) {
            (Some(moment), _) if is_instant => Ok(Some(parameters.local(moment))),
            (Some(moment), _) => Ok(Some(moment)),
            (None, Failure::Null) => Ok(None),
            (None, Failure::Error) => {
                exec_err!("{} is outside of the calendar", numbers.value(row))
            }
        }
    })
}

/// `NUMBER` of the constant precision and scale, which follow a format if there is one.
fn number_type(types: &[DataType], constants: &[Option<&ScalarValue>]) -> Result<DataType> {
    let first = if types.get(1) == Some(&DataType::Utf8) {
        2
    } else {
        1
    };
    let number = |at: usize, missing: i64| {
        if at >= types.len() {
            return Ok(missing);
        }
        match constants.get(at).copied().flatten() {
            Some(ScalarValue::Int64(Some(number))) => Ok(*number),
            _ => plan_err!("TO_NUMBER takes a constant precision and scale"),
        }
    };
    decimal(number(first, 38)?, number(first + 1, 0)?)
}

fn to_number(call: &Call, failure: Failure) -> Result<ArrayRef> {
    let formatted = call.len() > 1 && *call.data_type(1)? == DataType::Utf8;
    let (DataType::Decimal128(precision, scale), true) = (call.returns().clone(), formatted) else {
        return convert(&call.array(0)?, call.returns(), failure);
    };
    if *call.data_type(0)? != DataType::Utf8 {
        return convert(&call.array(0)?, call.returns(), failure);
    }
    let texts = call.text(0)?;
    let mut formats = formats(call, 1, |text| NumberFormat::new(text).map(Arc::new))?;
    call.decimals(|row| {
        let (Some(format), Some(text)) = (formats(row)?, texts.get(row)) else {
            return Ok(None);
        };
        match (format.parse(text, precision, scale), failure) {
            (Some(digits), _) => Ok(Some(digits)),
            (None, Failure::Null) => Ok(None),
            (None, Failure::Error) => exec_err!("Numeric value '{text}' is not recognized"),
        }
    })
}
