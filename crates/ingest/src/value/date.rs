//! Dates and timestamps by the patterns of the contract.

use settings::{DateFormat, FormatPart};

use super::Unreadable;

/// What a column of time keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Precision {
    /// Days since 1970-01-01.
    Days,
    /// Microseconds since 1970-01-01 00:00, on the clock of whoever wrote it.
    Microseconds,
    /// Microseconds since 1970-01-01 00:00 in UTC; a time without offset is one in UTC.
    Instant,
    /// An instant, and the offset it is told at.
    Zoned,
    /// A time of day.
    Clock,
}

/// Reads dates or timestamps written in one of several patterns.
#[derive(Clone, Debug)]
pub(crate) struct DateParser {
    formats: Vec<DateFormat>,
    /// Whether ISO 8601 is read, too.
    iso: bool,
    precision: Precision,
}

/// A date, a time of day in microseconds, and minutes east of UTC if the text says so.
struct Moment {
    days: i64,
    micros: i64,
    offset: Option<i64>,
}

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

const MICROS_PER_DAY: i64 = 86_400_000_000;

impl DateParser {
    /// A parser for `formats`, tried in their order; none means ISO 8601, which is read after them if `iso`.
    pub(crate) fn new(formats: &[DateFormat], precision: Precision, iso: bool) -> Self {
        Self {
            formats: formats.to_vec(),
            iso: iso || formats.is_empty(),
            precision,
        }
    }

    /// The patterns in words.
    pub(crate) fn patterns(&self) -> String {
        let names: Vec<String> = self.formats.iter().map(ToString::to_string).collect();
        match (names.is_empty(), self.precision) {
            (false, _) => names.join(" or "),
            (true, Precision::Days) => "yyyy-MM-dd".to_owned(),
            (true, Precision::Microseconds) => "ISO 8601 without an offset".to_owned(),
            (true, Precision::Instant | Precision::Zoned) => "ISO 8601".to_owned(),
            (true, Precision::Clock) => "HH:mm:ss".to_owned(),
        }
    }

    /// What `text` (without blanks round it) says.
    pub(crate) fn parse(&self, text: &[u8]) -> Result<i64, Unreadable> {
        let moment = self.moment(text)?;
        let local = moment.days * MICROS_PER_DAY + moment.micros;
        match (self.precision, moment.offset.unwrap_or_default()) {
            (Precision::Days, 0) if moment.micros == 0 => Ok(moment.days),
            // A date with a time of day would lose it.
            (Precision::Days, _) => Err(Unreadable::TooPrecise),
            (Precision::Microseconds, 0) => Ok(local),
            // A clock without zone would lose where it stood.
            (Precision::Microseconds, _) => Err(Unreadable::NotThis),
            (Precision::Instant | Precision::Zoned | Precision::Clock, offset) => {
                Ok(local - offset * 60_000_000)
            }
        }
    }

    /// The instant that `text` says, and minutes east of UTC.
    pub(crate) fn parse_zoned(&self, text: &[u8]) -> Result<(i64, i16), Unreadable> {
        let instant = self.parse(text)?;
        let offset = self.moment(text)?.offset.unwrap_or_default();
        let offset = i16::try_from(offset).map_err(|_| Unreadable::NotThis)?;
        Ok((instant, offset))
    }

    /// The time of day that `text` says, in nanoseconds.
    pub(crate) fn parse_clock(&self, text: &[u8]) -> Result<i64, Unreadable> {
        let formats = self.formats.iter();
        let mut found = formats.filter_map(|format| moment(format.parts(), text));
        let clock = match found.next() {
            Some(moment) => Some(moment.micros * 1000),
            None if self.iso => clock(text),
            None => None,
        };
        clock.ok_or(Unreadable::NotThis)
    }

