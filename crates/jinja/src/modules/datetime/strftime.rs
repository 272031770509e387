//! `strftime`: dates and times as text by a pattern.

use std::fmt::Write as _;

use chrono::{Datelike as _, NaiveDateTime, Timelike as _};
use diagnostic::Result;

use super::zone::{Zone, offset_text};
use crate::fail::bad_value;

const DAYS: [&str; 7] = [
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
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

/// The name of a month (from 1) in full.
pub(super) fn month_name(month: u32) -> &'static str {
    MONTHS
        .get(month.saturating_sub(1) as usize)
        .copied()
        .unwrap_or_default()
}

/// The name of a day (from Monday) in full.
pub(super) fn day_name(day: u32) -> &'static str {
    DAYS.get(day as usize).copied().unwrap_or_default()
}

/// Formats as Python on Linux: the C directives, and `-`, `_`, `0`, `^` as modifiers.
pub(super) fn format(at: &NaiveDateTime, zone: Option<&Zone>, pattern: &str) -> Result<String> {
    let mut out = String::with_capacity(pattern.len() + 16);
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        let mut modifier = None;
        let mut directive = chars.next();
        if let Some(found @ ('-' | '_' | '0' | '^')) = directive {
            modifier = Some(found);
            directive = chars.next();
        }
        let Some(directive) = directive else {
            out.push('%');
            break;
        };
        let text = one(at, zone, directive)?;
        match modifier {
            Some('-') => {
                let short = text.trim_start_matches(['0', ' ']);
                let none_left = short.is_empty() && !text.is_empty();
                out.push_str(if none_left { "0" } else { short });
            }
            Some('_') => {
                let short = text.trim_start_matches('0');
                let short = if short.is_empty() { "0" } else { short };
                let _ = write!(out, "{short:>width$}", width = text.len());
            }
            Some('^') => out.push_str(&text.to_uppercase()),
            Some('0') => out.push_str(&text.replace(' ', "0")),
            _ => out.push_str(&text),
        }
    }
    Ok(out)
}

fn one(at: &NaiveDateTime, zone: Option<&Zone>, directive: char) -> Result<String> {
    let micros = at.nanosecond() / 1000;
    let hour12 = at.hour12().1;
    let weekday = at.weekday();
    let again = |pattern: &str| format(at, zone, pattern);
    Ok(match directive {
        'Y' => at.year().to_string(),
        'C' => format!("{:02}", at.year() / 100),
        'y' => format!("{:02}", at.year() % 100),
        'm' => format!("{:02}", at.month()),
        'd' => format!("{:02}", at.day()),
        'e' => format!("{:2}", at.day()),
        'H' => format!("{:02}", at.hour()),
        'k' => format!("{:2}", at.hour()),
        'I' => format!("{hour12:02}"),
        'l' => format!("{hour12:2}"),
        'M' => format!("{:02}", at.minute()),
        'S' => format!("{:02}", at.second()),
        'f' => format!("{micros:06}"),
        'j' => format!("{:03}", at.ordinal()),
        'a' => day_name(weekday.num_days_from_monday())[..3].to_owned(),
        'A' => day_name(weekday.num_days_from_monday()).to_owned(),
        'b' | 'h' => month_name(at.month())[..3].to_owned(),
        'B' => month_name(at.month()).to_owned(),
        'p' => if at.hour() < 12 { "AM" } else { "PM" }.to_owned(),
        'P' => if at.hour() < 12 { "am" } else { "pm" }.to_owned(),
        'w' => weekday.num_days_from_sunday().to_string(),
        'u' => weekday.number_from_monday().to_string(),
        'G' => at.iso_week().year().to_string(),
        'V' => format!("{:02}", at.iso_week().week()),
        'U' => format!(
            "{:02}",
            (at.ordinal0() + 7 - weekday.num_days_from_sunday()) / 7
        ),
        'W' => format!(
            "{:02}",
            (at.ordinal0() + 7 - weekday.num_days_from_monday()) / 7
        ),
        'z' => zone.map_or(String::new(), |zone| {
            offset_text(zone.offset_at_local(at), "")
        }),
        'Z' => zone.map_or(String::new(), |zone| zone.name_at(at)),
        's' => {
            let offset = zone.map_or(0, |zone| zone.offset_at_local(at));
            (at.and_utc().timestamp() - i64::from(offset)).to_string()
        }
        'c' => again("%a %b %e %H:%M:%S %Y")?,
        'x' | 'D' => again("%m/%d/%y")?,
        'X' | 'T' => again("%H:%M:%S")?,
        'F' => again("%Y-%m-%d")?,
        'R' => again("%H:%M")?,
        'r' => again("%I:%M:%S %p")?,
        'n' => "\n".to_owned(),
        't' => "\t".to_owned(),
        '%' => "%".to_owned(),
        other => return Err(bad_value(format!("`strftime` has no directive `%{other}`"))),
    })
}
