//! Dates, times and timestamps from text, from each other and to text, by the session's clock and formats.
//!
//! <https://docs.snowflake.com/en/sql-reference/data-types-datetime>
//! <https://docs.snowflake.com/en/sql-reference/date-time-input-output>

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringArray, TimestampMicrosecondArray};
use arrow::compute::unary;
use arrow::datatypes::{
    DataType, Date32Type, Field, Int64Type, Time64NanosecondType, TimeUnit,
    TimestampMicrosecondType, TimestampNanosecondType,
};
use chrono::{DateTime, NaiveDateTime, NaiveTime, TimeDelta, Timelike};
use datafusion::common::{DataFusionError, Result, exec_datafusion_err, exec_err, plan_err};

use super::{Failure, arrow_cast, is_instant, one, parsed};
use crate::fine::{FINE, nanos};
use crate::parameters::Parameters;
use crate::scalar::{TIMESTAMP, date_from_days, instant, moment_from_micros, nanos_of_day};
use crate::text::moment;
use crate::types::digits;
use crate::zoned::{Zoned, build, is_zoned, session_minutes};

/// The largest number of digits of a second that tables keep (decision 0012).
const KEPT_DIGITS: u32 = 6;

/// The moment as tables keep it. Digits that would be lost are an error, unless the type has no place for
/// them: `digits` is what its declaration says.
pub(crate) fn kept(moment: NaiveDateTime, digits: Option<u32>) -> Result<NaiveDateTime> {
    let is_cut = digits.is_some_and(|digits| digits <= KEPT_DIGITS);
    if is_cut || moment.nanosecond().is_multiple_of(1_000) {
        return Ok(moment);
    }
    exec_err!(
        "Timestamp '{moment}' has more than six digits of a second, and tables keep six: \
         cast to TIMESTAMP_NTZ(6) to cut the rest"
    )
}

/// `array` with as many digits of a second as the declaration of its column has.
///
/// # Errors
/// If the array is not what its type says.
pub fn cut_to_declared(array: &ArrayRef, column: &Field) -> Result<ArrayRef> {
    let digits = digits(column);
    let array = match array.data_type() {
        &FINE => &micros(array, digits)?,
        _ => array,
    };
    match digits {
        Some(digits) => cut(array, digits),
        None => Ok(Arc::clone(array)),
    }
}

/// `array`, whose second has no more than this many digits.
pub(super) fn cut(array: &ArrayRef, digits: u32) -> Result<ArrayRef> {
    let step = |most: u32| 10_i64.pow(most.saturating_sub(digits));
    let down = |value: i64, step: i64| value - value.rem_euclid(step);
    Ok(match array.data_type() {
        DataType::Timestamp(TimeUnit::Microsecond, zone) => {
            let micros = array.as_primitive::<TimestampMicrosecondType>();
            let step = step(6);
            let cut: TimestampMicrosecondArray = unary(micros, |micros| down(micros, step));
            Arc::new(cut.with_timezone_opt(zone.clone()))
        }
        DataType::Time64(_) => {
            let nanos = array.as_primitive::<Time64NanosecondType>();
            let step = step(9);
            let cut: arrow::array::Time64NanosecondArray = unary(nanos, |nanos| down(nanos, step));
            Arc::new(cut)
        }
        kind if is_zoned(kind) => {
            let values = Zoned::of(array.as_ref())?;
            let step = u32::try_from(step(9)).unwrap_or(1);
            build((0..values.len()).map(|row| {
                Ok(values.get(row).map(|(utc, minutes)| {
                    let nanos = utc.nanosecond() / step * step;
                    (utc.with_nanosecond(nanos).unwrap_or(utc), minutes)
                }))
            }))?
        }
        _ => Arc::clone(array),
    })
}

/// Nine digits of a second as the six that tables keep.
fn micros(array: &ArrayRef, digits: Option<u32>) -> Result<ArrayRef> {
    let micros: TimestampMicrosecondArray = array
        .as_primitive::<TimestampNanosecondType>()
        .iter()
        .map(|nanos| match nanos {
            Some(nanos) => {
                let moment = DateTime::from_timestamp_nanos(nanos).naive_utc();
                Ok(Some(kept(moment, digits)?.and_utc().timestamp_micros()))
            }
            None => Ok(None),
        })
        .collect::<Result<_>>()?;
    Ok(Arc::new(micros))
}