    fn moment(&self, text: &[u8]) -> Result<Moment, Unreadable> {
        let formats = self.formats.iter();
        let mut moments = formats.filter_map(|format| moment(format.parts(), text));
        let moment = moments.next().or_else(|| iso(text).filter(|_| self.iso));
        moment.ok_or(Unreadable::NotThis)
    }
}

/// A date or time in ISO 8601, with a blank or `T` between the two:
/// `2026-08-01`, `2026-08-01T06:30:00.25+02:00`.
fn iso(mut text: &[u8]) -> Option<Moment> {
    let rest = &mut text;
    let year = number(rest, 4, 4)?;
    literal(rest, b'-')?;
    let month = number(rest, 2, 2)?;
    literal(rest, b'-')?;
    let days = days(year, month, number(rest, 2, 2)?)?;
    let mut moment = Moment {
        days,
        micros: 0,
        offset: None,
    };
    if rest.is_empty() {
        return Some(moment);
    }
    literal(rest, b'T').or_else(|| literal(rest, b' '))?;
    let mut seconds = 3600 * below(number(rest, 2, 2)?, 24)?;
    literal(rest, b':')?;
    seconds += 60 * below(number(rest, 2, 2)?, 60)?;
    if literal(rest, b':').is_some() {
        seconds += below(number(rest, 2, 2)?, 60)?;
        if literal(rest, b'.').is_some() {
            let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
            moment.micros = fraction(rest, digits)?;
        }
    }
    moment.micros += seconds * 1_000_000;
    if !rest.is_empty() {
        let _ = literal(rest, b' ');
        moment.offset = Some(offset(rest)?);
    }
    rest.is_empty().then_some(moment)
}

/// A time of day in ISO 8601, `06:30`, `06:30:00`, `06:30:00.123456789`, in nanoseconds. Workbooks tell one as a time
/// on the day before their first.
fn clock(text: &[u8]) -> Option<i64> {
    let day = [b"1899-12-30 ", b"1899-12-31 "];
    let mut rest = day
        .iter()
        .find_map(|day| text.strip_prefix(*day))
        .unwrap_or(text);
    let rest = &mut rest;
    let mut seconds = 3600 * below(number(rest, 2, 2)?, 24)?;
    literal(rest, b':')?;
    seconds += 60 * below(number(rest, 2, 2)?, 60)?;
    let mut nanos = 0;
    if literal(rest, b':').is_some() {
        seconds += below(number(rest, 2, 2)?, 60)?;
        if literal(rest, b'.').is_some() {
            let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
            nanos = number(rest, digits.clamp(1, 9), 9)?;
            nanos *= 10_i64.pow(9 - u32::try_from(digits.min(9)).ok()?);
        }
    }
    rest.is_empty().then_some(seconds * 1_000_000_000 + nanos)
}

fn literal(text: &mut &[u8], byte: u8) -> Option<()> {
    *text = text.strip_prefix(&[byte])?;
    Some(())
}

/// Microseconds of a second's fraction that has `digits` digits; none if there are finer ones.
fn fraction(text: &mut &[u8], digits: usize) -> Option<i64> {
    if !(1..=9).contains(&digits) {
        return None;
    }
    let fraction = number(text, digits, digits)?;
    let nanos = fraction * 10_i64.pow(9 - u32::try_from(digits).ok()?);
    (nanos % 1000 == 0).then_some(nanos / 1000)
}

/// `Z`, or minutes east of UTC.
fn offset(text: &mut &[u8]) -> Option<i64> {
    if literal(text, b'Z').is_some() {
        return Some(0);
    }
    let sign = match text.first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    *text = text.get(1..)?;
    let hours = below(number(text, 2, 2)?, 24)?;
    let colon = literal(text, b':').is_some();
    let minutes = match text.first() {
        Some(b'0'..=b'9') => below(number(text, 2, 2)?, 60)?,
        _ if colon => return None,
        _ => 0,
    };
    Some(sign * (hours * 60 + minutes))
}

