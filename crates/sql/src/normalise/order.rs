//! `select coalesce(t.a, 0) as a … order by t.a`: an order by a column whose name the select list gives to something else.
//!
//! A name with its table is the column, a name alone the alias
//! (<https://docs.snowflake.com/en/sql-reference/constructs/order-by>). The planner adds what the order reads to the
//! select list, where the two have one name, so such a select is ordered from outside.

use std::ops::ControlFlow;

use sqlparser::ast::{Expr, Ident, OrderByKind, Query, Select, SelectItem, SetExpr, TableFactor};

use crate::parse::template;
use crate::recursive::plain;

/// Selects what `query` orders by under names of its own, if it hides behind aliases.
pub(super) fn rewrite(query: &mut Query) {
    let (SetExpr::Select(select), Some(order)) = (query.body.as_mut(), &mut query.order_by) else {
        return;
    };
    let OrderByKind::Expressions(keys) = &mut order.kind else {
        return;
    };
    if select.distinct.is_some() || !keys.iter().any(|key| is_hidden(&key.expr, select)) {
        return;
    }
    let mut selected = select.as_ref().clone();
    let mut names = Vec::new();
    let mut found = Vec::new();
    for (at, key) in keys.iter().enumerate() {
        if !is_shown(&key.expr, select) {
            let alias = Ident::with_quote('"', format!("$order{at}"));
            selected.projection.push(SelectItem::ExprWithAlias {
                expr: key.expr.clone(),
                alias: alias.clone(),
            });
            names.push(alias.to_string());
            found.push((at, alias));
        }
    }
    let text = format!("SELECT * EXCLUDE ({}) FROM (SELECT 1)", names.join(", "));
    let Some(SetExpr::Select(mut outer)) = template(&text) else {
        return;
    };
    let Some(TableFactor::Derived { subquery, .. }) =
        outer.from.first_mut().map(|table| &mut table.relation)
    else {
        return;
    };
    **subquery = plain(SetExpr::Select(Box::new(selected)));
    for (at, alias) in found {
        if let Some(key) = keys.get_mut(at) {
            key.expr = Expr::Identifier(alias);
        }
    }
    *query.body = SetExpr::Select(outer);
}

/// Whether `key` is a position or an alias of the select list.
fn is_shown(key: &Expr, select: &Select) -> bool {
    match key {
        Expr::Value(_) => true,
        Expr::Identifier(name) => select.projection.iter().any(|item| {
            matches!(item, SelectItem::ExprWithAlias { alias, .. } if alias.value == name.value)
        }),
        _ => false,
    }
}

/// Whether `key` reads a column of a table whose name is an alias of something else.
fn is_hidden(key: &Expr, select: &Select) -> bool {
    let hides = |item: &SelectItem, column: &Expr, name: &Ident| match item {
        SelectItem::ExprWithAlias { expr: given, alias } => {
            given != column && name.value == alias.value
        }
        _ => false,
    };
    let mut hidden = |expr: &Expr| match expr {
        Expr::CompoundIdentifier(parts)
            if parts.last().is_some_and(|name| {
                select.projection.iter().any(|item| hides(item, expr, name))
            }) =>
        {
            ControlFlow::Break(())
        }
        _ => ControlFlow::Continue(()),
    };
    crate::own_expressions(key, &mut hidden).is_break()
}
