//! `strptime` and `fromisoformat`: dates and times read from text.

use chrono::{NaiveDate, NaiveDateTime, NaiveTime};
use diagnostic::Result;

use super::strftime::{day_name, month_name};
use super::zone::Zone;
use crate::fail::bad_value;

/// What has been read so far.
#[derive(Default)]
struct Parts {
    year: Option<i32>,
    month: Option<u32>,
    day: Option<u32>,
    ordinal: Option<u32>,
    hour: u32,
    minute: u32,
    second: u32,
    micro: u32,
    afternoon: Option<bool>,
    zone: Option<Zone>,
}

/// Reads `text` by a `strptime` pattern.
pub(super) fn parse(text: &str, pattern: &str) -> Result<(NaiveDateTime, Option<Zone>)> {
    let mismatch = || {
        bad_value(format!(
            "the time '{text}' does not match the format '{pattern}'"
        ))
    };
    let mut parts = Parts::default();
    let mut rest = text;
    let mut directives = pattern.chars();
    while let Some(c) = directives.next() {
        if c.is_whitespace() {
            rest = rest.trim_start();
        } else if c == '%' {
            let Some(directive) = directives.next() else {
                return Err(bad_value("the format ends with a single `%`"));
            };
            let known = "YmdHIMSfyjbBhaApzZ%TDF".contains(directive);
            if !known {
                return Err(bad_value(format!(
                    "`strptime` has no directive `%{directive}`"
                )));
            }
            rest = parts.read(directive, rest).ok_or_else(mismatch)?;
        } else {
            rest = rest.strip_prefix(c).ok_or_else(mismatch)?;
        }
    }
    if !rest.is_empty() {
        return Err(bad_value(format!("unconverted data remains: '{rest}'")));
    }
    parts
        .finish()
        .ok_or_else(|| bad_value(format!("'{text}' is no date and time")))
}

impl Parts {
    /// Reads one directive; what is left, or `None` if the text does not fit.
    fn read<'a>(&mut self, directive: char, text: &'a str) -> Option<&'a str> {
        let number = |low: usize, high: usize| digits(text, low, high);
        Some(match directive {
            'Y' => keep(number(4, 4)?, |n| self.year = i32::try_from(n).ok()),
            'y' => keep(number(2, 2)?, |n| {
                self.year = i32::try_from(if n < 69 { 2000 + n } else { 1900 + n }).ok();
            }),
            'm' => keep(number(1, 2)?, |n| self.month = Some(n)),
            'd' => keep(number(1, 2)?, |n| self.day = Some(n)),
            'H' | 'I' => keep(number(1, 2)?, |n| self.hour = n),
            'M' => keep(number(1, 2)?, |n| self.minute = n),
            'S' => keep(number(1, 2)?, |n| self.second = n),
            'j' => keep(number(1, 3)?, |n| self.ordinal = Some(n)),
            'f' => {
                let (n, rest) = number(1, 6)?;
                let read = text.len() - rest.len();
                self.micro = n * 10_u32.pow(u32::try_from(6 - read).ok()?);
                rest
            }
            'b' | 'B' | 'h' => {
                let (index, rest) = name(text, (1..=12).map(month_name))?;
                self.month = Some(index + 1);
                rest
            }
            'a' | 'A' => name(text, (0..7).map(day_name))?.1,
            'p' => {
                let (index, rest) = name(text, ["AM", "PM"].into_iter())?;
                self.afternoon = Some(index == 1);
                rest
            }
            'z' => {
                let (zone, rest) = offset(text)?;
                self.zone = Some(zone);
                rest
            }
            'Z' => {
                let (_, rest) = name(text, ["UTC", "GMT"].into_iter())?;
                rest
            }
            '%' => text.strip_prefix('%')?,
            'T' => self.read_all("H:M:S", text)?,
            'D' => self.read_all("m/d/y", text)?,
            _ => self.read_all("Y-m-d", text)?,
        })
    }

    fn read_all<'a>(&mut self, directives: &str, mut text: &'a str) -> Option<&'a str> {
        for c in directives.chars() {
            text = if c.is_ascii_alphabetic() {
                self.read(c, text)?
            } else {
                text.strip_prefix(c)?
            };
        }
        Some(text)
    }

    fn finish(self) -> Option<(NaiveDateTime, Option<Zone>)> {
        let hour = match self.afternoon {
            Some(true) => self.hour % 12 + 12,
            Some(false) => self.hour % 12,
            None => self.hour,
        };
        let year = self.year.unwrap_or(1900);
        let day = match self.ordinal {
            Some(ordinal) if self.month.is_none() && self.day.is_none() => {
                NaiveDate::from_yo_opt(year, ordinal)?
            }
            _ => NaiveDate::from_ymd_opt(year, self.month.unwrap_or(1), self.day.unwrap_or(1))?,
        };
        let time = NaiveTime::from_hms_micro_opt(hour, self.minute, self.second, self.micro)?;
        Some((day.and_time(time), self.zone))
    }
}

