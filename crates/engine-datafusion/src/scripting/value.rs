//! Cells of results as the values of variables, and variables in the places of their names.

use std::ops::ControlFlow;

use arrow::array::{Array, RecordBatch};
use arrow::datatypes::{DataType, Field};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use diagnostic::{Result, ResultExt, codes};
use engine::Value;
use sqlparser::ast::{Expr, Query, VisitorMut};

use super::scope::{Held, Scope};
use crate::information_schema::type_name;
use crate::known::literal;
use crate::statement::session;

/// The value of a column in one row.
pub(super) fn cell(batch: &RecordBatch, column: usize, row: usize) -> Result<Value> {
    let array = batch.column(column).slice(row, 1);
    let schema = batch.schema();
    let field = schema.field(column);
    if array.is_null(0) {
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
    let _ = sql::walk_mut(expr, &mut Substitute { scope, queries: 0 });
}

struct Substitute<'a> {
    scope: &'a Scope,
    queries: usize,
}

impl Substitute<'_> {
    fn value(&self, expr: &Expr) -> Option<Value> {
        match expr {
            Expr::Identifier(name) => match &self.scope.find(&name.value)?.held {
                Held::Value(value) => Some(value.clone()),
                _ => None,
            },
            Expr::CompoundIdentifier(parts) => {
                let [record, column] = parts.as_slice() else {
                    return None;
                };
                match &self.scope.find(&record.value)?.held {
                    Held::Record(cells) => cells.get(&column.value).cloned(),
                    _ => None,
                }
            }
            _ => None,
        }
    }
}

impl VisitorMut for Substitute<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.queries += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.queries -= 1;
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if self.queries == 0
            && let Some(value) = self.value(expr)
        {
            *expr = literal(&value);
        }
        ControlFlow::Continue(())
    }
}
