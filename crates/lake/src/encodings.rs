//! How a data file's columns are written: what repeats by a dictionary, other whole numbers, dates and moments by
//! their differences, the rest as it is.
//!
//! Differences ([`DELTA_BINARY_PACKED`]) take a third to two thirds of what Snappy makes of the numbers themselves and
//! are unpacked several times as fast. Neither they nor the codes of a dictionary are compressed: it would save nothing.
//!
//! [`DELTA_BINARY_PACKED`]: https://parquet.apache.org/docs/file-format/data-pages/encodings/

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Decimal128Type, Int64Type};
use deltalake::datafusion::common::hash_utils::{RandomState, create_hashes};
use deltalake::datafusion::error::Result as Computed;
use diagnostic::{Result, ResultExt, codes};
use parquet::basic::{Compression, Encoding};
use parquet::file::properties::WriterPropertiesBuilder;
use parquet::schema::types::ColumnPath;

/// Rows that are looked at.
const SAMPLE: usize = 4096;
/// How many different values of eight bytes a dictionary holds before it is given up: its limit is 1 MiB. Of
/// n values drawn from so many, n²/2 divided by this are expected to repeat another.
const LARGEST: usize = (1 << 20) / 8;
/// Differences that are packed with the same number of bits, and those that are counted from the same least one:
/// those of the Parquet library's writer for INT64.
const PACKED: usize = 64;
const BLOCK: usize = 256;
/// The most digits of a decimal that a file holds as INT64.
const INT64_DIGITS: u8 = 18;

/// `properties` with the encodings that suit the columns of `batch`, the first of a file. Small batches do not say which
/// columns need no dictionary. `differences` may be written if all readers of the table know them.
pub(crate) fn chosen(
    mut properties: WriterPropertiesBuilder,
    batch: &RecordBatch,
    differences: bool,
) -> Result<WriterPropertiesBuilder> {
    for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
        if field.data_type().is_nested() {
            continue;
        }
        let path = || ColumnPath::new(vec![field.name().clone()]);
        let packed = differences && is_whole(field.data_type());
        if packed {
            // Where there is a dictionary, this is what follows once it is full.
            properties = properties
                .set_column_encoding(path(), Encoding::DELTA_BINARY_PACKED)
                .set_column_compression(path(), Compression::UNCOMPRESSED);
        }
        if batch.num_rows() >= SAMPLE {
            let wrong = || format!("Column `{}` cannot be read", field.name());
            let sample = column.slice(0, SAMPLE);
            let different = different(&sample).explain(codes::K2003, wrong)?;
            let needless = !repeats(&sample, different)
                || packed && width(&sample).explain(codes::K2003, wrong)? < bits(different);
            if needless {
                properties = properties.set_column_dictionary_enabled(path(), false);
            }
        }
    }
    Ok(properties)
}

/// Whether files hold values of `type` as INT32 or INT64.
fn is_whole(r#type: &DataType) -> bool {
    match r#type {
        DataType::Decimal128(digits, _) => *digits <= INT64_DIGITS,
        DataType::Date32 | DataType::Timestamp(..) | DataType::Time32(_) | DataType::Time64(_) => {
            true
        }
        other => other.is_integer(),
    }
}

/// How many different values `sample` has.
fn different(sample: &ArrayRef) -> Computed<usize> {
    let mut hashes = vec![0; sample.len()];
    create_hashes([sample], &RandomState::default(), &mut hashes)?;
    hashes.sort_unstable();
    // All NULLs have one hash.
    let nulls = usize::from(sample.null_count() > 0);
    Ok(hashes.chunk_by(|a, b| a == b).count() - nulls)
}

/// Whether a dictionary is worth its while: one that repeats nothing is hashed value by value, only to be given up once
/// it is full.
fn repeats(sample: &ArrayRef, different: usize) -> bool {
    let values = sample.len() - sample.null_count();
    let repeated = values.saturating_sub(different);
    values < SAMPLE / 4 || repeated > values * values / 2 / LARGEST
}

/// The bits of a code of a dictionary of so many values: fewer than its last code will have.
fn bits(different: usize) -> usize {
    different.checked_ilog2().unwrap_or_default() as usize
}

