//! `MINUS` is `EXCEPT`.

use sqlparser::ast::{SetExpr, SetOperator};

/// Renames the operators of one query; nested queries come on their own.
pub(super) fn minus_to_except(body: &mut SetExpr) {
    if let SetExpr::SetOperation {
        op, left, right, ..
    } = body
    {
        if *op == SetOperator::Minus {
            *op = SetOperator::Except;
        }
        minus_to_except(left);
        minus_to_except(right);
    }
}
