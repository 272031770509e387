//! Tables, views and their columns: <https://docs.snowflake.com/en/sql-reference/info-schema/tables>,
//! <https://docs.snowflake.com/en/sql-reference/info-schema/views>,
//! <https://docs.snowflake.com/en/sql-reference/info-schema/columns>.

use std::collections::BTreeSet;

use arrow::datatypes::Field;
use catalog::{ColumnDetails, Relation, RelationKind};
use diagnostic::Result;
use model::{Identifier, RelationName};

use super::containers::yes;
use super::{Header, NAME, VIEWS as ALL, type_name};
use crate::access::shown_owner;
use crate::commands::ddl::{self, full_type};
use crate::commands::show::{RETENTION, clustering, size};
use crate::listing::{Cell, Kind, Listing};
use crate::provider::Databases;

pub(super) const TABLES: Header = &[
    ("TABLE_CATALOG", Kind::Text),
    ("TABLE_SCHEMA", Kind::Text),
    ("TABLE_NAME", Kind::Text),
    ("TABLE_OWNER", Kind::Text),
    ("TABLE_TYPE", Kind::Text),
    ("IS_TRANSIENT", Kind::Text),
    ("CLUSTERING_KEY", Kind::Text),
    ("ROW_COUNT", Kind::Number),
    ("BYTES", Kind::Number),
    ("RETENTION_TIME", Kind::Number),
    ("SELF_REFERENCING_COLUMN_NAME", Kind::Text),
    ("REFERENCE_GENERATION", Kind::Text),
    ("USER_DEFINED_TYPE_CATALOG", Kind::Text),
    ("USER_DEFINED_TYPE_SCHEMA", Kind::Text),
    ("USER_DEFINED_TYPE_NAME", Kind::Text),
    ("IS_INSERTABLE_INTO", Kind::Text),
    ("IS_TYPED", Kind::Text),
    ("COMMIT_ACTION", Kind::Text),
    ("CREATED", Kind::Moment),
    ("LAST_ALTERED", Kind::Moment),
    ("LAST_DDL", Kind::Moment),
    ("LAST_DDL_BY", Kind::Text),
    ("AUTO_CLUSTERING_ON", Kind::Text),
    ("COMMENT", Kind::Text),
    ("IS_TEMPORARY", Kind::Text),
    ("IS_ICEBERG", Kind::Text),
    ("IS_DYNAMIC", Kind::Text),
    ("IS_IMMUTABLE", Kind::Text),
    ("IS_HYBRID", Kind::Text),
];

pub(super) const VIEWS: Header = &[
    ("TABLE_CATALOG", Kind::Text),
    ("TABLE_SCHEMA", Kind::Text),
    ("TABLE_NAME", Kind::Text),
    ("TABLE_OWNER", Kind::Text),
    ("VIEW_DEFINITION", Kind::Text),
    ("CHECK_OPTION", Kind::Text),
    ("IS_UPDATABLE", Kind::Text),
    ("INSERTABLE_INTO", Kind::Text),
    ("IS_SECURE", Kind::Text),
    ("CREATED", Kind::Moment),
    ("LAST_ALTERED", Kind::Moment),
    ("LAST_DDL", Kind::Moment),
    ("LAST_DDL_BY", Kind::Text),
    ("COMMENT", Kind::Text),
];

