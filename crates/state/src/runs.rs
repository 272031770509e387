//! Runs: who worked when, and how it ended.

use std::fmt;

use diagnostic::{Error, Result, codes};
use model::RunId;
use rusqlite::{OptionalExtension, Transaction, params};

use crate::State;
use crate::database::RowResult;
use crate::publication::now;

/// How far a run has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunStatus {
    /// At work, or killed while at work.
    Running,
    /// Its publication is recorded but not finished.
    Publishing,
    /// Readers see its outputs.
    Published,
    /// It ended without publishing.
    Failed,
    /// It was killed; what it had staged was dropped at a later start.
    Abandoned,
}

impl RunStatus {
    fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Publishing => "publishing",
            Self::Published => "published",
            Self::Failed => "failed",
            Self::Abandoned => "abandoned",
        }
    }

    fn parse(text: &str) -> Result<Self> {
        [
            Self::Running,
            Self::Publishing,
            Self::Published,
            Self::Failed,
            Self::Abandoned,
        ]
        .into_iter()
        .find(|status| status.name() == text)
        .ok_or_else(|| {
            Error::new(
                codes::K2001,
                format!("The state file knows no run status `{text}`"),
            )
        })
    }
}

impl fmt::Display for RunStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One run.
#[derive(Clone, Debug)]
pub struct RunRecord {
    /// Its id.
    pub run: RunId,
    /// What was asked for, for example `run`.
    pub command: String,
    /// How far it came.
    pub status: RunStatus,
    /// Start, RFC 3339 in UTC.
    pub started_at: String,
    /// End, if it ended.
    pub ended_at: Option<String>,
    /// Why it failed.
    pub error: Option<String>,
}

impl State {
    /// Records that `run` starts.
    ///
    /// # Errors
    /// `K2001` if the state file cannot be used.
    pub fn start_run(&self, run: RunId, command: &str) -> Result<()> {
        self.write(|tx| {
            tx.execute(
                "insert into runs (run_id, command, status, pid, started_at) values (?1, ?2, ?3, ?4, ?5)",
                params![run.to_string(), command, RunStatus::Running.name(), std::process::id(), now()],
            )
            .row()
            .map(drop)
        })
    }

    /// Records how `run` ended without publishing.
    ///
    /// # Errors
    /// `K2001` if the state file cannot be used.
    pub fn end_run(&self, run: RunId, status: RunStatus, error: Option<&str>) -> Result<()> {
        self.write(|tx| set_status(tx, run, status, error))
    }

    /// How far `run` has come; `None` if it is not known.
    ///
    /// # Errors
    /// `K2001` if the state file cannot be used.
    pub fn run_status(&self, run: RunId) -> Result<Option<RunStatus>> {
        self.read(|tx| {
            tx.query_row(
                "select status from runs where run_id = ?1",
                params![run.to_string()],
                |row| row.get::<_, String>(0),
            )
            .optional()
            .row()?
            .map(|status| RunStatus::parse(&status))
            .transpose()
        })
    }

    /// The latest `limit` runs, newest first.
    ///
    /// # Errors
    /// `K2001` if the state file cannot be used.
    pub fn runs(&self, limit: u32) -> Result<Vec<RunRecord>> {
        self.read(|tx| {
            let mut statement = tx
                .prepare_cached(
                    "select run_id, command, status, started_at, ended_at, error from runs
                     order by run_id desc limit ?1",
                )
                .row()?;
            let mut rows = statement.query(params![limit]).row()?;
            let mut runs = Vec::new();
            while let Some(row) = rows.next().row()? {
                let id: String = row.get(0).row()?;
                let status: String = row.get(2).row()?;
                runs.push(RunRecord {
                    run: id.parse().map_err(|cause| {
                        Error::new(codes::K2001, "A run id cannot be read").because(cause)
                    })?,
                    command: row.get(1).row()?,
                    status: RunStatus::parse(&status)?,
                    started_at: row.get(3).row()?,
                    ended_at: row.get(4).row()?,
                    error: row.get(5).row()?,
                });
            }
            Ok(runs)
        })
    }
}

pub(crate) fn set_status(
    tx: &Transaction<'_>,
    run: RunId,
    status: RunStatus,
    error: Option<&str>,
) -> Result<()> {
    let ended = match status {
        RunStatus::Running | RunStatus::Publishing => None,
        RunStatus::Published | RunStatus::Failed | RunStatus::Abandoned => Some(now()),
    };
    tx.execute(
        "update runs set status = ?2, ended_at = ?3, error = ?4 where run_id = ?1",
        params![run.to_string(), status.name(), ended, error],
    )
    .row()
    .map(drop)
}
