//! HAVING of a select that has neither groups nor aggregates filters its rows, as accounts do and no page says.

use std::ops::ControlFlow;

use sqlparser::ast::{BinaryOperator, Expr, GroupByExpr, Select};

use crate::aggregates::is_aggregate;

/// Makes such a condition, whose aliases are inlined, part of WHERE.
pub(super) fn filter(select: &mut Select) {
    if !matches!(&select.group_by, GroupByExpr::Expressions(keys, sets) if keys.is_empty() && sets.is_empty())
        || aggregates(&select.projection)
        || aggregates(&select.having)
    {
        return;
    }
    let Some(condition) = select.having.take() else {
        return;
    };
    select.selection = Some(match select.selection.take() {
        Some(first) => Expr::BinaryOp {
            left: Box::new(Expr::Nested(Box::new(first))),
            op: BinaryOperator::And,
            right: Box::new(Expr::Nested(Box::new(condition))),
        },
        None => condition,
    });
}

/// Whether an aggregate that is no window function stands there, outside of subqueries.
fn aggregates<N: crate::Node>(node: &N) -> bool {
    let mut found = |expr: &Expr| match expr {
        Expr::Function(call) if call.over.is_none() && is_aggregate(call) => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    };
    crate::own_expressions(node, &mut found).is_break()
}