/// Values of one of DATE, TIME and the timestamps as another.
pub(super) fn between(
    array: &ArrayRef,
    to: &DataType,
    digits: Option<u32>,
    failure: Failure,
    parameters: &Parameters,
) -> Result<ArrayRef> {
    let from = array.data_type();
    if *from == FINE && !matches!(to, DataType::Date32 | DataType::Time64(_)) {
        let coarse = micros(array, digits)?;
        return match to {
            &TIMESTAMP => Ok(coarse),
            _ => between(&coarse, to, digits, failure, parameters),
        };
    }
    let is_time = |kind: &DataType| matches!(kind, DataType::Time64(_));
    if is_time(from) || (*from == DataType::Date32 && is_time(to)) {
        return plan_err!("{from} cannot be cast to {to}");
    }
    if is_zoned(from) {
        let values = Zoned::of(array.as_ref())?;
        return match to {
            to if is_zoned(to) => Ok(Arc::clone(array)),
            DataType::Timestamp(_, Some(_)) => arrow_cast(&values.instants(), to, failure),
            _ => arrow_cast(&values.walls(), to, failure),
        };
    }
    if is_zoned(to) {
        let instants = match is_instant(from) {
            true => arrow_cast(array, &instant(), failure)?,
            false => clocks(array, &instant(), failure, parameters)?,
        };
        return at_session_offset(&instants, parameters);
    }
    clocks(array, to, failure, parameters)
}

/// Instants as values of TIMESTAMP_TZ that are told by the session's clock.
pub(super) fn at_session_offset(instants: &ArrayRef, parameters: &Parameters) -> Result<ArrayRef> {
    let instants = instants.as_primitive::<TimestampMicrosecondType>();
    build(instants.iter().map(|micros| {
        let utc = micros.and_then(moment_from_micros);
        Ok(utc.map(|utc| (utc, session_minutes(parameters, utc))))
    }))
}

/// Instants as wall clocks of the session, or the other way round.
fn clocks(
    array: &ArrayRef,
    to: &DataType,
    failure: Failure,
    parameters: &Parameters,
) -> Result<ArrayRef> {
    let from_instant = is_instant(array.data_type());
    let micros = match from_instant {
        true => arrow_cast(array, &instant(), failure)?,
        false => arrow_cast(array, &TIMESTAMP, failure)?,
    };
    let moved: TimestampMicrosecondArray = micros
        .as_primitive::<TimestampMicrosecondType>()
        .iter()
        .map(|micros| {
            let moment = moment_from_micros(micros?)?;
            let moved = match from_instant {
                true => Some(parameters.local(moment)),
                false => parameters.utc(moment),
            };
            Some(moved?.and_utc().timestamp_micros())
        })
        .collect();
    let moved: ArrayRef = match from_instant {
        true => Arc::new(moved),
        false => Arc::new(moved.with_data_type(instant())),
    };
    arrow_cast(&moved, to, failure)
}

/// The texts of dates, times and timestamps.
pub(super) fn to_text(
    array: &ArrayRef,
    failure: Failure,
    parameters: &Parameters,
) -> Result<StringArray> {
    Ok(match array.data_type() {
        kind if is_zoned(kind) => {
            let values = Zoned::of(array.as_ref())?;
            (0..values.len())
                .map(|row| {
                    let (utc, minutes) = values.get(row)?;
                    Some(parameters.tz_text(utc, minutes))
                })
                .collect()
        }
        &FINE => array
            .as_primitive::<TimestampNanosecondType>()
            .iter()
            .map(|nanos| {
                let moment = DateTime::from_timestamp_nanos(nanos?).naive_utc();
                Some(parameters.ntz_text(moment))
            })
            .collect(),
        DataType::Timestamp(_, zone) => {
            let to = zone.as_ref().map_or(TIMESTAMP, |_| instant());
            let text = |moment| match zone {
                None => parameters.ntz_text(moment),
                Some(_) => parameters.ltz_text(moment),
            };
            arrow_cast(array, &to, failure)?
                .as_primitive::<TimestampMicrosecondType>()
                .iter()
                .map(|micros| micros.and_then(moment_from_micros).map(text))
                .collect()
        }
        DataType::Date32 if !parameters.formats.writes_dates() => {
            let texts = arrow_cast(array, &DataType::Utf8, failure)?;
            texts.as_string::<i32>().clone()
        }
        DataType::Date32 => array
            .as_primitive::<Date32Type>()
            .iter()
            .map(|days| Some(parameters.date_text(date_from_days(days?)?)))
            .collect(),
        _ => {
            let times = arrow_cast(array, &DataType::Time64(TimeUnit::Nanosecond), failure)?;
            times
                .as_primitive::<Time64NanosecondType>()
                .iter()
                .map(|nanos| nanos.map(|nanos| parameters.time_text(time_of_day(nanos))))
                .collect()
        }
    })
}

