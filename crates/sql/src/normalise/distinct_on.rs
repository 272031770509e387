//! `select distinct on (a) …`: the first row of each group, in the order of ORDER BY.
//!
//! DuckDB and PostgreSQL have it
//! (<https://www.postgresql.org/docs/current/sql-select.html#SQL-DISTINCT>); here it is a QUALIFY.

use sqlparser::ast::{
    Distinct, Expr, OrderByKind, Query, Select, SelectItem, SetExpr, Value, WindowType,
};

/// Rewrites the select of `query` if it is one of these.
pub(super) fn rewrite(query: &mut Query) {
    let SetExpr::Select(select) = query.body.as_mut() else {
        return;
    };
    let Some(Distinct::On(keys)) = &select.distinct else {
        return;
    };
    let Some(SetExpr::Select(mut written)) = crate::parse::template(
        "SELECT 1 FROM T QUALIFY ROW_NUMBER() OVER (PARTITION BY 1 ORDER BY 1) = 1",
    ) else {
        return;
    };
    let keys: Vec<Expr> = keys.iter().map(|key| selected(key, select)).collect();
    let mut order = match query.order_by.as_ref().map(|order| &order.kind) {
        Some(OrderByKind::Expressions(order)) => order.clone(),
        _ => Vec::new(),
    };
    for by in &mut order {
        by.expr = selected(&by.expr, select);
    }
    if let Some(Expr::BinaryOp { left, .. }) = &mut written.qualify
        && let Expr::Function(call) = left.as_mut()
        && let Some(WindowType::WindowSpec(window)) = &mut call.over
    {
        window.partition_by.clone_from(&keys);
        window.order_by = match order.is_empty() {
            true => window.order_by.clone(),
            false => order,
        };
    }
    let first = written.qualify.take();
    select.distinct = None;
    select.qualify = match (select.qualify.take(), first) {
        (Some(own), Some(first)) => Some(Expr::BinaryOp {
            left: Box::new(Expr::Nested(Box::new(own))),
            op: sqlparser::ast::BinaryOperator::And,
            right: Box::new(first),
        }),
        (own, first) => own.or(first),
    };
}

/// What a position in the select list stands for.
fn selected(expr: &Expr, select: &Select) -> Expr {
    let position = match expr {
        Expr::Value(value) => match &value.value {
            Value::Number(number, _) => number.parse::<usize>().ok(),
            _ => None,
        },
        _ => None,
    };
    let item = position
        .and_then(|position| position.checked_sub(1))
        .and_then(|position| select.projection.get(position));
    match item {
        Some(SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. }) => {
            expr.clone()
        }
        _ => expr.clone(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use diagnostic::Source;

    #[test]
    fn the_first_row_of_each_group_is_kept() {
        let script = Source::new("a", "select distinct on (x) x, y from t order by x, y desc");
        let statement = crate::parse_script(&script).unwrap().remove(0);
        let normalised = crate::normalise(statement).unwrap();
        assert_eq!(
            normalised.ast.to_string(),
            "SELECT X, Y FROM T QUALIFY ROW_NUMBER() OVER (PARTITION BY X ORDER BY X, Y DESC) = 1 ORDER BY X, Y DESC"
        );
    }
}
