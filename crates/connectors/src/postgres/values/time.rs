//! Dates and timestamps, whose epoch is 2000-01-01 in PostgreSQL's binary form.
//!
//! `infinity` orders after every time and `-infinity` before: they become the last microsecond of the year
//! 9999 and the first of the year 1, which every reader of the tables can show.

/// Days from 1970-01-01 to 2000-01-01.
const EPOCH_DAYS: i32 = 10_957;
/// Microseconds of that.
const EPOCH_MICROS: i64 = 946_684_800_000_000;
/// 9999-12-31.
const LAST_DAY: i32 = 2_932_896;
/// 0001-01-01.
const FIRST_DAY: i32 = -719_162;
/// 9999-12-31 23:59:59.999999.
const LAST_MICRO: i64 = 253_402_300_799_999_999;
/// 0001-01-01 00:00:00.
const FIRST_MICRO: i64 = -62_135_596_800_000_000;
const DAY_MICROS: i64 = 86_400_000_000;

/// Days since 1970 of a binary `date`.
pub(in super::super) fn binary_date(bytes: &[u8]) -> Option<i32> {
    match i32::from_be_bytes(bytes.try_into().ok()?) {
        i32::MAX => Some(LAST_DAY),
        i32::MIN => Some(FIRST_DAY),
        days => days.checked_add(EPOCH_DAYS),
    }
}

/// Microseconds since 1970 of a binary `timestamp` or `timestamptz`.
pub(in super::super) fn binary_timestamp(bytes: &[u8]) -> Option<i64> {
    match i64::from_be_bytes(bytes.try_into().ok()?) {
        i64::MAX => Some(LAST_MICRO),
        i64::MIN => Some(FIRST_MICRO),
        micros => micros.checked_add(EPOCH_MICROS),
    }
}

/// Days since 1970 of a `date` with `DateStyle` ISO.
pub(in super::super) fn date(text: &str) -> Option<i32> {
    match text {
        "infinity" => Some(LAST_DAY),
        "-infinity" => Some(FIRST_DAY),
        _ => {
            let (text, before_christ) = era(text);
            i32::try_from(days(text, before_christ)?).ok()
        }
    }
}

/// Microseconds since 1970 of a `timestamp`, or of a `timestamptz` with its offset.
pub(in super::super) fn timestamp(text: &str) -> Option<i64> {
    match text {
        "infinity" => return Some(LAST_MICRO),
        "-infinity" => return Some(FIRST_MICRO),
        _ => {}
    }
    let (text, before_christ) = era(text);
    let (day, rest) = text.split_once([' ', 'T'])?;
    let days = days(day, before_christ)?;
    let (clock, offset) = match rest.find(['+', '-', 'Z']) {
        Some(at) => rest.split_at(at),
        None => (rest, ""),
    };
    let micros = clock_micros(clock)?;
    let seconds = offset_seconds(offset)?;
    days.checked_mul(DAY_MICROS)?
        .checked_add(micros)?
        .checked_sub(seconds * 1_000_000)
}

fn era(text: &str) -> (&str, bool) {
    match text.strip_suffix(" BC") {
        Some(text) => (text, true),
        None => (text, false),
    }
}

fn days(text: &str, before_christ: bool) -> Option<i64> {
    let mut parts = text.splitn(3, '-');
    let year: i64 = digits(parts.next()?)?;
    let month: i64 = digits(parts.next()?)?;
    let day: i64 = digits(parts.next()?)?;
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let year = if before_christ { 1 - year } else { year };
    // http://howardhinnant.github.io/date_algorithms.html#days_from_civil
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    let day_of_era = of_era * 365 + of_era / 4 - of_era / 100 + of_year;
    Some(era * 146_097 + day_of_era - 719_468)
}

fn clock_micros(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let mut parts = whole.split(':');
    let hours = digits(parts.next()?)?;
    let minutes = digits(parts.next()?)?;
    let seconds = parts.next().map_or(Some(0), digits)?;
    if parts.next().is_some() || fraction.len() > 6 {
        return None;
    }
    let mut micros = match fraction {
        "" => 0,
        fraction => digits(fraction)?,
    };
    for _ in fraction.len()..6 {
        micros *= 10;
    }
    Some(((hours * 60 + minutes) * 60 + seconds) * 1_000_000 + micros)
}

/// `+00`, `-03:30`, `+05:53:28`, `Z` or nothing.
fn offset_seconds(text: &str) -> Option<i64> {
    let (sign, rest) = match text.as_bytes().first() {
        None | Some(b'Z') => return Some(0),
        Some(b'-') => (-1, text.get(1..)?),
        Some(_) => (1, text.get(1..)?),
    };
    let mut seconds = 0;
    for (part, unit) in rest.split(':').zip([3600, 60, 1]) {
        seconds += digits(part)? * unit;
    }
    Some(sign * seconds)
}

fn digits(text: &str) -> Option<i64> {
    if text.is_empty() || text.len() > 9 {
        return None;
    }
    text.bytes().try_fold(0, |number, byte| match byte {
        b'0'..=b'9' => Some(number * 10 + i64::from(byte - b'0')),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::{
        FIRST_DAY, FIRST_MICRO, LAST_DAY, LAST_MICRO, binary_date, binary_timestamp, date,
        timestamp,
    };

    #[test]
    fn dates() {
        assert_eq!(date("1970-01-01"), Some(0));
        assert_eq!(date("2000-01-01"), Some(10_957));
        assert_eq!(date("2024-02-29"), Some(19_782));
        assert_eq!(date("1969-12-31"), Some(-1));
        assert_eq!(date("9999-12-31"), Some(LAST_DAY));
        assert_eq!(date("0001-01-01"), Some(FIRST_DAY));
        assert_eq!(date("0001-12-31 BC"), Some(FIRST_DAY - 1));
        assert_eq!(date("infinity"), Some(LAST_DAY));
        assert_eq!(date("-infinity"), Some(FIRST_DAY));
        assert_eq!(date("2024-13-01"), None);
        assert_eq!(binary_date(&0_i32.to_be_bytes()), Some(10_957));
        assert_eq!(binary_date(&i32::MAX.to_be_bytes()), Some(LAST_DAY));
    }

    #[test]
    fn timestamps() {
        assert_eq!(timestamp("1970-01-01 00:00:00"), Some(0));
        assert_eq!(timestamp("1970-01-01 00:00:01.5"), Some(1_500_000));
        assert_eq!(timestamp("1970-01-01 00:00:00.000001+00"), Some(1));
        assert_eq!(
            timestamp("1970-01-01 02:00:00+01:30"),
            Some(30 * 60 * 1_000_000)
        );
        assert_eq!(timestamp("1970-01-01 00:00:00-01"), Some(3_600_000_000));
        assert_eq!(timestamp("9999-12-31 23:59:59.999999"), Some(LAST_MICRO));
        assert_eq!(timestamp("0001-01-01 00:00:00"), Some(FIRST_MICRO));
        assert_eq!(timestamp("infinity"), Some(LAST_MICRO));
        assert_eq!(timestamp("yesterday"), None);
        assert_eq!(
            binary_timestamp(&0_i64.to_be_bytes()),
            timestamp("2000-01-01 00:00:00")
        );
        assert_eq!(binary_timestamp(&i64::MIN.to_be_bytes()), Some(FIRST_MICRO));
        assert_eq!(
            binary_timestamp(&(i64::MAX - 1).to_be_bytes()),
            None,
            "no time is wrapped"
        );
    }
}
