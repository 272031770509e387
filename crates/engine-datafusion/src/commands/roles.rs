//! CREATE, ALTER and DROP ROLE; GRANT and REVOKE of roles:
//! <https://docs.snowflake.com/en/sql-reference/sql/create-role>,
//! <https://docs.snowflake.com/en/sql-reference/sql/grant-role>.

use catalog::{Access, Grantee, Object, ObjectBody, ObjectKind, Workspace, account_key};
use diagnostic::{Error, Result, codes};
use engine::{Outcome, Session};
use governance::{MARK, drop_role, grant, is_system, rename_role, revoke, within};
use model::Identifier;
use sql::command::{CommandOption, GranteeName, RoleChange, RoleCommand};

use super::grants::{change_access, known_role, new_grant};
use super::{grants, show_grants, unknown};
use crate::Embedded;
use crate::access::{Named, no_role, owned, owner};
use crate::names::identifier;
use crate::stages::single;
use crate::statement::create::either;
use crate::statement::{done, unsupported};

pub(super) fn run(engine: &Embedded, session: &Session, command: RoleCommand) -> Result<Outcome> {
    match command {
        RoleCommand::Create {
            name,
            or_replace,
            if_not_exists,
            options,
        } => {
            let name = identifier(&name);
            create(
                engine,
                session,
                &name,
                (or_replace, if_not_exists),
                &options,
            )
        }
        RoleCommand::Alter {
            name,
            if_exists,
            change,
        } => alter(engine, session, &identifier(&name), if_exists, change),
        RoleCommand::Drop { name, if_exists } => {
            drop(engine, session, &identifier(&name), if_exists)
        }
        RoleCommand::Privileges(asked) => grants::privileges(engine, session, &asked),
        RoleCommand::Role {
            revoke,
            role,
            grantee,
        } => grant_role(engine, session, revoke, &identifier(&role), &grantee),
        RoleCommand::Ownership { on, to, keep } => {
            grants::ownership(engine, session, &on, &to, keep)
        }
        RoleCommand::Show(show) => show_grants::run(engine, session, &show),
    }
}

fn create(
    engine: &Embedded,
    session: &Session,
    name: &Identifier,
    (or_replace, if_not_exists): (bool, bool),
    options: &[CommandOption],
) -> Result<Outcome> {
    either(or_replace, if_not_exists)?;
    let databases = engine.databases(session);
    databases.require(&Named::Account, "CREATE ROLE")?;
    let mut comment = None;
    for option in options {
        match option.name.as_str() {
            "COMMENT" => comment = Some(single(option)?),
            _ => return Err(unknown(option)),
        }
    }
    let workspace = engine.workspace();
    let key = account_key(name.as_str());
    let exists = workspace.roles().contains_key(name);
    if is_system(name) || exists {
        if if_not_exists {
            return Ok(done(name, "already exists, statement succeeded"));
        }
        if is_system(name) || !or_replace {
            return Err(
                Error::new(codes::K3002, format!("Role `{name}` exists already"))
                    .help("write `create role if not exists`"),
            );
        }
        databases.require_ownership(&Named::Role(name.clone()))?;
        forget(workspace, session, name)?;
    }
    let new = |access: Access, comment: Option<String>| Object {
        body: ObjectBody::Named,
        comment,
        created_at: session.as_of.to_rfc3339(),
        access,
    };
    workspace.change_object(ObjectKind::Role, &key, Some(new(owned(session), comment)));
    // From now on roles mean something, also when none is left.
    let mark = account_key(MARK);
    if workspace.object(ObjectKind::Role, &mark).is_none() {
        workspace.change_object(ObjectKind::Role, &mark, Some(new(Access::default(), None)));
    }
    Ok(done(name, "successfully created"))
}

/// The role, if it was created; an outcome if it may be missing.
fn existing(engine: &Embedded, name: &Identifier, if_exists: bool) -> Result<Option<Object>> {
    let workspace = engine.workspace();
    if is_system(name) {
        return Err(unsupported(&format!("To change the system role {name}")));
    }
    let found = workspace.object(ObjectKind::Role, &account_key(name.as_str()));
    match (found, if_exists) {
        (None, false) => Err(no_role(name, workspace.roles().into_keys())),
        (found, _) => Ok(found),
    }
}

