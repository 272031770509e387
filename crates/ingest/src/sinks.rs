//! Writing tables beside the reading: one thread per table, handed batches through a short queue.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{Scope, ScopedJoinHandle};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use diagnostic::{Error, Result, codes};
use lake::{DataFile, DataFolder, ParquetSink, SinkOptions};

/// Batches that may wait for a writer: enough to bridge the end of a row group, little memory.
const QUEUE: usize = 4;

/// A table that is being written by its own thread.
pub(crate) struct Sink<'scope> {
    queue: SyncSender<RecordBatch>,
    writer: ScopedJoinHandle<'scope, Result<Vec<DataFile>>>,
}

impl<'scope> Sink<'scope> {
    /// Starts a writer of files with `schema` into `folder`, those of each partition apart.
    pub(crate) fn start(
        scope: &'scope Scope<'scope, '_>,
        folder: &DataFolder,
        schema: SchemaRef,
        partition_by: &[String],
    ) -> Self {
        let (queue, batches) = sync_channel(QUEUE);
        let options = SinkOptions {
            partition_by: partition_by.to_vec(),
            ..SinkOptions::default()
        };
        let sink = ParquetSink::new(folder, schema, options);
        Self {
            queue,
            writer: scope.spawn(move || write(sink, &batches)),
        }
    }

    /// Hands over a batch. `false` says that the writer has failed; [`Sink::finish`] tells why.
    pub(crate) fn write(&self, batch: RecordBatch) -> bool {
        batch.num_rows() == 0 || self.queue.send(batch).is_ok()
    }

    /// The files written.
    pub(crate) fn finish(self) -> Result<Vec<DataFile>> {
        drop(self.queue);
        self.writer.join().unwrap_or_else(|_| {
            Err(Error::new(
                codes::X0001,
                "A thread that writes a table broke down",
            ))
        })
    }
}

fn write(mut sink: ParquetSink, batches: &Receiver<RecordBatch>) -> Result<Vec<DataFile>> {
    for batch in batches {
        sink.write(&batch)?;
    }
    sink.finish()
}
