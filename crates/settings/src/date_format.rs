//! [`DateFormat`]: how a source writes dates and times, in the letters of Spark and Java:
//! `dd-MM-yyyy`, `yyyy-MM-dd HH:mm:ss`.

use std::fmt;
use std::str::FromStr;

/// A date or time pattern, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DateFormat {
    text: String,
    parts: Vec<FormatPart>,
}

/// One part of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FormatPart {
    /// `yyyy`: four digits.
    Year,
    /// `yy`: two digits; 00 to 69 are 2000 to 2069, 70 to 99 are 1970 to 1999.
    YearOfCentury,
    /// `MM`: two digits.
    Month,
    /// `M`: one or two digits.
    MonthUnpadded,
    /// `MMM`: `Jan`.
    MonthShort,
    /// `MMMM`: `January`.
    MonthLong,
    /// `dd`: two digits.
    Day,
    /// `d`: one or two digits.
    DayUnpadded,
    /// `HH`: two digits, 00 to 23.
    Hour,
    /// `mm`: two digits.
    Minute,
    /// `ss`: two digits.
    Second,
    /// `S` to `SSSSSSSSS`: that many digits of a second's fraction.
    Fraction(u8),
    /// `X`, `XX` or `XXX`: `Z`, or hours and minutes east of UTC: `+02`, `+0200`, `+02:00`.
    Offset,
    /// Anything else, as written.
    Literal(char),
}

impl DateFormat {
    /// The parts in order.
    #[must_use]
    pub fn parts(&self) -> &[FormatPart] {
        &self.parts
    }

    /// Whether it names hours.
    #[must_use]
    pub fn has_time(&self) -> bool {
        self.parts.contains(&FormatPart::Hour)
    }

    /// Whether it names a whole date: year, month and day.
    #[must_use]
    pub fn has_date(&self) -> bool {
        use FormatPart::{
            Day, DayUnpadded, Month, MonthLong, MonthShort, MonthUnpadded, Year, YearOfCentury,
        };
        let any = |wanted: &[FormatPart]| self.parts.iter().any(|part| wanted.contains(part));
        any(&[Year, YearOfCentury])
            && any(&[Month, MonthUnpadded, MonthShort, MonthLong])
            && any(&[Day, DayUnpadded])
    }
}

impl fmt::Display for DateFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for DateFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let run = rest.chars().take_while(|c| *c == first).count();
            if first == '\'' {
                // `'T'` is a literal, `''` an apostrophe.
                let inside = &rest[1..];
                let end = inside
                    .find('\'')
                    .ok_or_else(|| format!("`{text}` lacks a closing apostrophe"))?;
                match end {
                    0 => parts.push(FormatPart::Literal('\'')),
                    _ => parts.extend(inside[..end].chars().map(FormatPart::Literal)),
                }
                rest = &inside[end + 1..];
                continue;
            }
            if first.is_alphabetic() {
                parts.push(letters(first, run).ok_or_else(|| {
                    let letters: String = rest.chars().take(run).collect();
                    format!("`{letters}` in `{text}` is not a part of a date")
                })?);
            } else {
                parts.extend(std::iter::repeat_n(FormatPart::Literal(first), run));
            }
            rest = &rest[run * first.len_utf8()..];
        }
        let format = Self {
            text: text.to_owned(),
            parts,
        };
        if !format.has_date() && !format.has_time() {
            return Err(format!("`{text}` names neither a whole date nor a time"));
        }
        Ok(format)
    }
}

fn letters(letter: char, run: usize) -> Option<FormatPart> {
    Some(match (letter, run) {
        ('y', 4) => FormatPart::Year,
        ('y', 2) => FormatPart::YearOfCentury,
        ('M', 1) => FormatPart::MonthUnpadded,
        ('M', 2) => FormatPart::Month,
        ('M', 3) => FormatPart::MonthShort,
        ('M', 4) => FormatPart::MonthLong,
        ('d', 1) => FormatPart::DayUnpadded,
        ('d', 2) => FormatPart::Day,
        ('H', 2) => FormatPart::Hour,
        ('m', 2) => FormatPart::Minute,
        ('s', 2) => FormatPart::Second,
        ('S', 1..=9) => FormatPart::Fraction(u8::try_from(run).ok()?),
        ('X', 1..=3) => FormatPart::Offset,
        _ => return None,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::{DateFormat, FormatPart};

    #[test]
    fn takes_patterns_apart() {
        let format: DateFormat = "dd-MM-yyyy".parse().unwrap();
        assert_eq!(
            format.parts(),
            [
                FormatPart::Day,
                FormatPart::Literal('-'),
                FormatPart::Month,
                FormatPart::Literal('-'),
                FormatPart::Year,
            ]
        );
        assert!(format.has_date() && !format.has_time());
        let format: DateFormat = "yyyy-MM-dd'T'HH:mm:ss.SSS".parse().unwrap();
        assert!(format.has_time());
        assert_eq!(format.parts().last(), Some(&FormatPart::Fraction(3)));
    }

    #[test]
    fn refuses_what_it_would_misread() {
        assert!(
            "DD-MM-YYYY"
                .parse::<DateFormat>()
                .unwrap_err()
                .contains("`DD`")
        );
        assert!("MM-yyyy".parse::<DateFormat>().is_err());
        assert!("yyyy-MM-dd'T".parse::<DateFormat>().is_err());
    }
}
