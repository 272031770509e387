//! [`convert`]: values from one type to another as Snowflake converts them, where Arrow would not.
//!
//! <https://docs.snowflake.com/en/sql-reference/data-type-conversion>

use std::sync::Arc;

use arrow::array::{
    ArrayRef, AsArray, BinaryArray, BooleanArray, Decimal128Array, StringArray,
    TimestampMicrosecondArray,
};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Date32Type, Float64Type, Time64NanosecondType, TimeUnit,
    TimestampMicrosecondType,
};
use arrow::util::display::FormatOptions;
use chrono::{DateTime, TimeDelta, Timelike};
use datafusion::common::{DataFusionError, Result, exec_datafusion_err, exec_err, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use crate::geography;
use crate::parameters::Parameters;
use crate::scalar::{TIMESTAMP, instant, moment_from_micros};
use crate::text::bytes::{from_hex, hex};
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
    use DataType::{Binary, Boolean, Time32, Time64, Timestamp};
    if from == to || *from == DataType::Null {
        return false;
    }
    let carried = |side: &DataType| *side == CARRIER || *side == DataType::LargeBinary;
    if carried(from) || carried(to) {
        return true;
    }
    if is_text(from) {
        return is_number(to)
            || matches!(
                to,
                Boolean | DataType::Date32 | Timestamp(..) | Time64(_) | Binary
            );
    }
    if is_text(to) {
        return from.is_floating()
            || matches!(from, Timestamp(..) | Time32(_) | Time64(_) | Binary);
    }
    if is_moment(from) && is_moment(to) {
        // Arrow's wall clock is UTC's, whatever the session's is.
        return is_instant(from) != is_instant(to);
    }
    if is_number(from) && matches!(to, DataType::Date32 | Time64(_)) {
        return true;
    }
    let fraction = from.is_floating() || from.is_decimal();
    let whole_seconds = is_number(from) && matches!(to, Timestamp(..));
    let truth = (*from == Boolean && to.is_decimal()) || (from.is_decimal() && *to == Boolean);
    (fraction && to.is_integer()) || whole_seconds || truth
}

fn is_text(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8 | DataType::Utf8View)
}

fn is_moment(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Date32 | DataType::Timestamp(..) | DataType::Time64(_)
    )
}

fn is_instant(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Timestamp(_, Some(_)))
}

fn is_number(data_type: &DataType) -> bool {
    data_type.is_integer() || data_type.is_floating() || data_type.is_decimal()
}

/// `array` as `to`, by the clock of UTC.
pub(crate) fn convert(array: &ArrayRef, to: &DataType, failure: Failure) -> Result<ArrayRef> {
    convert_in(array, to, failure, &Parameters::default())
}

/// `array` as `to` in a session with these parameters.
pub(crate) fn convert_in(
    array: &ArrayRef,
    to: &DataType,
    failure: Failure,
    parameters: &Parameters,
) -> Result<ArrayRef> {
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
        return from_text(text.as_string::<i32>(), to, failure, parameters);
    }
    if is_text(to) {
        return arrow_cast(&to_text(array, failure, parameters)?, to, failure);
    }
    if is_moment(from) && is_moment(to) {
        return between_clocks(array, to, failure, parameters);
    }
    if matches!(to, DataType::Date32 | DataType::Time64(_)) {
        return plan_err!("A number is no date and no time: {from} cannot be cast to {to}");
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

/// Instants as wall clocks of the session, or the other way round.
fn between_clocks(
    array: &ArrayRef,
    to: &DataType,
    failure: Failure,
    parameters: &Parameters,
) -> Result<ArrayRef> {
    let from_instant = is_instant(array.data_type());
    let micros = match from_instant {
        true => arrow_cast(array, &instant(), failure)?,
        false => arrow_cast(array, &TIMESTAMP, failure)?,
    };
    let moved: TimestampMicrosecondArray = micros
        .as_primitive::<TimestampMicrosecondType>()
        .iter()
        .map(|micros| {
            let moment = moment_from_micros(micros?)?;
            let moved = match from_instant {
                true => Some(parameters.local(moment)),
                false => parameters.utc(moment),
            };
            Some(moved?.and_utc().timestamp_micros())
        })
        .collect();
    let moved: ArrayRef = match from_instant {
        true => Arc::new(moved),
        false => Arc::new(moved.with_data_type(instant())),
    };
    arrow_cast(&moved, to, failure)
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

fn to_text(array: &ArrayRef, failure: Failure, parameters: &Parameters) -> Result<ArrayRef> {
    let text: StringArray = match array.data_type() {
        DataType::Timestamp(_, zone) => {
            let to = zone.as_ref().map_or(TIMESTAMP, |_| instant());
            let text = |moment| match zone {
                None => moment::timestamp_text(moment),
                Some(_) => {
                    let text = moment::timestamp_text(parameters.local(moment));
                    format!(
                        "{text} {}",
                        moment::offset_text(parameters.offset(moment), "")
                    )
                }
            };
            arrow_cast(array, &to, failure)?
                .as_primitive::<TimestampMicrosecondType>()
                .iter()
                .map(|micros| micros.and_then(moment_from_micros).map(text))
                .collect()
        }
        DataType::Binary => array
            .as_binary::<i32>()
            .iter()
            .map(|bytes| bytes.map(|bytes| hex(bytes, false)))
            .collect(),
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

fn from_text(
    text: &StringArray,
    to: &DataType,
    failure: Failure,
    parameters: &Parameters,
) -> Result<ArrayRef> {
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
                    let moment = match (zone, offset) {
                        // Without a zone the wall clock counts, whatever offset the text names.
                        (None, _) => wall,
                        (Some(_), Some(_)) => moment::to_utc(wall, offset)?,
                        (Some(_), None) => parameters.utc(wall)?,
                    };
                    Some(moment.and_utc().timestamp_micros())
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
        DataType::Binary => {
            let bytes: BinaryArray = text
                .iter()
                .map(|value| one(value, failure, from_hex, refuse("Hexadecimal value")))
                .collect::<Result<_>>()?;
            Ok(Arc::new(bytes))
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

/// Fails for text that names an offset from UTC which the session's clock does not have then: a
/// TIMESTAMP_TZ keeps its own, which no carrier of ours does.
pub(crate) fn refuse_foreign_offset(text: &str, parameters: &Parameters) -> Result<()> {
    let Some((wall, Some(offset))) = moment::parse_timestamp(text) else {
        return Ok(());
    };
    let kept = moment::to_utc(wall, Some(offset))
        .is_none_or(|utc| parameters.offset(utc) == i64::from(offset));
    if kept {
        return Ok(());
    }
    exec_err!(
        "TIMESTAMP_TZ would lose the offset of '{text}': cast to TIMESTAMP_LTZ to keep the instant, \
         or to TIMESTAMP_NTZ to keep the wall clock"
    )
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
        let parameters = Parameters::of(&args.config_options);
        let [value] = datafusion::common::utils::take_function_args(self.name(), args.args)?;
        match value {
            ColumnarValue::Array(array) => Ok(ColumnarValue::Array(convert_in(
                &array,
                &self.to,
                self.failure,
                &parameters,
            )?)),
            ColumnarValue::Scalar(value) => {
                let array = convert_in(&value.to_array()?, &self.to, self.failure, &parameters)?;
                let value = datafusion::common::ScalarValue::try_from_array(&array, 0)?;
                Ok(ColumnarValue::Scalar(value))
            }
        }
    }
}
