//! `TOP n` and `FETCH FIRST n ROWS` become LIMIT; a limit of NULL is none.

use sqlparser::ast::{
    Expr, LimitClause, OrderByExpr, OrderByKind, OrderByOptions, Query, SelectItem, SetExpr,
    TopQuantity, Value,
};

/// Moves FETCH into the LIMIT clause; an OFFSET stays.
pub(super) fn fetch_to_limit(query: &mut Query) {
    let Some(fetch) = query.fetch.take() else {
        return;
    };
    let one = Expr::value(Value::Number("1".to_owned(), false));
    set_limit(query, fetch.quantity.unwrap_or(one));
}

/// `ORDER BY ALL`: the parser takes the word for a column
/// (<https://docs.snowflake.com/en/sql-reference/constructs/order-by>).
pub(super) fn order_by_all(query: &mut Query) {
    let Some(order) = &mut query.order_by else {
        return;
    };
    let OrderByKind::Expressions(exprs) = &order.kind else {
        return;
    };
    let [only] = exprs.as_slice() else {
        return;
    };
    if !matches!(&only.expr, Expr::Identifier(name) if name.quote_style.is_none() && name.value == "ALL")
    {
        return;
    }
    order.kind = all_columns(&query.body, only.options);
}

/// The order by all columns of `body`: by their positions, if it lists them.
pub(crate) fn all_columns(body: &SetExpr, options: OrderByOptions) -> OrderByKind {
    let position = |number: usize| OrderByExpr {
        expr: Expr::value(Value::Number(number.to_string(), false)),
        options,
        with_fill: None,
    };
    match width(body) {
        Some(width) => OrderByKind::Expressions((1..=width).map(position).collect()),
        None => OrderByKind::All(options),
    }
}

/// How many columns a query gives, if it lists them.
fn width(body: &SetExpr) -> Option<usize> {
    match body {
        SetExpr::Select(select) => {
            let listed = select.projection.iter().all(|item| {
                matches!(
                    item,
                    SelectItem::UnnamedExpr(_) | SelectItem::ExprWithAlias { .. }
                )
            });
            listed.then_some(select.projection.len())
        }
        SetExpr::SetOperation { left, .. } => width(left),
        SetExpr::Query(query) => width(&query.body),
        _ => None,
    }
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

/// `LIMIT NULL` and `OFFSET NULL` limit nothing
/// (<https://docs.snowflake.com/en/sql-reference/constructs/limit>).
pub(super) fn drop_nulls(query: &mut Query) {
    let is_null = |expr: &Expr| matches!(expr, Expr::Value(value) if value.value == Value::Null);
    if let Some(LimitClause::LimitOffset { limit, offset, .. }) = &mut query.limit_clause {
        limit.take_if(|limit| is_null(limit));
        offset.take_if(|offset| is_null(&offset.value));
    }
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
