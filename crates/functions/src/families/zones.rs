//! Time zones.
//!
//! <https://docs.snowflake.com/en/sql-reference/functions/convert_timezone>

use std::collections::HashMap;

use arrow::array::ArrayRef;
use chrono::{NaiveDateTime, TimeDelta, TimeZone};
use chrono_tz::Tz;
use datafusion::common::{Result, exec_datafusion_err};

use crate::scalar::{Call, Function, Kind, Moments, Returns, TIMESTAMP, instant};

pub(super) const FUNCTIONS: &[Function] = &[Function::kernel(
    "convert_timezone",
    "convert_timezone([from,] to, timestamp)",
    // With two arguments the second is the timestamp, which text is read as.
    &[Kind::Text, Kind::Any, Kind::Moment],
    Returns::Timestamp,
    convert_timezone,
)
.required(2)
.coerce(|types| {
    use arrow::datatypes::DataType::{Timestamp, Utf8};
    Ok(match types {
        // Text may name its own distance from UTC.
        [_, Utf8 | Timestamp(_, Some(_))] => vec![Utf8, instant()],
        [_, _] => vec![Utf8, TIMESTAMP],
        _ => vec![Utf8, Utf8, TIMESTAMP],
    })
})
.note("the wall clock there, without a zone; with two arguments from the session's TIMEZONE")];

fn convert_timezone(call: &Call) -> Result<ArrayRef> {
    let from = (call.len() > 2).then(|| call.text(0)).transpose()?;
    let to = call.text(call.len() - 2)?;
    let moments = call.moment(call.len() - 1)?;
    let mut zones = Zones::default();
    let here = call.parameters().timezone.name();
    let is_instant = matches!(moments, Moments::Instants(..));
    call.moments(|row| {
        let source = match &from {
            Some(from) => from.get(row),
            None if is_instant => Some("UTC"),
            None => Some(here),
        };
        let moment = match is_instant {
            true => moments.utc(row),
            false => moments.get(row),
        };
        let (Some(source), Some(target), Some(moment)) = (source, to.get(row), moment) else {
            return Ok(None);
        };
        let (source, target) = (zones.find(source)?, zones.find(target)?);
        Ok(convert(moment, source, target))
    })
}

/// The wall clock in `to` when it is `moment` in `from`. An hour that occurs twice is the first of them;
/// one that is skipped is an hour later.
fn convert(moment: NaiveDateTime, from: Tz, to: Tz) -> Option<NaiveDateTime> {
    let local = |moment| from.from_local_datetime(&moment).earliest();
    let instant = local(moment).or_else(|| local(moment + TimeDelta::hours(1)))?;
    Some(instant.with_timezone(&to).naive_local())
}

/// Zones by name, each looked up once per batch.
#[derive(Default)]
struct Zones(HashMap<String, Tz>);

impl Zones {
    fn find(&mut self, name: &str) -> Result<Tz> {
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
