//! [`convert`]: values from one type to another as Snowflake converts them, where Arrow would not.
//!
//! <https://docs.snowflake.com/en/sql-reference/data-type-conversion>

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BinaryArray, BooleanArray, Decimal128Array, StringArray};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{ArrowPrimitiveType, DataType, Float64Type, TimestampMicrosecondType};
use arrow::util::display::FormatOptions;
use chrono::DateTime;
use datafusion::common::{DataFusionError, Result, exec_datafusion_err, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use crate::fine::FINE;
use crate::geography;
use crate::parameters::Parameters;
use crate::text::boolean;
use crate::text::number::{fits, float_varchar, parse_decimal};
use crate::variant::cast::{CARRIER, from_variant, to_variant};
use crate::zoned::is_zoned;

mod moments;

pub use moments::cut_to_declared;
pub(crate) use moments::{kept, located};

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
    let carried =
        |side: &DataType| *side == CARRIER || *side == DataType::LargeBinary || is_zoned(side);
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
            || matches!(
                from,
                DataType::Date32 | Timestamp(..) | Time32(_) | Time64(_) | Binary
            );
    }
    if is_moment(from) && is_moment(to) {
        // Arrow's wall clock is UTC's, whatever the session's is.
        let is_cut = *from == FINE && matches!(to, Timestamp(..));
        let refused = matches!(from, Time64(_)) != matches!(to, Time64(_))
            && (matches!(from, Time64(_)) || *from == DataType::Date32);
        return is_cut || refused || is_instant(from) != is_instant(to);
    }
    let is_number_or_truth = |kind: &DataType| is_number(kind) || *kind == Boolean;
    if is_number(from) && matches!(to, DataType::Date32 | Time64(_))
        || is_moment(from) && is_number_or_truth(to)
    {
        return true;
    }
    let fraction = from.is_floating() || from.is_decimal();
    let whole_seconds = is_number(from) && matches!(to, Timestamp(..));
    let truth = (*from == Boolean && to.is_decimal()) || (from.is_decimal() && *to == Boolean);
    let digits = from.is_floating() && matches!(to, DataType::Decimal128(..));
    (fraction && to.is_integer()) || whole_seconds || truth || digits
}

fn is_text(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8 | DataType::Utf8View)
}

fn is_moment(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Date32 | DataType::Timestamp(..) | DataType::Time64(_)
    ) || is_zoned(data_type)
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
    convert_to(array, to, None, failure, parameters)
}

/// `array` as `to`, whose second has this many digits if it is declared so.
fn convert_to(
    array: &ArrayRef,
    to: &DataType,
    digits: Option<u32>,
    failure: Failure,
    parameters: &Parameters,
) -> Result<ArrayRef> {
    let converted = convert_whole(array, to, digits, failure, parameters)?;
    match digits {
        Some(digits) => moments::cut(&converted, digits),
        None => Ok(converted),
    }
}

fn convert_whole(
    array: &ArrayRef,
    to: &DataType,
    digits: Option<u32>,
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
        return from_variant(array.as_string::<i64>(), to, failure, parameters);
    }
    if is_text(from) {
        let text = arrow_cast(array, &DataType::Utf8, failure)?;
        return from_text(text.as_string::<i32>(), to, digits, failure, parameters);
    }
    if is_text(to) {
        return arrow_cast(&to_text(array, failure, parameters)?, to, failure);
    }
    if is_moment(from) && is_moment(to) {
        return moments::between(array, to, digits, failure, parameters);
    }
    if matches!(to, DataType::Date32 | DataType::Time64(_)) {
        return plan_err!("A number is no date and no time: {from} cannot be cast to {to}");
    }
    if is_moment(from) {
        return plan_err!(
            "{from} cannot be cast to {to}: DATE_PART(epoch_second, …) gives a number"
        );
    }
    if is_moment(to) {
        return moments::from_numbers(array, to, failure, parameters);
    }
    if *from == DataType::Boolean {
        let number = arrow_cast(array, &DataType::Int64, failure)?;
        return arrow_cast(&number, to, failure);
    }
    if let (true, DataType::Decimal128(precision, scale)) = (from.is_floating(), to) {
        return decimals_from_floats(array, *precision, *scale, failure);
    }
    if *to == DataType::Boolean {
        let number = arrow_cast(array, &DataType::Float64, failure)?;
        return arrow_cast(&number, to, failure);
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
    whole(&rounded, to, failure)
}

/// Whole numbers in fewer bits.
fn whole(array: &ArrayRef, to: &DataType, failure: Failure) -> Result<ArrayRef> {
    arrow_cast(array, to, failure).map_err(|error| {
        exec_datafusion_err!(
            "A number is larger than the 64 bits of INT, use NUMBER(38,0): {}",
            error.message()
        )
    })
}

