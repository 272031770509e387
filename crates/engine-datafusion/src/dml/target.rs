//! [`Target`]: the table a statement changes, and writing what becomes of it.

use std::sync::Arc;

use arrow::array::{Array, AsArray, BooleanArray, BooleanBufferBuilder, RecordBatch};
use arrow::compute::{filter_record_batch, not};
use arrow::datatypes::{Int64Type, Schema, SchemaRef, UInt32Type, UInt64Type};
use catalog::Relation;
use datafusion::execution::SessionState;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder};
use datafusion::physical_plan::{SendableRecordBatchStream, execute_stream_partitioned};
use datafusion::prelude::Expr;
use diagnostic::{Error, Result, ResultExt, codes};
use engine::Session;
use functions::cast_to_column;
use futures::StreamExt;
use lake::{
    ChangeType, Commit, DataFolder, FeedSink, FileRows, Operation, ParquetSink, StoredFile, Table,
};
use model::RelationName;
use parking_lot::Mutex;

use super::hits::{Fate, Hits, Several};
use super::rows::NumberedRows;
use crate::Embedded;
use crate::checks::Check;
use crate::failure::explain;
use crate::statement::writable;
use crate::write::Shape;
use crate::{execution, join_fallback};

/// The name by which queries of changing statements call the table they change.
pub(crate) const TARGET: &str = "__TARGET";
/// The column that says what happens to a row: one of the three below.
pub(crate) const ACTION: &str = "__ACTION";
pub(crate) const DELETE: i64 = 1;
pub(crate) const UPDATE: i64 = 2;
pub(crate) const INSERT: i64 = 3;

/// Columns of a changing query before the table's own: file, row, action.
pub(crate) const LEADING: usize = 3;

/// Below this many bytes a table's new rows go to one file.
const SMALL: u64 = 16 << 20;

/// The table a statement changes.
pub(crate) struct Target {
    pub(crate) name: RelationName,
    pub(crate) relation: Relation,
    /// Its columns as queries see them.
    pub(crate) columns: SchemaRef,
    checks: Arc<[Check]>,
    stored: Vec<StoredFile>,
    folder: DataFolder,
}

/// Where changed rows are told, if the table has a change data feed.
type Feed = Option<Arc<Mutex<FeedSink>>>;
/// What a row that comes is; an updated row and its old image share a number.
type Image = (ChangeType, Option<i64>);

/// How many rows a statement changed.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) inserted: u64,
    pub(crate) updated: u64,
    pub(crate) deleted: u64,
}

