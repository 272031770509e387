//! CREATE TABLE … USING TEMPLATE:
//! <https://docs.snowflake.com/en/sql-reference/sql/create-table#create-table-using-template>.

use arrow::array::AsArray;
use arrow::compute::cast;
use arrow::datatypes::DataType;
use catalog::Details;
use diagnostic::{Error, Result, ResultExt, Source, codes};
use engine::{Outcome, Session};
use serde_json::Value;
use sql::command::TableFromTemplate;
use sqlparser::ast::{CreateTable, Statement};

use crate::names::relation;
use crate::statement::create::{New, Wanted, fill, standing};
use crate::statement::definition::define;
use crate::statement::{done, unsupported};
use crate::{Embedded, embedded};

pub(super) async fn run(
    engine: &Embedded,
    session: &Session,
    create: TableFromTemplate,
) -> Result<Outcome> {
    let name = relation(session, &create.name)?;
    let mut comment = None;
    for option in &create.options {
        match (option.name.as_str(), option.value.single()) {
            ("COMMENT", Some(text)) => comment = Some(text.to_owned()),
            _ => return Err(unsupported(&format!("{} = {}", option.name, option.value))),
        }
    }
    let wanted = Wanted {
        kind: "table",
        or_replace: create.or_replace,
        if_not_exists: create.if_not_exists,
        temporary: create.temporary,
    };
    if let Some(outcome) = standing(engine, session, &name, &wanted)? {
        return Ok(outcome);
    }
    let text = template(engine, session, sql::written(&create.query)).await?;
    let statement = definition(&text)?;
    let mut definition = define(
        engine,
        session,
        &name,
        &statement.columns,
        &statement.constraints,
    )
    .await?;
    let details = Details {
        transient: create.transient,
        temporary: create.temporary,
        columns: std::mem::take(&mut definition.columns),
        ..Details::default()
    };
    let new = New {
        details,
        comment,
        definition,
        change_tracking: false,
        copy_grants: false,
        like: None,
    };
    fill(engine, session, &name, None, new).await?;
    Ok(done(&name, "successfully created"))
}

/// The one value that the query gives.
async fn template(engine: &Embedded, session: &Session, query: String) -> Result<String> {
    let source = Source::new("template", query);
    let databases = engine.databases(session);
    let plan = embedded::plan_view(&databases, &source, &[]).await?;
    let (_, batches) = engine.collect(session, &plan).await?;
    let rows: usize = batches.iter().map(|batch| batch.num_rows()).sum();
    let batch = batches.iter().find(|batch| batch.num_rows() > 0);
    match batch {
        Some(batch) if rows == 1 && batch.num_columns() == 1 => {
            let text = cast(batch.column(0), &DataType::LargeUtf8).explain(codes::E1004, || {
                "The template gives no array".to_owned()
            })?;
            Ok(text.as_string::<i64>().value(0).to_owned())
        }
        _ => Err(Error::new(
            codes::E1002,
            "The query of a template gives one row with one array",
        )
        .help(
            "write `using template (select array_agg(object_construct(*)) from table(infer_schema(…)))`",
        )),
    }
}

/// The columns that the array describes, as a statement that creates them.
fn definition(text: &str) -> Result<CreateTable> {
    let wrong = || {
        Error::new(codes::E1002, "The template gives no array of columns").help(
            "each element is an object with COLUMN_NAME, TYPE and NULLABLE, as INFER_SCHEMA gives them",
        )
    };
    let parsed: Value = serde_json::from_str(text).map_err(|_| wrong())?;
    let Value::Array(mut columns) = parsed else {
        return Err(wrong());
    };
    columns.sort_by_key(|column| column.get("ORDER_ID").and_then(Value::as_i64));
    let mut lines = Vec::new();
    for column in &columns {
        let part = |name: &str| column.get(name).and_then(Value::as_str);
        let (Some(name), Some(kind)) = (part("COLUMN_NAME"), part("TYPE")) else {
            return Err(wrong());
        };
        // Whole numbers of files without a precision are what INT is.
        let kind = if kind == "NUMBER(38, 0)" { "INT" } else { kind };
        let null = match column.get("NULLABLE") {
            Some(Value::Bool(false)) => " NOT NULL",
            _ => "",
        };
        lines.push(format!("\"{}\" {kind}{null}", name.replace('"', "\"\"")));
    }
    if lines.is_empty() {
        return Err(
            Error::new(codes::E1002, "The template describes no columns")
                .help("the location may hold no files"),
        );
    }
    let source = Source::new("template", format!("create table t ({})", lines.join(", ")));
    let statement = sql::parse_script(&source)?.pop();
    match statement.map(|statement| statement.ast) {
        Some(Statement::CreateTable(create)) => Ok(create),
        _ => Err(wrong()),
    }
}
