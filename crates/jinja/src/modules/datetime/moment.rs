//! `datetime`.

use std::cmp::Ordering;

use chrono::{
    DateTime, Local, NaiveDate, NaiveDateTime, NaiveTime, Offset as _, TimeZone as _, Utc,
};
use diagnostic::Result;

use super::super::Clock;
use super::super::class::Class;
use super::date::{self, Date};
use super::delta::Delta;
use super::time::{self, Time};
use super::zone::{Zone, offset_text};
use super::{out_of_range, strftime, strptime, text};
use crate::fail::{bad_value, wrong_type};
use crate::value::{Object, Operator};
use crate::{Arguments, CallContext, Value};

/// A date and time, with or without a time zone.
#[derive(Clone, Debug)]
pub(super) struct Moment {
    pub local: NaiveDateTime,
    pub zone: Option<Zone>,
}

impl Moment {
    pub(super) fn strftime(&self, pattern: &str) -> Result<String> {
        strftime::format(&self.local, self.zone.as_ref(), pattern)
    }

    /// In UTC; a time without a zone is taken as the machine's.
    fn utc(&self) -> NaiveDateTime {
        let seconds = match &self.zone {
            Some(zone) => zone.offset_at_local(&self.local),
            None => match Local.offset_from_local_datetime(&self.local).earliest() {
                Some(offset) => offset.fix().local_minus_utc(),
                None => 0,
            },
        };
        shift(self.local, -i64::from(seconds))
    }

    pub(super) fn in_zone(&self, zone: &Zone) -> Result<Self> {
        let utc = self.utc();
        let local = shift(utc, zone.offset_at_utc(&utc).into());
        date::checked(Some(local.date()))?;
        Ok(Self {
            local,
            zone: Some(zone.clone()),
        })
    }

    fn iso(&self, separator: &str, timespec: &str) -> Result<String> {
        let day = Date(self.local.date()).text();
        let time = time::iso(self.local.time(), timespec)?;
        let offset = self
            .zone
            .as_ref()
            .map(|zone| zone.offset_at_local(&self.local));
        let offset = offset.map_or(String::new(), |seconds| offset_text(seconds, ":"));
        Ok(format!("{day}{separator}{time}{offset}"))
    }

    fn replaced(&self, arguments: Arguments) -> Result<Self> {
        let [year, month, day, hour, minute, second, micro, zone, _] = arguments.bind(
            "replace",
            [
                "year",
                "month",
                "day",
                "hour",
                "minute",
                "second",
                "microsecond",
                "tzinfo",
                "fold",
            ],
            0,
        )?;
        let day = date::build(year, month, day, Some(self.local.date()))?;
        let time = time::build([hour, minute, second, micro], Some(self.local.time()))?;
        let zone = if zone.is_some() {
            Zone::of(zone)?
        } else {
            self.zone.clone()
        };
        Ok(Self {
            local: day.and_time(time),
            zone,
        })
    }

    fn timestamp(&self) -> f64 {
        self.utc().and_utc().timestamp_micros() as f64 / 1e6
    }

    fn offset(&self) -> Option<i32> {
        self.zone
            .as_ref()
            .map(|zone| zone.offset_at_local(&self.local))
    }
}

fn shift(at: NaiveDateTime, seconds: i64) -> NaiveDateTime {
    chrono::TimeDelta::try_seconds(seconds)
        .and_then(|delta| at.checked_add_signed(delta))
        .unwrap_or(at)
}

/// Seconds since 1970, with a fraction, as a moment.
pub(super) fn from_timestamp(stamp: Option<Value>) -> Result<DateTime<Utc>> {
    let stamp = stamp.unwrap_or(Value::None);
    let seconds = stamp
        .as_float()
        .ok_or_else(|| wrong_type("the timestamp", "a number", &stamp))?;
    if !seconds.is_finite() || seconds.abs() > 1e12 {
        return Err(out_of_range());
    }
    DateTime::from_timestamp_micros((seconds * 1e6).round_ties_even() as i64)
        .ok_or_else(out_of_range)
}

impl Object for Moment {
    fn type_name(&self) -> &str {
        "datetime.datetime"
    }

    fn get_attr(&self, name: &str) -> Result<Option<Value>> {
        Ok(date::attribute(self.local.date(), name)
            .or_else(|| time::attribute(self.local.time(), self.zone.as_ref(), name)))
    }

