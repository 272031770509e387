//! What a column gets that a statement does not give a value: its DEFAULT, its next number, or NULL.

use arrow::datatypes::{DataType, Field, Schema};
use catalog::{ColumnDetails, Relation};
use diagnostic::{Error, Result, Source, codes};
use sqlparser::ast::{
    Expr, Ident, Query, SelectItem, SetExpr, Statement, TableFactor, TableWithJoins, Value, Values,
};

use crate::information_schema::type_name;
use crate::provider::Databases;
use crate::{prepare, sequences};

/// The expression of the text `text`, normalised.
pub(crate) fn expression(databases: &Databases, text: &str) -> Result<Expr> {
    let source = Source::new("default", format!("select {text}"));
    let mut statement = sql::parse_script(&source)?.pop();
    if let Some(statement) = &mut statement {
        prepare::resolve_names(databases, &mut statement.ast)?;
    }
    let tree = statement.map(sql::normalise).transpose()?;
    if let Some(Statement::Query(query)) = tree.map(|statement| statement.ast)
        && let SetExpr::Select(select) = *query.body
        && let Some(SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. }) =
            select.projection.into_iter().next()
    {
        return Ok(expr);
    }
    Err(Error::new(
        codes::E1002,
        format!("`{text}` is no expression"),
    ))
}

/// What column `name` gets by itself.
pub(crate) fn default(databases: &Databases, relation: &Relation, name: &str) -> Result<Expr> {
    match relation.details.column(name) {
        Some(ColumnDetails {
            identity: Some(identity),
            ..
        }) => Ok(sequences::next_value(
            &identity.sequence,
            identity.start,
            identity.step,
        )),
        Some(ColumnDetails {
            default: Some(text),
            ..
        }) => expression(databases, text),
        _ => Ok(Expr::value(Value::Null)),
    }
}

/// Whether `expr` is the keyword DEFAULT.
pub(crate) fn is_default(expr: &Expr) -> bool {
    matches!(expr, Expr::Identifier(Ident { value, quote_style: None, .. }) if value == "DEFAULT")
}

/// The rows of VALUES that are all that `query` gives.
fn rows_of(query: &mut Query) -> Option<&mut Values> {
    let select = match query.body.as_mut() {
        SetExpr::Values(values) => return Some(values),
        SetExpr::Select(select) => select,
        _ => return None,
    };
    let [SelectItem::Wildcard(_)] = select.projection.as_slice() else {
        return None;
    };
    match select.from.as_mut_slice() {
        [
            TableWithJoins {
                relation: TableFactor::Derived { subquery, .. },
                joins,
            },
        ] if joins.is_empty() => match subquery.body.as_mut() {
            SetExpr::Values(values) => Some(values),
            _ => None,
        },
        _ => None,
    }
}

/// Puts defaults in the place of the keyword DEFAULT in the rows of VALUES; `columns` are the columns the
/// rows go to.
pub(crate) fn fill_defaults(
    databases: &Databases,
    query: &mut Query,
    relation: &Relation,
    columns: &[String],
) -> Result<()> {
    let Some(values) = rows_of(query) else {
        return Ok(());
    };
    for row in &mut values.rows {
        for (value, column) in row.iter_mut().zip(columns) {
            if is_default(value) {
                *value = default(databases, relation, column)?;
            }
        }
    }
    Ok(())
}

/// Casts texts to the type of their column where other rows have something else there, such as a date: rows of
/// VALUES have one type, and theirs is decided before the column's is known.
pub(crate) fn cast_texts(
    databases: &Databases,
    query: &mut Query,
    schema: &Schema,
    columns: &[String],
) -> Result<()> {
    let Some(values) = rows_of(query) else {
        return Ok(());
    };
    for (at, column) in columns.iter().enumerate() {
        let cells = || values.rows.iter().filter_map(|row| row.get(at));
        let mixed = cells().any(is_text) && !cells().all(|cell| is_text(cell) || is_null(cell));
        let Some((_, field)) = schema.column_with_name(column).filter(|_| mixed) else {
            continue;
        };
        if matches!(
            field.data_type(),
            DataType::Utf8 | DataType::LargeUtf8 | DataType::LargeBinary | DataType::Binary
        ) {
            continue;
        }
        // Without the digits of a second: the rows' types would differ by what they declare.
        let declared = type_name(field);
        let kind = match field.data_type() {
            DataType::Time64(_) | DataType::Timestamp(..) | DataType::Struct(_) => {
                declared.split('(').next().unwrap_or_default()
            }
            _ => &declared,
        };
        let null = expression(databases, &format!("null::{kind}"))?;
        let texts = values.rows.iter_mut().filter_map(|row| row.get_mut(at));
        for text in texts.filter(|cell| is_text(cell)) {
            let mut cast = null.clone();
            if let Expr::Cast { expr, .. } = &mut cast {
                **expr = std::mem::replace(text, Expr::value(Value::Null));
                *text = cast;
            }
        }
    }
    Ok(())
}

fn is_text(expr: &Expr) -> bool {
    matches!(expr, Expr::Value(value) if matches!(value.value, Value::SingleQuotedString(_) | Value::DollarQuotedString(_)))
}

fn is_null(expr: &Expr) -> bool {
    matches!(expr, Expr::Value(value) if value.value == Value::Null)
}

/// Refuses values of a type that no account writes into a column of another: the rows would hold what the column's type
/// does not say. <https://docs.snowflake.com/en/sql-reference/data-type-conversion>
pub(crate) fn fits(value: &Field, column: &Field) -> Result<()> {
    let (from, to) = (type_name(value), type_name(column));
    let strange = match from.as_str() {
        "ARRAY" => to == "OBJECT",
        "OBJECT" => to == "ARRAY",
        "BOOLEAN" => to.starts_with("NUMBER"),
        _ => false,
    };
    match strange {
        false => Ok(()),
        true => Err(Error::new(
            codes::E1105,
            format!(
                "Column `{}` is of type {to}, and the statement gives {from}",
                column.name()
            ),
        )
        .help("cast the value to the column's type")),
    }
}
