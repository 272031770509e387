//! The history of pointers, for time travel and UNDROP; and which files COPY loaded into which table.

use diagnostic::Result;
use model::{Identifier, RelationName, RunId, SchemaName};
use rusqlite::{OptionalExtension, Transaction, params};
use serde::{Deserialize, Serialize};

use crate::database::{RowResult, from_body, to_body};
use crate::relations::name_of;
use crate::{LedgerEntry, LoadStatus, Relation, State};

/// What a relation was after one publication.
#[derive(Clone, Debug)]
pub struct PastRelation {
    /// Orders all publications of the catalog.
    pub position: i64,
    /// What it was.
    pub relation: Relation,
    /// Who published it.
    pub run: String,
    /// When, RFC 3339 in UTC.
    pub published_at: String,
}

/// One file that COPY loaded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadedFile {
    /// The identity of the table.
    pub table: String,
    /// The file, as its stage names it.
    pub path: String,
    /// BLAKE3 of its bytes, in hexadecimal.
    pub content_hash: String,
    /// Bytes.
    pub size: u64,
    /// Last change of the file, RFC 3339 in UTC.
    pub modified: String,
    /// `LOADED`, `PARTIALLY LOADED` or `LOAD FAILED`.
    pub status: String,
    /// Rows loaded.
    pub rows: u64,
    /// Rows read.
    pub parsed: u64,
    /// Rows that failed.
    pub errors: u64,
    /// The first error.
    pub first_error: Option<String>,
    /// The line of the first error, from 1.
    #[serde(default)]
    pub first_line: Option<u64>,
    /// The character of the first error in its line, from 1.
    #[serde(default)]
    pub first_character: Option<u64>,
    /// The column of the first error.
    #[serde(default)]
    pub first_column: Option<String>,
    /// How many errors would have been too many.
    #[serde(default)]
    pub error_limit: Option<u64>,
    /// Where the file is: its stage, or the URL of its source.
    #[serde(default)]
    pub location: Option<String>,
    /// When, RFC 3339 in UTC; filled in when it is published.
    #[serde(default)]
    pub loaded_at: String,
}

impl LoadedFile {
    /// What COPY would have said of a file of a source; its `table` is the table's name. `None` if nothing was loaded
    /// because its rows were there already, or were taken out.
    #[must_use]
    pub fn of_ledger(entry: LedgerEntry) -> Option<Self> {
        let failed = entry.status == LoadStatus::Rejected;
        let status = match entry.status {
            LoadStatus::Duplicate | LoadStatus::Removed => return None,
            LoadStatus::Rejected => "LOAD_FAILED",
            LoadStatus::Loaded if entry.quarantined > 0 => "PARTIALLY_LOADED",
            LoadStatus::Loaded | LoadStatus::Empty => "LOADED",
        };
        let first = entry.first_error;
        let message = first.as_ref().map(|first| first.message.clone());
        Some(Self {
            table: entry.table,
            path: entry.path,
            content_hash: entry.content_hash,
            size: entry.size,
            modified: entry.modified,
            status: status.to_owned(),
            rows: entry.rows.saturating_sub(entry.quarantined),
            parsed: entry.rows,
            errors: entry.quarantined.max(u64::from(failed)),
            first_error: entry.error.or(message),
            first_line: first.as_ref().and_then(|first| first.line),
            first_character: None,
            first_column: first.and_then(|first| first.column),
            error_limit: None,
            location: Some(entry.location).filter(|location| !location.is_empty()),
            loaded_at: entry.loaded_at,
        })
    }
}

