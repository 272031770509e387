//! Functions that take the name of a date part: `DATEADD`, `DATEDIFF`, `DATE_TRUNC`, `DATE_PART`,
//! `TIME_SLICE`, `LAST_DAY`.
//!
//! <https://docs.snowflake.com/en/sql-reference/functions-date-time>

use arrow::array::{ArrayRef, StringArray};
use arrow::datatypes::DataType;
use chrono::{Days, Months, NaiveDateTime, TimeDelta};
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};

use crate::scalar::{
    Call, Function, Kind, Moments, Returns, TIMESTAMP, Values, out_of_range, small,
};

use crate::fine::FINE;
use crate::zoned::is_zoned;

mod part;
mod reckoning;

pub(super) use part::Part;
pub(super) use reckoning::Weeks;

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
        Returns::With(|types, constants| {
            let moments = types.get(1..).unwrap_or_default();
            if moments
                .iter()
                .all(|kind| matches!(kind, DataType::Time64(_)))
            {
                check_part(constants.first(), moments.first())?;
            }
            Ok(DataType::Int64)
        }),
        datediff,
    )
    .aliases(&["timediff", "timestampdiff", "date_diff"])
    .note("counts the boundaries crossed; weeks start on Monday"),
    Function::kernel(
        "date_part",
        "date_part(part, date), extract(part from date)",
        &[Kind::Text, Kind::Moment],
        Returns::With(|types, constants| {
            check_part(constants.first(), types.get(1))?;
            Ok(DataType::Int64)
        }),
        date_part,
    )
    .aliases(&["datepart"]),
    Function::kernel(
        "date_trunc",
        "date_trunc(part, date)",
        &[Kind::Text, Kind::Moment],
        Returns::With(|types, constants| {
            check_part(constants.first(), types.get(1))?;
            Ok(types.get(1).cloned().unwrap_or(TIMESTAMP))
        }),
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
    let is_fine = match constants.get(1) {
        Some(Some(ScalarValue::Int64(Some(count)))) => count % 1_000 != 0,
        _ => false,
    };
    check_part(constants.first(), types.get(2))?;
    match (types.get(2), name) {
        (Some(&TIMESTAMP | DataType::Date32), Some(name))
            if is_fine && Part::named(name)? == Part::Nanosecond =>
        {
            Ok(FINE)
        }
        (Some(DataType::Date32), Some(name)) if Part::named(name)?.is_calendar() => {
            Ok(DataType::Date32)
        }
        (Some(DataType::Date32), None) => {
            plan_err!("DATEADD takes the name of its part as a constant")
        }
        (Some(same @ (DataType::Time64(_) | DataType::Timestamp(..))), _) => Ok(same.clone()),
        (Some(zoned), _) if is_zoned(zoned) => Ok(zoned.clone()),
        _ => Ok(TIMESTAMP),
    }
}

/// Refuses a part of the calendar of a time of day.
pub(super) fn check_part(
    part: Option<&Option<&ScalarValue>>,
    moment: Option<&DataType>,
) -> Result<()> {
    if let (Some(Some(ScalarValue::Utf8(Some(name)))), Some(DataType::Time64(_))) = (part, moment)
        && Part::named(name)?.is_calendar()
    {
        return plan_err!("A time of day has no {name}");
    }
    Ok(())
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
    let weeks = Weeks::new(&call.parameters());
    call.moments(|row| match (parts.get(row)?, moments.get(row)) {
        (Some(part), Some(moment)) => part.start(moment, weeks).map(Some),
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
        Part::Year | Part::YearOfWeek | Part::YearOfWeekIso => months(12)?,
        Part::Quarter => months(3)?,
        Part::Month => months(1)?,
        Part::Week | Part::WeekIso => days(7),
        Part::Day | Part::DayOfWeek | Part::DayOfWeekIso | Part::DayOfYear => days(1),
        Part::Hour => time(TimeDelta::try_hours(count)),
        Part::Minute => time(TimeDelta::try_minutes(count)),
        Part::Second | Part::Epoch(0) => time(TimeDelta::try_seconds(count)),
        Part::Millisecond | Part::Epoch(3) => time(TimeDelta::try_milliseconds(count)),
        Part::Microsecond | Part::Epoch(6) => time(Some(TimeDelta::microseconds(count))),
        Part::Nanosecond | Part::Epoch(_) => time(Some(TimeDelta::nanoseconds(count))),
        Part::TimezoneHour | Part::TimezoneMinute => {
            return exec_err!("A distance from UTC cannot be added");
        }
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
    let weeks = Weeks::new(&call.parameters());
    call.integers(|row| match (parts.get(row)?, from.get(row), to.get(row)) {
        (Some(part), Some(from), Some(to)) => {
            Ok(Some(part.number(to, weeks)? - part.number(from, weeks)?))
        }
        _ => Ok(None),
    })
}

fn date_part(call: &Call) -> Result<ArrayRef> {
    let mut parts = Parts::of(call, 0)?;
    let moments = call.moment(1)?;
    let weeks = Weeks::new(&call.parameters());
    call.integers(|row| {
        let Some(part) = parts.get(row)? else {
            return Ok(None);
        };
        part_of(&moments, row, part, weeks)
    })
}

/// A part's number in a row's moment. Seconds since 1970 and distances from UTC are an instant's own,
/// whatever the session's clock shows.
pub(super) fn part_of(
    moments: &Moments<'_>,
    row: usize,
    part: Part,
    weeks: Weeks,
) -> Result<Option<i64>> {
    let Some(moment) = moments.get(row) else {
        return Ok(None);
    };
    match part {
        Part::Epoch(_) => moments
            .utc(row)
            .map(|utc| part.number(utc, weeks))
            .transpose(),
        Part::TimezoneHour | Part::TimezoneMinute => match moments.offset(row) {
            Some(seconds) if part == Part::TimezoneHour => Ok(Some(seconds / 3_600)),
            Some(seconds) => Ok(Some(seconds / 60 % 60)),
            // A wall clock's is taken for UTC's.
            None => Ok(Some(0)),
        },
        _ => part.value(moment, weeks).map(Some),
    }
}

fn last_day(call: &Call) -> Result<ArrayRef> {
    let moments = call.moment(0)?;
    let weeks = Weeks::new(&call.parameters());
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
        if part == Part::Day {
            return Ok(Some(moment));
        }
        if !matches!(
            part,
            Part::Year | Part::Quarter | Part::Month | Part::Week | Part::WeekIso
        ) {
            return exec_err!("LAST_DAY takes a year, quarter, month, week or day");
        }
        let next = add(part.start(moment, weeks)?, 1, part)?;
        Ok(next.checked_sub_days(Days::new(1)))
    })
}

fn time_slice(call: &Call) -> Result<ArrayRef> {
    // Slices are counted from 1970-01-01.
    let epoch = chrono::DateTime::UNIX_EPOCH.naive_utc();
    let (moments, lengths) = (call.moment(0)?, call.integer(1)?);
    let mut parts = Parts::of(call, 2)?;
    let ends = call.text_if_given(3)?;
    let weeks = Weeks::new(&call.parameters());
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
        let since = part.number(moment, weeks)? - part.number(epoch, weeks)?;
        let start = add(part.start(moment, weeks)?, -since.rem_euclid(length), part)?;
        match end.to_ascii_lowercase().as_str() {
            "start" => Ok(Some(start)),
            "end" => add(start, length, part).map(Some),
            _ => exec_err!("TIME_SLICE gives its 'start' or 'end', not its '{end}'"),
        }
    })
}
