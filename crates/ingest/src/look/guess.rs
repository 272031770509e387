//! [`Guess`]: the type that fits all values of a column that were seen. What is not sure is text: a contract that
//! changes nothing is a better start than one that loses a leading zero.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

use model::ColumnType;
use settings::DateFormat;

use crate::value::{DateParser, Precision};

/// Values told apart; beyond, a column may be no key.
const DISTINCT: usize = 100_000;

/// How sources write dates, the likelier ones first. The first that fits all values counts.
const DATES: &[&str] = &[
    "dd-MM-yyyy",
    "dd/MM/yyyy",
    "MM/dd/yyyy",
    "dd.MM.yyyy",
    "yyyy/MM/dd",
    "yyyy.MM.dd",
    "M/d/yyyy",
    "d/M/yyyy",
    "d.M.yyyy",
    "MM-dd-yyyy",
    "dd-MMM-yyyy",
    "d MMM yyyy",
    "MMM d, yyyy",
];

/// How sources write times beside dates.
const TIMES: &[&str] = &["HH:mm:ss", "HH:mm", "HH:mm:ss.SSS"];

/// What is known of a column so far.
pub(super) struct Guess {
    values: u64,
    empty: u64,
    example: Option<String>,
    numbers: bool,
    leading_zero: bool,
    exponent: bool,
    whole_digits: usize,
    fraction_digits: usize,
    booleans: bool,
    json: bool,
    iso_dates: bool,
    iso_times: bool,
    iso_instants: bool,
    has_offset: bool,
    formats: Vec<(String, DateParser)>,
    seen: HashSet<u64>,
    hasher: RandomState,
    repeats: bool,
    blanks: bool,
}

/// A column's type, and what a person should know of the guess.
pub(super) struct Guessed {
    pub(super) kind: ColumnType,
    pub(super) formats: Vec<String>,
    pub(super) note: Option<String>,
    pub(super) example: Option<String>,
    pub(super) empty: u64,
    /// Whether every row had a value of its own.
    pub(super) unique: bool,
    /// Whether values have blanks round them.
    pub(super) blanks: bool,
}

impl Guess {
    pub(super) fn new() -> Self {
        let parser = |format: &str, precision| {
            let parsed: DateFormat = format.parse().ok()?;
            Some((
                format.to_owned(),
                DateParser::new(&[parsed], precision, false),
            ))
        };
        let dates = DATES
            .iter()
            .filter_map(|date| parser(date, Precision::Days));
        let times = ["yyyy-MM-dd"].iter().chain(DATES).flat_map(|date| {
            let both = TIMES.iter().map(move |time| format!("{date} {time}"));
            both.filter_map(|format| parser(&format, Precision::Microseconds))
        });
        Self {
            values: 0,
            empty: 0,
            example: None,
            numbers: true,
            leading_zero: false,
            exponent: false,
            whole_digits: 0,
            fraction_digits: 0,
            booleans: true,
            json: true,
            iso_dates: true,
            iso_times: true,
            iso_instants: true,
            has_offset: false,
            formats: dates.chain(times).collect(),
            seen: HashSet::new(),
            hasher: RandomState::new(),
            repeats: false,
            blanks: false,
        }
    }

    /// A row without a value.
    pub(super) fn nothing(&mut self) {
        self.empty += 1;
    }

    /// A row with the value `text`; `is_text` says that its format calls it a text.
    pub(super) fn value(&mut self, text: &[u8], is_text: bool) {
        let trimmed = text.trim_ascii();
        self.blanks |= trimmed.len() != text.len();
        if trimmed.is_empty() {
            self.empty += 1;
            return;
        }
        self.values += 1;
        if self.example.is_none() {
            self.example = Some(String::from_utf8_lossy(trimmed).into_owned());
        }
        if !self.repeats {
            let is_new = self.seen.insert(self.hasher.hash_one(trimmed));
            self.repeats = !is_new || self.seen.len() > DISTINCT;
        }
        self.number(trimmed, is_text);
        let is = |words: [&[u8]; 2]| words.iter().any(|word| trimmed.eq_ignore_ascii_case(word));
        self.booleans &= !is_text && is([b"true", b"false"]);
        let ends = (trimmed.first(), trimmed.last());
        let is_json = matches!(ends, (Some(b'{'), Some(b'}')) | (Some(b'['), Some(b']')));
        self.json &= is_json && serde_json::from_slice::<serde_json::Value>(trimmed).is_ok();
        self.moments(trimmed);
    }

    fn number(&mut self, text: &[u8], is_text: bool) {
        if !self.numbers {
            return;
        }
        let unsigned = match text {
            [b'+' | b'-', rest @ ..] => rest,
            all => all,
        };
        let mantissa_end = unsigned.iter().position(|byte| matches!(byte, b'e' | b'E'));
        let (mantissa, exponent) = unsigned.split_at(mantissa_end.unwrap_or(unsigned.len()));
        let digits = |part: &[u8]| part.iter().all(u8::is_ascii_digit);
        let mut parts = mantissa.splitn(2, |byte| *byte == b'.');
        let whole = parts.next().unwrap_or_default();
        let fraction = parts.next().unwrap_or_default();
        let power = exponent.get(1..).unwrap_or_default();
        let power = power
            .strip_prefix(b"-")
            .or(power.strip_prefix(b"+"))
            .unwrap_or(power);
        let good = !(whole.is_empty() && fraction.is_empty())
            && digits(whole)
            && digits(fraction)
            && (exponent.is_empty() || (!power.is_empty() && digits(power)));
        self.numbers = good && !is_text;
        self.exponent |= !exponent.is_empty();
        self.leading_zero |= whole.len() > 1 && whole.first() == Some(&b'0');
        self.whole_digits = self.whole_digits.max(whole.len());
        self.fraction_digits = self.fraction_digits.max(fraction.len());
    }

