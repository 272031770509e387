//! The statements that would create an object again: GET_DDL and the text of views.
//!
//! <https://docs.snowflake.com/en/sql-reference/functions/get_ddl>

use std::fmt::Write as _;

use catalog::{ColumnDetails, ConstraintKind, ObjectBody, ObjectKind, Relation, RelationKind};
use diagnostic::{Error, Result, codes};
use model::{RelationName, SchemaName};
use sqlparser::ast::{Ident, ObjectName};

use crate::access::{Named, not_authorized};
use crate::checks;
use crate::failure::explain;
use crate::information_schema::type_name;
use crate::names::{namespace, relation};
use crate::provider::Databases;
use crate::statement::unsupported;

/// What `GET_DDL(kind, name)` gives.
pub(crate) async fn get_ddl(databases: &Databases, kind: &str, name: &str) -> Result<String> {
    let parsed = object_name(name)?;
    let session = &databases.session;
    match kind.to_uppercase().as_str() {
        "TABLE" | "VIEW" => {
            let name = relation(session, &parsed)?;
            match databases.relation(&name) {
                Some(found) => one(databases, &name, &found).await,
                None => Err(Error::new(
                    codes::K3001,
                    format!("Relation `{name}` does not exist"),
                )),
            }
        }
        "SCHEMA" => whole_schema(databases, &namespace(session, &parsed)?).await,
        "DATABASE" => {
            let database = super::database_name(&parsed)?;
            let mut text = format!("create or replace database {database};\n");
            for schema in databases.namespaces() {
                if schema.database == database {
                    text.push('\n');
                    text.push_str(&whole_schema(databases, &schema).await?);
                }
            }
            Ok(text)
        }
        "SEQUENCE" => object(
            databases,
            ObjectKind::Sequence,
            &relation(session, &parsed)?,
        ),
        "FILE_FORMAT" => object(
            databases,
            ObjectKind::FileFormat,
            &relation(session, &parsed)?,
        ),
        "FUNCTION" => function_named(databases, ObjectKind::Function, name),
        "PROCEDURE" => function_named(databases, ObjectKind::Procedure, name),
        other => Err(unsupported(&format!("GET_DDL('{other}', …)"))),
    }
}

fn object_name(name: &str) -> Result<ObjectName> {
    let source = diagnostic::Source::new(
        "name",
        format!("drop table {}", name.split('(').next().unwrap_or(name)),
    );
    match sql::parse_script(&source)?
        .pop()
        .map(|statement| statement.ast)
    {
        Some(sqlparser::ast::Statement::Drop { names, .. }) if names.len() == 1 => {
            Ok(names.into_iter().next().unwrap_or(ObjectName(Vec::new())))
        }
        _ => Err(Error::new(codes::E1002, format!("`{name}` is no name"))),
    }
}

async fn whole_schema(databases: &Databases, name: &SchemaName) -> Result<String> {
    if !databases.namespaces().contains(name) {
        return Err(Error::new(
            codes::K3003,
            format!("Schema `{name}` does not exist"),
        ));
    }
    let mut text = format!(
        "create or replace schema {};\n",
        quoted(name.schema.as_str())
    );
    for ((kind, object_name), _) in databases.objects() {
        let plain = matches!(
            kind,
            ObjectKind::Sequence
                | ObjectKind::FileFormat
                | ObjectKind::Function
                | ObjectKind::Procedure
        );
        if plain && object_name.namespace() == *name {
            let _ = writeln!(text, "\n{}", object(databases, kind, &object_name)?);
        }
    }
    for (relation, found) in databases.relations() {
        if relation.namespace() == *name {
            let _ = writeln!(text, "\n{}", one(databases, &relation, &found).await?);
        }
    }
    Ok(text)
}

async fn one(databases: &Databases, name: &RelationName, found: &Relation) -> Result<String> {
    match &found.kind {
        RelationKind::View { secure, .. } => match databases.shows_text(*secure, &found.access) {
            true => Ok(whole_view(databases, name, found).await),
            false => Err(not_authorized(
                &Named::Relation(name.clone()),
                "ownership",
                &databases.rights.role(),
            )),
        },
        RelationKind::External { location } => Ok(external_table(name, location)),
        RelationKind::Table { .. } => table(databases, name, found).await,
    }
}

