//! Functions of one date: its parts, its neighbours, and dates made from numbers.
//!
//! <https://docs.snowflake.com/en/sql-reference/functions-date-time>

use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, TimeUnit};
use chrono::{Datelike, Days, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Timelike, Weekday};
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};

use crate::fine::FINE;
use crate::scalar::{Call, Function, Kind, Returns, TIMESTAMP, instant, small};
use crate::text::date_format::{day_name, month_name};

use super::dates::{Part, Weeks, part_of, plus_months};
use super::zones::Zones;
use crate::conversion::located;

macro_rules! part {
    ($name:literal, $aliases:expr, $part:expr) => {
        Function::kernel(
            $name,
            concat!($name, "(date)"),
            &[Kind::Moment],
            Returns::Integer,
            |call| value(call, $part),
        )
        .aliases($aliases)
    };
}

pub(super) const FUNCTIONS: &[Function] = &[
    part!("year", &[], Part::Year),
    part!("yearofweek", &[], Part::YearOfWeek),
    part!("yearofweekiso", &[], Part::YearOfWeekIso),
    part!("quarter", &[], Part::Quarter),
    part!("month", &[], Part::Month),
    part!("week", &["weekofyear"], Part::Week),
    part!("weekiso", &[], Part::WeekIso),
    part!("day", &["dayofmonth"], Part::Day),
    part!("dayofweek", &[], Part::DayOfWeek),
    part!("dayofweekiso", &[], Part::DayOfWeekIso),
    part!("dayofyear", &[], Part::DayOfYear),
    part!("hour", &[], Part::Hour),
    part!("minute", &[], Part::Minute),
    part!("second", &[], Part::Second),
    Function::kernel(
        "dayname",
        "dayname(date)",
        &[Kind::Moment],
        Returns::Text,
        |call| {
            let moments = call.moment(0)?;
            call.texts(|row| Ok(moments.get(row).map(|moment| day_name(moment.date()))))
        },
    ),
    Function::kernel(
        "monthname",
        "monthname(date)",
        &[Kind::Moment],
        Returns::Text,
        |call| {
            let moments = call.moment(0)?;
            call.texts(|row| Ok(moments.get(row).map(|moment| month_name(moment.date()))))
        },
    ),
    Function::kernel(
        "next_day",
        "next_day(date, weekday)",
        &[Kind::Moment, Kind::Text],
        Returns::Date,
        |call| neighbour(call, |date, days| date.checked_add_days(Days::new(days))),
    ),
    Function::kernel(
        "previous_day",
        "previous_day(date, weekday)",
        &[Kind::Moment, Kind::Text],
        Returns::Date,
        |call| {
            neighbour(call, |date, days| {
                date.checked_sub_days(Days::new(if days == 7 { 7 } else { 7 - days }))
            })
        },
    ),
    Function::kernel(
        "add_months",
        "add_months(date, count)",
        &[Kind::Moment, Kind::Integer],
        Returns::Argument(0),
        add_months,
    )
    .note("the last day of a month stays a last day"),
    Function::kernel(
        "months_between",
        "months_between(later, earlier)",
        &[Kind::Moment, Kind::Moment],
        Returns::With(|_, _| Ok(DataType::Decimal128(38, 6))),
        months_between,
    ),
    Function::kernel(
        "date_from_parts",
        "date_from_parts(year, month, day)",
        &[Kind::Integer, Kind::Integer, Kind::Integer],
        Returns::Date,
        from_parts,
    )
    .aliases(&["datefromparts"])
    .note("parts outside of their range carry over"),
    Function::kernel(
        "timestamp_ntz_from_parts",
        "timestamp_ntz_from_parts(year, month, day, hour, minute, second [, nanoseconds]), timestamp_ntz_from_parts(date, time)",
        &PARTS,
        Returns::With(|_, constants| {
            Ok(match constants.get(6) {
                Some(Some(ScalarValue::Int64(Some(nanos)))) if nanos % 1_000 != 0 => FINE,
                _ => TIMESTAMP,
            })
        }),
        timestamp_from_parts,
    )
    .aliases(&[
        "timestamp_from_parts",
        "timestampfromparts",
        "timestampntzfromparts",
        "timestamp_ntz_fromparts",
    ])
    .required(2)
    .coerce(timestamp_parts),
    Function::kernel(
        "timestamp_ltz_from_parts",
        "timestamp_ltz_from_parts(year, month, day, hour, minute, second [, nanoseconds]), timestamp_ltz_from_parts(date, time)",
        &PARTS,
        Returns::With(|_, _| Ok(instant())),
        timestamp_from_parts,
    )
    .aliases(&["timestampltzfromparts"])
    .required(2)
    .coerce(timestamp_parts)
    .note("in the session's TIMEZONE"),
    Function::kernel(
        "timestamp_tz_from_parts",
        "timestamp_tz_from_parts(year, month, day, hour, minute, second [, nanoseconds [, zone]])",
        &[
            Kind::Integer,
            Kind::Integer,
            Kind::Integer,
            Kind::Integer,
            Kind::Integer,
            Kind::Integer,
            Kind::Integer,
            Kind::Text,
        ],
        Returns::TimestampTz,
        timestamp_tz_from_parts,
    )
    .aliases(&["timestamptzfromparts"])
    .required(6)
    .note("in the session's TIMEZONE unless told otherwise"),
    Function::kernel(
        "time_from_parts",
        "time_from_parts(hour, minute, second [, nanoseconds])",
        &[
            Kind::Integer,
            Kind::Integer,
            Kind::Integer,
            Kind::Integer,
        ],
        Returns::With(|_, _| Ok(DataType::Time64(TimeUnit::Nanosecond))),
        time_from_parts,
    )
    .aliases(&["timefromparts"])
    .required(3),
];

