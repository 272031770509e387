//! Who may do what: <https://docs.snowflake.com/en/sql-reference/info-schema/table_privileges>,
//! <https://docs.snowflake.com/en/sql-reference/info-schema/object_privileges>.

use catalog::{Grantee, ObjectKind, securable, securable_object};
use model::Identifier;

use super::Header;
use super::containers::yes;
use super::relations::Chosen;
use crate::access::{Held, held};
use crate::listing::{Cell, Kind, Listing};
use crate::provider::Databases;

pub(super) const TABLE_PRIVILEGES: Header = &[
    ("GRANTOR", Kind::Text),
    ("GRANTEE", Kind::Text),
    ("GRANTED_TO", Kind::Text),
    ("TABLE_CATALOG", Kind::Text),
    ("TABLE_SCHEMA", Kind::Text),
    ("TABLE_NAME", Kind::Text),
    ("PRIVILEGE_TYPE", Kind::Text),
    ("IS_GRANTABLE", Kind::Text),
    ("WITH_HIERARCHY", Kind::Text),
    ("CREATED_ON", Kind::Moment),
];

pub(super) const OBJECT_PRIVILEGES: Header = &[
    ("GRANTOR", Kind::Text),
    ("GRANTEE", Kind::Text),
    ("GRANTED_TO", Kind::Text),
    ("OBJECT_CATALOG", Kind::Text),
    ("OBJECT_SCHEMA", Kind::Text),
    ("OBJECT_NAME", Kind::Text),
    ("OBJECT_TYPE", Kind::Text),
    ("PRIVILEGE_TYPE", Kind::Text),
    ("IS_GRANTABLE", Kind::Text),
    ("CREATED_ON", Kind::Moment),
];

/// What both views say of a privilege.
fn cells(held: &Held) -> [(&'static str, Cell); 6] {
    let (to, grantee) = match &held.grantee {
        Grantee::Role(name) => ("ROLE", name),
        Grantee::User(name) => ("USER", name),
    };
    [
        ("GRANTOR", held.granted_by.as_str().into()),
        ("GRANTEE", grantee.as_str().into()),
        ("GRANTED_TO", to.into()),
        ("PRIVILEGE_TYPE", held.privilege.as_str().into()),
        ("IS_GRANTABLE", yes(held.grant_option)),
        ("CREATED_ON", Cell::Moment(held.created_on.clone())),
    ]
}

pub(super) fn of_tables(chosen: &Chosen<'_>, listing: &mut Listing) {
    for (name, found) in chosen.relations() {
        for held in held(&found.access, &found.created_at) {
            listing.row(cells(&held).into_iter().chain([
                ("TABLE_CATALOG", name.database.as_str().into()),
                ("TABLE_SCHEMA", name.schema.as_str().into()),
                ("TABLE_NAME", name.name.as_str().into()),
            ]));
        }
    }
}

pub(super) fn of_objects(chosen: &Chosen<'_>, listing: &mut Listing) {
    for (name, found) in chosen.relations() {
        for held in held(&found.access, &found.created_at) {
            listing.row(cells(&held).into_iter().chain([
                ("OBJECT_CATALOG", name.database.as_str().into()),
                ("OBJECT_SCHEMA", name.schema.as_str().into()),
                ("OBJECT_NAME", name.name.as_str().into()),
                ("OBJECT_TYPE", securable(&found.kind).words().into()),
            ]));
        }
    }
    of_kept(chosen.databases, chosen.database, listing);
}

fn of_kept(databases: &Databases, database: &Identifier, listing: &mut Listing) {
    let schemas = databases.namespaces().into_iter();
    let schemas = schemas.map(|name| (ObjectKind::Schema, catalog::schema_key(&name)));
    let own = [(ObjectKind::Database, catalog::database_key(database))];
    let inside = databases.objects().into_keys();
    let inside = inside.filter(|(_, name)| !name.name.as_str().is_empty());
    for (kind, name) in own.into_iter().chain(schemas).chain(inside) {
        if name.database != *database {
            continue;
        }
        let object = databases.workspace.object(kind, &name);
        let (access, created) = object
            .map(|object| (object.access, object.created_at))
            .unwrap_or_default();
        let called = match kind {
            ObjectKind::Database => &name.database,
            ObjectKind::Schema => &name.schema,
            _ => &name.name,
        };
        for held in held(&access, &created) {
            listing.row(cells(&held).into_iter().chain([
                ("OBJECT_CATALOG", name.database.as_str().into()),
                ("OBJECT_SCHEMA", name.schema.as_str().into()),
                ("OBJECT_NAME", called.as_str().into()),
                ("OBJECT_TYPE", securable_object(kind).words().into()),
            ]));
        }
    }
}
