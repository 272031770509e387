//! Time zones.
//!
//! <https://docs.snowflake.com/en/sql-reference/functions/convert_timezone>

use std::collections::HashMap;

use arrow::array::ArrayRef;
use arrow::datatypes::DataType;
use chrono::NaiveDateTime;
use chrono_tz::Tz;
use datafusion::common::{Result, ScalarValue, exec_datafusion_err, plan_err};

use crate::scalar::{Call, Function, Kind, Returns, TIMESTAMP, instant};
use crate::zoned::{is_zoned, session_minutes, zoned};

pub(super) const FUNCTIONS: &[Function] = &[CONVERT_TIMEZONE, AT_TIME_ZONE];

const CONVERT_TIMEZONE: Function = Function::kernel(
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
.note("TIMESTAMP_TZ; with three arguments the wall clock there, TIMESTAMP_NTZ");

/// The standard's `moment AT TIME ZONE zone`, which `sql::dialect` writes so: of a moment of the wall clock there the
/// instant, of an instant the wall clock there.
///
/// <https://www.postgresql.org/docs/current/functions-datetime.html#FUNCTIONS-DATETIME-ZONECONVERT>
const AT_TIME_ZONE: Function = Function::kernel(
    "$at_time_zone",
    "moment at time zone zone",
    &[Kind::Any, Kind::Text],
    Returns::With(|types, _| match types {
        [TIMESTAMP, _] => Ok(instant()),
        _ => Ok(TIMESTAMP),
    }),
    at_time_zone,
)
.coerce(|types| match types {
    [value @ DataType::Timestamp(..), _] => Ok(vec![value.clone(), DataType::Utf8]),
    // Dates and texts are instants first.
    [_, _] => Ok(vec![zoned(), DataType::Utf8]),
    _ => plan_err!("AT TIME ZONE takes a moment and a zone"),
})
.unlisted();

fn at_time_zone(call: &Call) -> Result<ArrayRef> {
    let mut zones = Zones::default();
    let here = call.parameters();
    let names = call.text(1)?;
    let moments = call.moment(0)?;
    let to_instant = *call.returns() == instant();
    call.moments(|row| {
        let Some(name) = names.get(row) else {
            return Ok(None);
        };
        let there = here.in_zone(zones.find(name)?);
        Ok(match to_instant {
            true => moments
                .get(row)
                .and_then(|wall| there.utc(wall))
                .map(|utc| here.local(utc)),
            false => moments.utc(row).map(|utc| there.local(utc)),
        })
    })
}

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