fn alter(
    engine: &Embedded,
    session: &Session,
    name: &Identifier,
    if_exists: bool,
    change: RoleChange,
) -> Result<Outcome> {
    let Some(mut found) = existing(engine, name, if_exists)? else {
        return Ok(done(name, "does not exist, statement succeeded"));
    };
    let databases = engine.databases(session);
    databases.require_ownership(&Named::Role(name.clone()))?;
    let workspace = engine.workspace();
    let key = account_key(name.as_str());
    match change {
        RoleChange::Rename(new) => {
            let new = identifier(&new);
            if is_system(&new) || workspace.roles().contains_key(&new) {
                return Err(Error::new(
                    codes::K3002,
                    format!("Role `{new}` exists already"),
                ));
            }
            workspace.change_object(ObjectKind::Role, &key, None);
            let key = account_key(new.as_str());
            workspace.change_object(ObjectKind::Role, &key, Some(found));
            everywhere(workspace, |access| rename_role(access, name, &new))?;
            if session.active_role().as_ref() == Some(name) {
                session.memory.set(|settings| settings.role = Some(new));
            }
        }
        RoleChange::Set(options) => {
            for option in &options {
                match option.name.as_str() {
                    "COMMENT" => found.comment = Some(single(option)?),
                    _ => return Err(unknown(option)),
                }
            }
            workspace.change_object(ObjectKind::Role, &key, Some(found));
        }
        RoleChange::UnsetComment => {
            found.comment = None;
            workspace.change_object(ObjectKind::Role, &key, Some(found));
        }
    }
    Ok(done(name, "successfully altered"))
}

fn drop(
    engine: &Embedded,
    session: &Session,
    name: &Identifier,
    if_exists: bool,
) -> Result<Outcome> {
    if existing(engine, name, if_exists)?.is_none() {
        return Ok(done(name, "does not exist, statement succeeded"));
    }
    let databases = engine.databases(session);
    databases.require_ownership(&Named::Role(name.clone()))?;
    if session.active_role().as_ref() == Some(name) {
        return Err(
            Error::new(codes::E1002, format!("Role `{name}` is the session's own"))
                .help("`use role accountadmin` first"),
        );
    }
    forget(engine.workspace(), session, name)?;
    Ok(done(name, "successfully dropped"))
}

/// Drops a role; what it owned is the session's role's.
fn forget(workspace: &Workspace, session: &Session, name: &Identifier) -> Result<()> {
    workspace.change_object(ObjectKind::Role, &account_key(name.as_str()), None);
    let heir = owner(session);
    everywhere(workspace, |access| drop_role(access, name, heir.as_ref()))
}

/// Changes the access to everything that `change` says it has changed.
fn everywhere(workspace: &Workspace, change: impl Fn(&mut Access) -> bool) -> Result<()> {
    for (name, mut relation) in workspace.relations() {
        if change(&mut relation.access) {
            workspace.stage_relation(&name, relation)?;
        }
    }
    for ((kind, name), mut object) in workspace.objects() {
        if change(&mut object.access) {
            workspace.change_object(kind, &name, Some(object));
        }
    }
    Ok(())
}

fn grant_role(
    engine: &Embedded,
    session: &Session,
    revoked: bool,
    role: &Identifier,
    to: &GranteeName,
) -> Result<Outcome> {
    let databases = engine.databases(session);
    let roles = engine.workspace().roles();
    if !is_system(role) && !roles.contains_key(role) {
        return Err(no_role(role, roles.into_keys()));
    }
    if role.as_str() == MARK {
        return Err(Error::new(
            codes::E1002,
            "PUBLIC is granted to every role and user",
        ));
    }
    let named = Named::Role(role.clone());
    if !databases.may(&Named::Account, "MANAGE GRANTS") {
        databases.require_ownership(&named)?;
    }
    let (grantee, missing) = match to {
        GranteeName::User(user) => (Grantee::User(identifier(user)), None),
        GranteeName::Role(to) => {
            let to = identifier(to);
            let missing = !known_role(engine, &to)?;
            if !revoked && within(role, &roles).contains(&to) {
                return Err(Error::new(
                    codes::E1002,
                    format!("Role `{role}` has role `{to}` already, and roles form no circles"),
                ));
            }
            (Grantee::Role(to.clone()), missing.then_some(to))
        }
    };
    change_access(engine, session, &named, |access| {
        if revoked {
            let _ = revoke(access, "USAGE", &grantee, false);
        } else {
            let mut new = new_grant(session, "USAGE", role, false);
            new.grantee = grantee.clone();
            grant(access, new);
        }
    })?;
    Ok(Outcome::Done(match missing {
        Some(to) => format!("Granted to {to}, a role that does not exist yet."),
        None => "Statement executed successfully.".to_owned(),
    }))
}
