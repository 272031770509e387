//! [`Lane`]: one stream while its changes are followed.

use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use connectors::postgres::{Client, Lsn, RelationMessage, fields};
use diagnostic::{Error, Result, codes};
use model::{Identifier, RelationName};
use settings::{Apply, OnChange, PostgresStream};

use super::change_log::{self, Transaction};
use super::marks::Marks;
use super::pending::Pending;
use super::shape::frozen;
use super::{Checkpoint, FollowedStream, Lag, Shape, StreamOutcome, resolve};

/// One stream on its way.
pub(super) struct Lane<'a> {
    pub(super) stream: &'a PostgresStream,
    pub(super) table: &'a RelationName,
    /// The table that gets its changes as rows.
    pub(super) change_table: Option<RelationName>,
    pub(super) shape: Shape,
    pub(super) pending: Pending,
    /// Changes of transactions before it are in the table; `None` if the table has to be copied.
    pub(super) position: Option<Lsn>,
    /// Why changes after its position cannot be had.
    pub(super) lost: Option<&'static str>,
    pub(super) outcome: StreamOutcome,
    /// The last transaction with a change for it.
    pub(super) last: Transaction,
}

impl<'a> Lane<'a> {
    /// Finds out where a stream stands. `exists` says whether its table does, `system` which cluster this is.
    pub(super) fn new(
        client: &mut Client,
        followed: &'a FollowedStream,
        exists: bool,
        system: &str,
    ) -> Result<Self> {
        let stream = &followed.stream;
        let name = &stream.name.value;
        let shape = resolve(client, stream)?;
        let mut outcome = StreamOutcome::default();
        if !shape.left_out.is_empty() {
            outcome.notices.push(format!(
                "`{name}` leaves out {}, which the server computes and its log does not carry",
                shape.left_out.join(", ")
            ));
        }
        let known = followed.checkpoint.as_ref();
        let known = known.filter(|known| exists && known.holds_for(stream));
        let (mut position, mut lost) = (None, None);
        if let Some(known) = known
            && let Some(lsn) = known.lsn()
        {
            if known.system() != Some(system) {
                lost = Some("the server is another one than before");
            }
            match changed_shape(client, known, &shape)? {
                None => position = Some(lsn),
                Some(why) => {
                    if stream.new_column == OnChange::Freeze {
                        return Err(frozen(name, &why, "has changed"));
                    }
                    outcome.notices.push(format!(
                        "`{name}` is copied anew: the log does not tell what became of {why}"
                    ));
                }
            }
        }
        let time = followed
            .checkpoint
            .as_ref()
            .map_or(0, |known| known.clock().0);
        Ok(Self {
            pending: Pending::new(&shape, stream.store_changes.is_some()),
            table: &followed.table,
            change_table: change_table(stream, &followed.table),
            stream,
            shape,
            position,
            lost,
            outcome,
            last: Transaction {
                time,
                ..Transaction::default()
            },
        })
    }

    /// Whether the table keeps nothing of what changes do, so that only their net effect counts.
    pub(super) fn is_plain(&self) -> bool {
        self.change_table.is_none() && self.stream.apply == Apply::Changes
    }

    /// Notes that changes of `transaction` come. Its time is later than that of those before it, even where the
    /// server's clock was set back: versions would have no length otherwise.
    pub(super) fn enter(&mut self, transaction: Transaction) -> Transaction {
        if self.last.commit != transaction.commit {
            self.last = Transaction {
                time: transaction.time.max(self.last.time + 1),
                ..transaction
            };
        }
        self.last
    }

    /// What has been read by now; `number` is that of the last change stored.
    pub(super) fn checkpoint(
        &self,
        system: &str,
        number: u64,
        lag: Option<&Lag>,
    ) -> Option<Checkpoint> {
        let position = self.position?;
        let mut checkpoint = Checkpoint::new(self.stream)
            .with_shape(self.shape.relation_oid(), &self.shape.columns)
            .with_lsn(position, system);
        if !self.is_plain() {
            checkpoint = checkpoint.with_clock(self.last.time, number);
        }
        if let Some(lag) = lag {
            checkpoint = checkpoint.with_lag(lag);
        }
        Some(checkpoint)
    }

    /// The columns of its table when it is made.
    pub(super) fn schema(&self) -> SchemaRef {
        let marks = Marks::new(&self.stream.apply).fields();
        let all = fields(&self.shape.columns).into_iter().chain(marks);
        Arc::new(Schema::new(all.collect::<Vec<_>>()))
    }

    /// The columns of its change table when it is made.
    pub(super) fn change_schema(&self) -> SchemaRef {
        let prefix = self.stream.store_changes.as_ref();
        let prefix = prefix.map_or("", |stored| stored.prefix.as_str());
        change_log::schema(prefix, fields(&self.shape.columns))
    }

    /// Whether the log speaks of the stream's table as it was not when its shape was looked up.
    pub(super) fn has_changed(&self, message: &RelationMessage) -> bool {
        let Some(table) = &self.shape.table else {
            return false;
        };
        let same = message.columns.iter().all(|column| {
            let known = table.column(&column.name);
            known.is_some_and(|known| known.declared == (column.type_oid, column.modifier))
        });
        !same || table.oid != message.oid
    }
}

/// The table that gets the changes of `stream` as rows, if one is asked for.
#[must_use]
pub fn change_table(stream: &PostgresStream, table: &RelationName) -> Option<RelationName> {
    let stored = stream.store_changes.as_ref()?;
    let name = format!("{}{}", table.name, stored.suffix);
    Some(table.namespace().relation(Identifier::unquoted(&name)))
}

/// What has happened to the columns that the log does not tell: it speaks of changed rows only, and
/// `ALTER TABLE` may change all of them.
fn changed_shape(client: &mut Client, known: &Checkpoint, now: &Shape) -> Result<Option<String>> {
    let Some((oid, before)) = known.shape() else {
        return Ok(Some("its columns".to_owned()));
    };
    let Some(table) = now.table.as_ref().filter(|table| table.oid == oid) else {
        return Ok(Some("its rows: the table was made anew".to_owned()));
    };
    let mut new = Vec::new();
    for column in &now.columns {
        let old = before.iter().find(|old| old.number == column.number);
        match old {
            None => new.push(column.number.to_string()),
            Some(old) if old.name != column.name || old.type_name != column.type_name => {
                return Ok(Some(format!("column `{}`", column.name)));
            }
            Some(_) => {}
        }
    }
    if new.is_empty() {
        return Ok(None);
    }
    // Old rows have the default of a new column, without an entry in the log.
    let sql = format!(
        "select attname from pg_catalog.pg_attribute where attrelid = {} and attnum in ({}) \
         and (atthasdef or atthasmissing or attnotnull or attidentity <> '') limit 1",
        table.oid,
        new.join(", ")
    );
    let filled = client.value(&sql)?;
    Ok(filled.map(|name| format!("column `{name}`")))
}

/// Changes of the source `source` are missing.
pub(super) fn gap(source: &str, why: &str) -> Error {
    Error::new(
        codes::P3003,
        format!("Changes of the source `{source}` are missing: {why}"),
    )
    .help(format!(
        "`sluice run --full-refresh --select source:{source}` copies its tables anew and goes on from there; \
         `replication: {{when_lost: copy}}` does that by itself"
    ))
}
