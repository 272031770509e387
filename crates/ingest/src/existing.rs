//! The rows that the silver table has already: their keys and order, and rewriting files without some rows.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, RecordBatch, StringArray, new_null_array,
};
use arrow::compute::{cast, filter_record_batch};
use arrow::datatypes::{DataType, Schema, SchemaRef};
use diagnostic::{Error, Result, ResultExt, codes};
use lake::{DataFolder, FileRows, StoredFile};

use crate::contract::{Contract, HIDDEN_COLUMNS};
use crate::order::{
    Bitmap, EXISTING, Entries, Entry, KeyFilter, KeyHasher, Names, Position, RowOrder,
};
use crate::tables::TableState;

/// Refuses to merge into a table whose columns have other types than the contract says now.
pub(crate) fn check_types(contract: &Contract, table: &TableState) -> Result<()> {
    for column in &contract.columns {
        let Some((_, stored)) = table.schema.column_with_name(&column.stored) else {
            continue; // A new column: rows from before have no value in it.
        };
        let same = stored.data_type() == &column.silver_type()
            || ((column.is_text() || column.is_variant())
                && matches!(stored.data_type(), DataType::Utf8View | DataType::LargeUtf8));
        if !same {
            return Err(Error::new(
                codes::L3001,
                format!(
                    "Column `{}` of the silver table of `{}` is {}, the contract says {}",
                    column.stored,
                    contract.name,
                    stored.data_type(),
                    column.silver_type()
                ),
            )
            .help("rebuild the dataset with `--full-refresh`, or give the column another name"));
        }
    }
    Ok(())
}

/// Refuses to add to a table that is partitioned otherwise than the contract says now.
pub(crate) fn check_partitions(contract: &Contract, table: &TableState) -> Result<()> {
    if table.partition_by == contract.partition_by {
        return Ok(());
    }
    let said = |columns: &[String]| match columns {
        [] => "not partitioned".to_owned(),
        columns => format!("partitioned by {}", columns.join(", ")),
    };
    Err(Error::new(
        codes::L3001,
        format!(
            "The silver table of `{}` is {}, the contract says {}",
            contract.name,
            said(&table.partition_by),
            said(&contract.partition_by)
        ),
    )
    .help("rebuild the dataset with `--full-refresh`"))
}

/// Adds an entry for every row of the table whose key may come in, but for those that leave it anyhow.
pub(crate) fn add_entries(
    contract: &Contract,
    table: &TableState,
    hasher: &KeyHasher,
    entries: &Entries,
    (batches, contents): (&Names, &Names),
    filter: &KeyFilter,
    leaving: &HashMap<u32, Bitmap>,
) -> Result<()> {
    let columns = contract.key.iter().chain(&contract.latest_by);
    let fields = columns
        .filter_map(|at| contract.columns.get(*at))
        .map(|column| column.field());
    let hidden = HIDDEN_COLUMNS
        .iter()
        .map(|name| arrow::datatypes::Field::new(*name, DataType::Utf8, true));
    let schema = Arc::new(Schema::new(fields.chain(hidden).collect::<Vec<_>>()));
    let types = contract
        .latest_by
        .iter()
        .filter_map(|at| contract.columns.get(*at));
    let order = RowOrder::new(types.map(|column| column.silver_type()))?;
    let mut writer = entries.writer();
    let (keys, latest) = (contract.key.len(), contract.latest_by.len());
    for (number, file) in (EXISTING..).zip(&table.files) {
        let leaving = leaving.get(&number);
        let mut row = 0_u32;
        for batch in read(&table.folder, file, &schema)? {
            let batch = batch?;
            let arrays = batch.columns();
            let hashes = hasher.hash(arrays.get(..keys).unwrap_or_default(), batch.num_rows())?;
            let encoded = order.encode(arrays.get(keys..keys + latest).unwrap_or_default())?;
            let mut names = RowNames::new(&batch, keys + latest);
            for (at, hash) in hashes.iter().enumerate() {
                let leaves = leaving.is_some_and(|rows| rows.contains(row as usize));
                if !leaves && filter.may_contain(*hash) {
                    let (batch, content) = names.at(at, batches, contents);
                    let position = Position {
                        source: number,
                        row,
                    };
                    writer.add(Entry {
                        hash: *hash,
                        position,
                        batch,
                        content,
                        order: encoded.bytes(at),
                    })?;
                }
                row += 1;
            }
        }
    }
    writer.finish()
}

/// The numbers of each row's batch and content; neighbours nearly always share them.
struct RowNames<'a> {
    batch: &'a StringArray,
    content: &'a StringArray,
    last: Option<(usize, (u32, u32))>,
}

impl<'a> RowNames<'a> {
    fn new(batch: &'a RecordBatch, first: usize) -> Self {
        Self {
            batch: batch.column(first).as_string(),
            content: batch.column(first + 1).as_string(),
            last: None,
        }
    }

    fn at(&mut self, row: usize, batches: &Names, contents: &Names) -> (u32, u32) {
        // Rows that something else wrote have neither and are older than everything.
        let text = |array: &'a StringArray, row: usize| {
            if array.is_null(row) {
                ""
            } else {
                array.value(row)
            }
        };
        if let Some((last, numbers)) = self.last
            && text(self.batch, last) == text(self.batch, row)
            && text(self.content, last) == text(self.content, row)
        {
            return numbers;
        }
        let numbers = (
            batches.number(text(self.batch, row)),
            contents.number(text(self.content, row)),
        );
        self.last = Some((row, numbers));
        numbers
    }
}

/// Hands the rows of the table's `file` that are not in `leaving` to `write`, as `schema`.
pub(crate) fn rewrite(
    folder: &DataFolder,
    file: &StoredFile,
    schema: &SchemaRef,
    leaving: &Bitmap,
    mut write: impl FnMut(RecordBatch) -> Result<()>,
) -> Result<u64> {
    let mut row = 0;
    let mut kept = 0;
    for batch in read(folder, file, schema)? {
        let batch = batch?;
        let keep: BooleanArray = (row..row + batch.num_rows())
            .map(|row| Some(!leaving.contains(row)))
            .collect();
        row += batch.num_rows();
        let batch = filter_record_batch(&batch, &keep).explain(codes::X0001, || {
            "Rows of a silver file cannot be left out".to_owned()
        })?;
        kept += batch.num_rows() as u64;
        if batch.num_rows() > 0 {
            write(batch)?;
        }
    }
    Ok(kept)
}

/// The rows of a file of the table, as `schema`.
pub(crate) fn read(folder: &DataFolder, file: &StoredFile, schema: &SchemaRef) -> Result<FileRows> {
    FileRows::open(folder, file, schema, schema)
}

/// The batch with exactly the columns of `schema`; those it lacks are NULL.
pub(crate) fn conform(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    let wrong = || "A silver file does not have the columns of its table".to_owned();
    let columns = schema
        .fields()
        .iter()
        .map(|field| -> Result<ArrayRef> {
            match batch.column_by_name(field.name()) {
                None => Ok(new_null_array(field.data_type(), batch.num_rows())),
                Some(column) if column.data_type() == field.data_type() => Ok(Arc::clone(column)),
                Some(column) => cast(column, field.data_type()).explain(codes::L3003, wrong),
            }
        })
        .collect::<Result<Vec<_>>>()?;
    RecordBatch::try_new(Arc::clone(schema), columns).explain(codes::L3003, wrong)
}
