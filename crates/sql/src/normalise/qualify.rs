//! QUALIFY without a window function of its own, over a select list that has one.
//!
//! <https://docs.snowflake.com/en/sql-reference/constructs/qualify>. The planner looks for window functions in the
//! condition alone, so one of the select list is named there, where it changes nothing.

use std::ops::ControlFlow;

use sqlparser::ast::{BinaryOperator, Expr, Select, Value};

/// Names a window function of the select list in the condition of QUALIFY if it has none.
pub(super) fn name_window(select: &mut Select) {
    let Some(condition) = &mut select.qualify else {
        return;
    };
    if window(condition).is_some() {
        return;
    }
    let Some(found) = window(&select.projection) else {
        return;
    };
    let nested = |expr| Box::new(Expr::Nested(Box::new(expr)));
    let always = Expr::BinaryOp {
        left: Box::new(Expr::IsNull(nested(found))),
        op: BinaryOperator::Or,
        right: Box::new(Expr::value(Value::Boolean(true))),
    };
    *condition = Expr::BinaryOp {
        left: nested(condition.clone()),
        op: BinaryOperator::And,
        right: nested(always),
    };
}

/// The first window function outside of subqueries.
fn window<T: crate::Node>(tree: &T) -> Option<Expr> {
    let mut found = None;
    let _ = crate::own_expressions(tree, &mut |expr| match expr {
        Expr::Function(function) if function.over.is_some() => {
            found = Some(expr.clone());
            ControlFlow::Break(())
        }
        _ => ControlFlow::Continue(()),
    });
    found
}
