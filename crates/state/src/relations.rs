//! Relations: what a name points at now, and what it pointed at before.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use diagnostic::Result;
use model::{Identifier, RelationName, RunId, SchemaName};
use rusqlite::{OptionalExtension, Transaction, params};
use serde::{Deserialize, Serialize};

use crate::database::{RowResult, from_body, to_body};
use crate::{Access, Details, State};

/// What a name points at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Relation {
    /// Table or view, with what is needed to read it.
    pub kind: RelationKind,
    /// A sentence for people.
    #[serde(default)]
    pub comment: Option<String>,
    /// Counts the publications that changed this relation, from 1.
    #[serde(default)]
    pub generation: u32,
    /// Its identity, which a new name keeps and a replacement does not. Empty in files of older layouts.
    #[serde(default)]
    pub id: String,
    /// When it was created, RFC 3339 in UTC.
    #[serde(default)]
    pub created_at: String,
    /// What was declared about it beyond its rows.
    #[serde(default)]
    pub details: Details,
    /// Who owns it, and what is granted on it.
    #[serde(default, skip_serializing_if = "Access::is_plain")]
    pub access: Access,
}

/// A table or a view.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum RelationKind {
    /// A Delta table at one version.
    Table {
        /// Folder of the table, relative to the warehouse.
        location: String,
        /// Version of the Delta log that readers see.
        version: u64,
        /// Trailing columns that `select *` does not show.
        #[serde(default)]
        hidden: Vec<String>,
    },
    /// A Delta table that another engine writes; readers see its newest version.
    External {
        /// Where it is: an absolute path, or a bucket's address.
        location: String,
    },
    /// A named query.
    View {
        /// The query's text, without `create view`.
        sql: String,
        /// Database and schema that unqualified names in it refer to.
        namespace: SchemaName,
        /// Column names, if the view renames its query's columns.
        #[serde(default)]
        columns: Vec<String>,
        /// Whether its text is hidden from roles that do not own it.
        #[serde(default)]
        secure: bool,
    },
}

impl Relation {
    /// A new relation, created now.
    #[must_use]
    pub fn new(kind: RelationKind) -> Self {
        Self {
            kind,
            comment: None,
            generation: 0,
            id: String::new(),
            created_at: crate::publication::now(),
            details: Details::default(),
            access: Access::default(),
        }
    }
}

/// Every relation, by name.
pub(crate) fn all(tx: &Transaction<'_>) -> Result<BTreeMap<RelationName, Arc<Relation>>> {
    let mut statement = tx
        .prepare_cached("select database, schema, name, body, generation from relations")
        .row()?;
    let rows = statement
        .query_map([], |row| {
            Ok((
                name_of(row)?,
                row.get::<_, String>(3)?,
                row.get::<_, u32>(4)?,
            ))
        })
        .row()?;
    rows.map(|row| {
        let (name, body, generation) = row.row()?;
        Ok((name, Arc::new(read(&body, generation)?)))
    })
    .collect()
}

/// The relation `name`, if there is one.
pub(crate) fn one(tx: &Transaction<'_>, name: &RelationName) -> Result<Option<Relation>> {
    let body: Option<String> = of_relation(
        tx,
        "select body from relations where database = ?1 and schema = ?2 and name = ?3",
        name,
    )?;
    body.map(|body| read(&body, generation(tx, name)?))
        .transpose()
}

fn read(body: &str, generation: u32) -> Result<Relation> {
    Ok(Relation {
        generation,
        ..from_body(body)?
    })
}

/// Every namespace that was created, also empty ones.
pub(crate) fn namespaces(tx: &Transaction<'_>) -> Result<BTreeSet<SchemaName>> {
    let mut statement = tx
        .prepare_cached("select database, schema from namespaces")
        .row()?;
    let rows = statement
        .query_map([], |row| {
            Ok(SchemaName::new(
                Identifier::quoted(row.get::<_, String>(0)?),
                Identifier::quoted(row.get::<_, String>(1)?),
            ))
        })
        .row()?;
    rows.map(RowResult::row).collect()
}

impl State {
    /// When each relation was last published, RFC 3339 in UTC.
    ///
    /// # Errors
    /// `K2001` if the state file cannot be used.
    pub fn relation_times(&self) -> Result<BTreeMap<RelationName, String>> {
        self.read(|tx| {
            let mut statement = tx
                .prepare_cached("select database, schema, name, updated_at from relations")
                .row()?;
            let rows = statement
                .query_map([], |row| Ok((name_of(row)?, row.get::<_, String>(3)?)))
                .row()?;
            rows.map(RowResult::row).collect()
        })
    }

