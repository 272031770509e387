//! What a column gets that a statement does not give a value: its DEFAULT, its next number, or NULL.

use catalog::{ColumnDetails, Relation};
use diagnostic::{Error, Result, Source, codes};
use sqlparser::ast::{Expr, Ident, Query, SelectItem, SetExpr, Statement, Value};

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

/// Puts defaults in the place of the keyword DEFAULT in the rows of VALUES; `columns` are the columns the
/// rows go to.
pub(crate) fn fill_defaults(
    databases: &Databases,
    query: &mut Query,
    relation: &Relation,
    columns: &[String],
) -> Result<()> {
    let SetExpr::Values(values) = query.body.as_mut() else {
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
