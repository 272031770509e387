//! What a table's metadata says about the rows of a data file, as DataFusion knows it.

use arrow::datatypes::{DataType, Date32Type, Field, Schema};
use chrono::NaiveDate;
use datafusion::common::stats::Precision;
use datafusion::common::{ColumnStatistics, ScalarValue, Statistics};
use lake::ScannedFile;
use serde_json::Value;

/// The statistics of `file`, whose columns are `schema`, as Delta keeps them
/// (<https://github.com/delta-io/delta/blob/master/PROTOCOL.md#per-file-statistics>). Bounds hold, but need not be met:
/// texts may be cut.
pub(crate) fn of_file(file: &ScannedFile, schema: &Schema) -> Statistics {
    let count = |count: u64| usize::try_from(count).map_or(Precision::Absent, Precision::Exact);
    let text = file.stats.as_deref();
    // What another writer's statistics say in a form of its own is not known.
    let stats: Option<Value> = text.and_then(|text| serde_json::from_str(text).ok());
    let stats = stats.unwrap_or_default();
    let columns = schema.fields().iter().map(|field| {
        // Null where nothing is said.
        let said = |about: &str| &stats[about][field.name()];
        let bound =
            |which| scalar(field, said(which)).map_or(Precision::Absent, Precision::Inexact);
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

/// A bound of a column of numbers, dates or texts.
fn scalar(field: &Field, value: &Value) -> Option<ScalarValue> {
    match field.data_type() {
        DataType::Int64 => value.as_i64().map(ScalarValue::from),
        DataType::Float64 => value.as_f64().map(ScalarValue::from),
        DataType::Date32 => {
            let day: NaiveDate = value.as_str()?.parse().ok()?;
            Some(ScalarValue::Date32(Some(Date32Type::from_naive_date(day))))
        }
        DataType::Utf8 => value.as_str().map(ScalarValue::from),
        _ => None,
    }
}
