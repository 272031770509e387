//! GRANT and REVOKE of privileges, and GRANT OWNERSHIP:
//! <https://docs.snowflake.com/en/sql-reference/sql/grant-privilege>,
//! <https://docs.snowflake.com/en/sql-reference/sql/revoke-privilege>,
//! <https://docs.snowflake.com/en/sql-reference/sql/grant-ownership>.

use catalog::{
    Access, FutureGrant, Grant, Grantee, Object, ObjectBody, ObjectKind, RelationKind, account_key,
    database_key, schema_key, securable, securable_object,
};
use diagnostic::{Error, Result, codes};
use engine::{Outcome, Session};
use governance::{OWNERSHIP, Securable, admin, grant, is_configured, is_system, passed_on, revoke};
use model::{Identifier, RelationName, SchemaName};
use sql::command::{Container, GrantOn, Privileges};
use sqlparser::ast::Ident;

use super::containers::undeclared;
use super::{database_name, function, is_implicit};
use crate::Embedded;
use crate::access::{Named, no_role, not_authorized};
use crate::names::{identifier, namespace, relation};
use crate::provider::Databases;
use crate::statement::unsupported;

/// GRANT or REVOKE.
pub(super) fn privileges(
    engine: &Embedded,
    session: &Session,
    asked: &Privileges,
) -> Result<Outcome> {
    let role = identifier(&asked.grantee);
    let missing = !known_role(engine, &role)?;
    let databases = engine.databases(session);
    if let GrantOn::Every {
        future: true,
        kind,
        within,
    } = &asked.on
    {
        let kind = Securable::parse(kind)?;
        let chosen = kind.chosen(&asked.privileges)?;
        future(engine, session, kind, within, |future, on| {
            for privilege in &chosen {
                let same = |known: &FutureGrant| {
                    known.on == on
                        && known.grant.privilege == *privilege
                        && known.grant.grantee == Grantee::Role(role.clone())
                };
                if asked.revoke {
                    future.retain(|known| !same(known));
                } else if !future.iter().any(same) {
                    future.push(FutureGrant {
                        on: on.to_owned(),
                        grant: new_grant(session, privilege, &role, asked.option),
                    });
                }
            }
        })?;
        return Ok(done(asked.revoke, &role, missing));
    }
    for (named, kind) in targets(&databases, session, &asked.on)? {
        let access = databases.access(&named).unwrap_or_default();
        for privilege in kind.chosen(&asked.privileges)? {
            let manages = databases.may(&Named::Account, "MANAGE GRANTS");
            if !manages && !databases.rights.may_grant(&access, privilege) {
                let needed = format!("ownership, or {privilege} WITH GRANT OPTION,");
                return Err(not_authorized(&named, &needed, &databases.rights.role()));
            }
            let grantee = Grantee::Role(role.clone());
            if asked.restrict && !passed_on(&access, privilege, &role).is_empty() {
                return Err(Error::new(
                    codes::E1002,
                    format!("Role `{role}` has passed {privilege} on to others"),
                )
                .help("revoke it from them first, or leave RESTRICT out"));
            }
            change_access(engine, session, &named, |access| {
                if asked.revoke {
                    let _ = revoke(access, privilege, &grantee, asked.option);
                } else {
                    grant(access, new_grant(session, privilege, &role, asked.option));
                }
            })?;
        }
    }
    Ok(done(asked.revoke, &role, missing))
}

