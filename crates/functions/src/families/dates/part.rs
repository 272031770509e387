//! [`Part`]: the parts of a date or time, under all their names.
//!
//! <https://docs.snowflake.com/en/sql-reference/functions-date-time#supported-date-and-time-parts>

use datafusion::common::{Result, plan_err};

/// A part of a date or a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::families) enum Part {
    Year,
    /// Of the week by the session's policy.
    YearOfWeek,
    /// Of the ISO week.
    YearOfWeekIso,
    Quarter,
    Month,
    /// By the session's WEEK_START and WEEK_OF_YEAR_POLICY, whose defaults are ISO's.
    Week,
    WeekIso,
    Day,
    /// 0 is Sunday, or 1 the session's WEEK_START.
    DayOfWeek,
    /// 1 is Monday, 7 is Sunday.
    DayOfWeekIso,
    DayOfYear,
    Hour,
    Minute,
    Second,
    Millisecond,
    Microsecond,
    Nanosecond,
    /// Since 1970, in seconds to this many decimal places.
    Epoch(u8),
    /// Of an instant's distance from UTC.
    TimezoneHour,
    TimezoneMinute,
}

impl Part {
    /// The part called `name`.
    pub(in crate::families) fn named(name: &str) -> Result<Self> {
        Ok(match name.trim().to_ascii_lowercase().as_str() {
            "year" | "y" | "yy" | "yyy" | "yyyy" | "yr" | "years" | "yrs" => Self::Year,
            "yearofweek" => Self::YearOfWeek,
            "yearofweekiso" => Self::YearOfWeekIso,
            "quarter" | "q" | "qtr" | "qtrs" | "quarters" => Self::Quarter,
            "month" | "mm" | "mon" | "mons" | "months" => Self::Month,
            "week" | "w" | "wk" | "weeks" | "weekofyear" | "woy" | "wy" => Self::Week,
            "weekiso" | "week_iso" | "weekofyeariso" | "weekofyear_iso" => Self::WeekIso,
            "day" | "d" | "dd" | "days" | "dayofmonth" => Self::Day,
            "dayofweek" | "weekday" | "dow" | "dw" => Self::DayOfWeek,
            "dayofweekiso" | "dayofweek_iso" | "weekday_iso" | "dow_iso" | "dw_iso" => {
                Self::DayOfWeekIso
            }
            "dayofyear" | "yearday" | "doy" | "dy" => Self::DayOfYear,
            "hour" | "h" | "hh" | "hr" | "hours" | "hrs" => Self::Hour,
            "minute" | "m" | "mi" | "min" | "minutes" | "mins" => Self::Minute,
            "second" | "s" | "sec" | "seconds" | "secs" => Self::Second,
            "millisecond" | "ms" | "msec" | "milliseconds" => Self::Millisecond,
            "microsecond" | "us" | "usec" | "microseconds" => Self::Microsecond,
            "nanosecond" | "ns" | "nsec" | "nanosec" | "nsecond" | "nanoseconds" | "nanosecs"
            | "nseconds" => Self::Nanosecond,
            "epoch_second" | "epoch" | "epoch_seconds" => Self::Epoch(0),
            "epoch_millisecond" | "epoch_milliseconds" => Self::Epoch(3),
            "epoch_microsecond" | "epoch_microseconds" => Self::Epoch(6),
            "epoch_nanosecond" | "epoch_nanoseconds" => Self::Epoch(9),
            "timezone_hour" | "tzh" => Self::TimezoneHour,
            "timezone_minute" | "tzm" => Self::TimezoneMinute,
            _ => return plan_err!("'{name}' is not a valid date/time component"),
        })
    }

    /// Whether adding the part to a date gives a date.
    pub(super) fn is_calendar(self) -> bool {
        matches!(
            self,
            Self::Year
                | Self::YearOfWeek
                | Self::YearOfWeekIso
                | Self::Quarter
                | Self::Month
                | Self::Week
                | Self::WeekIso
                | Self::Day
                | Self::DayOfWeek
                | Self::DayOfWeekIso
                | Self::DayOfYear
        )
    }
}
