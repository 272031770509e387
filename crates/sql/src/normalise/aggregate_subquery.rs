//! Aggregates that differ in a subquery alone: `sum(iff(a in (select …), n, 0)), sum(iff(a in (select …), n, 0))`.
//!
//! The planner calls every subquery the same, and so it would the aggregates. A condition that always holds tells
//! them apart.

use std::ops::ControlFlow;

use sqlparser::ast::{
    BinaryOperator, CaseWhen, Expr, Query, Select, Value, VisitorMut,
    helpers::attached_token::AttachedToken,
};

use crate::aggregates::is_aggregate;

/// Gives all but the first subquery inside of aggregates a form of its own.
pub(super) fn tell_apart(select: &mut Select) {
    let mut aggregates = Aggregates {
        depth: 0,
        number: 0,
    };
    let _ = crate::walk_mut(&mut select.projection, &mut aggregates);
    let _ = crate::walk_mut(&mut select.having, &mut aggregates);
    let _ = crate::walk_mut(&mut select.qualify, &mut aggregates);
}

/// Finds the aggregates of a select.
struct Aggregates {
    depth: usize,
    number: usize,
}

impl VisitorMut for Aggregates {
    type Break = ();

    fn pre_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.depth += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        match expr {
            Expr::Function(call) if self.depth == 0 && is_aggregate(call) => {
                let mut subqueries = Subqueries {
                    depth: 0,
                    number: &mut self.number,
                };
                crate::walk_mut(&mut call.args, &mut subqueries)
            }
            _ => ControlFlow::Continue(()),
        }
    }
}

/// Wraps the subqueries of one aggregate.
struct Subqueries<'a> {
    depth: usize,
    number: &'a mut usize,
}

impl VisitorMut for Subqueries<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.depth += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        let is_subquery = matches!(
            expr,
            Expr::InSubquery { .. } | Expr::Exists { .. } | Expr::Subquery(_)
        );
        if self.depth > 0 || !is_subquery {
            return ControlFlow::Continue(());
        }
        *self.number += 1;
        if *self.number > 1 {
            let number = || Expr::value(Value::Number(self.number.to_string(), false));
            let condition = Expr::BinaryOp {
                left: Box::new(number()),
                op: BinaryOperator::Eq,
                right: Box::new(number()),
            };
            let result = std::mem::replace(expr, Expr::value(Value::Null));
            *expr = Expr::Case {
                case_token: AttachedToken::empty(),
                end_token: AttachedToken::empty(),
                operand: None,
                conditions: vec![CaseWhen { condition, result }],
                else_result: None,
            };
        }
        ControlFlow::Continue(())
    }
}
