//! Writes the rows of a query: a table for people, csv, json and ndjson for programs.
//!
//! Rows come as [`Cell`]s, one by one, so that only the table, which must know its widths, is held in
//! memory.

mod batch;
mod csv;
mod expanded;
mod json;
mod outcome;
mod table;

use std::borrow::Cow;
use std::io::Write;

use clap::ValueEnum;

pub use outcome::{format_batches, write_outcome};

/// How rows are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum QueryFormat {
    /// Boxes, numbers to the right, NULL as `NULL`
    #[default]
    Table,
    /// RFC 4180 with a header; NULL is empty, an empty string is quoted
    Csv,
    /// One array of objects
    Json,
    /// One object per line
    Ndjson,
}

/// How rows look: a format, or what the shell has beside the formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// As files and pipes get them.
    Format(QueryFormat),
    /// A table whose NULLs differ from the text `NULL`.
    Shell,
    /// A line for every value.
    Expanded,
}

/// One value of a row, as the warehouse shows it.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell<'a> {
    /// NULL.
    Null,
    /// A truth value.
    Boolean(bool),
    /// A number, digit for digit.
    Number(Cow<'a, str>),
    /// Text, and everything that is shown as text: dates, times, binary.
    Text(Cow<'a, str>),
    /// JSON text, as of a VARIANT.
    Json(Cow<'a, str>),
}

impl Cell<'_> {
    /// The value as text; `None` for NULL.
    fn as_text(&self) -> Option<&str> {
        match self {
            Self::Null => None,
            Self::Boolean(true) => Some("true"),
            Self::Boolean(false) => Some("false"),
            Self::Number(text) | Self::Text(text) | Self::Json(text) => Some(text),
        }
    }
}

/// Writes rows one by one, then [`RowWriter::finish`].
pub trait RowWriter: Send {
    /// Writes one row: a cell per column.
    fn row(&mut self, cells: &[Cell<'_>]) -> std::io::Result<()>;

    /// Writes what comes after the last row.
    fn finish(&mut self) -> std::io::Result<()>;
}

/// NULL as the shell writes it: dimmed, unlike any text.
const SHELL_NULL: &str = "\x1b[2mNULL\x1b[0m";

/// Rows of `columns` go to `out` in this form.
pub fn form_writer<'w>(
    form: Form,
    columns: &[String],
    out: Box<dyn Write + Send + 'w>,
) -> std::io::Result<Box<dyn RowWriter + 'w>> {
    Ok(match form {
        Form::Format(format) => return writer(format, columns, out),
        Form::Shell => Box::new(table::TableWriter::new(columns, out).with_null(SHELL_NULL)),
        Form::Expanded => Box::new(expanded::ExpandedWriter::new(columns, out)),
    })
}

/// Rows of `columns` go to `out` in `format`.
pub fn writer<'w>(
    format: QueryFormat,
    columns: &[String],
    out: Box<dyn Write + Send + 'w>,
) -> std::io::Result<Box<dyn RowWriter + 'w>> {
    Ok(match format {
        QueryFormat::Table => Box::new(table::TableWriter::new(columns, out)),
        QueryFormat::Csv => Box::new(csv::CsvWriter::new(columns, out)?),
        QueryFormat::Json => Box::new(json::JsonWriter::new(columns, out, json::Layout::Array)),
        QueryFormat::Ndjson => Box::new(json::JsonWriter::new(columns, out, json::Layout::Lines)),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::{Cell, QueryFormat, writer};

    fn write(format: QueryFormat, rows: &[Vec<Cell<'_>>]) -> String {
        let columns = ["ID", "NAME", "V", "NAME"].map(str::to_owned);
        let mut out = Vec::new();
        let mut rows_out = writer(format, &columns, Box::new(&mut out)).unwrap();
        for row in rows {
            rows_out.row(row).unwrap();
        }
        rows_out.finish().unwrap();
        drop(rows_out);
        String::from_utf8(out).unwrap()
    }

    fn rows() -> Vec<Vec<Cell<'static>>> {
        let number = |text: &'static str| Cell::Number(text.into());
        let text = |text: &'static str| Cell::Text(text.into());
        vec![
            vec![
                number("1.50"),
                text("a,\"b\"\nc"),
                Cell::Json("{\"x\":1}".into()),
                Cell::Boolean(true),
            ],
            vec![number("NaN"), text(""), Cell::Null, Cell::Null],
        ]
    }

    #[test]
    fn csv_tells_null_from_an_empty_string() {
        assert_eq!(
            write(QueryFormat::Csv, &rows()),
            "ID,NAME,V,NAME\n1.50,\"a,\"\"b\"\"\nc\",\"{\"\"x\"\":1}\",true\nNaN,\"\",,\n"
        );
    }

    #[test]
    fn json_keeps_digits_and_every_column() {
        assert_eq!(
            write(QueryFormat::Ndjson, &rows()),
            "{\"ID\":1.50,\"NAME\":\"a,\\\"b\\\"\\nc\",\"V\":{\"x\":1},\"NAME_2\":true}\n\
             {\"ID\":\"NaN\",\"NAME\":\"\",\"V\":null,\"NAME_2\":null}\n"
        );
        let array = write(QueryFormat::Json, &rows());
        assert!(
            array.starts_with("[\n  {\"ID\":1.50,") && array.ends_with("null}\n]\n"),
            "{array}"
        );
        assert_eq!(write(QueryFormat::Json, &[]), "[]\n");
        serde_json::from_str::<serde_json::Value>(&array).unwrap();
    }

    #[test]
    fn json_embeds_what_arrays_hold() {
        let row = |text: &'static str| vec![Cell::Null, Cell::Null, Cell::Json(text.into())];
        let rows = [row("[undefined,\"undefined \\\"\"]"), row("NaN")];
        let written = write(QueryFormat::Ndjson, &rows);
        assert!(
            written.contains("\"V\":[null,\"undefined \\\"\"]"),
            "{written}"
        );
        assert!(written.contains("\"V\":\"NaN\""), "{written}");
    }

    #[test]
    fn tables_show_null_and_count_rows() {
        let row = vec![
            Cell::Number("12".into()),
            Cell::Text("x".into()),
            Cell::Null,
            Cell::Null,
        ];
        assert_eq!(
            write(QueryFormat::Table, &[row]),
            "┌────┬──────┬──────┬──────┐\n\
             │ ID ┆ NAME ┆ V    ┆ NAME │\n\
             ╞════╪══════╪══════╪══════╡\n\
             │ 12 ┆ x    ┆ NULL ┆ NULL │\n\
             └────┴──────┴──────┴──────┘\n\
             1 row\n"
        );
    }
}
