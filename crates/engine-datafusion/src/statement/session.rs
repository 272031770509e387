//! SET, UNSET, USE, ALTER SESSION, SHOW PARAMETERS and SHOW VARIABLES: statements about the session.
//!
//! <https://docs.snowflake.com/en/sql-reference/session-variables>,
//! <https://docs.snowflake.com/en/sql-reference/sql/alter-session>

use std::collections::BTreeSet;

use arrow::array::{Array as _, ArrayRef, AsArray as _};
use arrow::datatypes::DataType;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use diagnostic::{Error, Result, ResultExt, codes};
use engine::{Outcome, Session, Takes, Value, parameter, parameters};
use governance::is_configured;
use model::{Identifier, SchemaName};
use sqlparser::ast::helpers::key_value_options::{KeyValueOption, KeyValueOptionKind};
use sqlparser::ast::{Expr, ObjectName, Set, ShowStatementFilter, Statement, Use};

use super::{query, show, unsupported};
use crate::Embedded;
use crate::access::{available_roles, no_role};
use crate::commands::{DEFAULT_SCHEMA, is_implicit};
use crate::names::{identifier, namespace};

/// Variables hold texts of at most this many bytes.
const LONGEST: usize = 256;

pub(super) async fn run(
    engine: &Embedded,
    session: &Session,
    statement: Statement,
) -> Result<Outcome> {
    match statement {
        Statement::Set(set) => assign(engine, session, set).await,
        Statement::Use(target) => change(engine, session, &target),
        Statement::AlterSession {
            set,
            session_params,
        } => alter(session, set, &session_params.options),
        Statement::ShowVariables {
            filter,
            global: false,
            session: true,
        } => show_parameters(session, filter.as_ref()),
        Statement::ShowVariables {
            filter,
            global: false,
            session: false,
        } => show_variables(session, filter.as_ref()),
        other => Err(unsupported(&other)),
    }
}

fn succeeded() -> Outcome {
    Outcome::Done("Statement executed successfully.".to_owned())
}

async fn assign(engine: &Embedded, session: &Session, set: Set) -> Result<Outcome> {
    let (names, values) = match set {
        Set::SingleAssignment {
            scope: None,
            hivevar: false,
            variable,
            values,
        } => (vec![variable], values),
        Set::ParenthesizedAssignments { variables, values } => (variables, values),
        other => return Err(unsupported(&Statement::Set(other))),
    };
    let names: Vec<String> = names.iter().map(variable_name).collect::<Result<_>>()?;
    if values.is_empty() {
        session.memory.set(|settings| {
            for name in &names {
                settings.variables.remove(name);
            }
        });
        return Ok(succeeded());
    }
    let values = evaluate(engine, session, &values, names.len()).await?;
    if values.len() != names.len() {
        return Err(Error::new(
            codes::E1002,
            format!(
                "SET names {} variables and gives {} values",
                names.len(),
                values.len()
            ),
        ));
    }
    if let Some(long) = values
        .iter()
        .find(|value| value.to_string().len() > LONGEST)
    {
        return Err(Error::new(
            codes::E1004,
            format!(
                "A session variable holds {LONGEST} bytes, and this value has {}",
                long.to_string().len()
            ),
        ));
    }
    session.memory.set(|settings| {
        settings.variables.extend(names.into_iter().zip(values));
    });
    Ok(succeeded())
}

fn variable_name(name: &ObjectName) -> Result<String> {
    match name.0.as_slice() {
        [part] => match part.as_ident() {
            Some(ident) => Ok(identifier(ident).as_str().to_owned()),
            None => Err(unsupported(name)),
        },
        _ => Err(unsupported(name)),
    }
}

/// The values of the expressions, or those of one query with as many columns.
async fn evaluate(
    engine: &Embedded,
    session: &Session,
    values: &[Expr],
    width: usize,
) -> Result<Vec<Value>> {
    let text = match values {
        [Expr::Subquery(rows)] if width > 1 => sql::written(&**rows),
        _ => {
            let items: Vec<String> = (1..)
                .zip(values)
                .map(|(number, value)| format!("{} as v{number}", sql::written(value)))
                .collect();
            format!("select {}", items.join(", "))
        }
    };
    let rows = query::rows_of(engine, session, &text).await?;
    let schema = std::sync::Arc::clone(&rows.schema);
    let batches = rows.collect().await?;
    let count: usize = batches.iter().map(|batch| batch.num_rows()).sum();
    if count != 1 {
        return Err(Error::new(
            codes::E1002,
            format!("SET takes one row of values, and this query gives {count}"),
        ));
    }
    let batch = arrow::compute::concat_batches(&schema, &batches)
        .explain(codes::X0001, || "A row cannot be put together".to_owned())?;
    let values = batch.columns().iter().map(|column| match value(column)? {
        Value::Number(number) => Ok(Value::Number(without_zeros(&number).to_owned())),
        other => Ok(other),
    });
    values.collect()
}

