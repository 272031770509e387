//! Values of arrays as text that loses nothing: numbers digit for digit, dates and times in ISO 8601, bytes in
//! hexadecimal, everything that has parts as JSON.

use std::io::Write;

use arrow::array::{
    Array, ArrayRef, AsArray, GenericListArray, MapArray, OffsetSizeTrait, StructArray, UnionArray,
};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, Date32Type, Date64Type, Decimal128Type, Decimal256Type, Field, Float16Type,
    Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, TimeUnit,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow::error::ArrowError;
use arrow::temporal_conversions::{
    date32_to_datetime, date64_to_datetime, timestamp_ms_to_datetime, timestamp_ns_to_datetime,
    timestamp_s_to_datetime, timestamp_us_to_datetime,
};
use arrow::util::display::{ArrayFormatter, FormatOptions};

use crate::files::batch::Batch;
use crate::json_text as json;

/// Adds the value of `array` in `row` as field `column` of the record in the making.
pub(super) fn add(
    array: &ArrayRef,
    field: &Field,
    row: usize,
    column: usize,
    batch: &mut Batch,
) -> Result<(), ArrowError> {
    if array.is_null(row) || array.data_type() == &DataType::Null {
        batch.null(column);
        return Ok(());
    }
    if let Some(uuid) = uuid(array, field, row) {
        batch.value(column, true, |out| out.extend_from_slice(uuid.as_bytes()));
        return Ok(());
    }
    let quoted = is_text(array, row);
    let mut written = Ok(());
    batch.value(column, quoted, |out| {
        written = if is_nested(array.data_type()) {
            write_json(array, row, out)
        } else {
            write(array, row, out)
        };
    });
    written
}

/// The 16 bytes of an identifier as it is written everywhere.
fn uuid(array: &ArrayRef, field: &Field, row: usize) -> Option<String> {
    let is_uuid = |key: &str, value: &str| field.metadata().get(key).is_some_and(|v| v == value);
    if !is_uuid("logicalType", "uuid") && !is_uuid("ARROW:extension:name", "arrow.uuid") {
        return None;
    }
    let bytes = array.as_fixed_size_binary_opt()?.value(row);
    let mut text = String::with_capacity(36);
    for (at, byte) in bytes.iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.push_str(&format!("{byte:02x}"));
    }
    Some(text)
}

fn is_nested(kind: &DataType) -> bool {
    matches!(
        kind,
        DataType::Struct(_)
            | DataType::List(_)
            | DataType::LargeList(_)
            | DataType::FixedSizeList(..)
            | DataType::Map(..)
    )
}

/// Whether JSON writes the value in quotes.
fn is_text(array: &ArrayRef, row: usize) -> bool {
    match array.data_type() {
        DataType::Float16 | DataType::Float32 | DataType::Float64 => {
            // JSON has no word for what is not a number.
            !cast(&array.slice(row, 1), &DataType::Float64)
                .ok()
                .and_then(|value| value.as_primitive_opt::<Float64Type>().map(|v| v.value(0)))
                .is_some_and(f64::is_finite)
        }
        DataType::Union(..) => {
            let value = array.as_union().value(row);
            !value.is_null(0) && is_text(&value, 0)
        }
        DataType::Dictionary(_, value) => !is_bare(value),
        kind => !is_bare(kind) && !is_nested(kind),
    }
}

fn is_bare(kind: &DataType) -> bool {
    kind.is_numeric() || matches!(kind, DataType::Boolean | DataType::Null)
}

/// Writes a value without parts.
fn write(array: &ArrayRef, row: usize, out: &mut Vec<u8>) -> Result<(), ArrowError> {
    macro_rules! number {
        ($kind:ty) => {
            write!(out, "{}", array.as_primitive::<$kind>().value(row))?
        };
    }
    match array.data_type() {
        DataType::Utf8 => out.extend_from_slice(array.as_string::<i32>().value(row).as_bytes()),
        DataType::LargeUtf8 => {
            out.extend_from_slice(array.as_string::<i64>().value(row).as_bytes());
        }
        DataType::Utf8View => out.extend_from_slice(array.as_string_view().value(row).as_bytes()),
        DataType::Binary => hexadecimal(array.as_binary::<i32>().value(row), out),
        DataType::LargeBinary => hexadecimal(array.as_binary::<i64>().value(row), out),
        DataType::BinaryView => hexadecimal(array.as_binary_view().value(row), out),
        DataType::FixedSizeBinary(_) => {
            hexadecimal(array.as_fixed_size_binary().value(row), out);
        }
        DataType::Boolean => write!(out, "{}", array.as_boolean().value(row))?,
        DataType::Int8 => number!(Int8Type),
        DataType::Int16 => number!(Int16Type),
        DataType::Int32 => number!(Int32Type),
        DataType::Int64 => number!(Int64Type),
        DataType::UInt8 => number!(UInt8Type),
        DataType::UInt16 => number!(UInt16Type),
        DataType::UInt32 => number!(UInt32Type),
        DataType::UInt64 => number!(UInt64Type),
        DataType::Float16 => number!(Float16Type),
        DataType::Float32 => number!(Float32Type),
        DataType::Float64 => number!(Float64Type),
        DataType::Decimal128(..) => {
            let text = array.as_primitive::<Decimal128Type>().value_as_string(row);
            out.extend_from_slice(text.as_bytes());
        }
        DataType::Decimal256(..) => {
            let text = array.as_primitive::<Decimal256Type>().value_as_string(row);
            out.extend_from_slice(text.as_bytes());
        }
        DataType::Date32 | DataType::Date64 | DataType::Timestamp(..) => moment(array, row, out)?,
        DataType::Dictionary(_, value) => {
            let plain = cast(&array.slice(row, 1), value)?;
            return write(&plain, 0, out);
        }
        DataType::Union(..) => return write_member(array.as_union(), row, out),
        _ => {
            let options = FormatOptions::default();
            let formatter = ArrayFormatter::try_new(array, &options)?;
            write!(out, "{}", formatter.value(row))?;
        }
    }
    Ok(())
}

