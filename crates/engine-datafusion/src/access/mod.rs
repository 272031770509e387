//! What the session's role may see and use. [`gate`] asks before a statement runs; every lookup of rows asks
//! [`Databases::readable`], every listing [`Databases::relations`] and its kin.
//!
//! <https://docs.snowflake.com/en/user-guide/security-access-control-privileges>: an object in a schema takes a privilege
//! on itself, and any on its schema and its database. What a role may not use reads as if it did not exist.

pub(crate) mod gate;

use std::collections::{BTreeMap, BTreeSet};

use catalog::{
    Access, Grantee, Object, ObjectKind, Objects, Relation, Workspace, account_key, database_key,
    schema_key,
};
use diagnostic::{Error, Result, codes};
use engine::{OWNER, Session};
use governance::{OWNERSHIP, Rights, Roles, SYSTEM_ROLES, admin, of_user, within};
use model::{Identifier, RelationName, RunId, SchemaName};

use crate::Embedded;
use crate::provider::Databases;

/// How it reads that something is not there, or not for the role.
pub(crate) const NOT_AUTHORIZED: &str = "does not exist or not authorized";

/// Something on which privileges are granted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Named {
    Account,
    Database(Identifier),
    Schema(SchemaName),
    Relation(RelationName),
    /// A sequence, file format, stage, function or procedure.
    Object(ObjectKind, RelationName),
    Warehouse(Identifier),
    Role(Identifier),
}

/// The rights of a session's role.
pub(crate) fn rights(workspace: &Workspace, session: &Session) -> Rights {
    Rights::of(session.active_role().as_ref(), || workspace.roles())
}

/// The role that owns what a session creates; ACCOUNTADMIN without one.
pub(crate) fn owner(session: &Session) -> Option<Identifier> {
    session.active_role().filter(|role| *role != admin())
}

/// The access to what a session creates.
pub(crate) fn owned(session: &Session) -> Access {
    Access::owned(owner(session))
}

/// The owner as listings show it.
pub(crate) fn shown_owner(access: &Access) -> String {
    let owner = access.owner.clone().unwrap_or_else(admin);
    owner.as_str().to_owned()
}

/// The error for an object that is not there, or not for the role.
pub(crate) fn not_authorized(named: &Named, needed: &str, role: &Identifier) -> Error {
    let (code, what) = match named {
        Named::Database(name) => (codes::K3004, format!("Database `{name}`")),
        Named::Schema(name) => (codes::K3003, format!("Schema `{name}`")),
        Named::Relation(name) => (codes::K3001, format!("Relation `{name}`")),
        Named::Object(kind, name) => {
            let kind = kind.to_string();
            let (first, rest) = kind.split_at(1);
            (
                codes::K3001,
                format!("{}{rest} `{name}`", first.to_uppercase()),
            )
        }
        Named::Role(name) => (codes::K3001, format!("Role `{name}`")),
        Named::Warehouse(name) => (codes::K3001, format!("Warehouse `{name}`")),
        Named::Account => {
            return Error::new(
                codes::K3016,
                format!("Role `{role}` lacks the global privilege {needed}"),
            )
            .help(format!("`grant {needed} on account to role {role}`"));
        }
    };
    Error::new(code, format!("{what} {NOT_AUTHORIZED}")).help(format!(
        "the session's role `{role}` needs {needed} on it, and a privilege on what it is in"
    ))
}

/// The error for a role that is not there.
pub(crate) fn no_role(name: &Identifier, known: impl Iterator<Item = Identifier>) -> Error {
    let known: Vec<String> = known.map(|name| name.as_str().to_owned()).collect();
    let error = Error::new(codes::K3001, format!("Role `{name}` {NOT_AUTHORIZED}"));
    match diagnostic::nearest(name.as_str(), known.iter().map(String::as_str)) {
        Some(near) => error.help(format!("a similar role exists: `{near}`")),
        None => error.help("`show roles` lists the roles there are"),
    }
}

impl Embedded {
    /// What the session's role sees and may use.
    pub(crate) fn rights(&self, session: &Session) -> Rights {
        rights(self.workspace(), session)
    }
}

