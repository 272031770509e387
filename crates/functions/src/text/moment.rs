//! Dates and timestamps as text where no format is named: the session's `AUTO` formats.
//!
//! <https://docs.snowflake.com/en/user-guide/date-time-input-output>

use std::fmt::Write;

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Timelike};

use super::date_format::{is_day_name, month_number, month_of};

/// `2024-03-04 05:06:07.000`
pub(crate) fn timestamp_text(moment: NaiveDateTime) -> String {
    moment.format("%Y-%m-%d %H:%M:%S%.3f").to_string()
}

/// `+0200` or `+02:00`, for seconds east of UTC.
pub(crate) fn offset_text(seconds: i64, separator: &str) -> String {
    let sign = if seconds < 0 { '-' } else { '+' };
    let minutes = seconds.abs() / 60;
    format!("{sign}{:02}{separator}{:02}", minutes / 60, minutes % 60)
}

/// `05:06:07`
pub(crate) fn time_text(time: NaiveTime) -> String {
    let mut text = String::with_capacity(8);
    // Writing to a string cannot fail.
    let _ = write!(
        text,
        "{:02}:{:02}:{:02}",
        time.hour(),
        time.minute(),
        time.second()
    );
    text
}

/// A timestamp and, if the text names one, its distance from UTC in seconds.
pub(crate) fn parse_timestamp(text: &str) -> Option<(NaiveDateTime, Option<i32>)> {
    let text = text.trim();
    if let Some(moment) = parse_epoch(text) {
        return Some((moment, Some(0)));
    }
    if text.starts_with(|letter: char| letter.is_ascii_alphabetic()) {
        return parse_spoken(text);
    }
    let (date, rest) = parse_date_part(text)?;
    if rest.is_empty() {
        return Some((date.and_time(NaiveTime::MIN), None));
    }
    let rest = rest.strip_prefix(['T', 't', ' '])?.trim_start();
    if let (Some((hour, "")), false) = (run(rest), rest.is_empty()) {
        return Some((date.and_hms_opt(hour, 0, 0)?, None));
    }
    let (time, rest) = parse_time_part(rest)?;
    Some((date.and_time(time), parse_offset_if_any(rest)?))
}

/// Nothing, or seconds east of UTC.
fn parse_offset_if_any(text: &str) -> Option<Option<i32>> {
    match text.trim_start() {
        "" => Some(None),
        zone => parse_offset(zone).map(Some),
    }
}

/// `Thu, 21 Dec 2000 04:01:07 PM +0200` or `Thu Dec 21 16:01:07 +0200 2000`.
fn parse_spoken(text: &str) -> Option<(NaiveDateTime, Option<i32>)> {
    let (day_of_week, rest) = text.split_at_checked(3)?;
    is_day_name(day_of_week).then_some(())?;
    if let Some(rest) = rest.strip_prefix(", ") {
        let mut words = rest.splitn(4, ' ');
        let (day, "") = digits(words.next()?, 2)? else {
            return None;
        };
        let month = month_number(words.next().filter(|word| word.len() == 3)?)?;
        let (year, "") = digits(words.next()?, 4)? else {
            return None;
        };
        let date = NaiveDate::from_ymd_opt(year.cast_signed(), month, day)?;
        let (mut time, mut rest) = parse_time_part(words.next()?)?;
        for (half, hours) in [("AM", 0), ("PM", 12)] {
            let Some((head, tail)) = rest.trim_start().split_at_checked(2) else {
                continue;
            };
            if head.eq_ignore_ascii_case(half) && time.hour() <= 12 {
                time = time.with_hour(time.hour() % 12 + hours)?;
                rest = tail;
                break;
            }
        }
        return Some((date.and_time(time), parse_offset_if_any(rest)?));
    }
    let words: Vec<&str> = rest.split_ascii_whitespace().collect();
    let [month, day, time, offset, year] = words.as_slice() else {
        return None;
    };
    let month = month_number(month.get(..3).filter(|head| head.len() == month.len())?)?;
    let ((day, ""), (year, "")) = (digits(day, 2)?, digits(year, 4)?) else {
        return None;
    };
    let (time, "") = parse_time_part(time)? else {
        return None;
    };
    let date = NaiveDate::from_ymd_opt(year.cast_signed(), month, day)?;
    Some((date.and_time(time), Some(parse_offset(offset)?)))
}