fn write_member(array: &UnionArray, row: usize, out: &mut Vec<u8>) -> Result<(), ArrowError> {
    let value = array.value(row);
    if value.is_null(0) {
        out.extend_from_slice(b"null");
        return Ok(());
    }
    match is_nested(value.data_type()) {
        true => write_json(&value, 0, out),
        false => write(&value, 0, out),
    }
}

fn hexadecimal(bytes: &[u8], out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for byte in bytes {
        for half in [byte >> 4, byte & 15] {
            out.extend(DIGITS.get(usize::from(half)));
        }
    }
}

/// A date, or a time with as many digits as it has; `Z` follows an instant.
fn moment(array: &ArrayRef, row: usize, out: &mut Vec<u8>) -> Result<(), ArrowError> {
    macro_rules! value {
        ($kind:ty) => {
            array.as_primitive::<$kind>().value(row)
        };
    }
    let moment = match array.data_type() {
        DataType::Date32 => date32_to_datetime(value!(Date32Type)),
        DataType::Date64 => date64_to_datetime(value!(Date64Type)),
        DataType::Timestamp(TimeUnit::Second, _) => {
            timestamp_s_to_datetime(value!(TimestampSecondType))
        }
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            timestamp_ms_to_datetime(value!(TimestampMillisecondType))
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            timestamp_us_to_datetime(value!(TimestampMicrosecondType))
        }
        _ => timestamp_ns_to_datetime(value!(TimestampNanosecondType)),
    };
    let Some(moment) = moment else {
        return Err(ArrowError::CastError(
            "a date or time is none that a calendar has".to_owned(),
        ));
    };
    match array.data_type() {
        DataType::Date32 | DataType::Date64 => write!(out, "{}", moment.date())?,
        kind => {
            // Six digits, or nine where six would lose some.
            let nanos = moment.and_utc().timestamp_subsec_nanos();
            let format = match nanos % 1000 {
                0 => "%Y-%m-%d %H:%M:%S%.6f",
                _ => "%Y-%m-%d %H:%M:%S%.9f",
            };
            write!(out, "{}", moment.format(format))?;
            if matches!(kind, DataType::Timestamp(_, Some(_))) {
                out.push(b'Z');
            }
        }
    }
    Ok(())
}

/// Writes a value as JSON.
fn write_json(array: &ArrayRef, row: usize, out: &mut Vec<u8>) -> Result<(), ArrowError> {
    if array.is_null(row) || array.data_type() == &DataType::Null {
        out.extend_from_slice(b"null");
        return Ok(());
    }
    match array.data_type() {
        DataType::Struct(_) => object(array.as_struct(), row, out),
        DataType::List(_) => list(array.as_list::<i32>(), row, out),
        DataType::LargeList(_) => list(array.as_list::<i64>(), row, out),
        DataType::FixedSizeList(..) => items(&array.as_fixed_size_list().value(row), out),
        DataType::Map(..) => map(array.as_map(), row, out),
        DataType::Union(..) => write_json(&array.as_union().value(row), 0, out),
        _ if is_text(array, row) => {
            let mut text = Vec::new();
            write(array, row, &mut text)?;
            quote(&String::from_utf8_lossy(&text), out);
            Ok(())
        }
        _ => write(array, row, out),
    }
}

fn quote(text: &str, out: &mut Vec<u8>) {
    let mut quoted = String::with_capacity(text.len() + 2);
    json::string(text, &mut quoted);
    out.extend_from_slice(quoted.as_bytes());
}

fn list<O: OffsetSizeTrait>(
    array: &GenericListArray<O>,
    row: usize,
    out: &mut Vec<u8>,
) -> Result<(), ArrowError> {
    items(&array.value(row), out)
}

fn items(values: &ArrayRef, out: &mut Vec<u8>) -> Result<(), ArrowError> {
    out.push(b'[');
    for at in 0..values.len() {
        if at > 0 {
            out.push(b',');
        }
        write_json(values, at, out)?;
    }
    out.push(b']');
    Ok(())
}

fn object(array: &StructArray, row: usize, out: &mut Vec<u8>) -> Result<(), ArrowError> {
    out.push(b'{');
    for (at, (name, values)) in array.column_names().iter().zip(array.columns()).enumerate() {
        if at > 0 {
            out.push(b',');
        }
        quote(name, out);
        out.push(b':');
        write_json(values, row, out)?;
    }
    out.push(b'}');
    Ok(())
}

/// A key that is no text is written as its text.
fn map(array: &MapArray, row: usize, out: &mut Vec<u8>) -> Result<(), ArrowError> {
    let entries = array.value(row);
    out.push(b'{');
    for at in 0..entries.len() {
        if at > 0 {
            out.push(b',');
        }
        let mut key = Vec::new();
        write(entries.column(0), at, &mut key)?;
        quote(&String::from_utf8_lossy(&key), out);
        out.push(b':');
        write_json(entries.column(1), at, out)?;
    }
    out.push(b'}');
    Ok(())
}