pub(super) const COLUMNS: Header = &[
    ("TABLE_CATALOG", Kind::Text),
    ("TABLE_SCHEMA", Kind::Text),
    ("TABLE_NAME", Kind::Text),
    ("COLUMN_NAME", Kind::Text),
    ("ORDINAL_POSITION", Kind::Number),
    ("COLUMN_DEFAULT", Kind::Text),
    ("IS_NULLABLE", Kind::Text),
    ("DATA_TYPE", Kind::Text),
    ("CHARACTER_MAXIMUM_LENGTH", Kind::Number),
    ("CHARACTER_OCTET_LENGTH", Kind::Number),
    ("NUMERIC_PRECISION", Kind::Number),
    ("NUMERIC_PRECISION_RADIX", Kind::Number),
    ("NUMERIC_SCALE", Kind::Number),
    ("DATETIME_PRECISION", Kind::Number),
    ("INTERVAL_TYPE", Kind::Text),
    ("INTERVAL_PRECISION", Kind::Number),
    ("CHARACTER_SET_CATALOG", Kind::Text),
    ("CHARACTER_SET_SCHEMA", Kind::Text),
    ("CHARACTER_SET_NAME", Kind::Text),
    ("COLLATION_CATALOG", Kind::Text),
    ("COLLATION_SCHEMA", Kind::Text),
    ("COLLATION_NAME", Kind::Text),
    ("DOMAIN_CATALOG", Kind::Text),
    ("DOMAIN_SCHEMA", Kind::Text),
    ("DOMAIN_NAME", Kind::Text),
    ("UDT_CATALOG", Kind::Text),
    ("UDT_SCHEMA", Kind::Text),
    ("UDT_NAME", Kind::Text),
    ("SCOPE_CATALOG", Kind::Text),
    ("SCOPE_SCHEMA", Kind::Text),
    ("SCOPE_NAME", Kind::Text),
    ("MAXIMUM_CARDINALITY", Kind::Number),
    ("DTD_IDENTIFIER", Kind::Text),
    ("IS_SELF_REFERENCING", Kind::Text),
    ("IS_IDENTITY", Kind::Text),
    ("IDENTITY_GENERATION", Kind::Text),
    ("IDENTITY_START", Kind::Text),
    ("IDENTITY_INCREMENT", Kind::Text),
    ("IDENTITY_MAXIMUM", Kind::Text),
    ("IDENTITY_MINIMUM", Kind::Text),
    ("IDENTITY_CYCLE", Kind::Text),
    ("IDENTITY_ORDERED", Kind::Text),
    ("SCHEMA_EVOLUTION_RECORD", Kind::Text),
    ("COMMENT", Kind::Text),
];

/// The relations of one database that a query reads about.
pub(super) struct Chosen<'a> {
    pub(super) databases: &'a Databases,
    pub(super) database: &'a Identifier,
    /// Those that pass the query's filters; all without.
    pub(super) wanted: Option<&'a BTreeSet<RelationName>>,
}