impl Databases {
    /// Who owns `named` and what is granted on it; `None` if it does not exist.
    pub(crate) fn access(&self, named: &Named) -> Option<Access> {
        let workspace = &self.workspace;
        let declared = |kind, key: &RelationName| Some(workspace.object_access(kind, key));
        match named {
            Named::Account => declared(ObjectKind::Account, &account_key("")),
            Named::Warehouse(name) => declared(ObjectKind::Warehouse, &account_key(name.as_str())),
            Named::Role(name) => declared(ObjectKind::Role, &account_key(name.as_str())),
            Named::Database(name) => declared(ObjectKind::Database, &database_key(name)),
            Named::Schema(name) => declared(ObjectKind::Schema, &schema_key(name)),
            Named::Relation(name) => workspace.relation(name).map(|found| found.access),
            Named::Object(kind, name) => workspace.object(*kind, name).map(|found| found.access),
        }
    }

    /// Whether the role has what satisfies `enough` on `named`, and something on what it is in.
    fn allows(&self, named: &Named, enough: impl Fn(&Access) -> bool) -> bool {
        let reached = match named {
            Named::Account | Named::Warehouse(_) | Named::Role(_) | Named::Database(_) => true,
            Named::Schema(name) => self.sees(&Named::Database(name.database.clone())),
            Named::Relation(name) | Named::Object(_, name) => self.reaches(&name.namespace()),
        };
        reached && self.access(named).is_some_and(|access| enough(&access))
    }

    fn reaches(&self, schema: &SchemaName) -> bool {
        !self.rights.is_limited() || self.sees(&Named::Schema(schema.clone()))
    }

    /// Whether the role has any privilege on `named`, so that listings show it.
    pub(crate) fn sees(&self, named: &Named) -> bool {
        !self.rights.is_limited() || self.allows(named, |access| self.rights.has_any(access))
    }

    /// Whether the role may do with `named` what `privilege` is for.
    pub(crate) fn may(&self, named: &Named, privilege: &str) -> bool {
        if !self.rights.is_limited() {
            return true;
        }
        self.allows(named, |access| match named {
            Named::Account => self.rights.has_global(access, privilege),
            _ => self.rights.has(access, privilege),
        })
    }

    /// Refuses what the role may not do with `named`.
    pub(crate) fn require(&self, named: &Named, privilege: &str) -> Result<()> {
        match self.may(named, privilege) {
            true => Ok(()),
            false => Err(not_authorized(named, privilege, &self.rights.role())),
        }
    }

    /// Refuses what only the owner may do.
    pub(crate) fn require_ownership(&self, named: &Named) -> Result<()> {
        self.require(named, OWNERSHIP)
    }

    /// The relation whose rows are about to be read: every lookup for a query comes through here.
    pub(crate) fn readable(&self, name: &RelationName) -> Result<Option<Relation>> {
        if self.rights.is_limited() {
            self.require(&Named::Relation(name.clone()), "SELECT")?;
        }
        Ok(self.workspace.relation(name))
    }

    /// The relation `name`, if the role sees it.
    pub(crate) fn relation(&self, name: &RelationName) -> Option<Relation> {
        let found = self.workspace.relation(name)?;
        self.sees(&Named::Relation(name.clone())).then_some(found)
    }

    /// The relations the role sees.
    pub(crate) fn relations(&self) -> BTreeMap<RelationName, Relation> {
        self.seen_of(self.workspace.relations())
    }

    /// The relations of a schema that the role sees.
    pub(crate) fn relations_of(&self, schema: &SchemaName) -> BTreeMap<RelationName, Relation> {
        self.seen_of(self.workspace.relations_of(schema))
    }

    fn seen_of(
        &self,
        mut relations: BTreeMap<RelationName, Relation>,
    ) -> BTreeMap<RelationName, Relation> {
        if self.rights.is_limited() {
            let reached = self.namespaces();
            relations.retain(|name, found| {
                reached.contains(&name.namespace()) && self.rights.has_any(&found.access)
            });
        }
        relations
    }

    /// The object of `kind` called `name`, if the role sees it.
    pub(crate) fn object(&self, kind: ObjectKind, name: &RelationName) -> Option<Object> {
        let found = self.workspace.object(kind, name)?;
        self.sees(&Named::Object(kind, name.clone()))
            .then_some(found)
    }

    /// What schemas hold beside relations, as far as the role sees it.
    pub(crate) fn objects(&self) -> Objects {
        let mut objects = self.workspace.objects();
        if self.rights.is_limited() {
            let reached = self.namespaces();
            objects.retain(|(_, name), found| {
                reached.contains(&name.namespace()) && self.rights.has_any(&found.access)
            });
        }
        objects
    }

