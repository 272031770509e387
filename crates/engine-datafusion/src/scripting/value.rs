//! Cells of results as the values of variables, and variables in the places of their names.

use std::ops::ControlFlow;

use arrow::array::{Array, RecordBatch};
use arrow::datatypes::{DataType, Field};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use diagnostic::{Result, ResultExt, codes};
use engine::Value;
use sqlparser::ast::Expr;

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
