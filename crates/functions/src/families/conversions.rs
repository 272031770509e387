//! Conversion functions. Those named `TRY_…` give null where the others fail.
//!
//! <https://docs.snowflake.com/en/sql-reference/functions-conversion>

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Decimal128Type, Float64Type, TimeUnit};
use chrono::NaiveDateTime;
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};

use crate::conversion::{Failure, convert};
use crate::scalar::{Call, Function, Kind, Returns, TIMESTAMP};
use crate::text::date_format::DateFormat;
use crate::text::number_format::NumberFormat;
use crate::types::decimal;

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
        Returns::Timestamp,
        |call| to_moment(call, Failure::Error),
    )
    .aliases(&["to_timestamp", "to_timestamp_ltz", "to_timestamp_tz"])
    .required(1)
    .note("wall clock without a zone, whichever name is used"),
    Function::kernel(
        "try_to_timestamp_ntz",
        "try_to_timestamp_ntz(value [, format | scale])",
        &[Kind::Any, Kind::Any],
        Returns::Timestamp,
        |call| to_moment(call, Failure::Null),
    )
    .aliases(&[
        "try_to_timestamp",
        "try_to_timestamp_ltz",
        "try_to_timestamp_tz",
    ])
    .required(1),
    Function::kernel(
        "to_time",
        "to_time(value)",
        &[Kind::Any],
        Returns::With(|_, _| Ok(TIME)),
        |call| convert(&call.array(0)?, &TIME, Failure::Error),
    )
    .aliases(&["time"]),
    Function::kernel(
        "try_to_time",
        "try_to_time(value)",
        &[Kind::Any],
        Returns::With(|_, _| Ok(TIME)),
        |call| convert(&call.array(0)?, &TIME, Failure::Null),
    ),
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
        "to_double(value)",
        &[Kind::Any],
        Returns::Float,
        |call| convert(&call.array(0)?, &DataType::Float64, Failure::Error),
    ),
    Function::kernel(
        "try_to_double",
        "try_to_double(value)",
        &[Kind::Any],
        Returns::Float,
        |call| convert(&call.array(0)?, &DataType::Float64, Failure::Null),
    ),
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
        return convert(&call.array(0)?, &DataType::Utf8, Failure::Error);
    }
    if value.is_numeric() {
        return number_text(call);
    }
    let mut formats = formats(call, 1, |text| DateFormat::new(text).map(Arc::new))?;
    let moments = match value {
        DataType::Date32
        | DataType::Timestamp(TimeUnit::Microsecond, None)
        | DataType::Time64(_) => call.moment(0)?,
        other => return plan_err!("TO_VARCHAR takes no format for {other}"),
    };
    call.texts(|row| match (formats(row)?, moments.get(row)) {
        (Some(format), Some(moment)) => Ok(Some(format.text(moment))),
        _ => Ok(None),
    })
}

fn number_text(call: &Call) -> Result<ArrayRef> {
    let (decimals, scale) = digits(call)?;
    let decimals = decimals.as_primitive::<Decimal128Type>();
    let mut formats = formats(call, 1, |text| NumberFormat::new(text).map(Arc::new))?;
    call.texts(|row| match formats(row)? {
        Some(format) if decimals.is_valid(row) => Ok(Some(format.text(decimals.value(row), scale))),
        _ => Ok(None),
    })
}

/// The numbers in the first argument as exact ones.
fn digits(call: &Call) -> Result<(ArrayRef, i8)> {
    let value = call.array(0)?;
    let scale = match value.data_type() {
        DataType::Decimal128(_, scale) => *scale,
        DataType::Int64 => 0,
        _ => 9,
    };
    Ok((cast(&value, &DataType::Decimal128(38, scale))?, scale))
}

/// Dates or timestamps, as announced.
fn to_moment(call: &Call, failure: Failure) -> Result<ArrayRef> {
    let value = call.array(0)?;
    if call.len() == 1 {
        return convert(&value, call.returns(), failure);
    }
    let format = call.data_type(1)?;
    if *value.data_type() != DataType::Utf8 {
        if value.data_type().is_numeric() && format.is_numeric() {
            return from_scaled(call, failure);
        }
        return convert(&value, call.returns(), failure);
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
    let read = |format: Option<Arc<DateFormat>>, text: &str| -> Option<NaiveDateTime> {
        match format {
            Some(format) => format.parse(text),
            None => crate::text::moment::parse_timestamp(text).map(|(moment, _)| moment),
        }
    };
    call.moments(|row| {
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
    })
}

/// Numbers that count units of `10^-scale` seconds.
fn from_scaled(call: &Call, failure: Failure) -> Result<ArrayRef> {
    let numbers = convert(&call.array(0)?, &DataType::Float64, failure)?;
    let scales = convert(&call.array(1)?, &DataType::Float64, failure)?;
    let ten = arrow::array::Float64Array::from_value(10.0, scales.len());
    let powers: ArrayRef = Arc::new(arrow::compute::binary::<_, _, _, Float64Type>(
        &ten,
        scales.as_primitive::<Float64Type>(),
        f64::powf,
    )?);
    let seconds = arrow::compute::kernels::numeric::div(&numbers, &powers)?;
    let moments = convert(&seconds, &TIMESTAMP, failure)?;
    convert(&moments, call.returns(), failure)
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
