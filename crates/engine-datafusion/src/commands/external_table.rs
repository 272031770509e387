//! CREATE EXTERNAL TABLE of a Delta table that another engine writes, and its DROP:
//! <https://docs.snowflake.com/en/sql-reference/sql/create-external-table>.

use catalog::{Relation, RelationKind};
use diagnostic::{Error, Result, codes};
use engine::{Outcome, Session};
use sql::command::{CommandOption, CreateExternalTable, OptionValue};
use sqlparser::ast::ObjectName;

use crate::Embedded;
use crate::access::owned;
use crate::failure::explain;
use crate::names::relation;
use crate::stages::{Location, outside};
use crate::statement::create::{Wanted, standing};
use crate::statement::{done, unsupported};

pub(super) async fn create(
    engine: &Embedded,
    session: &Session,
    create: CreateExternalTable,
) -> Result<Outcome> {
    let name = relation(session, &create.name)?;
    if create.declares_columns {
        return Err(unsupported(&"An external table with columns of its own").help(
            "leave the columns out: the table's log says what they are; select what you need in a view",
        ));
    }
    let wanted = Wanted {
        kind: "external table",
        or_replace: create.or_replace,
        if_not_exists: create.if_not_exists,
        temporary: false,
    };
    if let Some(outcome) = standing(engine, session, &name, &wanted)? {
        return Ok(outcome);
    }
    let databases = engine.databases(session);
    let (mut location, mut delta, mut comment) = (None, false, None);
    for CommandOption { name, value } in &create.options {
        let text = value.single().unwrap_or_default();
        match name.as_str() {
            "LOCATION" if text.starts_with('@') => {
                let place = Location::resolve(&databases, text)?;
                location = Some(place.target().display().to_string());
            }
            "LOCATION" => {
                outside(&databases, text)?;
                location = Some(text.trim_end_matches('/').to_owned());
            }
            "TABLE_FORMAT" if text.eq_ignore_ascii_case("delta") => delta = true,
            "FILE_FORMAT" if is_parquet(value) => {}
            // Every query reads the newest version, so there is nothing to refresh.
            "AUTO_REFRESH" | "REFRESH_ON_CREATE" => {}
            "COMMENT" => comment = Some(text.to_owned()),
            _ => return Err(unsupported(&format!("{name} = {value}"))),
        }
    }
    let Some(location) = location else {
        return Err(Error::new(
            codes::E1002,
            "An external table needs a LOCATION",
        ));
    };
    if !delta {
        return Err(unsupported(&"An external table of files").help(
            "`table_format = delta` reads a Delta table; files are read from a stage: `select … from @stage`, or loaded by COPY",
        ));
    }
    let found = Relation {
        comment,
        access: owned(session),
        ..Relation::new(RelationKind::External { location })
    };
    // What cannot be read is refused now, not when somebody asks.
    databases.provider(&name, &found).await.map_err(explain)?;
    engine.workspace().stage_relation(&name, found)?;
    Ok(done(&name, "successfully created"))
}

fn is_parquet(value: &OptionValue) -> bool {
    match value {
        OptionValue::Options(options) => options.iter().all(|option| {
            option.name == "TYPE"
                && option
                    .value
                    .single()
                    .is_some_and(|kind| kind.eq_ignore_ascii_case("parquet"))
        }),
        _ => false,
    }
}

pub(super) fn drop(
    engine: &Embedded,
    session: &Session,
    name: &ObjectName,
    if_exists: bool,
) -> Result<Outcome> {
    let name = relation(session, name)?;
    let workspace = engine.workspace();
    match workspace.relation(&name) {
        None if if_exists => Ok(done(&name, "does not exist, statement succeeded")),
        Some(found) if !matches!(found.kind, RelationKind::External { .. }) => Err(Error::new(
            codes::K3002,
            format!("`{name}` is no external table"),
        )),
        _ => {
            workspace.drop_relation(&name)?;
            Ok(done(&name, "successfully dropped"))
        }
    }
}
