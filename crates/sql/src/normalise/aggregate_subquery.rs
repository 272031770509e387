//! Aggregates that differ in a subquery alone: `sum(iff(a in (select …), n, 0)), sum(iff(a in (select …), n, 0))`.
//!
//! The planner calls every subquery the same, and so it would the aggregates. A condition that always holds tells
//! them apart.

use std::ops::ControlFlow;

use sqlparser::ast::{
    BinaryOperator, CaseWhen, Expr, Select, Value, helpers::attached_token::AttachedToken,
};

use crate::aggregates::is_aggregate;

/// Gives all but the first subquery inside of aggregates a form of its own.
pub(super) fn tell_apart(select: &mut Select) {
    let mut number = 0;
    let mut wrap = |expr: &mut Expr| {
        if is_subquery(expr) {
            number += 1;
            if number > 1 {
                guard(expr, number);
            }
        }
        ControlFlow::Continue(())
    };
    let mut aggregates = |expr: &mut Expr| match expr {
        Expr::Function(call) if is_aggregate(call) => {
            crate::own_expressions_mut(&mut call.args, &mut wrap)
        }
        _ => ControlFlow::Continue(()),
    };
    let _ = crate::own_expressions_mut(&mut select.projection, &mut aggregates);
    let _ = crate::own_expressions_mut(&mut select.having, &mut aggregates);
    let _ = crate::own_expressions_mut(&mut select.qualify, &mut aggregates);
}

fn is_subquery(expr: &Expr) -> bool {
    matches!(
        expr,
        Expr::InSubquery { .. } | Expr::Exists { .. } | Expr::Subquery(_)
    )
}

/// `CASE WHEN 2 = 2 THEN expr END`.
fn guard(expr: &mut Expr, number: usize) {
    let number = || Expr::value(Value::Number(number.to_string(), false));
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
