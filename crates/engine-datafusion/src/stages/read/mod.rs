//! [`Reading`]: the rows of staged files, chunk by chunk, in the columns of the files.

mod csv;
mod json;
mod packed;
mod parquet;
mod values;

pub(crate) use csv::width;

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::{Field, Schema, SchemaRef};
use chrono::{DateTime, Utc};
use diagnostic::{Result, ResultExt, codes};

use super::{Format, Metadata, StagedFile};

/// Rows that are read at once.
pub(crate) const CHUNK: usize = 8192;

/// What is read of files.
#[derive(Clone, Debug)]
pub(crate) struct Reading {
    pub(crate) format: Format,
    pub(crate) columns: Columns,
    pub(crate) metadata: Vec<Metadata>,
    /// How many fields a record of delimited text must have.
    pub(crate) expected: Option<usize>,
    pub(crate) started: DateTime<Utc>,
}

/// The columns that rows of files have.
#[derive(Clone, Debug)]
pub(crate) enum Columns {
    /// `$1`, `$2` and so on: text. Missing ones are null.
    Positions(usize),
    /// `$1`: the whole record as VARIANT.
    Whole,
    /// Those of the file, by their names.
    Named(SchemaRef),
}

/// A file, or some of its row groups.
#[derive(Clone, Debug)]
pub(crate) struct Unit {
    pub(crate) file: Arc<StagedFile>,
    /// The place of the file among those that are read.
    pub(crate) number: usize,
    row_groups: Option<Range<usize>>,
    first_row: i64,
}

/// Some rows of one file.
#[derive(Debug)]
pub(crate) struct Chunk {
    pub(crate) rows: RecordBatch,
    /// Where each row is.
    pub(crate) places: Vec<Place>,
    /// Records that are no rows.
    pub(crate) rejected: Vec<Rejected>,
}

/// Where a record is in its file, from 1; the byte from 0.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Place {
    pub(crate) row: u64,
    pub(crate) line: u64,
    pub(crate) byte: u64,
}

/// A record that could not be read or converted.
#[derive(Clone, Debug)]
pub(crate) struct Rejected {
    pub(crate) place: Place,
    pub(crate) character: Option<u64>,
    pub(crate) column: Option<String>,
    pub(crate) reason: String,
    pub(crate) record: String,
}

/// The chunks of one unit.
pub(crate) type Chunks = Box<dyn Iterator<Item = Result<Chunk>> + Send>;

impl Reading {
    /// The columns of chunks: those of the files, then METADATA$….
    pub(crate) fn schema(&self) -> SchemaRef {
        let mut fields: Vec<Field> = match &self.columns {
            Columns::Positions(count) => (1..=*count).map(values::text_field).collect(),
            Columns::Whole => vec![values::variant_field()],
            Columns::Named(schema) => schema
                .fields()
                .iter()
                .map(|field| field.as_ref().clone())
                .collect(),
        };
        fields.extend(self.metadata.iter().map(|column| column.field()));
        Arc::new(Schema::new(fields))
    }

    /// `files` in pieces that can be read side by side.
    pub(crate) fn units(&self, files: &[Arc<StagedFile>]) -> Result<Vec<Unit>> {
        let mut units = Vec::new();
        for (number, file) in files.iter().enumerate() {
            match self.format {
                Format::Parquet(_) => units.extend(parquet::units(file, number)?),
                Format::Csv(_) | Format::Json(_) => units.push(Unit {
                    file: Arc::clone(file),
                    number,
                    row_groups: None,
                    first_row: 1,
                }),
            }
        }
        Ok(units)
    }

    /// The rows of `unit`.
    pub(crate) fn open(&self, unit: &Unit) -> Result<Chunks> {
        match &self.format {
            Format::Csv(options) => csv::open(self, options, unit),
            Format::Json(options) => json::open(self, options, unit),
            Format::Parquet(options) => parquet::open(self, options, unit),
        }
    }

    /// `columns` of a file with the columns that say where they come from.
    fn with_metadata(
        &self,
        mut columns: Vec<arrow::array::ArrayRef>,
        file: &StagedFile,
        places: &[Place],
    ) -> Result<RecordBatch> {
        if !self.metadata.is_empty() {
            let numbers: Vec<i64> = places
                .iter()
                .map(|place| i64::try_from(place.row).unwrap_or(i64::MAX))
                .collect();
            for column in &self.metadata {
                columns.push(column.values(file, &numbers, self.started));
            }
        }
        let options = RecordBatchOptions::new().with_row_count(Some(places.len()));
        RecordBatch::try_new_with_options(self.schema(), columns, &options)
            .explain(codes::X0001, || {
                format!("Rows of `{}` do not fit their columns", file.name)
            })
    }
}

/// The columns of the files that statements call by name: of the header or the file's own schema.
pub(crate) fn named_columns(format: &Format, file: &StagedFile) -> Result<Option<SchemaRef>> {
    match format {
        Format::Parquet(options) => parquet::schema(options, file).map(Some),
        Format::Csv(options) if options.parse_header => csv::header(options, file).map(Some),
        Format::Csv(_) | Format::Json(_) => Ok(None),
    }
}
