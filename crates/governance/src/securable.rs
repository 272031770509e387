//! [`Securable`]: the kinds of objects on which something is granted, and the privileges each has.
//!
//! <https://docs.snowflake.com/en/user-guide/security-access-control-privileges>

use diagnostic::{Error, Result, codes};

/// The privilege of an object's owner. It is transferred, not granted.
pub const OWNERSHIP: &str = "OWNERSHIP";

/// A kind of object on which something is granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Securable {
    /// The account.
    Account,
    /// A warehouse.
    Warehouse,
    /// A role.
    Role,
    /// A database.
    Database,
    /// A schema.
    Schema,
    /// A table.
    Table,
    /// An external table.
    ExternalTable,
    /// A view.
    View,
    /// A sequence.
    Sequence,
    /// A stage.
    Stage,
    /// A file format.
    FileFormat,
    /// A function.
    Function,
    /// A procedure.
    Procedure,
}

/// What is granted on a schema beside the creation of what the warehouse has.
const SCHEMA: &[&str] = &[
    "USAGE",
    "MODIFY",
    "MONITOR",
    "CREATE TABLE",
    "CREATE VIEW",
    "CREATE EXTERNAL TABLE",
    "CREATE SEQUENCE",
    "CREATE STAGE",
    "CREATE FILE FORMAT",
    "CREATE FUNCTION",
    "CREATE PROCEDURE",
    "CREATE DYNAMIC TABLE",
    "CREATE MATERIALIZED VIEW",
    "CREATE TEMPORARY TABLE",
    "CREATE STREAM",
    "CREATE TASK",
    "CREATE PIPE",
    "CREATE TAG",
    "CREATE MASKING POLICY",
    "CREATE ROW ACCESS POLICY",
];

impl Securable {
    const ALL: [Self; 13] = [
        Self::Account,
        Self::Warehouse,
        Self::Role,
        Self::Database,
        Self::Schema,
        Self::Table,
        Self::ExternalTable,
        Self::View,
        Self::Sequence,
        Self::Stage,
        Self::FileFormat,
        Self::Function,
        Self::Procedure,
    ];

    /// Its words in statements.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Account => "ACCOUNT",
            Self::Warehouse => "WAREHOUSE",
            Self::Role => "ROLE",
            Self::Database => "DATABASE",
            Self::Schema => "SCHEMA",
            Self::Table => "TABLE",
            Self::ExternalTable => "EXTERNAL TABLE",
            Self::View => "VIEW",
            Self::Sequence => "SEQUENCE",
            Self::Stage => "STAGE",
            Self::FileFormat => "FILE FORMAT",
            Self::Function => "FUNCTION",
            Self::Procedure => "PROCEDURE",
        }
    }

    /// The kind that these words of a statement name.
    ///
    /// # Errors
    /// `E2001` if nothing is granted on such objects here.
    pub fn parse(words: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|kind| kind.words() == words);
        found.ok_or_else(|| {
            Error::new(
                codes::E2001,
                format!("Grants on a {} are not supported", words.to_lowercase()),
            )
        })
    }

    /// The kind as SHOW GRANTS writes it: `FILE_FORMAT`.
    #[must_use]
    pub fn shown(self) -> String {
        self.words().replace(' ', "_")
    }

    /// The privileges that are granted on it, without OWNERSHIP.
    #[must_use]
    pub fn privileges(self) -> &'static [&'static str] {
        match self {
            Self::Account => &["CREATE DATABASE", "CREATE ROLE", "MANAGE GRANTS"],
            Self::Warehouse => &["USAGE", "OPERATE", "MODIFY", "MONITOR"],
            Self::Role => &[],
            Self::Database => &["USAGE", "MODIFY", "MONITOR", "CREATE SCHEMA"],
            Self::Schema => SCHEMA,
            Self::Table => &[
                "SELECT",
                "INSERT",
                "UPDATE",
                "DELETE",
                "TRUNCATE",
                "REFERENCES",
            ],
            Self::ExternalTable | Self::View => &["SELECT", "REFERENCES"],
            Self::Stage => &["USAGE", "READ", "WRITE"],
            Self::Sequence | Self::FileFormat | Self::Function | Self::Procedure => &["USAGE"],
        }
    }

    /// The privileges that `named` means: all that there are without any.
    ///
    /// # Errors
    /// `E1002` if there is no such privilege.
    pub fn chosen(self, named: &[String]) -> Result<Vec<&'static str>> {
        let all = self.privileges();
        if named.is_empty() {
            return Ok(all.to_vec());
        }
        let known = |name: &String| {
            let found = all.iter().find(|privilege| *privilege == name).copied();
            found.ok_or_else(|| {
                let kind = self.words().to_lowercase();
                let error = Error::new(
                    codes::E1002,
                    format!("There is no privilege `{name}` on a {kind}"),
                );
                match (all.is_empty(), name.as_str()) {
                    (_, OWNERSHIP) => {
                        error.help("ownership is transferred: `grant ownership on … to role …`")
                    }
                    (true, _) => error.help(format!("a {kind} has no privileges to grant")),
                    (false, _) => error.help(format!("a {kind} has: {}", all.join(", "))),
                }
            })
        };
        named.iter().map(known).collect()
    }
}