    /// The generation `name` reached so far, 0 if it never existed. The next publication that
    /// changes it counts one more.
    ///
    /// # Errors
    /// `K2001` if the state file cannot be used.
    pub fn last_generation(&self, name: &RelationName) -> Result<u32> {
        self.read(|tx| last_generation(tx, name))
    }
}

pub(crate) fn name_of(row: &rusqlite::Row<'_>) -> rusqlite::Result<RelationName> {
    Ok(RelationName {
        database: Identifier::quoted(row.get::<_, String>(0)?),
        schema: Identifier::quoted(row.get::<_, String>(1)?),
        name: Identifier::quoted(row.get::<_, String>(2)?),
    })
}

pub(crate) fn create_namespace(tx: &Transaction<'_>, name: &SchemaName, now: &str) -> Result<()> {
    tx.prepare_cached("insert or ignore into namespaces values (?1, ?2, ?3)")
        .and_then(|mut s| s.execute(params![name.database.as_str(), name.schema.as_str(), now]))
        .row()
        .map(drop)
}

/// Remembers that `name` was created or dropped by `run`.
pub(crate) fn note_namespace(
    tx: &Transaction<'_>,
    name: &SchemaName,
    dropped: bool,
    run: RunId,
    now: &str,
) -> Result<()> {
    tx.execute(
        "insert into namespace_history (database, schema, dropped, run_id, published_at)
         values (?1, ?2, ?3, ?4, ?5)",
        params![
            name.database.as_str(),
            name.schema.as_str(),
            dropped,
            run.to_string(),
            now
        ],
    )
    .row()
    .map(drop)
}

pub(crate) fn drop_namespace(tx: &Transaction<'_>, name: &SchemaName) -> Result<()> {
    tx.execute(
        "delete from namespaces where database = ?1 and schema = ?2",
        params![name.database.as_str(), name.schema.as_str()],
    )
    .row()
    .map(drop)
}

/// The generation of `name`, 0 if it does not exist.
pub(crate) fn generation(tx: &Transaction<'_>, name: &RelationName) -> Result<u32> {
    const QUERY: &str =
        "select generation from relations where database = ?1 and schema = ?2 and name = ?3";
    Ok(of_relation(tx, QUERY, name)?.unwrap_or(0))
}

/// The one value that `query` gives for the relation `name`.
fn of_relation<T: rusqlite::types::FromSql>(
    tx: &Transaction<'_>,
    query: &str,
    name: &RelationName,
) -> Result<Option<T>> {
    let key = params![
        name.database.as_str(),
        name.schema.as_str(),
        name.name.as_str()
    ];
    tx.prepare_cached(query)
        .and_then(|mut s| s.query_row(key, |row| row.get(0)).optional())
        .row()
}

fn last_generation(tx: &Transaction<'_>, name: &RelationName) -> Result<u32> {
    tx.prepare_cached(
        "select coalesce(max(generation), 0) from relation_history
         where database = ?1 and schema = ?2 and name = ?3",
    )
    .and_then(|mut s| {
        s.query_row(
            params![
                name.database.as_str(),
                name.schema.as_str(),
                name.name.as_str()
            ],
            |row| row.get(0),
        )
    })
    .row()
}

/// Points `name` at `relation` (or at nothing) and remembers it in the history.
pub(crate) fn point(
    tx: &Transaction<'_>,
    name: &RelationName,
    relation: Option<&Relation>,
    run: RunId,
    now: &str,
) -> Result<()> {
    let (database, schema, table) = (
        name.database.as_str(),
        name.schema.as_str(),
        name.name.as_str(),
    );
    let next = last_generation(tx, name)? + 1;
    let body = relation.map(to_body).transpose()?;
    let entity = match relation {
        Some(relation) => Some(relation.id.clone()),
        None => one(tx, name)?.map(|relation| relation.id),
    };
    tx.prepare_cached(
        "insert into relation_history
             (database, schema, name, body, generation, run_id, published_at, entity)
         values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )
    .and_then(|mut s| {
        s.execute(params![
            database,
            schema,
            table,
            body,
            next,
            run.to_string(),
            now,
            entity
        ])
    })
    .row()?;
    match body {
        Some(body) => {
            create_namespace(tx, &name.namespace(), now)?;
            tx.prepare_cached(
                "insert or replace into relations values (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )
            .and_then(|mut s| {
                s.execute(params![
                    database,
                    schema,
                    table,
                    body,
                    next,
                    run.to_string(),
                    now
                ])
            })
            .row()
            .map(drop)
        }
        None => tx
            .prepare_cached(
                "delete from relations where database = ?1 and schema = ?2 and name = ?3",
            )
            .and_then(|mut s| s.execute(params![database, schema, table]))
            .row()
            .map(drop),
    }
}
