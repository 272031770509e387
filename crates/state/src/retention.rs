//! Which versions of tables the catalog can still lead somebody to, and forgetting the others.

use std::collections::BTreeSet;

use diagnostic::Result;
use rusqlite::params;

use crate::database::{RowResult, from_body};
use crate::{Publication, Relation, RelationKind, State};

/// A version of a table that a name pointed at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableVersion {
    /// Folder of the table, relative to the warehouse.
    pub location: String,
    /// Version of its log.
    pub version: u64,
    /// Until when the name pointed there, RFC 3339 in UTC; `None` if it still does.
    pub until: Option<String>,
    /// DATA_RETENTION_TIME_IN_DAYS, if declared.
    pub retention_days: Option<u32>,
}

impl State {
    /// Every version that a name points at or pointed at, and those of a publication that is under way.
    ///
    /// # Errors
    /// `K2001` if the state file cannot be used.
    pub fn table_versions(&self) -> Result<Vec<TableVersion>> {
        self.read(|tx| {
            let mut statement = tx
                .prepare_cached(
                    "select h.body, lead(h.published_at) over
                         (partition by h.database, h.schema, h.name order by h.id)
                     from relation_history h",
                )
                .row()?;
            let rows = statement
                .query_map([], |row| {
                    Ok((
                        row.get::<_, Option<String>>(0)?,
                        row.get::<_, Option<String>>(1)?,
                    ))
                })
                .row()?;
            let mut versions = Vec::new();
            for row in rows {
                let (body, until) = row.row()?;
                if let Some(body) = body {
                    versions.extend(version(&from_body(&body)?, until));
                }
            }
            let mut current = tx.prepare_cached("select body from relations").row()?;
            let bodies = current.query_map([], |row| row.get::<_, String>(0)).row()?;
            for body in bodies {
                versions.extend(version(&from_body(&body.row()?)?, None));
            }
            let mut intents = tx.prepare_cached("select publication from intents").row()?;
            let bodies = intents.query_map([], |row| row.get::<_, String>(0)).row()?;
            for body in bodies {
                let publication: Publication = from_body(&body.row()?)?;
                let tables = publication.changes.iter();
                let tables = tables.filter_map(|change| change.becomes.as_ref());
                versions.extend(tables.filter_map(|relation| version(relation, None)));
            }
            Ok(versions)
        })
    }

    /// When the oldest run began that has no end yet, RFC 3339 in UTC.
    ///
    /// # Errors
    /// `K2001` if the state file cannot be used.
    pub fn oldest_open_run(&self) -> Result<Option<String>> {
        self.read(|tx| {
            tx.query_row(
                "select min(started_at) from runs where status in ('running', 'publishing')",
                [],
                |row| row.get(0),
            )
            .row()
        })
    }

    /// The folders that runs without an end have made.
    ///
    /// # Errors
    /// `K2001` if the state file cannot be used.
    pub fn folders_of_open_runs(&self) -> Result<BTreeSet<String>> {
        self.read(|tx| {
            let mut statement = tx
                .prepare_cached("select location from created_folders")
                .row()?;
            let rows = statement.query_map([], |row| row.get(0)).row()?;
            rows.map(RowResult::row).collect()
        })
    }

    /// Forgets what names pointed at that pointed elsewhere before `cutoff` (RFC 3339 in UTC) already, or before
    /// the days their table declares. What each name points at now, or did last, stays. Gives how
    /// many entries went.
    ///
    /// # Errors
    /// `K2001` if the state file cannot be used.
    pub fn forget_history(&self, cutoff: &str) -> Result<usize> {
        self.write(|tx| {
            tx.execute(
                "delete from relation_history where id in (
                     select id from (
                         select id, body, lead(published_at) over
                             (partition by database, schema, name order by id) as until
                         from relation_history)
                     where until < coalesce(
                         strftime('%Y-%m-%dT%H:%M:%fZ', 'now',
                             '-' || json_extract(body, '$.details.retention_days') || ' days'),
                         ?1))",
                params![cutoff],
            )
            .row()
        })
    }
}

fn version(relation: &Relation, until: Option<String>) -> Option<TableVersion> {
    match &relation.kind {
        RelationKind::Table {
            location, version, ..
        } => Some(TableVersion {
            location: location.clone(),
            version: *version,
            until,
            retention_days: relation.details.retention_days,
        }),
        RelationKind::View { .. } | RelationKind::External { .. } => None,
    }
}