const PARTS: [Kind; 7] = [Kind::Integer; 7];

/// A date and a time of day, or numbers.
fn timestamp_parts(types: &[DataType]) -> Result<Vec<DataType>> {
    match types {
        [_, _] => Ok(vec![
            DataType::Date32,
            DataType::Time64(TimeUnit::Nanosecond),
        ]),
        [_, _, _, _, _, _, ..] => Ok(vec![DataType::Int64; types.len()]),
        _ => plan_err!("A timestamp is made from a date and a time, or from six or seven numbers"),
    }
}

fn timestamp_from_parts(call: &Call) -> Result<ArrayRef> {
    if call.len() > 2 {
        return from_parts(call);
    }
    let (dates, times) = (call.moment(0)?, call.moment(1)?);
    call.moments(|row| {
        let pair = dates.get(row).zip(times.get(row));
        Ok(pair.map(|(date, time)| date.date().and_time(time.time())))
    })
}

fn timestamp_tz_from_parts(call: &Call) -> Result<ArrayRef> {
    let parts: Vec<_> = (0..call.len().min(7))
        .map(|at| call.integer(at))
        .collect::<Result<_>>()?;
    let names = call.text_if_given(7)?;
    let here = call.parameters();
    let mut zones = Zones::default();
    call.zoned(|row| {
        let parts: Option<Vec<i64>> = parts.iter().map(|part| part.get(row)).collect();
        let parameters = match names.as_ref().map(|names| names.get(row)) {
            None => here.clone(),
            Some(None) => return Ok(None),
            Some(Some(name)) => here.in_zone(zones.find(name)?),
        };
        let Some(parts) = parts else { return Ok(None) };
        match moment_from_parts(&parts) {
            Some(wall) => Ok(located(wall, None, &parameters)),
            None => exec_err!("{parts:?} lie outside of the calendar"),
        }
    })
}

/// Parts outside of their range carry over, and full days are left out.
fn time_from_parts(call: &Call) -> Result<ArrayRef> {
    let parts: Vec<_> = (0..call.len())
        .map(|at| call.integer(at))
        .collect::<Result<_>>()?;
    call.moments(|row| {
        let parts: Option<Vec<i64>> = parts.iter().map(|part| part.get(row)).collect();
        let Some(parts) = parts else { return Ok(None) };
        let whole: Vec<i64> = [1970, 1, 1].into_iter().chain(parts).collect();
        match moment_from_parts(&whole) {
            Some(moment) => Ok(Some(moment)),
            None => exec_err!("{whole:?} lie outside of the calendar"),
        }
    })
}

fn value(call: &Call, part: Part) -> Result<ArrayRef> {
    let moments = call.moment(0)?;
    let weeks = Weeks::new(&call.parameters());
    call.integers(|row| part_of(&moments, row, part, weeks))
}

fn weekday(name: &str) -> Result<Weekday> {
    let letters = name.trim().to_ascii_lowercase();
    Ok(match letters.get(..2).unwrap_or("") {
        "mo" => Weekday::Mon,
        "tu" => Weekday::Tue,
        "we" => Weekday::Wed,
        "th" => Weekday::Thu,
        "fr" => Weekday::Fri,
        "sa" => Weekday::Sat,
        "su" => Weekday::Sun,
        _ => return exec_err!("'{name}' is no day of the week"),
    })
}