/// A number as a variable keeps it: `SET v = (SELECT 1 / 2)` is 0.5, though the quotient has six digits.
fn without_zeros(number: &str) -> &str {
    match number.contains('.') {
        true => number.trim_end_matches('0').trim_end_matches('.'),
        false => number,
    }
}

/// The value of the first row of `column`.
pub(crate) fn value(column: &ArrayRef) -> Result<Value> {
    if column.is_null(0) {
        return Ok(Value::Null);
    }
    if functions::is_timestamp_tz(column.data_type()) {
        let exact = "YYYY-MM-DD HH24:MI:SS.FF6 TZH:TZM";
        let mut parameters = functions::Parameters::default();
        let shown = parameters
            .assign("TIMESTAMP_TZ_OUTPUT_FORMAT", exact)
            .and_then(|()| functions::shown_as_text(column, &parameters))
            .explain(codes::X0001, || "A value cannot be shown".to_owned())?;
        return Ok(Value::Typed {
            kind: "TIMESTAMP_TZ".to_owned(),
            text: shown.as_string::<i32>().value(0).to_owned(),
        });
    }
    let shown = ArrayFormatter::try_new(column.as_ref(), &FormatOptions::default())
        .explain(codes::X0001, || "A value cannot be shown".to_owned())?
        .value(0)
        .to_string();
    Ok(match column.data_type() {
        DataType::Boolean => Value::Boolean(shown == "true"),
        kind if kind.is_floating() => Value::Typed {
            kind: "FLOAT".to_owned(),
            text: shown,
        },
        kind if kind.is_numeric() => Value::Number(shown),
        DataType::Date32 => Value::Typed {
            kind: "DATE".to_owned(),
            text: shown,
        },
        DataType::Time64(_) => Value::Typed {
            kind: "TIME".to_owned(),
            text: shown,
        },
        DataType::Timestamp(_, None) => Value::Typed {
            kind: "TIMESTAMP_NTZ".to_owned(),
            text: shown,
        },
        DataType::Timestamp(_, Some(_)) => Value::Typed {
            kind: "TIMESTAMP_LTZ".to_owned(),
            text: shown,
        },
        DataType::Utf8 | DataType::Utf8View => Value::Text(shown),
        other => {
            return Err(Error::new(
                codes::E2001,
                format!("A session variable of type {other} is not supported"),
            )
            .help("cast the value to VARCHAR"));
        }
    })
}

fn change(engine: &Embedded, session: &Session, target: &Use) -> Result<Outcome> {
    let namespaces = engine.workspace().namespaces();
    let one = |name: &ObjectName| match name.0.as_slice() {
        [part] => part.as_ident().map(identifier),
        _ => None,
    };
    match target {
        Use::Database(name) => {
            let name = one(name).ok_or_else(|| unsupported(target))?;
            use_database(session, &namespaces, name)?;
        }
        Use::Schema(name) => use_schema(session, &namespaces, namespace(session, name)?)?,
        Use::Object(name) => match one(name) {
            Some(name) => use_database(session, &namespaces, name)?,
            None => use_schema(session, &namespaces, namespace(session, name)?)?,
        },
        Use::Role(name) => {
            let name = one(name).ok_or_else(|| unsupported(target))?;
            use_role(engine, session, name)?;
        }
        Use::Warehouse(name) => {
            let name = one(name).ok_or_else(|| unsupported(target))?;
            session
                .memory
                .set(|settings| settings.warehouse = Some(name));
        }
        Use::Catalog(_) | Use::SecondaryRoles(_) | Use::Default => {
            return Err(unsupported(target));
        }
    }
    Ok(succeeded())
}

