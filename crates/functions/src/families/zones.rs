//! Time zones.
//!
//! <https://docs.snowflake.com/en/sql-reference/functions/convert_timezone>

use std::collections::HashMap;

use arrow::array::ArrayRef;
use arrow::datatypes::DataType;
use chrono::NaiveDateTime;
use chrono_tz::Tz;
use datafusion::common::{Result, ScalarValue, exec_datafusion_err};

use crate::scalar::{Call, Function, Kind, Returns, TIMESTAMP, instant};
use crate::zoned::{is_zoned, session_minutes, zoned};

pub(super) const FUNCTIONS: &[Function] = &[Function::kernel(
    "convert_timezone",
    "convert_timezone([from,] to, timestamp)",
    // With two arguments the second is the timestamp, which text is read as.
    &[Kind::Text, Kind::Any, Kind::Moment],
    Returns::With(converted_type),
    convert_timezone,
)
.required(2)
.coerce(|types| {
    use arrow::datatypes::DataType::Utf8;
    Ok(match types {
        [_, value] if is_zoned(value) => vec![Utf8, zoned()],
        // Text may name its own distance from UTC.
        [_, _] => vec![Utf8, instant()],
        _ => vec![Utf8, Utf8, TIMESTAMP],
    })
})
.note("TIMESTAMP_TZ; with three arguments the wall clock there, TIMESTAMP_NTZ")];

fn converted_type(types: &[DataType], _: &[Option<&ScalarValue>]) -> Result<DataType> {
    Ok(match types {
        [_, _] => zoned(),
        _ => TIMESTAMP,
    })
}

fn convert_timezone(call: &Call) -> Result<ArrayRef> {
    let mut zones = Zones::default();
    let here = call.parameters();
    let moments = call.moment(call.len() - 1)?;
    if call.len() == 2 {
        let names = call.text(0)?;
        return call.zoned(|row| {
            let (Some(name), Some(utc)) = (names.get(row), moments.utc(row)) else {
                return Ok(None);
            };
            let there = here.in_zone(zones.find(name)?);
            Ok(Some((utc, session_minutes(&there, utc))))
        });
    }
    let (from, to) = (call.text(0)?, call.text(1)?);
    call.moments(|row| {
        let (Some(from), Some(to), Some(wall)) = (from.get(row), to.get(row), moments.get(row))
        else {
            return Ok(None);
        };
        let (from, to) = (zones.find(from)?, zones.find(to)?);
        let moved = |wall: NaiveDateTime| {
            let utc = here.in_zone(from).utc(wall)?;
            Some(here.in_zone(to).local(utc))
        };
        Ok(moved(wall))
    })
}

/// Zones by name, each looked up once per batch.
#[derive(Default)]
pub(super) struct Zones(HashMap<String, Tz>);

impl Zones {
    pub(super) fn find(&mut self, name: &str) -> Result<Tz> {
        if let Some(zone) = self.0.get(name) {
            return Ok(*zone);
        }
        let zone: Tz = name.parse().map_err(|_| {
            exec_datafusion_err!("'{name}' is not a time zone of the IANA database")
        })?;
        self.0.insert(name.to_owned(), zone);
        Ok(zone)
    }
}
