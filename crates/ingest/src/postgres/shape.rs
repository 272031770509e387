//! [`Shape`]: what a stream reads: columns, key, and where they go.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{Field, Schema, SchemaRef};
use connectors::postgres::{
    Client, Column, Identity, RelationInfo, describe_query, describe_table, fields, overridden,
};
use diagnostic::{Error, Result, codes};
use settings::{Apply, OnChange, PostgresOrigin, PostgresStream, PostgresSync};

use super::change_log::headers;

/// What a stream reads, as the server has it now.
#[derive(Clone, Debug)]
pub struct Shape {
    /// The columns in order.
    pub columns: Vec<Column>,
    /// Positions of the columns that tell rows apart; empty if nothing does.
    pub key: Vec<usize>,
    /// Positions of the columns that the table is partitioned by.
    pub partition_by: Vec<usize>,
    /// Whether the key is the primary key, so that a copy holds each once.
    pub unique: bool,
    /// What `COPY` reads from.
    pub from: String,
    /// The table behind it; `None` for a query.
    pub table: Option<RelationInfo>,
    /// Columns that are left out because the log does not carry them.
    pub left_out: Vec<String>,
}

/// Looks up what `stream` reads.
///
/// # Errors
/// `P2001` to `P2004` if the stream's settings do not fit what is there.
pub fn resolve(client: &mut Client, stream: &PostgresStream) -> Result<Shape> {
    let name = &stream.name.value;
    let (mut columns, table, from) = match &stream.origin {
        PostgresOrigin::Table {
            schema,
            name: table,
        } => {
            let info = describe_table(client, schema, table, name)?;
            let from = info.relation.sql();
            (info.columns.clone(), Some(info), from)
        }
        PostgresOrigin::Query(query) => (
            describe_query(client, query)?,
            None,
            format!("({query}\n) q"),
        ),
    };
    if !stream.columns.is_empty() {
        columns = stream
            .columns
            .iter()
            .map(|wanted| find(&columns, wanted, name).map(|at| columns[at].clone()))
            .collect::<Result<_>>()?;
    }
    let mut left_out = Vec::new();
    if stream.is_cdc() {
        let computed = columns.extract_if(.., |column| column.generated);
        left_out = computed.map(|column| column.name).collect();
    }
    for (wanted, kind) in &stream.types {
        let at = find(&columns, wanted, name)?;
        (columns[at].kind, columns[at].wire) = overridden(*kind);
    }
    no_twins(&columns, name)?;
    no_marks(&columns, stream)?;
    let primary = table.as_ref().map(|table| table.primary_key.clone());
    let primary = primary.unwrap_or_default();
    let wanted = match stream.key.is_empty() {
        true => logged_or(primary.clone(), table.as_ref(), stream),
        false => stream.key.clone(),
    };
    let key = wanted
        .iter()
        .map(|column| find(&columns, column, name))
        .collect::<Result<Vec<_>>>()?;
    let partition_by = stream
        .partition_by
        .iter()
        .map(|column| find(&columns, column, name))
        .collect::<Result<Vec<_>>>()?;
    let unique = !primary.is_empty() && primary == wanted;
    let shape = Shape {
        columns,
        key,
        partition_by,
        unique,
        from,
        table,
        left_out,
    };
    shape.check_key(stream)?;
    Ok(shape)
}

/// The key of a stream that names none.
fn logged_or(
    primary: Vec<String>,
    table: Option<&RelationInfo>,
    stream: &PostgresStream,
) -> Vec<String> {
    match table {
        Some(table) if stream.is_cdc() && primary.is_empty() => match table.identity {
            Identity::Index => table.logged_key().to_vec(),
            // Without a key, a row is known by all it holds.
            Identity::Full | Identity::Default | Identity::Nothing => Vec::new(),
        },
        _ => primary,
    }
}

impl Shape {
    /// The schema of the rows that are read.
    #[must_use]
    pub fn schema(&self) -> SchemaRef {
        Arc::new(Schema::new(fields(&self.columns)))
    }

    /// The place of the column `name`.
    pub(super) fn position(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }

    /// The oid of the table behind it.
    pub(super) fn relation_oid(&self) -> u32 {
        self.table.as_ref().map_or(0, |table| table.oid)
    }

    fn check_key(&self, stream: &PostgresStream) -> Result<()> {
        let name = &stream.name.value;
        match &stream.sync {
            PostgresSync::Incremental { cursor, append, .. } => {
                find(&self.columns, cursor, name)?;
                match self.key.is_empty() && !append {
                    true => Err(Error::new(
                        codes::P2003,
                        format!("The stream `{name}` has no key to tell its rows apart"),
                    )
                    .help("name the `key`, or let the stream only add rows with `write: append`")),
                    false => Ok(()),
                }
            }
            PostgresSync::Cdc if self.key.is_empty() && stream.apply != Apply::Changes => {
                Err(Error::new(
                    codes::P2003,
                    format!("The stream `{name}` has no key to tell which row has ended"),
                )
                .help("name the `key`, or let it `apply: changes`; `store_changes` works without a key"))
            }
            PostgresSync::Cdc => self.check_logged(name),
            PostgresSync::FullRefresh => Ok(()),
        }
    }

