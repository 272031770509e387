//! [`convert`]: values from one type to another as Snowflake converts them, where Arrow would not.
//!
//! <https://docs.snowflake.com/en/sql-reference/data-type-conversion>

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BooleanArray, Decimal128Array, StringArray};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Date32Type, Float64Type, Time64NanosecondType, TimeUnit,
    TimestampMicrosecondType,
};
use arrow::util::display::FormatOptions;
use chrono::{DateTime, TimeDelta, Timelike};
use datafusion::common::{DataFusionError, Result, exec_datafusion_err};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use crate::geography;
use crate::scalar::{TIMESTAMP, moment_from_micros};
use crate::text::number::{float_text, parse_decimal};
use crate::text::{boolean, moment};
use crate::variant::cast::{CARRIER, from_variant, to_variant};

/// What happens to a value that does not convert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Failure {
    /// The statement fails: `CAST`.
    Error,
    /// It becomes null: `TRY_CAST`.
    Null,
}

/// Whether Snowflake converts these types in another way than Arrow.
pub(crate) fn differs(from: &DataType, to: &DataType) -> bool {
    use DataType::{Boolean, Time32, Time64, Timestamp};
    if from == to || *from == DataType::Null {
        return false;
    }
    let carried = |side: &DataType| *side == CARRIER || *side == DataType::LargeBinary;
    if carried(from) || carried(to) {
        return true;
    }
    if is_text(from) {
        return is_number(to)
            || matches!(to, Boolean | DataType::Date32 | Timestamp(..) | Time64(_));
    }
    if is_text(to) {
        return from.is_floating() || matches!(from, Timestamp(..) | Time32(_) | Time64(_));
    }
    let fraction = from.is_floating() || from.is_decimal();
    let whole_seconds = is_number(from) && matches!(to, Timestamp(..));
    let truth = (*from == Boolean && to.is_decimal()) || (from.is_decimal() && *to == Boolean);
    (fraction && to.is_integer()) || whole_seconds || truth
}

fn is_text(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8 | DataType::Utf8View)
}

fn is_number(data_type: &DataType) -> bool {
    data_type.is_integer() || data_type.is_floating() || data_type.is_decimal()
}

/// `array` as `to`.
pub(crate) fn convert(array: &ArrayRef, to: &DataType, failure: Failure) -> Result<ArrayRef> {
    let from = array.data_type();
    if !differs(from, to) {
        return arrow_cast(array, to, failure);
    }
    if *from == DataType::LargeBinary || *to == DataType::LargeBinary {
        return geography::convert(array, to, failure);
    }
    if *to == CARRIER {
        return Ok(Arc::new(to_variant(array)?));
    }
    if *from == CARRIER {
        return from_variant(array.as_string::<i64>(), to, failure);
    }
    if is_text(from) {
        let text = arrow_cast(array, &DataType::Utf8, failure)?;
        return from_text(text.as_string::<i32>(), to, failure);
    }
    if is_text(to) {
        return arrow_cast(&to_text(array, failure)?, to, failure);
    }
    if *from == DataType::Boolean {
        let number = arrow_cast(array, &DataType::Int64, failure)?;
        return arrow_cast(&number, to, failure);
    }
    if *to == DataType::Boolean {
        let number = arrow_cast(array, &DataType::Float64, failure)?;
        return arrow_cast(&number, to, failure);
    }
    if matches!(to, DataType::Timestamp(..)) {
        let seconds = arrow_cast(array, &DataType::Float64, failure)?;
        return from_seconds(&seconds, to, failure);
    }
    to_whole(array, to, failure)
}

fn arrow_cast(array: &ArrayRef, to: &DataType, failure: Failure) -> Result<ArrayRef> {
    let options = CastOptions {
        safe: failure == Failure::Null,
        format_options: FormatOptions::default(),
    };
    Ok(cast_with_options(array, to, &options)?)
}

