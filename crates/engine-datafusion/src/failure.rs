//! DataFusion's and Delta's errors in our words.

use datafusion::common::{SchemaError, Span};
use datafusion::error::DataFusionError;
use diagnostic::{Error, Source, codes};

use crate::calls;

/// Like [`explain`], with the place in `source` where the planner says it is.
pub(crate) fn explain_in(error: DataFusionError, source: Option<&Source>) -> Error {
    let place = source.and_then(|source| {
        let span = span(&error)?;
        let offset = |at: datafusion::common::Location| {
            let line = usize::try_from(at.line).ok()?;
            let column = usize::try_from(at.column).ok()?;
            Some(source.offset(line, column))
        };
        Some(source.place(offset(span.start)?..offset(span.end)?))
    });
    let error = explain(error);
    match place {
        Some(place) => error.at(place),
        None => error,
    }
}

/// Where in a statement an error is, if it knows.
fn span(error: &DataFusionError) -> Option<Span> {
    match error {
        DataFusionError::Diagnostic(diagnostic, inner) => diagnostic.span.or_else(|| span(inner)),
        DataFusionError::Context(_, inner) => span(inner),
        DataFusionError::Collection(all) => all.first().and_then(span),
        _ => None,
    }
}

/// Says what went wrong in a plan or while it ran.
pub(crate) fn explain(error: DataFusionError) -> Error {
    let root = match error {
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => {
            return explain(*inner);
        }
        DataFusionError::Shared(inner) => return explain_shared(&inner),
        DataFusionError::Collection(mut all) if !all.is_empty() => {
            return explain(all.swap_remove(0));
        }
        DataFusionError::External(cause) => match cause.downcast::<Error>() {
            Ok(ours) => return *ours,
            Err(cause) => DataFusionError::External(cause),
        },
        other => other,
    };
    match root {
        DataFusionError::SchemaError(schema, _) => schema_error(*schema),
        DataFusionError::ResourcesExhausted(message) => Error::new(
            codes::E1003,
            format!("The memory limit was reached: {}", first_line(&message)),
        )
        .help("raise `memory_limit` in sluice.yml, or let the query work on less at a time"),
        DataFusionError::Plan(message) => plan_error(&message),
        DataFusionError::NotImplemented(message)
            if message.starts_with("Physical plan does not support logical expression") =>
        {
            Error::new(codes::E2001, "A subquery in this place is not supported")
                .help("write it as a join, or select it as a column of a WITH clause first")
        }
        DataFusionError::NotImplemented(message) => Error::new(
            codes::E2001,
            format!("Not supported: {}", first_line(&message)),
        ),
        DataFusionError::ArrowError(cause, _) => data_error(&cause.to_string()),
        DataFusionError::Execution(message) => data_error(&message),
        other => Error::new(
            codes::E1001,
            format!("The statement failed: {}", first_line(&other.to_string())),
        ),
    }
}

/// An error that several consumers of one plan share: only its text is left to us.
fn explain_shared(error: &DataFusionError) -> Error {
    match error {
        DataFusionError::ResourcesExhausted(message) => {
            explain(DataFusionError::ResourcesExhausted(message.clone()))
        }
        DataFusionError::ArrowError(cause, _) => data_error(&cause.to_string()),
        DataFusionError::Execution(message) => data_error(message),
        DataFusionError::Context(_, inner) => explain_shared(inner),
        other => Error::new(
            codes::E1001,
            format!("The statement failed: {}", first_line(&other.to_string())),
        ),
    }
}

fn schema_error(error: SchemaError) -> Error {
    match error {
        SchemaError::FieldNotFound {
            field,
            valid_fields,
        } => {
            let names: Vec<&str> = valid_fields
                .iter()
                .map(|column| column.name.as_str())
                .collect();
            let shown = field.flat_name().replace('"', "");
            let error = Error::new(codes::E1101, format!("Column `{shown}` does not exist"));
            match diagnostic::nearest(&field.name, names.iter().copied()) {
                Some(near) => error.help(format!("a similar column exists: `{near}`")),
                None => error.with("columns", names.join(", ")),
            }
        }
        SchemaError::AmbiguousReference { field } => Error::new(
            codes::E1102,
            format!(
                "Column `{}` is ambiguous: several tables have it",
                field.name
            ),
        )
        .help("write the table's name or alias before it"),
        other => Error::new(codes::E1002, other.to_string()),
    }
}

fn plan_error(whole: &str) -> Error {
    let message = first_line(whole);
    if message.starts_with("Correlated scalar subquery") {
        return Error::new(
            codes::E2001,
            "A subquery that depends on the outer query in this way is not supported",
        )
        .help("write it as a join, or select it as a column of a WITH clause first");
    }
    if let Some(rest) = message.strip_prefix("table '")
        && let Some((name, _)) = rest.split_once("' not found")
    {
        return Error::new(
            codes::K3001,
            format!("Relation `{}` does not exist", name.to_uppercase()),
        )
        .help("`show tables` lists what exists");
    }
    if let Some(error) = calls::explain(message) {
        return error;
    }
    if let Some(error) = grouping_error(message).or_else(|| type_error(message)) {
        return error;
    }
    Error::new(codes::E1002, message.to_owned())
}

/// A column beside aggregates that is no group.
fn grouping_error(message: &str) -> Option<Error> {
    let (before, _) = message.split_once("must appear in the GROUP BY clause")?;
    let named = match before.rsplit_once("column \"") {
        Some((_, column)) => column.trim_end().trim_end_matches('"'),
        None => before.rsplit_once(": ")?.1.trim(),
    };
    let column = named.replace('"', "");
    Some(
        Error::new(
            codes::E1110,
            format!("Column `{column}` is neither grouped nor aggregated"),
        )
        .help("add it to GROUP BY, write `group by all`, or take one value with `any_value(…)`"),
    )
}

/// Operators and functions that do not take the types of their arguments.
fn type_error(message: &str) -> Option<Error> {
    const SIGNS: [&str; 5] = [
        "Cannot coerce",
        "Failed to coerce",
        "common argument type",
        "Cannot get result type",
        "have no type in common",
    ];
    let about_types = SIGNS.iter().any(|sign| message.contains(sign));
    about_types.then(|| {
        let message = message.split(" You might need").next().unwrap_or(message);
        Error::new(codes::E1105, message.to_owned()).help("cast one of the values: `value::type`")
    })
}

fn data_error(message: &str) -> Error {
    let message = first_line(message);
    let message = message.strip_prefix("Cast error: ").unwrap_or(message);
    let message = message.strip_prefix("Compute error: ").unwrap_or(message);
    Error::new(codes::E1004, message.to_owned())
}

fn first_line(message: &str) -> &str {
    message.lines().next().unwrap_or_default()
}
