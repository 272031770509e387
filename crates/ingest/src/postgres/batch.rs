//! [`sync`]: a stream copied in full, or from its cursor on.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use arrow::datatypes::SchemaRef;
use connectors::postgres::{Client, CopyReader, Kind, copy_statement, literal, quoted};
use diagnostic::{Error, Result, ResultExt, codes};
use lake::Operation;
use model::RelationName;
use settings::{PostgresStream, PostgresSync};
use telemetry::failpoint;
use tokio::runtime::Handle;

use super::copy::Copy;
use super::keyed::{Key, KeyColumns};
use super::marks::Marks;
use super::merge::{Merge, Merged};
use super::net::{Life, Net, Put};
use super::shape::evolved;
use super::{Checkpoint, OnRows, Shape, StreamOutcome, StreamRequest, resolve};
use crate::existing::conform;
use crate::tables::{Change, TableState, Tables};

/// Rows and bytes that are merged at once.
const MERGE_ROWS: usize = 200_000;
const MERGE_BYTES: usize = 48 << 20;

/// Copies the stream of `request` into its table: in full, or what is new by its cursor.
///
/// # Errors
/// `P1001` to `P1005` if the server cannot be read, `P2001` to `P2007` if the stream does not fit what is
/// there, and what `tables` and `progress` say.
pub async fn sync(
    request: StreamRequest,
    tables: Arc<dyn Tables>,
    progress: OnRows,
) -> Result<StreamOutcome> {
    let handle = Handle::current();
    let work = move || {
        let tables = tables.as_ref();
        let client = Client::connect(&request.connection)?;
        Sync {
            client,
            request: &request,
            tables,
            handle: &handle,
            progress: &progress,
        }
        .run()
    };
    tokio::task::spawn_blocking(work)
        .await
        .explain(codes::X0001, || "A copy broke down".to_owned())?
}

struct Sync<'a> {
    client: Client,
    request: &'a StreamRequest,
    tables: &'a dyn Tables,
    handle: &'a Handle,
    progress: &'a OnRows,
}