async fn table(databases: &Databases, name: &RelationName, found: &Relation) -> Result<String> {
    let provider = databases.provider(name, found).await.map_err(explain)?;
    let kind = match (found.details.temporary, found.details.transient) {
        (true, _) => "TEMPORARY TABLE",
        (_, true) => "TRANSIENT TABLE",
        _ => "TABLE",
    };
    let mut text = format!(
        "create or replace {kind} {} (\n",
        quoted(name.name.as_str())
    );
    let mut lines: Vec<String> = provider
        .schema()
        .fields()
        .iter()
        .map(|field| {
            let details = found.details.column(field.name());
            let kind = details
                .map(|details| details.kind.clone())
                .filter(|kind| !kind.is_empty())
                .unwrap_or_else(|| full_type(type_name(field)));
            let more = details.map(column).unwrap_or_default();
            format!("\t{} {kind}{more}", quoted(field.name()))
        })
        .collect();
    for key in &found.details.constraints {
        let columns: Vec<String> = key.columns.iter().map(|column| quoted(column)).collect();
        let columns = columns.join(", ");
        let named = match key.name.starts_with("SYS_CONSTRAINT_") {
            true => String::new(),
            false => format!("constraint {} ", quoted(&key.name)),
        };
        let rely = if key.rely { " rely" } else { "" };
        lines.push(match &key.kind {
            ConstraintKind::PrimaryKey => format!("\t{named}primary key ({columns}){rely}"),
            ConstraintKind::Unique => format!("\t{named}unique ({columns}){rely}"),
            ConstraintKind::ForeignKey {
                table,
                columns: others,
            } => {
                let others: Vec<String> = others.iter().map(|column| quoted(column)).collect();
                format!(
                    "\t{named}foreign key ({columns}) references {table}({}){rely}",
                    others.join(", ")
                )
            }
        });
    }
    let stored = databases.workspace.table(name).await?;
    for (check, condition) in stored.constraints().await? {
        let named = match check.starts_with("SYS_CONSTRAINT_") {
            true => String::new(),
            false => format!("constraint {} ", quoted(&check)),
        };
        let condition = checks::declared(&condition);
        lines.push(format!("\t{named}check ({condition})"));
    }
    text.push_str(&lines.join(",\n"));
    text.push_str("\n)");
    if let Some(keys) = &found.details.cluster_by {
        let _ = write!(text, " cluster by {keys}");
    }
    if let Some(comment) = &found.comment {
        let _ = writeln!(text, "COMMENT='{}'", comment.replace('\'', "''"));
    }
    text.push(';');
    Ok(text)
}

fn column(details: &ColumnDetails) -> String {
    let mut text = String::new();
    if details.not_null {
        text.push_str(" NOT NULL");
    }
    if let Some(identity) = &details.identity {
        let order = if identity.ordered { "order" } else { "noorder" };
        let _ = write!(
            text,
            " autoincrement start {} increment {} {order}",
            identity.start, identity.step
        );
    }
    if let Some(default) = &details.default {
        let _ = write!(text, " DEFAULT {default}");
    }
    if let Some(comment) = &details.comment {
        let _ = write!(text, " COMMENT '{}'", comment.replace('\'', "''"));
    }
    text
}

/// Types with the lengths they have without one.
pub(crate) fn full_type(kind: String) -> String {
    match kind.as_str() {
        "VARCHAR" => "VARCHAR(16777216)".to_owned(),
        "BINARY" => "BINARY(8388608)".to_owned(),
        _ => kind,
    }
}

/// The statement that creates an external table.
fn external_table(name: &RelationName, location: &str) -> String {
    let name = quoted(name.name.as_str());
    let location = location.replace('\'', "''");
    format!(
        "create or replace external table {name} location='{location}' table_format=DELTA \
         file_format=(TYPE=PARQUET);"
    )
}

/// GET_DDL of a view: with the columns that its query gives.
async fn whole_view(databases: &Databases, name: &RelationName, found: &Relation) -> String {
    // A view whose query no longer plans still has its text.
    let Ok(provider) = databases.provider(name, found).await else {
        return view(name, found);
    };
    let schema = provider.schema();
    let columns = schema.fields().iter().map(|field| {
        let comment = found.details.column(field.name());
        match comment.and_then(|column| column.comment.as_ref()) {
            Some(comment) => {
                let comment = comment.replace('\'', "''");
                format!("{} COMMENT '{comment}'", quoted(field.name()))
            }
            None => quoted(field.name()),
        }
    });
    let columns: Vec<String> = columns.collect();
    view_of(name, found, &columns)
}

