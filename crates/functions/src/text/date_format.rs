//! Snowflake's date and time formats, such as `YYYYMMDD` or `DD-MON-YYYY HH12:MI AM`.
//!
//! <https://docs.snowflake.com/en/sql-reference/date-time-input-output>

use std::fmt::Write;

use chrono::{Datelike, NaiveDate, NaiveDateTime, NaiveTime, Timelike};
use datafusion::common::{Result, plan_err};

use super::moment::{digits, nanoseconds, offset_text, parse_offset};

/// A piece of a format.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Year,
    ShortYear,
    Month,
    MonthName,
    LongMonthName,
    Day,
    DayName,
    Hour24,
    Hour12,
    Half,
    Minute,
    Second,
    Fraction(usize),
    Offset { colon: bool },
    OffsetHour,
    OffsetMinute,
    Literal(String),
}

/// Longest first, where one name is the head of another.
const NAMES: &[(&str, Piece)] = &[
    ("YYYY", Piece::Year),
    ("YY", Piece::ShortYear),
    ("MMMM", Piece::LongMonthName),
    ("MON", Piece::MonthName),
    ("MM", Piece::Month),
    ("MI", Piece::Minute),
    ("DD", Piece::Day),
    ("DY", Piece::DayName),
    ("HH24", Piece::Hour24),
    ("HH12", Piece::Hour12),
    ("HH", Piece::Hour24),
    ("AM", Piece::Half),
    ("PM", Piece::Half),
    ("SS", Piece::Second),
    ("TZH:TZM", Piece::Offset { colon: true }),
    ("TZHTZM", Piece::Offset { colon: false }),
    ("TZH", Piece::OffsetHour),
    ("TZM", Piece::OffsetMinute),
];

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/// `Jan` to `Dec`.
pub(crate) fn month_name(date: NaiveDate) -> &'static str {
    MONTHS
        .get(date.month0() as usize)
        .and_then(|name| name.get(..3))
        .unwrap_or_default()
}

/// `Mon` to `Sun`.
pub(crate) fn day_name(date: NaiveDate) -> &'static str {
    DAYS.get(date.weekday().num_days_from_monday() as usize)
        .copied()
        .unwrap_or_default()
}

/// Whether these letters are a day's name, whatever their case.
pub(crate) fn is_day_name(letters: &str) -> bool {
    DAYS.iter().any(|name| name.eq_ignore_ascii_case(letters))
}

/// The number of the month whose name starts with these three letters.
pub(crate) fn month_number(letters: &str) -> Option<u32> {
    (1..=12).zip(MONTHS).find_map(|(number, name)| {
        name.get(..3)
            .filter(|head| head.eq_ignore_ascii_case(letters))
            .map(|_| number)
    })
}

/// The number of the month of this name, in full or of three letters.
pub(crate) fn month_of(name: &str) -> Option<u32> {
    let in_full = || MONTHS.iter().any(|known| known.eq_ignore_ascii_case(name));
    match name.len() == 3 || in_full() {
        true => month_number(name.get(..3)?),
        false => None,
    }
}

/// A format, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DateFormat {
    pieces: Vec<Piece>,
}

impl DateFormat {
    /// Takes `format` apart. Letters are read without regard to case; text in double quotes stands for
    /// itself, as does punctuation and what names no element: `Month` is `MON` and the letters `th`.
    pub(crate) fn new(format: &str) -> Result<Self> {
        let mut pieces = Vec::new();
        let mut rest = format;
        while let Some(first) = rest.chars().next() {
            if let Some(quoted) = rest.strip_prefix('"') {
                let Some((literal, after)) = quoted.split_once('"') else {
                    return plan_err!("Format '{format}' lacks a closing quote");
                };
                pieces.push(Piece::Literal(literal.to_owned()));
                rest = after;
                continue;
            }
            if let Some((name, piece)) = NAMES.iter().find(|(name, _)| starts_with(rest, name)) {
                pieces.push(piece.clone());
                rest = &rest[name.len()..];
                continue;
            }
            if starts_with(rest, "FF") {
                rest = &rest[2..];
                let digit = rest.chars().next().and_then(|c| c.to_digit(10));
                rest = &rest[usize::from(digit.is_some())..];
                pieces.push(Piece::Fraction(digit.unwrap_or(9) as usize));
                continue;
            }
            pieces.push(Piece::Literal(first.to_string()));
            rest = &rest[first.len_utf8()..];
        }
        Ok(Self { pieces })
    }

