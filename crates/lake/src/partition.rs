//! Partitions: the rows of a table by the values of some of its columns, each combination in a folder of its own
//! (<https://github.com/delta-io/delta/blob/master/PROTOCOL.md#partition-value-serialization>).
//!
//! Data files hold the partition columns too, so a file can be read without the log. Folders are named as Hive
//! names them for people to find their way; readers take the values from the log.

use std::collections::{BTreeMap, HashMap};

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, UInt32Array};
use arrow::compute::take_record_batch;
use arrow::datatypes::{DataType, Schema, TimeUnit, TimestampMicrosecondType};
use arrow::row::{RowConverter, SortField};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use diagnostic::{Error, Result, ResultExt, codes};

/// The values of a partition's columns as the log holds them; `None` is NULL.
pub type PartitionValues = BTreeMap<String, Option<String>>;

/// What Hive calls the folder of NULL.
const NULL_FOLDER: &str = "__HIVE_DEFAULT_PARTITION__";

/// Characters of a value that its folder's name shows.
const SHOWN: usize = 100;

/// Refuses partition columns that `schema` does not have, or whose values the log cannot hold exactly.
///
/// # Errors
/// `K3011`.
pub fn check_partition_by(schema: &Schema, columns: &[String]) -> Result<()> {
    for name in columns {
        let Some((_, field)) = schema.column_with_name(name) else {
            return Err(refused(format!(
                "The table is partitioned by `{name}`, which is none of its columns"
            )));
        };
        // Text that carries something else, such as JSON, has no one way to be written.
        let plain = super::column_types::carrier(field) == *field.data_type();
        let fits = matches!(
            field.data_type(),
            DataType::Utf8
                | DataType::Boolean
                | DataType::Int16
                | DataType::Int32
                | DataType::Int64
                | DataType::Decimal128(..)
                | DataType::Date32
                | DataType::Timestamp(TimeUnit::Microsecond, _)
        );
        if !(plain && fits) {
            return Err(refused(format!(
                "The table cannot be partitioned by `{name}`, whose type is {}",
                field.data_type()
            ))
            .help(
                "text, whole and decimal numbers, booleans, dates and timestamps make partitions",
            ));
        }
    }
    if schema.fields().len() <= columns.len() {
        return Err(refused(
            "A table needs a column that it is not partitioned by".to_owned(),
        ));
    }
    Ok(())
}

fn refused(message: String) -> Error {
    Error::new(codes::K3011, message)
}

/// The rows of `batch` by partition, those of one in their order.
pub(crate) fn split(
    batch: &RecordBatch,
    columns: &[String],
) -> Result<Vec<(PartitionValues, RecordBatch)>> {
    let wrong = || "Rows cannot be told apart by partition".to_owned();
    let schema = batch.schema();
    let positions = columns
        .iter()
        .map(|name| schema.index_of(name))
        .collect::<Result<Vec<_>, _>>()
        .explain(codes::X0001, wrong)?;
    let arrays: Vec<ArrayRef> = positions
        .iter()
        .map(|at| batch.column(*at).clone())
        .collect();
    let fields = arrays
        .iter()
        .map(|array| SortField::new(array.data_type().clone()))
        .collect();
    let converter = RowConverter::new(fields).explain(codes::X0001, wrong)?;
    let keys = converter
        .convert_columns(&arrays)
        .explain(codes::X0001, wrong)?;
    let mut order: Vec<Vec<u32>> = Vec::new();
    let mut known = HashMap::new();
    for (row, key) in (0_u32..).zip(keys.iter()) {
        let at = *known.entry(key).or_insert_with(|| {
            order.push(Vec::new());
            order.len() - 1
        });
        if let Some(rows) = order.get_mut(at) {
            rows.push(row);
        }
    }
    let alone = order.len() == 1;
    order
        .into_iter()
        .map(|rows| {
            let first = rows.first().copied().unwrap_or_default() as usize;
            let values = columns
                .iter()
                .zip(&arrays)
                .map(|(name, array)| Ok((name.clone(), text(name, array, first)?)))
                .collect::<Result<PartitionValues>>()?;
            let part = match alone {
                true => batch.clone(),
                false => take_record_batch(batch, &UInt32Array::from(rows))
                    .explain(codes::X0001, wrong)?,
            };
            Ok((values, part))
        })
        .collect()
}

