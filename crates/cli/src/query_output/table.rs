//! Rows in boxes, for people.

use std::io::Write;

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

use super::{Cell, RowWriter};
use crate::display::human;

/// Stands for NULL while the table is laid out: letters for private use, as wide as `NULL`.
const PLACE: &str = "\u{e000}\u{e001}\u{e002}\u{e003}";

pub(super) struct TableWriter<'w> {
    out: Box<dyn Write + Send + 'w>,
    table: Table,
    rows: usize,
    null: &'static str,
}

impl<'w> TableWriter<'w> {
    pub(super) fn new(columns: &[String], out: Box<dyn Write + Send + 'w>) -> Self {
        let mut table = Table::new();
        table.load_preset(presets::UTF8_FULL_CONDENSED);
        table.set_content_arrangement(ContentArrangement::Disabled);
        table.set_header(columns);
        Self {
            out,
            table,
            rows: 0,
            null: "NULL",
        }
    }

    /// Writes NULL as `text`, which takes the columns of `NULL` on a screen.
    pub(super) fn with_null(mut self, text: &'static str) -> Self {
        self.null = text;
        self
    }
}

impl RowWriter for TableWriter<'_> {
    fn row(&mut self, cells: &[Cell<'_>]) -> std::io::Result<()> {
        self.rows += 1;
        self.table.add_row(cells.iter().map(|cell| {
            let text = comfy_table::Cell::new(cell.as_text().unwrap_or(PLACE));
            match cell {
                Cell::Number(_) => text.set_alignment(CellAlignment::Right),
                _ => text,
            }
        }));
        Ok(())
    }

    fn finish(&mut self) -> std::io::Result<()> {
        let table = self.table.to_string().replace(PLACE, self.null);
        writeln!(self.out, "{table}\n{}", human::counted(self.rows, "row"))?;
        self.out.flush()
    }
}
