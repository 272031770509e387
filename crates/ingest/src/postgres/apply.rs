//! What is pending of a stream is brought into its table, and into its change table.

use std::thread;

use connectors::postgres::Lsn;
use diagnostic::{Error, Result, codes};
use lake::{Operation, StoredFile};
use telemetry::failpoint;
use tokio::runtime::Handle;

use super::change_log::{ChangeLog, Columns, Entry, Event, Image, Transaction, headers};
use super::ending::end_all;
use super::follower::Follower;
use super::keyed::KeyColumns;
use super::lane::Lane;
use super::marks::Marks;
use super::merge::{MANY_SMALL, Merge, SMALL, Stored};
use super::pending::Wanted;
use super::shape::evolved;
use crate::existing::read;
use crate::sinks::Sink;
use crate::tables::{Change, Feed, TableState, Tables};

impl Follower<'_> {
    pub(super) fn pending_bytes(&self) -> usize {
        self.lanes.iter().map(|lane| lane.pending.bytes()).sum()
    }

    /// Whether what is pending takes as much memory as it may: then it is applied, be it part of a transaction.
    pub(super) fn is_full(&self) -> bool {
        self.pending_bytes() as u64 >= self.request.replication.batch_bytes.saturating_mul(2)
    }

    pub(super) fn has_pending(&self) -> bool {
        self.lanes.iter().any(|lane| !lane.pending.is_empty())
    }

    /// Brings what is pending into the tables.
    pub(super) fn flush(&mut self) -> Result<()> {
        if !self.has_pending() {
            return Ok(());
        }
        let tables = self.tables()?;
        let mut apply = Apply {
            tables: tables.as_ref(),
            handle: self.handle,
            number: &mut self.number,
        };
        self.lanes.iter_mut().try_for_each(|lane| apply.flush(lane))
    }

    /// All rows of the stream at `lane` are gone in the source.
    pub(super) fn truncate(&mut self, lane: usize, transaction: Transaction) -> Result<()> {
        if self.lanes[lane].is_plain() {
            return self.lanes[lane].pending.truncate();
        }
        let tables = self.tables()?;
        let mut apply = Apply {
            tables: tables.as_ref(),
            handle: self.handle,
            number: &mut self.number,
        };
        let lane = &mut self.lanes[lane];
        let transaction = lane.enter(transaction);
        apply.flush(lane)?;
        apply.truncate(lane, transaction)
    }
}

struct Apply<'a> {
    tables: &'a dyn Tables,
    handle: &'a Handle,
    /// The number of the last change stored.
    number: &'a mut u64,
}

