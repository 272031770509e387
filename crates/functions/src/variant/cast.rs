//! Columns of other types to values of VARIANT and back.
//!
//! <https://docs.snowflake.com/en/sql-reference/functions/to_variant>
//! <https://docs.snowflake.com/en/sql-reference/data-types-semistructured>

use std::borrow::Cow;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, LargeStringArray, LargeStringBuilder, OffsetSizeTrait,
    StringArray, StringBuilder,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Decimal128Type, Float64Type, Int64Type};
use chrono::{DateTime, Datelike};
use datafusion::common::{Result, exec_err};

use super::{
    ArrayWriter, Kind, UNDEFINED, double, is_missing, kind, number, object, quote_into, text,
};
use crate::conversion::{Failure, convert, convert_in};
use crate::parameters::Parameters;
use crate::scalar::plain;
use crate::text::number::{decimal_text, float_varchar};
use crate::zoned::{is_zoned, session_minutes};

/// The Arrow type that carries VARIANT, OBJECT and ARRAY.
pub(crate) const CARRIER: DataType = DataType::LargeUtf8;

/// Any column as values of VARIANT. NULL stays NULL.
pub(crate) fn to_variant(array: &ArrayRef) -> Result<LargeStringArray> {
    match array.data_type() {
        DataType::Null => Ok(LargeStringArray::new_null(array.len())),
        DataType::LargeUtf8 => Ok(array.as_string::<i64>().clone()),
        DataType::Boolean => {
            let truths = array.as_boolean();
            Ok(written(truths.iter(), |out, truth| {
                out.push_str(if truth { "true" } else { "false" });
            }))
        }
        DataType::Binary => {
            let bytes = array.as_binary::<i32>();
            Ok(written(bytes.iter(), |out, bytes| {
                out.push('"');
                for byte in bytes {
                    for half in [byte >> 4, byte & 15] {
                        let digit = char::from_digit(u32::from(half), 16).unwrap_or('0');
                        out.push(digit.to_ascii_uppercase());
                    }
                }
                out.push('"');
            }))
        }
        DataType::LargeBinary => crate::geography::to_variant(array),
        DataType::List(_) => list_to_variant::<i32>(array),
        DataType::LargeList(_) => list_to_variant::<i64>(array),
        DataType::Struct(_) if !is_zoned(array.data_type()) => struct_to_variant(array),
        other => {
            let plain = plain(other);
            if plain.is_integer() || plain.is_decimal() || plain.is_floating() {
                return numbers(&cast(array, &plain)?);
            }
            let texts = convert(array, &DataType::Utf8, Failure::Error)?;
            Ok(written(texts.as_string::<i32>().iter(), quote_into))
        }
    }
}

fn numbers(array: &ArrayRef) -> Result<LargeStringArray> {
    Ok(match array.data_type() {
        DataType::Int64 => {
            let whole = array.as_primitive::<Int64Type>();
            written(whole.iter(), |out, value| {
                use std::fmt::Write as _;
                // Writing to a string cannot fail.
                let _ = write!(out, "{value}");
            })
        }
        DataType::Decimal128(_, scale) => {
            let scale = *scale;
            let decimals = array.as_primitive::<Decimal128Type>();
            written(decimals.iter(), |out, digits| {
                out.push_str(&number(&decimal_text(digits, scale)));
            })
        }
        _ => {
            let floats = cast(array, &DataType::Float64)?;
            written(floats.as_primitive::<Float64Type>().iter(), |out, value| {
                out.push_str(&double(value));
            })
        }
    })
}

/// One value a row, written by `write` into a buffer that is used again.
pub(crate) fn written<V>(
    values: impl Iterator<Item = Option<V>>,
    write: impl Fn(&mut String, V),
) -> LargeStringArray {
    let mut builder = LargeStringBuilder::new();
    let mut out = String::new();
    for value in values {
        match value {
            Some(value) => {
                out.clear();
                write(&mut out, value);
                builder.append_value(&out);
            }
            None => builder.append_null(),
        }
    }
    builder.finish()
}

/// Lists as arrays.
fn list_to_variant<O: OffsetSizeTrait>(array: &ArrayRef) -> Result<LargeStringArray> {
    let lists = array.as_list::<O>();
    let mut builder = LargeStringBuilder::new();
    for row in 0..lists.len() {
        if lists.is_null(row) {
            builder.append_null();
            continue;
        }
        let values = to_variant(&lists.value(row))?;
        let mut writer = ArrayWriter::new();
        for value in &values {
            writer.push(value);
        }
        builder.append_value(writer.finish());
    }
    Ok(builder.finish())
}

