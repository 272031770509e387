//! Which columns are worth a dictionary: one that repeats nothing is hashed value by value, only to be written
//! plain once its dictionary is full.

use arrow::array::RecordBatch;
use deltalake::datafusion::common::hash_utils::{RandomState, create_hashes};
use diagnostic::{Result, ResultExt, codes};
use parquet::file::properties::WriterPropertiesBuilder;
use parquet::schema::types::ColumnPath;

/// Rows that are looked at.
const SAMPLE: usize = 4096;
/// How many different values of eight bytes a dictionary holds before it is given up: its limit is 1 MiB. Of
/// n values drawn from so many, n²/2 divided by this are expected to repeat another.
const LARGEST: usize = (1 << 20) / 8;

/// `properties` without dictionaries for the columns that repeat next to nothing in `batch`, the first of a file.
/// Small batches say nothing.
pub(crate) fn chosen(
    mut properties: WriterPropertiesBuilder,
    batch: &RecordBatch,
) -> Result<WriterPropertiesBuilder> {
    if batch.num_rows() < SAMPLE {
        return Ok(properties);
    }
    let state = RandomState::default();
    let mut hashes = vec![0; SAMPLE];
    let schema = batch.schema();
    for (field, column) in schema.fields().iter().zip(batch.columns()) {
        if field.data_type().is_nested() {
            continue;
        }
        hashes.fill(0);
        create_hashes([&column.slice(0, SAMPLE)], &state, &mut hashes)
            .explain(codes::K2003, || {
                format!("Column `{}` cannot be hashed", field.name())
            })?;
        hashes.sort_unstable();
        let nulls = column.slice(0, SAMPLE).null_count();
        let values = SAMPLE - nulls;
        // All NULLs have one hash.
        let different = hashes.chunk_by(|a, b| a == b).count() - usize::from(nulls > 0);
        let repeated = values.saturating_sub(different);
        if values >= SAMPLE / 4 && repeated <= values * values / 2 / LARGEST {
            let path = ColumnPath::new(vec![field.name().clone()]);
            properties = properties.set_column_dictionary_enabled(path, false);
        }
    }
    Ok(properties)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
    use parquet::file::properties::WriterProperties;
    use parquet::schema::types::ColumnPath;

    use super::{SAMPLE, chosen};

    fn has_dictionary(column: ArrayRef) -> bool {
        let batch = RecordBatch::try_from_iter([("A", column)]).unwrap();
        let properties = chosen(WriterProperties::builder(), &batch).unwrap().build();
        properties.dictionary_enabled(&ColumnPath::new(vec!["A".to_owned()]))
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
            (0..count).map(|row| row / 2)
        ))));
        assert!(has_dictionary(Arc::new(Int64Array::from_iter_values(
            0..count - 1
        ))));
        assert!(has_dictionary(Arc::new(Int64Array::from(vec![
            None;
            SAMPLE
        ]))));
    }
}
