//! What a table's metadata says about the rows of a data file, as DataFusion knows it.

use arrow::datatypes::{DataType, Date32Type, Schema};
use datafusion::common::stats::Precision;
use datafusion::common::{ColumnStatistics, ScalarValue, Statistics};
use lake::ScannedFile;
use serde_json::Value;

/// The statistics of `file`, whose columns are `schema`, as Delta keeps them
/// (<https://github.com/delta-io/delta/blob/master/PROTOCOL.md#per-file-statistics>).
pub(crate) fn of_file(file: &ScannedFile, schema: &Schema) -> Statistics {
    let count = |count: u64| usize::try_from(count).map_or(Precision::Absent, Precision::Exact);
    let text = file.stats.as_deref();
    // What another writer's statistics say in a form of its own is not known.
    let stats: Option<Value> = text.and_then(|text| serde_json::from_str(text).ok());
    let stats = stats.unwrap_or_default();
    let columns = schema.fields().iter().map(|field| {
        // Null where nothing is said.
        let said = |about: &str| &stats[about][field.name()];
        let bound = |which| bound(field.data_type(), said(which));
        let nulls = said("nullCount").as_u64();
        ColumnStatistics::new_unknown()
            .with_min_value(bound("minValues"))
            .with_max_value(bound("maxValues"))
            .with_null_count(nulls.map_or(Precision::Absent, count))
    });
    Statistics {
        num_rows: file.rows.map_or(Precision::Absent, count),
        total_byte_size: count(file.object.size).to_inexact(),
        column_statistics: columns.collect(),
    }
}

/// A bound of a column of numbers, dates or texts. Files are left out by exact ones.
fn bound(kind: &DataType, value: &Value) -> Precision<ScalarValue> {
    let known = match kind {
        DataType::Int64 => value.as_i64().map(|value| Precision::Exact(value.into())),
        DataType::Date32 => {
            let day = value.as_str().and_then(|day| day.parse().ok());
            let day = day.map(Date32Type::from_naive_date);
            day.map(|day| Precision::Exact(ScalarValue::Date32(Some(day))))
        }
        // No bound speaks of NaN.
        DataType::Float64 => value.as_f64().map(|value| Precision::Inexact(value.into())),
        // Long ones are cut.
        DataType::Utf8 => value.as_str().map(|value| Precision::Inexact(value.into())),
        _ => None,
    };
    known.unwrap_or(Precision::Absent)
}
