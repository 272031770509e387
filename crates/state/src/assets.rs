//! Asset records: when an asset was last materialised, from which inputs, with which checks.

use std::collections::BTreeMap;

use diagnostic::Result;
use model::RunId;
use rusqlite::{Transaction, params};
use serde::{Deserialize, Serialize};

use crate::State;
use crate::database::{RowResult, from_body, to_body};

/// An asset's latest materialisation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AssetRecord {
    /// The asset's key.
    pub asset: String,
    /// Hash of what it is made by: code, configuration, variables.
    pub fingerprint: String,
    /// The inputs it read, with the version of each one's data.
    pub inputs: BTreeMap<String, String>,
    /// Rows it wrote, if it counts rows.
    pub rows: Option<u64>,
    /// The run that made it.
    pub run: RunId,
}

/// One check's outcome.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckRecord {
    /// The asset that was checked.
    pub asset: String,
    /// The check.
    pub name: String,
    /// `pass`, `warn`, `fail` or `error`.
    pub status: String,
    /// Rows that failed.
    pub failures: u64,
    /// Where the failing rows are, if they were stored.
    pub stored_in: Option<String>,
}

impl State {
    /// The latest record of every asset.
    ///
    /// # Errors
    /// `K2001` if the state file cannot be used.
    pub fn assets(&self) -> Result<BTreeMap<String, AssetRecord>> {
        self.read(|tx| {
            let mut statement = tx.prepare_cached("select asset, body from assets").row()?;
            let rows = statement
                .query_map([], |row| {
                    Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
                })
                .row()?;
            rows.map(|row| {
                let (asset, body) = row.row()?;
                Ok((asset, from_body(&body)?))
            })
            .collect()
        })
    }
}

pub(crate) fn record(
    tx: &Transaction<'_>,
    assets: &[AssetRecord],
    checks: &[CheckRecord],
    run: RunId,
    now: &str,
) -> Result<()> {
    for asset in assets {
        let body = to_body(asset)?;
        tx.prepare_cached("insert or replace into assets values (?1, ?2, ?3, ?4)")
            .and_then(|mut s| s.execute(params![asset.asset, run.to_string(), body, now]))
            .row()?;
    }
    for check in checks {
        let body = to_body(check)?;
        tx.prepare_cached(
            "insert into checks (run_id, asset, name, body, checked_at) values (?1, ?2, ?3, ?4, ?5)",
        )
        .and_then(|mut s| s.execute(params![run.to_string(), check.asset, check.name, body, now]))
        .row()?;
    }
    Ok(())
}