/// Structures as objects; members that are NULL are left out.
fn struct_to_variant(array: &ArrayRef) -> Result<LargeStringArray> {
    let structs = array.as_struct();
    let columns = structs
        .columns()
        .iter()
        .map(to_variant)
        .collect::<Result<Vec<_>>>()?;
    let mut builder = LargeStringBuilder::new();
    for row in 0..structs.len() {
        if structs.is_null(row) {
            builder.append_null();
            continue;
        }
        let members = structs
            .fields()
            .iter()
            .zip(&columns)
            .filter(|(_, column)| column.is_valid(row))
            .map(|(field, column)| (field.name().clone(), Cow::Borrowed(column.value(row))))
            .collect();
        match object(members) {
            Ok(text) => builder.append_value(text),
            Err(key) => return exec_err!("Duplicate field key '{key}'"),
        }
    }
    Ok(builder.finish())
}

/// A value as text: strings without their quotes, JSON's null as NULL.
pub(crate) fn plain_text(value: &str) -> Option<Cow<'_, str>> {
    match kind(value) {
        Kind::Null | Kind::Undefined => None,
        Kind::Text => text(value),
        Kind::Double => Some(Cow::Owned(float_varchar(double_value(value)))),
        _ => Some(Cow::Borrowed(value)),
    }
}

/// What a number in canonical text is worth.
pub(crate) fn double_value(value: &str) -> f64 {
    match value {
        "Infinity" => f64::INFINITY,
        "-Infinity" => f64::NEG_INFINITY,
        other => other.parse().unwrap_or(f64::NAN),
    }
}

/// Values of VARIANT as another type.
pub(crate) fn from_variant(
    values: &LargeStringArray,
    to: &DataType,
    failure: Failure,
    parameters: &Parameters,
) -> Result<ArrayRef> {
    match to {
        DataType::LargeUtf8 => return Ok(Arc::new(values.clone())),
        DataType::Utf8 => return Ok(Arc::new(plain_texts(values))),
        DataType::Utf8View => return Ok(cast(&plain_texts(values), to)?),
        DataType::Boolean => return booleans(values, failure),
        _ => {}
    }
    // https://docs.snowflake.com/en/sql-reference/functions/to_date: what is no text in a VARIANT is no date.
    let is_text_only = matches!(
        to,
        DataType::Date32 | DataType::Time64(_) | DataType::Binary
    );
    let is_refused = |value: &&str| {
        is_text_only && !matches!(kind(value), Kind::Text | Kind::Null | Kind::Undefined)
    };
    if failure == Failure::Error
        && let Some(value) = values.iter().flatten().find(is_refused)
    {
        return failed(value, to);
    }
    let texts: StringArray = values
        .iter()
        .map(|value| {
            let value = value.filter(|value| !is_refused(value))?;
            match kind(value) {
                Kind::Null | Kind::Undefined => None,
                Kind::Boolean if to.is_numeric() => Some(match value {
                    "true" => Cow::Borrowed("1"),
                    _ => Cow::Borrowed("0"),
                }),
                Kind::Text => text(value),
                Kind::Integer | Kind::Decimal | Kind::Double
                    if matches!(to, DataType::Timestamp(..)) || is_zoned(to) =>
                {
                    Some(Cow::Owned(moment(value, to, parameters)))
                }
                _ => Some(Cow::Borrowed(value)),
            }
        })
        .collect();
    let texts: ArrayRef = Arc::new(texts);
    let converted = convert_in(&texts, to, Failure::Null, parameters)?;
    if failure == Failure::Error && converted.null_count() > texts.null_count() {
        let row = (0..values.len()).find(|row| converted.is_null(*row) && texts.is_valid(*row));
        let value = row.map_or(UNDEFINED, |row| values.value(row));
        return failed(value, to);
    }
    Ok(converted)
}

/// The moment that a number of seconds since 1970 is, however large, as text: accounts make a TIMESTAMP_NTZ of what the
/// session's clock shows then. Behind the year 9999 it is no text of a moment, which fails.
fn moment(number: &str, to: &DataType, parameters: &Parameters) -> String {
    let utc = match number.parse() {
        Ok(seconds) => DateTime::from_timestamp(seconds, 0),
        Err(_) => micros(double_value(number)).and_then(DateTime::from_timestamp_micros),
    };
    let Some(utc) = utc
        .map(|utc| utc.naive_utc())
        .filter(|utc| utc.year() <= 9999)
    else {
        return format!("{number} seconds");
    };
    match to {
        DataType::Timestamp(_, None) => parameters.local(utc).to_string(),
        DataType::Timestamp(..) => format!("{utc} +0000"),
        _ => {
            let minutes = session_minutes(parameters, utc);
            let sign = if minutes < 0 { '-' } else { '+' };
            let (hours, minutes) = (minutes.abs() / 60, minutes.abs() % 60);
            format!("{} {sign}{hours:02}{minutes:02}", parameters.local(utc))
        }
    }
}

