//! [`Span`]: the dates that the rows of a file are of, as its path says them.

use chrono::{Days, Months, NaiveDate};
use indexmap::IndexMap;

/// From one day to another, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    first: NaiveDate,
    last: NaiveDate,
}

impl Span {
    /// One day.
    pub(crate) fn day(day: NaiveDate) -> Self {
        Self {
            first: day,
            last: day,
        }
    }

    fn months(first: NaiveDate, count: u32) -> Option<Self> {
        let next = first.checked_add_months(Months::new(count))?;
        Some(Self {
            first,
            last: next.checked_sub_days(Days::new(1))?,
        })
    }

    /// Whether some day of it lies between `from` and `to`.
    pub(crate) fn meets(self, from: Option<NaiveDate>, to: Option<NaiveDate>) -> bool {
        from.is_none_or(|from| self.last >= from) && to.is_none_or(|to| self.first <= to)
    }

    /// What the path `name` says, whose values by name are `values`: the value that orders batches comes first,
    /// then `year`, `month` and `day`, then the first value that is a date, then the first date in the path.
    pub(crate) fn of_path(
        name: &str,
        values: &IndexMap<String, String>,
        batch: Option<&str>,
    ) -> Option<Self> {
        let batch = batch.and_then(|batch| values.get(batch));
        batch
            .and_then(|value| Self::of_value(value))
            .or_else(|| Self::of_parts(values))
            .or_else(|| values.values().find_map(|value| Self::of_value(value)))
            .or_else(|| find(name))
    }

    /// `2026-08-01` with or without a time behind it, `20260801` with or without hours, `2026-08`.
    fn of_value(text: &str) -> Option<Self> {
        if let Some(day) = day_at(text.as_bytes(), 0) {
            return Some(Self::day(day));
        }
        let (year, month) = text.split_once('-')?;
        let month = (year.len() == 4 && month.len() == 2).then_some(month)?;
        Self::months(
            NaiveDate::from_ymd_opt(year.parse().ok()?, month.parse().ok()?, 1)?,
            1,
        )
    }

    fn of_parts(values: &IndexMap<String, String>) -> Option<Self> {
        let value = |names: [&str; 2]| {
            let mut found = values.iter();
            let found =
                found.find(|(key, _)| names.iter().any(|name| key.eq_ignore_ascii_case(name)));
            found.and_then(|(_, value)| value.parse::<u32>().ok())
        };
        let year = i32::try_from(value(["year", "y"])?).ok()?;
        let Some(month) = value(["month", "m"]) else {
            return Self::months(NaiveDate::from_ymd_opt(year, 1, 1)?, 12);
        };
        match value(["day", "d"]) {
            Some(day) => NaiveDate::from_ymd_opt(year, month, day).map(Self::day),
            None => Self::months(NaiveDate::from_ymd_opt(year, month, 1)?, 1),
        }
    }
}

/// The first date in a path: `2026-08-01`, `2026/08/01`, `2026_08_01`, `20260801`.
fn find(path: &str) -> Option<Span> {
    let bytes = path.as_bytes();
    let begins = |at: usize| at == 0 || !bytes.get(at - 1).is_some_and(u8::is_ascii_digit);
    let days = (0..bytes.len()).filter(|at| begins(*at));
    days.filter_map(|at| day_at(bytes, at))
        .map(Span::day)
        .next()
}

/// The day whose digits begin at `at`, if it stands there.
fn day_at(bytes: &[u8], at: usize) -> Option<NaiveDate> {
    let number = |from: usize, length: usize| -> Option<u32> {
        let digits = bytes.get(from..from + length)?;
        let all = digits.iter().all(u8::is_ascii_digit);
        let value = |sum: u32, digit: &u8| sum * 10 + u32::from(digit - b'0');
        all.then(|| digits.iter().fold(0, value))
    };
    let is_digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let year = number(at, 4)?;
    let between = *bytes.get(at + 4)?;
    let (month, day, end) = if between.is_ascii_digit() {
        (number(at + 4, 2)?, number(at + 6, 2)?, at + 8)
    } else {
        let same =
            matches!(between, b'-' | b'/' | b'_' | b'.') && bytes.get(at + 7) == Some(&between);
        same.then_some(())?;
        (number(at + 5, 2)?, number(at + 8, 2)?, at + 10)
    };
    let is_plain = between.is_ascii_digit();
    // Hours, minutes and seconds may follow at once; one more digit makes it another number.
    let behind = (end..).take_while(|at| is_digit(*at)).count();
    let ends = if is_plain {
        matches!(behind, 0 | 2 | 4 | 6)
    } else {
        behind == 0
    };
    let year = i32::try_from(year)
        .ok()
        .filter(|year| (1900..2200).contains(year))?;
    ends.then(|| NaiveDate::from_ymd_opt(year, month, day))
        .flatten()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use chrono::NaiveDate;
    use indexmap::IndexMap;

    use super::Span;

    fn span(path: &str, values: &[(&str, &str)], batch: Option<&str>) -> Option<(String, String)> {
        let values: IndexMap<String, String> = values
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        let span = Span::of_path(path, &values, batch)?;
        Some((span.first.to_string(), span.last.to_string()))
    }

    #[test]
    fn reads_dates_as_paths_say_them() {
        let day = |day: &str| Some((day.to_owned(), day.to_owned()));
        assert_eq!(
            span(
                "a.csv",
                &[("loaded", "2026-01-01"), ("run_date", "2026-08-01")],
                Some("run_date")
            ),
            day("2026-08-01")
        );
        assert_eq!(
            span("a", &[("eu", "x"), ("dt", "20260801")], None),
            day("2026-08-01")
        );
        assert_eq!(
            span("a", &[("hour", "2026080113")], None),
            day("2026-08-01")
        );
        assert_eq!(
            span(
                "a",
                &[("year", "2024"), ("month", "2"), ("day", "29")],
                None
            ),
            day("2024-02-29")
        );
        assert_eq!(
            span("a", &[("year", "2024"), ("month", "02")], None),
            Some(("2024-02-01".to_owned(), "2024-02-29".to_owned()))
        );
        assert_eq!(
            span("a", &[("month", "2026-08")], None),
            Some(("2026-08-01".to_owned(), "2026-08-31".to_owned()))
        );
        assert_eq!(span("2026/08/01/a.csv", &[], None), day("2026-08-01"));
        assert_eq!(
            span("export_20260801T1200.csv", &[], None),
            day("2026-08-01")
        );
        assert_eq!(span("orders-2026-08-01.csv", &[], None), day("2026-08-01"));
        for none in [
            "a.csv",
            "123456789.csv",
            "99999999.csv",
            "20260801123.csv",
            "2026-13-01.csv",
        ] {
            assert_eq!(span(none, &[], None), None, "{none}");
        }
    }

    #[test]
    fn a_month_meets_each_of_its_days() {
        let day = |text: &str| Some(text.parse::<NaiveDate>().unwrap());
        let month = Span::of_value("2026-08").unwrap();
        assert!(month.meets(day("2026-08-31"), day("2026-09-02")));
        assert!(!month.meets(day("2026-09-01"), None));
        assert!(!month.meets(None, day("2026-07-31")));
        assert!(month.meets(None, None));
    }
}