    /// Refuses a key that the log does not tell of changed and deleted rows.
    fn check_logged(&self, name: &str) -> Result<()> {
        let Some(table) = &self.table else {
            return Ok(());
        };
        let logged = table.logged_key();
        let missing = self
            .key
            .iter()
            .filter_map(|at| self.columns.get(*at))
            .find(|column| !logged.contains(&column.name));
        // Without identity the server refuses updates and deletes, so only inserts can come.
        let inserts_only = logged.is_empty() && self.key.is_empty();
        match missing {
            Some(column) if !inserts_only => Err(Error::new(
                codes::P2003,
                format!(
                    "The log does not tell column `{}` of changed rows, which is in the key of the \
                     stream `{name}`",
                    column.name
                ),
            )
            .help(format!(
                "use the replica identity's columns as `key`, or `alter table {} replica identity full`",
                table.relation.sql()
            ))),
            _ => Ok(()),
        }
    }

    /// The columns of its key, as our tables name them.
    pub(super) fn key_names(&self) -> Vec<String> {
        let columns = self.key.iter().filter_map(|at| self.columns.get(*at));
        columns
            .map(|column| column.identifier().to_string())
            .collect()
    }

    /// The columns the table is partitioned by, as our tables name them.
    pub(super) fn partition_names(&self) -> Vec<String> {
        let columns = self.partition_by.iter();
        columns
            .filter_map(|at| self.columns.get(*at))
            .map(|column| column.identifier().to_string())
            .collect()
    }

    /// Whether rows are known by all they hold, so that equal ones are counted.
    pub(super) fn is_counted(&self) -> bool {
        self.key.is_empty()
    }
}

fn find(columns: &[Column], wanted: &str, stream: &str) -> Result<usize> {
    let names = || columns.iter().map(|column| column.name.as_str());
    names().position(|name| name == wanted).ok_or_else(|| {
        Error::new(
            codes::P2002,
            format!("The stream `{stream}` has no column `{wanted}`"),
        )
        .suggest(wanted, names())
    })
}

/// Refuses columns that have the name of one of ours.
fn no_marks(columns: &[Column], stream: &PostgresStream) -> Result<()> {
    let stored = stream.store_changes.as_ref();
    let headers = stored.map_or_else(Vec::new, |stored| headers(&stored.prefix));
    let twin = columns.iter().find(|column| {
        let name = column.identifier();
        stream.apply.columns().contains(&&name)
            || headers.iter().any(|header| header.name() == name.as_str())
    });
    match twin {
        None => Ok(()),
        Some(column) => Err(Error::new(
            codes::P2004,
            format!(
                "Column `{}` of the stream `{}` has the name of a column that its changes are kept in",
                column.name, stream.name.value
            ),
        )
        .help("give the columns of `apply`, or the `prefix` of `store_changes`, other names")),
    }
}

fn no_twins(columns: &[Column], stream: &str) -> Result<()> {
    let mut seen = HashMap::new();
    for column in columns {
        if let Some(other) = seen.insert(column.identifier(), &column.name) {
            return Err(Error::new(
                codes::P2004,
                format!(
                    "Columns `{other}` and `{}` of the stream `{stream}` have one name in the warehouse",
                    column.name
                ),
            )
            .help("read one of them by naming the stream's `columns`, or rename one in a `query`"));
        }
    }
    Ok(())
}

/// The columns of the table after rows of `columns` are added to it: what it has stays, `marks` of ours included,
/// what is new comes last.
///
/// # Errors
/// `P2006` if a column has another type now, `P2007` if the stream's contract forbids the change.
pub(super) fn evolved(
    existing: &Schema,
    columns: &[Column],
    stream: &PostgresStream,
    marks: &[Field],
) -> Result<(SchemaRef, Vec<String>)> {
    let name = &stream.name.value;
    let mut notices = Vec::new();
    let mut fields: Vec<Field> = Vec::new();
    for field in existing.fields() {
        if let Some(mark) = marks.iter().find(|mark| mark.name() == field.name()) {
            fields.push(mark.clone());
            continue;
        }
        let now = columns
            .iter()
            .find(|column| column.identifier().as_str() == field.name());
        match now {
            Some(column) => {
                let stored = lake::storable(field.name(), field.data_type())?;
                if stored != column.kind.data_type() {
                    return Err(type_changed(name, &column.name));
                }
                fields.push(column.field());
            }
            None if stream.missing_column == OnChange::Freeze => {
                return Err(frozen(name, field.name(), "has gone"));
            }
            None => {
                let stored = lake::storable(field.name(), field.data_type())?;
                let kept = Field::new(field.name(), stored, true);
                fields.push(kept.with_metadata(field.metadata().clone()));
            }
        }
    }
    for column in columns {
        let identifier = column.identifier();
        if existing.column_with_name(identifier.as_str()).is_some() {
            continue;
        }
        match stream.new_column {
            OnChange::Freeze => return Err(frozen(name, &column.name, "is new")),
            OnChange::DiscardValue => {}
            _ => {
                notices.push(format!("`{name}` has a new column `{identifier}`"));
                fields.push(column.field());
            }
        }
    }
    Ok((Arc::new(Schema::new(fields)), notices))
}

pub(super) fn type_changed(stream: &str, column: &str) -> Error {
    Error::new(
        codes::P2006,
        format!("Column `{column}` of the stream `{stream}` has changed its type"),
    )
    .help("`sluice run --full-refresh --select` the stream copies it anew with the new type")
}

pub(super) fn frozen(stream: &str, column: &str, what: &str) -> Error {
    Error::new(
        codes::P2007,
        format!(
            "Column `{column}` of the stream `{stream}` {what}, which its schema contract freezes"
        ),
    )
    .help("set `schema_contract` to `evolve`, or undo the change in the source")
}