    fn moments(&mut self, text: &[u8]) {
        let fits = |precision| DateParser::new(&[], precision, true).parse(text).is_ok();
        self.iso_dates = self.iso_dates && fits(Precision::Days);
        let was_local = self.iso_times;
        self.iso_times = self.iso_times && fits(Precision::Microseconds);
        self.iso_instants = self.iso_instants && fits(Precision::Instant);
        let time = text.get(10..).unwrap_or_default();
        let names_zone = time.ends_with(b"Z") || time.contains(&b'+') || time.contains(&b'-');
        self.has_offset |= (was_local && !self.iso_times) || names_zone;
        if !self.iso_instants && !self.formats.is_empty() {
            self.formats
                .retain(|(_, parser)| parser.parse(text).is_ok());
        }
    }

    pub(super) fn guessed(self) -> Guessed {
        let unique = !self.repeats && self.empty == 0 && self.values > 1;
        let mut note = None;
        let mut formats = Vec::new();
        let kind = if self.values == 0 {
            note = Some("no value in the sample".to_owned());
            ColumnType::Varchar
        } else if self.booleans {
            ColumnType::Boolean
        } else if self.numbers && self.leading_zero {
            note = Some("digits with leading zeros".to_owned());
            ColumnType::Varchar
        } else if self.numbers {
            self.number_type()
        } else if self.iso_dates {
            ColumnType::Date
        } else if self.iso_instants && self.has_offset {
            ColumnType::TimestampLtz
        } else if self.iso_times {
            ColumnType::TimestampNtz
        } else if self.json {
            ColumnType::Variant
        } else if let Some((format, _)) = self.formats.first() {
            let has_time = format.contains('H');
            formats.push(format.clone());
            // The day before the month, or behind it?
            let swapped = self.formats.iter().skip(1).find(|(other, _)| {
                other.starts_with('M') != format.starts_with('M') && other.len() == format.len()
            });
            if let Some((other, _)) = swapped {
                note = Some(format!("not sure: `{other}` fits the sample, too"));
            }
            match has_time {
                true => ColumnType::TimestampNtz,
                false => ColumnType::Date,
            }
        } else {
            ColumnType::Varchar
        };
        Guessed {
            kind,
            formats,
            note,
            example: self.example,
            empty: self.empty,
            unique,
            blanks: self.blanks,
        }
    }

    /// Room for numbers that are somewhat larger than those of the sample.
    fn number_type(&self) -> ColumnType {
        let scale = self.fraction_digits;
        if self.exponent || scale > 18 || self.whole_digits + scale > 38 {
            return ColumnType::Float;
        }
        let precision = if scale == 0 {
            38
        } else {
            (self.whole_digits + scale + 4).clamp(18, 38)
        };
        ColumnType::Number {
            precision: u8::try_from(precision).unwrap_or(38),
            scale: u8::try_from(scale).unwrap_or(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Guess;

    fn of(values: &[&str]) -> String {
        let mut guess = Guess::new();
        for value in values {
            guess.value(value.as_bytes(), false);
        }
        let guessed = guess.guessed();
        let formats = guessed.formats.join(" ");
        format!("{} {formats}", guessed.kind).trim_end().to_owned()
    }

    #[test]
    fn the_type_fits_every_value() {
        for (values, kind) in [
            (&["1", "-20", "+3"][..], "NUMBER(38,0)"),
            (&["1.50", "2", "-.5"], "NUMBER(18,2)"),
            (&["1e5", "2"], "FLOAT"),
            (&["007", "12"], "VARCHAR"),
            (&["true", "FALSE"], "BOOLEAN"),
            (&["true", "1"], "VARCHAR"),
            (&["2026-08-01", "2024-02-29"], "DATE"),
            (&["2026-08-01", "2026-02-30"], "VARCHAR"),
            (
                &["2026-08-01 12:00:00", "2026-08-01T12:00:00.5"],
                "TIMESTAMP_NTZ",
            ),
            (
                &["2026-08-01T12:00:00Z", "2026-08-01T12:00:00+02:00"],
                "TIMESTAMP_LTZ",
            ),
            (&["31/12/2025", "01/02/2026"], "DATE dd/MM/yyyy"),
            (&["12/31/2025", "01/02/2026"], "DATE MM/dd/yyyy"),
            (
                &["31.12.2025 10:00", "01.02.2026 11:30"],
                "TIMESTAMP_NTZ dd.MM.yyyy HH:mm",
            ),
            (&["{\"a\": 1}", "[1]"], "VARIANT"),
            (&["a", "1"], "VARCHAR"),
            (&[], "VARCHAR"),
        ] {
            assert_eq!(of(values), kind, "{values:?}");
        }
    }

    #[test]
    fn a_guess_that_is_not_sure_says_so() {
        let mut guess = Guess::new();
        guess.value(b"01/02/2026", false);
        guess.value(b"03/02/2026", false);
        let guessed = guess.guessed();
        assert!(guessed.unique);
        assert!(guessed.note.is_some_and(|note| note.contains("MM/dd/yyyy")));
        let mut guess = Guess::new();
        guess.value(b"12", true);
        guess.value(b"12", true);
        let guessed = guess.guessed();
        assert!(!guessed.unique && guessed.kind.to_string() == "VARCHAR");
    }
}
