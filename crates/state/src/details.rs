//! What a table's or view's DDL declared beyond names and types: defaults, lengths, keys, clustering.

use serde::{Deserialize, Serialize};

/// What was declared about a relation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Details {
    /// Columns about which more is known than the table's schema says, in the table's order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<ColumnDetails>,
    /// Keys, recorded and not enforced.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub constraints: Vec<Constraint>,
    /// The expressions of CLUSTER BY, as SQL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster_by: Option<String>,
    /// Whether it is TRANSIENT.
    #[serde(default)]
    pub transient: bool,
    /// Whether its log belongs to another table: a clone, until somebody writes to it.
    #[serde(default)]
    pub borrowed: bool,
    /// Whether it is TEMPORARY: it ends with its session.
    #[serde(default)]
    pub temporary: bool,
    /// DATA_RETENTION_TIME_IN_DAYS, if declared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention_days: Option<u32>,
    /// SEARCH OPTIMIZATION, recorded: queries do not use it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub search: Vec<SearchMethod>,
}

/// What SEARCH OPTIMIZATION was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SearchMethod {
    /// Its number in the table, which no other gets again while this one is there.
    pub id: u32,
    /// `EQUALITY`, `SUBSTRING`, `GEO` or `FULL_TEXT`.
    pub method: String,
    /// The column, or the path in it.
    pub target: String,
}

impl Details {
    /// What is known about column `name`.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&ColumnDetails> {
        self.columns.iter().find(|column| column.name == name)
    }
}

/// What was declared about a column.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnDetails {
    /// Its name.
    pub name: String,
    /// Its type as declared, in Snowflake's canonical words; empty if it follows from the schema.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// Characters a VARCHAR or bytes a BINARY may have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub length: Option<u64>,
    /// Whether NULL is refused.
    #[serde(default)]
    pub not_null: bool,
    /// The DEFAULT expression, as SQL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    /// AUTOINCREMENT or IDENTITY.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<IdentityColumn>,
    /// A sentence for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}

/// A column that numbers its rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdentityColumn {
    /// The counter its values come from.
    pub sequence: String,
    /// First value.
    pub start: i64,
    /// Distance between values.
    pub step: i64,
    /// Whether values were declared to rise with time.
    #[serde(default)]
    pub ordered: bool,
}

/// A key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Constraint {
    /// Its name, given or made up.
    pub name: String,
    /// What it says.
    pub kind: ConstraintKind,
    /// The columns, in order.
    pub columns: Vec<String>,
    /// Whether queries may rely on it, as it was declared.
    #[serde(default)]
    pub rely: bool,
    /// A sentence for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}

/// The kinds of keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConstraintKind {
    /// PRIMARY KEY.
    PrimaryKey,
    /// UNIQUE.
    Unique,
    /// FOREIGN KEY to a table's columns.
    ForeignKey {
        /// The other table, as `DATABASE.SCHEMA.TABLE`.
        table: String,
        /// Its columns.
        columns: Vec<String>,
    },
}
