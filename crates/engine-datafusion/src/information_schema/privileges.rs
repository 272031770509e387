//! Who may do what: <https://docs.snowflake.com/en/sql-reference/info-schema/table_privileges>. Nobody grants any
//! privileges yet, so there is the owner's alone.

use super::Header;
use super::containers::yes;
use super::relations::Chosen;
use crate::commands::show::OWNER;
use crate::listing::{Cell, Kind, Listing};

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

pub(super) fn of_tables(chosen: &Chosen<'_>, listing: &mut Listing) {
    for (name, found) in chosen.relations() {
        listing.row([
            ("GRANTOR", OWNER.into()),
            ("GRANTEE", OWNER.into()),
            ("GRANTED_TO", "ROLE".into()),
            ("TABLE_CATALOG", name.database.as_str().into()),
            ("TABLE_SCHEMA", name.schema.as_str().into()),
            ("TABLE_NAME", name.name.as_str().into()),
            ("PRIVILEGE_TYPE", "OWNERSHIP".into()),
            ("IS_GRANTABLE", yes(true)),
            ("CREATED_ON", Cell::Moment(found.created_at.clone())),
        ]);
    }
}