/// A time of day such as `5:06`, `05:06:07.5`, `05:06 PM`, that of a number of seconds since 1970 or of smaller units,
/// and the wall clock of `05:06:07 +02:00`.
/// <https://docs.snowflake.com/en/sql-reference/functions/to_time>
pub(crate) fn parse_time(text: &str) -> Option<NaiveTime> {
    let text = text.trim();
    if let Some(moment) = parse_epoch(text) {
        return Some(moment.time());
    }
    let (time, rest) = parse_time_part(text)?;
    match rest.trim() {
        "" => Some(time),
        zone if parse_offset(zone).is_some() => Some(time),
        half => {
            let (_, hour) = time.hour12();
            let afternoon = match half.to_ascii_uppercase().as_str() {
                "AM" => 0,
                "PM" => 12,
                _ => return None,
            };
            (time.hour() <= 12).then_some(())?;
            time.with_hour(hour % 12 + afternoon)
        }
    }
}

/// Text of digits alone counts seconds since 1970, or smaller units if it is large.
fn parse_epoch(text: &str) -> Option<NaiveDateTime> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    from_epoch(text.parse().ok()?)
}

/// The moment an integer stands for: seconds below 31,536,000,000, then milli-, micro-, nanoseconds.
fn from_epoch(number: i64) -> Option<NaiveDateTime> {
    const SECONDS: u64 = 31_536_000_000;
    let moment = match number.unsigned_abs() {
        size if size < SECONDS => DateTime::from_timestamp(number, 0),
        size if size < SECONDS * 1_000 => DateTime::from_timestamp_millis(number),
        size if size < SECONDS * 1_000_000 => DateTime::from_timestamp_micros(number),
        _ => Some(DateTime::from_timestamp_nanos(number)),
    };
    moment.map(|moment| moment.naive_utc())
}

/// `YYYY-MM-DD`, `DD-MON-YYYY` or `MM/DD/YYYY`, and what follows.
fn parse_date_part(text: &str) -> Option<(NaiveDate, &str)> {
    let (first, rest) = digits(text, 4)?;
    if let Some(rest) = rest.strip_prefix('/') {
        let (day, rest) = digits(rest, 2)?;
        let (year, rest) = digits(rest.strip_prefix('/')?, 4)?;
        return Some((
            NaiveDate::from_ymd_opt(year.cast_signed(), first, day)?,
            rest,
        ));
    }
    let rest = rest.strip_prefix('-')?;
    if rest.starts_with(|c: char| c.is_ascii_alphabetic()) {
        let (month, rest) = rest.split_once('-')?;
        let month = month_of(month)?;
        let (year, rest) = digits(rest, 4)?;
        return Some((
            NaiveDate::from_ymd_opt(year.cast_signed(), month, first)?,
            rest,
        ));
    }
    let (month, rest) = run(rest)?;
    let (day, rest) = run(rest.strip_prefix('-')?)?;
    Some((
        NaiveDate::from_ymd_opt(first.cast_signed(), month, day)?,
        rest,
    ))
}

/// `HH24:MI[:SS[.FF]]`, and what follows.
fn parse_time_part(text: &str) -> Option<(NaiveTime, &str)> {
    let (hour, rest) = run(text)?;
    let (minute, rest) = run(rest.strip_prefix(':')?)?;
    let Some(rest) = rest.strip_prefix(':') else {
        return Some((NaiveTime::from_hms_opt(hour, minute, 0)?, rest));
    };
    let (second, rest) = run(rest)?;
    let Some(fraction) = rest.strip_prefix('.') else {
        return Some((NaiveTime::from_hms_opt(hour, minute, second)?, rest));
    };
    let end = fraction
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(fraction.len());
    let (fraction, rest) = fraction.split_at(end);
    let nanos = nanoseconds(fraction)?;
    Some((
        NaiveTime::from_hms_nano_opt(hour, minute, second, nanos)?,
        rest,
    ))
}

