//! [`Session`]: who runs statements, where names resolve, what time it is, and what statements before
//! have set.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use model::{Identifier, SchemaName};

use crate::memory::Memory;
use crate::value::Value;

/// The role of sessions that name none: the project's owner may do everything.
const ADMIN: &str = "ACCOUNTADMIN";

/// Who the project's owner is among principals.
pub const OWNER: &str = "owner";

/// The circumstances of a statement.
///
/// Clones share what statements set (`USE`, `SET`, `ALTER SESSION`) and the history: they are one
/// session in several hands. [`Session::fork`] starts another one from here.
#[derive(Clone, Debug)]
pub struct Session {
    /// Who asks.
    pub principal: String,
    /// The role in use at the beginning; ACCOUNTADMIN without one.
    pub role: Option<Identifier>,
    /// Database of unqualified names.
    pub database: Identifier,
    /// Schema of unqualified names.
    pub schema: Identifier,
    /// When the statement, or before the first the session, began: `current_timestamp` and `current_date` give this.
    pub as_of: DateTime<Utc>,
    /// What all statements take for the present; each its own beginning without it.
    pub pinned: Option<DateTime<Utc>>,
    /// Values of `?` and `:name` in the statements that are run.
    pub binds: Binds,
    /// What statements of this session have set, and which they were.
    pub memory: Memory,
}

/// Values of bind parameters.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Binds {
    /// For `?`, in the order of the script, and for `:1`, `:2`.
    pub positional: Vec<Value>,
    /// For `:name`; names are upper case.
    pub named: BTreeMap<String, Value>,
}

impl Session {
    /// A session of the project's owner in `database`.`schema`, now.
    #[must_use]
    pub fn new(database: Identifier, schema: Identifier) -> Self {
        Self {
            principal: OWNER.to_owned(),
            role: None,
            database,
            schema,
            as_of: Utc::now(),
            pinned: None,
            binds: Binds::default(),
            memory: Memory::default(),
        }
    }

    /// This session with a clock that stands still.
    #[must_use]
    pub fn pinned_to(mut self, moment: DateTime<Utc>) -> Self {
        self.as_of = moment;
        self.pinned = Some(moment);
        self
    }

    /// This session with values for its bind parameters.
    #[must_use]
    pub fn with_binds(mut self, binds: Binds) -> Self {
        self.binds = binds;
        self
    }

    /// A session that starts as this one stands, and goes its own way.
    #[must_use]
    pub fn fork(&self) -> Self {
        Self {
            memory: self.memory.fork(),
            ..self.clone()
        }
    }

    /// The role in use, as `CURRENT_ROLE()` says it.
    #[must_use]
    pub fn role(&self) -> Identifier {
        let role = self.active_role();
        role.unwrap_or_else(|| Identifier::quoted(ADMIN))
    }

    /// The role in use, if one was named.
    #[must_use]
    pub fn active_role(&self) -> Option<Identifier> {
        self.memory.role().or_else(|| self.role.clone())
    }

    /// Goes into a schema, as USE does, and CREATE of a schema or database.
    pub fn enter(&self, name: SchemaName) {
        self.memory.set(|settings| {
            settings.database = Some(name.database);
            settings.schema = Some(name.schema);
        });
    }

    /// This session at the beginning of a statement, as USE statements have left it.
    #[must_use]
    pub fn current(&self) -> Self {
        let mut current = self.clone();
        current.as_of = self.pinned.unwrap_or_else(Utc::now);
        let settings = self.memory.settings();
        if let Some(database) = settings.database {
            current.database = database;
        }
        if let Some(schema) = settings.schema {
            current.schema = schema;
        }
        if let Some(role) = settings.role {
            current.role = Some(role);
        }
        current
    }
}
