//! [`Hits`]: which rows of a table a statement changes, and whether it changes one in two ways.

use diagnostic::{Error, Result, codes};

/// What happens to a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Nothing.
    #[default]
    Stays,
    /// It goes.
    Deleted,
    /// Another row comes in its place.
    Updated,
}

/// What becomes of a row that several source rows match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Several {
    /// The first one found counts.
    First,
    /// The result would depend on chance: an error. Several deletions of one row are none.
    Refused,
}

/// The fate of every row of every file.
pub(crate) struct Hits {
    files: Vec<Vec<Fate>>,
    several: Several,
    pub(crate) updated: u64,
    pub(crate) deleted: u64,
}

impl Hits {
    /// No hits yet, on a table of `files` files.
    pub(crate) fn new(files: usize, several: Several) -> Self {
        Self {
            files: vec![Vec::new(); files],
            several,
            updated: 0,
            deleted: 0,
        }
    }

    /// Gives row `row` of file `file` its fate. `false` if it has one already.
    pub(crate) fn mark(&mut self, file: u32, row: u64, fate: Fate) -> Result<bool> {
        let (Ok(file), Ok(row)) = (usize::try_from(file), usize::try_from(row)) else {
            return Err(unknown_row());
        };
        let rows = self.files.get_mut(file).ok_or_else(unknown_row)?;
        if rows.len() <= row {
            rows.resize((row + 1).max(rows.len() * 2), Fate::Stays);
        }
        let before = std::mem::replace(rows.get_mut(row).ok_or_else(unknown_row)?, fate);
        match (before, fate) {
            (Fate::Stays, Fate::Updated) => self.updated += 1,
            (Fate::Stays, _) => self.deleted += 1,
            (Fate::Deleted, Fate::Deleted) => {}
            (before, _) => {
                if self.several == Several::Refused {
                    return Err(several());
                }
                if let Some(kept) = rows.get_mut(row) {
                    *kept = before;
                }
            }
        }
        Ok(before == Fate::Stays)
    }

    /// The files with rows that change, each with the fates of its rows; rows past the end of the list stay.
    pub(crate) fn into_touched(self) -> Vec<(usize, Vec<Fate>)> {
        self.files
            .into_iter()
            .enumerate()
            .filter(|(_, rows)| rows.iter().any(|fate| *fate != Fate::Stays))
            .collect()
    }
}

fn unknown_row() -> Error {
    Error::new(codes::X0001, "A statement changes a row that is not there")
}

fn several() -> Error {
    Error::new(
        codes::E1005,
        "MERGE found several source rows for one target row, so its result would depend on chance",
    )
    .help(
        "make the source unique by the columns of the ON condition, for example with \
         `qualify row_number() over (…) = 1`",
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::{Fate, Hits, Several};

    #[test]
    fn a_row_has_one_fate() {
        let mut hits = Hits::new(2, Several::First);
        assert!(hits.mark(1, 7, Fate::Updated).unwrap());
        assert!(!hits.mark(1, 7, Fate::Deleted).unwrap());
        assert!(hits.mark(1, 3, Fate::Deleted).unwrap());
        assert_eq!((hits.updated, hits.deleted), (1, 1));
        let touched = hits.into_touched();
        assert_eq!(touched.len(), 1);
        assert_eq!(touched[0].1[7], Fate::Updated);
    }

    #[test]
    fn deleting_twice_is_no_contradiction() {
        let mut hits = Hits::new(1, Several::Refused);
        hits.mark(0, 0, Fate::Deleted).unwrap();
        hits.mark(0, 0, Fate::Deleted).unwrap();
        assert_eq!(
            hits.mark(0, 0, Fate::Updated).unwrap_err().code().id,
            "E1005"
        );
        let mut hits = Hits::new(1, Several::Refused);
        hits.mark(0, 0, Fate::Updated).unwrap();
        assert!(hits.mark(0, 0, Fate::Updated).is_err());
    }
}
