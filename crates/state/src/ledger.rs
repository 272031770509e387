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
}

impl State {
    /// What `stream` has taken so far, oldest first.
    ///
    /// # Errors
    /// `K2001` if the state file cannot be used.
    pub fn ledger(&self, stream: &str) -> Result<Vec<LedgerEntry>> {
        self.read(|tx| {
            let mut statement = tx
                .prepare_cached("select body from ledger where stream = ?1 order by id")
                .row()?;
            let bodies = statement
                .query_map(params![stream], |row| row.get::<_, String>(0))
                .row()?;
            bodies.map(|body| from_body(&body.row()?)).collect()
        })
    }
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