    fn call_method(
        &self,
        _: &mut CallContext<'_>,
        name: &str,
        arguments: &Arguments,
    ) -> Result<Option<Value>> {
        let arguments = arguments.clone();
        Ok(Some(match name {
            "strftime" => {
                let [pattern] = arguments.bind("strftime", ["format"], 1)?;
                self.strftime(&text("the format", pattern)?)?.into()
            }
            "isoformat" => {
                let [separator, timespec] = arguments.bind("isoformat", ["sep", "timespec"], 0)?;
                let separator = separator.map_or("T".to_owned(), |value| value.to_string());
                let timespec = timespec.map_or("auto".to_owned(), |value| value.to_string());
                self.iso(&separator, &timespec)?.into()
            }
            "date" => Value::object(Date(self.local.date())),
            "time" => Value::object(Time {
                time: self.local.time(),
                zone: None,
            }),
            "timetz" => Value::object(Time {
                time: self.local.time(),
                zone: self.zone.clone(),
            }),
            "timestamp" => Value::Float(match self.zone {
                Some(_) => self.timestamp(),
                None => Self {
                    local: self.utc(),
                    zone: Some(Zone::utc()),
                }
                .timestamp(),
            }),
            "replace" => Value::object(self.replaced(arguments)?),
            "astimezone" => {
                let [zone] = arguments.bind("astimezone", ["tz"], 0)?;
                let zone = match Zone::of(zone)? {
                    Some(zone) => zone,
                    None => Zone::Fixed(local_offset(&self.utc()), None),
                };
                Value::object(self.in_zone(&zone)?)
            }
            "utcoffset" => match self.offset() {
                Some(seconds) => Value::object(Delta::seconds(seconds.into())),
                None => Value::None,
            },
            "tzname" => match &self.zone {
                Some(zone) => zone.name_at(&self.local).into(),
                None => Value::None,
            },
            "ctime" => self.strftime("%a %b %e %H:%M:%S %Y")?.into(),
            _ => return Ok(date::method(self.local.date(), name)),
        }))
    }

    fn repr(&self) -> String {
        let day = Date(self.local.date()).repr();
        let day = day
            .trim_start_matches("datetime.date(")
            .trim_end_matches(')')
            .to_owned();
        let time = time::repr_parts(self.local.time());
        let zone = match &self.zone {
            Some(zone) => format!(", tzinfo={}", zone.repr()),
            None => String::new(),
        };
        format!("datetime.datetime({day}, {time}{zone})")
    }

    fn text(&self) -> String {
        self.iso(" ", "auto").unwrap_or_default()
    }

    fn compare(&self, other: &Value) -> Option<Ordering> {
        let other = other.downcast::<Moment>()?;
        match (&self.zone, &other.zone) {
            (None, None) => Some(self.local.cmp(&other.local)),
            (Some(_), Some(_)) => Some(self.utc().cmp(&other.utc())),
            _ => None,
        }
    }

    fn operate(&self, operator: Operator, other: &Value, reversed: bool) -> Result<Option<Value>> {
        if let Some(delta) = other.downcast::<Delta>() {
            let moved = match operator {
                Operator::Add => self.local.checked_add_signed(delta.chrono()),
                Operator::Sub if !reversed => self.local.checked_sub_signed(delta.chrono()),
                _ => return Ok(None),
            };
            let local = moved.ok_or_else(out_of_range)?;
            date::checked(Some(local.date()))?;
            return Ok(Some(Value::object(Self {
                local,
                zone: self.zone.clone(),
            })));
        }
        let (Operator::Sub, Some(other), false) = (operator, other.downcast::<Moment>(), reversed)
        else {
            return Ok(None);
        };
        let difference = match (&self.zone, &other.zone) {
            (None, None) => self.local - other.local,
            (Some(_), Some(_)) => self.utc() - other.utc(),
            _ => {
                return Err(diagnostic::Error::new(
                    diagnostic::codes::J2002,
                    "a datetime with a time zone and one without cannot be subtracted",
                ));
            }
        };
        let micros = difference.num_microseconds().ok_or_else(out_of_range)?;
        Ok(Some(Value::object(Delta(micros))))
    }
}

fn local_offset(utc: &NaiveDateTime) -> i32 {
    Local.offset_from_utc_datetime(utc).fix().local_minus_utc()
}

