//! [`Memory`]: what the statements of a session have set, and which statements there were.

use std::any::Any;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use chrono::{DateTime, Utc};
use model::Identifier;

use crate::value::Value;

/// Statements that are remembered; older ones are forgotten.
const QUERIES: usize = 1_000;

/// Statements whose results are remembered.
const RESULTS: usize = 16;

/// What statements set. Shared by the clones of a session.
#[derive(Clone, Debug, Default)]
pub struct Memory(Arc<Mutex<Remembered>>);

#[derive(Clone, Debug, Default)]
struct Remembered {
    settings: Settings,
    queries: VecDeque<Query>,
    belongings: Option<Arc<dyn Any + Send + Sync>>,
}

/// What USE, SET and ALTER SESSION have set.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    /// `USE DATABASE`.
    pub database: Option<Identifier>,
    /// `USE SCHEMA`.
    pub schema: Option<Identifier>,
    /// `USE ROLE`.
    pub role: Option<Identifier>,
    /// `USE WAREHOUSE`.
    pub warehouse: Option<Identifier>,
    /// `SET name = value`.
    pub variables: BTreeMap<String, Value>,
    /// `ALTER SESSION SET name = value`; names are upper case.
    pub parameters: BTreeMap<String, String>,
}

/// A statement of the session.
#[derive(Clone, Debug)]
pub struct Query {
    /// Its id, which `LAST_QUERY_ID()` gives.
    pub id: String,
    /// The run it belongs to: what it changes is there when the run is published.
    pub run: String,
    /// Its text.
    pub text: String,
    /// What kind of statement it is, for example `SELECT`.
    pub kind: String,
    /// The database it ran in.
    pub database: Identifier,
    /// The schema it ran in.
    pub schema: Identifier,
    /// The role it ran with.
    pub role: Option<Identifier>,
    /// Who ran it.
    pub principal: String,
    /// `QUERY_TAG` at that time.
    pub tag: String,
    /// When it began.
    pub started: DateTime<Utc>,
    /// When it ended, or its first rows could be read.
    pub ended: Option<DateTime<Utc>>,
    /// Rows it gave or changed, as far as they were read.
    pub rows: u64,
    /// Code and message of its error.
    pub error: Option<(String, String)>,
    /// Its rows, where they are kept.
    pub result: Kept,
}

/// What is left of a statement's result.
#[derive(Clone, Debug, Default)]
pub enum Kept {
    /// Nothing yet: it runs, or its rows have not been read.
    #[default]
    Nothing,
    /// All rows.
    Rows(SchemaRef, Arc<Vec<RecordBatch>>),
    /// The rows were more than are kept.
    TooMany,
}

impl Memory {
    fn locked(&self) -> MutexGuard<'_, Remembered> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A memory of its own with the same content.
    #[must_use]
    pub(crate) fn fork(&self) -> Self {
        Self(Arc::new(Mutex::new(self.locked().clone())))
    }

    /// What is set.
    #[must_use]
    pub fn settings(&self) -> Settings {
        self.locked().settings.clone()
    }

    /// What `USE ROLE` has set.
    #[must_use]
    pub fn role(&self) -> Option<Identifier> {
        self.locked().settings.role.clone()
    }

    /// Changes what is set.
    pub fn set(&self, change: impl FnOnce(&mut Settings)) {
        change(&mut self.locked().settings);
    }

    /// The value of an `ALTER SESSION` parameter, if it was set.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<String> {
        self.locked().settings.parameters.get(name).cloned()
    }

    /// What an engine keeps for this session until it ends, such as its temporary tables: one value, of the
    /// type that the engine's first statement asks for.
    #[must_use]
    pub fn belongings<T: Any + Default + Send + Sync>(&self) -> Arc<T> {
        let mut remembered = self.locked();
        let known = remembered.belongings.clone();
        known
            .and_then(|known| known.downcast().ok())
            .unwrap_or_else(|| {
                let new = Arc::new(T::default());
                remembered.belongings = Some(new.clone());
                new
            })
    }

    /// Adds a statement that begins.
    pub fn begin(&self, query: Query) {
        let mut remembered = self.locked();
        if remembered.queries.len() >= QUERIES {
            remembered.queries.pop_front();
        }
        let old = remembered.queries.len().checked_sub(RESULTS);
        if let Some(query) = old.and_then(|old| remembered.queries.get_mut(old))
            && matches!(query.result, Kept::Rows(..))
        {
            query.result = Kept::TooMany;
        }
        remembered.queries.push_back(query);
    }

    /// Changes what is known of the statement `id`.
    pub fn update(&self, id: &str, change: impl FnOnce(&mut Query)) {
        let mut remembered = self.locked();
        if let Some(query) = remembered.queries.iter_mut().rev().find(|q| q.id == id) {
            change(query);
        }
    }

    /// The statements, oldest first.
    #[must_use]
    pub fn queries(&self) -> Vec<Query> {
        self.locked().queries.iter().cloned().collect()
    }

    /// The statement `id`.
    #[must_use]
    pub fn query(&self, id: &str) -> Option<Query> {
        let remembered = self.locked();
        remembered
            .queries
            .iter()
            .rev()
            .find(|q| q.id == id)
            .cloned()
    }
}
