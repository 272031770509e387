//! QUALIFY without a window function of its own, over a select list that has one.
//!
//! <https://docs.snowflake.com/en/sql-reference/constructs/qualify>. The planner looks for window functions in the
//! condition alone, so one of the select list is named there, where it changes nothing.

use std::ops::ControlFlow;

use sqlparser::ast::{BinaryOperator, Expr, Query, Select, Value, Visit, Visitor};

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
fn window<T: Visit>(tree: &T) -> Option<Expr> {
    struct Finder {
        depth: usize,
    }
    impl Visitor for Finder {
        type Break = Expr;

        fn pre_visit_query(&mut self, _: &Query) -> ControlFlow<Expr> {
            self.depth += 1;
            ControlFlow::Continue(())
        }

        fn post_visit_query(&mut self, _: &Query) -> ControlFlow<Expr> {
            self.depth -= 1;
            ControlFlow::Continue(())
        }

        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<Expr> {
            match expr {
                Expr::Function(function) if self.depth == 0 && function.over.is_some() => {
                    ControlFlow::Break(expr.clone())
                }
                _ => ControlFlow::Continue(()),
            }
        }
    }
    match Visit::visit(tree, &mut Finder { depth: 0 }) {
        ControlFlow::Break(found) => Some(found),
        ControlFlow::Continue(()) => None,
    }
}