/// What a text in a pattern of `parts` says.
fn moment(parts: &[FormatPart], mut text: &[u8]) -> Option<Moment> {
    let (mut year, mut month, mut day) = (1970, 1, 1);
    let (mut seconds, mut micros) = (0, 0);
    let mut zone = None;
    for part in parts {
        match part {
            FormatPart::Year => year = number(&mut text, 4, 4)?,
            FormatPart::YearOfCentury => {
                let short = number(&mut text, 2, 2)?;
                year = if short < 70 {
                    2000 + short
                } else {
                    1900 + short
                };
            }
            FormatPart::Month => month = number(&mut text, 2, 2)?,
            FormatPart::MonthUnpadded => month = number(&mut text, 1, 2)?,
            FormatPart::MonthShort => {
                month = month_name(&mut text, |name| name.get(..3).unwrap_or(name))?
            }
            FormatPart::MonthLong => month = month_name(&mut text, |name| name)?,
            FormatPart::Day => day = number(&mut text, 2, 2)?,
            FormatPart::DayUnpadded => day = number(&mut text, 1, 2)?,
            FormatPart::Hour => seconds += 3600 * below(number(&mut text, 2, 2)?, 24)?,
            FormatPart::Minute => seconds += 60 * below(number(&mut text, 2, 2)?, 60)?,
            FormatPart::Second => seconds += below(number(&mut text, 2, 2)?, 60)?,
            FormatPart::Fraction(digits) => micros = fraction(&mut text, usize::from(*digits))?,
            FormatPart::Offset => zone = Some(offset(&mut text)?),
            FormatPart::Literal(c) => {
                let mut bytes = [0; 4];
                text = text.strip_prefix(c.encode_utf8(&mut bytes).as_bytes())?;
            }
        }
    }
    if !text.is_empty() {
        return None;
    }
    Some(Moment {
        days: days(year, month, day)?,
        micros: seconds * 1_000_000 + micros,
        offset: zone,
    })
}

fn below(value: i64, limit: i64) -> Option<i64> {
    (value < limit).then_some(value)
}

fn number(text: &mut &[u8], least: usize, most: usize) -> Option<i64> {
    let mut value = 0;
    let mut count = 0;
    while count < most
        && let Some(byte) = text.get(count)
        && byte.is_ascii_digit()
    {
        value = value * 10 + i64::from(byte - b'0');
        count += 1;
    }
    *text = text.get(count..)?;
    (count >= least).then_some(value)
}

