//! What a statement gave back: rows to stdout as they come, everything else in a sentence to stderr.

use std::io::{BufWriter, Write as _};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use diagnostic::Result;
use engine::{Outcome, Rows};
use futures::TryStreamExt as _;

use super::{Form, QueryFormat, batch, form_writer, writer};
use crate::display::human;
use crate::output;

/// Writes what a statement gave back. A reader that goes away ends the writing, not the command.
pub async fn write_outcome(outcome: Outcome, format: QueryFormat, quiet: bool) -> Result<()> {
    match outcome {
        Outcome::Rows(rows) => write_rows(rows, format).await,
        Outcome::Changed {
            inserted,
            updated,
            deleted,
        } => {
            let counts = [
                (inserted, "inserted"),
                (updated, "updated"),
                (deleted, "deleted"),
            ];
            let changed: Vec<String> = counts
                .into_iter()
                .filter_map(|(count, word)| Some((count.filter(|count| *count > 0)?, word)))
                .map(|(count, word)| format!("{} {word}", rows_of(count)))
                .collect();
            tell(
                if changed.is_empty() {
                    "No row changed".to_owned()
                } else {
                    changed.join(", ")
                },
                quiet,
            );
            Ok(())
        }
        Outcome::Done(sentence) => {
            tell(sentence, quiet);
            Ok(())
        }
    }
}

fn rows_of(count: u64) -> String {
    human::counted(count, "row")
}

fn tell(sentence: String, quiet: bool) {
    if !quiet {
        output::message(&sentence);
    }
}

/// Rows that are in memory, as text.
pub fn format_batches(schema: &SchemaRef, batches: &[RecordBatch], form: Form) -> Result<String> {
    let buffer = SharedBuffer::default();
    let write = || {
        let mut rows_out = form_writer(form, &names(schema), Box::new(buffer.clone()))?;
        for batch in batches {
            batch::write_batch(rows_out.as_mut(), batch)?;
        }
        rows_out.finish()
    };
    output::settle(write())?;
    Ok(String::from_utf8_lossy(&buffer.take()).into_owned())
}

fn names(schema: &SchemaRef) -> Vec<String> {
    let fields = schema.fields().iter();
    fields.map(|field| field.name().clone()).collect()
}

async fn write_rows(rows: Rows, format: QueryFormat) -> Result<()> {
    let names = names(&rows.schema);
    let mut batches = rows.batches;
    // Rows are formatted into memory batch by batch, so that no lock on stdout is held while the
    // query works.
    let buffer = SharedBuffer::default();
    let mut rows_out = match writer(format, &names, Box::new(buffer.clone())) {
        Ok(rows_out) => rows_out,
        Err(error) => return output::settle(Err(error)),
    };
    while let Some(batch) = batches.try_next().await? {
        if !flush(batch::write_batch(rows_out.as_mut(), &batch), &buffer)? {
            return Ok(());
        }
    }
    flush(rows_out.finish(), &buffer)?;
    Ok(())
}

/// Moves what was formatted to stdout; says whether anybody still reads.
fn flush(formatted: std::io::Result<()>, buffer: &SharedBuffer) -> Result<bool> {
    let text = buffer.take();
    let write = || {
        formatted?;
        let mut stdout = BufWriter::new(std::io::stdout().lock());
        stdout.write_all(&text)?;
        stdout.flush()
    };
    match write() {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(false),
        other => output::settle(other).map(|()| true),
    }
}

/// Bytes that the row writer fills and the flush empties.
#[derive(Clone, Default)]
struct SharedBuffer(std::sync::Arc<parking_lot::Mutex<Vec<u8>>>);

impl SharedBuffer {
    fn take(&self) -> Vec<u8> {
        std::mem::take(&mut self.0.lock())
    }
}

impl std::io::Write for SharedBuffer {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
