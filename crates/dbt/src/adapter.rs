//! [`Adapter`]: what compiling and running nodes ask of an engine.

use diagnostic::Result;
use jinja::Value;

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

/// What a statement did.
#[derive(Clone, Debug, Default)]
pub struct Response {
    /// For people: `SUCCESS 12`.
    pub message: String,
    /// For machines: `SUCCESS`, `INSERT`.
    pub code: String,
    /// Rows changed, if the statement changes rows.
    pub rows_affected: Option<i64>,
    /// The engine's id of the statement.
    pub query_id: Option<String>,
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
