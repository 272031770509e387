//! RFC 4180 with LF line ends. NULL is an empty field, an empty string a quoted one.

use std::io::Write;

use super::{Cell, RowWriter};

pub(super) struct CsvWriter<'w> {
    out: Box<dyn Write + Send + 'w>,
    line: String,
}

impl<'w> CsvWriter<'w> {
    /// Writes the header.
    pub(super) fn new(
        columns: &[String],
        out: Box<dyn Write + Send + 'w>,
    ) -> std::io::Result<Self> {
        let mut writer = Self {
            out,
            line: String::new(),
        };
        let names: Vec<Cell<'_>> = columns.iter().map(|name| Cell::Text(name.into())).collect();
        writer.row(&names)?;
        Ok(writer)
    }

    fn field(&mut self, text: &str) {
        let special = |c: char| matches!(c, ',' | '"' | '\n' | '\r');
        if !text.is_empty() && !text.contains(special) {
            self.line.push_str(text);
            return;
        }
        self.line.push('"');
        self.line.push_str(&text.replace('"', "\"\""));
        self.line.push('"');
    }
}

impl RowWriter for CsvWriter<'_> {
    fn row(&mut self, cells: &[Cell<'_>]) -> std::io::Result<()> {
        self.line.clear();
        for (at, cell) in cells.iter().enumerate() {
            if at > 0 {
                self.line.push(',');
            }
            if let Some(text) = cell.as_text() {
                self.field(text);
            }
        }
        self.line.push('\n');
        self.out.write_all(self.line.as_bytes())
    }

    fn finish(&mut self) -> std::io::Result<()> {
        self.out.flush()
    }
}