/// The nearest named weekday; `step` is told how many days after the date it comes, from 1 to 7.
fn neighbour(call: &Call, step: impl Fn(NaiveDate, u64) -> Option<NaiveDate>) -> Result<ArrayRef> {
    let (moments, names) = (call.moment(0)?, call.text(1)?);
    call.moments(|row| {
        let (Some(moment), Some(name)) = (moments.get(row), names.get(row)) else {
            return Ok(None);
        };
        let date = moment.date();
        let ahead = weekday(name)?.days_since(date.weekday());
        let ahead = if ahead == 0 { 7 } else { u64::from(ahead) };
        Ok(step(date, ahead).map(|date| date.and_time(NaiveTime::MIN)))
    })
}

fn is_last_of_month(date: NaiveDate) -> bool {
    date.day() == u32::from(date.num_days_in_month())
}

fn add_months(call: &Call) -> Result<ArrayRef> {
    let (moments, counts) = (call.moment(0)?, call.integer(1)?);
    call.moments(|row| {
        let (Some(moment), Some(count)) = (moments.get(row), counts.get(row)) else {
            return Ok(None);
        };
        let Some(added) = plus_months(moment, small(count)?) else {
            return exec_err!("{count} months after {moment} lie outside of the calendar");
        };
        if !is_last_of_month(moment.date()) {
            return Ok(Some(added));
        }
        let last = u32::from(added.date().num_days_in_month());
        Ok(added.with_day(last))
    })
}

fn months_between(call: &Call) -> Result<ArrayRef> {
    let (later, earlier) = (call.moment(0)?, call.moment(1)?);
    call.decimals(|row| {
        Ok(later
            .get(row)
            .zip(earlier.get(row))
            .map(|(later, earlier)| months_apart(later, earlier)))
    })
}

/// Months in millionths: whole ones between equal or last days, else 31 days to the month.
#[allow(
    clippy::cast_possible_truncation,
    reason = "a calendar's months in millionths"
)]
fn months_apart(later: NaiveDateTime, earlier: NaiveDateTime) -> i128 {
    let months = |moment: NaiveDateTime| i64::from(moment.year()) * 12 + i64::from(moment.month0());
    let whole = months(later) - months(earlier);
    let same_day = later.day() == earlier.day();
    let both_last = is_last_of_month(later.date()) && is_last_of_month(earlier.date());
    if same_day || both_last {
        return i128::from(whole) * 1_000_000;
    }
    let days = |moment: NaiveDateTime| {
        f64::from(moment.day()) + f64::from(moment.num_seconds_from_midnight()) / 86_400.0
    };
    let fraction = (days(later) - days(earlier)) / 31.0;
    i128::from(whole) * 1_000_000 + (fraction * 1e6).round() as i128
}

/// Years and months name a first day, to which days, hours and so on are added.
fn from_parts(call: &Call) -> Result<ArrayRef> {
    let parts: Vec<_> = (0..call.len())
        .map(|at| call.integer(at))
        .collect::<Result<_>>()?;
    call.moments(|row| {
        let parts: Option<Vec<i64>> = parts.iter().map(|part| part.get(row)).collect();
        let Some(parts) = parts else { return Ok(None) };
        match moment_from_parts(&parts) {
            Some(moment) => Ok(Some(moment)),
            None => exec_err!("{parts:?} lie outside of the calendar"),
        }
    })
}

fn moment_from_parts(parts: &[i64]) -> Option<NaiveDateTime> {
    let part = |at: usize| parts.get(at).copied().unwrap_or(0);
    let months = part(1).checked_sub(1)?;
    let year = i32::try_from(part(0).checked_add(months.div_euclid(12))?).ok()?;
    let month = u32::try_from(months.rem_euclid(12) + 1).ok()?;
    let time = TimeDelta::try_days(part(2).checked_sub(1)?)?
        .checked_add(&TimeDelta::try_hours(part(3))?)?
        .checked_add(&TimeDelta::try_minutes(part(4))?)?
        .checked_add(&TimeDelta::try_seconds(part(5))?)?
        .checked_add(&TimeDelta::nanoseconds(part(6)))?;
    NaiveDate::from_ymd_opt(year, month, 1)?
        .and_time(NaiveTime::MIN)
        .checked_add_signed(time)
}
