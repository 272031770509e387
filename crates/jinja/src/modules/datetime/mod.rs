//! `modules.datetime`: dates, times and the differences between them.

mod date;
mod delta;
mod moment;
mod strftime;
mod strptime;
mod time;
mod zone;

use chrono::{DateTime, NaiveDate, Utc};
use diagnostic::Result;

use super::Clock;
use super::class::Class;
use crate::fail::{bad_value, wrong_type};
use crate::{Dict, Value};

pub(super) use zone::Zone;

use date::Date;
use moment::Moment;
use time::Time;

/// The module.
pub(super) fn module(clock: Clock) -> Value {
    let class = |class: Class| Value::object(class);
    Value::Dict(Dict::from_iter([
        ("date", class(date::class(clock.clone()))),
        ("datetime", class(moment::class(clock.clone()))),
        ("time", class(time::class(clock.clone()))),
        ("timedelta", class(delta::class(clock.clone()))),
        ("timezone", class(zone::class(clock))),
        ("MINYEAR", Value::Int(1)),
        ("MAXYEAR", Value::Int(9999)),
    ]))
}

/// A moment as Python's `datetime` with the time zone UTC, for dbt's `run_started_at`.
#[must_use]
pub fn datetime_value(at: DateTime<Utc>) -> Value {
    Value::object(Moment {
        local: at.naive_utc(),
        zone: Some(Zone::pytz_utc()),
    })
}

/// A moment as Python's `datetime` without a time zone, for times read from a database.
#[must_use]
pub fn utc_value(at: DateTime<Utc>) -> Value {
    Value::object(Moment {
        local: at.naive_utc(),
        zone: None,
    })
}

/// A day as Python's `date`.
#[must_use]
pub fn date_value(day: NaiveDate) -> Value {
    Value::object(Date(day))
}

/// `strftime` of a date, time or datetime; `None` for anything else.
pub(super) fn strftime_value(value: &Value, pattern: &str) -> Option<Result<String>> {
    if let Some(date) = value.downcast::<Date>() {
        return Some(date.strftime(pattern));
    }
    if let Some(time) = value.downcast::<Time>() {
        return Some(time.strftime(pattern));
    }
    value
        .downcast::<Moment>()
        .map(|moment| moment.strftime(pattern))
}

/// A whole number argument within `low..=high`.
fn part(name: &str, value: Option<Value>, default: i128, low: i128, high: i128) -> Result<u32> {
    let number = match value {
        None => default,
        Some(value) => value
            .as_int()
            .ok_or_else(|| wrong_type(&format!("`{name}`"), "a whole number", &value))?,
    };
    if !(low..=high).contains(&number) {
        return Err(bad_value(format!(
            "`{name}` has to be between {low} and {high}, not {number}"
        )));
    }
    Ok(u32::try_from(number).unwrap_or_default())
}

/// A string argument.
fn text(what: &str, value: Option<Value>) -> Result<String> {
    let value = value.unwrap_or(Value::None);
    match value.as_str() {
        Some(text) => Ok(text.to_owned()),
        None => Err(wrong_type(what, "a string", &value)),
    }
}

fn out_of_range() -> diagnostic::Error {
    bad_value("the date is out of range (years 1 to 9999)")
}