/// A moment in a zone, or in the machine's without one.
fn at_zone(at: DateTime<Utc>, zone: Option<Zone>) -> Moment {
    let utc = at.naive_utc();
    match zone {
        Some(zone) => Moment {
            local: shift(utc, zone.offset_at_utc(&utc).into()),
            zone: Some(zone),
        },
        None => Moment {
            local: shift(utc, local_offset(&utc).into()),
            zone: None,
        },
    }
}

/// `datetime.datetime`
pub(super) fn class(clock: Clock) -> Class {
    Class {
        name: "datetime.datetime",
        construct: |_, arguments| {
            let [year, month, day, hour, minute, second, micro, zone, _] = arguments.bind(
                "datetime",
                [
                    "year",
                    "month",
                    "day",
                    "hour",
                    "minute",
                    "second",
                    "microsecond",
                    "tzinfo",
                    "fold",
                ],
                3,
            )?;
            let day = date::build(year, month, day, None)?;
            let time = time::build([hour, minute, second, micro], None)?;
            Ok(Value::object(Moment {
                local: day.and_time(time),
                zone: Zone::of(zone)?,
            }))
        },
        method: |clock, name, arguments| {
            class_method(clock, name, arguments).map(|moment| moment.map(Value::object))
        },
        constant: |name| {
            let day = match name {
                "min" => NaiveDate::from_ymd_opt(1, 1, 1)?.and_time(NaiveTime::MIN),
                "max" => NaiveDate::from_ymd_opt(9999, 12, 31)?
                    .and_time(NaiveTime::from_hms_micro_opt(23, 59, 59, 999_999)?),
                _ => return None,
            };
            Some(Value::object(Moment {
                local: day,
                zone: None,
            }))
        },
        clock,
    }
}

fn class_method(clock: &Clock, name: &str, arguments: Arguments) -> Result<Option<Moment>> {
    Ok(Some(match name {
        "now" => {
            let [zone] = arguments.bind("datetime.now", ["tz"], 0)?;
            at_zone(clock.now(), Zone::of(zone)?)
        }
        "today" => {
            arguments.none("datetime.today")?;
            at_zone(clock.now(), None)
        }
        "utcnow" => {
            arguments.none("datetime.utcnow")?;
            Moment {
                local: clock.now().naive_utc(),
                zone: None,
            }
        }
        "fromtimestamp" => {
            let [stamp, zone] = arguments.bind("datetime.fromtimestamp", ["timestamp", "tz"], 1)?;
            at_zone(from_timestamp(stamp)?, Zone::of(zone)?)
        }
        "utcfromtimestamp" => {
            let [stamp] = arguments.bind("datetime.utcfromtimestamp", ["timestamp"], 1)?;
            Moment {
                local: from_timestamp(stamp)?.naive_utc(),
                zone: None,
            }
        }
        "strptime" => {
            let [value, pattern] =
                arguments.bind("datetime.strptime", ["date_string", "format"], 2)?;
            let (value, pattern) = (text("the date", value)?, text("the format", pattern)?);
            let (local, zone) = strptime::parse(&value, &pattern)?;
            Moment { local, zone }
        }
        "fromisoformat" => {
            let [iso] = arguments.bind("datetime.fromisoformat", ["date_string"], 1)?;
            let iso = text("the date", iso)?;
            let (local, zone) = strptime::iso_moment(&iso)
                .ok_or_else(|| bad_value(format!("'{iso}' is no ISO date and time")))?;
            Moment { local, zone }
        }
        "combine" => {
            let [day, time, zone] =
                arguments.bind("datetime.combine", ["date", "time", "tzinfo"], 2)?;
            let (day, time) = (day.unwrap_or(Value::None), time.unwrap_or(Value::None));
            let date = match (day.downcast::<Date>(), day.downcast::<Moment>()) {
                (Some(date), _) => date.0,
                (_, Some(moment)) => moment.local.date(),
                _ => return Err(wrong_type("the first argument", "a date", &day)),
            };
            let Some(time) = time.downcast::<Time>() else {
                return Err(wrong_type("the second argument", "a time", &time));
            };
            let zone = if zone.is_some() {
                Zone::of(zone)?
            } else {
                time.zone.clone()
            };
            Moment {
                local: date.and_time(time.time),
                zone,
            }
        }
        _ => return Ok(None),
    }))
}
