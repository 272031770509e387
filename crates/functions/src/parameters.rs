//! [`Parameters`]: the session parameters that functions, casts and text output depend on.
//!
//! <https://docs.snowflake.com/en/sql-reference/parameters>

use std::any::Any;
use std::sync::Arc;

use chrono::{NaiveDateTime, TimeDelta, TimeZone};
use chrono_tz::{TZ_VARIANTS, Tz};
use datafusion::common::config::{ConfigEntry, ConfigExtension, ConfigOptions, ExtensionOptions};
use datafusion::common::{Result, config_datafusion_err, config_err};

mod formats;

pub(crate) use formats::{Formats, GeographyFormat};

/// What `ALTER SESSION SET …` changes for functions. Snowflake's defaults, except that the zone is UTC:
/// a project's results must not depend on where an account was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameters {
    /// `TIMEZONE`: where wall clocks without a zone tick.
    pub timezone: Tz,
    /// `WEEK_START`: 0 for ISO weeks, 1 (Monday) to 7 (Sunday) otherwise.
    pub week_start: u32,
    /// `WEEK_OF_YEAR_POLICY`: 0 for ISO's first week, 1 for the week of 1 January.
    pub week_of_year_policy: u32,
    /// `TWO_DIGIT_CENTURY_START`: the first year that two digits can mean.
    pub two_digit_century_start: i32,
    /// `…_OUTPUT_FORMAT` and `…_INPUT_FORMAT`.
    pub(crate) formats: Arc<Formats>,
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            timezone: Tz::UTC,
            week_start: 0,
            week_of_year_policy: 0,
            two_digit_century_start: 1970,
            formats: Arc::default(),
        }
    }
}

impl Parameters {
    /// The parameters of a session; its defaults if none were set.
    pub(crate) fn of(options: &ConfigOptions) -> Self {
        options
            .extensions
            .get::<Self>()
            .cloned()
            .unwrap_or_default()
    }

    /// Sets the parameter called `name`, as `ALTER SESSION SET name = value` does.
    ///
    /// # Errors
    /// If there is no such parameter or it does not take this value.
    pub fn assign(&mut self, name: &str, value: &str) -> Result<()> {
        let number = |least: u32, most: u32| match value.trim().parse::<u32>() {
            Ok(number) if (least..=most).contains(&number) => Ok(number),
            _ => config_err!("{name} is a number from {least} to {most}, not '{value}'"),
        };
        let name = name.to_ascii_uppercase();
        match name.as_str() {
            "TIMEZONE" => self.timezone = zone(value)?,
            "WEEK_START" => self.week_start = number(0, 7)?,
            "WEEK_OF_YEAR_POLICY" => self.week_of_year_policy = number(0, 1)?,
            "TWO_DIGIT_CENTURY_START" => {
                self.two_digit_century_start = number(1900, 2100)?.cast_signed();
            }
            _ => {
                if !Arc::make_mut(&mut self.formats).assign(&name, value)? {
                    return config_err!("'{name}' is no parameter of functions");
                }
            }
        }
        Ok(())
    }

    /// The same parameters of a session in another zone.
    pub(crate) fn in_zone(&self, timezone: Tz) -> Self {
        Self {
            timezone,
            ..self.clone()
        }
    }

    /// The wall clock here at an instant, given as UTC's wall clock.
    pub(crate) fn local(&self, utc: NaiveDateTime) -> NaiveDateTime {
        match self.timezone {
            Tz::UTC => utc,
            zone => zone.from_utc_datetime(&utc).naive_local(),
        }
    }

    /// The instant, as UTC's wall clock, at which the clock here shows `wall`. An hour that occurs twice
    /// is the first of them; one that is skipped is an hour later.
    pub(crate) fn utc(&self, wall: NaiveDateTime) -> Option<NaiveDateTime> {
        if self.timezone == Tz::UTC {
            return Some(wall);
        }
        let at = |wall| self.timezone.from_local_datetime(&wall).earliest();
        let instant = at(wall).or_else(|| at(wall.checked_add_signed(TimeDelta::hours(1))?))?;
        Some(instant.naive_utc())
    }

    /// Seconds east of UTC at an instant, given as UTC's wall clock.
    pub(crate) fn offset(&self, utc: NaiveDateTime) -> i64 {
        (self.local(utc) - utc).num_seconds()
    }
}

/// The zone called `name`, whatever the case of its letters.
fn zone(name: &str) -> Result<Tz> {
    let name = name.trim();
    TZ_VARIANTS
        .into_iter()
        .find(|zone| zone.name().eq_ignore_ascii_case(name))
        .ok_or_else(|| config_datafusion_err!("'{name}' is not a time zone of the IANA database"))
}

impl ExtensionOptions for Parameters {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }

    fn cloned(&self) -> Box<dyn ExtensionOptions> {
        Box::new(self.clone())
    }

    fn set(&mut self, key: &str, value: &str) -> Result<()> {
        self.assign(key, value)
    }

    fn entries(&self) -> Vec<ConfigEntry> {
        let entry = |name: &str, value: String| ConfigEntry {
            key: format!("{}.{name}", Self::PREFIX),
            value: Some(value),
            description: "session parameter",
        };
        vec![
            entry("timezone", self.timezone.name().to_owned()),
            entry("week_start", self.week_start.to_string()),
            entry("week_of_year_policy", self.week_of_year_policy.to_string()),
            entry(
                "two_digit_century_start",
                self.two_digit_century_start.to_string(),
            ),
        ]
    }
}

impl ConfigExtension for Parameters {
    const PREFIX: &'static str = "session";
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use chrono::NaiveDate;

    #[test]
    fn takes_known_parameters_only() {
        let mut parameters = Parameters::default();
        parameters.assign("timezone", "america/new_york").unwrap();
        parameters.assign("WEEK_START", "7").unwrap();
        assert_eq!(parameters.timezone, Tz::America__New_York);
        assert_eq!(parameters.week_start, 7);
        assert!(parameters.assign("WEEK_START", "8").is_err());
        assert!(parameters.assign("TIMEZONE", "Mars/Base").is_err());
        assert!(parameters.assign("LOCK_TIMEOUT", "1").is_err());
    }

    #[test]
    fn converts_between_wall_clock_and_utc() {
        let mut parameters = Parameters::default();
        parameters.assign("TIMEZONE", "Europe/Berlin").unwrap();
        let wall = NaiveDate::from_ymd_opt(2024, 7, 1)
            .unwrap()
            .and_hms_opt(12, 0, 0)
            .unwrap();
        let utc = parameters.utc(wall).unwrap();
        assert_eq!(utc.to_string(), "2024-07-01 10:00:00");
        assert_eq!(parameters.local(utc), wall);
        assert_eq!(parameters.offset(utc), 7200);
    }
}
