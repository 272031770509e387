//! How many rows each file of each drop gets, and of which sort, by arithmetic alone.

use diagnostic::{Error, Result, codes};

use crate::Options;
use crate::names::MARKETS;

/// Of this many rows one repeats another exactly, one repeats it with an older date, and (from the
/// second day on) two correct rows of the day before.
const ROUND: u64 = 200;

/// One file: the sales of one market in one day's drop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot {
    /// The day, from 0.
    pub(crate) drop: u32,
    /// Index into [`MARKETS`].
    pub(crate) market: usize,
    /// Rows of all files before this one.
    pub(crate) first_row: u64,
    /// Rows of this file.
    pub(crate) rows: u64,
}

impl Slot {
    /// Rows that repeat a row of this file exactly; as many again repeat it with an older date.
    pub(crate) fn repeats(&self) -> u64 {
        self.rows / ROUND
    }

    /// Rows that correct the same market's rows of the day before.
    pub(crate) fn corrections(&self) -> u64 {
        if self.drop == 0 {
            0
        } else {
            self.rows * 2 / ROUND
        }
    }

    /// Rows that are sales of their own.
    pub(crate) fn sales(&self) -> u64 {
        self.rows - 2 * self.repeats() - self.corrections()
    }

    /// The number of this file's stream of draws.
    pub(crate) fn stream(&self) -> u64 {
        u64::from(self.drop) * 16 + self.market as u64
    }
}

/// Refuses options that cannot be met.
pub(crate) fn check(options: &Options) -> Result<()> {
    let wrong = |message: &str| Err(Error::new(codes::C0103, message));
    if options.rows == 0 || options.rows > 10_000_000_000 {
        return wrong("The demo needs between 1 and 10,000,000,000 rows");
    }
    if options.days == 0 || options.days > 3_650 {
        return wrong("The demo needs between 1 and 3,650 daily drops");
    }
    Ok(())
}

/// The file of one market in one drop.
pub(crate) fn slot(options: &Options, drop: u32, market: usize) -> Slot {
    let day_start = share(options.rows, u64::from(drop), u64::from(options.days));
    let day_rows = share(options.rows, u64::from(drop) + 1, u64::from(options.days)) - day_start;
    let weight = |to: usize| MARKETS[..to].iter().map(|m| m.weight).sum::<u64>();
    let total = weight(MARKETS.len());
    let start = share(day_rows, weight(market), total);
    Slot {
        drop,
        market,
        first_row: day_start + start,
        rows: share(day_rows, weight(market + 1), total) - start,
    }
}

/// The first `part` of `whole` equal shares of `rows`, rounded down.
fn share(rows: u64, part: u64, whole: u64) -> u64 {
    u64::try_from(u128::from(rows) * u128::from(part) / u128::from(whole)).unwrap_or(rows)
}

#[cfg(test)]
mod tests {
    use super::{check, slot};
    use crate::Options;
    use crate::names::MARKETS;

    #[test]
    fn files_cover_all_rows_once() {
        let options = Options {
            rows: 12_345,
            seed: 1,
            days: 7,
        };
        let mut next = 0;
        for drop in 0..options.days {
            for market in 0..MARKETS.len() {
                let slot = slot(&options, drop, market);
                assert_eq!(slot.first_row, next);
                next += slot.rows;
            }
        }
        assert_eq!(next, options.rows);
    }

    #[test]
    fn refuses_nothing_and_too_much() {
        let options = |rows, days| Options {
            rows,
            seed: 0,
            days,
        };
        assert!(check(&options(0, 1)).is_err());
        assert!(check(&options(1, 0)).is_err());
        assert!(check(&options(1, 1)).is_ok());
    }
}
