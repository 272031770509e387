//! [`shown_as_text`]: values that leave the warehouse as text, because no Arrow type shows them or because
//! the session has a format for them.
//!
//! <https://docs.snowflake.com/en/sql-reference/parameters>

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, StringArray};
use arrow::datatypes::DataType;
use datafusion::common::{Result, exec_datafusion_err};

use crate::conversion::{Failure, convert_in};
use crate::geography::Shape;
use crate::parameters::{GeographyFormat, Parameters};
use crate::text::bytes::hex;
use crate::zoned;

/// Whether values of this type are those of TIMESTAMP_TZ.
#[must_use]
pub fn is_timestamp_tz(data_type: &DataType) -> bool {
    zoned::is_zoned(data_type)
}

/// The Arrow type that carries TIMESTAMP_TZ.
#[must_use]
pub fn timestamp_tz() -> DataType {
    zoned::zoned()
}

/// Whether a session with these parameters shows values of this type as text.
#[must_use]
pub fn is_shown_as_text(data_type: &DataType, parameters: &Parameters) -> bool {
    let formats = &parameters.formats;
    match data_type {
        DataType::Date32 => formats.writes_dates(),
        DataType::Time64(_) => formats.writes_times(),
        DataType::Timestamp(_, None) => formats.writes_ntz(),
        DataType::Timestamp(_, Some(_)) => formats.writes_ltz(),
        DataType::Binary => formats.writes_bytes(),
        DataType::LargeBinary => formats.geography != GeographyFormat::GeoJson,
        other => zoned::is_zoned(other),
    }
}

/// `array` as the text that a session with these parameters shows.
///
/// # Errors
/// If a value of GEOGRAPHY is not one.
pub fn shown_as_text(array: &ArrayRef, parameters: &Parameters) -> Result<ArrayRef> {
    if *array.data_type() != DataType::LargeBinary {
        return convert_in(array, &DataType::Utf8, Failure::Error, parameters);
    }
    let text = |bytes: &[u8]| {
        let shape = Shape::from_wkb(bytes)
            .map_err(|_| exec_datafusion_err!("A GEOGRAPHY value is no WKB"))?;
        Ok::<_, datafusion::common::DataFusionError>(match parameters.formats.geography {
            GeographyFormat::GeoJson => shape.to_geojson(),
            GeographyFormat::Wkt => shape.to_wkt(),
            GeographyFormat::Ewkt => shape.to_ewkt(),
            GeographyFormat::Wkb => hex(&shape.to_wkb(), false),
            GeographyFormat::Ewkb => hex(&shape.to_ewkb(), false),
        })
    };
    let texts: StringArray = array
        .as_binary::<i64>()
        .iter()
        .map(|bytes| bytes.map(text).transpose())
        .collect::<Result<_>>()?;
    Ok(Arc::new(texts))
}