fn keep((number, rest): (u32, &str), mut set: impl FnMut(u32)) -> &str {
    set(number);
    rest
}

fn digits(text: &str, low: usize, high: usize) -> Option<(u32, &str)> {
    let count = text
        .bytes()
        .take(high)
        .take_while(u8::is_ascii_digit)
        .count();
    if count < low {
        return None;
    }
    Some((text[..count].parse().ok()?, &text[count..]))
}

/// The longest of `names`, in full or by three letters, that the text starts with.
fn name(text: &str, names: impl Iterator<Item = &'static str>) -> Option<(u32, &str)> {
    let lower = text.to_ascii_lowercase();
    for (index, name) in (0_u32..).zip(names) {
        let name = name.to_ascii_lowercase();
        for candidate in [name.as_str(), name.get(..3).unwrap_or(&name)] {
            if lower.starts_with(candidate) {
                return Some((index, &text[candidate.len()..]));
            }
        }
    }
    None
}

/// `+0200`, `+02:00`, `Z`, with or without seconds.
fn offset(text: &str) -> Option<(Zone, &str)> {
    if let Some(rest) = text.strip_prefix(['Z', 'z']) {
        return Some((Zone::utc(), rest));
    }
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let (hours, mut rest) = digits(text.strip_prefix(['+', '-'])?, 2, 2)?;
    let mut seconds = hours * 3600;
    for unit in [60, 1] {
        let next = rest.strip_prefix(':').unwrap_or(rest);
        let Some((number, after)) = digits(next, 2, 2) else {
            break;
        };
        seconds += number * unit;
        rest = after;
    }
    let seconds = i32::try_from(seconds)
        .ok()
        .filter(|seconds| *seconds < 86_400)?;
    Some((Zone::Fixed(sign * seconds, None), rest))
}

/// `2024-01-31` or `20240131`.
pub(super) fn iso_date(text: &str) -> Option<NaiveDate> {
    let pattern = if text.contains('-') { "Y-m-d" } else { "Ymd" };
    let strict = text.len() == if text.contains('-') { 10 } else { 8 };
    let mut parts = Parts::default();
    let rest = parts.read_all(pattern, text)?;
    let day = parts.finish()?.0.date();
    (strict && rest.is_empty()).then_some(day)
}

/// `10:20:30.123456+02:00`, from hours alone up.
pub(super) fn iso_time(text: &str) -> Option<(NaiveTime, Option<Zone>)> {
    let (hour, mut rest) = digits(text, 2, 2)?;
    let mut parts = Parts {
        hour,
        ..Parts::default()
    };
    for index in 0..2 {
        let next = rest.strip_prefix(':').unwrap_or(rest);
        let Some((number, after)) = digits(next, 2, 2) else {
            break;
        };
        if index == 0 {
            parts.minute = number
        } else {
            parts.second = number
        }
        rest = after;
    }
    if let Some(fraction) = rest.strip_prefix(['.', ',']) {
        let count = fraction.bytes().take_while(u8::is_ascii_digit).count();
        let shown: String = fraction[..count]
            .chars()
            .chain("000000".chars())
            .take(6)
            .collect();
        parts.micro = shown.parse().ok().filter(|_| count > 0)?;
        rest = &fraction[count..];
    }
    if !rest.is_empty() {
        let (zone, after) = offset(rest)?;
        parts.zone = Some(zone).filter(|_| after.is_empty());
        parts.zone.as_ref()?;
    }
    let (at, zone) = parts.finish()?;
    Some((at.time(), zone))
}

/// A date, or a date and a time with any one character between them.
pub(super) fn iso_moment(text: &str) -> Option<(NaiveDateTime, Option<Zone>)> {
    let length = if text.as_bytes().get(4) == Some(&b'-') {
        10
    } else {
        8
    };
    let day = iso_date(text.get(..length)?)?;
    let mut rest = text[length..].chars();
    if rest.next().is_none() {
        return Some((day.and_time(NaiveTime::MIN), None));
    }
    let (time, zone) = iso_time(rest.as_str())?;
    Some((day.and_time(time), zone))
}
