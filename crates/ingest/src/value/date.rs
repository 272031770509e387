//! Dates and timestamps by the patterns of the contract.

use settings::{DateFormat, FormatPart};

use super::Unreadable;

/// What a column of time keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Precision {
    /// Days since 1970-01-01.
    Days,
    /// Microseconds since 1970-01-01 00:00.
    Microseconds,
}

/// Reads dates or timestamps written in one of several patterns.
#[derive(Clone, Debug)]
pub(crate) struct DateParser {
    formats: Vec<DateFormat>,
    precision: Precision,
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
    /// A parser for `formats`, tried in their order; none means ISO 8601.
    pub(crate) fn new(formats: &[DateFormat], precision: Precision) -> Self {
        let iso: &[&str] = match precision {
            Precision::Days => &["yyyy-MM-dd"],
            Precision::Microseconds => &[
                "yyyy-MM-dd HH:mm:ss",
                "yyyy-MM-dd'T'HH:mm:ss",
                "yyyy-MM-dd HH:mm:ss.SSS",
                "yyyy-MM-dd'T'HH:mm:ss.SSS",
                "yyyy-MM-dd HH:mm:ss.SSSSSS",
                "yyyy-MM-dd'T'HH:mm:ss.SSSSSS",
                "yyyy-MM-dd",
            ],
        };
        let formats = if formats.is_empty() {
            iso.iter()
                .filter_map(|format| format.parse().ok())
                .collect()
        } else {
            formats.to_vec()
        };
        Self { formats, precision }
    }

    /// The patterns in words.
    pub(crate) fn patterns(&self) -> String {
        let names: Vec<String> = self.formats.iter().map(ToString::to_string).collect();
        names.join(" or ")
    }

    /// What `text` (without blanks round it) says.
    pub(crate) fn parse(&self, text: &[u8]) -> Result<i64, Unreadable> {
        let mut moments = self
            .formats
            .iter()
            .filter_map(|format| moment(format.parts(), text));
        let (days, micros) = moments.next().ok_or(Unreadable::NotThis)?;
        match self.precision {
            Precision::Days if micros == 0 => Ok(days),
            // A date with a time of day would lose it.
            Precision::Days => Err(Unreadable::TooPrecise),
            Precision::Microseconds => Ok(days * MICROS_PER_DAY + micros),
        }
    }
}

/// Days since 1970-01-01 and microseconds of the day.
fn moment(parts: &[FormatPart], mut text: &[u8]) -> Option<(i64, i64)> {
    let (mut year, mut month, mut day) = (1970, 1, 1);
    let (mut seconds, mut micros) = (0, 0);
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
            FormatPart::Fraction(digits) => {
                let digits = usize::from(*digits);
                let fraction = number(&mut text, digits, digits)?;
                let nanos = fraction * 10_i64.pow(9 - u32::try_from(digits).ok()?);
                if nanos % 1000 != 0 {
                    return None;
                }
                micros = nanos / 1000;
            }
            FormatPart::Literal(c) => {
                let mut bytes = [0; 4];
                text = text.strip_prefix(c.encode_utf8(&mut bytes).as_bytes())?;
            }
        }
    }
    if !text.is_empty() {
        return None;
    }
    Some((days(year, month, day)?, seconds * 1_000_000 + micros))
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
        DateParser::new(&formats, precision)
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
        assert_eq!(
            times.parse(b"1970-01-02T00:00:01.5"),
            Err(super::Unreadable::NotThis)
        );
        assert_eq!(times.parse(b"1970-01-02T00:00:01.500"), Ok(86_401_500_000));
        assert_eq!(times.parse(b"1970-01-02"), Ok(86_400_000_000));
        assert!(times.parse(b"1970-01-02 24:00:00").is_err());
    }
}