/// Whole numbers, rounded half away from zero.
fn to_whole(array: &ArrayRef, to: &DataType, failure: Failure) -> Result<ArrayRef> {
    let rounded: ArrayRef = if array.data_type().is_floating() {
        let floats = arrow_cast(array, &DataType::Float64, failure)?;
        let floats = floats.as_primitive::<Float64Type>();
        Arc::new(floats.unary::<_, Float64Type>(f64::round))
    } else {
        arrow_cast(array, &DataType::Decimal128(38, 0), failure)?
    };
    arrow_cast(&rounded, to, failure)
}

fn from_seconds(seconds: &ArrayRef, to: &DataType, failure: Failure) -> Result<ArrayRef> {
    let seconds = seconds.as_primitive::<Float64Type>();
    #[allow(
        clippy::cast_possible_truncation,
        reason = "`as` saturates, and the calendar is checked"
    )]
    let micros = parsed::<TimestampMicrosecondType, _>(
        seconds.iter(),
        failure,
        |seconds| {
            let micros = (seconds * 1e6).round() as i64;
            DateTime::from_timestamp_micros(micros).map(|_| micros)
        },
        |seconds| exec_datafusion_err!("{seconds} seconds are outside of the calendar"),
    )?;
    arrow_cast(&micros, to, failure)
}

fn to_text(array: &ArrayRef, failure: Failure) -> Result<ArrayRef> {
    let text: StringArray = match array.data_type() {
        DataType::Timestamp(_, zone) => {
            let suffix = zone.as_ref().map_or("", |_| " +0000");
            let wall = arrow_cast(array, &TIMESTAMP, failure)?;
            wall.as_primitive::<TimestampMicrosecondType>()
                .iter()
                .map(|micros| {
                    micros
                        .and_then(moment_from_micros)
                        .map(|wall| moment::timestamp_text(wall) + suffix)
                })
                .collect()
        }
        DataType::Time32(_) | DataType::Time64(_) => {
            let times = arrow_cast(array, &DataType::Time64(TimeUnit::Nanosecond), failure)?;
            times
                .as_primitive::<Time64NanosecondType>()
                .iter()
                .map(|nanos| nanos.map(|nanos| moment::time_text(time_of_day(nanos))))
                .collect()
        }
        _ => {
            let floats = arrow_cast(array, &DataType::Float64, failure)?;
            floats
                .as_primitive::<Float64Type>()
                .iter()
                .map(|value| value.map(float_text))
                .collect()
        }
    };
    Ok(Arc::new(text))
}

fn time_of_day(nanos: i64) -> chrono::NaiveTime {
    chrono::NaiveTime::MIN
        .overflowing_add_signed(TimeDelta::nanoseconds(nanos))
        .0
}

fn from_text(text: &StringArray, to: &DataType, failure: Failure) -> Result<ArrayRef> {
    let refuse = |what: &'static str| {
        move |text: &str| exec_datafusion_err!("{what} '{text}' is not recognized")
    };
    match to {
        DataType::Boolean => {
            let truths: BooleanArray = text
                .iter()
                .map(|value| one(value, failure, boolean::parse, refuse("Boolean value")))
                .collect::<Result<_>>()?;
            Ok(Arc::new(truths))
        }
        DataType::Date32 => parsed::<Date32Type, _>(
            text.iter(),
            failure,
            |text| Some(moment::parse_timestamp(text)?.0.date().to_epoch_days()),
            refuse("Date"),
        ),
        DataType::Timestamp(_, zone) => {
            let micros = parsed::<TimestampMicrosecondType, _>(
                text.iter(),
                failure,
                |text| {
                    let (wall, offset) = moment::parse_timestamp(text)?;
                    // Without a zone the wall clock counts, whatever offset the text names.
                    let offset = zone.as_ref().and(offset);
                    Some(moment::to_utc(wall, offset)?.and_utc().timestamp_micros())
                },
                refuse("Timestamp"),
            )?;
            let zoned = DataType::Timestamp(TimeUnit::Microsecond, zone.clone());
            let micros = micros
                .as_primitive::<TimestampMicrosecondType>()
                .clone()
                .with_data_type(zoned);
            arrow_cast(&(Arc::new(micros) as ArrayRef), to, failure)
        }
        DataType::Time64(_) => {
            let nanos = parsed::<Time64NanosecondType, _>(
                text.iter(),
                failure,
                |text| {
                    let time = moment::parse_time(text)?;
                    let seconds = i64::from(time.num_seconds_from_midnight());
                    Some(seconds * 1_000_000_000 + i64::from(time.nanosecond()))
                },
                refuse("Time"),
            )?;
            arrow_cast(&nanos, to, failure)
        }
        _ if to.is_floating() => {
            let floats = parsed::<Float64Type, _>(
                text.iter(),
                failure,
                |text| text.trim().parse().ok(),
                refuse("Numeric value"),
            )?;
            arrow_cast(&floats, to, failure)
        }
        DataType::Decimal128(precision, scale) => {
            decimals_from_text(text, *precision, *scale, failure)
        }
        _ if to.is_integer() => arrow_cast(&decimals_from_text(text, 38, 0, failure)?, to, failure),
        // Wider or narrower decimals than the warehouse has.
        _ => arrow_cast(&(Arc::new(text.clone()) as ArrayRef), to, failure),
    }
}

