//! CREATE and DROP FUNCTION: functions written in SQL, put in the places of their calls.
//!
//! <https://docs.snowflake.com/en/developer-guide/udf/sql/udf-sql-introduction>

use catalog::{FunctionArgument, FunctionResult, Object, ObjectBody, ObjectKind};
use diagnostic::{Error, Result, codes};
use engine::{Outcome, Session};
use model::{Identifier, RelationName};
use sql::command::{CreateFunction, Returns};
use sqlparser::ast::{DataType, ObjectName};

use crate::Embedded;
use crate::access::owned;
use crate::names::{identifier, relation};
use crate::statement::create::{either, known_namespace};
use crate::statement::{done, unsupported};
use crate::user_functions::parse_body;

pub(super) fn create(
    engine: &Embedded,
    session: &Session,
    create: CreateFunction,
) -> Result<Outcome> {
    if create.language == "SQL" {
        // What does not parse now would fail at every call.
        parse_body(&create.body)?;
    }
    create_as(engine, session, ObjectKind::Function, create)
}

/// Keeps a function, or a procedure.
pub(crate) fn create_as(
    engine: &Embedded,
    session: &Session,
    kind: ObjectKind,
    create: CreateFunction,
) -> Result<Outcome> {
    either(create.or_replace, create.if_not_exists)?;
    if create.language != "SQL" {
        return Err(unsupported(&format!("LANGUAGE {}", create.language))
            .help(format!("a {kind} is written in SQL")));
    }
    if create.strict {
        return Err(unsupported(&"RETURNS NULL ON NULL INPUT")
            .help("write `case when argument is not null then … end`"));
    }
    if create.temporary {
        return Err(unsupported(&format!("A temporary {kind}")).help("leave TEMPORARY out"));
    }
    let plain = relation(session, &create.name)?;
    known_namespace(engine, session, &plain.namespace())?;
    let kinds: Vec<DataType> = create
        .arguments
        .iter()
        .map(|(_, kind, _)| kind.clone())
        .collect();
    let name = with_types(&plain, &kinds);
    let workspace = engine.workspace();
    if workspace.object(kind, &name).is_some() {
        if create.if_not_exists {
            return Ok(done(&name, "already exists, statement succeeded"));
        }
        if !create.or_replace {
            return Err(
                Error::new(codes::K3002, format!("The {kind} `{name}` exists already"))
                    .help(format!("write `create or replace {kind}`")),
            );
        }
    }
    let arguments = create
        .arguments
        .into_iter()
        .map(|(name, kind, default)| FunctionArgument {
            name: identifier(&name).as_str().to_owned(),
            kind: kind.to_string(),
            default: default.map(|default| default.to_string()),
        })
        .collect();
    let returns = match create.returns {
        Returns::Scalar(kind) => FunctionResult::Scalar(kind.to_string()),
        Returns::Table(columns) => FunctionResult::Table(
            columns
                .into_iter()
                .map(|(name, kind)| (identifier(&name).as_str().to_owned(), kind.to_string()))
                .collect(),
        ),
    };
    workspace.create_object(
        kind,
        &name,
        Object {
            body: ObjectBody::Function {
                arguments,
                returns,
                body: create.body,
                secure: create.secure,
            },
            comment: create.comment,
            created_at: session.as_of.to_rfc3339(),
            access: owned(session),
        },
    );
    Ok(done(&name, "successfully created"))
}

pub(super) fn drop(
    engine: &Embedded,
    session: &Session,
    name: &ObjectName,
    arguments: &[DataType],
    if_exists: bool,
) -> Result<Outcome> {
    let name = with_types(&relation(session, name)?, arguments);
    super::drop_called(engine, ObjectKind::Function, &name, if_exists)
}

/// The name a function is kept under: functions of one name differ in the types of their arguments.
pub(crate) fn with_types(name: &RelationName, kinds: &[DataType]) -> RelationName {
    let kinds: Vec<String> = kinds.iter().map(family).collect();
    let text = format!("{}({})", name.name.as_str(), kinds.join(", "));
    RelationName {
        name: Identifier::quoted(text),
        ..name.clone()
    }
}

/// A type without its length, as signatures have it.
fn family(kind: &DataType) -> String {
    let text = kind.to_string().to_uppercase();
    let plain = text.split('(').next().unwrap_or_default().trim();
    match plain {
        "INT" | "INTEGER" | "BIGINT" | "SMALLINT" | "TINYINT" | "BYTEINT" | "DECIMAL"
        | "NUMERIC" | "NUMBER" => "NUMBER",
        "TEXT" | "STRING" | "CHAR" | "CHARACTER" | "VARCHAR" => "VARCHAR",
        "DOUBLE" | "DOUBLE PRECISION" | "REAL" | "FLOAT4" | "FLOAT8" | "FLOAT" => "FLOAT",
        other => other,
    }
    .to_owned()
}

/// A function's name without types, what it returns, and whether that is a table.
pub(crate) fn signature(name: &RelationName, returns: &FunctionResult) -> (String, String, bool) {
    let whole = name.name.as_str();
    let plain = whole.split('(').next().unwrap_or(whole).to_owned();
    match returns {
        FunctionResult::Scalar(kind) => (plain, kind.clone(), false),
        FunctionResult::Table(columns) => {
            let columns: Vec<String> = columns
                .iter()
                .map(|(name, kind)| format!("{name} {kind}"))
                .collect();
            (plain, format!("TABLE ({})", columns.join(", ")), true)
        }
    }
}
