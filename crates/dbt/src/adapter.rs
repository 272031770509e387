//! [`Adapter`]: what compiling and running nodes ask of an engine.

use diagnostic::Result;
use jinja::Value;
use serde_json::{Map, Value as Json, json};

/// The three parts of a relation's name, as stored: case is exact.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RelationName {
    /// Its database.
    pub database: String,
    /// Its schema.
    pub schema: String,
    /// Its own name.
    pub identifier: String,
}

/// A relation that exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelationInfo {
    /// Its name as stored.
    pub name: RelationName,
    /// `table`, `view`, `materialized_view`, `external`, …
    pub kind: String,
}

/// A column of a relation or result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnInfo {
    /// Its name as stored.
    pub name: String,
    /// Its type in the dialect's words: `NUMBER(38,0)`, `VARCHAR`.
    pub data_type: String,
}

/// Rows of a statement, as templates see them.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    /// The columns.
    pub columns: Vec<ColumnInfo>,
    /// The cells, row by row: numbers, texts, truth values, `none`, dates of the `jinja` crate.
    pub rows: Vec<Vec<Value>>,
}

/// What a database says about a statement, besides its rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// How many rows its result has, or it changed. A statement that says no more than that it is done has one.
    pub rows: u64,
    /// Which rows it changed, if it is one that changes rows.
    pub changes: Option<Changes>,
}

/// How many rows a statement changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Rows that are new.
    pub inserted: u64,
    /// Rows that were there.
    pub updated: u64,
    /// Rows that are gone.
    pub deleted: u64,
}

impl Answer {
    /// The answer to a statement that says no more than that it is done.
    pub const DONE: Self = Self {
        rows: 1,
        changes: None,
    };

    /// The answer to a statement that changed rows.
    #[must_use]
    pub fn changed(changes: Changes) -> Self {
        Self {
            rows: changes.inserted + changes.updated + changes.deleted,
            changes: Some(changes),
        }
    }

    /// The answer to a statement that makes a table of a query. Its result is one row that says so.
    #[must_use]
    pub fn made(self) -> Self {
        Self { rows: 1, ..self }
    }

    /// The rows that dbt's adapter says were affected: those that are new, where there are any
    /// (`get_response` of dbt-snowflake's `SnowflakeConnectionManager`).
    #[must_use]
    pub fn affected(&self) -> u64 {
        match self.changes {
            Some(Changes { inserted, .. }) if inserted > 0 => inserted,
            _ => self.rows,
        }
    }

    /// As dbt's adapter for databases of `kind` writes it: `_message`, `code`, `rows_affected` and, of
    /// changes, `rows_inserted` and its kin. dbt-duckdb says no more than `OK`, so no `code` stands beside it.
    #[must_use]
    pub fn to_json(&self, kind: &str) -> Map<String, Json> {
        let affected = self.affected();
        let mut said = Map::new();
        if kind == "duckdb" {
            said.insert("_message".to_owned(), json!("OK"));
        } else {
            said.insert("_message".to_owned(), json!(format!("SUCCESS {affected}")));
            said.insert("code".to_owned(), json!("SUCCESS"));
        }
        said.insert("rows_affected".to_owned(), json!(affected));
        if let Some(changes) = self.changes {
            said.insert("rows_inserted".to_owned(), json!(changes.inserted));
            said.insert("rows_deleted".to_owned(), json!(changes.deleted));
            said.insert("rows_updated".to_owned(), json!(changes.updated));
            said.insert("rows_duplicates".to_owned(), json!(0));
        }
        said
    }
}

/// What a statement did.
#[derive(Clone, Debug, Default)]
pub struct Response {
    /// What the database says about it.
    pub answer: Answer,
    /// Its rows; empty unless they were asked for.
    pub rows: Rows,
}

/// The engine as templates see it, on one session.
///
/// An adapter belongs to one node at a time: calls come one after another from the thread that
/// renders it, and may block. Names in arguments may be in any case unless quoted by the caller;
/// the adapter resolves them as its engine would. Everything is visible to the next call.
pub trait Adapter: Send + Sync {
    /// Runs one statement or script; `fetch` says whether the rows of the last one are wanted.
    ///
    /// # Errors
    /// What the engine raises.
    fn execute(&self, sql: &str, fetch: bool) -> Result<Response>;

    /// The relation called `name`, if it exists.
    ///
    /// # Errors
    /// What the engine raises.
    fn relation(&self, name: &RelationName) -> Result<Option<RelationInfo>>;

    /// The columns of a relation in order; empty if it does not exist.
    ///
    /// # Errors
    /// What the engine raises.
    fn columns(&self, name: &RelationName) -> Result<Vec<ColumnInfo>>;

    /// The relations of a schema; empty if it does not exist.
    ///
    /// # Errors
    /// What the engine raises.
    fn relations(&self, database: &str, schema: &str) -> Result<Vec<RelationInfo>>;

    /// The schemas of a database.
    ///
    /// # Errors
    /// What the engine raises.
    fn schemas(&self, database: &str) -> Result<Vec<String>>;
}
