//! What COPY loaded: <https://docs.snowflake.com/en/sql-reference/info-schema/load_history>,
//! <https://docs.snowflake.com/en/sql-reference/functions/copy_history>.

use std::collections::BTreeMap;
use std::sync::Arc;

use catalog::LoadedFile;
use chrono::{DateTime, Utc};
use datafusion::datasource::{MemTable, TableProvider};
use diagnostic::{Error, Result, codes};
use model::{Identifier, RelationName};
use sqlparser::ast::{Expr, FunctionArg};

use super::Header;
use crate::failure::explain;
use crate::listing::{Cell, Kind, Listing, count};
use crate::prepare::instant;
use crate::provider::Databases;
use crate::stages;

pub(super) const LOAD_HISTORY: Header = &[
    ("SCHEMA_NAME", Kind::Text),
    ("FILE_NAME", Kind::Text),
    ("TABLE_NAME", Kind::Text),
    ("LAST_LOAD_TIME", Kind::Moment),
    ("STATUS", Kind::Text),
    ("ROW_COUNT", Kind::Number),
    ("ROW_PARSED", Kind::Number),
    ("FIRST_ERROR_MESSAGE", Kind::Text),
    ("FIRST_ERROR_LINE_NUMBER", Kind::Number),
    ("FIRST_ERROR_CHARACTER_POSITION", Kind::Number),
    ("FIRST_ERROR_COL_NAME", Kind::Text),
    ("ERROR_COUNT", Kind::Number),
    ("ERROR_LIMIT", Kind::Number),
];

pub(super) const COPY_HISTORY: Header = &[
    ("FILE_NAME", Kind::Text),
    ("STAGE_LOCATION", Kind::Text),
    ("LAST_LOAD_TIME", Kind::Moment),
    ("ROW_COUNT", Kind::Number),
    ("ROW_PARSED", Kind::Number),
    ("FILE_SIZE", Kind::Number),
    ("FIRST_ERROR_MESSAGE", Kind::Text),
    ("FIRST_ERROR_LINE_NUMBER", Kind::Number),
    ("FIRST_ERROR_CHARACTER_POS", Kind::Number),
    ("FIRST_ERROR_COLUMN_NAME", Kind::Text),
    ("ERROR_COUNT", Kind::Number),
    ("ERROR_LIMIT", Kind::Number),
    ("STATUS", Kind::Text),
    ("TABLE_CATALOG_NAME", Kind::Text),
    ("TABLE_SCHEMA_NAME", Kind::Text),
    ("TABLE_NAME", Kind::Text),
    ("PIPE_CATALOG_NAME", Kind::Text),
    ("PIPE_SCHEMA_NAME", Kind::Text),
    ("PIPE_NAME", Kind::Text),
    ("PIPE_RECEIVED_TIME", Kind::Moment),
    ("FIRST_COMMIT_TIME", Kind::Moment),
];

pub(super) fn load_history(
    databases: &Databases,
    database: &Identifier,
    listing: &mut Listing,
) -> Result<()> {
    for (name, file) in loaded(databases, Some(database))? {
        listing.row([
            ("SCHEMA_NAME", name.schema.as_str().into()),
            ("FILE_NAME", file.path.as_str().into()),
            ("TABLE_NAME", name.name.as_str().into()),
            ("LAST_LOAD_TIME", Cell::Moment(time(databases, &file))),
            ("STATUS", file.status.as_str().into()),
            ("ROW_COUNT", count(file.rows)),
            ("ROW_PARSED", count(file.parsed)),
            ("FIRST_ERROR_MESSAGE", file.first_error.clone().into()),
            (
                "FIRST_ERROR_LINE_NUMBER",
                file.first_line.map_or(Cell::Null, count),
            ),
            (
                "FIRST_ERROR_CHARACTER_POSITION",
                file.first_character.map_or(Cell::Null, count),
            ),
            ("FIRST_ERROR_COL_NAME", file.first_column.clone().into()),
            ("ERROR_COUNT", count(file.errors)),
            ("ERROR_LIMIT", file.error_limit.map_or(Cell::Null, count)),
        ]);
    }
    Ok(())
}

/// The loads of all tables: <https://docs.snowflake.com/en/sql-reference/account-usage/copy_history>.
pub(super) fn all(databases: &Databases, listing: &mut Listing) -> Result<()> {
    for (name, file) in loaded(databases, None)? {
        row(databases, &name, &file, listing);
    }
    Ok(())
}

