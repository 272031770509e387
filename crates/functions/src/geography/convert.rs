//! [`convert`]: casts to and from GEOGRAPHY.
//!
//! <https://docs.snowflake.com/en/sql-reference/functions/to_geography>

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, LargeBinaryBuilder, LargeStringArray, LargeStringBuilder};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use datafusion::common::{Result, exec_datafusion_err, plan_err};

use super::{Reason, Shape, Validity};
use crate::conversion::Failure;

/// `array` as `to`, one of which is GEOGRAPHY.
pub(crate) fn convert(array: &ArrayRef, to: &DataType, failure: Failure) -> Result<ArrayRef> {
    let from = array.data_type();
    match (from, to) {
        (_, DataType::LargeBinary) => to_geography(array, |_| Validity::Required, failure),
        (_, DataType::LargeUtf8) => Ok(Arc::new(to_variant(array)?)),
        // The bytes, as files hold them.
        (_, DataType::Binary | DataType::BinaryView) => Ok(cast(array, to)?),
        _ => plan_err!(
            "GEOGRAPHY cannot be cast to {to}: ST_ASWKT, ST_ASWKB and ST_ASGEOJSON give its text or bytes"
        ),
    }
}

/// GEOGRAPHY values from text, bytes or VARIANT; `validity` decides by row.
pub(crate) fn to_geography(
    array: &ArrayRef,
    validity: impl Fn(usize) -> Validity,
    failure: Failure,
) -> Result<ArrayRef> {
    match array.data_type() {
        DataType::Null => Ok(cast(array, &DataType::LargeBinary)?),
        DataType::LargeBinary => Ok(Arc::clone(array)),
        DataType::Utf8 => read(array.as_string::<i32>().iter(), failure, |row, text| {
            super::read_text(text, validity(row)).map(Some)
        }),
        DataType::Utf8View => to_geography(&cast(array, &DataType::Utf8)?, validity, failure),
        DataType::LargeUtf8 => read(array.as_string::<i64>().iter(), failure, |row, json| {
            super::read_variant(json, validity(row))
        }),
        DataType::Binary => read(array.as_binary::<i32>().iter(), failure, |row, bytes| {
            super::read_binary(bytes, validity(row)).map(Some)
        }),
        DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            to_geography(&cast(array, &DataType::Binary)?, validity, failure)
        }
        other => plan_err!("{other} cannot be cast to GEOGRAPHY"),
    }
}

/// Every value read by `one`; one that it does not take fails or becomes null.
pub(crate) fn read<V: Copy>(
    values: impl Iterator<Item = Option<V>>,
    failure: Failure,
    one: impl Fn(usize, V) -> Result<Option<Shape>, Reason>,
) -> Result<ArrayRef> {
    let mut out = LargeBinaryBuilder::new();
    for (row, value) in values.enumerate() {
        let shape = match value.map(|value| one(row, value)) {
            None => None,
            Some(Ok(shape)) => shape,
            Some(Err(_)) if failure == Failure::Null => None,
            Some(Err(reason)) => return Err(exec_datafusion_err!("Error parsing input: {reason}")),
        };
        match shape {
            None => out.append_null(),
            Some(Shape::Point(coord)) => out.append_value(super::point_bytes(coord)),
            Some(shape) => out.append_value(shape.to_wkb()),
        }
    }
    Ok(Arc::new(out.finish()))
}

/// GEOGRAPHY values as objects of GeoJSON.
pub(crate) fn to_variant(array: &ArrayRef) -> Result<LargeStringArray> {
    let mut out = LargeStringBuilder::new();
    for value in array.as_binary::<i64>() {
        match value {
            None => out.append_null(),
            Some(bytes) => out.append_value(
                Shape::from_wkb(bytes)
                    .map_err(|reason| exec_datafusion_err!("Invalid GEOGRAPHY value: {reason}"))?
                    .to_geojson(),
            ),
        }
    }
    Ok(out.finish())
}