impl Sync<'_> {
    fn run(mut self) -> Result<StreamOutcome> {
        // One moment for the shape, the greatest cursor and the rows.
        self.client
            .query("begin isolation level repeatable read read only")?;
        let stream = &self.request.stream;
        let shape = resolve(&mut self.client, stream)?;
        let existing = self
            .handle
            .block_on(self.tables.open(&self.request.table))?;
        let outcome = match &stream.sync {
            PostgresSync::Incremental { cursor, append, .. } if self.request.range.is_some() => {
                self.read_again(&shape, cursor, *append, existing)?
            }
            PostgresSync::Incremental {
                cursor,
                look_back,
                append,
            } => {
                let greatest = self.greatest(&shape, cursor)?;
                let known = self.request.checkpoint.as_ref();
                let from = known
                    .filter(|known| known.holds_for(stream))
                    .and_then(Checkpoint::cursor)
                    .map(str::to_owned);
                let next = greatest.clone().or_else(|| from.clone());
                let mut outcome = match (from, existing) {
                    (Some(from), Some(table)) => {
                        let from = Lower {
                            cursor,
                            from: &from,
                            look_back: look_back.as_deref(),
                            append: *append,
                        };
                        self.increment(&shape, &from, &table)?
                    }
                    _ => self.rebuild(&shape, cursor, *append)?,
                };
                let checkpoint = Checkpoint::new(stream);
                outcome.checkpoint = Some(match next {
                    Some(cursor) => checkpoint.with_cursor(&cursor),
                    None => checkpoint,
                });
                outcome
            }
            PostgresSync::FullRefresh | PostgresSync::Cdc => self.replace(&shape)?,
        };
        self.client.query("commit")?;
        failpoint("postgres.after_copy");
        Ok(outcome)
    }

    /// The greatest value of the cursor there is.
    fn greatest(&mut self, shape: &Shape, cursor: &str) -> Result<Option<String>> {
        let sql = format!(
            "select pg_catalog.max({})::pg_catalog.text from {}",
            quoted(cursor),
            shape.from
        );
        self.client.value(&sql)
    }

    /// All rows, in place of those the table has.
    fn replace(&mut self, shape: &Shape) -> Result<StreamOutcome> {
        let table = &self.request.table;
        let schema = shape.schema();
        let folder = self.handle.block_on(self.tables.folder(table))?;
        let (add, rows) = Copy {
            connection: &self.request.connection,
            shape,
            schema: &schema,
            folder: &folder,
            finish: &Ok,
            progress: self.progress,
        }
        .all(&mut self.client)?;
        failpoint("postgres.after_files");
        let change = Change {
            operation: Operation::Overwrite,
            schema,
            partition_by: shape.partition_names(),
            hidden: 0,
            add,
            remove: Vec::new(),
            remove_all: true,
            vectors: Vec::new(),
            feed: Marks::none().feed(&self.request.stream, shape),
        };
        self.handle.block_on(self.tables.commit(table, change))?;
        Ok(StreamOutcome {
            rows,
            changed: true,
            ..StreamOutcome::default()
        })
    }

    /// The first load of an incremental stream.
    fn rebuild(&mut self, shape: &Shape, cursor: &str, append: bool) -> Result<StreamOutcome> {
        if shape.unique || append {
            return self.replace(shape);
        }
        // Nothing says that the key is unique, so the row with the greatest cursor must win.
        let table = &self.request.table;
        let folder = self.handle.block_on(self.tables.folder(table))?;
        let change = Change {
            operation: Operation::Overwrite,
            schema: shape.schema(),
            partition_by: shape.partition_names(),
            hidden: 0,
            add: Vec::new(),
            remove: Vec::new(),
            remove_all: true,
            vectors: Vec::new(),
            feed: Marks::none().feed(&self.request.stream, shape),
        };
        self.handle.block_on(self.tables.commit(table, change))?;
        let empty = TableState {
            folder,
            schema: shape.schema(),
            partition_by: shape.partition_names(),
            files: Vec::new(),
        };
        let rest = format!("order by {} nulls first", quoted(cursor));
        let mut outcome = self.merge(shape, &rest, &empty)?;
        outcome.changed = true;
        Ok(outcome)
    }

    /// The rows of a range of the cursor, by key. Where the stream stands does not change.
    fn read_again(
        &mut self,
        shape: &Shape,
        cursor: &str,
        append: bool,
        existing: Option<TableState>,
    ) -> Result<StreamOutcome> {
        let stream = &self.request.stream;
        let refuse = |why: &str| {
            let message = format!(
                "The stream `{}` cannot be read again in part",
                stream.name.value
            );
            Error::new(codes::L2005, message).because(why.to_owned())
        };
        if append {
            let help = "`sluice run --full-refresh` reads all of it again";
            return Err(
                refuse("its rows are only added, so that they would be there twice").help(help),
            );
        }
        let known = self.request.checkpoint.as_ref();
        let known = known.filter(|known| known.holds_for(stream));
        let (Some(_), Some(table)) = (known, existing) else {
            let help = "`sluice run` reads all of it first";
            return Err(refuse("there is no table yet that has its rows").help(help));
        };
        let range = self.request.range.clone().unwrap_or_default();
        let mut rest = format!("where {}", range.condition(cursor, shape));
        if !shape.unique {
            rest.push_str(&format!(" order by {} nulls first", quoted(cursor)));
        }
        self.merge(shape, &rest, &table)
    }

    fn increment(
        &mut self,
        shape: &Shape,
        lower: &Lower<'_>,
        table: &TableState,
    ) -> Result<StreamOutcome> {
        let mut rest = format!("where {}", lower.condition(shape));
        if !lower.append {
            if !shape.unique {
                rest.push_str(&format!(" order by {} nulls first", quoted(lower.cursor)));
            }
            return self.merge(shape, &rest, table);
        }
        let name = &self.request.table;
        let (schema, notices) = evolved(&table.schema, &shape.columns, &self.request.stream, &[])?;
        let (add, rows) = Copy {
            connection: &self.request.connection,
            shape,
            schema: &schema,
            folder: &table.folder,
            finish: &Ok,
            progress: self.progress,
        }
        .some(&mut self.client, &rest)?;
        failpoint("postgres.after_files");
        let changed = !add.is_empty();
        if changed {
            let change = Change {
                operation: Operation::Append,
                schema,
                partition_by: shape.partition_names(),
                hidden: 0,
                add,
                remove: Vec::new(),
                remove_all: false,
                vectors: Vec::new(),
                feed: Marks::none().feed(&self.request.stream, shape),
            };
            self.handle.block_on(self.tables.commit(name, change))?;
        }
        Ok(StreamOutcome {
            rows,
            changed,
            notices,
            ..StreamOutcome::default()
        })
    }

    /// Merges the rows for which `rest` holds, by key; of rows with one key the last counts.
    fn merge(&mut self, shape: &Shape, rest: &str, table: &TableState) -> Result<StreamOutcome> {
        let stream = &self.request.stream;
        let (schema, notices) = evolved(&table.schema, &shape.columns, stream, &[])?;
        let upsert = Upsert {
            stream,
            shape,
            name: &self.request.table,
            schema: &schema,
            tables: self.tables,
            handle: self.handle,
            marks: &Marks::none(),
            at: 0,
        };
        let mut outcome = upsert.run(&mut self.client, rest, table, self.progress)?;
        outcome.notices.extend(notices);
        Ok(outcome)
    }
}

/// Rows of a copy that replace those of the same key.
pub(super) struct Upsert<'a> {
    pub(super) stream: &'a PostgresStream,
    pub(super) shape: &'a Shape,
    pub(super) name: &'a RelationName,
    /// The columns of the table afterwards.
    pub(super) schema: &'a SchemaRef,
    pub(super) tables: &'a dyn Tables,
    pub(super) handle: &'a Handle,
    pub(super) marks: &'a Marks,
    /// Since when the rows hold.
    pub(super) at: i64,
}

