//! `MINUS` is `EXCEPT`, and a select with TOP inside of a set operation becomes a query with LIMIT.

use sqlparser::ast::{SetExpr, SetOperator};

use super::limit;
use crate::recursive::plain;

/// Renames the operators of one query; nested queries come on their own.
pub(super) fn rewrite(body: &mut SetExpr) {
    let SetExpr::SetOperation {
        op, left, right, ..
    } = body
    else {
        return;
    };
    if *op == SetOperator::Minus {
        *op = SetOperator::Except;
    }
    for side in [left, right] {
        if matches!(side.as_ref(), SetExpr::Select(select) if select.top.is_some()) {
            let nothing = SetExpr::Values(sqlparser::ast::Values {
                explicit_row: false,
                value_keyword: false,
                rows: Vec::new(),
            });
            let mut query = plain(std::mem::replace(side.as_mut(), nothing));
            limit::top_to_limit(&mut query);
            **side = SetExpr::Query(Box::new(query));
        }
        rewrite(side);
    }
}
