//! Functions that take the name of a date part: `DATEADD`, `DATEDIFF`, `DATE_TRUNC`, `DATE_PART`,
//! `TIME_SLICE`, `LAST_DAY`.
//!
//! <https://docs.snowflake.com/en/sql-reference/functions-date-time>

use arrow::array::{ArrayRef, StringArray};
use arrow::datatypes::DataType;
use chrono::{Datelike, Days, Months, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Timelike};
use datafusion::common::{Result, ScalarValue, exec_datafusion_err, exec_err, plan_err};

use crate::scalar::{Call, Function, Kind, Returns, TIMESTAMP, Values, out_of_range, small};

mod part;

pub(super) use part::Part;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::kernel(
        "dateadd",
        "dateadd(part, count, date)",
        &[Kind::Text, Kind::Integer, Kind::Moment],
        Returns::With(added_type),
        dateadd,
    )
    .aliases(&["timeadd", "timestampadd", "date_add"])
    .note("a date stays one unless hours or less are added; months end at their last day"),
    Function::kernel(
        "datediff",
        "datediff(part, from, to)",
        &[Kind::Text, Kind::Moment, Kind::Moment],
        Returns::Integer,
        datediff,
    )
    .aliases(&["timediff", "timestampdiff", "date_diff"])
    .note("counts the boundaries crossed; weeks start on Monday"),
    Function::kernel(
        "date_part",
        "date_part(part, date), extract(part from date)",
        &[Kind::Text, Kind::Moment],
        Returns::Integer,
        date_part,
    )
    .aliases(&["datepart"]),
    Function::kernel(
        "date_trunc",
        "date_trunc(part, date)",
        &[Kind::Text, Kind::Moment],
        Returns::Argument(1),
        |call| cut(call, 0, 1),
    )
    .aliases(&["datetrunc"])
    .note("a date stays one"),
    Function::kernel(
        "last_day",
        "last_day(date [, part])",
        &[Kind::Moment, Kind::Text],
        Returns::Date,
        last_day,
    )
    .required(1),
    Function::kernel(
        "time_slice",
        "time_slice(date, length, part [, 'start' | 'end'])",
        &[Kind::Moment, Kind::Integer, Kind::Text, Kind::Text],
        Returns::Argument(0),
        time_slice,
    )
    .required(3),
];

/// A date stays one as long as whole days are added.
fn added_type(types: &[DataType], constants: &[Option<&ScalarValue>]) -> Result<DataType> {
    let name = match constants.first() {
        Some(Some(ScalarValue::Utf8(Some(name)))) => Some(name.as_str()),
        _ => None,
    };
    match (types.get(2), name) {
        (Some(DataType::Date32), Some(name)) if Part::named(name)?.is_calendar() => {
            Ok(DataType::Date32)
        }
        (Some(DataType::Date32), None) => {
            plan_err!("DATEADD takes the name of its part as a constant")
        }
        (Some(DataType::Time64(_)), _) => plan_err!("DATEADD of a TIME is not supported"),
        _ => Ok(TIMESTAMP),
    }
}

/// The parts named by one argument, looked up once per batch if it is a constant.
struct Parts<'a> {
    names: Values<&'a StringArray>,
    last: Option<(String, Part)>,
}

impl<'a> Parts<'a> {
    fn of(call: &'a Call, at: usize) -> Result<Self> {
        Ok(Self {
            names: call.text(at)?,
            last: None,
        })
    }

    fn get(&mut self, row: usize) -> Result<Option<Part>> {
        let Some(name) = self.names.get(row) else {
            return Ok(None);
        };
        if let Some((last, part)) = &self.last
            && last == name
        {
            return Ok(Some(*part));
        }
        let part = Part::named(name)?;
        self.last = Some((name.to_owned(), part));
        Ok(Some(part))
    }
}

