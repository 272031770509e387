//! CREATE VIEW: <https://docs.snowflake.com/en/sql-reference/sql/create-view>.

use catalog::{ColumnDetails, Details, Relation, RelationKind};
use diagnostic::{Result, Source};
use engine::{Outcome, Session};
use model::SchemaName;
use sqlparser::ast::{ColumnOption, ColumnOptions, CreateTableOptions, CreateView, ViewColumnDef};

use super::create::{Wanted, standing, unique_columns};
use super::{done, unsupported};
use crate::Embedded;
use crate::access::created;
use crate::embedded::plan_view;
use crate::names::{identifier, relation};

pub(super) async fn view(
    engine: &Embedded,
    session: &Session,
    create: CreateView,
) -> Result<Outcome> {
    let name = relation(session, &create.name)?;
    let plain = matches!(create.options, CreateTableOptions::None);
    if create.materialized || create.temporary || !plain {
        return Err(unsupported(&create).help("create a plain view, or a table"));
    }
    let workspace = engine.workspace();
    let wanted = Wanted {
        kind: "view",
        or_replace: create.or_replace,
        if_not_exists: create.if_not_exists,
        temporary: false,
    };
    if let Some(outcome) = standing(engine, session, &name, &wanted)? {
        return Ok(outcome);
    }
    let columns = create
        .columns
        .iter()
        .map(column)
        .collect::<Result<Vec<_>>>()?;
    let names: Vec<String> = columns.iter().map(|column| column.name.clone()).collect();
    // A view that does not plan is refused now, not when somebody reads it.
    let text = sql::written(&*create.query);
    let source = Source::new(format!("view {name}"), text.as_str());
    unique_columns(&plan_view(&engine.databases(session), &source, &names).await?)?;
    let view = Relation {
        comment: create.comment,
        details: Details {
            columns: columns
                .into_iter()
                .filter(|column| column.comment.is_some())
                .collect(),
            ..Details::default()
        },
        ..Relation::new(RelationKind::View {
            sql: text,
            namespace: SchemaName::new(session.database.clone(), session.schema.clone()),
            columns: names,
            secure: create.secure,
        })
    };
    let view = created(engine, session, &name, view, create.copy_grants, None);
    workspace.stage_relation(&name, view)?;
    Ok(done(&name, "successfully created"))
}

fn column(column: &ViewColumnDef) -> Result<ColumnDetails> {
    let mut details = ColumnDetails {
        name: identifier(&column.name).as_str().to_owned(),
        ..ColumnDetails::default()
    };
    let options = match &column.options {
        None => &[][..],
        Some(ColumnOptions::CommaSeparated(options) | ColumnOptions::SpaceSeparated(options)) => {
            options
        }
    };
    for option in options {
        match option {
            ColumnOption::Comment(text) => details.comment = Some(text.clone()),
            other => return Err(unsupported(other)),
        }
    }
    if let Some(kind) = &column.data_type {
        return Err(unsupported(kind));
    }
    Ok(details)
}