/// Before there are roles, every name is one. <https://docs.snowflake.com/en/sql-reference/sql/use-role>
fn use_role(engine: &Embedded, session: &Session, name: Identifier) -> Result<()> {
    let roles = available_roles(engine.workspace(), session);
    let configured = is_configured(&engine.workspace().roles());
    if configured && !roles.contains_key(&name) {
        return Err(no_role(&name, roles.into_keys()));
    }
    session.memory.set(|settings| settings.role = Some(name));
    Ok(())
}

fn use_database(
    session: &Session,
    namespaces: &BTreeSet<SchemaName>,
    database: Identifier,
) -> Result<()> {
    if !namespaces.iter().any(|name| name.database == database) {
        let names: Vec<&str> = namespaces
            .iter()
            .map(|name| name.database.as_str())
            .collect();
        return Err(Error::new(
            codes::K3003,
            format!("Database `{database}` does not exist"),
        )
        .suggest(database.as_str(), names));
    }
    let public = Identifier::unquoted(DEFAULT_SCHEMA);
    session.enter(SchemaName::new(database, public));
    Ok(())
}

fn use_schema(
    session: &Session,
    namespaces: &BTreeSet<SchemaName>,
    name: SchemaName,
) -> Result<()> {
    if !namespaces.contains(&name) && !is_implicit(session, namespaces, &name) {
        let names: Vec<String> = namespaces.iter().map(ToString::to_string).collect();
        return Err(
            Error::new(codes::K3003, format!("Schema `{name}` does not exist"))
                .suggest(&name.to_string(), names.iter().map(String::as_str)),
        );
    }
    session.enter(name);
    Ok(())
}

fn alter(session: &Session, set: bool, options: &[KeyValueOption]) -> Result<Outcome> {
    let mut changed = Vec::new();
    for option in options {
        let parameter = parameter(&option.option_name)?;
        if !set {
            changed.push((parameter.name, None));
            continue;
        }
        let KeyValueOptionKind::Single(value) = &option.option_value else {
            return Err(unsupported(option));
        };
        let text = match &value.value {
            sqlparser::ast::Value::Number(number, _) => number.clone(),
            sqlparser::ast::Value::Boolean(value) => value.to_string(),
            sqlparser::ast::Value::Placeholder(word) => word.clone(),
            other => match other.clone().into_string() {
                Some(text) => text,
                None => return Err(unsupported(option)),
            },
        };
        let text = parameter.check(&text)?;
        if matches!(parameter.takes, Takes::Function) {
            crate::parameters::check(parameter, &text)?;
        }
        changed.push((parameter.name, Some(text)));
    }
    session.memory.set(|settings| {
        for (name, value) in changed {
            match value {
                Some(value) => settings.parameters.insert(name.to_owned(), value),
                None => settings.parameters.remove(name),
            };
        }
    });
    Ok(succeeded())
}

fn matches(filter: Option<&ShowStatementFilter>, name: &str) -> Result<bool> {
    match filter {
        None => Ok(true),
        Some(ShowStatementFilter::Like(pattern)) => Ok(show::like(pattern, name)),
        Some(other) => Err(unsupported(other)),
    }
}

fn show_parameters(session: &Session, filter: Option<&ShowStatementFilter>) -> Result<Outcome> {
    let set = session.memory.settings().parameters;
    let mut columns = vec![Vec::new(); 6];
    for parameter in parameters() {
        if !matches(filter, parameter.name)? {
            continue;
        }
        let own = set.get(parameter.name);
        let value = own.map_or(parameter.default, String::as_str);
        let cells = [
            parameter.name,
            value,
            parameter.default,
            if own.is_some() { "SESSION" } else { "" },
            parameter.description,
            parameter.kind(),
        ];
        for (column, cell) in columns.iter_mut().zip(cells) {
            column.push(cell.to_owned());
        }
    }
    let names = ["key", "value", "default", "level", "description", "type"];
    show::rows(&names, &columns)
}

fn show_variables(session: &Session, filter: Option<&ShowStatementFilter>) -> Result<Outcome> {
    let mut columns = vec![Vec::new(); 3];
    for (name, value) in session.memory.settings().variables {
        if matches(filter, &name)? {
            let cells = [name, value.to_string(), value.kind().to_owned()];
            for (column, cell) in columns.iter_mut().zip(cells) {
                column.push(cell);
            }
        }
    }
    show::rows(&["name", "value", "type"], &columns)
}
