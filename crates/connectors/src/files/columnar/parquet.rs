//! Parquet: row groups one after the other, never a whole one as arrays.

use diagnostic::{Result, ResultExt, codes};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::{Cause, Columnar};
use crate::files::{Place, decompress};

/// Rows of a batch of arrays, if they are not large.
const ROWS: usize = 4096;

/// Bytes that a batch of arrays should have at most.
const BYTES: i64 = 4 << 20;

/// Opens the Parquet file at `place`.
pub(in crate::files) fn open(place: &Place, name: &str, max_record: usize) -> Result<Columnar> {
    let file = decompress::seekable(place, name)?;
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).explain(codes::F2001, || {
        format!("`{name}` is no Parquet file, or it is damaged or cut off")
    })?;
    let widest = builder.metadata().row_groups().iter().map(|group| {
        let rows = group.num_rows().max(1);
        group.total_byte_size() / rows
    });
    let fit = BYTES / widest.max().unwrap_or(1).max(1);
    let rows = usize::try_from(fit).unwrap_or(ROWS).clamp(1, ROWS);
    let reader = builder
        .with_batch_size(rows)
        .build()
        .explain(codes::F2001, || format!("`{name}` cannot be read"))?;
    let schema = arrow::array::RecordBatchReader::schema(&reader);
    let batches = reader.map(|batch| batch.map_err(|error| Box::new(error) as Cause));
    Ok(Columnar::new(name, &schema, Box::new(batches), max_record))
}
