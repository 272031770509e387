//! [`Kind`]: what a parameter takes, and the type that arguments of several types have in common.

use arrow::datatypes::{DECIMAL128_MAX_PRECISION, DataType, TimeUnit};
use datafusion::common::{Result, internal_datafusion_err, plan_err};

use crate::fine::FINE;
use crate::variant::cast::CARRIER;
use crate::zoned::{is_zoned, zoned};

/// Wall clock to the microsecond, as tables store it.
pub(crate) const TIMESTAMP: DataType = DataType::Timestamp(TimeUnit::Microsecond, None);

/// A point in time to the microsecond, shown in the session's zone: `TIMESTAMP_LTZ`.
pub(crate) fn instant() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

/// What a parameter takes; arguments are converted to it before the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    /// Text or bytes as they come; anything else as text.
    Blob,
    Integer,
    /// Whole, decimal or floating numbers as they come.
    Number,
    Float,
    Boolean,
    /// A date, a timestamp or a time as they come; text as a timestamp.
    Moment,
    Any,
    /// Any value, as one of VARIANT.
    Variant,
    /// A value of VARIANT, OBJECT or ARRAY; text is none.
    Semi,
    Geography,
    /// The type all arguments of this kind have in common.
    Common,
    /// The type of the conditional that these are the branches of.
    Branch,
}

impl Kind {
    /// The type an argument of a kind that does not depend on the others is converted to.
    pub(crate) fn coerced(self, function: &str, data_type: &DataType) -> Result<DataType> {
        let mut types = coerce(function, &[self], std::slice::from_ref(data_type))?;
        types
            .pop()
            .ok_or_else(|| internal_datafusion_err!("{function} lacks an argument"))
    }
}

/// The types the arguments of `function` are converted to.
pub(crate) fn coerce(function: &str, kinds: &[Kind], types: &[DataType]) -> Result<Vec<DataType>> {
    let of = |wanted: Kind| {
        let arguments = kinds.iter().zip(types);
        arguments.filter_map(move |(kind, data_type)| (*kind == wanted).then_some(data_type))
    };
    let shared = common_type(of(Kind::Common))?;
    let branch = folded(of(Kind::Branch))?;
    kinds
        .iter()
        .zip(types)
        .map(|(kind, data_type)| match kind {
            Kind::Text => match data_type {
                DataType::Binary => plan_err!(
                    "{} takes text, not BINARY: TO_CHAR(value, 'HEX') or 'UTF-8' makes text of it",
                    function.to_uppercase()
                ),
                _ => Ok(DataType::Utf8),
            },
            Kind::Blob => Ok(match data_type {
                DataType::Binary => DataType::Binary,
                _ => DataType::Utf8,
            }),
            Kind::Integer => Ok(DataType::Int64),
            Kind::Number => number(function, data_type),
            Kind::Float => Ok(DataType::Float64),
            Kind::Boolean => Ok(DataType::Boolean),
            Kind::Moment => moment(function, data_type),
            Kind::Any => Ok(plain(data_type)),
            Kind::Variant => Ok(CARRIER),
            Kind::Semi => semi_structured(function, data_type),
            Kind::Geography => geography(function, data_type),
            Kind::Common => Ok(shared.clone()),
            Kind::Branch => Ok(branch.clone()),
        })
        .collect()
}

fn semi_structured(function: &str, data_type: &DataType) -> Result<DataType> {
    match data_type {
        tz if is_zoned(tz) => plan_err!(
            "{} takes a VARIANT, OBJECT or ARRAY, not TIMESTAMP_TZ",
            function.to_uppercase()
        ),
        DataType::Null
        | DataType::LargeUtf8
        | DataType::List(_)
        | DataType::LargeList(_)
        | DataType::Struct(_) => Ok(CARRIER),
        other => plan_err!(
            "{} takes a VARIANT, OBJECT or ARRAY, not {other}: read text with PARSE_JSON",
            function.to_uppercase()
        ),
    }
}

fn number(function: &str, data_type: &DataType) -> Result<DataType> {
    Ok(match plain(data_type) {
        DataType::Null | DataType::Boolean => DataType::Int64,
        DataType::Utf8 | DataType::LargeUtf8 => DataType::Float64,
        plain @ (DataType::Int64 | DataType::Decimal128(..) | DataType::Float64) => plain,
        other => {
            return plan_err!("{} takes a number, not {other}", function.to_uppercase());
        }
    })
}

fn moment(function: &str, data_type: &DataType) -> Result<DataType> {
    Ok(match plain(data_type) {
        DataType::Null | DataType::Utf8 | DataType::LargeUtf8 => TIMESTAMP,
        FINE => FINE,
        DataType::Timestamp(_, zone) => zone.map_or(TIMESTAMP, |_| instant()),
        plain @ (DataType::Date32 | DataType::Time64(_)) => plain,
        plain if is_zoned(&plain) => plain,
        other => {
            return plan_err!(
                "{} takes a date or a timestamp, not {other}",
                function.to_uppercase()
            );
        }
    })
}

fn geography(function: &str, data_type: &DataType) -> Result<DataType> {
    match data_type {
        DataType::LargeBinary | DataType::Null => Ok(DataType::LargeBinary),
        other => plan_err!(
            "{} takes a GEOGRAPHY, not {other}: TO_GEOGRAPHY makes one",
            function.to_uppercase()
        ),
    }
}

