//! [`CellRange`]: a rectangle of a spreadsheet.

use std::str::FromStr;

/// A rectangle of cells, from 0, its ends included. A side that is open goes on to the sheet's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CellRange {
    /// Rows.
    pub rows: (u32, Option<u32>),
    /// Columns.
    pub columns: (u32, Option<u32>),
}

impl FromStr for CellRange {
    type Err = String;

    /// `B3:F100`, `B3`, `B:F` or `3:100`.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no range of cells such as `B3:F100`");
        let (from, to) = match text.split_once(':') {
            Some((from, to)) => (cell(from), Some(cell(to).ok_or_else(wrong)?)),
            None => (cell(text), None),
        };
        let (column, row) = from.ok_or_else(wrong)?;
        let (last_column, last_row) = to.unwrap_or_default();
        let range = Self {
            rows: (row.unwrap_or_default(), last_row),
            columns: (column.unwrap_or_default(), last_column),
        };
        let backwards = |(first, last): (u32, Option<u32>)| last.is_some_and(|last| last < first);
        match backwards(range.rows) || backwards(range.columns) {
            true => Err(wrong()),
            false => Ok(range),
        }
    }
}

/// Column and row of `AB12`, from 0; either may be left out.
fn cell(text: &str) -> Option<(Option<u32>, Option<u32>)> {
    let text = text.trim().replace('$', "").to_ascii_uppercase();
    let letters = text.len()
        - text
            .trim_start_matches(|c: char| c.is_ascii_uppercase())
            .len();
    let (letters, digits) = text.split_at(letters);
    let column = letters.bytes().try_fold(0_u32, |column, letter| {
        column
            .checked_mul(26)?
            .checked_add(u32::from(letter - b'A') + 1)
    })?;
    let row = match digits {
        "" => 0,
        digits => digits.parse::<u32>().ok().filter(|row| *row > 0)?,
    };
    let both = (column.checked_sub(1), row.checked_sub(1));
    (both != (None, None)).then_some(both)
}

#[cfg(test)]
mod tests {
    use super::CellRange;

    #[test]
    fn ranges_are_read_as_spreadsheets_write_them() {
        let range = |text: &str| text.parse::<CellRange>().ok().map(|r| (r.rows, r.columns));
        assert_eq!(range("B3:F100"), Some(((2, Some(99)), (1, Some(5)))));
        assert_eq!(range("$A$1:AA2"), Some(((0, Some(1)), (0, Some(26)))));
        assert_eq!(range("C5"), Some(((4, None), (2, None))));
        assert_eq!(range("B:D"), Some(((0, None), (1, Some(3)))));
        assert_eq!(range("2:9"), Some(((1, Some(8)), (0, None))));
        for wrong in ["", "B0", "F3:B9", "B3-F9", "é1"] {
            assert_eq!(range(wrong), None, "{wrong}");
        }
    }
}
