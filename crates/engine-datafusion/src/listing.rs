//! [`Listing`]: rows about objects, as SHOW, DESCRIBE and INFORMATION_SCHEMA give them.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use chrono::DateTime;
use diagnostic::{Result, ResultExt, codes};
use engine::{Outcome, Rows};
use futures::StreamExt;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Number,
    /// A point in time, shown in the session's time zone.
    Moment,
}

/// One value.
#[derive(Clone, Debug)]
pub(crate) enum Cell {
    Text(String),
    Number(i64),
    /// RFC 3339; nothing if it is empty.
    Moment(String),
    Null,
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Cell {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl<T: Into<Cell>> From<Option<T>> for Cell {
    fn from(cell: Option<T>) -> Self {
        cell.map_or(Self::Null, Into::into)
    }
}

/// A count as a cell.
pub(crate) fn count(number: u64) -> Cell {
    Cell::Number(i64::try_from(number).unwrap_or(i64::MAX))
}

/// Rows under a header.
pub(crate) struct Listing {
    header: &'static [(&'static str, Kind)],
    rows: Vec<Vec<Cell>>,
}

impl Listing {
    pub(crate) fn new(header: &'static [(&'static str, Kind)]) -> Self {
        Self {
            header,
            rows: Vec::new(),
        }
    }

    /// Adds a row: a cell per column of the header.
    pub(crate) fn push(&mut self, row: Vec<Cell>) {
        debug_assert_eq!(row.len(), self.header.len());
        self.rows.push(row);
    }

    /// Adds a row by the names of its columns; those without a cell are NULL.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = (&'static str, Cell)>) {
        let mut row = vec![Cell::Null; self.header.len()];
        for (name, cell) in cells {
            let at = self.header.iter().position(|(column, _)| *column == name);
            debug_assert!(at.is_some(), "no column {name}");
            if let Some(place) = at.and_then(|at| row.get_mut(at)) {
                *place = cell;
            }
        }
        self.rows.push(row);
    }

    /// The columns of a listing with this header.
    pub(crate) fn schema(header: &[(&str, Kind)]) -> SchemaRef {
        let fields = header.iter().map(|(name, kind)| {
            let kind = match kind {
                Kind::Text => DataType::Utf8,
                Kind::Number => DataType::Int64,
                Kind::Moment => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            };
            Field::new(*name, kind, true)
        });
        Arc::new(Schema::new(fields.collect::<Vec<_>>()))
    }

    /// Some of the columns only, for TERSE.
    pub(crate) fn only(self, names: &[&str]) -> Result<Outcome> {
        let batch = self.batch()?;
        let schema = batch.schema();
        let indices: Vec<usize> = names
            .iter()
            .filter_map(|name| schema.index_of(name).ok())
            .collect();
        let batch = batch.project(&indices).explain(codes::X0001, wrong)?;
        Ok(outcome(batch))
    }

    pub(crate) fn batch(self) -> Result<RecordBatch> {
        let columns = self.header.iter().enumerate().map(|(at, (name, kind))| {
            let cells = self.rows.iter().map(|row| row.get(at));
            (*name, column(*kind, cells), true)
        });
        RecordBatch::try_from_iter_with_nullable(columns).explain(codes::X0001, wrong)
    }

    pub(crate) fn outcome(self) -> Result<Outcome> {
        Ok(outcome(self.batch()?))
    }
}

fn column<'a>(kind: Kind, cells: impl Iterator<Item = Option<&'a Cell>>) -> ArrayRef {
    match kind {
        Kind::Text => Arc::new(StringArray::from_iter(cells.map(|cell| match cell {
            Some(Cell::Text(text)) => Some(text.clone()),
            Some(Cell::Number(number)) => Some(number.to_string()),
            _ => None,
        }))),
        Kind::Number => Arc::new(Int64Array::from_iter(cells.map(|cell| match cell {
            Some(Cell::Number(number)) => Some(*number),
            _ => None,
        }))),
        Kind::Moment => Arc::new(
            TimestampMicrosecondArray::from_iter(cells.map(|cell| {
                match cell {
                    Some(Cell::Moment(text)) => DateTime::parse_from_rfc3339(text)
                        .ok()
                        .map(|moment| moment.timestamp_micros()),
                    _ => None,
                }
            }))
            .with_timezone("UTC"),
        ),
    }
}

fn outcome(batch: RecordBatch) -> Outcome {
    Outcome::Rows(Rows {
        schema: batch.schema(),
        batches: futures::stream::iter([Ok(batch)]).boxed(),
    })
}

fn wrong() -> String {
    "A listing cannot be built".to_owned()
}
