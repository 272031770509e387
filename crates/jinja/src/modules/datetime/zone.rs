//! Time zones: fixed offsets and named ones.

use std::cmp::Ordering;

use chrono::{NaiveDateTime, Offset as _, TimeZone as _};
use chrono_tz::{OffsetName as _, Tz};
use diagnostic::Result;

use super::super::Clock;
use super::super::class::Class;
use super::delta::Delta;
use super::moment::Moment;
use crate::fail::{bad_value, wrong_type};
use crate::value::Object;
use crate::{Arguments, CallContext, Value};

/// The time zone of a datetime.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::modules) enum Zone {
    /// Seconds east of UTC, with a name if it was given one.
    Fixed(i32, Option<String>),
    /// A zone of the IANA database, as `pytz` gives.
    Named(Tz),
}

impl Zone {
    pub(in crate::modules) fn utc() -> Self {
        Self::Fixed(0, None)
    }

    pub(in crate::modules) fn pytz_utc() -> Self {
        Self::Named(Tz::UTC)
    }

    /// The zone in a value: `tzinfo`.
    pub(super) fn of(value: Option<Value>) -> Result<Option<Zone>> {
        match value {
            None | Some(Value::None) => Ok(None),
            Some(value) => match value.downcast::<Zone>() {
                Some(zone) => Ok(Some(zone.clone())),
                None => Err(wrong_type("the time zone", "a tzinfo", &value)),
            },
        }
    }

    /// Seconds east of UTC at a local time. In a gap or an overlap the earlier offset holds.
    pub(super) fn offset_at_local(&self, local: &NaiveDateTime) -> i32 {
        match self {
            Self::Fixed(seconds, _) => *seconds,
            Self::Named(tz) => match tz.offset_from_local_datetime(local).earliest() {
                Some(offset) => offset.fix().local_minus_utc(),
                None => tz.offset_from_utc_datetime(local).fix().local_minus_utc(),
            },
        }
    }

    pub(super) fn offset_at_utc(&self, utc: &NaiveDateTime) -> i32 {
        match self {
            Self::Fixed(seconds, _) => *seconds,
            Self::Named(tz) => tz.offset_from_utc_datetime(utc).fix().local_minus_utc(),
        }
    }

    pub(super) fn name_at(&self, local: &NaiveDateTime) -> String {
        match self {
            Self::Fixed(_, Some(name)) => name.clone(),
            Self::Fixed(0, None) => "UTC".to_owned(),
            Self::Fixed(seconds, None) => format!("UTC{}", offset_text(*seconds, ":")),
            Self::Named(tz) => {
                let offset = tz.offset_from_local_datetime(local).earliest();
                offset
                    .and_then(|offset| offset.abbreviation().map(str::to_owned))
                    .unwrap_or_default()
            }
        }
    }
}

/// `+02:00`, with seconds only if there are any.
pub(super) fn offset_text(seconds: i32, separator: &str) -> String {
    let sign = if seconds < 0 { '-' } else { '+' };
    let seconds = seconds.abs();
    let text = format!(
        "{sign}{:02}{separator}{:02}",
        seconds / 3600,
        seconds / 60 % 60
    );
    if seconds % 60 == 0 {
        text
    } else {
        format!("{text}{separator}{:02}", seconds % 60)
    }
}

impl Object for Zone {
    fn type_name(&self) -> &str {
        match self {
            Self::Fixed(..) => "datetime.timezone",
            Self::Named(_) => "pytz.tzinfo",
        }
    }

    fn get_attr(&self, name: &str) -> Result<Option<Value>> {
        Ok(match (name, self) {
            ("zone", Self::Named(tz)) => Some(tz.name().into()),
            _ => None,
        })
    }

    fn call_method(
        &self,
        _: &mut CallContext<'_>,
        name: &str,
        arguments: &Arguments,
    ) -> Result<Option<Value>> {
        let moment = |what: &str| -> Result<Moment> {
            let [value, _] = arguments.clone().bind(what, ["dt", "is_dst"], 1)?;
            let value = value.unwrap_or(Value::None);
            let moment = value.downcast::<Moment>().cloned();
            moment.ok_or_else(|| wrong_type("the argument", "a datetime", &value))
        };
        Ok(Some(match name {
            "localize" => {
                let moment = moment("localize")?;
                if moment.zone.is_some() {
                    return Err(bad_value("the datetime has a time zone already"));
                }
                Value::object(Moment {
                    zone: Some(self.clone()),
                    ..moment
                })
            }
            "normalize" => Value::object(moment("normalize")?.in_zone(self)?),
            "utcoffset" => {
                let moment = moment("utcoffset")?;
                Value::object(Delta::seconds(self.offset_at_local(&moment.local).into()))
            }
            "tzname" => self.name_at(&moment("tzname")?.local).into(),
            _ => return Ok(None),
        }))
    }

    fn repr(&self) -> String {
        match self {
            Self::Fixed(0, None) => "datetime.timezone.utc".to_owned(),
            Self::Fixed(seconds, _) => {
                format!(
                    "datetime.timezone({})",
                    Delta::seconds((*seconds).into()).repr()
                )
            }
            Self::Named(Tz::UTC) => "<UTC>".to_owned(),
            Self::Named(tz) => format!("<DstTzInfo '{}'>", tz.name()),
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Named(tz) => tz.name().to_owned(),
            fixed => fixed.name_at(&NaiveDateTime::default()),
        }
    }

    fn compare(&self, other: &Value) -> Option<Ordering> {
        (other.downcast::<Zone>()? == self).then_some(Ordering::Equal)
    }
}

/// `datetime.timezone`
pub(super) fn class(clock: Clock) -> Class {
    Class {
        name: "datetime.timezone",
        construct: |_, arguments| {
            let [offset, name] = arguments.bind("timezone", ["offset", "name"], 1)?;
            let offset = offset.unwrap_or(Value::None);
            let Some(delta) = offset.downcast::<Delta>() else {
                return Err(wrong_type("the offset", "a timedelta", &offset));
            };
            let seconds = delta.0.div_euclid(1_000_000);
            match i32::try_from(seconds) {
                Ok(seconds) if seconds.abs() < 86_400 => {
                    let name = name.map(|name| name.to_string());
                    Ok(Value::object(Zone::Fixed(seconds, name)))
                }
                _ => Err(bad_value("the offset has to be less than a day")),
            }
        },
        method: |_, _, _| Ok(None),
        constant: |name| (name == "utc").then(|| Value::object(Zone::utc())),
        clock,
    }
}
