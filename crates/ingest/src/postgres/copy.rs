//! A copy from the server into data files, over several connections where the table is large.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use connectors::postgres::{Client, CopyReader, copy_ranges, copy_statement, literal};
use diagnostic::{Error, Result, codes};
use lake::{DataFile, DataFolder};
use parking_lot::Mutex;
use settings::PostgresConnection;

use super::{OnRows, Shape};
use crate::existing::conform;
use crate::sinks::Sink;

/// What is done to rows before they are written.
pub(super) type Finish<'a> = dyn Fn(RecordBatch) -> Result<RecordBatch> + Sync + 'a;

/// A copy of a stream's rows into files of `schema` in `folder`.
pub(super) struct Copy<'a> {
    pub(super) connection: &'a PostgresConnection,
    pub(super) shape: &'a Shape,
    pub(super) schema: &'a SchemaRef,
    pub(super) folder: &'a DataFolder,
    /// Fills in the columns of ours.
    pub(super) finish: &'a Finish<'a>,
    pub(super) progress: &'a OnRows,
}

impl Copy<'_> {
    /// Copies all rows that the transaction of `client` sees, which must be one of `repeatable read`: other
    /// connections take part in its snapshot.
    pub(super) fn all(&self, client: &mut Client) -> Result<(Vec<DataFile>, u64)> {
        let connections = self.connection.copy_connections;
        let parts = match &self.shape.table {
            Some(table) => copy_ranges(client, table.oid, connections)?,
            None => Vec::new(),
        };
        if parts.is_empty() {
            return self.some(client, "");
        }
        let snapshot = client.value("select pg_catalog.pg_export_snapshot()")?;
        let snapshot = snapshot.unwrap_or_default();
        let others = connections.min(parts.len()).saturating_sub(1);
        let work = Work::new(parts);
        self.write(&work, |sink| {
            thread::scope(|scope| {
                let others: Vec<_> = (0..others)
                    .map(|_| scope.spawn(|| work.heed(self.join_in(&snapshot, &work, sink))))
                    .collect();
                let mut read = work.heed(self.read(client, &work, sink));
                for other in others {
                    let broken = || Error::new(codes::X0001, "A thread that copies broke down");
                    read = read.and(other.join().unwrap_or_else(|_| Err(broken())));
                }
                read
            })
        })
    }

    /// Copies the rows for which `rest` holds.
    pub(super) fn some(&self, client: &mut Client, rest: &str) -> Result<(Vec<DataFile>, u64)> {
        let work = Work::new(vec![rest.to_owned()]);
        self.write(&work, |sink| self.read(client, &work, sink))
    }

    /// Writes what `read` hands over, beside the reading. If either fails, no file is left.
    fn write(
        &self,
        work: &Work,
        read: impl FnOnce(&Sink<'_>) -> Result<()>,
    ) -> Result<(Vec<DataFile>, u64)> {
        let (read, files) = thread::scope(|scope| {
            let sink = Sink::start(
                scope,
                self.folder,
                self.schema.clone(),
                &self.shape.partition_names(),
            );
            let read = read(&sink);
            (read, sink.finish())
        });
        let files = files?;
        if let Err(error) = read {
            for file in &files {
                self.folder.remove(&file.path)?;
            }
            return Err(error);
        }
        Ok((files, work.rows.load(Ordering::Relaxed)))
    }

    /// Takes parts over a connection of its own, in the snapshot of the first.
    fn join_in(&self, snapshot: &str, work: &Work, sink: &Sink<'_>) -> Result<()> {
        let mut client = Client::connect(self.connection)?;
        client.query(&format!(
            "begin isolation level repeatable read read only; set transaction snapshot {}",
            literal(snapshot)
        ))?;
        self.read(&mut client, work, sink)
    }

    /// Takes parts of `work` until none is left, or until another connection or the writer has failed.
    fn read(&self, client: &mut Client, work: &Work, sink: &Sink<'_>) -> Result<()> {
        while let Some(part) = work.next() {
            let columns = &self.shape.columns;
            let statement = copy_statement(columns, &self.shape.from, &part);
            let mut reader = CopyReader::start(client, &statement, columns.clone())?;
            while let Some(batch) = reader.next_batch()? {
                let rows = batch.num_rows() as u64;
                if work.is_over() || !sink.write((self.finish)(conform(&batch, self.schema)?)?) {
                    return Ok(());
                }
                (self.progress)(work.rows.fetch_add(rows, Ordering::Relaxed) + rows)?;
            }
        }
        Ok(())
    }
}

/// The parts of a table that are still to be copied, and how many rows are.
struct Work {
    parts: Mutex<Vec<String>>,
    rows: AtomicU64,
    failed: AtomicBool,
}

impl Work {
    fn new(mut parts: Vec<String>) -> Self {
        parts.reverse();
        Self {
            parts: Mutex::new(parts),
            rows: AtomicU64::new(0),
            failed: AtomicBool::new(false),
        }
    }

    /// The next part; none once a connection has failed, since all is copied or nothing.
    fn next(&self) -> Option<String> {
        match self.is_over() {
            true => None,
            false => self.parts.lock().pop(),
        }
    }

    /// Notes a failure, so that the others end soon.
    fn heed<T>(&self, result: Result<T>) -> Result<T> {
        if result.is_err() {
            self.failed.store(true, Ordering::Relaxed);
        }
        result
    }

    fn is_over(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }
}
