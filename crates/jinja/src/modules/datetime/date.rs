//! `date`.

use std::cmp::Ordering;

use chrono::{Datelike as _, Local, NaiveDate, NaiveTime};
use diagnostic::Result;

use super::super::Clock;
use super::super::class::Class;
use super::delta::Delta;
use super::{out_of_range, part, strftime, text};
use crate::fail::bad_value;
use crate::value::{Object, Operator};
use crate::{Arguments, CallContext, Value};

/// A day of the proleptic Gregorian calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Date(pub NaiveDate);

impl Date {
    pub(super) fn strftime(self, pattern: &str) -> Result<String> {
        strftime::format(&self.0.and_time(NaiveTime::MIN), None, pattern)
    }
}

/// Days since the year 0, the day before 0001-01-01: Python's ordinal.
pub(super) fn ordinal(date: NaiveDate) -> i32 {
    date.num_days_from_ce()
}

pub(super) fn checked(date: Option<NaiveDate>) -> Result<NaiveDate> {
    date.filter(|date| (1..=9999).contains(&date.year()))
        .ok_or_else(out_of_range)
}

pub(super) fn build(
    year: Option<Value>,
    month: Option<Value>,
    day: Option<Value>,
    from: Option<NaiveDate>,
) -> Result<NaiveDate> {
    let old = |part: fn(&NaiveDate) -> u32| from.as_ref().map_or(1, |date| part(date).into());
    let year = part(
        "year",
        year,
        old(|date| date.year().unsigned_abs()),
        1,
        9999,
    )?;
    let month = part("month", month, old(|date| date.month()), 1, 12)?;
    let day = part("day", day, old(|date| date.day()), 1, 31)?;
    i32::try_from(year)
        .ok()
        .and_then(|year| NaiveDate::from_ymd_opt(year, month, day))
        .ok_or_else(|| bad_value(format!("there is no day {day} in {year:04}-{month:02}")))
}

/// Attributes that dates and datetimes share.
pub(super) fn attribute(date: NaiveDate, name: &str) -> Option<Value> {
    Some(match name {
        "year" => date.year().into(),
        "month" => date.month().into(),
        "day" => date.day().into(),
        _ => return None,
    })
}

/// Methods that dates and datetimes share.
pub(super) fn method(date: NaiveDate, name: &str) -> Option<Value> {
    let week = date.iso_week();
    Some(match name {
        "weekday" => date.weekday().num_days_from_monday().into(),
        "isoweekday" => date.weekday().number_from_monday().into(),
        "isocalendar" => Value::tuple([
            week.year().into(),
            week.week().into(),
            date.weekday().number_from_monday().into(),
        ]),
        "toordinal" => ordinal(date).into(),
        _ => return None,
    })
}

impl Object for Date {
    fn type_name(&self) -> &str {
        "datetime.date"
    }

    fn get_attr(&self, name: &str) -> Result<Option<Value>> {
        Ok(attribute(self.0, name))
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
            "isoformat" => self.text().into(),
            "ctime" => self.strftime("%a %b %e 00:00:00 %Y")?.into(),
            "replace" => {
                let [year, month, day] =
                    arguments
                        .clone()
                        .bind("replace", ["year", "month", "day"], 0)?;
                Value::object(Self(build(year, month, day, Some(self.0))?))
            }
            _ => return Ok(method(self.0, name)),
        }))
    }

    fn repr(&self) -> String {
        format!(
            "datetime.date({}, {}, {})",
            self.0.year(),
            self.0.month(),
            self.0.day()
        )
    }

    fn text(&self) -> String {
        format!(
            "{:04}-{:02}-{:02}",
            self.0.year(),
            self.0.month(),
            self.0.day()
        )
    }

    fn compare(&self, other: &Value) -> Option<Ordering> {
        other.downcast::<Date>().map(|other| self.0.cmp(&other.0))
    }

    fn operate(&self, operator: Operator, other: &Value, reversed: bool) -> Result<Option<Value>> {
        if let Some(delta) = other.downcast::<Delta>() {
            let days = delta.0.div_euclid(86_400_000_000);
            let days = match operator {
                Operator::Add => days,
                Operator::Sub if !reversed => -days,
                _ => return Ok(None),
            };
            let moved =
                chrono::TimeDelta::try_days(days).and_then(|days| self.0.checked_add_signed(days));
            return Ok(Some(Value::object(Self(checked(moved)?))));
        }
        match (operator, other.downcast::<Date>()) {
            (Operator::Sub, Some(other)) if !reversed => {
                let days = self.0.signed_duration_since(other.0).num_days();
                Ok(Some(Value::object(Delta::seconds(days * 86_400))))
            }
            _ => Ok(None),
        }
    }
}

/// `datetime.date`
pub(super) fn class(clock: Clock) -> Class {
    Class {
        name: "datetime.date",
        construct: |_, arguments| {
            let [year, month, day] = arguments.bind("date", ["year", "month", "day"], 3)?;
            Ok(Value::object(Date(build(year, month, day, None)?)))
        },
        method: |clock, name, arguments| {
            Ok(Some(Value::object(Date(match name {
                "today" => {
                    arguments.none("date.today")?;
                    clock.now().with_timezone(&Local).date_naive()
                }
                "fromisoformat" => {
                    let [iso] = arguments.bind("date.fromisoformat", ["date_string"], 1)?;
                    let iso = text("the date", iso)?;
                    super::strptime::iso_date(&iso)
                        .ok_or_else(|| bad_value(format!("'{iso}' is no ISO date")))?
                }
                "fromordinal" => {
                    let [day] = arguments.bind("date.fromordinal", ["ordinal"], 1)?;
                    let day = part("ordinal", day, 1, 1, 3_652_059)?;
                    checked(NaiveDate::from_num_days_from_ce_opt(day.cast_signed()))?
                }
                "fromtimestamp" => {
                    let [stamp] = arguments.bind("date.fromtimestamp", ["timestamp"], 1)?;
                    super::moment::from_timestamp(stamp)?
                        .with_timezone(&Local)
                        .date_naive()
                }
                "strptime" => {
                    let [value, pattern] =
                        arguments.bind("date.strptime", ["date_string", "format"], 2)?;
                    let (value, pattern) = (text("the date", value)?, text("the format", pattern)?);
                    super::strptime::parse(&value, &pattern)?.0.date()
                }
                _ => return Ok(None),
            }))))
        },
        constant: |name| match name {
            "min" => NaiveDate::from_ymd_opt(1, 1, 1).map(|date| Value::object(Date(date))),
            "max" => NaiveDate::from_ymd_opt(9999, 12, 31).map(|date| Value::object(Date(date))),
            "resolution" => Some(Value::object(Delta::seconds(86_400))),
            _ => None,
        },
        clock,
    }
}