/// One Arrow type for each of the warehouse's types.
pub(crate) fn plain(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Utf8View => DataType::Utf8,
        DataType::Dictionary(_, value) => plain(value),
        DataType::Int8
        | DataType::Int16
        | DataType::Int32
        | DataType::UInt8
        | DataType::UInt16
        | DataType::UInt32 => DataType::Int64,
        DataType::UInt64 => DataType::Decimal128(20, 0),
        DataType::Float16 | DataType::Float32 => DataType::Float64,
        DataType::Decimal32(precision, scale) | DataType::Decimal64(precision, scale) => {
            DataType::Decimal128(*precision, *scale)
        }
        DataType::Decimal256(_, scale) => DataType::Decimal128(DECIMAL128_MAX_PRECISION, *scale),
        // `1e3` is one digit of scale -3 to the parser.
        DataType::Decimal128(precision, scale) if *scale < 0 => {
            let digits = precision.saturating_add(scale.unsigned_abs());
            DataType::Decimal128(digits.min(DECIMAL128_MAX_PRECISION), 0)
        }
        DataType::Date64 => TIMESTAMP,
        DataType::Timestamp(TimeUnit::Nanosecond, None) => FINE,
        DataType::Timestamp(_, None) => TIMESTAMP,
        DataType::Timestamp(_, Some(zone)) => {
            DataType::Timestamp(TimeUnit::Microsecond, Some(zone.clone()))
        }
        DataType::Time32(_) | DataType::Time64(_) => DataType::Time64(TimeUnit::Nanosecond),
        tz if is_zoned(tz) => zoned(),
        other => other.clone(),
    }
}

/// The digits of a text that is a number, where nothing says them.
pub(crate) const TEXT: (u8, i8) = (18, 5);

/// The type several values are brought to: text gives way to any other type, numbers widen, a date
/// becomes a timestamp beside one.
pub(crate) fn common_type<'a>(types: impl IntoIterator<Item = &'a DataType>) -> Result<DataType> {
    let mut common = DataType::Null;
    for data_type in types {
        common = both(&common, &plain(data_type))?;
    }
    Ok(common)
}

/// The type of a conditional with results of these types, in their order. No page of the vendor's says it; accounts
/// answer so: a truth value takes in numbers, and texts that follow it; a VARIANT beside text is text, beside a date
/// or a time one, and beside anything else takes that in.
pub(crate) fn folded<'a>(types: impl IntoIterator<Item = &'a DataType>) -> Result<DataType> {
    use DataType::{Boolean, Utf8};
    let mut fold = DataType::Null;
    for data_type in types {
        let next = plain(data_type);
        fold = match (&fold, &next) {
            (Boolean, other) | (other, Boolean) if other.is_numeric() => Boolean,
            (Boolean, Utf8) => Boolean,
            (Utf8, Boolean) => Utf8,
            (&CARRIER, other) | (other, &CARRIER) if *other == Utf8 || is_moment(other) => {
                other.clone()
            }
            (fold, next) => both(fold, next)?,
        };
    }
    Ok(fold)
}

fn is_moment(data_type: &DataType) -> bool {
    data_type.is_temporal() && !matches!(data_type, DataType::Interval(_)) || is_zoned(data_type)
}

fn both(left: &DataType, right: &DataType) -> Result<DataType> {
    use DataType::{Boolean, Date32, Decimal128, Float64, Int64, LargeUtf8, Null, Timestamp, Utf8};
    if left == right {
        return Ok(left.clone());
    }
    Ok(match (left, right) {
        // VARIANT takes in every other type.
        (LargeUtf8, _) | (_, LargeUtf8) => LargeUtf8,
        // What accounts read text as beside a number whose digits it does not say: NUMBER(18,5), or wider.
        (Utf8, Int64) | (Int64, Utf8) => widen(TEXT, (DECIMAL128_MAX_PRECISION, 0)),
        (Utf8, Decimal128(precision, scale)) | (Decimal128(precision, scale), Utf8) => {
            widen(TEXT, (*precision, *scale))
        }
        (Null, other) | (other, Null) | (Utf8, other) | (other, Utf8) => other.clone(),
        (Float64, Int64 | Decimal128(..)) | (Int64 | Decimal128(..), Float64) => Float64,
        (Int64, Decimal128(precision, scale)) | (Decimal128(precision, scale), Int64) => {
            widen((19, 0), (*precision, *scale))
        }
        (Decimal128(p1, s1), Decimal128(p2, s2)) => widen((*p1, *s1), (*p2, *s2)),
        (Boolean, number @ (Int64 | Float64)) | (number @ (Int64 | Float64), Boolean) => {
            number.clone()
        }
        (Boolean, Decimal128(precision, scale)) | (Decimal128(precision, scale), Boolean) => {
            widen((1, 0), (*precision, *scale))
        }
        (Date32, stamp @ Timestamp(..)) | (stamp @ Timestamp(..), Date32) => stamp.clone(),
        (Timestamp(_, None), Timestamp(_, None)) => TIMESTAMP,
        (Timestamp(..), Timestamp(..)) => instant(),
        (tz, Timestamp(..) | Date32) if is_zoned(tz) => zoned(),
        (Timestamp(..) | Date32, tz) if is_zoned(tz) => zoned(),
        _ => return plan_err!("{left} and {right} have no type in common"),
    })
}

fn widen((p1, s1): (u8, i8), (p2, s2): (u8, i8)) -> DataType {
    let scale = s1.max(s2);
    let whole = (i16::from(p1) - i16::from(s1)).max(i16::from(p2) - i16::from(s2));
    let precision = (whole + i16::from(scale)).clamp(1, i16::from(DECIMAL128_MAX_PRECISION));
    DataType::Decimal128(
        u8::try_from(precision).unwrap_or(DECIMAL128_MAX_PRECISION),
        scale,
    )
}
