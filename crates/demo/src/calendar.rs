//! The days of the demo, rendered once. Day 0 is 2026-07-21, well before the first drop.

use chrono::{Datelike, Days, NaiveDate};

/// The first drop's day: 2026-08-01.
const FIRST_DROP: i64 = 11;
/// Days before day 0 that a date may name.
const BEFORE: i64 = 30;

/// Dates as the files write them.
pub(crate) struct Calendar {
    days: Vec<Day>,
}

struct Day {
    text: [u8; 10],
    year: i32,
    iso: String,
}

impl Calendar {
    /// Enough days for `drops` daily drops.
    pub(crate) fn new(drops: u32) -> Self {
        let zero = NaiveDate::from_ymd_opt(2026, 7, 21).unwrap_or_default();
        let last = BEFORE + i64::from(drops) + FIRST_DROP + 30;
        let days = (0..last)
            .filter_map(|offset| {
                let back = Days::new(BEFORE.unsigned_abs());
                let date = zero
                    .checked_sub_days(back)?
                    .checked_add_days(Days::new(offset.unsigned_abs()))?;
                let mut text = [0; 10];
                text.copy_from_slice(date.format("%d-%m-%Y").to_string().as_bytes());
                Some(Day {
                    text,
                    year: date.year(),
                    iso: date.format("%Y-%m-%d").to_string(),
                })
            })
            .collect();
        Self { days }
    }

    fn day(&self, day: i64) -> &Day {
        let at = usize::try_from(day + BEFORE).unwrap_or(0);
        &self.days[at.min(self.days.len() - 1)]
    }

    /// A day as `dd-MM-yyyy`.
    pub(crate) fn text(&self, day: i64) -> &[u8; 10] {
        &self.day(day).text
    }

    /// The year of a day.
    pub(crate) fn year(&self, day: i64) -> i32 {
        self.day(day).year
    }

    /// The folder of a drop: `run_date=2026-08-01` for drop 0.
    pub(crate) fn folder(&self, drop: u32) -> String {
        format!("run_date={}", self.day(i64::from(drop) + FIRST_DROP).iso)
    }
}

#[cfg(test)]
mod tests {
    use super::Calendar;

    #[test]
    fn knows_its_days() {
        let calendar = Calendar::new(40);
        assert_eq!(calendar.folder(0), "run_date=2026-08-01");
        assert_eq!(calendar.folder(31), "run_date=2026-09-01");
        assert_eq!(calendar.text(0), b"21-07-2026");
        assert_eq!(calendar.text(-1), b"20-07-2026");
    }
}