fn decimals_from_text(
    text: &StringArray,
    precision: u8,
    scale: i8,
    failure: Failure,
) -> Result<ArrayRef> {
    let digits: Decimal128Array = text
        .iter()
        .map(|value| {
            one(
                value,
                failure,
                |text| parse_decimal(text, precision, scale),
                |text| {
                    exec_datafusion_err!(
                        "Numeric value '{text}' is not recognized as NUMBER({precision},{scale})"
                    )
                },
            )
        })
        .collect::<Result<_>>()?;
    let digits = digits.with_data_type(DataType::Decimal128(precision, scale));
    Ok(Arc::new(digits))
}

/// Every value read by `read`; one that it does not take fails or becomes null.
fn parsed<T: ArrowPrimitiveType, V: Copy>(
    values: impl Iterator<Item = Option<V>>,
    failure: Failure,
    read: impl Fn(V) -> Option<T::Native>,
    refuse: impl Fn(V) -> DataFusionError,
) -> Result<ArrayRef> {
    let array: arrow::array::PrimitiveArray<T> = values
        .map(|value| one(value, failure, &read, &refuse))
        .collect::<Result<Vec<_>>>()?
        .into_iter()
        .collect();
    Ok(Arc::new(array))
}

fn one<V: Copy, R>(
    value: Option<V>,
    failure: Failure,
    read: impl Fn(V) -> Option<R>,
    refuse: impl Fn(V) -> DataFusionError,
) -> Result<Option<R>> {
    let Some(value) = value else { return Ok(None) };
    match (read(value), failure) {
        (Some(read), _) => Ok(Some(read)),
        (None, Failure::Null) => Ok(None),
        (None, Failure::Error) => Err(refuse(value)),
    }
}

/// `expr` converted to `to` by this module.
pub(crate) fn conversion(expr: Expr, to: DataType, failure: Failure) -> Expr {
    let udf = Conversion {
        to,
        failure,
        signature: Signature::any(1, Volatility::Immutable),
    };
    ScalarUDF::new_from_impl(udf).call(vec![expr])
}

/// [`convert`] in a plan.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Conversion {
    to: DataType,
    failure: Failure,
    signature: Signature,
}

impl ScalarUDFImpl for Conversion {
    fn name(&self) -> &str {
        match self.failure {
            Failure::Error => "convert",
            Failure::Null => "try_convert",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(self.to.clone())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [value] = datafusion::common::utils::take_function_args(self.name(), args.args)?;
        match value {
            ColumnarValue::Array(array) => Ok(ColumnarValue::Array(convert(
                &array,
                &self.to,
                self.failure,
            )?)),
            ColumnarValue::Scalar(value) => {
                let array = convert(&value.to_array()?, &self.to, self.failure)?;
                let value = datafusion::common::ScalarValue::try_from_array(&array, 0)?;
                Ok(ColumnarValue::Scalar(value))
            }
        }
    }
}