impl Apply<'_> {
    fn table(&self, name: &model::RelationName) -> Result<TableState> {
        let table = self.handle.block_on(self.tables.open(name))?;
        table.ok_or_else(|| Error::new(codes::X0001, format!("Table `{name}` has vanished")))
    }

    fn flush(&mut self, lane: &mut Lane<'_>) -> Result<()> {
        if lane.pending.is_empty() {
            return Ok(());
        }
        let table = self.table(lane.table)?;
        let marks = Marks::new(&lane.stream.apply);
        let columns = &lane.shape.columns;
        let (schema, notices) = evolved(&table.schema, columns, lane.stream, &marks.fields())?;
        let key = match lane.shape.is_counted() {
            true => KeyColumns::new(&lane.shape.schema(), &[])?,
            false => KeyColumns::new(&schema, &lane.shape.key_names())?,
        };
        let change_table = self.change_table(lane)?;
        let before_images = lane.stream.store_changes.as_ref();
        let before_images = before_images.map(|stored| stored.before_images);
        let wanted = Wanted {
            keeps: marks.keeps(),
            stored: before_images.map(|images| (images, &mut *self.number)),
        };
        let settled = lane.pending.settle(&schema, &key, wanted)?;
        let stored = change_table.as_ref().map(|(table, heads)| Stored {
            log: ChangeLog {
                places: lane.pending.places(&table.schema, *heads),
                entries: settled.entries,
            },
            olds: settled.olds,
            schema: &table.schema,
            folder: &table.folder,
        });
        let merge = Merge {
            stream: &lane.stream.name.value,
            schema: &schema,
            partition_by: &table.partition_by,
            key: &key,
            rows: &settled.rows,
            net: settled.net,
            range: settled.range,
            marks: &marks,
            vectors: lane.stream.deletion_vectors,
            stored,
        };
        let existing = Some(&table).filter(|_| !settled.truncated);
        let merged = merge.run(existing, &table.folder)?;
        failpoint("postgres.after_files");
        lane.outcome.count(&merged);
        if merged.changed() || settled.truncated {
            let change = Change {
                operation: Operation::Merge,
                schema,
                partition_by: table.partition_by.clone(),
                hidden: 0,
                add: merged.add,
                remove: merged.remove,
                remove_all: settled.truncated,
                vectors: merged.vectors,
                feed: marks.feed(lane.stream, &lane.shape),
            };
            self.handle
                .block_on(self.tables.commit(lane.table, change))?;
            lane.outcome.changed = true;
        }
        if let Some((table, _)) = change_table {
            self.append(lane, table, merged.stored)?;
        }
        for notice in notices {
            if !lane.outcome.notices.contains(&notice) {
                lane.outcome.notices.push(notice);
            }
        }
        Ok(())
    }

    /// The stream's change table with the columns it has from now on, and how many of them are headers.
    fn change_table(&self, lane: &Lane<'_>) -> Result<Option<(TableState, usize)>> {
        let (Some(name), Some(stored)) = (&lane.change_table, &lane.stream.store_changes) else {
            return Ok(None);
        };
        let mut table = self.table(name)?;
        let heads = headers(&stored.prefix);
        let (schema, _) = evolved(&table.schema, &lane.shape.columns, lane.stream, &heads)?;
        table.schema = schema;
        Ok(Some((table, heads.len())))
    }

    fn append(
        &self,
        lane: &mut Lane<'_>,
        table: TableState,
        add: Vec<lake::DataFile>,
    ) -> Result<()> {
        let Some(name) = lane.change_table.as_ref().filter(|_| !add.is_empty()) else {
            return Ok(());
        };
        let mut change = Change {
            operation: Operation::Append,
            schema: table.schema.clone(),
            partition_by: Vec::new(),
            hidden: 0,
            add,
            remove: Vec::new(),
            remove_all: false,
            vectors: Vec::new(),
            feed: Feed::default(),
        };
        let small: Vec<_> = table
            .files
            .iter()
            .filter(|file| file.size < SMALL)
            .collect();
        if small.len() >= MANY_SMALL {
            let joined = thread::scope(|scope| {
                let sink = Sink::start(scope, &table.folder, table.schema.clone(), &[]);
                let read = small
                    .iter()
                    .try_for_each(|file| rows_of(&table, file, &sink));
                let files = sink.finish();
                read.and(files)
            })?;
            change.operation = Operation::Merge;
            change.add.extend(joined);
            change.remove = small.iter().map(|file| file.path.clone()).collect();
        }
        lane.outcome.changed = true;
        self.handle.block_on(self.tables.commit(name, change))
    }

    /// Ends all rows of a table that keeps them, or whose changes are stored.
    fn truncate(&mut self, lane: &mut Lane<'_>, transaction: Transaction) -> Result<()> {
        let marks = Marks::new(&lane.stream.apply);
        if marks.is_none() {
            lane.pending.truncate()?;
        } else {
            let table = self.table(lane.table)?;
            let columns = &lane.shape.columns;
            let (schema, _) = evolved(&table.schema, columns, lane.stream, &marks.fields())?;
            let ended = end_all(&table, &schema, &marks, transaction.time)?;
            lane.outcome.count(&ended);
            if ended.changed() {
                let change = Change {
                    operation: Operation::Merge,
                    schema,
                    partition_by: table.partition_by,
                    hidden: 0,
                    add: ended.add,
                    remove: ended.remove,
                    remove_all: false,
                    vectors: Vec::new(),
                    feed: marks.feed(lane.stream, &lane.shape),
                };
                self.handle
                    .block_on(self.tables.commit(lane.table, change))?;
            }
        }
        let Some((table, heads)) = self.change_table(lane)? else {
            return Ok(());
        };
        *self.number += 1;
        let log = ChangeLog {
            entries: vec![Entry {
                event: Event::Truncate,
                image: Image::Nothing,
                patches: Vec::new(),
                transaction,
                number: *self.number,
                changed: Columns::default(),
            }],
            places: Vec::new(),
        };
        let row = log.rows_without_data(&table.schema, heads)?;
        let files = thread::scope(|scope| {
            let sink = Sink::start(scope, &table.folder, table.schema.clone(), &[]);
            sink.write(row);
            sink.finish()
        })?;
        self.append(lane, table, files)
    }
}

/// Hands the rows of `file` to `sink`.
fn rows_of(table: &TableState, file: &StoredFile, sink: &Sink<'_>) -> Result<()> {
    for batch in read(&table.folder, file, &table.schema)? {
        if !sink.write(batch?) {
            break;
        }
    }
    Ok(())
}

impl Follower<'_> {
    /// Every change before `reached` is in the tables, or was there before.
    pub(super) fn advance(&mut self, reached: Lsn) {
        for lane in &mut self.lanes {
            // Streams just copied took part as well, from their own place on.
            lane.position = lane.position.max(Some(reached));
        }
    }
}