/// The starts of the parts that moments lie in; `part` and `moment` say where the arguments stand.
pub(super) fn cut(call: &Call, part: usize, moment: usize) -> Result<ArrayRef> {
    let mut parts = Parts::of(call, part)?;
    let moments = call.moment(moment)?;
    call.moments(|row| match (parts.get(row)?, moments.get(row)) {
        (Some(part), Some(moment)) => part.start(moment).map(Some),
        _ => Ok(None),
    })
}

fn dateadd(call: &Call) -> Result<ArrayRef> {
    let mut parts = Parts::of(call, 0)?;
    let (counts, moments) = (call.integer(1)?, call.moment(2)?);
    call.moments(
        |row| match (parts.get(row)?, counts.get(row), moments.get(row)) {
            (Some(part), Some(count), Some(moment)) => add(moment, count, part).map(Some),
            _ => Ok(None),
        },
    )
}

/// `count` parts after `moment`; a month's missing days become its last one.
fn add(moment: NaiveDateTime, count: i64, part: Part) -> Result<NaiveDateTime> {
    let months = |months_each: i64| -> Result<_> {
        let months = small(count.saturating_mul(months_each))?;
        Ok(plus_months(moment, months))
    };
    let days = |days_each: i64| {
        let days = count.saturating_mul(days_each);
        if days >= 0 {
            moment.checked_add_days(Days::new(days.unsigned_abs()))
        } else {
            moment.checked_sub_days(Days::new(days.unsigned_abs()))
        }
    };
    let time = |unit: Option<TimeDelta>| unit.and_then(|delta| moment.checked_add_signed(delta));
    let added = match part {
        Part::Year | Part::YearOfWeek => months(12)?,
        Part::Quarter => months(3)?,
        Part::Month => months(1)?,
        Part::Week => days(7),
        Part::Day | Part::DayOfWeek | Part::DayOfWeekIso | Part::DayOfYear => days(1),
        Part::Hour => time(TimeDelta::try_hours(count)),
        Part::Minute => time(TimeDelta::try_minutes(count)),
        Part::Second | Part::Epoch(0) => time(TimeDelta::try_seconds(count)),
        Part::Millisecond | Part::Epoch(3) => time(TimeDelta::try_milliseconds(count)),
        Part::Microsecond | Part::Epoch(6) => time(Some(TimeDelta::microseconds(count))),
        Part::Nanosecond | Part::Epoch(_) => time(Some(TimeDelta::nanoseconds(count))),
    };
    match added {
        Some(moment) => Ok(moment),
        None => out_of_range(&format!("{count} {part:?} after {moment}")),
    }
}

pub(super) fn plus_months(moment: NaiveDateTime, months: i32) -> Option<NaiveDateTime> {
    if months >= 0 {
        moment.checked_add_months(Months::new(months.unsigned_abs()))
    } else {
        moment.checked_sub_months(Months::new(months.unsigned_abs()))
    }
}

fn datediff(call: &Call) -> Result<ArrayRef> {
    let mut parts = Parts::of(call, 0)?;
    let (from, to) = (call.moment(1)?, call.moment(2)?);
    call.integers(|row| match (parts.get(row)?, from.get(row), to.get(row)) {
        (Some(part), Some(from), Some(to)) => Ok(Some(part.number(to)? - part.number(from)?)),
        _ => Ok(None),
    })
}

fn date_part(call: &Call) -> Result<ArrayRef> {
    let mut parts = Parts::of(call, 0)?;
    let moments = call.moment(1)?;
    call.integers(|row| match (parts.get(row)?, moments.get(row)) {
        (Some(part), Some(moment)) => part.value(moment).map(Some),
        _ => Ok(None),
    })
}

fn last_day(call: &Call) -> Result<ArrayRef> {
    let moments = call.moment(0)?;
    let mut parts = if call.len() > 1 {
        Some(Parts::of(call, 1)?)
    } else {
        None
    };
    call.moments(|row| {
        let part = match &mut parts {
            Some(parts) => parts.get(row)?,
            None => Some(Part::Month),
        };
        let (Some(part), Some(moment)) = (part, moments.get(row)) else {
            return Ok(None);
        };
        if !matches!(part, Part::Year | Part::Quarter | Part::Month | Part::Week) {
            return exec_err!("LAST_DAY takes a year, quarter, month or week");
        }
        let next = add(part.start(moment)?, 1, part)?;
        Ok(next.checked_sub_days(Days::new(1)))
    })
}