/// What COPY loaded and what runs loaded from sources, table by table.
fn loaded(
    databases: &Databases,
    database: Option<&Identifier>,
) -> Result<Vec<(RelationName, LoadedFile)>> {
    let mut ingested: BTreeMap<String, Vec<LoadedFile>> = BTreeMap::new();
    for file in databases.workspace.ingested_files(None)? {
        ingested.entry(file.table.clone()).or_default().push(file);
    }
    let mut found = Vec::new();
    for (name, relation) in databases.relations() {
        if database.is_some_and(|database| name.database != *database) || relation.id.is_empty() {
            continue;
        }
        let copied = databases.workspace.loaded_files(&relation.id)?;
        let files = ingested.remove(&name.to_string()).unwrap_or_default();
        let files = files.into_iter().chain(copied);
        found.extend(files.map(|file| (name.clone(), file)));
    }
    Ok(found)
}

fn row(databases: &Databases, name: &RelationName, file: &LoadedFile, listing: &mut Listing) {
    listing.row([
        ("FILE_NAME", file.path.as_str().into()),
        ("STAGE_LOCATION", file.location.clone().into()),
        ("LAST_LOAD_TIME", Cell::Moment(time(databases, file))),
        ("ROW_COUNT", count(file.rows)),
        ("ROW_PARSED", count(file.parsed)),
        ("FILE_SIZE", count(file.size)),
        ("FIRST_ERROR_MESSAGE", file.first_error.clone().into()),
        (
            "FIRST_ERROR_LINE_NUMBER",
            file.first_line.map_or(Cell::Null, count),
        ),
        (
            "FIRST_ERROR_CHARACTER_POS",
            file.first_character.map_or(Cell::Null, count),
        ),
        ("FIRST_ERROR_COLUMN_NAME", file.first_column.clone().into()),
        ("ERROR_COUNT", count(file.errors)),
        ("ERROR_LIMIT", file.error_limit.map_or(Cell::Null, count)),
        ("STATUS", status(&file.status).into()),
        ("TABLE_CATALOG_NAME", name.database.as_str().into()),
        ("TABLE_SCHEMA_NAME", name.schema.as_str().into()),
        ("TABLE_NAME", name.name.as_str().into()),
    ]);
}

/// When a file was loaded: in this run, if it is not published yet.
fn time(databases: &Databases, file: &LoadedFile) -> String {
    match file.loaded_at.is_empty() {
        true => databases.session.as_of.to_rfc3339(),
        false => file.loaded_at.clone(),
    }
}

/// `LOADED` as COPY_HISTORY says it.
fn status(text: &str) -> String {
    let mut words = text.replace('_', " ").to_lowercase();
    if let Some(first) = words.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    words
}

/// The files loaded into a table since START_TIME, by `copy_history(table_name => …, start_time => …)`.
pub(crate) async fn copy_history(
    databases: &Databases,
    given: &[FunctionArg],
) -> Result<Arc<dyn TableProvider>> {
    let (mut table, mut start, mut end) = (None, None, None);
    for (name, value) in stages::arguments(given)? {
        match name.as_str() {
            "TABLE_NAME" => table = Some(stages::text_argument(&value)?),
            "START_TIME" => start = Some(moment(databases, value).await?),
            "END_TIME" => end = Some(moment(databases, value).await?),
            _ => {
                return Err(Error::new(
                    codes::E1002,
                    format!("COPY_HISTORY does not take `{name}`"),
                )
                .help("it takes TABLE_NAME, START_TIME and END_TIME"));
            }
        }
    }
    let (Some(table), Some(start)) = (table, start) else {
        return Err(Error::new(
            codes::E1002,
            "COPY_HISTORY takes TABLE_NAME and START_TIME",
        ));
    };
    let name = crate::names::relation(&databases.session, &sql::object_name(&table)?)?;
    let Some(relation) = databases.relation(&name) else {
        return Err(Error::new(
            codes::K3001,
            format!("Relation `{name}` does not exist"),
        ));
    };
    let mut listing = Listing::new(COPY_HISTORY);
    let ingested = databases.workspace.ingested_files(Some(&name))?;
    let copied = databases.workspace.loaded_files(&relation.id)?;
    for file in ingested.into_iter().chain(copied) {
        let at = DateTime::parse_from_rfc3339(&time(databases, &file)).map(|at| at.to_utc());
        if at.is_ok_and(|at| at < start || end.is_some_and(|end| at > end)) {
            continue;
        }
        row(databases, &name, &file, &mut listing);
    }
    let batch = listing.batch()?;
    let table = MemTable::try_new(batch.schema(), vec![vec![batch]]).map_err(explain)?;
    Ok(Arc::new(table))
}

async fn moment(databases: &Databases, value: Expr) -> Result<DateTime<Utc>> {
    let shown = value.to_string();
    let value = databases.scalar(value, "timestamp_ltz").await?;
    instant(&value).ok_or_else(|| Error::new(codes::E1002, format!("`{shown}` is no time")))
}
