//! The built-in materialisations: a compiled query becomes a view, a table, an incremental table or
//! a snapshot.

mod contract;
mod incremental;
mod microbatch;
mod options;
mod schema_change;
mod snapshot;

use std::sync::{Mutex, PoisonError};

use diagnostic::{Result, Source};
use engine::{Engine, Outcome, RelationInfo, Session};
use model::{Identifier, RelationName};

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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Built {
    /// Rows written; `None` for a view.
    pub rows: Option<u64>,
}

impl Target<'_> {
    /// Runs `sql`, shown in errors as belonging to the relation.
    pub(crate) async fn execute(&self, sql: impl Into<String>) -> Result<Vec<Outcome>> {
        let source = Source::new(format!("{}", self.name), sql.into());
        self.engine.execute(self.session, &source).await
    }

    /// [`Target::change`] by a statement that makes the relation what it becomes.
    pub(crate) async fn make(&self, sql: impl Into<String>) -> Result<u64> {
        let sql = sql.into();
        // Also what fails is there to be looked at.
        self.statements.note(&sql);
        self.change(sql).await
    }

    /// The rows changed by the statements of `sql`.
    pub(crate) async fn change(&self, sql: impl Into<String>) -> Result<u64> {
        let outcomes = self.execute(sql).await?;
        Ok(outcomes.iter().map(Outcome::rows_changed).sum())
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
    target
        .make(format!(
            "create or replace {secure}view {}{columns}{} as (\n{sql}\n)",
            target.name,
            target.options.copies()
        ))
        .await?;
    Ok(Built { rows: None })
}

/// `materialized: table`.
///
/// # Errors
/// The engine's error.
pub async fn table(target: Target<'_>, sql: &str) -> Result<Built> {
    target.make_way(false).await?;
    let rows = target.make(target.options.create(target.name, sql)).await?;
    Ok(Built { rows: Some(rows) })
}