impl State {
    /// What the relation with identity `entity` was, oldest first. Rows from before identities were kept
    /// count by `name`.
    ///
    /// # Errors
    /// `K2001` if the state file cannot be used.
    pub fn past(&self, entity: &str, name: &RelationName) -> Result<Vec<PastRelation>> {
        self.read(|tx| {
            let mut statement = tx
                .prepare_cached(
                    "select id, body, run_id, published_at, generation from relation_history
                     where body is not null and (entity = ?1 or (entity is null
                         and database = ?2 and schema = ?3 and name = ?4))
                     order by id",
                )
                .row()?;
            let rows = statement
                .query_map(
                    params![
                        entity,
                        name.database.as_str(),
                        name.schema.as_str(),
                        name.name.as_str()
                    ],
                    |row| {
                        Ok((
                            row.get::<_, i64>(0)?,
                            row.get::<_, String>(1)?,
                            row.get::<_, String>(2)?,
                            row.get::<_, String>(3)?,
                            row.get::<_, u32>(4)?,
                        ))
                    },
                )
                .row()?;
            rows.map(|row| {
                let (position, body, run, published_at, generation) = row.row()?;
                let mut relation: Relation = from_body(&body)?;
                relation.generation = generation;
                Ok(PastRelation {
                    position,
                    relation,
                    run,
                    published_at,
                })
            })
            .collect()
        })
    }

    /// The first and last position of what `run` published; `None` if it published no relation.
    ///
    /// # Errors
    /// `K2001` if the state file cannot be used.
    pub fn positions(&self, run: RunId) -> Result<Option<(i64, i64)>> {
        self.read(|tx| {
            let (first, last): (Option<i64>, Option<i64>) = tx
                .query_row(
                    "select min(id), max(id) from relation_history where run_id = ?1",
                    params![run.to_string()],
                    |row| Ok((row.get(0)?, row.get(1)?)),
                )
                .row()?;
            Ok(first.zip(last))
        })
    }

    /// What `name` was when it was dropped last; `None` if it never was.
    ///
    /// # Errors
    /// `K2001` if the state file cannot be used.
    pub fn last_dropped(&self, name: &RelationName) -> Result<Option<Relation>> {
        self.read(|tx| last_dropped(tx, name, i64::MAX))
    }

    /// Relations of `namespace` that `run` dropped, as they were.
    ///
    /// # Errors
    /// `K2001` if the state file cannot be used.
    pub fn dropped_relations(
        &self,
        namespace: &SchemaName,
        run: RunId,
    ) -> Result<Vec<(RelationName, Relation)>> {
        self.read(|tx| {
            let mut statement = tx
                .prepare_cached(
                    "select database, schema, name, id from relation_history
                     where database = ?1 and schema = ?2 and run_id = ?3 and body is null",
                )
                .row()?;
            let gone: Vec<_> = statement
                .query_map(
                    params![
                        namespace.database.as_str(),
                        namespace.schema.as_str(),
                        run.to_string()
                    ],
                    |row| Ok((name_of(row)?, row.get::<_, i64>(3)?)),
                )
                .row()?
                .collect::<rusqlite::Result<_>>()
                .row()?;
            let mut relations = Vec::new();
            for (name, position) in gone {
                if let Some(relation) = last_dropped(tx, &name, position)? {
                    relations.push((name, relation));
                }
            }
            Ok(relations)
        })
    }

    /// The schemas called `schema` in `database` (all of it without one) that were dropped last, by the
    /// run that did: `None` if there is nothing to bring back.
    ///
    /// # Errors
    /// `K2001` if the state file cannot be used.
    pub fn dropped_namespaces(
        &self,
        database: &Identifier,
        schema: Option<&Identifier>,
    ) -> Result<Option<(RunId, Vec<SchemaName>)>> {
        self.read(|tx| {
            let wanted = schema.map(Identifier::as_str);
            let run: Option<String> = tx
                .query_row(
                    "select run_id from namespace_history
                     where dropped = 1 and database = ?1 and (?2 is null or schema = ?2)
                     order by id desc limit 1",
                    params![database.as_str(), wanted],
                    |row| row.get(0),
                )
                .optional()
                .row()?;
            let Some(run) = run else { return Ok(None) };
            let mut statement = tx
                .prepare_cached(
                    "select schema from namespace_history
                     where dropped = 1 and run_id = ?1 and database = ?2
                       and (?3 is null or schema = ?3) order by id",
                )
                .row()?;
            let names = statement
                .query_map(params![run, database.as_str(), wanted], |row| {
                    row.get::<_, String>(0)
                })
                .row()?
                .map(|name| {
                    Ok(SchemaName::new(
                        database.clone(),
                        Identifier::quoted(name.row()?),
                    ))
                })
                .collect::<Result<Vec<_>>>()?;
            let run = run.parse().map_err(|cause| {
                diagnostic::Error::new(diagnostic::codes::K2001, "A run id cannot be read")
                    .because(cause)
            })?;
            Ok(Some((run, names)))
        })
    }