#[allow(
    clippy::cast_possible_truncation,
    reason = "numbers that are too large are no moments"
)]
fn micros(seconds: f64) -> Option<i64> {
    seconds.is_finite().then(|| (seconds * 1e6).round() as i64)
}

fn plain_texts(values: &LargeStringArray) -> StringArray {
    let mut builder = StringBuilder::with_capacity(values.len(), values.value_data().len());
    for value in values {
        builder.append_option(value.and_then(plain_text));
    }
    builder.finish()
}

fn booleans(values: &LargeStringArray, failure: Failure) -> Result<ArrayRef> {
    let truths: BooleanArray = values
        .iter()
        .map(|value| {
            let Some(value) = value.filter(|value| !is_missing(value)) else {
                return Ok(None);
            };
            let truth = match kind(value) {
                Kind::Boolean => Some(value == "true"),
                Kind::Text => text(value).and_then(|text| crate::text::boolean::parse(&text)),
                _ => None,
            };
            match (truth, failure) {
                (None, Failure::Error) => failed(value, &DataType::Boolean),
                (truth, _) => Ok(truth),
            }
        })
        .collect::<Result<_>>()?;
    Ok(Arc::new(truths))
}

/// The error of a cast, in Snowflake's words.
pub(crate) fn failed<T>(value: &str, to: &DataType) -> Result<T> {
    let name = match to {
        DataType::Boolean => "BOOLEAN",
        DataType::Date32 => "DATE",
        DataType::Timestamp(_, None) => "TIMESTAMP_NTZ",
        DataType::Timestamp(_, Some(_)) => "TIMESTAMP_LTZ",
        zoned if is_zoned(zoned) => "TIMESTAMP_TZ",
        DataType::Time64(_) => "TIME",
        DataType::Binary => "BINARY",
        number if number.is_floating() => "REAL",
        number if number.is_numeric() => "FIXED",
        _ => "this type",
    };
    let shown: String = value.chars().take(100).collect();
    exec_err!("Failed to cast variant value {shown} to {name}")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use arrow::array::{Decimal128Array, Float64Array, Int64Array};

    use super::*;

    #[test]
    fn values_of_other_types_become_json() {
        let decimals = Decimal128Array::from(vec![1050, -5])
            .with_precision_and_scale(10, 2)
            .unwrap();
        let cases: [(ArrayRef, [&str; 2]); 4] = [
            (Arc::new(Int64Array::from(vec![1, -2])), ["1", "-2"]),
            (Arc::new(decimals), ["10.5", "-0.05"]),
            (
                Arc::new(Float64Array::from(vec![3.0, 0.5])),
                ["3.000000000000000e+00", "5.000000000000000e-01"],
            ),
            (
                Arc::new(StringArray::from(vec!["a\"", "1"])),
                ["\"a\\\"\"", "\"1\""],
            ),
        ];
        for (array, expected) in cases {
            let values = to_variant(&array).unwrap();
            assert_eq!([values.value(0), values.value(1)], expected);
        }
    }

    #[test]
    fn casts_read_strings_and_numbers_alike() {
        let values = LargeStringArray::from(vec!["\"12\"", "12", "null", "1.250000000000000e+01"]);
        let texts = from_variant(
            &values,
            &DataType::Utf8,
            Failure::Error,
            &Parameters::default(),
        )
        .unwrap();
        let texts: Vec<_> = texts.as_string::<i32>().iter().collect();
        assert_eq!(texts, [Some("12"), Some("12"), None, Some("12.5")]);
        let whole = from_variant(
            &values,
            &DataType::Int64,
            Failure::Error,
            &Parameters::default(),
        )
        .unwrap();
        let whole: Vec<_> = whole.as_primitive::<Int64Type>().iter().collect();
        assert_eq!(whole, [Some(12), Some(12), None, Some(13)]);
        let broken = LargeStringArray::from(vec!["\"abc\"", "[1]"]);
        assert!(
            from_variant(
                &broken,
                &DataType::Int64,
                Failure::Error,
                &Parameters::default()
            )
            .is_err()
        );
        let nulls = from_variant(
            &broken,
            &DataType::Int64,
            Failure::Null,
            &Parameters::default(),
        )
        .unwrap();
        assert_eq!(nulls.null_count(), 2);
    }
}
