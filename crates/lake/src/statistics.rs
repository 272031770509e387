//! The statistics Delta keeps of a data file, taken from the Parquet footer
//! (<https://github.com/delta-io/delta/blob/master/PROTOCOL.md#per-file-statistics>).

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::{max, max_string, min, min_string};
use arrow::datatypes::{DataType, Date32Type, Float64Type, Int64Type, Schema};
use diagnostic::{Result, ResultExt, codes};
use parquet::arrow::arrow_reader::statistics::StatisticsConverter;
use parquet::file::metadata::ParquetMetaData;
use serde_json::{Map, Value, json};

/// How many leading columns get statistics, as in other Delta writers.
const INDEXED_COLUMNS: usize = 32;

/// `{"numRecords", "minValues", "maxValues", "nullCount"}` of a file with columns `schema`.
pub(crate) fn of_file(metadata: &ParquetMetaData, schema: &Schema) -> Result<String> {
    let mut lowest = Map::new();
    let mut highest = Map::new();
    let mut nulls = Map::new();
    let groups = metadata.row_groups();
    for field in schema.fields().iter().take(INDEXED_COLUMNS) {
        let wrong = || format!("The statistics of column `{}` cannot be read", field.name());
        if field.data_type().is_nested() {
            continue;
        }
        let columns = metadata.file_metadata().schema_descr();
        let converter = StatisticsConverter::try_new(field.name(), schema, columns)
            .explain(codes::X0001, wrong)?;
        let counts = converter
            .row_group_null_counts(groups)
            .explain(codes::X0001, wrong)?;
        if counts.null_count() == 0 {
            let sum: u64 = counts.values().iter().sum();
            nulls.insert(field.name().clone(), json!(sum));
        }
        let mins = converter
            .row_group_mins(groups)
            .explain(codes::X0001, wrong)?;
        let maxes = converter
            .row_group_maxes(groups)
            .explain(codes::X0001, wrong)?;
        // A group of nulls has no bounds; a group that holds values and gives none hides its own.
        let all_known = (0..groups.len()).all(|group| {
            let rows = u64::try_from(groups[group].num_rows()).unwrap_or(0);
            mins.is_valid(group) || (counts.is_valid(group) && counts.value(group) == rows)
        });
        if all_known && let Some((low, high)) = bounds(field.data_type(), &mins, &maxes) {
            lowest.insert(field.name().clone(), low);
            highest.insert(field.name().clone(), high);
        }
    }
    let rows = metadata.file_metadata().num_rows();
    Ok(json!({
        "numRecords": rows,
        "minValues": lowest,
        "maxValues": highest,
        "nullCount": nulls,
    })
    .to_string())
}

/// The smallest and largest value as Delta writes them. Decimals are left out: a JSON number would
/// round them, and a rounded bound skips files it must not skip.
fn bounds(kind: &DataType, mins: &ArrayRef, maxes: &ArrayRef) -> Option<(Value, Value)> {
    match kind {
        DataType::Int64 => Some((
            json!(min(mins.as_primitive::<Int64Type>())?),
            json!(max(maxes.as_primitive::<Int64Type>())?),
        )),
        DataType::Float64 => {
            let low = min(mins.as_primitive::<Float64Type>())?;
            let high = max(maxes.as_primitive::<Float64Type>())?;
            (low.is_finite() && high.is_finite()).then(|| (json!(low), json!(high)))
        }
        DataType::Date32 => Some((
            json!(date(min(mins.as_primitive::<Date32Type>())?)?),
            json!(date(max(maxes.as_primitive::<Date32Type>())?)?),
        )),
        DataType::Utf8 => Some((
            json!(min_string(mins.as_string::<i32>())?),
            json!(max_string(maxes.as_string::<i32>())?),
        )),
        _ => None,
    }
}

fn date(days: i32) -> Option<String> {
    arrow::temporal_conversions::date32_to_datetime(days).map(|day| day.date().to_string())
}