/// GRANT OWNERSHIP.
pub(super) fn ownership(
    engine: &Embedded,
    session: &Session,
    on: &GrantOn,
    to: &Ident,
    keep: Option<bool>,
) -> Result<Outcome> {
    let role = identifier(to);
    let missing = !known_role(engine, &role)?;
    let databases = engine.databases(session);
    if let GrantOn::Every {
        future: true,
        kind,
        within,
    } = on
    {
        let kind = Securable::parse(kind)?;
        future(engine, session, kind, within, |future, on| {
            future.retain(|known| known.on != on || known.grant.privilege != OWNERSHIP);
            future.push(FutureGrant {
                on: on.to_owned(),
                grant: new_grant(session, OWNERSHIP, &role, false),
            });
        })?;
        return Ok(done(false, &role, missing));
    }
    for (named, _) in targets(&databases, session, on)? {
        if matches!(named, Named::Account | Named::Warehouse(_)) {
            return Err(unsupported(&"The ownership of a warehouse or the account"));
        }
        if !databases.may(&Named::Account, "MANAGE GRANTS") {
            databases.require_ownership(&named)?;
        }
        let granted = databases
            .access(&named)
            .is_some_and(|a| !a.grants.is_empty());
        let what = keep.filter(|_| granted);
        if granted && what.is_none() && !matches!(named, Named::Role(_)) {
            return Err(Error::new(
                codes::E1002,
                format!("Privileges on `{}` are granted to roles", shown(&named)),
            )
            .help("say COPY CURRENT GRANTS to keep them, or REVOKE CURRENT GRANTS"));
        }
        change_access(engine, session, &named, |access| {
            access.owner = Some(role.clone()).filter(|role| *role != admin());
            if what == Some(false) {
                access.grants.clear();
            }
        })?;
    }
    Ok(done(false, &role, missing))
}

/// Whether the role exists. As long as there are no roles, one that does not is taken as it is.
///
/// # Errors
/// `K3001` if it does not, but others do.
pub(super) fn known_role(engine: &Embedded, role: &Identifier) -> Result<bool> {
    let roles = engine.workspace().roles();
    match is_system(role) || roles.contains_key(role) {
        true => Ok(true),
        false if is_configured(&roles) => Err(no_role(role, roles.into_keys())),
        false => Ok(false),
    }
}

pub(super) fn new_grant(
    session: &Session,
    privilege: &str,
    role: &Identifier,
    grant_option: bool,
) -> Grant {
    Grant {
        privilege: privilege.to_owned(),
        grantee: Grantee::Role(role.clone()),
        grant_option,
        granted_by: session.role(),
        created_on: session.as_of.to_rfc3339(),
    }
}

fn done(revoke: bool, role: &Identifier, missing: bool) -> Outcome {
    let verb = if revoke { "Revoked from" } else { "Granted to" };
    Outcome::Done(match missing {
        true => format!("{verb} {role}, a role that does not exist yet."),
        false => "Statement executed successfully.".to_owned(),
    })
}

/// Changes what the schema or database `within` grants on objects that come.
fn future(
    engine: &Embedded,
    session: &Session,
    kind: Securable,
    within: &Container,
    change: impl FnOnce(&mut Vec<FutureGrant>, &str),
) -> Result<()> {
    let databases = engine.databases(session);
    let container = container(&databases, session, within)?;
    let inside = !matches!(
        kind,
        Securable::Account | Securable::Warehouse | Securable::Role | Securable::Database
    );
    let schemas = kind == Securable::Schema && matches!(container, Named::Schema(_));
    if !inside || schemas {
        let kind = kind.words().to_lowercase();
        return Err(Error::new(codes::E1002, format!("No {kind} is in it")));
    }
    if !databases.may(&Named::Account, "MANAGE GRANTS") {
        databases.require_ownership(&container)?;
    }
    change_access(engine, session, &container, |access| {
        change(&mut access.future, &kind.shown());
    })
}

