//! SHOW GRANTS: <https://docs.snowflake.com/en/sql-reference/sql/show-grants>.

use std::collections::BTreeSet;

use catalog::{Access, Grantee, ObjectKind, Workspace};
use diagnostic::Result;
use engine::{Outcome, Session};
use governance::{OWNERSHIP, SYSTEM_ROLES, is_system};
use model::Identifier;
use sql::command::{GrantOn, GranteeName, ShowGrants};

use super::grants::{container, key, kind_of_named, known_role, shown, targets};
use crate::Embedded;
use crate::access::{Held, Named, held, not_authorized};
use crate::listing::{Cell, Kind, Listing};
use crate::names::identifier;
use crate::provider::Databases;
use crate::statement::unsupported;

/// Every role there is: the system's, and those that were created.
pub(crate) fn known_roles(workspace: &Workspace) -> BTreeSet<Identifier> {
    let system = SYSTEM_ROLES.into_iter().map(Identifier::quoted);
    system.chain(workspace.roles().into_keys()).collect()
}

pub(super) fn run(engine: &Embedded, session: &Session, show: &ShowGrants) -> Result<Outcome> {
    let databases = engine.databases(session);
    match show {
        ShowGrants::On(GrantOn::Every { kind, .. }) => {
            Err(unsupported(&format!("SHOW GRANTS ON several {kind}S")))
        }
        ShowGrants::On(on) => {
            let mut listing = privileges();
            for (named, _) in targets(&databases, session, on)? {
                for held in holders(&databases, &named) {
                    row(&databases, &mut listing, &named, held);
                }
            }
            listing.outcome()
        }
        ShowGrants::To(Some(GranteeName::Role(role))) => {
            let role = shown_role(engine, &databases, role)?;
            to_role(&databases, &role)
        }
        ShowGrants::To(Some(GranteeName::User(user))) => of_user(&databases, identifier(user)),
        ShowGrants::To(None) => of_user(&databases, Identifier::unquoted(&session.principal)),
        ShowGrants::Of(role) => of_role(&databases, &shown_role(engine, &databases, role)?),
        ShowGrants::FutureIn(within) => {
            let named = container(&databases, session, within)?;
            future(&databases, &[named], |_| true)
        }
        ShowGrants::FutureTo(role) => {
            let role = shown_role(engine, &databases, role)?;
            let schemas = databases.namespaces().into_iter().map(Named::Schema);
            let names = databases.database_names().into_iter().map(Named::Database);
            let all: Vec<Named> = names.chain(schemas).collect();
            let grantee = Grantee::Role(role);
            future(&databases, &all, |to| *to == grantee)
        }
    }
}

/// The role, of which others than itself and who manages grants see nothing.
fn shown_role(
    engine: &Embedded,
    databases: &Databases,
    role: &sqlparser::ast::Ident,
) -> Result<Identifier> {
    let role = identifier(role);
    known_role(engine, &role)?;
    let named = Named::Role(role.clone());
    let visible = databases.rights.include(&role)
        || databases.sees(&named)
        || databases.may(&Named::Account, "MANAGE GRANTS");
    match visible {
        true => Ok(role),
        false => Err(not_authorized(
            &named,
            "MANAGE GRANTS",
            &databases.rights.role(),
        )),
    }
}

fn privileges() -> Listing {
    Listing::new(&[
        ("created_on", Kind::Moment),
        ("privilege", Kind::Text),
        ("granted_on", Kind::Text),
        ("name", Kind::Text),
        ("granted_to", Kind::Text),
        ("grantee_name", Kind::Text),
        ("grant_option", Kind::Text),
        ("granted_by", Kind::Text),
    ])
}

fn who(grantee: &Grantee) -> (&'static str, &Identifier) {
    match grantee {
        Grantee::Role(name) => ("ROLE", name),
        Grantee::User(name) => ("USER", name),
    }
}

fn row(databases: &Databases, listing: &mut Listing, named: &Named, held: Held) {
    let (granted_to, grantee) = who(&held.grantee);
    listing.push(vec![
        Cell::Moment(held.created_on.clone()),
        held.privilege.as_str().into(),
        kind_of_named(databases, named).shown().into(),
        shown(named).into(),
        granted_to.into(),
        grantee.as_str().into(),
        held.grant_option.to_string().into(),
        held.granted_by.as_str().into(),
    ]);
}

