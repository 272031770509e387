//! Runs: who worked when, and how it ended.

use std::fmt;

use diagnostic::{Error, Result, codes};
use model::RunId;
use rusqlite::{Transaction, params};

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

/// A run whose end is not recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenRun {
    /// Its id.
    pub run: RunId,
    /// The folders of tables it has made, below the warehouse.
    pub created: Vec<String>,
}

impl State {
    /// Records that `run` starts in `process`.
    ///
    /// # Errors
    /// `K2001` if the state file cannot be used.
    pub fn start_run(&self, run: RunId, command: &str, process: &str) -> Result<()> {
        self.write(|tx| {
            tx.prepare_cached(
                "insert into runs (run_id, command, status, pid, started_at, process)
                 values (?1, ?2, ?3, ?4, ?5, ?6)",
            )
            .and_then(|mut s| {
                let (status, pid) = (RunStatus::Running.name(), std::process::id());
                s.execute(params![
                    run.to_string(),
                    command,
                    status,
                    pid,
                    now(),
                    process
                ])
            })
            .row()
            .map(drop)
        })
    }

    /// Records that `run` made the folder of a table, which goes if the run is not published.
    ///
    /// # Errors
    /// `K2001` if the state file cannot be used.
    pub fn note_created(&self, run: RunId, location: &str) -> Result<()> {
        self.write(|tx| {
            tx.prepare_cached("insert or ignore into created_folders values (?1, ?2)")
                .and_then(|mut s| s.execute(params![run.to_string(), location]))
                .row()
                .map(drop)
        })
    }

    /// Records how `run` ended without publishing.
    ///
    /// # Errors
    /// `K2001` if the state file cannot be used.
    pub fn end_run(&self, run: RunId, status: RunStatus, error: Option<&str>) -> Result<()> {
        self.write(|tx| {
            forget_created(tx, run)?;
            set_status(tx, run, status, error)
        })
    }

    /// The runs of `process` whose end is not recorded.
    ///
    /// # Errors
    /// `K2001` if the state file cannot be used.
    pub fn open_runs(&self, process: &str) -> Result<Vec<OpenRun>> {
        self.read(|tx| {
            let mut statement = tx
                .prepare_cached(
                    "select r.run_id, c.location from runs r
                     left join created_folders c on c.run_id = r.run_id
                     where r.process = ?1 and r.status in ('running', 'publishing')
                     order by r.run_id",
                )
                .row()?;
            let mut rows = statement.query(params![process]).row()?;
            let mut open: Vec<OpenRun> = Vec::new();
            while let Some(row) = rows.next().row()? {
                let run = run_id(&row.get::<_, String>(0).row()?)?;
                let location: Option<String> = row.get(1).row()?;
                match open.last_mut() {
                    Some(last) if last.run == run => last.created.extend(location),
                    _ => open.push(OpenRun {
                        run,
                        created: location.into_iter().collect(),
                    }),
                }
            }
            Ok(open)
        })
    }

    /// Whether the end of `run` is not recorded yet.
    ///
    /// # Errors
    /// `K2001` if the state file cannot be used.
    pub fn is_open(&self, run: &str) -> Result<bool> {
        self.read(|tx| {
            tx.prepare_cached(
                "select 1 from runs where run_id = ?1 and status in ('running', 'publishing')",
            )
            .and_then(|mut s| s.exists(params![run]))
            .row()
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
                    run: run_id(&id)?,
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

fn run_id(text: &str) -> Result<RunId> {
    text.parse()
        .map_err(|cause| Error::new(codes::K2001, "A run id cannot be read").because(cause))
}

pub(crate) fn forget_created(tx: &Transaction<'_>, run: RunId) -> Result<()> {
    tx.prepare_cached("delete from created_folders where run_id = ?1")
        .and_then(|mut s| s.execute(params![run.to_string()]))
        .row()
        .map(drop)
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
    tx.prepare_cached("update runs set status = ?2, ended_at = ?3, error = ?4 where run_id = ?1")
        .and_then(|mut s| s.execute(params![run.to_string(), status.name(), ended, error]))
        .row()
        .map(drop)
}