impl Upsert<'_> {
    /// Brings the rows for which `rest` holds into `table`.
    pub(super) fn run(
        &self,
        client: &mut Client,
        rest: &str,
        table: &TableState,
        progress: &OnRows,
    ) -> Result<StreamOutcome> {
        let names = self.shape.key_names();
        let keys = KeyColumns::new(self.schema, &names)?;
        let mut outcome = StreamOutcome::default();
        let columns = &self.shape.columns;
        let statement = copy_statement(columns, &self.shape.from, rest);
        let mut reader = CopyReader::start(client, &statement, columns.clone())?;
        let mut table = table.clone();
        let mut batches: Vec<RecordBatch> = Vec::new();
        let (mut rows, mut bytes) = (0, 0);
        loop {
            let batch = reader.next_batch()?;
            let ended = batch.is_none();
            if let Some(batch) = batch {
                progress(reader.total())?;
                rows += batch.num_rows();
                bytes += batch.get_array_memory_size();
                batches.push(conform(&batch, self.schema)?);
            }
            if rows > 0 && (ended || rows >= MERGE_ROWS || bytes >= MERGE_BYTES) {
                let all = concat_batches(self.schema, &batches).explain(codes::X0001, || {
                    "Rows of a copy cannot be put together".to_owned()
                })?;
                batches.clear();
                (rows, bytes) = (0, 0);
                table = self.merge(&keys, &all, table, &mut outcome)?;
            }
            if ended {
                return Ok(outcome);
            }
        }
    }

    fn merge(
        &self,
        keys: &KeyColumns,
        rows: &RecordBatch,
        table: TableState,
        outcome: &mut StreamOutcome,
    ) -> Result<TableState> {
        let settled = keys.of(rows)?;
        let net = (0..)
            .zip(settled.iter())
            .map(|(row, key)| (Key::from(key.as_ref()), self.replaced_by(row)))
            .collect::<HashMap<_, _>>();
        let merge = Merge {
            stream: &self.stream.name.value,
            schema: self.schema,
            partition_by: &table.partition_by,
            key: keys,
            range: keys.range(&[rows]),
            rows,
            net,
            marks: self.marks,
            vectors: self.stream.deletion_vectors,
            stored: None,
        };
        let merged = merge.run(Some(&table), &table.folder)?;
        failpoint("postgres.after_files");
        outcome.count(&merged);
        if !merged.changed() {
            return Ok(table);
        }
        let change = Change {
            operation: Operation::Merge,
            schema: self.schema.clone(),
            partition_by: table.partition_by.clone(),
            hidden: 0,
            add: merged.add,
            remove: merged.remove,
            remove_all: false,
            vectors: merged.vectors,
            feed: self.marks.feed(self.stream, self.shape),
        };
        self.handle
            .block_on(self.tables.commit(self.name, change))?;
        let now = self.handle.block_on(self.tables.open(self.name))?;
        Ok(now.unwrap_or(table))
    }

    fn replaced_by(&self, row: u32) -> Net {
        let mut net = Net::replaced_by(Put {
            row,
            times: 1,
            patches: Vec::new(),
        });
        if !self.marks.is_none() {
            net.life = Some(Box::new(Life {
                ended: self.at,
                from: self.at,
                ..Life::default()
            }));
        }
        net
    }
}

impl StreamOutcome {
    pub(super) fn count(&mut self, merged: &Merged) {
        self.rows += merged.inserted + merged.updated;
        self.updated += merged.updated;
        self.deleted += merged.deleted;
        self.changed |= merged.changed();
    }
}

/// From where on an incremental stream reads.
struct Lower<'a> {
    cursor: &'a str,
    from: &'a str,
    look_back: Option<&'a str>,
    append: bool,
}

impl Lower<'_> {
    /// Rows that share the greatest value may come later, so it is read again and merged; rows that are only
    /// added are read once.
    fn condition(&self, shape: &Shape) -> String {
        let column = shape
            .position(self.cursor)
            .and_then(|at| shape.columns.get(at));
        let (kind, type_name) = match column {
            Some(column) => (Some(column.kind), column.type_name.as_str()),
            None => (None, "text"),
        };
        let from = format!("{}::{type_name}", literal(self.from));
        let from = match (self.look_back, kind) {
            (None, _) => from,
            (Some(back), Some(Kind::Date | Kind::Timestamp | Kind::TimestampTz)) => {
                format!("({from} - interval {})", literal(back))
            }
            (Some(back), _) => format!("({from} - {}::numeric)", literal(back)),
        };
        let operator = if self.append { ">" } else { ">=" };
        format!("{} {operator} {from}", quoted(self.cursor))
    }
}
