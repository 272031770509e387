//! Cells of results as the values of variables, and variables in the places of their names.

use std::ops::ControlFlow;

use arrow::array::{Array, RecordBatch};
use arrow::datatypes::{DataType, Field};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use diagnostic::{Result, ResultExt, codes};
use engine::Value;
use sqlparser::ast::{AccessExpr, Expr, Value as Literal};

use super::scope::{Held, Scope};
use crate::information_schema::type_name;
use crate::known::literal;
use crate::statement::session;

/// The value of a column in one row.
pub(super) fn cell(batch: &RecordBatch, column: usize, row: usize) -> Result<Value> {
    let array = batch.column(column).slice(row, 1);
    let schema = batch.schema();
    let field = schema.field(column);
    if array.is_null(0) || *array.data_type() == DataType::Null {
        return Ok(Value::Null);
    }
    match array.data_type() {
        DataType::LargeUtf8 | DataType::LargeBinary | DataType::Binary | DataType::BinaryView => {
            typed(array.as_ref(), field)
        }
        _ => session::value(&array),
    }
}

/// A value by its text and type.
fn typed(array: &dyn Array, field: &Field) -> Result<Value> {
    let text = ArrayFormatter::try_new(array, &FormatOptions::default())
        .explain(codes::X0001, || "A value cannot be shown".to_owned())?
        .value(0)
        .to_string();
    let kind = type_name(field);
    let kind = kind.split('(').next().unwrap_or_default().to_owned();
    Ok(Value::Typed { kind, text })
}

/// Puts the values of variables in the places of their names. Names inside of queries are columns.
pub(super) fn substitute(expr: &mut Expr, scope: &Scope) {
    let _ = sql::own_expressions_mut(expr, &mut |expr| {
        if let Some(value) = held(expr, scope) {
            *expr = literal(&value);
        }
        ControlFlow::Continue(())
    });
}

/// `:row.column` becomes the name of one value, as [`Scope::values`] calls it.
pub(super) fn name_cells(statement: &mut sqlparser::ast::Statement, scope: &Scope) {
    let _ = sql::expressions_mut(statement, &mut |expr| {
        if let Some(name) = cell_name(expr, scope) {
            *expr = Expr::value(Literal::Placeholder(name));
        }
        ControlFlow::Continue(())
    });
}

fn cell_name(expr: &Expr, scope: &Scope) -> Option<String> {
    let Expr::CompoundFieldAccess { root, access_chain } = expr else {
        return None;
    };
    let (Expr::Value(root), [AccessExpr::Dot(Expr::Identifier(column))]) =
        (root.as_ref(), access_chain.as_slice())
    else {
        return None;
    };
    let Literal::Placeholder(row) = &root.value else {
        return None;
    };
    match &scope.find(&row.strip_prefix(':')?.to_uppercase())?.held {
        Held::Record(cells) if cells.contains_key(&column.value) => {
            Some(format!("{row}.{}", column.value))
        }
        _ => None,
    }
}

/// The value that `expr` names.
fn held(expr: &Expr, scope: &Scope) -> Option<Value> {
    match expr {
        Expr::Identifier(name) => match &scope.find(&name.value)?.held {
            Held::Value(value) => Some(value.clone()),
            _ => None,
        },
        Expr::CompoundIdentifier(parts) => {
            let [record, column] = parts.as_slice() else {
                return None;
            };
            match &scope.find(&record.value)?.held {
                Held::Record(cells) => cells.get(&column.value).cloned(),
                _ => None,
            }
        }
        _ => None,
    }
}