/// The value of `array` at `row` as the log holds it.
fn text(column: &str, array: &ArrayRef, row: usize) -> Result<Option<String>> {
    if array.is_null(row) {
        return Ok(None);
    }
    let wrong = || format!("A value of the partition column `{column}` cannot be written");
    let instant = |format: &str| {
        let values = array.as_primitive_opt::<TimestampMicrosecondType>();
        let value =
            values.and_then(|values| chrono::DateTime::from_timestamp_micros(values.value(row)));
        value
            .map(|value| value.format(format).to_string())
            .ok_or_else(|| Error::new(codes::K3011, wrong()))
    };
    let text = match array.data_type() {
        DataType::Timestamp(_, None) => instant("%Y-%m-%d %H:%M:%S%.6f")?,
        // With its offset, so that no reader's own time zone matters.
        DataType::Timestamp(_, Some(_)) => instant("%Y-%m-%dT%H:%M:%S%.6fZ")?,
        _ => ArrayFormatter::try_new(array, &FormatOptions::default())
            .explain(codes::X0001, wrong)?
            .value(row)
            .to_string(),
    };
    if text.is_empty() {
        return Err(Error::new(
            codes::K3011,
            format!(
                "A row has an empty text in the partition column `{column}`, which Delta would read as NULL"
            ),
        )
        .help("let empty texts be NULL, or do not partition by this column"));
    }
    Ok(Some(text))
}

/// The folder of a partition, with a `/` at its end; nothing for a table without partitions.
pub(crate) fn folder(columns: &[String], values: &PartitionValues) -> String {
    columns
        .iter()
        .map(|column| {
            let value = values.get(column).and_then(Option::as_deref);
            let value = value.map_or_else(|| NULL_FOLDER.to_owned(), plain);
            format!("{}={value}/", plain(column))
        })
        .collect()
}

/// `text` in characters that are themselves in file names, addresses and object stores alike.
fn plain(text: &str) -> String {
    let plain = |c: char| match c {
        _ if c.is_ascii_alphanumeric() => c,
        '_' | '-' | '.' => c,
        _ => '_',
    };
    text.chars().take(SHOWN).map(plain).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{
        ArrayRef, BooleanArray, Date32Array, Decimal128Array, Int64Array, RecordBatch, StringArray,
        TimestampMicrosecondArray,
    };
    use arrow::datatypes::{DataType, Field, Schema};

    use super::{check_partition_by, folder, split, text};

    fn one(array: ArrayRef) -> Option<String> {
        text("C", &array, 0).unwrap()
    }

    #[test]
    fn values_are_written_as_the_protocol_says() {
        let micros = 1_785_579_072_123_456;
        assert_eq!(
            one(Arc::new(StringArray::from(vec!["a/b ü"]))).unwrap(),
            "a/b ü"
        );
        assert_eq!(one(Arc::new(Int64Array::from(vec![-7]))).unwrap(), "-7");
        assert_eq!(
            one(Arc::new(BooleanArray::from(vec![true]))).unwrap(),
            "true"
        );
        assert_eq!(
            one(Arc::new(Date32Array::from(vec![20_666]))).unwrap(),
            "2026-08-01"
        );
        let amount = Decimal128Array::from(vec![-150])
            .with_precision_and_scale(10, 2)
            .unwrap();
        assert_eq!(one(Arc::new(amount)).unwrap(), "-1.50");
        let wall = TimestampMicrosecondArray::from(vec![micros]);
        assert_eq!(
            one(Arc::new(wall.clone())).unwrap(),
            "2026-08-01 10:11:12.123456"
        );
        assert_eq!(
            one(Arc::new(wall.with_timezone("UTC"))).unwrap(),
            "2026-08-01T10:11:12.123456Z"
        );
        assert_eq!(one(Arc::new(StringArray::from(vec![None::<&str>]))), None);
        // Delta reads an empty text as NULL.
        let empty: ArrayRef = Arc::new(StringArray::from(vec![""]));
        assert!(text("C", &empty, 0).is_err());
    }

    #[test]
    fn rows_are_told_apart_and_keep_their_order() {
        let schema = Arc::new(Schema::new(vec![
            Field::new("CITY", DataType::Utf8, true),
            Field::new("N", DataType::Int64, true),
        ]));
        let cities = StringArray::from(vec![Some("a b"), None, Some("a b"), Some("c")]);
        let numbers = Int64Array::from(vec![1, 2, 3, 4]);
        let batch =
            RecordBatch::try_new(schema, vec![Arc::new(cities), Arc::new(numbers)]).unwrap();
        let by = ["CITY".to_owned()];
        let parts: Vec<_> = split(&batch, &by)
            .unwrap()
            .into_iter()
            .map(|(values, rows)| (folder(&by, &values), rows.num_rows()))
            .collect();
        assert_eq!(
            parts,
            [
                ("CITY=a_b/".to_owned(), 2),
                ("CITY=__HIVE_DEFAULT_PARTITION__/".to_owned(), 1),
                ("CITY=c/".to_owned(), 1)
            ]
        );
    }

    #[test]
    fn columns_that_make_no_partitions_are_refused() {
        let schema = Schema::new(vec![
            Field::new("F", DataType::Float64, true),
            Field::new("D", DataType::Date32, true),
        ]);
        let refused = |name: &str| check_partition_by(&schema, &[name.to_owned()]).is_err();
        assert!(!refused("D"));
        assert!(refused("F"));
        assert!(refused("GONE"));
    }
}
