//! [`Columns`]: aligned columns without borders, as `ls` and the summary of a run show them.

use std::fmt;

use anstyle::Style;

/// At which edge a column's texts stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// Texts.
    Left,
    /// Numbers.
    Right,
}

/// Rows under a heading, two blanks between columns. A column without any text is left out.
pub struct Columns {
    heading: Vec<(&'static str, Align)>,
    rows: Vec<Vec<(String, Style)>>,
}

impl Columns {
    /// No rows yet.
    pub fn new(heading: &[(&'static str, Align)]) -> Self {
        Self {
            heading: heading.to_vec(),
            rows: Vec::new(),
        }
    }

    /// One more row, a text per column.
    pub fn row(&mut self, texts: Vec<String>) {
        self.styled_row(texts.into_iter().map(|text| (text, Style::new())).collect());
    }

    /// One more row, a text and its style per column.
    pub fn styled_row(&mut self, cells: Vec<(String, Style)>) {
        self.rows.push(cells);
    }

    fn width(&self, column: usize) -> Option<usize> {
        let texts = self.rows.iter().filter_map(|row| row.get(column));
        let widest = texts
            .map(|(text, _)| text.chars().count())
            .max()
            .filter(|width| *width > 0)?;
        Some(widest.max(self.heading[column].0.chars().count()))
    }
}

impl fmt::Display for Columns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown: Vec<(usize, usize)> = (0..self.heading.len())
            .filter_map(|column| Some((column, self.width(column)?)))
            .collect();
        let bold = Style::new().bold();
        let heading = self
            .heading
            .iter()
            .map(|(title, _)| ((*title).to_owned(), bold))
            .collect();
        for (at, row) in std::iter::once(&heading).chain(&self.rows).enumerate() {
            if at > 0 {
                f.write_str("\n")?;
            }
            for (place, &(column, width)) in shown.iter().enumerate() {
                let Some((text, style)) = row.get(column) else {
                    continue;
                };
                let gap = width.saturating_sub(text.chars().count());
                let last = place + 1 == shown.len();
                match self.heading[column].1 {
                    Align::Right => write!(f, "{}{style}{text}{style:#}", " ".repeat(gap))?,
                    Align::Left if last => write!(f, "{style}{text}{style:#}")?,
                    Align::Left => write!(f, "{style}{text}{style:#}{}", " ".repeat(gap))?,
                }
                if !last {
                    f.write_str("  ")?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Align, Columns};

    #[test]
    fn aligns_and_leaves_empty_columns_out() {
        let mut columns = Columns::new(&[
            ("asset", Align::Left),
            ("tags", Align::Left),
            ("rows", Align::Right),
        ]);
        columns.row(vec!["silver/sales".into(), String::new(), "37,952".into()]);
        columns.row(vec!["x".into(), String::new(), "1".into()]);
        let plain = anstream::adapter::strip_str(&columns.to_string()).to_string();
        assert_eq!(
            plain,
            "asset           rows\nsilver/sales  37,952\nx                  1"
        );
    }
}