/// What `on` names, each with its kind.
pub(super) fn targets(
    databases: &Databases,
    session: &Session,
    on: &GrantOn,
) -> Result<Vec<(Named, Securable)>> {
    match on {
        GrantOn::Account => Ok(vec![(Named::Account, Securable::Account)]),
        GrantOn::Every { kind, within, .. } => every(databases, session, kind, within),
        GrantOn::Object {
            kind,
            name,
            arguments,
        } => {
            let kind = kind.map(Securable::parse).transpose()?;
            let one = |name: &sqlparser::ast::ObjectName| database_name(name);
            let called = || relation(session, name);
            let named = match kind.unwrap_or(Securable::Table) {
                Securable::Account => Named::Account,
                Securable::Warehouse => Named::Warehouse(one(name)?),
                Securable::Role => {
                    let role = one(name)?;
                    let roles = databases.workspace.roles();
                    if !roles.contains_key(&role) && !is_system(&role) {
                        return Err(no_role(&role, roles.into_keys()));
                    }
                    Named::Role(role)
                }
                Securable::Database => database(databases, session, one(name)?)?,
                Securable::Schema => schema(databases, session, namespace(session, name)?)?,
                Securable::Table | Securable::ExternalTable | Securable::View => {
                    let name = called()?;
                    return one_relation(databases, name, kind).map(|found| vec![found]);
                }
                Securable::Sequence => Named::Object(ObjectKind::Sequence, called()?),
                Securable::Stage => Named::Object(ObjectKind::Stage, called()?),
                Securable::FileFormat => Named::Object(ObjectKind::FileFormat, called()?),
                Securable::Function => Named::Object(
                    ObjectKind::Function,
                    function::with_types(&called()?, with_brackets(arguments)?),
                ),
                Securable::Procedure => Named::Object(
                    ObjectKind::Procedure,
                    function::with_types(&called()?, with_brackets(arguments)?),
                ),
            };
            let found = databases.access(&named).is_some();
            let manages = databases.may(&Named::Account, "MANAGE GRANTS");
            if !found || !(manages || databases.sees(&named)) {
                return Err(not_authorized(
                    &named,
                    "ownership",
                    &databases.rights.role(),
                ));
            }
            Ok(vec![(named, kind.unwrap_or(Securable::Table))])
        }
    }
}

fn with_brackets(
    arguments: &Option<Vec<sqlparser::ast::DataType>>,
) -> Result<&[sqlparser::ast::DataType]> {
    arguments.as_deref().ok_or_else(|| {
        Error::new(
            codes::E1002,
            "A function is named with the types of its arguments",
        )
        .help("write `on function f(number)`, or `on function f()`")
    })
}

fn one_relation(
    databases: &Databases,
    name: RelationName,
    kind: Option<Securable>,
) -> Result<(Named, Securable)> {
    let manages = databases.may(&Named::Account, "MANAGE GRANTS");
    let found = match manages {
        true => databases.workspace.relation(&name),
        false => databases.relation(&name),
    };
    let found = found.map(|found| securable(&found.kind));
    // TABLE, which may be left out, stands for views too: dbt grants on both that way.
    let fits =
        |found: &Securable| kind.is_none_or(|kind| kind == Securable::Table || kind == *found);
    match found.filter(fits) {
        Some(kind) => Ok((Named::Relation(name), kind)),
        None => Err(nobodys(databases, &Named::Relation(name))),
    }
}

/// Says of what is not there what is said of what is another role's.
fn nobodys(databases: &Databases, named: &Named) -> Error {
    not_authorized(named, "ownership", &databases.rights.role())
}

/// A database that is there, or that of the session.
fn database(databases: &Databases, session: &Session, name: Identifier) -> Result<Named> {
    let schemas = databases.workspace.namespaces();
    match name == session.database || schemas.iter().any(|schema| schema.database == name) {
        true => Ok(Named::Database(name)),
        false => Err(nobodys(databases, &Named::Database(name))),
    }
}

/// A schema that is there, or PUBLIC of a database that is.
fn schema(databases: &Databases, session: &Session, name: SchemaName) -> Result<Named> {
    let schemas = databases.workspace.namespaces();
    let implicit = is_implicit(session, &schemas, &name);
    if implicit {
        databases.workspace.create_namespace(name.clone());
    }
    match implicit || schemas.contains(&name) {
        true => Ok(Named::Schema(name)),
        false => Err(nobodys(databases, &Named::Schema(name))),
    }
}

pub(super) fn container(
    databases: &Databases,
    session: &Session,
    within: &Container,
) -> Result<Named> {
    match within {
        Container::Database(name) => database(databases, session, database_name(name)?),
        Container::Schema(name) => schema(databases, session, namespace(session, name)?),
    }
}

