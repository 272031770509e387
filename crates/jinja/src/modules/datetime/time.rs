//! `time`.

use std::cmp::Ordering;

use chrono::{NaiveDate, NaiveTime, Timelike as _};
use diagnostic::Result;

use super::super::Clock;
use super::super::class::Class;
use super::zone::{Zone, offset_text};
use super::{part, strftime, text};
use crate::fail::bad_value;
use crate::value::Object;
use crate::{Arguments, CallContext, Value};

/// A time of day.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Time {
    pub time: NaiveTime,
    pub zone: Option<Zone>,
}

impl Time {
    pub(super) fn strftime(&self, pattern: &str) -> Result<String> {
        let day = NaiveDate::from_ymd_opt(1900, 1, 1).unwrap_or_default();
        strftime::format(&day.and_time(self.time), self.zone.as_ref(), pattern)
    }
}

pub(super) fn build(parts: [Option<Value>; 4], from: Option<NaiveTime>) -> Result<NaiveTime> {
    let from = from.unwrap_or(NaiveTime::MIN);
    let [hour, minute, second, micro] = parts;
    let hour = part("hour", hour, from.hour().into(), 0, 23)?;
    let minute = part("minute", minute, from.minute().into(), 0, 59)?;
    let second = part("second", second, from.second().into(), 0, 59)?;
    let micro = part(
        "microsecond",
        micro,
        (from.nanosecond() / 1000).into(),
        0,
        999_999,
    )?;
    NaiveTime::from_hms_micro_opt(hour, minute, second, micro)
        .ok_or_else(|| bad_value("there is no such time"))
}

/// `10:20:30` with microseconds if there are any, or as `timespec` says.
pub(super) fn iso(time: NaiveTime, timespec: &str) -> Result<String> {
    let micros = time.nanosecond() / 1000;
    let (hour, minute, second) = (time.hour(), time.minute(), time.second());
    Ok(match timespec {
        "hours" => format!("{hour:02}"),
        "minutes" => format!("{hour:02}:{minute:02}"),
        "milliseconds" => format!("{hour:02}:{minute:02}:{second:02}.{:03}", micros / 1000),
        "auto" if micros > 0 => format!("{hour:02}:{minute:02}:{second:02}.{micros:06}"),
        "microseconds" => format!("{hour:02}:{minute:02}:{second:02}.{micros:06}"),
        "auto" | "seconds" => format!("{hour:02}:{minute:02}:{second:02}"),
        other => return Err(bad_value(format!("there is no timespec '{other}'"))),
    })
}

/// Attributes that times and datetimes share.
pub(super) fn attribute(time: NaiveTime, zone: Option<&Zone>, name: &str) -> Option<Value> {
    Some(match name {
        "hour" => time.hour().into(),
        "minute" => time.minute().into(),
        "second" => time.second().into(),
        "microsecond" => (time.nanosecond() / 1000).into(),
        "fold" => Value::Int(0),
        "tzinfo" => zone.map_or(Value::None, |zone| Value::object(zone.clone())),
        _ => return None,
    })
}

/// The `, hour, minute…` of a `repr`.
pub(super) fn repr_parts(time: NaiveTime) -> String {
    let micros = time.nanosecond() / 1000;
    let mut text = format!("{}, {}", time.hour(), time.minute());
    if time.second() > 0 || micros > 0 {
        text += &format!(", {}", time.second());
    }
    if micros > 0 {
        text += &format!(", {micros}");
    }
    text
}

impl Object for Time {
    fn type_name(&self) -> &str {
        "datetime.time"
    }

    fn get_attr(&self, name: &str) -> Result<Option<Value>> {
        Ok(attribute(self.time, self.zone.as_ref(), name))
    }

    fn call_method(
        &self,
        _: &mut CallContext<'_>,
        name: &str,
        arguments: &Arguments,
    ) -> Result<Option<Value>> {
        Ok(Some(match name {
            "strftime" => {
                let [pattern] = arguments.clone().bind("strftime", ["format"], 1)?;
                self.strftime(&text("the format", pattern)?)?.into()
            }
            "isoformat" => {
                let [timespec] = arguments.clone().bind("isoformat", ["timespec"], 0)?;
                let timespec = timespec.map_or("auto".to_owned(), |value| value.to_string());
                iso(self.time, &timespec)?.into()
            }
            "replace" => {
                let [hour, minute, second, micro, zone] = arguments.clone().bind(
                    "replace",
                    ["hour", "minute", "second", "microsecond", "tzinfo"],
                    0,
                )?;
                let time = build([hour, minute, second, micro], Some(self.time))?;
                let zone = if zone.is_some() {
                    Zone::of(zone)?
                } else {
                    self.zone.clone()
                };
                Value::object(Self { time, zone })
            }
            _ => return Ok(None),
        }))
    }

    fn repr(&self) -> String {
        format!("datetime.time({})", repr_parts(self.time))
    }

    fn text(&self) -> String {
        let offset = match &self.zone {
            Some(Zone::Fixed(seconds, _)) => offset_text(*seconds, ":"),
            _ => String::new(),
        };
        iso(self.time, "auto").unwrap_or_default() + &offset
    }

    fn compare(&self, other: &Value) -> Option<Ordering> {
        other
            .downcast::<Time>()
            .map(|other| self.time.cmp(&other.time))
    }
}

/// `datetime.time`
pub(super) fn class(clock: Clock) -> Class {
    Class {
        name: "datetime.time",
        construct: |_, arguments| {
            let [hour, minute, second, micro, zone] = arguments.bind(
                "time",
                ["hour", "minute", "second", "microsecond", "tzinfo"],
                0,
            )?;
            let time = build([hour, minute, second, micro], None)?;
            Ok(Value::object(Time {
                time,
                zone: Zone::of(zone)?,
            }))
        },
        method: |_, name, arguments| match name {
            "fromisoformat" => {
                let [iso] = arguments.bind("time.fromisoformat", ["time_string"], 1)?;
                let iso = text("the time", iso)?;
                let (time, zone) = super::strptime::iso_time(&iso)
                    .ok_or_else(|| bad_value(format!("'{iso}' is no ISO time")))?;
                Ok(Some(Value::object(Time { time, zone })))
            }
            _ => Ok(None),
        },
        constant: |name| match name {
            "min" => Some(Value::object(Time {
                time: NaiveTime::MIN,
                zone: None,
            })),
            "max" => NaiveTime::from_hms_micro_opt(23, 59, 59, 999_999)
                .map(|time| Value::object(Time { time, zone: None })),
            _ => None,
        },
        clock,
    }
}
