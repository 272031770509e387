//! All rows of a table end at once, and the table keeps them.

use std::sync::Arc;
use std::thread;

use arrow::compute::{filter_record_batch, not};
use arrow::datatypes::{Schema, SchemaRef};
use diagnostic::{Result, ResultExt, codes};

use super::marks::Marks;
use super::merge::Merged;
use crate::existing::read;
use crate::sinks::Sink;
use crate::tables::TableState;

/// Marks every row of `table` that still counts as ended at `time`. Files without such rows stay.
pub(super) fn end_all(
    table: &TableState,
    schema: &SchemaRef,
    marks: &Marks,
    time: i64,
) -> Result<Merged> {
    let mut merged = Merged::default();
    let files = thread::scope(|scope| {
        let sink = Sink::start(scope, &table.folder, schema.clone(), &table.partition_by);
        let ended = end_files(table, schema, marks, time, &sink, &mut merged);
        let files = sink.finish();
        ended.and(files)
    });
    merged.add = files?;
    Ok(merged)
}

fn end_files(
    table: &TableState,
    schema: &SchemaRef,
    marks: &Marks,
    time: i64,
    sink: &Sink<'_>,
    merged: &mut Merged,
) -> Result<()> {
    let flag = marks.lookup(&Arc::new(Schema::empty()));
    for file in &table.files {
        let mut any = false;
        for batch in read(&table.folder, file, &flag)? {
            let batch = batch?;
            let alive = marks.alive(&batch);
            any |= alive.is_none_or(|alive| alive.true_count() > 0) && batch.num_rows() > 0;
            if any {
                break;
            }
        }
        if !any {
            continue;
        }
        for batch in read(&table.folder, file, schema)? {
            let batch = batch?;
            let alive = marks.alive(&batch);
            let Some(alive) = alive else { continue };
            let ends = vec![time; alive.true_count()];
            let parts = filter_record_batch(&batch, &alive).and_then(|ending| {
                let staying = filter_record_batch(&batch, &not(&alive)?)?;
                Ok((ending, staying))
            });
            let (ending, staying) = parts.explain(codes::X0001, || {
                "Ended rows cannot be told from others".to_owned()
            })?;
            merged.deleted += ends.len() as u64;
            if !sink.write(marks.ended(&ending, &ends)?) || !sink.write(staying) {
                return Ok(());
            }
        }
        merged.remove.push(file.path.clone());
    }
    Ok(())
}