/// The objects of a kind that are in a schema or database now.
fn every(
    databases: &Databases,
    session: &Session,
    kind: &str,
    within: &Container,
) -> Result<Vec<(Named, Securable)>> {
    let kind = Securable::parse(kind)?;
    let container = container(databases, session, within)?;
    let holds = |name: &SchemaName| match &container {
        Named::Schema(schema) => name == schema,
        Named::Database(database) => name.database == *database,
        _ => false,
    };
    let workspace = &databases.workspace;
    let found: Vec<Named> = match kind {
        Securable::Table | Securable::View | Securable::ExternalTable => workspace
            .relations()
            .into_iter()
            .filter(|(name, found)| holds(&name.namespace()) && securable(&found.kind) == kind)
            .map(|(name, _)| Named::Relation(name))
            .collect(),
        Securable::Schema if matches!(container, Named::Database(_)) => workspace
            .namespaces()
            .into_iter()
            .filter(holds)
            .map(Named::Schema)
            .collect(),
        Securable::Sequence
        | Securable::Stage
        | Securable::FileFormat
        | Securable::Function
        | Securable::Procedure => workspace
            .objects()
            .into_keys()
            .filter(|(of, name)| holds(&name.namespace()) && securable_object(*of) == kind)
            .map(|(of, name)| Named::Object(of, name))
            .collect(),
        other => {
            let kind = other.words().to_lowercase();
            return Err(Error::new(codes::E1002, format!("No {kind} is in it")));
        }
    };
    Ok(found.into_iter().map(|named| (named, kind)).collect())
}

/// Changes who owns `named`, or what is granted on it.
pub(crate) fn change_access(
    engine: &Embedded,
    session: &Session,
    named: &Named,
    change: impl FnOnce(&mut Access),
) -> Result<()> {
    let workspace = engine.workspace();
    if let Named::Relation(name) = named {
        let Some(mut found) = workspace.relation(name) else {
            return Err(Error::new(
                codes::K3001,
                format!("Relation `{name}` does not exist"),
            ));
        };
        let before = found.access.clone();
        change(&mut found.access);
        return match found.access == before {
            true => Ok(()),
            false => workspace.stage_relation(name, found),
        };
    }
    let (kind, key) = key(named);
    let mut object = workspace.object(kind, &key).unwrap_or_else(|| {
        let nothing = Object {
            access: Access::default(),
            ..undeclared(session)
        };
        match kind {
            ObjectKind::Database | ObjectKind::Schema => nothing,
            _ => Object {
                body: ObjectBody::Named,
                ..nothing
            },
        }
    });
    let before = object.access.clone();
    change(&mut object.access);
    if object.access != before {
        workspace.change_object(kind, &key, Some(object));
    }
    Ok(())
}

/// Under which kind and name what is declared about an object is kept.
pub(super) fn key(named: &Named) -> (ObjectKind, RelationName) {
    match named {
        Named::Account => (ObjectKind::Account, account_key("")),
        Named::Warehouse(name) => (ObjectKind::Warehouse, account_key(name.as_str())),
        Named::Role(name) => (ObjectKind::Role, account_key(name.as_str())),
        Named::Database(name) => (ObjectKind::Database, database_key(name)),
        Named::Schema(name) => (ObjectKind::Schema, schema_key(name)),
        Named::Object(kind, name) => (*kind, name.clone()),
        // Relations keep what is granted on them themselves.
        Named::Relation(name) => (ObjectKind::Schema, schema_key(&name.namespace())),
    }
}

/// The name as SHOW GRANTS writes it.
pub(super) fn shown(named: &Named) -> String {
    match named {
        Named::Account => "LOCAL".to_owned(),
        Named::Warehouse(name) | Named::Role(name) | Named::Database(name) => name.to_string(),
        Named::Schema(name) => name.to_string(),
        Named::Relation(name) | Named::Object(_, name) => name.to_string(),
    }
}

/// The kind of `named`, which is there.
pub(super) fn kind_of_named(databases: &Databases, named: &Named) -> Securable {
    match named {
        Named::Account => Securable::Account,
        Named::Warehouse(_) => Securable::Warehouse,
        Named::Role(_) => Securable::Role,
        Named::Database(_) => Securable::Database,
        Named::Schema(_) => Securable::Schema,
        Named::Object(kind, _) => securable_object(*kind),
        Named::Relation(name) => {
            let found = databases.workspace.relation(name).map(|found| found.kind);
            let table = found.unwrap_or(RelationKind::External {
                location: String::new(),
            });
            securable(&table)
        }
    }
}
