//! Expressions of a block: each is a query of one value, with the variables' values in their places.

use std::ops::Range;

use engine::{Rows, Value};
use sqlparser::ast::{BinaryOperator, DataType, Expr};

use super::deep::deep;
use super::flow::Interpreter;
use super::raised::{Raised, Result};
use super::value::{cell, substitute};
use crate::dml::tree;
use crate::statement::query;
use crate::user_functions::cast;

impl Interpreter<'_> {
    /// The rows of `select expr as name`.
    pub(super) async fn one_row(
        &mut self,
        mut expr: Expr,
        name: &str,
        span: &Range<usize>,
    ) -> Result<Rows> {
        substitute(&mut expr, &self.scope);
        let select = tree::select(vec![tree::named(expr, name)], Vec::new(), None);
        let select = select.map_err(Raised::expression)?;
        let statement = sql::Statement::of_query(select, span.clone(), &self.script);
        let session = self.bound();
        let engine = self.statements.engine(&session).await;
        let engine = engine.map_err(Raised::expression)?;
        let rows = deep(query::rows_of_statement(&engine, &session, statement)).await;
        let place = self.script.place(span.clone());
        rows.map_err(|error| Raised::expression(error).at(place))
    }

    /// The value of `expr`, as `kind` if there is one.
    pub(super) async fn value(
        &mut self,
        expr: &Expr,
        kind: Option<&str>,
        span: &Range<usize>,
    ) -> Result<Value> {
        let expr = match kind {
            Some(kind) => cast(expr.clone(), kind).map_err(Raised::expression)?,
            None => expr.clone(),
        };
        // The commonest expressions need no plan.
        if kind.is_none()
            && let Some(value) = constant(&expr)
        {
            return Ok(value);
        }
        let rows = self.one_row(expr, "VALUE", span).await?;
        let place = self.script.place(span.clone());
        let batches = rows.collect().await;
        let batches = batches.map_err(|error| Raised::expression(error).at(place))?;
        match batches.iter().find(|batch| batch.num_rows() > 0) {
            Some(batch) => cell(batch, 0, 0).map_err(Raised::expression),
            None => Ok(Value::Null),
        }
    }

    /// Whether a condition holds: accounts take TRUE, and what is written `1` or `true`. Anything else does not hold, a
    /// 2 and `yes` neither.
    pub(super) async fn holds(&mut self, expr: &Expr, span: &Range<usize>) -> Result<bool> {
        // Not the constant itself: the value of `1.0` is 1.
        let expr = Expr::Nested(Box::new(expr.clone()));
        Ok(match self.value(&expr, None, span).await? {
            Value::Boolean(value) => value,
            Value::Null => false,
            value => {
                let text = value.to_string();
                text == "1" || text.eq_ignore_ascii_case("true")
            }
        })
    }

    /// Whether `operand = expr`, or `expr` alone is true.
    pub(super) async fn matches(
        &mut self,
        operand: Option<&Expr>,
        expr: &Expr,
        span: &Range<usize>,
    ) -> Result<bool> {
        match operand {
            None => self.holds(expr, span).await,
            Some(operand) => {
                let equal = Expr::BinaryOp {
                    left: Box::new(Expr::Nested(Box::new(operand.clone()))),
                    op: BinaryOperator::Eq,
                    right: Box::new(Expr::Nested(Box::new(expr.clone()))),
                };
                self.holds(&equal, span).await
            }
        }
    }

    /// A whole number.
    pub(super) async fn number(&mut self, expr: &Expr, span: &Range<usize>) -> Result<i64> {
        let value = self.value(expr, Some("number(38, 0)"), span).await?;
        value.to_string().parse().map_err(|_| {
            let error = diagnostic::Error::new(
                diagnostic::codes::E1004,
                format!("`{expr}` is no whole number"),
            );
            Raised::expression(error).at(self.script.place(span.clone()))
        })
    }
}

/// The type as the engine's casts write it.
pub(super) fn kind_of(kind: Option<&DataType>) -> Option<String> {
    kind.map(ToString::to_string)
}

/// The value of a literal.
fn constant(expr: &Expr) -> Option<Value> {
    use sqlparser::ast::Value as Literal;
    match expr {
        Expr::Value(value) => match &value.value {
            Literal::Number(number, _) => Some(Value::Number(number.clone())),
            Literal::SingleQuotedString(text) => Some(Value::Text(text.clone())),
            Literal::Boolean(value) => Some(Value::Boolean(*value)),
            Literal::Null => Some(Value::Null),
            _ => None,
        },
        _ => None,
    }
}
