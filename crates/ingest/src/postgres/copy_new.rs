//! Streams that have no place in the log yet are copied, all as of one moment whose place is known.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use connectors::postgres::{Client, exported_snapshot, literal, log_end};
use diagnostic::{Error, Result, codes};
use lake::{DataFile, DataFolder, Operation};
use settings::PostgresConnection;
use telemetry::failpoint;
use tokio::runtime::Handle;

use super::OnRows;
use super::batch::Upsert;
use super::copy::Copy;
use super::ending::end_all;
use super::follower::Follower;
use super::lane::Lane;
use super::marks::{Keeps, Marks};
use super::shape::evolved;
use crate::tables::{Change, Feed, TableState, Tables};

impl Follower<'_> {
    /// Copies the streams that have no place yet.
    pub(super) fn copy_new(&mut self) -> Result<()> {
        if self.lanes.iter().all(|lane| lane.position.is_some()) {
            return Ok(());
        }
        let (_, clock) = log_end(&mut self.client)?;
        let mut replication = Client::connect_for_replication(&self.request.connection)?;
        let mut name = self.request.replication.slot.clone();
        name.truncate(40);
        let name = format!("{name}_copy_{}", std::process::id());
        let (at, snapshot) = exported_snapshot(&mut replication, &name)?;
        self.client
            .query("begin isolation level repeatable read read only")?;
        self.client
            .query(&format!("set transaction snapshot {}", literal(&snapshot)))?;
        let tables = self.tables()?;
        for lane in self.lanes.iter_mut().filter(|lane| lane.position.is_none()) {
            let done = self.done;
            let progress = Arc::clone(self.progress);
            let copy = StreamCopy {
                client: &mut self.client,
                connection: &self.request.connection,
                tables: tables.as_ref(),
                handle: self.handle,
                time: clock.max(lane.last.time + 1),
                progress: Arc::new(move |rows| progress(done + rows)),
            };
            let rows = copy.run(lane)?;
            self.done += rows;
            lane.outcome.rows += rows;
            lane.outcome.changed = true;
            lane.position = Some(at);
        }
        self.client.query("commit").map(drop)
    }

    /// Makes the change tables that are not there yet.
    pub(super) fn make_change_tables(&mut self) -> Result<()> {
        if self.lanes.iter().all(|lane| lane.change_table.is_none()) {
            return Ok(());
        }
        let tables = self.tables()?;
        for lane in &mut self.lanes {
            let Some(name) = &lane.change_table else {
                continue;
            };
            if self.handle.block_on(tables.open(name))?.is_none() {
                let change = change(Operation::Overwrite, lane.change_schema(), Vec::new());
                self.handle.block_on(tables.commit(name, change))?;
                lane.outcome.changed = true;
            }
        }
        Ok(())
    }
}

fn change(operation: Operation, schema: SchemaRef, partition_by: Vec<String>) -> Change {
    Change {
        operation,
        schema,
        partition_by,
        hidden: 0,
        add: Vec::new(),
        remove: Vec::new(),
        remove_all: operation == Operation::Overwrite,
        vectors: Vec::new(),
        feed: Feed::default(),
    }
}

/// The copy of one stream.
struct StreamCopy<'a> {
    client: &'a mut Client,
    connection: &'a PostgresConnection,
    tables: &'a dyn Tables,
    handle: &'a Handle,
    /// Since when the rows hold, in microseconds since 1970.
    time: i64,
    progress: OnRows,
}

impl StreamCopy<'_> {
    /// Copies, and gives how many rows. What a table has kept of rows that ended stays in it: the source could
    /// not tell it again.
    fn run(self, lane: &mut Lane<'_>) -> Result<u64> {
        let marks = Marks::new(&lane.stream.apply);
        lane.last.time = self.time;
        let existing = self.handle.block_on(self.tables.open(lane.table))?;
        let kept = existing.filter(|table| !marks.is_none() && marks.are_in(&table.schema));
        if let Some(table) = &kept
            && table.partition_by != lane.shape.partition_names()
        {
            return Err(Error::new(
                codes::P2006,
                format!(
                    "Table `{}` keeps rows that have ended and is partitioned otherwise than its stream says now",
                    lane.table
                ),
            )
            .help("take the change of `partition_by` back, or drop the table to give the ended rows up, and run again"));
        }
        match kept {
            None => self.replace(lane, &marks),
            Some(table) => self.renew(lane, &marks, &table),
        }
    }

    /// All rows, in place of those the table has.
    fn replace(mut self, lane: &Lane<'_>, marks: &Marks) -> Result<u64> {
        let partition_by = lane.shape.partition_names();
        let mut change = change(Operation::Overwrite, lane.schema(), partition_by);
        let folder = self.handle.block_on(self.tables.folder(lane.table))?;
        let (add, rows) = self.files(lane, marks, &change.schema, &folder)?;
        change.add = add;
        change.feed = marks.feed(lane.stream, &lane.shape);
        self.handle
            .block_on(self.tables.commit(lane.table, change))?;
        Ok(rows)
    }

    /// All rows, beside those the table keeps.
    fn renew(mut self, lane: &mut Lane<'_>, marks: &Marks, table: &TableState) -> Result<u64> {
        let columns = &lane.shape.columns;
        let evolved = evolved(&table.schema, columns, lane.stream, &marks.fields());
        let (schema, notices) = evolved.map_err(|error| match error.code() == codes::P2006 {
            true => Error::new(codes::P2006, error.message().to_owned()).help(
                "rows that have ended keep the old type: name it in the stream's `types`, or drop the table to give \
                 them up, and run again",
            ),
            false => error,
        })?;
        lane.outcome.notices.extend(notices);
        let ended = end_all(table, &schema, marks, self.time)?;
        let by = table.partition_by.clone();
        let mut ends = change(Operation::Merge, schema.clone(), by.clone());
        (ends.add, ends.remove) = (ended.add, ended.remove);
        ends.feed = marks.feed(lane.stream, &lane.shape);
        self.handle.block_on(self.tables.commit(lane.table, ends))?;
        if marks.keeps() == Keeps::Versions {
            let mut change = change(Operation::Append, schema, by);
            let (add, rows) = self.files(lane, marks, &change.schema, &table.folder)?;
            change.add = add;
            self.handle
                .block_on(self.tables.commit(lane.table, change))?;
            return Ok(rows);
        }
        let now = self.handle.block_on(self.tables.open(lane.table))?;
        let upsert = Upsert {
            stream: lane.stream,
            shape: &lane.shape,
            name: lane.table,
            schema: &schema,
            tables: self.tables,
            handle: self.handle,
            marks,
            at: self.time,
        };
        let now = now.as_ref().unwrap_or(table);
        let done = upsert.run(self.client, "", now, &self.progress)?;
        Ok(done.rows)
    }

    fn files(
        &mut self,
        lane: &Lane<'_>,
        marks: &Marks,
        schema: &SchemaRef,
        folder: &DataFolder,
    ) -> Result<(Vec<DataFile>, u64)> {
        let time = self.time;
        let finish = move |batch: RecordBatch| marks.fresh(batch, time);
        let copied = Copy {
            connection: self.connection,
            shape: &lane.shape,
            schema,
            folder,
            finish: &finish,
            progress: &self.progress,
        }
        .all(self.client)?;
        failpoint("postgres.after_files");
        Ok(copied)
    }
}