    /// When each namespace was created, RFC 3339 in UTC.
    ///
    /// # Errors
    /// `K2001` if the state file cannot be used.
    pub fn namespace_times(&self) -> Result<Vec<(SchemaName, String)>> {
        self.read(|tx| {
            let mut statement = tx
                .prepare_cached("select database, schema, created_at from namespaces")
                .row()?;
            let rows = statement
                .query_map([], |row| {
                    Ok((
                        SchemaName::new(
                            Identifier::quoted(row.get::<_, String>(0)?),
                            Identifier::quoted(row.get::<_, String>(1)?),
                        ),
                        row.get::<_, String>(2)?,
                    ))
                })
                .row()?;
            rows.map(RowResult::row).collect()
        })
    }

    /// The files COPY loaded into the table with identity `entity`, oldest first; all tables' without one.
    ///
    /// # Errors
    /// `K2001` if the state file cannot be used.
    pub fn loaded_files(&self, entity: Option<&str>) -> Result<Vec<LoadedFile>> {
        self.read(|tx| {
            let mut statement = tx
                .prepare_cached(
                    "select body, loaded_at from load_history
                     where ?1 is null or entity = ?1 order by id",
                )
                .row()?;
            let rows = statement
                .query_map(params![entity], |row| {
                    Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
                })
                .row()?;
            rows.map(|row| {
                let (body, loaded_at) = row.row()?;
                let file: LoadedFile = from_body(&body)?;
                Ok(LoadedFile { loaded_at, ..file })
            })
            .collect()
        })
    }
}

/// What `name` was before its last drop or replacement up to `position`. What lives on under another name
/// was not dropped.
fn last_dropped(
    tx: &Transaction<'_>,
    name: &RelationName,
    position: i64,
) -> Result<Option<Relation>> {
    let mut statement = tx
        .prepare_cached(
            "select body, entity from relation_history
             where database = ?1 and schema = ?2 and name = ?3 and id <= ?4 order by id desc",
        )
        .row()?;
    let mut rows = statement
        .query(params![
            name.database.as_str(),
            name.schema.as_str(),
            name.name.as_str(),
            position
        ])
        .row()?;
    let mut after: Option<Option<String>> = None;
    while let Some(row) = rows.next().row()? {
        let body: Option<String> = row.get(0).row()?;
        let entity: Option<String> = row.get(1).row()?;
        let Some(body) = body else {
            after = Some(None);
            continue;
        };
        let ended = after.as_ref().is_some_and(|after| *after != entity);
        if ended && !lives(tx, entity.as_deref())? {
            return from_body(&body).map(Some);
        }
        after = Some(entity);
    }
    Ok(None)
}

/// Whether some name points at the relation with identity `entity`.
fn lives(tx: &Transaction<'_>, entity: Option<&str>) -> Result<bool> {
    tx.prepare_cached(
        "select exists (select 1 from relations where json_extract(body, '$.id') = ?1)",
    )
    .and_then(|mut s| s.query_row(params![entity], |row| row.get(0)))
    .row()
}

pub(crate) fn record_loads(
    tx: &Transaction<'_>,
    files: &[LoadedFile],
    forgotten: &[String],
    run: RunId,
    now: &str,
) -> Result<()> {
    for entity in forgotten {
        tx.execute(
            "delete from load_history where entity = ?1",
            params![entity],
        )
        .row()?;
    }
    for file in files {
        let body = to_body(file)?;
        tx.prepare_cached(
            "insert into load_history (entity, path, body, run_id, loaded_at)
             values (?1, ?2, ?3, ?4, ?5)",
        )
        .and_then(|mut s| s.execute(params![file.table, file.path, body, run.to_string(), now]))
        .row()?;
    }
    Ok(())
}