/// Fractions of seconds since 1970, as microseconds without a zone.
fn from_seconds(array: &ArrayRef, failure: Failure) -> Result<ArrayRef> {
    let seconds = arrow_cast(array, &DataType::Float64, failure)?;
    let seconds = seconds.as_primitive::<Float64Type>();
    #[allow(
        clippy::cast_possible_truncation,
        reason = "`as` saturates, and the calendar is checked"
    )]
    parsed::<TimestampMicrosecondType, _>(
        seconds.iter(),
        failure,
        |seconds| {
            let micros = (seconds * 1e6).round() as i64;
            DateTime::from_timestamp_micros(micros).map(|_| micros)
        },
        |seconds| exec_datafusion_err!("{seconds} seconds are outside of the calendar"),
    )
}

fn to_text(array: &ArrayRef, failure: Failure, parameters: &Parameters) -> Result<ArrayRef> {
    let text: StringArray = match array.data_type() {
        kind if is_moment(kind) || matches!(kind, DataType::Time32(_)) => {
            moments::to_text(array, failure, parameters)?
        }
        DataType::Binary => array
            .as_binary::<i32>()
            .iter()
            .map(|bytes| bytes.map(|bytes| parameters.bytes_text(bytes)))
            .collect(),
        _ => {
            let floats = arrow_cast(array, &DataType::Float64, failure)?;
            floats
                .as_primitive::<Float64Type>()
                .iter()
                .map(|value| value.map(float_varchar))
                .collect()
        }
    };
    Ok(Arc::new(text))
}

fn from_text(
    text: &StringArray,
    to: &DataType,
    digits: Option<u32>,
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
        _ if is_moment(to) => moments::from_text(text, to, digits, failure, parameters),
        DataType::Binary => {
            let bytes: BinaryArray = text
                .iter()
                .map(|value| {
                    let read = |text: &str| parameters.formats.binary_input.read(text);
                    one(value, failure, read, refuse("Hexadecimal value"))
                })
                .collect::<Result<_>>()?;
            Ok(Arc::new(bytes))
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
        _ if to.is_integer() => whole(&decimals_from_text(text, 38, 0, failure)?, to, failure),
        // Wider or narrower decimals than the warehouse has.
        _ => arrow_cast(&(Arc::new(text.clone()) as ArrayRef), to, failure),
    }
}

/// Floating-point numbers have more digits than their product with a power of ten: 1.1 is
/// 1.100000000000000089 with 18 of them.
fn decimals_from_floats(
    array: &ArrayRef,
    precision: u8,
    scale: i8,
    failure: Failure,
) -> Result<ArrayRef> {
    /// Below, a product with a power of ten is exact to the place that is rounded.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    /// Digits behind the one that is rounded, more than a number half-way can have there.
    const GUARD: usize = 18;
    let places = usize::try_from(scale).unwrap_or(0);
    let power = 10_f64.powi(i32::from(scale));
    let digits = |value: f64| {
        let scaled = (value * power).round();
        #[allow(clippy::cast_possible_truncation, reason = "below 2^53")]
        let digits = match scaled.abs() < EXACT {
            true => scaled as i128,
            false => parse_decimal(&format!("{value:.*}", places + GUARD), 38, scale)?,
        };
        fits(digits, precision).then_some(digits)
    };
    let floats = arrow_cast(array, &DataType::Float64, failure)?;
    let decimals: Decimal128Array = floats
        .as_primitive::<Float64Type>()
        .iter()
        .map(|value| {
            one(value, failure, digits, |value| {
                exec_datafusion_err!(
                    "Numeric value '{}' is out of range of NUMBER({precision},{scale})",
                    float_varchar(value)
                )
            })
        })
        .collect::<Result<_>>()?;
    Ok(Arc::new(
        decimals.with_data_type(DataType::Decimal128(precision, scale)),
    ))
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
    conversion_to(expr, to, None, failure)
}

/// The same where the type says how many digits a second has.
pub(crate) fn conversion_to(
    expr: Expr,
    to: DataType,
    digits: Option<u32>,
    failure: Failure,
) -> Expr {
    let udf = Conversion {
        to,
        digits,
        failure,
        signature: Signature::any(1, Volatility::Immutable),
    };
    ScalarUDF::new_from_impl(udf).call(vec![expr])
}

/// [`convert`] in a plan.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Conversion {
    to: DataType,
    digits: Option<u32>,
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
        let converted =
            |array: &ArrayRef| convert_to(array, &self.to, self.digits, self.failure, &parameters);
        match value {
            ColumnarValue::Array(array) => Ok(ColumnarValue::Array(converted(&array)?)),
            ColumnarValue::Scalar(value) => {
                let array = converted(&value.to_array()?)?;
                let value = datafusion::common::ScalarValue::try_from_array(&array, 0)?;
                Ok(ColumnarValue::Scalar(value))
            }
        }
    }
}
