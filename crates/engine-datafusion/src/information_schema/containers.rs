//! Databases, schemas and roles: <https://docs.snowflake.com/en/sql-reference/info-schema/schemata> and its kin.

use catalog::{Access, ObjectBody, ObjectKind};
use diagnostic::Result;
use model::{Identifier, SchemaName};

use super::{Header, NAME};
use crate::access::{available_roles, shown_owner};
use crate::commands::show::{OWNER, container};
use crate::commands::{database_key, schema_key};
use crate::listing::{Cell, Kind, Listing};
use crate::provider::Databases;

pub(super) const CATALOG_NAME: Header = &[("CATALOG_NAME", Kind::Text)];

pub(super) const DATABASES: Header = &[
    ("DATABASE_NAME", Kind::Text),
    ("DATABASE_OWNER", Kind::Text),
    ("IS_TRANSIENT", Kind::Text),
    ("COMMENT", Kind::Text),
    ("CREATED", Kind::Moment),
    ("LAST_ALTERED", Kind::Moment),
    ("RETENTION_TIME", Kind::Number),
    ("TYPE", Kind::Text),
    ("OWNER_ROLE_TYPE", Kind::Text),
];

pub(super) const SCHEMATA: Header = &[
    ("CATALOG_NAME", Kind::Text),
    ("SCHEMA_NAME", Kind::Text),
    ("SCHEMA_OWNER", Kind::Text),
    ("IS_TRANSIENT", Kind::Text),
    ("IS_MANAGED_ACCESS", Kind::Text),
    ("RETENTION_TIME", Kind::Number),
    ("DEFAULT_CHARACTER_SET_CATALOG", Kind::Text),
    ("DEFAULT_CHARACTER_SET_SCHEMA", Kind::Text),
    ("DEFAULT_CHARACTER_SET_NAME", Kind::Text),
    ("SQL_PATH", Kind::Text),
    ("CREATED", Kind::Moment),
    ("LAST_ALTERED", Kind::Moment),
    ("COMMENT", Kind::Text),
];

pub(super) const APPLICABLE_ROLES: Header = &[
    ("GRANTEE", Kind::Text),
    ("ROLE_NAME", Kind::Text),
    ("ROLE_OWNER", Kind::Text),
    ("IS_GRANTABLE", Kind::Text),
];

pub(super) const ENABLED_ROLES: Header = &[("ROLE_NAME", Kind::Text), ("ROLE_OWNER", Kind::Text)];

/// YES or NO.
pub(super) fn yes(truth: bool) -> Cell {
    if truth { "YES" } else { "NO" }.into()
}

pub(super) fn databases(databases: &Databases, listing: &mut Listing) -> Result<()> {
    let workspace = &databases.workspace;
    let times = workspace.catalog().namespace_times()?;
    for name in databases.database_names() {
        let object = workspace.object(ObjectKind::Database, &database_key(&name));
        let (options, retention) = container(object.as_ref().map(|object| &object.body));
        let mine = times.iter().filter(|(other, _)| other.database == name);
        let created = mine.map(|(_, time)| time.clone()).min().unwrap_or_default();
        let owner = object.as_ref().map(|object| &object.access);
        listing.row([
            ("DATABASE_NAME", name.as_str().into()),
            (
                "DATABASE_OWNER",
                owner.map_or_else(|| OWNER.to_owned(), shown_owner).into(),
            ),
            ("IS_TRANSIENT", yes(options == "TRANSIENT")),
            ("COMMENT", object.and_then(|object| object.comment).into()),
            ("CREATED", Cell::Moment(created.clone())),
            ("LAST_ALTERED", Cell::Moment(created)),
            ("RETENTION_TIME", retention.into()),
            ("TYPE", "STANDARD".into()),
            ("OWNER_ROLE_TYPE", "ROLE".into()),
        ]);
    }
    Ok(())
}

pub(super) fn schemata(
    databases: &Databases,
    database: &Identifier,
    listing: &mut Listing,
) -> Result<()> {
    let workspace = &databases.workspace;
    let times = workspace.catalog().namespace_times()?;
    let mut names = databases.namespaces();
    names.insert(SchemaName::new(database.clone(), Identifier::quoted(NAME)));
    for name in names.into_iter().filter(|name| name.database == *database) {
        let own = name.schema.as_str() == NAME;
        let object = workspace.object(ObjectKind::Schema, &schema_key(&name));
        let body = object.as_ref().map(|object| &object.body);
        let declared = matches!(body, Some(ObjectBody::Container { .. }));
        let (options, retention) = container(body.filter(|_| declared));
        let created = times.iter().find(|(other, _)| *other == name);
        let created = created.map(|(_, time)| time.clone()).unwrap_or_default();
        let owner = object.as_ref().map(|object| shown_owner(&object.access));
        let owner = owner.unwrap_or_else(|| OWNER.to_owned());
        let comment = match own {
            true => Some("Views describing the contents of schemas in this database".to_owned()),
            false => object.and_then(|object| object.comment),
        };
        listing.row([
            ("CATALOG_NAME", database.as_str().into()),
            ("SCHEMA_NAME", name.schema.as_str().into()),
            (
                "SCHEMA_OWNER",
                if own { String::new() } else { owner }.into(),
            ),
            ("IS_TRANSIENT", yes(options == "TRANSIENT")),
            ("IS_MANAGED_ACCESS", yes(false)),
            ("RETENTION_TIME", retention.into()),
            ("CREATED", Cell::Moment(created.clone())),
            ("LAST_ALTERED", Cell::Moment(created)),
            ("COMMENT", comment.into()),
        ]);
    }
    Ok(())
}

/// The roles that the user may use: all of them for the project's owner.
pub(super) fn applicable_roles(databases: &Databases, listing: &mut Listing) {
    let user = databases.session.principal.to_uppercase();
    for (name, access) in available_roles(&databases.workspace, &databases.session) {
        listing.row([
            ("GRANTEE", user.as_str().into()),
            ("ROLE_NAME", name.as_str().into()),
            ("ROLE_OWNER", role_owner(&name, &access).into()),
            ("IS_GRANTABLE", yes(true)),
        ]);
    }
}

/// The role in use, and those it has.
pub(super) fn enabled_roles(databases: &Databases, listing: &mut Listing) {
    let roles = databases.workspace.roles();
    for name in governance::within(&databases.session.role(), &roles) {
        let access = roles.get(&name).cloned().unwrap_or_default();
        listing.row([
            ("ROLE_NAME", name.as_str().into()),
            ("ROLE_OWNER", role_owner(&name, &access).into()),
        ]);
    }
}

/// Nobody owns the roles that every account has.
fn role_owner(name: &Identifier, access: &Access) -> String {
    match governance::is_system(name) {
        true => String::new(),
        false => shown_owner(access),
    }
}