/// The bits that a difference between neighbours takes, on average.
fn width(sample: &ArrayRef) -> Computed<usize> {
    let values: Vec<i64> = match sample.data_type() {
        DataType::Decimal128(..) => {
            let decimals = sample.as_primitive::<Decimal128Type>().iter().flatten();
            decimals
                .filter_map(|digits| i64::try_from(digits).ok())
                .collect()
        }
        _ => {
            let numbers = cast(sample, &DataType::Int64)?;
            numbers
                .as_primitive::<Int64Type>()
                .iter()
                .flatten()
                .collect()
        }
    };
    let differences: Vec<i64> = values
        .array_windows()
        .map(|[a, b]| b.wrapping_sub(*a))
        .collect();
    let mut bits = 0;
    for block in differences.chunks(BLOCK) {
        let least = block.iter().min().copied().unwrap_or_default();
        for packed in block.chunks(PACKED) {
            let most = packed.iter().map(|d| d.wrapping_sub(least) as u64).max();
            bits += packed.len() * (u64::BITS - most.unwrap_or_default().leading_zeros()) as usize;
        }
    }
    Ok(bits / differences.len().max(1))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{
        ArrayRef, Date32Array, Decimal128Array, Int64Array, RecordBatch, StringArray,
    };
    use parquet::basic::{Compression, Encoding};
    use parquet::file::properties::WriterProperties;
    use parquet::schema::types::ColumnPath;

    use super::{SAMPLE, chosen};

    fn properties(column: ArrayRef, differences: bool) -> WriterProperties {
        let batch = RecordBatch::try_from_iter([("A", column)]).unwrap();
        let properties = WriterProperties::builder().set_compression(Compression::SNAPPY);
        chosen(properties, &batch, differences).unwrap().build()
    }

    fn path() -> ColumnPath {
        ColumnPath::new(vec!["A".to_owned()])
    }

    fn has_dictionary(column: ArrayRef) -> bool {
        properties(column, true).dictionary_enabled(&path())
    }

    #[test]
    fn columns_that_repeat_nothing_do_without() {
        let count = i64::try_from(SAMPLE).unwrap();
        assert!(!has_dictionary(Arc::new(Int64Array::from_iter_values(
            0..count
        ))));
        let keys = (0..SAMPLE).map(|row| (row % 3 > 0).then(|| format!("key {row}")));
        assert!(!has_dictionary(Arc::new(keys.collect::<StringArray>())));
    }

    #[test]
    fn columns_that_repeat_and_small_batches_keep_theirs() {
        let count = i64::try_from(SAMPLE).unwrap();
        assert!(has_dictionary(Arc::new(Int64Array::from_iter_values(
            (0..count).map(|row| row * 7919 % 100)
        ))));
        assert!(has_dictionary(Arc::new(Int64Array::from_iter_values(
            0..count - 1
        ))));
        assert!(has_dictionary(Arc::new(Int64Array::from(vec![
            None;
            SAMPLE
        ]))));
    }

    #[test]
    fn columns_in_order_are_written_by_their_differences_though_they_repeat() {
        let count = i64::try_from(SAMPLE).unwrap();
        let lines = || Arc::new(Int64Array::from_iter_values((0..count).map(|row| row / 4)));
        assert!(!has_dictionary(lines()));
        assert!(properties(lines(), false).dictionary_enabled(&path()));
        let days = (0..count).map(|row| i32::try_from(row / 4).unwrap());
        assert!(!has_dictionary(Arc::new(Date32Array::from_iter_values(
            days
        ))));
    }

    #[test]
    fn whole_numbers_are_not_compressed_unless_readers_know_no_differences() {
        let column = |digits| -> ArrayRef {
            let prices = Decimal128Array::from_iter_values((0..10).map(|row| row * 100));
            Arc::new(prices.with_precision_and_scale(digits, 2).unwrap())
        };
        let packed = properties(column(18), true);
        assert_eq!(packed.compression(&path()), Compression::UNCOMPRESSED);
        assert_eq!(
            packed.encoding(&path()),
            Some(Encoding::DELTA_BINARY_PACKED)
        );
        for plain in [properties(column(18), false), properties(column(19), true)] {
            assert_eq!(plain.compression(&path()), Compression::SNAPPY);
            assert_eq!(plain.encoding(&path()), None);
        }
    }
}
