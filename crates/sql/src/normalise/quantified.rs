//! `x = ANY (select …)` and `x <> ALL (select …)` are IN and NOT IN; the planner knows the other operators.
//!
//! <https://docs.snowflake.com/en/user-guide/querying-subqueries>

use sqlparser::ast::{BinaryOperator, Expr, Query};

/// Expands `expr` if it compares with all or any rows of a query.
pub(super) fn expand(expr: &mut Expr) {
    let replacement = match expr {
        Expr::AnyOp {
            left,
            compare_op: BinaryOperator::Eq,
            right,
            is_some: _,
        } => rows(right).map(|rows| within(left, rows, false)),
        Expr::AllOp {
            left,
            compare_op: BinaryOperator::NotEq,
            right,
        } => rows(right).map(|rows| within(left, rows, true)),
        Expr::AnyOp { right, .. } | Expr::AllOp { right, .. } => {
            if let Some(rows) = rows(right).cloned() {
                **right = Expr::Subquery(Box::new(rows));
            }
            None
        }
        _ => None,
    };
    if let Some(replacement) = replacement {
        *expr = replacement;
    }
}

fn rows(right: &Expr) -> Option<&Query> {
    match right {
        Expr::Subquery(query) => Some(query),
        Expr::Nested(inner) => rows(inner),
        _ => None,
    }
}

fn within(left: &Expr, rows: &Query, negated: bool) -> Expr {
    Expr::InSubquery {
        expr: Box::new(left.clone()),
        subquery: Box::new(rows.clone()),
        negated,
    }
}