/// Who holds what on `named`. Nobody owns the account, warehouses and the roles that every account has.
fn holders(databases: &Databases, named: &Named) -> Vec<Held> {
    let (access, created) = match named {
        Named::Relation(name) => {
            let found = databases.workspace.relation(name);
            found.map(|found| (found.access, found.created_at))
        }
        _ => {
            let (kind, key) = key(named);
            let found = databases.workspace.object(kind, &key);
            found.map(|found| (found.access, found.created_at))
        }
    }
    .unwrap_or_default();
    let unowned = match named {
        Named::Account | Named::Warehouse(_) => true,
        Named::Role(name) => is_system(name),
        _ => false,
    };
    let all = held(&access, &created).into_iter();
    all.filter(|held| !unowned || held.privilege != OWNERSHIP)
        .collect()
}

/// Everything that may be granted.
fn everything(databases: &Databases) -> Vec<Named> {
    let workspace = &databases.workspace;
    let called = |kind| {
        let objects = workspace.objects_of(kind).into_keys();
        objects.map(|key| key.name)
    };
    let inside = databases.objects().into_keys().filter(|(kind, _)| {
        matches!(
            kind,
            ObjectKind::Sequence
                | ObjectKind::FileFormat
                | ObjectKind::Stage
                | ObjectKind::Function
                | ObjectKind::Procedure
        )
    });
    let mut all = vec![Named::Account];
    all.extend(called(ObjectKind::Warehouse).map(Named::Warehouse));
    all.extend(called(ObjectKind::Role).map(Named::Role));
    all.extend(databases.database_names().into_iter().map(Named::Database));
    all.extend(databases.namespaces().into_iter().map(Named::Schema));
    all.extend(databases.relations().into_keys().map(Named::Relation));
    all.extend(inside.map(|(kind, name)| Named::Object(kind, name)));
    all
}

fn to_role(databases: &Databases, role: &Identifier) -> Result<Outcome> {
    let grantee = Grantee::Role(role.clone());
    let mut listing = privileges();
    for named in everything(databases) {
        let all = holders(databases, &named).into_iter();
        for held in all.filter(|held| held.grantee == grantee) {
            row(databases, &mut listing, &named, held);
        }
    }
    listing.outcome()
}

fn roles_listing() -> Listing {
    Listing::new(&[
        ("created_on", Kind::Moment),
        ("role", Kind::Text),
        ("granted_to", Kind::Text),
        ("grantee_name", Kind::Text),
        ("granted_by", Kind::Text),
    ])
}

fn role_rows(
    listing: &mut Listing,
    role: &Identifier,
    access: &Access,
    wanted: impl Fn(&Grantee) -> bool,
) {
    for grant in access.grants.iter().filter(|grant| wanted(&grant.grantee)) {
        let (granted_to, grantee) = who(&grant.grantee);
        listing.push(vec![
            Cell::Moment(grant.created_on.clone()),
            role.as_str().into(),
            granted_to.into(),
            grantee.as_str().into(),
            grant.granted_by.as_str().into(),
        ]);
    }
}

fn of_user(databases: &Databases, user: Identifier) -> Result<Outcome> {
    let mut listing = roles_listing();
    let user = Grantee::User(user);
    for (role, access) in databases.workspace.roles() {
        role_rows(&mut listing, &role, &access, |grantee| *grantee == user);
    }
    listing.outcome()
}

fn of_role(databases: &Databases, role: &Identifier) -> Result<Outcome> {
    let mut listing = roles_listing();
    let access = databases
        .access(&Named::Role(role.clone()))
        .unwrap_or_default();
    role_rows(&mut listing, role, &access, |_| true);
    listing.outcome()
}

fn future(
    databases: &Databases,
    containers: &[Named],
    wanted: impl Fn(&Grantee) -> bool,
) -> Result<Outcome> {
    let mut listing = Listing::new(&[
        ("created_on", Kind::Moment),
        ("privilege", Kind::Text),
        ("grant_on", Kind::Text),
        ("name", Kind::Text),
        ("grant_to", Kind::Text),
        ("grantee_name", Kind::Text),
        ("grant_option", Kind::Text),
    ]);
    for named in containers {
        let access = databases.access(named).unwrap_or_default();
        for future in access
            .future
            .iter()
            .filter(|future| wanted(&future.grant.grantee))
        {
            let (grant_to, grantee) = who(&future.grant.grantee);
            listing.push(vec![
                Cell::Moment(future.grant.created_on.clone()),
                future.grant.privilege.as_str().into(),
                future.on.as_str().into(),
                format!("{}.<{}>", shown(named), future.on).into(),
                grant_to.into(),
                grantee.as_str().into(),
                future.grant.grant_option.to_string().into(),
            ]);
        }
    }
    if let [only] = containers
        && !databases.sees(only)
        && !databases.may(&Named::Account, "MANAGE GRANTS")
    {
        return Err(not_authorized(
            only,
            "a privilege",
            &databases.rights.role(),
        ));
    }
    listing.outcome()
}
