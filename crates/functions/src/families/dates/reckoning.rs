//! How moments are cut, counted and numbered by [`Part`].
//!
//! <https://docs.snowflake.com/en/sql-reference/functions-date-time#calendar-weeks-and-weekdays>

use chrono::{Datelike, Days, NaiveDate, NaiveDateTime, NaiveTime, Timelike, Weekday};
use datafusion::common::{Result, exec_datafusion_err, exec_err};

use super::Part;
use crate::parameters::Parameters;

/// What a week is to the session.
#[derive(Clone, Copy, Debug)]
pub(in crate::families) struct Weeks {
    first: Weekday,
    /// Weekdays are numbered from the first, starting with 1; else 0 is Sunday.
    counts_from_first: bool,
    /// The year's first week is that of 1 January; else the first with four of its days.
    starts_in_january: bool,
}

const ISO: Weeks = Weeks {
    first: Weekday::Mon,
    counts_from_first: true,
    starts_in_january: false,
};

impl Weeks {
    pub(in crate::families) fn new(parameters: &Parameters) -> Self {
        let first = match parameters.week_start {
            2 => Weekday::Tue,
            3 => Weekday::Wed,
            4 => Weekday::Thu,
            5 => Weekday::Fri,
            6 => Weekday::Sat,
            7 => Weekday::Sun,
            _ => Weekday::Mon,
        };
        Self {
            first,
            counts_from_first: parameters.week_start > 0,
            starts_in_january: parameters.week_of_year_policy == 1,
        }
    }

    fn start(self, date: NaiveDate) -> Option<NaiveDate> {
        let days = u64::from(date.weekday().days_since(self.first));
        date.checked_sub_days(Days::new(days))
    }

    fn weekday(self, date: NaiveDate) -> i64 {
        match self.counts_from_first {
            true => i64::from(date.weekday().days_since(self.first)) + 1,
            false => i64::from(date.weekday().num_days_from_sunday()),
        }
    }

    /// The week's year and its number there.
    fn year_and_week(self, date: NaiveDate) -> Option<(i64, i64)> {
        let start = self.start(date)?;
        if self.starts_in_january {
            let january = self.start(NaiveDate::from_ymd_opt(date.year(), 1, 1)?)?;
            let weeks = (start - january).num_weeks();
            return Some((i64::from(date.year()), weeks + 1));
        }
        let middle = start.checked_add_days(Days::new(3))?;
        Some((
            i64::from(middle.year()),
            i64::from(middle.ordinal0() / 7) + 1,
        ))
    }
}

impl Part {
    /// The first moment of the part that `moment` lies in.
    pub(super) fn start(self, moment: NaiveDateTime, weeks: Weeks) -> Result<NaiveDateTime> {
        let date = moment.date();
        let first = |month: u32| NaiveDate::from_ymd_opt(date.year(), month, 1);
        let midnight = |date: Option<NaiveDate>| date.map(|date| date.and_time(NaiveTime::MIN));
        let start = match self {
            Self::Year => midnight(first(1)),
            Self::Quarter => midnight(first(date.month0() / 3 * 3 + 1)),
            Self::Month => midnight(first(date.month())),
            Self::Week => midnight(weeks.start(date)),
            Self::WeekIso => midnight(ISO.start(date)),
            Self::Day => midnight(Some(date)),
            Self::Hour => date.and_hms_opt(moment.hour(), 0, 0),
            Self::Minute => date.and_hms_opt(moment.hour(), moment.minute(), 0),
            Self::Second => moment.with_nanosecond(0),
            Self::Millisecond => {
                moment.with_nanosecond(moment.nanosecond() / 1_000_000 * 1_000_000)
            }
            Self::Microsecond | Self::Nanosecond => Some(moment),
            other => return exec_err!("A date cannot be cut to its {other:?}"),
        };
        start.ok_or_else(|| exec_datafusion_err!("{moment} is outside of the calendar"))
    }

    /// How many parts of this kind began up to `moment`, from a fixed point on.
    pub(super) fn number(self, moment: NaiveDateTime, weeks: Weeks) -> Result<i64> {
        let date = moment.date();
        let years = i64::from(date.year());
        let seconds = moment.and_utc().timestamp();
        let nanos = i64::from(moment.and_utc().timestamp_subsec_nanos());
        let days = i64::from(date.to_epoch_days());
        Ok(match self {
            Self::Year => years,
            Self::YearOfWeek | Self::YearOfWeekIso => self.value(moment, weeks)?,
            Self::Quarter => years * 4 + i64::from(date.month0() / 3),
            Self::Month => years * 12 + i64::from(date.month0()),
            Self::Week | Self::WeekIso => {
                let weeks = if self == Self::Week { weeks } else { ISO };
                // 1970-01-01 was a Thursday.
                let into = i64::from(Weekday::Thu.days_since(weeks.first));
                (days + into).div_euclid(7)
            }
            Self::Day | Self::DayOfWeek | Self::DayOfWeekIso | Self::DayOfYear => days,
            Self::Hour => seconds.div_euclid(3_600),
            Self::Minute => seconds.div_euclid(60),
            Self::Second | Self::Epoch(0) => seconds,
            Self::Millisecond | Self::Epoch(3) => seconds * 1_000 + nanos / 1_000_000,
            Self::Microsecond | Self::Epoch(6) => seconds * 1_000_000 + nanos / 1_000,
            Self::Nanosecond | Self::Epoch(_) => seconds
                .checked_mul(1_000_000_000)
                .and_then(|large| large.checked_add(nanos))
                .ok_or_else(|| exec_datafusion_err!("{moment} has no number of nanoseconds"))?,
            Self::TimezoneHour | Self::TimezoneMinute => {
                return exec_err!("Distances from UTC are not counted");
            }
        })
    }

    /// The part's own number within `moment`.
    pub(in crate::families) fn value(self, moment: NaiveDateTime, weeks: Weeks) -> Result<i64> {
        let date = moment.date();
        let lost = || exec_datafusion_err!("{moment} is outside of the calendar");
        let nanos = i64::from(moment.nanosecond() % 1_000_000_000);
        Ok(match self {
            Self::Year => i64::from(date.year()),
            Self::YearOfWeek => weeks.year_and_week(date).ok_or_else(lost)?.0,
            Self::YearOfWeekIso => i64::from(date.iso_week().year()),
            Self::Quarter => i64::from(date.month0() / 3 + 1),
            Self::Month => i64::from(date.month()),
            Self::Week => weeks.year_and_week(date).ok_or_else(lost)?.1,
            Self::WeekIso => i64::from(date.iso_week().week()),
            Self::Day => i64::from(date.day()),
            Self::DayOfWeek => weeks.weekday(date),
            Self::DayOfWeekIso => i64::from(date.weekday().number_from_monday()),
            Self::DayOfYear => i64::from(date.ordinal()),
            Self::Hour => i64::from(moment.hour()),
            Self::Minute => i64::from(moment.minute()),
            Self::Second => i64::from(moment.second()),
            Self::Millisecond => nanos / 1_000_000,
            Self::Microsecond => nanos / 1_000,
            Self::Nanosecond => nanos,
            Self::Epoch(_) | Self::TimezoneHour | Self::TimezoneMinute => {
                self.number(moment, weeks)?
            }
        })
    }
}
