//! Rows one below the other, a line for every value: for many columns on a narrow screen.

use std::io::Write;

use super::{Cell, RowWriter, SHELL_NULL};
use crate::display::human;

pub(super) struct ExpandedWriter<'w> {
    out: Box<dyn Write + Send + 'w>,
    columns: Vec<String>,
    rows: usize,
}

impl<'w> ExpandedWriter<'w> {
    pub(super) fn new(columns: &[String], out: Box<dyn Write + Send + 'w>) -> Self {
        let letters = |name: &String| name.chars().count();
        let widest = columns.iter().map(letters).max().unwrap_or(0);
        let pad = |name: &String| format!("{name}{}", " ".repeat(widest - letters(name)));
        Self {
            out,
            columns: columns.iter().map(pad).collect(),
            rows: 0,
        }
    }
}

impl RowWriter for ExpandedWriter<'_> {
    fn row(&mut self, cells: &[Cell<'_>]) -> std::io::Result<()> {
        self.rows += 1;
        writeln!(self.out, "-[ row {} ]-", human::count(self.rows as u64))?;
        for (column, cell) in self.columns.iter().zip(cells) {
            let value = cell.as_text().unwrap_or(SHELL_NULL);
            writeln!(self.out, "{column} | {value}")?;
        }
        Ok(())
    }

    fn finish(&mut self) -> std::io::Result<()> {
        writeln!(self.out, "{}", human::counted(self.rows, "row"))?;
        self.out.flush()
    }
}