fn time_of_day(nanos: i64) -> NaiveTime {
    NaiveTime::MIN
        .overflowing_add_signed(TimeDelta::nanoseconds(nanos))
        .0
}

fn refused(what: &'static str) -> impl Fn(&str) -> DataFusionError {
    move |text| exec_datafusion_err!("{what} '{text}' is not recognized")
}

/// Texts as dates, times or timestamps.
pub(super) fn from_text(
    text: &StringArray,
    to: &DataType,
    digits: Option<u32>,
    failure: Failure,
    parameters: &Parameters,
) -> Result<ArrayRef> {
    match to {
        DataType::Date32 => parsed::<Date32Type, _>(
            text.iter(),
            failure,
            |text| Some(parameters.read_date(text)?.to_epoch_days()),
            refused("Date"),
        ),
        DataType::Time64(_) => {
            let nanos = parsed::<Time64NanosecondType, _>(
                text.iter(),
                failure,
                |text| Some(nanos_of_day(parameters.read_time(text)?)),
                refused("Time"),
            )?;
            arrow_cast(&nanos, to, failure)
        }
        to if is_zoned(to) => build(text.iter().map(|value| {
            let read = |text: &str| {
                let (wall, offset) = parameters.read_timestamp(text)?;
                located(wall, offset, parameters)
            };
            match one(value, failure, read, refused("Timestamp"))? {
                Some((utc, minutes)) => Ok(Some((kept(utc, digits)?, minutes))),
                None => Ok(None),
            }
        })),
        &FINE => {
            let nanos = parsed::<TimestampNanosecondType, _>(
                text.iter(),
                failure,
                |text| nanos(parameters.read_timestamp(text)?.0),
                refused("Timestamp"),
            )?;
            Ok(nanos)
        }
        _ => {
            let is_instant = is_instant(to);
            let micros: TimestampMicrosecondArray = text
                .iter()
                .map(|value| {
                    let read = |text: &str| {
                        let (wall, offset) = parameters.read_timestamp(text)?;
                        match is_instant {
                            // Without a zone the wall clock counts, whatever offset the text names.
                            false => Some(wall),
                            true => located(wall, offset, parameters).map(|(utc, _)| utc),
                        }
                    };
                    match one(value, failure, read, refused("Timestamp"))? {
                        Some(moment) => {
                            Ok(Some(kept(moment, digits)?.and_utc().timestamp_micros()))
                        }
                        None => Ok(None),
                    }
                })
                .collect::<Result<_>>()?;
            let micros: ArrayRef = match is_instant {
                true => Arc::new(micros.with_data_type(instant())),
                false => Arc::new(micros),
            };
            arrow_cast(&micros, to, failure)
        }
    }
}

/// The instant, as UTC's wall clock, and minutes east of UTC of a wall clock that says where it is or
/// stands where the session does.
pub(crate) fn located(
    wall: NaiveDateTime,
    offset: Option<i32>,
    parameters: &Parameters,
) -> Option<(NaiveDateTime, i16)> {
    match offset {
        Some(seconds) => {
            let minutes = i16::try_from(seconds.div_euclid(60)).ok()?;
            Some((moment::to_utc(wall, Some(seconds))?, minutes))
        }
        None => {
            let utc = parameters.utc(wall)?;
            Some((utc, session_minutes(parameters, utc)))
        }
    }
}

/// Numbers that count seconds since 1970 as timestamps.
pub(super) fn from_numbers(
    array: &ArrayRef,
    to: &DataType,
    failure: Failure,
    parameters: &Parameters,
) -> Result<ArrayRef> {
    let micros = match array.data_type() {
        kind if kind.is_integer() => {
            let seconds = arrow_cast(array, &DataType::Int64, failure)?;
            parsed::<TimestampMicrosecondType, _>(
                seconds.as_primitive::<Int64Type>().iter(),
                failure,
                |seconds| {
                    let micros = seconds.checked_mul(1_000_000)?;
                    moment_from_micros(micros).map(|_| micros)
                },
                |seconds| exec_datafusion_err!("{seconds} seconds are outside of the calendar"),
            )?
        }
        _ => super::from_seconds(array, failure)?,
    };
    if is_zoned(to) {
        return at_session_offset(&micros, parameters);
    }
    let micros = micros.as_primitive::<TimestampMicrosecondType>().clone();
    let micros: ArrayRef = match is_instant(to) {
        true => Arc::new(micros.with_data_type(instant())),
        false => Arc::new(micros),
    };
    arrow_cast(&micros, to, failure)
}
