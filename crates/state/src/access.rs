//! [`Access`]: who owns an object and what is granted on it. It is stored with the object, so that it moves,
//! comes back and goes with it.

use model::Identifier;
use serde::{Deserialize, Serialize};

/// Who owns an object, and what is granted on it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Access {
    /// The role that owns it; ACCOUNTADMIN without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<Identifier>,
    /// What is granted, in the order of granting.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grants: Vec<Grant>,
    /// Of a schema or database: what will be granted on objects that come into it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub future: Vec<FutureGrant>,
}

/// A privilege that somebody has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// The privilege, in upper case.
    pub privilege: String,
    /// Who has it.
    pub grantee: Grantee,
    /// WITH GRANT OPTION.
    #[serde(default)]
    pub grant_option: bool,
    /// The role that granted it.
    pub granted_by: Identifier,
    /// When, RFC 3339 in UTC.
    pub created_on: String,
}

/// Who has a privilege.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grantee {
    /// A role, which need not exist yet.
    Role(Identifier),
    /// A user; only roles are granted to users.
    User(Identifier),
}

/// What is granted on an object of some kind once it is created.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FutureGrant {
    /// The kind of object, as SHOW GRANTS writes it: `TABLE`, `FILE_FORMAT`.
    pub on: String,
    /// What is granted then.
    pub grant: Grant,
}

impl Access {
    /// What is owned by `owner`, and granted to nobody.
    #[must_use]
    pub fn owned(owner: Option<Identifier>) -> Self {
        Self {
            owner,
            ..Self::default()
        }
    }

    /// Whether there is nothing to say.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        *self == Self::default()
    }
}
