//! [`Value`]: what a session variable or a bind parameter holds.

use std::fmt;

/// A constant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// NULL.
    Null,
    /// A truth value.
    Boolean(bool),
    /// A number, as it is written.
    Number(String),
    /// A text.
    Text(String),
    /// A value of another type, by its text: `DATE`, `TIMESTAMP_NTZ` and so on.
    Typed {
        /// The type, as SQL writes it.
        kind: String,
        /// The text that is cast to it.
        text: String,
    },
}

impl Value {
    /// The type's name as `SHOW VARIABLES` lists it.
    #[must_use]
    pub fn kind(&self) -> &str {
        match self {
            Self::Null | Self::Text(_) => "text",
            Self::Boolean(_) => "boolean",
            Self::Number(_) => "fixed",
            Self::Typed { kind, .. } => kind,
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("NULL"),
            Self::Boolean(value) => value.fmt(f),
            Self::Number(text) | Self::Text(text) | Self::Typed { text, .. } => f.write_str(text),
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Number(number.to_string())
    }
}