    /// The schemas the role sees.
    pub(crate) fn namespaces(&self) -> BTreeSet<SchemaName> {
        let mut schemas = self.workspace.namespaces();
        if self.rights.is_limited() {
            schemas.retain(|name| self.sees(&Named::Schema(name.clone())));
        }
        schemas
    }

    /// Whether the text of a view or function is shown: a SECURE one's to its owner alone.
    pub(crate) fn shows_text(&self, secure: bool, access: &Access) -> bool {
        !secure || self.rights.owns(access)
    }

    /// The databases the role sees.
    pub(crate) fn database_names(&self) -> BTreeSet<Identifier> {
        let schemas = self.workspace.namespaces().into_iter();
        let names: BTreeSet<Identifier> = schemas.map(|name| name.database).collect();
        names
            .into_iter()
            .filter(|name| self.sees(&Named::Database(name.clone())))
            .collect()
    }
}

/// `relation` as the session's role makes it: its own. With COPY GRANTS, others have on it what they have on the one it
/// replaces, or on the `source` it is made after, and its schema's future grants do not count
/// (<https://docs.snowflake.com/en/sql-reference/sql/create-table>).
pub(crate) fn created(
    engine: &Embedded,
    session: &Session,
    name: &RelationName,
    relation: Relation,
    copy_grants: bool,
    source: Option<&Access>,
) -> Relation {
    let access = owned(session);
    let replaced = engine.workspace().relation(name).map(|found| found.access);
    let kept = replaced.or_else(|| source.cloned());
    match kept.filter(|_| copy_grants) {
        // What has an identity already is not new to its schema.
        Some(kept) => Relation {
            id: RunId::fresh().to_string(),
            access: Access {
                grants: kept.grants,
                ..access
            },
            ..relation
        },
        None => Relation { access, ..relation },
    }
}

/// The roles that the session's user may use, with what is granted on them: all of them for the project's owner.
pub(crate) fn available_roles(workspace: &Workspace, session: &Session) -> Roles {
    let declared = workspace.roles();
    let user = Identifier::unquoted(&session.principal);
    let system = SYSTEM_ROLES.map(Identifier::quoted);
    let names: BTreeSet<Identifier> = match is_project_owner(session) {
        true => system.into_iter().chain(declared.keys().cloned()).collect(),
        false => of_user(&user, &declared),
    };
    let access = |name: &Identifier| declared.get(name).cloned().unwrap_or_default();
    names
        .into_iter()
        .map(|name| (name.clone(), access(&name)))
        .collect()
}

/// The role in use and those it has, and the roles that the user may use.
pub(crate) fn role_names(workspace: &Workspace, session: &Session) -> (Vec<String>, Vec<String>) {
    let text = |role: Identifier| role.as_str().to_owned();
    let own = within(&session.role(), &workspace.roles()).into_iter();
    let available = available_roles(workspace, session).into_keys();
    (own.map(text).collect(), available.map(text).collect())
}

/// Whether the session is that of the project's owner, to whom ACCOUNTADMIN is granted and so every role.
fn is_project_owner(session: &Session) -> bool {
    session.principal == OWNER
}

/// A privilege that somebody holds, the owner's among them, as listings show it.
pub(crate) struct Held {
    pub(crate) privilege: String,
    pub(crate) grantee: Grantee,
    pub(crate) grant_option: bool,
    pub(crate) granted_by: Identifier,
    pub(crate) created_on: String,
}

/// Who holds what on an object that was created at that time: its owner first.
pub(crate) fn held(access: &Access, created_at: &str) -> Vec<Held> {
    let owner = access.owner.clone().unwrap_or_else(admin);
    let ownership = Held {
        privilege: OWNERSHIP.to_owned(),
        grantee: Grantee::Role(owner.clone()),
        grant_option: true,
        granted_by: owner,
        created_on: created_at.to_owned(),
    };
    let grants = access.grants.iter().cloned().map(|grant| Held {
        privilege: grant.privilege,
        grantee: grant.grantee,
        grant_option: grant.grant_option,
        granted_by: grant.granted_by,
        created_on: grant.created_on,
    });
    [ownership].into_iter().chain(grants).collect()
}
