//! Names in the warehouse: `DATABASE.SCHEMA.RELATION`, with Snowflake's rules for case.
//!
//! An unquoted identifier is stored in upper case, a quoted one keeps its letters
//! (<https://docs.snowflake.com/en/sql-reference/identifiers-syntax>).

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// One part of a name, in the letters the catalog stores. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct Identifier(Arc<str>);

impl Identifier {
    /// The identifier a user means by `text` without quotes: upper case.
    #[must_use]
    pub fn unquoted(text: &str) -> Self {
        Self(text.to_uppercase().into())
    }

    /// The identifier a user means by `"text"`: as written.
    pub fn quoted(text: impl AsRef<str>) -> Self {
        Self(text.as_ref().into())
    }

    /// The letters the catalog stores.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether SQL needs quotes round it to mean this identifier.
    #[must_use]
    pub fn needs_quotes(&self) -> bool {
        let mut chars = self.0.chars();
        let starts = chars
            .next()
            .is_some_and(|c| c.is_ascii_uppercase() || c == '_');
        !(starts
            && chars.all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_' || c == '$'))
    }

    /// The identifier in double quotes, as SQL text.
    #[must_use]
    pub fn to_quoted_sql(&self) -> String {
        format!("\"{}\"", self.0.replace('"', "\"\""))
    }
}

impl From<String> for Identifier {
    fn from(text: String) -> Self {
        Self::quoted(text)
    }
}

impl From<Identifier> for String {
    fn from(identifier: Identifier) -> Self {
        identifier.as_str().to_owned()
    }
}

impl fmt::Display for Identifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.needs_quotes() {
            f.write_str(&self.to_quoted_sql())
        } else {
            f.write_str(&self.0)
        }
    }
}

/// `DATABASE.SCHEMA`: a namespace for relations (a `Schema` is a set of columns).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SchemaName {
    /// The database.
    pub database: Identifier,
    /// The schema in it.
    pub schema: Identifier,
}

impl SchemaName {
    /// The namespace `database.schema`.
    #[must_use]
    pub fn new(database: Identifier, schema: Identifier) -> Self {
        Self { database, schema }
    }

    /// The relation called `name` in this namespace.
    #[must_use]
    pub fn relation(&self, name: Identifier) -> RelationName {
        RelationName {
            database: self.database.clone(),
            schema: self.schema.clone(),
            name,
        }
    }
}

impl fmt::Display for SchemaName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.database, self.schema)
    }
}

/// `DATABASE.SCHEMA.RELATION`: the full name of a table or view.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RelationName {
    /// The database.
    pub database: Identifier,
    /// The schema in it.
    pub schema: Identifier,
    /// The table or view.
    pub name: Identifier,
}

impl RelationName {
    /// The namespace this relation lives in.
    #[must_use]
    pub fn namespace(&self) -> SchemaName {
        SchemaName::new(self.database.clone(), self.schema.clone())
    }
}

impl fmt::Display for RelationName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.database, self.schema, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::Identifier;

    #[test]
    fn follows_snowflakes_rules_for_case() {
        assert_eq!(Identifier::unquoted("orders").as_str(), "ORDERS");
        assert_eq!(Identifier::quoted("B01001e1").to_string(), "\"B01001e1\"");
        assert_eq!(Identifier::quoted("ORDERS").to_string(), "ORDERS");
        assert_eq!(Identifier::quoted("2019").to_string(), "\"2019\"");
    }
}