/// A fraction's digits as nanoseconds.
pub(crate) fn nanoseconds(fraction: &str) -> Option<u32> {
    if fraction.is_empty() {
        return Some(0);
    }
    let nine: String = fraction
        .chars()
        .chain("000000000".chars())
        .take(9)
        .collect();
    nine.parse().ok()
}

/// `Z`, `+02:00`, `+0200` or `+02` as seconds east of UTC.
pub(crate) fn parse_offset(text: &str) -> Option<i32> {
    if text.eq_ignore_ascii_case("z") || text.eq_ignore_ascii_case("utc") {
        return Some(0);
    }
    let (sign, rest) = match text.as_bytes().first()? {
        b'+' => (1, text.get(1..)?),
        b'-' => (-1, text.get(1..)?),
        _ => return None,
    };
    let (hours, rest) = digits(rest, 2)?;
    let rest = rest.strip_prefix(':').unwrap_or(rest);
    let (minutes, rest) = if rest.is_empty() {
        (0, rest)
    } else {
        digits(rest, 2)?
    };
    let in_range = rest.is_empty() && hours < 24 && minutes < 60;
    in_range.then(|| sign * (hours * 60 + minutes).cast_signed() * 60)
}

/// All digits at the text's head, and what follows them: accounts look at what a month, a day or a part of a time
/// says, not at how many zeros stand before it.
fn run(text: &str) -> Option<(u32, &str)> {
    digits(text, usize::MAX)
}

/// One to `most` digits at the text's head, and what follows them.
pub(crate) fn digits(text: &str, most: usize) -> Option<(u32, &str)> {
    let end = text
        .bytes()
        .take(most)
        .take_while(u8::is_ascii_digit)
        .count();
    let (number, rest) = text.split_at(end);
    Some((number.parse().ok()?, rest))
}

/// The instant of a wall clock `offset` seconds east of UTC.
pub(crate) fn to_utc(moment: NaiveDateTime, offset: Option<i32>) -> Option<NaiveDateTime> {
    moment.checked_sub_signed(TimeDelta::seconds(i64::from(offset.unwrap_or(0))))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_automatic_formats() {
        for (text, expected) in [
            ("2024-03-04", "2024-03-04 00:00:00.000"),
            (" 2024-3-4 ", "2024-03-04 00:00:00.000"),
            ("2024-003-04 005:0006:007.5", "2024-03-04 05:06:07.500"),
            ("2024-03-04T05:06:07Z", "2024-03-04 05:06:07.000"),
            ("2024-03-04 05:06", "2024-03-04 05:06:00.000"),
            (
                "2024-03-04 05:06:07.123456 +0200",
                "2024-03-04 05:06:07.123",
            ),
            ("4-Mar-2024", "2024-03-04 00:00:00.000"),
            ("04-march-2024 05:06", "2024-03-04 05:06:00.000"),
            ("03/04/2024", "2024-03-04 00:00:00.000"),
            ("0", "1970-01-01 00:00:00.000"),
            ("1700000000000", "2023-11-14 22:13:20.000"),
            ("2024-03-04 05", "2024-03-04 05:00:00.000"),
            ("Thu, 21 Dec 2000 16:01:07 +0200", "2000-12-21 16:01:07.000"),
            (
                "Thu, 21 Dec 2000 04:01:07 PM +0200",
                "2000-12-21 16:01:07.000",
            ),
            ("Thu, 21 Dec 2000 16:01:07", "2000-12-21 16:01:07.000"),
            ("Mon Jul 08 18:09:51 +0000 2013", "2013-07-08 18:09:51.000"),
        ] {
            let (moment, _) = parse_timestamp(text).unwrap();
            assert_eq!(timestamp_text(moment), expected, "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_date() {
        for text in [
            "",
            "2024-02-30",
            "abc",
            "2024-03-04x",
            "2024-03-04 25:00",
            "2024-13-01",
            "4-Marc-2024",
            "Xyz, 21 Dec 2000 16:01:07",
            "Thu, 21 Dec 2000",
            "Mon Jul 08 18:09:51 2013",
        ] {
            assert_eq!(parse_timestamp(text), None, "{text}");
        }
    }
}