    /// The text of `moment` on a clock this many seconds east of UTC; a clock nowhere has the zone `Z`.
    pub(crate) fn text_at(&self, moment: NaiveDateTime, offset: Option<i64>) -> String {
        let mut text = String::with_capacity(24);
        for piece in &self.pieces {
            // Writing to a string cannot fail.
            let _ = write_piece(&mut text, piece, moment, offset);
        }
        text
    }

    /// The moment a text of this format stands for, and seconds east of UTC if it names them. Two digits mean a year of the hundred
    /// that begin with `century`.
    pub(crate) fn parse_zoned(
        &self,
        text: &str,
        century: i32,
    ) -> Option<(NaiveDateTime, Option<i32>)> {
        let mut parts = Parts {
            century,
            ..Parts::default()
        };
        let mut rest = text.trim();
        let mut pieces = self.pieces.iter().peekable();
        while let Some(piece) = pieces.next() {
            // A text may leave the fraction of its seconds out.
            if matches!(piece, Piece::Literal(point) if point == "." && !rest.starts_with('.'))
                && pieces
                    .next_if(|next| matches!(next, Piece::Fraction(_)))
                    .is_some()
            {
                continue;
            }
            rest = parts.read(piece, rest)?;
        }
        rest.is_empty().then_some(())?;
        Some((parts.moment()?, parts.offset))
    }
}

fn starts_with(text: &str, name: &str) -> bool {
    text.get(..name.len())
        .is_some_and(|head| head.eq_ignore_ascii_case(name))
}

fn write_piece(
    text: &mut String,
    piece: &Piece,
    moment: NaiveDateTime,
    offset: Option<i64>,
) -> std::fmt::Result {
    match piece {
        Piece::Year => write!(text, "{:04}", moment.year()),
        Piece::ShortYear => write!(text, "{:02}", moment.year().rem_euclid(100)),
        Piece::Month => write!(text, "{:02}", moment.month()),
        Piece::MonthName => text.write_str(month_name(moment.date())),
        Piece::LongMonthName => text.write_str(
            MONTHS
                .get(moment.month0() as usize)
                .copied()
                .unwrap_or_default(),
        ),
        Piece::Day => write!(text, "{:02}", moment.day()),
        Piece::DayName => text.write_str(day_name(moment.date())),
        Piece::Hour24 => write!(text, "{:02}", moment.hour()),
        Piece::Hour12 => write!(text, "{:02}", moment.hour12().1),
        Piece::Half => text.write_str(if moment.hour12().0 { "PM" } else { "AM" }),
        Piece::Minute => write!(text, "{:02}", moment.minute()),
        Piece::Second => write!(text, "{:02}", moment.second()),
        Piece::Fraction(digits) => {
            let nine = format!("{:09}", moment.nanosecond() % 1_000_000_000);
            text.write_str(nine.get(..*digits).unwrap_or_default())
        }
        Piece::Offset { .. } | Piece::OffsetHour if offset.is_none() => text.write_char('Z'),
        Piece::Offset { colon } => {
            let separator = if *colon { ":" } else { "" };
            text.write_str(&offset_text(offset.unwrap_or(0), separator))
        }
        Piece::OffsetHour => {
            let digits = offset_text(offset.unwrap_or(0), "");
            text.write_str(digits.get(..3).unwrap_or_default())
        }
        Piece::OffsetMinute => {
            let digits = offset.map(|offset| offset_text(offset, ""));
            text.write_str(
                digits
                    .as_deref()
                    .and_then(|text| text.get(3..))
                    .unwrap_or_default(),
            )
        }
        Piece::Literal(literal) => text.write_str(literal),
    }
}

/// What a text said so far.
#[derive(Default)]
struct Parts {
    year: Option<i32>,
    month: Option<u32>,
    day: Option<u32>,
    hour: u32,
    afternoon: Option<bool>,
    minute: u32,
    second: u32,
    nanos: u32,
    offset: Option<i32>,
    /// The first year that two digits can mean.
    century: i32,
}

