//! [`Session`]: who runs statements, where names resolve, and what time it is.

use chrono::{DateTime, Utc};
use model::Identifier;

/// The circumstances of a statement.
#[derive(Clone, Debug)]
pub struct Session {
    /// Who asks.
    pub principal: String,
    /// The role in use, if roles are configured.
    pub role: Option<Identifier>,
    /// Database of unqualified names.
    pub database: Identifier,
    /// Schema of unqualified names.
    pub schema: Identifier,
    /// The clock: `current_timestamp` and `current_date` give this.
    pub as_of: DateTime<Utc>,
}

impl Session {
    /// A session of the project's owner in `database`.`schema`, now.
    #[must_use]
    pub fn new(database: Identifier, schema: Identifier) -> Self {
        Self {
            principal: "owner".to_owned(),
            role: None,
            database,
            schema,
            as_of: Utc::now(),
        }
    }
}