impl Chosen<'_> {
    pub(super) fn relations(&self) -> impl Iterator<Item = (RelationName, Relation)> {
        let all = self.databases.relations().into_iter();
        all.filter(|(name, _)| {
            name.database == *self.database
                && self.wanted.is_none_or(|wanted| wanted.contains(name))
        })
    }

    pub(super) async fn tables(&self, listing: &mut Listing, sizes: bool) -> Result<()> {
        let workspace = &self.databases.workspace;
        let times = workspace.catalog().relation_times()?;
        for (name, found) in self.relations() {
            let table = matches!(found.kind, RelationKind::Table { .. });
            let (rows, bytes) = match table && sizes {
                true => size(workspace, &name).await,
                false => (Cell::Null, Cell::Null),
            };
            let details = &found.details;
            let external = matches!(found.kind, RelationKind::External { .. });
            let kind = match (table, details.temporary) {
                (false, _) if external => "EXTERNAL TABLE",
                (false, _) => "VIEW",
                (true, true) => "TEMPORARY TABLE",
                (true, false) => "BASE TABLE",
            };
            let of_table = |cell: Cell| if table { cell } else { Cell::Null };
            let keys = details.cluster_by.as_deref();
            let altered = times.get(&name).unwrap_or(&found.created_at);
            listing.row([
                ("TABLE_CATALOG", name.database.as_str().into()),
                ("TABLE_SCHEMA", name.schema.as_str().into()),
                ("TABLE_NAME", name.name.as_str().into()),
                ("TABLE_OWNER", shown_owner(&found.access).into()),
                ("TABLE_TYPE", kind.into()),
                ("IS_TRANSIENT", of_table(yes(details.transient))),
                (
                    "CLUSTERING_KEY",
                    keys.map(|keys| clustering(Some(keys))).into(),
                ),
                ("ROW_COUNT", rows),
                ("BYTES", bytes),
                (
                    "RETENTION_TIME",
                    of_table(details.retention_days.map_or(RETENTION, i64::from).into()),
                ),
                ("IS_INSERTABLE_INTO", yes(true)),
                ("IS_TYPED", yes(true)),
                ("CREATED", Cell::Moment(found.created_at.clone())),
                ("LAST_ALTERED", Cell::Moment(altered.clone())),
                ("AUTO_CLUSTERING_ON", yes(false)),
                ("COMMENT", found.comment.clone().into()),
                ("IS_TEMPORARY", yes(details.temporary)),
                ("IS_ICEBERG", yes(false)),
                ("IS_DYNAMIC", yes(false)),
                ("IS_IMMUTABLE", yes(false)),
                ("IS_HYBRID", yes(false)),
            ]);
        }
        for (view, _) in ALL {
            listing.row([
                ("TABLE_CATALOG", self.database.as_str().into()),
                ("TABLE_SCHEMA", NAME.into()),
                ("TABLE_NAME", (*view).into()),
                ("TABLE_TYPE", "VIEW".into()),
            ]);
        }
        Ok(())
    }

    pub(super) fn views(&self, listing: &mut Listing) -> Result<()> {
        let times = self.databases.workspace.catalog().relation_times()?;
        for (name, found) in self.relations() {
            let RelationKind::View { secure, .. } = &found.kind else {
                continue;
            };
            let altered = times.get(&name).unwrap_or(&found.created_at);
            let shown = self.databases.shows_text(*secure, &found.access);
            listing.row([
                ("TABLE_CATALOG", name.database.as_str().into()),
                ("TABLE_SCHEMA", name.schema.as_str().into()),
                ("TABLE_NAME", name.name.as_str().into()),
                ("TABLE_OWNER", shown_owner(&found.access).into()),
                (
                    "VIEW_DEFINITION",
                    shown.then(|| ddl::view(&name, &found)).into(),
                ),
                ("CHECK_OPTION", "NONE".into()),
                ("IS_UPDATABLE", yes(false)),
                ("INSERTABLE_INTO", yes(false)),
                ("IS_SECURE", yes(*secure)),
                ("CREATED", Cell::Moment(found.created_at.clone())),
                ("LAST_ALTERED", Cell::Moment(altered.clone())),
                ("COMMENT", found.comment.clone().into()),
            ]);
        }
        Ok(())
    }

    pub(super) async fn columns(&self, listing: &mut Listing) -> Result<()> {
        for (name, found) in self.relations() {
            let provider = match self.databases.provider(&name, &found).await {
                Ok(provider) => provider,
                // What the view reads, or the other engine's table, is gone: it has no columns until that is back.
                Err(_) if !matches!(found.kind, RelationKind::Table { .. }) => continue,
                Err(error) => return Err(crate::failure::explain(error)),
            };
            for (position, field) in (1_i64..).zip(provider.schema().fields()) {
                column(listing, &name, &found, position, field);
            }
        }
        for (view, header) in ALL {
            for (position, (column, kind)) in (1_i64..).zip(header.iter()) {
                let kind = match kind {
                    Kind::Text => "VARCHAR(16777216)",
                    Kind::Number => "NUMBER(38,0)",
                    Kind::Moment => "TIMESTAMP_LTZ(6)",
                };
                let mut cells = type_cells(kind);
                cells.extend([
                    ("TABLE_CATALOG", self.database.as_str().into()),
                    ("TABLE_SCHEMA", NAME.into()),
                    ("TABLE_NAME", (*view).into()),
                    ("COLUMN_NAME", (*column).into()),
                    ("ORDINAL_POSITION", position.into()),
                    ("IS_NULLABLE", yes(true)),
                    ("IS_SELF_REFERENCING", yes(false)),
                    ("IS_IDENTITY", yes(false)),
                ]);
                listing.row(cells);
            }
        }
        Ok(())
    }
}