impl Parts {
    /// Reads one piece and gives what follows it.
    fn read<'a>(&mut self, piece: &Piece, text: &'a str) -> Option<&'a str> {
        let number = |most| digits(text, most);
        match piece {
            Piece::Year => {
                let (value, rest) = number(4)?;
                self.year = Some(value.cast_signed());
                Some(rest)
            }
            Piece::ShortYear => {
                let (value, rest) = number(2)?;
                let ahead = (value.cast_signed() - self.century).rem_euclid(100);
                self.year = Some(self.century + ahead);
                Some(rest)
            }
            Piece::Month => number(2).map(|(value, rest)| {
                self.month = Some(value);
                rest
            }),
            Piece::MonthName | Piece::LongMonthName => {
                let value = month_number(text.get(..3)?)?;
                self.month = Some(value);
                let full = MONTHS.get(value as usize - 1)?;
                let long = *piece == Piece::LongMonthName || starts_with(text, full);
                text.get(
                    if long && starts_with(text, full) {
                        full.len()
                    } else {
                        3
                    }..,
                )
            }
            Piece::Day => number(2).map(|(value, rest)| {
                self.day = Some(value);
                rest
            }),
            Piece::DayName => {
                let head = text.get(..3)?;
                DAYS.iter().find(|name| name.eq_ignore_ascii_case(head))?;
                text.get(3..)
            }
            Piece::Hour24 | Piece::Hour12 => number(2).map(|(value, rest)| {
                self.hour = value;
                rest
            }),
            Piece::Half => {
                self.afternoon = Some(match text.get(..2)?.to_ascii_uppercase().as_str() {
                    "AM" => false,
                    "PM" => true,
                    _ => return None,
                });
                text.get(2..)
            }
            Piece::Minute => number(2).map(|(value, rest)| {
                self.minute = value;
                rest
            }),
            Piece::Second => number(2).map(|(value, rest)| {
                self.second = value;
                rest
            }),
            Piece::Fraction(_) => {
                let end = text
                    .find(|c: char| !c.is_ascii_digit())
                    .unwrap_or(text.len());
                self.nanos = nanoseconds(text.get(..end)?)?;
                text.get(end..)
            }
            Piece::Offset { .. } => {
                let end = text
                    .find(|c: char| !c.is_ascii_digit() && !"+-:Zz".contains(c))
                    .unwrap_or(text.len());
                self.offset = Some(parse_offset(text.get(..end)?)?);
                text.get(end..)
            }
            Piece::OffsetHour => {
                self.offset = Some(parse_offset(text.get(..3)?)?);
                text.get(3..)
            }
            Piece::OffsetMinute => {
                let (minutes, rest) = number(2)?;
                let hours = self.offset.unwrap_or(0);
                let minutes = minutes.cast_signed() * 60;
                self.offset = Some(if hours < 0 {
                    hours - minutes
                } else {
                    hours + minutes
                });
                Some(rest)
            }
            Piece::Literal(literal) => text.strip_prefix(literal.as_str()),
        }
    }

    fn moment(&self) -> Option<NaiveDateTime> {
        let hour = match self.afternoon {
            None => self.hour,
            Some(_) if self.hour > 12 => return None,
            Some(afternoon) => self.hour % 12 + if afternoon { 12 } else { 0 },
        };
        let date = NaiveDate::from_ymd_opt(
            self.year.unwrap_or(1970),
            self.month.unwrap_or(1),
            self.day.unwrap_or(1),
        )?;
        let time = NaiveTime::from_hms_nano_opt(hour, self.minute, self.second, self.nanos)?;
        Some(date.and_time(time))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn writes_and_reads_back() {
        for (format, text) in [
            ("YYYYMMDD", "20240304"),
            ("yyyy-mm-dd", "2024-03-04"),
            ("DD-MON-YYYY", "04-Mar-2024"),
            ("DY, DD MMMM YYYY", "Mon, 04 March 2024"),
            ("MM/DD/YY HH12:MI AM", "03/04/24 05:06 PM"),
            ("YYYY-MM-DD\"T\"HH24:MI:SS.FF3", "2024-03-04T17:06:07.125"),
        ] {
            let format = DateFormat::new(format).unwrap();
            let (moment, _) = format.parse_zoned(text, 1970).unwrap();
            assert_eq!(format.text_at(moment, None), text);
        }
    }

    #[test]
    fn refuses_other_text() {
        let format = DateFormat::new("YYYY-MM-DD").unwrap();
        for text in ["2024-03", "2024-02-30", "2024-03-04 05:06", "04.03.2024"] {
            assert_eq!(format.parse_zoned(text, 1970), None, "{text}");
        }
    }

    #[test]
    fn letters_that_name_no_element_stand_for_themselves() {
        let format = DateFormat::new("mm/dd/yyyy, hh24:mi hours").unwrap();
        let (moment, _) = format.parse_zoned("04/05/2013, 01:02 hours", 1970).unwrap();
        assert_eq!(format.text_at(moment, None), "04/05/2013, 01:02 hours");
        let format = DateFormat::new("Month").unwrap();
        assert_eq!(format.text_at(moment, None), "Aprth");
    }
}
