//! [`FileRows`]: the rows of one data file as the columns a table has now.

use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions, new_null_array};
use arrow::compute::{CastOptions, cast_with_options, filter_record_batch};
use arrow::datatypes::{Schema, SchemaRef};
use arrow::util::display::FormatOptions;
use diagnostic::{Error, Result, ResultExt, codes};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder, RowSelection,
};
use parquet::file::metadata::ParquetMetaData;

use crate::{DataFolder, DeletedRows, StoredFile};

/// Rows of a batch, where they are short.
const BATCH_ROWS: usize = 8192;
/// Bytes of a batch, where they are long.
const BATCH_BYTES: u64 = 8 << 20;

/// The rows of one data file that are part of the table, as the table's columns: missing ones are null, others
/// are cast.
pub struct FileRows {
    reader: ParquetRecordBatchReader,
    schema: SchemaRef,
    name: String,
    deleted: DeletedRows,
    /// Rows read so far, with those that have left.
    read: u64,
}

impl FileRows {
    /// Reads the columns of `columns` that are in `wanted` from `file` of `folder`.
    ///
    /// # Errors
    /// `K2003` if it cannot be read, `B2001` to `B2003` in an object store.
    pub fn open(
        folder: &DataFolder,
        file: &StoredFile,
        columns: &SchemaRef,
        wanted: &SchemaRef,
    ) -> Result<Self> {
        let deleted = file.deleted(folder)?;
        Self::start(folder, file, (columns, wanted), deleted, None)
    }

    /// Reads those rows of `file` that are in `only`, be they part of the table or not.
    ///
    /// # Errors
    /// As [`FileRows::open`].
    pub(crate) fn open_only(
        folder: &DataFolder,
        file: &StoredFile,
        columns: &SchemaRef,
        only: &DeletedRows,
    ) -> Result<Self> {
        let none = DeletedRows::default();
        Self::start(folder, file, (columns, columns), none, Some(only))
    }

    fn start(
        folder: &DataFolder,
        file: &StoredFile,
        (columns, wanted): (&SchemaRef, &SchemaRef),
        deleted: DeletedRows,
        only: Option<&DeletedRows>,
    ) -> Result<Self> {
        let shown = folder.shown(&file.path);
        let wrong = || format!("`{shown}` cannot be read");
        let file = folder.open(&file.path)?;
        let builder =
            ParquetRecordBatchReaderBuilder::try_new(file).explain(codes::K2003, wrong)?;
        let fields: Vec<_> = wanted
            .fields()
            .iter()
            .filter(|field| columns.column_with_name(field.name()).is_some())
            .cloned()
            .collect();
        let roots: Vec<usize> = builder
            .parquet_schema()
            .root_schema()
            .get_fields()
            .iter()
            .enumerate()
            .filter(|(_, column)| fields.iter().any(|wanted| wanted.name() == column.name()))
            .filter(|(_, column)| folder.is_column(column))
            .map(|(at, _)| at)
            .collect();
        let mask = ProjectionMask::roots(builder.parquet_schema(), roots);
        let rows = batch_rows(builder.metadata(), &mask);
        let builder = match only {
            None => builder,
            Some(only) => {
                let all = builder.metadata().file_metadata().num_rows();
                let all = usize::try_from(all).unwrap_or(usize::MAX);
                builder
                    .with_row_selection(RowSelection::from_consecutive_ranges(only.ranges(), all))
            }
        };
        let reader = builder
            .with_projection(mask)
            .with_batch_size(rows)
            .build()
            .explain(codes::K2003, wrong)?;
        Ok(Self {
            reader,
            schema: Arc::new(Schema::new(fields)),
            name: shown,
            deleted,
            read: 0,
        })
    }

    fn fit(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let exact = CastOptions {
            safe: false,
            format_options: FormatOptions::default(),
        };
        let columns = self
            .schema
            .fields()
            .iter()
            .map(|field| match batch.column_by_name(field.name()) {
                None => Ok(new_null_array(field.data_type(), batch.num_rows())),
                Some(column) if column.data_type() == field.data_type() => Ok(Arc::clone(column)),
                Some(column) => cast_with_options(column, field.data_type(), &exact),
            })
            .collect::<Result<Vec<_>, _>>();
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        columns
            .and_then(|columns| {
                RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)
            })
            .map_err(|cause| self.broken().because(cause))
    }

    /// The rows of `batch` that have not left.
    fn staying(&mut self, batch: RecordBatch) -> Result<RecordBatch> {
        let mask = self.deleted.mask(self.read, batch.num_rows());
        self.read += batch.num_rows() as u64;
        match mask {
            None => Ok(batch),
            Some(stays) => {
                filter_record_batch(&batch, &stays).map_err(|cause| self.broken().because(cause))
            }
        }
    }

    fn broken(&self) -> Error {
        Error::new(codes::K2003, format!("`{}` cannot be read", self.name))
    }
}

/// How many rows of the columns in `mask` make a batch of some size.
fn batch_rows(file: &ParquetMetaData, mask: &ProjectionMask) -> usize {
    let (mut rows, mut bytes) = (0, 0);
    for group in file.row_groups() {
        rows += u64::try_from(group.num_rows()).unwrap_or(0);
        for (at, column) in group.columns().iter().enumerate() {
            if mask.leaf_included(at) {
                // Texts that repeat take more memory than they take in the file.
                let texts = column.unencoded_byte_array_data_bytes().unwrap_or(0);
                let size = texts.max(column.uncompressed_size());
                bytes += u64::try_from(size).unwrap_or(0);
            }
        }
    }
    let fitting = (BATCH_BYTES * rows).checked_div(bytes).unwrap_or(u64::MAX);
    usize::try_from(fitting).map_or(BATCH_ROWS, |fitting| fitting.clamp(1, BATCH_ROWS))
}

impl Iterator for FileRows {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = self.reader.next()?;
        Some(
            batch
                .map_err(|cause| self.broken().because(cause))
                .and_then(|batch| self.staying(batch))
                .and_then(|batch| self.fit(&batch)),
        )
    }
}