fn month_name(text: &mut &[u8], shown: impl Fn(&'static str) -> &'static str) -> Option<i64> {
    for (month, name) in (1..).zip(MONTHS) {
        let name = shown(name).as_bytes();
        if text
            .get(..name.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(name))
        {
            *text = text.get(name.len()..)?;
            return Some(month);
        }
    }
    None
}

/// Days since 1970-01-01 of a date that exists, by the well-known count in eras of 400 years that begin in
/// March.
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => return None,
    };
    if !(1..=length).contains(&day) {
        return None;
    }
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    Some(era * 146_097 + day_of_era - 719_468)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::{DateParser, Precision};

    fn parser(formats: &[&str], precision: Precision) -> DateParser {
        let formats: Vec<_> = formats
            .iter()
            .map(|format| format.parse().unwrap())
            .collect();
        DateParser::new(&formats, precision, false)
    }

    #[test]
    fn reads_dates_that_exist() {
        let dates = parser(&["dd-MM-yyyy", "d MMM yy"], Precision::Days);
        assert_eq!(dates.parse(b"01-01-1970"), Ok(0));
        assert_eq!(dates.parse(b"29-02-2000"), Ok(11_016));
        assert_eq!(dates.parse(b"31-12-1969"), Ok(-1));
        assert_eq!(dates.parse(b"5 Nov 13"), Ok(16_014));
        for text in [
            "31-02-2013",
            "1-1-2013",
            "01-13-2013",
            "01-01-2013 ",
            "2013-01-01",
            "a_b_c",
            "00-01-2013",
        ] {
            assert!(dates.parse(text.as_bytes()).is_err(), "{text}");
        }
        assert_eq!(parser(&[], Precision::Days).parse(b"1970-02-01"), Ok(31));
    }

    #[test]
    fn reads_timestamps() {
        let times = parser(&[], Precision::Microseconds);
        assert_eq!(times.parse(b"1970-01-02T00:00:01.5"), Ok(86_401_500_000));
        assert_eq!(times.parse(b"1970-01-02 00:00Z"), Ok(86_400_000_000));
        for text in [
            "1970-01-02T00:00:01.0000005",
            "1970-01-02T00:00:00+02:00",
            "1970-01-02T00:00:00 ",
            "1970-01-02T",
            "1970-01-02x",
        ] {
            assert!(times.parse(text.as_bytes()).is_err(), "{text}");
        }
        assert_eq!(times.parse(b"1970-01-02T00:00:01.500"), Ok(86_401_500_000));
        assert_eq!(times.parse(b"1970-01-02"), Ok(86_400_000_000));
        assert!(times.parse(b"1970-01-02 24:00:00").is_err());
    }

    #[test]
    fn times_of_day_are_read_to_the_nanosecond() {
        let times = parser(&[], Precision::Clock);
        let seconds = 6 * 3600 + 30 * 60;
        assert_eq!(times.parse_clock(b"06:30"), Ok(seconds * 1_000_000_000));
        assert_eq!(
            times.parse_clock(b"06:30:01.000000005"),
            Ok((seconds + 1) * 1_000_000_000 + 5)
        );
        assert_eq!(times.parse_clock(b"1899-12-31 00:00:01"), Ok(1_000_000_000));
        for text in [
            "24:00",
            "6:30",
            "06:30:00.",
            "06:30:00.1234567890",
            "2026-01-01 06:30",
            "06:30Z",
        ] {
            assert!(times.parse_clock(text.as_bytes()).is_err(), "{text}");
        }
        let times = parser(&["HH.mm"], Precision::Clock);
        assert_eq!(times.parse_clock(b"06.30"), Ok(seconds * 1_000_000_000));
        assert!(times.parse_clock(b"06:30").is_err());
    }

    #[test]
    fn offsets_are_kept_with_their_instants() {
        let times = parser(&[], Precision::Zoned);
        assert_eq!(
            times.parse_zoned(b"1970-01-01T06:00:00+02:00"),
            Ok((14_400_000_000, 120))
        );
        assert_eq!(
            times.parse_zoned(b"1970-01-01T06:00:00-05:30"),
            Ok((41_400_000_000, -330))
        );
        assert_eq!(times.parse_zoned(b"1970-01-01"), Ok((0, 0)));
    }

    #[test]
    fn instants_are_kept_in_utc() {
        let hours = |hours: i64| Ok(hours * 3_600_000_000);
        let times = parser(&[], Precision::Instant);
        assert_eq!(times.parse(b"1970-01-01T06:00:00+02:00"), hours(4));
        assert_eq!(
            times.parse(b"1970-01-01T06:00:00-0530"),
            hours(11).map(|t: i64| t + 1_800_000_000)
        );
        assert_eq!(times.parse(b"1970-01-01 06:00:00"), hours(6));
        let times = parser(&["dd.MM.yyyy HH:mm XXX"], Precision::Instant);
        assert_eq!(times.parse(b"01.01.1970 06:00 +01:00"), hours(5));
        assert!(times.parse(b"1970-01-01T06:00:00Z").is_err());
        let both = DateParser::new(&["dd.MM.yyyy".parse().unwrap()], Precision::Days, true);
        assert_eq!(
            (both.parse(b"02.01.1970"), both.parse(b"1970-01-03")),
            (Ok(1), Ok(2))
        );
    }
}
