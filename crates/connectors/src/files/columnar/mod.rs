//! Reading files that have columns with types of their own, Parquet and Avro: a batch of arrays at a time, each
//! value as text that loses nothing, for the contract to type.

mod avro;
mod parquet;
mod text;

pub(super) use avro::open as open_avro;
pub(super) use parquet::open as open_parquet;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use diagnostic::{Error, Result, codes};

use super::batch::Batch;
use super::records::{Defect, Records};

/// Batches of arrays, as a file gives them.
pub(super) type Batches = Box<dyn Iterator<Item = Result<RecordBatch, Cause>> + Send>;

/// Why a file does not go on.
pub(super) type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Reads a file of typed columns.
pub(super) struct Columnar {
    name: String,
    header: Vec<String>,
    batches: Batches,
    /// The arrays that are being handed on, and the next row of them.
    current: Option<(RecordBatch, usize)>,
    row: u64,
    max_record: usize,
    batch: Batch,
}

impl Columnar {
    fn new(name: &str, schema: &SchemaRef, batches: Batches, max_record: usize) -> Self {
        let header: Vec<String> = schema
            .fields()
            .iter()
            .map(|field| field.name().clone())
            .collect();
        Self {
            name: name.to_owned(),
            batch: Batch::new(header.len()),
            header,
            batches,
            current: None,
            row: 0,
            max_record,
        }
    }

    /// The batch that was read last.
    pub(super) fn lend(&self) -> Records<'_> {
        self.batch.lend(&self.header)
    }

    pub(super) fn header(&self) -> &[String] {
        &self.header
    }

    pub(super) fn next(&mut self) -> Result<Option<Records<'_>>> {
        self.batch.clear();
        while !self.batch.is_full() {
            let (arrays, row) = match self.current.take() {
                Some((arrays, row)) if row < arrays.num_rows() => (arrays, row),
                _ => match self.batches.next() {
                    Some(arrays) => (arrays.map_err(|cause| self.damaged(cause))?, 0),
                    None => break,
                },
            };
            let done = self.add(&arrays, row)?;
            self.current = Some((arrays, done));
        }
        Ok((!self.batch.is_empty()).then(|| self.lend()))
    }

    /// Adds rows from `row` on until the batch is full; gives the first that was not added.
    fn add(&mut self, arrays: &RecordBatch, mut row: usize) -> Result<usize> {
        let schema = arrays.schema();
        while row < arrays.num_rows() && !self.batch.is_full() {
            self.batch.begin();
            for (column, (array, field)) in arrays.columns().iter().zip(schema.fields()).enumerate()
            {
                text::add(array, field, row, column, &mut self.batch)
                    .map_err(|cause| self.damaged(cause.into()))?;
                if self.batch.length() > self.max_record {
                    break;
                }
            }
            self.row += 1;
            let oversized = self.batch.length() > self.max_record;
            let defect = oversized.then_some(Defect::Oversized);
            self.batch.end(self.row, 0, defect, b"");
            row += 1;
        }
        Ok(row)
    }

    #[cold]
    fn damaged(&self, cause: Cause) -> Error {
        Error::new(
            codes::F2001,
            format!(
                "`{}` is damaged or cut off, or uses what is not read: it cannot be read behind row {}",
                self.name, self.row
            ),
        )
        .with("file", &self.name)
        .because(cause)
        .help("nothing of this file was kept; deliver it again in full")
    }
}
