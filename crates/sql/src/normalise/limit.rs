//! `TOP n` and `FETCH FIRST n ROWS` become LIMIT.

use sqlparser::ast::{Expr, LimitClause, Query, SetExpr, TopQuantity, Value};

/// Moves FETCH into the LIMIT clause; an OFFSET stays.
pub(super) fn fetch_to_limit(query: &mut Query) {
    let Some(fetch) = query.fetch.take() else {
        return;
    };
    let one = Expr::value(Value::Number("1".to_owned(), false));
    set_limit(query, fetch.quantity.unwrap_or(one));
}

/// Moves TOP of a plain select into the LIMIT clause. WITH TIES and PERCENT stay to be refused.
pub(super) fn top_to_limit(query: &mut Query) {
    let SetExpr::Select(select) = query.body.as_mut() else {
        return;
    };
    let moves = select
        .top
        .as_ref()
        .is_some_and(|top| !top.with_ties && !top.percent);
    if !moves || query.limit_clause.is_some() {
        return;
    }
    let quantity = match select.top.take().and_then(|top| top.quantity) {
        Some(TopQuantity::Constant(rows)) => Expr::value(Value::Number(rows.to_string(), false)),
        Some(TopQuantity::Expr(expr)) => expr,
        None => return,
    };
    set_limit(query, quantity);
}

fn set_limit(query: &mut Query, rows: Expr) {
    match &mut query.limit_clause {
        Some(LimitClause::LimitOffset { limit, .. }) => *limit = Some(rows),
        Some(LimitClause::OffsetCommaLimit { limit, .. }) => *limit = rows,
        None => {
            query.limit_clause = Some(LimitClause::LimitOffset {
                limit: Some(rows),
                offset: None,
                limit_by: Vec::new(),
            });
        }
    }
}