fn time_slice(call: &Call) -> Result<ArrayRef> {
    let (moments, lengths) = (call.moment(0)?, call.integer(1)?);
    let mut parts = Parts::of(call, 2)?;
    let ends = call.text_if_given(3)?;
    call.moments(|row| {
        let end = ends.as_ref().map_or(Some("start"), |ends| ends.get(row));
        let (Some(moment), Some(length), Some(part), Some(end)) =
            (moments.get(row), lengths.get(row), parts.get(row)?, end)
        else {
            return Ok(None);
        };
        if length < 1 {
            return exec_err!("TIME_SLICE takes a length from 1");
        }
        let into = part.number(moment)?.rem_euclid(length);
        let start = add(part.start(moment)?, -into, part)?;
        match end.to_ascii_lowercase().as_str() {
            "start" => Ok(Some(start)),
            "end" => add(start, length, part).map(Some),
            _ => exec_err!("TIME_SLICE gives its 'start' or 'end', not its '{end}'"),
        }
    })
}

impl Part {
    /// The first moment of the part that `moment` lies in.
    fn start(self, moment: NaiveDateTime) -> Result<NaiveDateTime> {
        let date = moment.date();
        let first = |month: u32| NaiveDate::from_ymd_opt(date.year(), month, 1);
        let midnight = |date: Option<NaiveDate>| date.map(|date| date.and_time(NaiveTime::MIN));
        let start = match self {
            Self::Year => midnight(first(1)),
            Self::Quarter => midnight(first(date.month0() / 3 * 3 + 1)),
            Self::Month => midnight(first(date.month())),
            Self::Week => {
                let since_monday = u64::from(date.weekday().num_days_from_monday());
                midnight(date.checked_sub_days(Days::new(since_monday)))
            }
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
    fn number(self, moment: NaiveDateTime) -> Result<i64> {
        let date = moment.date();
        let years = i64::from(date.year());
        let seconds = moment.and_utc().timestamp();
        let nanos = i64::from(moment.and_utc().timestamp_subsec_nanos());
        let days = i64::from(date.to_epoch_days());
        Ok(match self {
            Self::Year => years,
            Self::YearOfWeek => i64::from(date.iso_week().year()),
            Self::Quarter => years * 4 + i64::from(date.month0() / 3),
            Self::Month => years * 12 + i64::from(date.month0()),
            // 1970-01-01 was a Thursday.
            Self::Week => (days + 3).div_euclid(7),
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
        })
    }

    /// The part's own number within `moment`.
    pub(super) fn value(self, moment: NaiveDateTime) -> Result<i64> {
        let date = moment.date();
        let nanos = i64::from(moment.nanosecond() % 1_000_000_000);
        Ok(match self {
            Self::Year => i64::from(date.year()),
            Self::YearOfWeek => i64::from(date.iso_week().year()),
            Self::Quarter => i64::from(date.month0() / 3 + 1),
            Self::Month => i64::from(date.month()),
            Self::Week => i64::from(date.iso_week().week()),
            Self::Day => i64::from(date.day()),
            Self::DayOfWeek => i64::from(date.weekday().num_days_from_sunday()),
            Self::DayOfWeekIso => i64::from(date.weekday().number_from_monday()),
            Self::DayOfYear => i64::from(date.ordinal()),
            Self::Hour => i64::from(moment.hour()),
            Self::Minute => i64::from(moment.minute()),
            Self::Second => i64::from(moment.second()),
            Self::Millisecond => nanos / 1_000_000,
            Self::Microsecond => nanos / 1_000,
            Self::Nanosecond => nanos,
            Self::Epoch(_) => self.number(moment)?,
        })
    }
}