impl Target {
    /// The table `name`, if statements may change it.
    pub(crate) async fn open(
        engine: &Embedded,
        session: &Session,
        name: &RelationName,
    ) -> Result<Self> {
        let workspace = engine.workspace();
        writable(workspace, name)?;
        let relation = workspace
            .relation(name)
            .ok_or_else(|| Error::new(codes::K3001, format!("Relation `{name}` does not exist")))?;
        let provider = engine.databases(session).provider(name, &relation).await;
        let table = workspace.table(name).await?;
        let checks = Check::of(engine, session, &table).await?;
        let mut stored = table.files().await?;
        stored.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Self {
            checks,
            name: name.clone(),
            columns: provider.map_err(explain)?.schema(),
            folder: workspace.folder(&table),
            stored,
            relation,
        })
    }

    /// What its rows must be like.
    pub(crate) async fn shape(&self, table: &Table) -> Result<Shape> {
        let shape = Shape::of(table, &self.relation.details).await?;
        Ok(shape.checking(Arc::clone(&self.checks)))
    }

    /// Its rows, numbered, for the query of the statement.
    pub(crate) fn rows(&self, partitions: usize) -> NumberedRows {
        NumberedRows::new(
            self.folder.clone(),
            self.stored.clone().into(),
            Arc::clone(&self.columns),
            partitions,
        )
    }

    /// The rows `plan` gives, written beside the table's own or instead of them.
    pub(crate) async fn append(
        &self,
        engine: &Embedded,
        session: &Session,
        plan: &LogicalPlan,
        overwrite: bool,
    ) -> Result<u64> {
        let workspace = engine.workspace();
        let table = workspace.table_to_write(&self.name).await?;
        let folder = workspace.folder(&table);
        let shape = self.shape(&table).await?;
        let state = engine.state(session)?;
        let written = crate::write::write_plan(state, plan, &folder, Some(shape)).await?;
        let rows = written.count();
        let mut commit = Commit::new(if overwrite {
            Operation::Overwrite
        } else {
            Operation::Append
        });
        commit.remove_all = overwrite;
        commit.add = written.files;
        if overwrite || !commit.add.is_empty() {
            workspace.stage_table(&self.name, &table.commit(&commit).await?, &[])?;
        }
        Ok(rows)
    }

    /// Carries out what the rows of `plan` say: file, row, action, and the table's columns for rows that
    /// come in.
    pub(crate) async fn change(
        &self,
        engine: &Embedded,
        session: &Session,
        plan: &LogicalPlan,
        several: Several,
        operation: Operation,
    ) -> Result<Counts> {
        let mut state = engine.state(session)?;
        let first = self.carry_out(engine, &mut state, plan, several, operation);
        match first.await {
            Err(error) => match join_fallback::sorting(&state, plan, &error) {
                Some(mut state) => {
                    self.carry_out(engine, &mut state, plan, several, operation)
                        .await
                }
                None => Err(error),
            },
            counts => counts,
        }
    }

    async fn carry_out(
        &self,
        engine: &Embedded,
        state: &mut SessionState,
        plan: &LogicalPlan,
        several: Several,
        operation: Operation,
    ) -> Result<Counts> {
        let physical = execution::physical(state, plan).await?;
        let context = execution::context(state);
        let streams = execute_stream_partitioned(physical, context).map_err(explain)?;
        let workspace = engine.workspace();
        let table = workspace.table_to_write(&self.name).await?;
        let folder = workspace.folder(&table);
        let shape = self.shape(&table).await?;
        let sink = || Arc::new(Mutex::new(shape.sink(&folder)));
        let bytes: u64 = self.stored.iter().map(|file| file.size).sum();
        let sinks: Vec<_> = if bytes < SMALL {
            vec![sink()]
        } else {
            streams.iter().map(|_| sink()).collect()
        };
        let feed = match table.change_data_feed().await? {
            true => Some(shape.feed(&folder)),
            false => None,
        };
        let feed: Feed = feed.map(|sink| Arc::new(Mutex::new(sink)));
        let hits = Arc::new(Mutex::new(Hits::new(self.stored.len(), several)));
        let mut tasks = tokio::task::JoinSet::new();
        for (stream, sink) in streams.into_iter().zip(sinks.iter().cycle()) {
            tasks.spawn(take(
                stream,
                Arc::clone(&hits),
                Arc::clone(sink),
                shape.clone(),
                feed.clone(),
            ));
        }
        let mut inserted = 0;
        while let Some(done) = tasks.join_next().await {
            inserted += done.explain(codes::X0001, ended_early)??;
        }
        let hits = std::mem::replace(&mut *hits.lock(), Hits::new(0, several));
        let counts = Counts {
            inserted,
            updated: hits.updated,
            deleted: hits.deleted,
        };
        let mut commit = Commit::new(operation);
        let rest = self.keep_the_rest(hits, &sinks, &shape.schema, &feed);
        commit.remove = rest.await?;
        for sink in sinks {
            let sink =
                Arc::try_unwrap(sink).map_err(|_| Error::new(codes::X0001, ended_early()))?;
            commit.add.extend(sink.into_inner().finish()?);
        }
        if let Some(feed) = feed {
            let feed =
                Arc::try_unwrap(feed).map_err(|_| Error::new(codes::X0001, ended_early()))?;
            let files = feed.into_inner().finish()?;
            // Rows that only come are told by their own files.
            match commit.remove.is_empty() {
                true => files
                    .iter()
                    .try_for_each(|file| folder.remove(&file.path))?,
                false => commit.change_data = Some(files),
            }
        }
        if !(commit.add.is_empty() && commit.remove.is_empty()) {
            workspace.stage_table(&self.name, &table.commit(&commit).await?, &[])?;
        }
        Ok(counts)
    }

    /// Writes the rows of touched files that stay, and gives the files that go.
    async fn keep_the_rest(
        &self,
        hits: Hits,
        sinks: &[Arc<Mutex<ParquetSink>>],
        schema: &SchemaRef,
        feed: &Feed,
    ) -> Result<Vec<String>> {
        let mut removed = Vec::new();
        let mut lanes = vec![Vec::new(); sinks.len()];
        for (at, (number, fates)) in hits.into_touched().into_iter().enumerate() {
            let Some(file) = self.stored.get(number) else {
                return Err(Error::new(
                    codes::X0001,
                    "A row is in a file that is not there",
                ));
            };
            removed.push(file.path.clone());
            let lane = at % lanes.len().max(1);
            if let Some(lane) = lanes.get_mut(lane) {
                lane.push((number, file.clone(), fates));
            }
        }
        let mut tasks = tokio::task::JoinSet::new();
        for (lane, sink) in lanes.into_iter().zip(sinks) {
            let (sink, schema) = (Arc::clone(sink), Arc::clone(schema));
            let (folder, feed) = (self.folder.clone(), feed.clone());
            tasks.spawn_blocking(move || {
                lane.into_iter().try_for_each(|(number, file, fates)| {
                    let leaving = (number, fates.as_slice());
                    copy((&folder, &file), leaving, &schema, &sink, &feed)
                })
            });
        }
        while let Some(done) = tasks.join_next().await {
            done.explain(codes::X0001, ended_early)??;
        }
        Ok(removed)
    }

    /// The table without its files, for who converts rows to its columns.
    pub(crate) fn columns_and_details(&self) -> Self {
        Self {
            checks: Arc::clone(&self.checks),
            name: self.name.clone(),
            relation: self.relation.clone(),
            columns: Arc::clone(&self.columns),
            stored: Vec::new(),
            folder: self.folder.clone(),
        }
    }

    /// All rows gone; gives their number.
    pub(crate) async fn clear(&self, engine: &Embedded) -> Result<u64> {
        let rows = self.stored.iter().filter_map(|file| file.rows).sum();
        if !self.stored.is_empty() {
            let workspace = engine.workspace();
            let table = workspace.table_to_write(&self.name).await?;
            let mut commit = Commit::new(Operation::Overwrite);
            commit.remove_all = true;
            workspace.stage_table(&self.name, &table.commit(&commit).await?, &[])?;
        }
        Ok(rows)
    }

    /// Whether the table has a column `name`, and where.
    pub(crate) fn position(&self, name: &str) -> Result<usize> {
        self.columns.index_of(name).map_err(|_| {
            let names: Vec<&str> = self
                .columns
                .fields()
                .iter()
                .map(|field| field.name().as_str())
                .collect();
            Error::new(
                codes::E1101,
                format!("Table `{}` has no column `{name}`", self.name),
            )
            .suggest(name, names)
        })
    }
}

