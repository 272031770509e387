//! The rows of files that are loaded again: where they are in the tables, and writing the tables without them.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use diagnostic::{Result, ResultExt, codes};

use crate::contract::Contract;
use crate::existing::{read, rewrite};
use crate::order::{Bitmap, EXISTING, KeyFilter, KeyHasher};
use crate::reload::Leaving;
use crate::tables::TableState;

/// Rows that leave a table, by the position of their file in [`TableState::files`].
pub(crate) type LeavingRows = HashMap<usize, Bitmap>;

/// The rows of `table` that have one of `values` in the text column `column`.
pub(crate) fn rows_with(
    table: &TableState,
    column: &str,
    values: &HashSet<String>,
) -> Result<LeavingRows> {
    let schema = Arc::new(Schema::new(vec![Field::new(column, DataType::Utf8, true)]));
    let mut leaving = LeavingRows::new();
    for (at, file) in table.files.iter().enumerate() {
        let mut rows = Rows::default();
        for batch in read(&table.folder, file, &schema)? {
            rows.note(&batch?, column, values)?;
        }
        if rows.found.count() > 0 {
            leaving.insert(at, rows.found);
        }
    }
    Ok(leaving)
}

/// The distinct texts in the column `column` of `table`.
pub(crate) fn distinct(table: &TableState, column: &str) -> Result<HashSet<String>> {
    let schema = Arc::new(Schema::new(vec![Field::new(column, DataType::Utf8, true)]));
    let mut found = HashSet::new();
    for file in &table.files {
        for batch in read(&table.folder, file, &schema)? {
            let batch = batch?;
            let Some(values) = texts(&batch, column)? else {
                continue;
            };
            let mut last = None;
            for value in values.iter().flatten() {
                if last != Some(value) {
                    last = Some(value);
                    if !found.contains(value) {
                        found.insert(value.to_owned());
                    }
                }
            }
        }
    }
    Ok(found)
}

/// The rows of the silver table `table` that come from the contents of `leaving`. Their keys go to `freed`, where
/// rows of other files may take their place.
pub(crate) fn silver_rows(
    contract: &Contract,
    table: &TableState,
    leaving: &Leaving,
    hasher: &KeyHasher,
    freed: &KeyFilter,
) -> Result<HashMap<u32, Bitmap>> {
    const CONTENT: &str = "_CONTENT_HASH";
    let keys = contract.key.iter();
    let mut fields: Vec<Field> = keys
        .filter_map(|at| contract.columns.get(*at))
        .map(|column| column.field())
        .collect();
    let count = fields.len();
    fields.push(Field::new(CONTENT, DataType::Utf8, true));
    let schema: SchemaRef = Arc::new(Schema::new(fields));
    let mut found = HashMap::new();
    for (number, file) in (EXISTING..).zip(&table.files) {
        let mut rows = Rows::default();
        for batch in read(&table.folder, file, &schema)? {
            let batch = batch?;
            let mut hits = Vec::new();
            rows.note_each(&batch, CONTENT, &leaving.contents, |row| hits.push(row))?;
            if !hits.is_empty() && count > 0 {
                let keys: &[ArrayRef] = batch.columns().get(..count).unwrap_or_default();
                let hashes = hasher.hash(keys, batch.num_rows())?;
                for row in hits {
                    if let Some(hash) = hashes.get(row) {
                        freed.insert(*hash);
                    }
                }
            }
        }
        if rows.found.count() > 0 {
            found.insert(number, rows.found);
        }
    }
    Ok(found)
}

/// Hands the rows that stay of the files that lose some to `write`; gives the files that go.
pub(crate) fn without(
    table: &TableState,
    leaving: &LeavingRows,
    schema: &SchemaRef,
    mut write: impl FnMut(RecordBatch) -> Result<()>,
) -> Result<Vec<String>> {
    let mut replaced = Vec::new();
    for (at, file) in table.files.iter().enumerate() {
        if let Some(rows) = leaving.get(&at) {
            rewrite(&table.folder, file, schema, rows, &mut write)?;
            replaced.push(file.path.clone());
        }
    }
    Ok(replaced)
}

/// The rows found in one file so far.
#[derive(Default)]
struct Rows {
    found: Bitmap,
    read: u32,
}

impl Rows {
    fn note(&mut self, batch: &RecordBatch, column: &str, values: &HashSet<String>) -> Result<()> {
        self.note_each(batch, column, values, |_| ())
    }

    /// Notes the rows of the next batch with one of `values`, and tells `hit` their places in it.
    fn note_each(
        &mut self,
        batch: &RecordBatch,
        column: &str,
        values: &HashSet<String>,
        mut hit: impl FnMut(usize),
    ) -> Result<()> {
        if let Some(texts) = texts(batch, column)? {
            // Neighbours nearly always share the value.
            let mut last: Option<(&str, bool)> = None;
            for (row, text) in (0_u32..).zip(texts.iter()) {
                let Some(text) = text else { continue };
                let is_one = match last {
                    Some((before, is_one)) if before == text => is_one,
                    _ => values.contains(text),
                };
                last = Some((text, is_one));
                if is_one {
                    self.found.insert(self.read + row);
                    hit(row as usize);
                }
            }
        }
        self.read += u32::try_from(batch.num_rows()).unwrap_or(u32::MAX);
        Ok(())
    }
}

fn texts(batch: &RecordBatch, column: &str) -> Result<Option<StringArray>> {
    let Some(array) = batch.column_by_name(column) else {
        return Ok(None);
    };
    let array = cast(array, &DataType::Utf8).explain(codes::L3003, || {
        format!("The column `{column}` of a table is no text")
    })?;
    Ok(Some(array.as_string::<i32>().clone()))
}