fn column(
    listing: &mut Listing,
    name: &RelationName,
    found: &Relation,
    position: i64,
    field: &Field,
) {
    let details = found.details.column(field.name());
    let declared = details.map(|details| details.kind.clone());
    let kind = declared.filter(|kind| !kind.is_empty());
    let kind = kind.unwrap_or_else(|| full_type(type_name(field)));
    let mut cells = type_cells(&kind);
    cells.extend([
        ("TABLE_CATALOG", name.database.as_str().into()),
        ("TABLE_SCHEMA", name.schema.as_str().into()),
        ("TABLE_NAME", name.name.as_str().into()),
        ("COLUMN_NAME", field.name().as_str().into()),
        ("ORDINAL_POSITION", position.into()),
        (
            "IS_NULLABLE",
            yes(!details.is_some_and(|details| details.not_null)),
        ),
        ("IS_SELF_REFERENCING", yes(false)),
    ]);
    cells.extend(declared_cells(details));
    listing.row(cells);
}

fn declared_cells(details: Option<&ColumnDetails>) -> Vec<(&'static str, Cell)> {
    let identity = details.and_then(|details| details.identity.as_ref());
    let mut cells = vec![
        ("IS_IDENTITY", yes(identity.is_some())),
        (
            "COLUMN_DEFAULT",
            details.and_then(|details| details.default.clone()).into(),
        ),
        (
            "COMMENT",
            details.and_then(|details| details.comment.clone()).into(),
        ),
    ];
    if let Some(identity) = identity {
        cells.extend([
            ("IDENTITY_GENERATION", "BY DEFAULT".into()),
            ("IDENTITY_START", identity.start.to_string().into()),
            ("IDENTITY_INCREMENT", identity.step.to_string().into()),
            ("IDENTITY_CYCLE", yes(false)),
            ("IDENTITY_ORDERED", yes(identity.ordered)),
        ]);
    }
    cells
}

/// `NUMBER(10,2)` as the name of the type and its lengths.
pub(super) fn type_cells(kind: &str) -> Vec<(&'static str, Cell)> {
    let (name, arguments) = match kind.split_once('(') {
        Some((name, arguments)) => (name, arguments.trim_end_matches(')')),
        None => (kind, ""),
    };
    let mut numbers = arguments
        .split(',')
        .filter_map(|number| number.trim().parse::<i64>().ok());
    let (first, second) = (numbers.next(), numbers.next());
    let longest = 16_777_216;
    match name {
        "NUMBER" => vec![
            ("DATA_TYPE", "NUMBER".into()),
            ("NUMERIC_PRECISION", first.unwrap_or(38).into()),
            ("NUMERIC_PRECISION_RADIX", 10.into()),
            ("NUMERIC_SCALE", second.unwrap_or(0).into()),
        ],
        "VARCHAR" => {
            let length = first.unwrap_or(longest);
            vec![
                ("DATA_TYPE", "TEXT".into()),
                ("CHARACTER_MAXIMUM_LENGTH", length.into()),
                (
                    "CHARACTER_OCTET_LENGTH",
                    length.saturating_mul(4).min(longest).into(),
                ),
            ]
        }
        "BINARY" => {
            let length = first.unwrap_or(8_388_608);
            vec![
                ("DATA_TYPE", "BINARY".into()),
                ("CHARACTER_MAXIMUM_LENGTH", length.into()),
                ("CHARACTER_OCTET_LENGTH", length.into()),
            ]
        }
        "TIME" | "TIMESTAMP_NTZ" | "TIMESTAMP_LTZ" | "TIMESTAMP_TZ" => vec![
            ("DATA_TYPE", name.into()),
            ("DATETIME_PRECISION", first.unwrap_or(9).into()),
        ],
        other => vec![("DATA_TYPE", other.into())],
    }
}