fn ended_early() -> String {
    "A writing task ended early".to_owned()
}

/// `plan`'s columns after the first `leading` ones as the columns of `schema`.
pub(crate) fn assigned(plan: LogicalPlan, leading: usize, schema: &Schema) -> Result<LogicalPlan> {
    for (value, column) in plan
        .schema()
        .fields()
        .iter()
        .skip(leading)
        .zip(schema.fields())
    {
        super::values::fits(value, column)?;
    }
    let columns: Vec<Expr> = plan
        .schema()
        .columns()
        .into_iter()
        .enumerate()
        .map(|(at, column)| {
            let value = Expr::Column(column);
            match at.checked_sub(leading).map(|at| schema.field(at)) {
                Some(field) => cast_to_column(value, field).alias(field.name()),
                None => value,
            }
        })
        .collect();
    LogicalPlanBuilder::from(plan)
        .project(columns)
        .and_then(LogicalPlanBuilder::build)
        .map_err(explain)
}

/// Notes what becomes of old rows and writes the new ones; gives how many were inserted.
async fn take(
    mut stream: SendableRecordBatchStream,
    hits: Arc<Mutex<Hits>>,
    sink: Arc<Mutex<ParquetSink>>,
    shape: Shape,
    feed: Feed,
) -> Result<u64> {
    let mut inserted = 0;
    while let Some(batch) = stream.next().await {
        let batch = batch.map_err(explain)?;
        let (coming, changes) = sort_out(&batch, &hits)?;
        let new = changes.iter().filter(|(_, pair)| pair.is_none()).count();
        inserted += new as u64;
        if coming.true_count() > 0 && batch.num_columns() > LEADING {
            let own: Vec<usize> = (LEADING..batch.num_columns()).collect();
            let rows = batch
                .project(&own)
                .and_then(|rows| filter_record_batch(&rows, &coming))
                .explain(codes::X0001, ended_early)?;
            let rows = shape.fit(&rows)?;
            sink.lock().write(&rows)?;
            if let Some(feed) = &feed {
                let (kinds, pairs): (Vec<_>, Vec<_>) = changes.into_iter().unzip();
                feed.lock().write(&rows, kinds, pairs)?;
            }
        }
    }
    Ok(inserted)
}

