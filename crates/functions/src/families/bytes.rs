//! What string functions do to BINARY: they count bytes instead of characters.
//!
//! <https://docs.snowflake.com/en/sql-reference/functions-string>

use arrow::array::ArrayRef;
use arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue, exec_err};

use crate::scalar::{Call, Kind, coerce};

/// Bytes where the first argument is bytes, else text.
#[allow(clippy::unnecessary_wraps, reason = "the shape of a type rule")]
pub(super) fn as_first(types: &[DataType], _: &[Option<&ScalarValue>]) -> Result<DataType> {
    Ok(match types.first() {
        Some(DataType::Binary) => DataType::Binary,
        _ => DataType::Utf8,
    })
}

pub(super) fn is_binary(call: &Call) -> Result<bool> {
    Ok(*call.data_type(0)? == DataType::Binary)
}

/// `length` bytes from the place `start`, which counts from 1 or back from the end.
pub(super) fn substr(call: &Call) -> Result<ArrayRef> {
    let (values, starts) = (call.blob(0)?, call.integer(1)?);
    let lengths = call.integer_if_given(2)?;
    call.binaries(|row| {
        let length = lengths
            .as_ref()
            .map_or(Some(i64::MAX), |lengths| lengths.get(row));
        let (Some(value), Some(start), Some(length)) = (values.get(row), starts.get(row), length)
        else {
            return Ok(None);
        };
        let count = i64::try_from(value.len()).unwrap_or(i64::MAX);
        let skipped = match start {
            0 => 0,
            1.. => start - 1,
            _ if start < -count => count,
            _ => count + start,
        };
        Ok(Some(cut(value, skipped, length)))
    })
}

fn cut(value: &[u8], skipped: i64, length: i64) -> &[u8] {
    let place = |place: i64| {
        usize::try_from(place.max(0))
            .unwrap_or(usize::MAX)
            .min(value.len())
    };
    let (from, to) = (
        place(skipped),
        place(skipped.max(0).saturating_add(length.max(0))),
    );
    value.get(from..to).unwrap_or_default()
}

/// The first bytes, or the last ones.
pub(super) fn end(call: &Call, last: bool) -> Result<ArrayRef> {
    let (values, lengths) = (call.blob(0)?, call.integer(1)?);
    call.binaries(|row| {
        Ok(values
            .get(row)
            .zip(lengths.get(row))
            .map(|(value, length)| {
                let count = i64::try_from(value.len()).unwrap_or(i64::MAX);
                let skipped = if last { count - length.max(0) } else { 0 };
                cut(value, skipped, if last { count } else { length })
            }))
    })
}

pub(super) fn reversed(call: &Call) -> Result<ArrayRef> {
    let values = call.blob(0)?;
    call.binaries(|row| {
        let value = values.get(row);
        Ok(value.map(|value| value.iter().rev().copied().collect::<Vec<u8>>()))
    })
}

pub(super) fn concat(call: &Call) -> Result<ArrayRef> {
    let parts = (0..call.len())
        .map(|at| call.blob(at))
        .collect::<Result<Vec<_>>>()?;
    call.binaries(|row| {
        let parts: Option<Vec<&[u8]>> = parts.iter().map(|part| part.get(row)).collect();
        Ok(parts.map(|parts| parts.concat()))
    })
}

/// Bytes brought to a length: cut, or filled on one side.
pub(super) fn padded(call: &Call, left: bool) -> Result<ArrayRef> {
    if call.len() < 3 {
        return exec_err!("Bytes are padded with bytes, which must be given");
    }
    let (values, lengths, pads) = (call.blob(0)?, call.integer(1)?, call.blob(2)?);
    call.binaries(|row| {
        let (Some(value), Some(length), Some(pad)) =
            (values.get(row), lengths.get(row), pads.get(row))
        else {
            return Ok(None);
        };
        let length = usize::try_from(length).unwrap_or(0);
        let filling = pad.iter().copied().cycle();
        let filling: Vec<u8> = filling.take(length.saturating_sub(value.len())).collect();
        let kept = value.get(..length).unwrap_or(value);
        Ok(Some(match left {
            true => [&filling, kept].concat(),
            false => [kept, &filling].concat(),
        }))
    })
}

/// Bytes where the first two arguments are bytes, else text.
pub(super) fn both(types: &[DataType]) -> Result<Vec<DataType>> {
    let are_bytes = matches!(types, [DataType::Binary, DataType::Binary, ..]);
    let kind = if are_bytes { Kind::Blob } else { Kind::Text };
    let kinds = [kind, kind, Kind::Integer];
    coerce(
        "this function",
        kinds.get(..types.len()).unwrap_or(&kinds),
        types,
    )
}

pub(super) fn tested(call: &Call, test: impl Fn(&[u8], &[u8]) -> bool) -> Result<ArrayRef> {
    let (bytes, sought) = (call.blob(0)?, call.blob(1)?);
    call.booleans(|row| {
        let both = bytes.get(row).zip(sought.get(row));
        Ok(both.map(|(bytes, sought)| test(bytes, sought)))
    })
}

/// Where `sought` begins in `bytes`.
pub(super) fn place_of(bytes: &[u8], sought: &[u8]) -> Option<usize> {
    (0..=bytes.len()).find(|at| {
        bytes
            .get(*at..)
            .is_some_and(|tail| tail.starts_with(sought))
    })
}

pub(super) fn charindex(call: &Call) -> Result<ArrayRef> {
    let (sought, bytes) = (call.blob(0)?, call.blob(1)?);
    let start = call.integer_if_given(2)?;
    call.integers(|row| {
        let start = start.as_ref().map_or(Some(1), |start| start.get(row));
        let (Some(sought), Some(bytes), Some(start)) = (sought.get(row), bytes.get(row), start)
        else {
            return Ok(None);
        };
        let skipped = usize::try_from(start.max(1) - 1).unwrap_or(usize::MAX);
        let found = bytes
            .get(skipped..)
            .and_then(|tail| place_of(tail, sought))
            .map_or(0, |at| skipped + at + 1);
        Ok(i64::try_from(found).ok())
    })
}
