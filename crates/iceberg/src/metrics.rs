//! What a data file's footer says about its columns, for manifests; and whether its columns are the table's.

use std::collections::BTreeMap;

use diagnostic::{Error, Result, codes};
use parquet::file::metadata::ParquetMetaData;

use crate::single_value::{Bound, bounds};
use crate::{DataFile, Schema};

/// What is known of one column's values.
#[derive(Default)]
struct Column {
    bytes: i64,
    values: i64,
    nulls: Option<i64>,
    range: Option<(Bound, Bound)>,
    /// Whether a row group has values and no bounds.
    hidden: bool,
    groups: usize,
}

/// The data file at `path`, whose footer is `footer`, of a table with columns `schema`.
///
/// # Errors
/// `X0001` if the file has columns of other ids: readers would take them for missing, or for others.
pub(crate) fn data_file(
    path: String,
    size: u64,
    footer: &ParquetMetaData,
    schema: &Schema,
) -> Result<DataFile> {
    let columns = footer.file_metadata().schema_descr();
    same_ids(&path, footer, schema)?;
    let leaves = schema.leaves();
    let mut found: BTreeMap<i32, Column> = BTreeMap::new();
    for group in footer.row_groups() {
        for (at, chunk) in group.columns().iter().enumerate() {
            let leaf = columns.column(at);
            let info = leaf.self_type().get_basic_info();
            let Some(kind) = info.has_id().then(|| leaves.get(&info.id())).flatten() else {
                continue;
            };
            let column = found.entry(info.id()).or_default();
            column.bytes += chunk.compressed_size();
            column.values += chunk.num_values();
            let statistics = chunk.statistics();
            let nulls = statistics.and_then(parquet::file::statistics::Statistics::null_count_opt);
            let nulls = nulls.and_then(|nulls| i64::try_from(nulls).ok());
            column.nulls = match (column.groups, column.nulls, nulls) {
                (0, _, nulls) => nulls,
                (_, Some(before), Some(nulls)) => Some(before + nulls),
                _ => None,
            };
            column.groups += 1;
            // Bounds of what repeats within a row have no meaning.
            let group_range = statistics
                .filter(|_| leaf.max_rep_level() == 0)
                .and_then(|statistics| bounds(kind, statistics));
            match group_range {
                Some((low, high)) => {
                    column.range = Some(match column.range.take() {
                        None => (low, high),
                        Some((lowest, highest)) => (
                            if low < lowest { low } else { lowest },
                            if high > highest { high } else { highest },
                        ),
                    });
                }
                None => column.hidden |= nulls != Some(chunk.num_values()),
            }
        }
    }
    let mut file = DataFile::new(path, size, footer.file_metadata().num_rows());
    for (id, column) in found {
        file.column_sizes.push((id, column.bytes));
        file.value_counts.push((id, column.values));
        file.null_value_counts
            .extend(column.nulls.map(|nulls| (id, nulls)));
        let Some(kind) = leaves.get(&id) else {
            continue;
        };
        if let Some((low, high)) = column.range.filter(|_| !column.hidden) {
            let (low, high) = (low.lower(kind), high.upper(kind));
            file.lower_bounds.extend(low.map(|low| (id, low)));
            file.upper_bounds.extend(high.map(|high| (id, high)));
        }
    }
    for group in footer.row_groups() {
        let first = group.columns().first().map(|chunk| chunk.byte_range().0);
        file.split_offsets
            .extend(first.and_then(|offset| i64::try_from(offset).ok()));
    }
    Ok(file)
}

fn same_ids(path: &str, footer: &ParquetMetaData, schema: &Schema) -> Result<()> {
    let root = footer.file_metadata().schema_descr().root_schema();
    for column in root.get_fields() {
        let info = column.get_basic_info();
        let id = info.has_id().then(|| info.id());
        let known = schema.field(info.name()).map(|field| field.id);
        if id.is_none() || id != known {
            return Err(Error::new(
                codes::X0001,
                format!(
                    "Column `{}` of data file `{path}` has id {id:?}, and in its table {known:?}",
                    info.name()
                ),
            ));
        }
    }
    Ok(())
}
