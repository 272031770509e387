//! The load ledger: which file contents a stream has taken, so that none is taken twice.

use diagnostic::Result;
use model::RunId;
use rusqlite::{Transaction, params};
use serde::{Deserialize, Serialize};

use crate::State;
use crate::database::{RowResult, from_body, to_body};

/// What became of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LoadStatus {
    /// Its rows are in bronze.
    Loaded,
    /// It holds no rows.
    Empty,
    /// It could not be read; nothing of it was kept.
    Rejected,
    /// Its content had been loaded before under another name.
    Duplicate,
    /// Its rows were taken out of the tables.
    Removed,
}

/// Which earlier loads' rows a load took the place of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Replaces {
    /// None.
    #[default]
    Nothing,
    /// Those of the same path, as a backfill does.
    Path,
    /// All of its stream, as a full refresh does.
    Everything,
    /// Those of the same content by this run, whose rows were read again from the raw zone.
    Load(String),
}

/// The first row of a file that broke a rule, or what was wrong with the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirstError {
    /// Why, in a sentence.
    pub message: String,
    /// The line, from 1.
    pub line: Option<u64>,
    /// The column whose value it is about.
    pub column: Option<String>,
}

/// One file content as one stream took it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerEntry {
    /// `source.stream`.
    pub stream: String,
    /// Path relative to the source's folder, as found.
    pub path: String,
    /// BLAKE3 of the bytes, in hexadecimal.
    pub content_hash: String,
    /// Bytes as found.
    pub size: u64,
    /// Last change of the file, RFC 3339 in UTC.
    pub modified: String,
    /// The batch it belongs to.
    pub batch: String,
    /// Rows read.
    pub rows: u64,
    /// Rows of those that broke a rule.
    pub quarantined: u64,
    /// What became of it.
    pub status: LoadStatus,
    /// The error that rejected it.
    pub error: Option<String>,
    /// The first of its rows in quarantine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_error: Option<FirstError>,
    /// Which earlier loads it took the place of.
    #[serde(default, skip_serializing_if = "is_new")]
    pub replaces: Replaces,
    /// The table its valid rows went to.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub table: String,
    /// Where its source is: a folder or a location of a store, as a URL.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub location: String,
    /// The run that took it; filled in when it is published.
    #[serde(skip)]
    pub run: String,
    /// When, RFC 3339 in UTC; filled in when it is published.
    #[serde(skip)]
    pub loaded_at: String,
}

fn is_new(replaces: &Replaces) -> bool {
    *replaces == Replaces::Nothing
}

impl State {
    /// What `stream` has taken so far, oldest first.
    ///
    /// # Errors
    /// `K2001` if the state file cannot be used.
    pub fn ledger(&self, stream: &str) -> Result<Vec<LedgerEntry>> {
        self.read(|tx| {
            let sql = "select body, run_id, loaded_at from ledger where stream = ?1 order by id";
            entries(tx, sql, stream)
        })
    }

    /// The streams that have taken anything, by name.
    ///
    /// # Errors
    /// `K2001` if the state file cannot be used.
    pub fn ledger_streams(&self) -> Result<Vec<String>> {
        self.read(|tx| {
            let mut statement = tx
                .prepare_cached("select distinct stream from ledger order by 1")
                .row()?;
            let streams = statement.query_map([], |row| row.get(0)).row()?;
            streams.map(RowResult::row).collect()
        })
    }

    /// What went to `table` from files of all streams, oldest first; to all tables without one.
    ///
    /// # Errors
    /// `K2001` if the state file cannot be used.
    pub fn ledger_of_tables(&self, table: Option<&str>) -> Result<Vec<LedgerEntry>> {
        self.read(|tx| {
            let sql = "select body, run_id, loaded_at from ledger
                 where json_extract(body, '$.table') = coalesce(?1, json_extract(body, '$.table')) order by id";
            entries(tx, sql, table)
        })
    }
}

fn entries(
    tx: &Transaction<'_>,
    sql: &str,
    parameter: impl rusqlite::ToSql,
) -> Result<Vec<LedgerEntry>> {
    let mut statement = tx.prepare_cached(sql).row()?;
    let rows = statement
        .query_map(params![parameter], |row| {
            Ok((row.get::<_, String>(0)?, row.get(1)?, row.get(2)?))
        })
        .row()?;
    rows.map(|row| {
        let (body, run, loaded_at) = row.row()?;
        let entry: LedgerEntry = from_body(&body)?;
        Ok(LedgerEntry {
            run,
            loaded_at,
            ..entry
        })
    })
    .collect()
}

pub(crate) fn record(
    tx: &Transaction<'_>,
    entries: &[LedgerEntry],
    run: RunId,
    now: &str,
) -> Result<()> {
    let mut statement = tx
        .prepare_cached(
            "insert into ledger (stream, path, content_hash, body, run_id, loaded_at)
             values (?1, ?2, ?3, ?4, ?5, ?6)",
        )
        .row()?;
    for entry in entries {
        let body = to_body(entry)?;
        statement
            .execute(params![
                entry.stream,
                entry.path,
                entry.content_hash,
                body,
                run.to_string(),
                now
            ])
            .row()?;
    }
    Ok(())
}
