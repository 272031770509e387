//! The built-in materialisations: a compiled query becomes a view, a table, an incremental table or
//! a snapshot.

mod contract;
mod incremental;
mod microbatch;
mod options;
mod schema_change;
mod snapshot;

use std::sync::{Mutex, PoisonError};

use dbt::adapter::Answer;
use diagnostic::{Error, Result, Source};
use engine::{Engine, Outcome, RelationInfo, Session};
use model::{Identifier, RelationName};
use serde_json::{Map, Value as Json};

use crate::adapter::answer;

pub use contract::Contract;
pub use incremental::{IncrementalConfig, IncrementalStrategy, incremental};
pub use microbatch::{Batch, BatchSize, MicrobatchConfig};
pub use options::TableOptions;
pub use schema_change::OnSchemaChange;
pub(crate) use schema_change::reconcile;
pub use snapshot::{HardDeletes, MetaColumns, SnapshotConfig, SnapshotStrategy, snapshot};

/// The statements that put rows or a query into a relation, without those around them: what dbt keeps below
/// `target/run`.
#[derive(Debug, Default)]
pub struct Statements(Mutex<Vec<String>>);

impl Statements {
    fn note(&self, sql: &str) {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        noted.push(sql.to_owned());
    }

    /// All of them, as one script.
    #[must_use]
    pub fn script(&self) -> String {
        let noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        noted.join(";\n\n")
    }
}

/// Where a node's result goes, and the engine that makes it.
#[derive(Clone, Copy)]
pub struct Target<'a> {
    /// The engine.
    pub engine: &'a dyn Engine,
    /// The session its statements run in.
    pub session: &'a Session,
    /// The relation to make.
    pub name: &'a RelationName,
    /// How a table is created.
    pub options: &'a TableOptions,
    /// What is run to make it.
    pub statements: &'a Statements,
}

/// What a materialisation did.
#[derive(Debug, Default)]
pub struct Built {
    /// Rows written; `None` for a view.
    pub rows: Option<u64>,
    /// What the database says about the statement that made it.
    pub answer: Answer,
    /// What the materialisation itself says instead: `adapter_response` of `run_results.json`.
    pub own_answer: Option<Map<String, Json>>,
    /// The batches of a model that is built by them.
    pub batches: Vec<BuiltBatch>,
}

impl Built {
    /// What wrote rows, and was answered by `answer`.
    pub(crate) fn rows(answer: Answer) -> Self {
        let changes = answer.changes.unwrap_or_default();
        Self {
            rows: Some(changes.inserted + changes.updated + changes.deleted),
            answer,
            ..Self::default()
        }
    }
}

impl Built {
    /// Takes out why batches failed; nothing if none did.
    pub fn failed_batches(&mut self) -> Option<Error> {
        let failed = self.batches.iter_mut().filter_map(|batch| {
            let outcome = std::mem::replace(&mut batch.outcome, BatchOutcome::Skipped);
            match outcome {
                BatchOutcome::Failed(error) => Some(error),
                other => {
                    batch.outcome = other;
                    None
                }
            }
        });
        Error::join(failed)
    }
}

/// How one batch of a model ended.
#[derive(Debug)]
pub struct BuiltBatch {
    /// Its span of event time.
    pub batch: Batch,
    /// When it begins, as dbt shows it.
    pub shown: String,
    /// How long it took.
    pub seconds: f64,
    /// Why it failed, if it did.
    pub outcome: BatchOutcome,
}

/// How a batch ended.
#[derive(Debug)]
pub enum BatchOutcome {
    /// Its rows are there.
    Built(Answer),
    /// It failed.
    Failed(Error),
    /// It was left out, because the first one failed.
    Skipped,
}

impl Target<'_> {
    /// Runs `sql`, shown in errors as belonging to the relation.
    pub(crate) async fn execute(&self, sql: impl Into<String>) -> Result<Vec<Outcome>> {
        let source = Source::new(format!("{}", self.name), sql.into());
        self.engine.execute(self.session, &source).await
    }

    /// Runs statements that make the relation what it becomes.
    /// Gives what is said about the last one, as dbt's adapters do.
    pub(crate) async fn make(&self, sql: impl Into<String>) -> Result<Answer> {
        let sql = sql.into();
        // Also what fails is there to be looked at.
        self.statements.note(&sql);
        let outcomes = self.execute(sql).await?;
        Ok(outcomes.last().map(answer).unwrap_or_default())
    }

    /// The relation that stands there, with its columns.
    pub(crate) async fn existing(&self) -> Result<Option<RelationInfo>> {
        self.engine.describe(self.session, self.name).await
    }

    /// The relation that stands there, without its columns.
    pub(crate) async fn found(&self) -> Result<Option<RelationInfo>> {
        self.engine.find(self.session, self.name).await
    }

    /// The relation `NAME__dbt_tmp` beside the target.
    pub(crate) fn temporary(&self) -> RelationName {
        self.name.namespace().relation(Identifier::quoted(format!(
            "{}__DBT_TMP",
            self.name.name.as_str()
        )))
    }

    /// Creates the relation's schema if it is not there. The node's session stays where it is: as in dbt, the schema is
    /// made beside it.
    pub(crate) async fn make_schema(&self) -> Result<()> {
        let sql = format!("create schema if not exists {}", self.name.namespace());
        let source = Source::new(format!("{}", self.name), sql);
        let beside = self.session.fork();
        self.engine.execute(&beside, &source).await.map(drop)
    }

    /// Drops the relation if it is not of the kind about to be made.
    pub(crate) async fn make_way(&self, for_view: bool) -> Result<()> {
        if let Some(found) = self.found().await?
            && found.view != for_view
        {
            let kind = if found.view { "view" } else { "table" };
            self.execute(format!("drop {kind} {}", self.name)).await?;
        }
        Ok(())
    }
}

/// `materialized: view`. `columns` is the list behind its name, or nothing.
///
/// # Errors
/// The engine's error.
pub async fn view(target: Target<'_>, sql: &str, columns: &str, secure: bool) -> Result<Built> {
    target.make_way(true).await?;
    let secure = if secure { "secure " } else { "" };
    let answer = target
        .make(format!(
            "create or replace {secure}view {}{columns}{} as (\n{sql}\n)",
            target.name,
            target.options.copies()
        ))
        .await?;
    Ok(Built {
        answer,
        ..Built::default()
    })
}

/// `materialized: table`.
///
/// # Errors
/// The engine's error.
pub async fn table(target: Target<'_>, sql: &str) -> Result<Built> {
    target.make_way(false).await?;
    let answer = target.make(target.options.create(target.name, sql)).await?;
    Ok(Built::rows(answer.made()))
}
