//! Constraints: <https://docs.snowflake.com/en/sql-reference/info-schema/table_constraints>,
//! <https://docs.snowflake.com/en/sql-reference/info-schema/referential_constraints>.

use catalog::{Constraint, ConstraintKind, Relation};
use model::{Identifier, RelationName};

use super::Header;
use crate::listing::{Cell, Kind, Listing};
use crate::provider::Databases;

pub(super) const TABLE_CONSTRAINTS: Header = &[
    ("CONSTRAINT_CATALOG", Kind::Text),
    ("CONSTRAINT_SCHEMA", Kind::Text),
    ("CONSTRAINT_NAME", Kind::Text),
    ("TABLE_CATALOG", Kind::Text),
    ("TABLE_SCHEMA", Kind::Text),
    ("TABLE_NAME", Kind::Text),
    ("CONSTRAINT_TYPE", Kind::Text),
    ("IS_DEFERRABLE", Kind::Text),
    ("INITIALLY_DEFERRED", Kind::Text),
    ("ENFORCED", Kind::Text),
    ("COMMENT", Kind::Text),
    ("CREATED", Kind::Moment),
    ("LAST_ALTERED", Kind::Moment),
    ("RELY", Kind::Text),
];

pub(super) const REFERENTIAL_CONSTRAINTS: Header = &[
    ("CONSTRAINT_CATALOG", Kind::Text),
    ("CONSTRAINT_SCHEMA", Kind::Text),
    ("CONSTRAINT_NAME", Kind::Text),
    ("UNIQUE_CONSTRAINT_CATALOG", Kind::Text),
    ("UNIQUE_CONSTRAINT_SCHEMA", Kind::Text),
    ("UNIQUE_CONSTRAINT_NAME", Kind::Text),
    ("MATCH_OPTION", Kind::Text),
    ("UPDATE_RULE", Kind::Text),
    ("DELETE_RULE", Kind::Text),
    ("COMMENT", Kind::Text),
    ("CREATED", Kind::Moment),
    ("LAST_ALTERED", Kind::Moment),
];

/// Keys are recorded and not enforced, so nothing is ever deferred.
pub(super) fn constraints(databases: &Databases, database: &Identifier, listing: &mut Listing) {
    for (name, found) in databases.relations() {
        if name.database != *database {
            continue;
        }
        for key in &found.details.constraints {
            let kind = match key.kind {
                ConstraintKind::PrimaryKey => "PRIMARY KEY",
                ConstraintKind::Unique => "UNIQUE",
                ConstraintKind::ForeignKey { .. } => "FOREIGN KEY",
            };
            listing.row([
                ("CONSTRAINT_CATALOG", name.database.as_str().into()),
                ("CONSTRAINT_SCHEMA", name.schema.as_str().into()),
                ("CONSTRAINT_NAME", key.name.as_str().into()),
                ("TABLE_CATALOG", name.database.as_str().into()),
                ("TABLE_SCHEMA", name.schema.as_str().into()),
                ("TABLE_NAME", name.name.as_str().into()),
                ("CONSTRAINT_TYPE", kind.into()),
                ("IS_DEFERRABLE", "NO".into()),
                ("INITIALLY_DEFERRED", "YES".into()),
                ("ENFORCED", "NO".into()),
                ("COMMENT", key.comment.clone().into()),
                ("CREATED", Cell::Moment(found.created_at.clone())),
                ("LAST_ALTERED", Cell::Moment(found.created_at.clone())),
                ("RELY", "NO".into()),
            ]);
        }
    }
}

pub(super) fn references(databases: &Databases, database: &Identifier, listing: &mut Listing) {
    let relations = databases.relations();
    for (name, found) in &relations {
        if name.database != *database {
            continue;
        }
        for key in &found.details.constraints {
            let ConstraintKind::ForeignKey { table, columns } = &key.kind else {
                continue;
            };
            let other = relations
                .iter()
                .find(|(other, _)| other.to_string() == *table);
            let target = other.and_then(|(other, found)| {
                let key = referenced(found, columns)?;
                Some((other.clone(), key.name.clone()))
            });
            let part = |part: &dyn Fn(&RelationName) -> String| -> Cell {
                target.as_ref().map(|(name, _)| part(name)).into()
            };
            listing.row([
                ("CONSTRAINT_CATALOG", name.database.as_str().into()),
                ("CONSTRAINT_SCHEMA", name.schema.as_str().into()),
                ("CONSTRAINT_NAME", key.name.as_str().into()),
                (
                    "UNIQUE_CONSTRAINT_CATALOG",
                    part(&|name| name.database.as_str().to_owned()),
                ),
                (
                    "UNIQUE_CONSTRAINT_SCHEMA",
                    part(&|name| name.schema.as_str().to_owned()),
                ),
                (
                    "UNIQUE_CONSTRAINT_NAME",
                    target.as_ref().map(|(_, key)| key.clone()).into(),
                ),
                ("MATCH_OPTION", "FULL".into()),
                ("UPDATE_RULE", "NO ACTION".into()),
                ("DELETE_RULE", "NO ACTION".into()),
                ("COMMENT", key.comment.clone().into()),
                ("CREATED", Cell::Moment(found.created_at.clone())),
                ("LAST_ALTERED", Cell::Moment(found.created_at.clone())),
            ]);
        }
    }
}

/// The key that a foreign key's `columns` mean; the primary key if it names none.
pub(crate) fn referenced<'a>(found: &'a Relation, columns: &[String]) -> Option<&'a Constraint> {
    let keys = found.details.constraints.iter();
    let mut keys = keys.filter(|key| !matches!(key.kind, ConstraintKind::ForeignKey { .. }));
    match columns.is_empty() {
        true => keys.find(|key| key.kind == ConstraintKind::PrimaryKey),
        false => keys.find(|key| key.columns == columns),
    }
}