/// The statement that creates a view.
pub(crate) fn view(name: &RelationName, found: &Relation) -> String {
    match &found.kind {
        RelationKind::View { columns, .. } => {
            let columns: Vec<String> = columns.iter().map(|column| quoted(column)).collect();
            view_of(name, found, &columns)
        }
        _ => String::new(),
    }
}

fn view_of(name: &RelationName, found: &Relation, columns: &[String]) -> String {
    let RelationKind::View { sql, secure, .. } = &found.kind else {
        return String::new();
    };
    let secure = if *secure { "secure " } else { "" };
    let columns = match columns {
        [] => String::new(),
        columns => format!("(\n\t{}\n)", columns.join(",\n\t")),
    };
    let comment = match &found.comment {
        Some(comment) => format!(" COMMENT='{}'", comment.replace('\'', "''")),
        None => String::new(),
    };
    let name = quoted(name.name.as_str());
    format!("create or replace {secure}view {name}{columns}{comment} as {sql};")
}

fn function_named(databases: &Databases, wanted_kind: ObjectKind, name: &str) -> Result<String> {
    let wanted = relation(&databases.session, &object_name(name)?)?;
    let start = format!("{}(", wanted.name.as_str());
    let given: String = name.to_uppercase().split_whitespace().collect();
    let found = databases.objects().into_keys().find(|(kind, key)| {
        let spaceless: String = key.name.as_str().split_whitespace().collect();
        *kind == wanted_kind
            && key.namespace() == wanted.namespace()
            && key.name.as_str().starts_with(&start)
            && (!given.contains('(') || given.ends_with(&spaceless))
    });
    match found {
        Some((kind, key)) => object(databases, kind, &key),
        None => Err(Error::new(
            codes::K3001,
            format!("The {wanted_kind} `{name}` does not exist"),
        )),
    }
}

fn object(databases: &Databases, kind: ObjectKind, name: &RelationName) -> Result<String> {
    let Some(found) = databases.object(kind, name) else {
        return Err(Error::new(codes::K3001, format!("`{name}` does not exist")));
    };
    let comment = match &found.comment {
        Some(comment) => format!(" COMMENT='{}'", comment.replace('\'', "''")),
        None => String::new(),
    };
    let own = quoted(name.name.as_str());
    Ok(match &found.body {
        ObjectBody::Sequence {
            start,
            step,
            ordered,
            ..
        } => {
            let order = if *ordered { "order" } else { "noorder" };
            format!(
                "create or replace sequence {own} start with {start} increment by {step} {order}{comment};"
            )
        }
        ObjectBody::FileFormat { options } => {
            let options: Vec<String> = options
                .iter()
                .map(|(name, value)| format!("\t{name} = {value}\n"))
                .collect();
            format!(
                "CREATE OR REPLACE FILE FORMAT {own}\n{}{comment};",
                options.concat()
            )
        }
        ObjectBody::Function {
            arguments,
            returns,
            body,
            secure,
        } => {
            let (plain, result, _) = super::function::signature(name, returns);
            let arguments: Vec<String> = arguments
                .iter()
                .map(|argument| {
                    let default = argument.default.as_ref();
                    let default = default
                        .map(|text| format!(" DEFAULT {text}"))
                        .unwrap_or_default();
                    format!(
                        "{} {}{default}",
                        quoted_always(&argument.name),
                        argument.kind
                    )
                })
                .collect();
            let secure = if *secure { "SECURE " } else { "" };
            format!(
                "CREATE OR REPLACE {secure}{} {}({})\nRETURNS {result}\nLANGUAGE SQL\nAS '{}';",
                kind.to_string().to_uppercase(),
                quoted_always(&plain),
                arguments.join(", "),
                body.replace('\'', "''")
            )
        }
        _ => return Err(unsupported(&"GET_DDL of this object")),
    })
}

fn quoted_always(name: &str) -> String {
    Ident::with_quote('"', name.replace('"', "\"\"")).to_string()
}

/// `name` as it is written in a statement: in quotes only where it must be.
fn quoted(name: &str) -> String {
    let mut letters = name.bytes();
    let plain = letters
        .next()
        .is_some_and(|first| first.is_ascii_uppercase() || first == b'_')
        && letters.all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_' || b == b'$');
    if plain {
        name.to_owned()
    } else {
        quoted_always(name)
    }
}