/// Which rows of `batch` are written, and what each of them is: a new one, or an image of the old one of that number.
fn sort_out(batch: &RecordBatch, hits: &Mutex<Hits>) -> Result<(BooleanArray, Vec<Image>)> {
    let wrong = || {
        Error::new(
            codes::X0001,
            "A changing query has other columns than planned",
        )
    };
    let files = batch
        .column(0)
        .as_primitive_opt::<UInt32Type>()
        .ok_or_else(wrong)?;
    let rows = batch
        .column(1)
        .as_primitive_opt::<UInt64Type>()
        .ok_or_else(wrong)?;
    let actions = batch
        .column(2)
        .as_primitive_opt::<Int64Type>()
        .ok_or_else(wrong)?;
    let mut coming = BooleanBufferBuilder::new(batch.num_rows());
    let mut changes = Vec::new();
    let mut hits = hits.lock();
    for at in 0..batch.num_rows() {
        let action = if actions.is_null(at) {
            0
        } else {
            actions.value(at)
        };
        coming.append(match action {
            DELETE => {
                hits.mark(files.value(at), rows.value(at), Fate::Deleted)?;
                false
            }
            UPDATE => {
                let (file, row) = (files.value(at), rows.value(at));
                let first = hits.mark(file, row, Fate::Updated)?;
                if first {
                    let pair = Some(pair(u64::from(file), row));
                    changes.push((ChangeType::UpdatePostimage, pair));
                }
                first
            }
            INSERT => {
                changes.push((ChangeType::Insert, None));
                true
            }
            _ => false,
        });
    }
    Ok((BooleanArray::new(coming.finish(), None), changes))
}

/// A number that no other row of the table has: its file's, and its place in that.
fn pair(file: u64, row: u64) -> i64 {
    (file << 40 | row).cast_signed()
}

/// Writes the rows of `file` that stay, and to `feed` those that do not.
fn copy(
    (folder, file): (&DataFolder, &StoredFile),
    (number, fates): (usize, &[Fate]),
    schema: &SchemaRef,
    sink: &Mutex<ParquetSink>,
    feed: &Feed,
) -> Result<()> {
    let mut first = 0;
    for batch in FileRows::open(folder, file, schema, schema)? {
        let batch = batch?;
        let stays: BooleanArray = (first..first + batch.num_rows())
            .map(|row| Some(fates.get(row).copied().unwrap_or_default() == Fate::Stays))
            .collect();
        if let Some(feed) = feed
            && stays.true_count() < batch.num_rows()
        {
            let leaves = not(&stays).explain(codes::X0001, ended_early)?;
            let rows = filter_record_batch(&batch, &leaves).explain(codes::X0001, ended_early)?;
            let (mut kinds, mut pairs) = (Vec::new(), Vec::new());
            for (row, fate) in (first..).zip(fates.iter().skip(first).take(batch.num_rows())) {
                let pair = pair(number as u64, row as u64);
                match fate {
                    Fate::Stays => continue,
                    Fate::Updated => kinds.push(ChangeType::UpdatePreimage),
                    Fate::Deleted => kinds.push(ChangeType::Delete),
                }
                pairs.push(Some(pair).filter(|_| *fate == Fate::Updated));
            }
            feed.lock().write(&rows, kinds, pairs)?;
        }
        first += batch.num_rows();
        let rest = match stays.true_count() {
            0 => continue,
            all if all == batch.num_rows() => batch,
            _ => filter_record_batch(&batch, &stays).explain(codes::X0001, ended_early)?,
        };
        sink.lock().write(&rest)?;
    }
    Ok(())
}
