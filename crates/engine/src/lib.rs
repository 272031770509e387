//! What any SQL engine promises: sessions, statements and their results.
//!
//! The embedded warehouse implements it, and remote ones will: who runs dbt nodes or answers a
//! query knows only this.

mod memory;
mod outcome;
mod parameter;
mod session;
mod value;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use diagnostic::{Result, Source};
use futures::stream::BoxStream;
use model::{RelationName, SchemaName};

pub use memory::{Kept, Memory, Query, Settings};
pub use outcome::{Outcome, Rows};
pub use parameter::{Parameter, Takes, parameter, parameters};
pub use session::{Binds, OWNER, Session};
pub use value::Value;

/// Batches as a query produces them.
pub type BatchStream = BoxStream<'static, Result<RecordBatch>>;

/// A table or view as an engine describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelationInfo {
    /// The name.
    pub name: RelationName,
    /// Whether it is a view.
    pub view: bool,
    /// Column names and types, in order, as SQL shows them. Empty where only the kind was asked for.
    pub columns: Vec<(String, String)>,
}

/// Runs SQL. Implementations are shared by tasks: every method may be called in parallel.
#[async_trait]
pub trait Engine: Send + Sync {
    /// Runs the statements of `script` in order, and gives the outcome of each. A query's rows are
    /// read from its outcome; statements after it start when it was given, not when it was read.
    ///
    /// # Errors
    /// The first failing statement's error, with its place in the script.
    async fn execute(&self, session: &Session, script: &Source) -> Result<Vec<Outcome>>;

    /// The kind of `name`, without its columns; `None` if it does not exist.
    ///
    /// # Errors
    /// If the engine cannot be asked.
    async fn find(&self, session: &Session, name: &RelationName) -> Result<Option<RelationInfo>>;

    /// The kind and columns of `name`; `None` if it does not exist.
    ///
    /// # Errors
    /// If its columns cannot be found out, for example because a view no longer plans.
    async fn describe(
        &self,
        session: &Session,
        name: &RelationName,
    ) -> Result<Option<RelationInfo>>;

    /// The relations of a namespace, without their columns.
    ///
    /// # Errors
    /// If the engine cannot be asked.
    async fn relations(
        &self,
        session: &Session,
        namespace: &SchemaName,
    ) -> Result<Vec<RelationInfo>>;

    /// Replaces the table `name` by `rows`, and gives their number.
    ///
    /// # Errors
    /// If the rows cannot be read or the table cannot be written.
    async fn load(
        &self,
        session: &Session,
        name: &RelationName,
        schema: SchemaRef,
        rows: BatchStream,
    ) -> Result<u64>;
}
