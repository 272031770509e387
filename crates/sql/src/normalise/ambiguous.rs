//! Names that two columns of a select list have, where a clause reads them.
//!
//! Accounts refuse `select a as x, b as x from t where x > 1 order by x`, and no page says so. Two columns that are
//! the same expression are taken here: either gives the same result.

use diagnostic::{Error, Result, codes};
use sqlparser::ast::{Expr, Ident, OrderByKind, Query, Select, SelectItem, SetExpr, Spanned};

use super::shown_name;
use crate::Statement;

/// Refuses an order by such a name.
pub(super) fn in_order(query: &Query, statement: &Statement) -> Result<()> {
    let (SetExpr::Select(select), Some(order)) = (query.body.as_ref(), &query.order_by) else {
        return Ok(());
    };
    let OrderByKind::Expressions(keys) = &order.kind else {
        return Ok(());
    };
    for key in keys {
        if let Expr::Identifier(name) = &key.expr
            && is_shared(name, &select.projection)
        {
            return Err(refusal(name, statement, &key.expr));
        }
    }
    Ok(())
}

/// Refuses a condition or a later column that reads an alias of that kind.
pub(super) fn in_clauses(
    select: &Select,
    is_alias: impl Fn(&str) -> bool,
    reads: impl Fn(&Expr, &str) -> bool,
    statement: &Statement,
) -> Result<()> {
    let items = &select.projection;
    let aliases = items.iter().filter_map(|item| match item {
        SelectItem::ExprWithAlias { alias, .. } if is_alias(&alias.value) => Some(alias),
        _ => None,
    });
    for name in aliases {
        let clauses = [&select.selection, &select.having, &select.qualify];
        let clauses = clauses
            .into_iter()
            .flatten()
            .map(|clause| (items.len(), clause));
        let columns = items.iter().enumerate().filter_map(|(at, item)| {
            let (SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. }) = item
            else {
                return None;
            };
            Some((at, expr))
        });
        for (before, expr) in clauses.chain(columns) {
            if reads(expr, &name.value) && is_shared(name, items.get(..before).unwrap_or_default())
            {
                return Err(refusal(name, statement, expr));
            }
        }
    }
    Ok(())
}

/// Whether two of these columns that are not the same have this name.
fn is_shared(name: &Ident, items: &[SelectItem]) -> bool {
    let mut named = items.iter().filter_map(|item| match item {
        SelectItem::ExprWithAlias { expr, alias } => {
            (shown_name(&alias.value) == shown_name(&name.value)).then_some(expr)
        }
        SelectItem::UnnamedExpr(expr) => {
            let last = match expr {
                Expr::Identifier(name) => Some(name),
                Expr::CompoundIdentifier(parts) => parts.last(),
                _ => None,
            };
            last.is_some_and(|last| last.value == name.value)
                .then_some(expr)
        }
        _ => None,
    });
    let first = named.next();
    first.is_some_and(|first| named.any(|other| other != first))
}

fn refusal(name: &Ident, statement: &Statement, expr: &Expr) -> Error {
    let message = format!(
        "Column `{}` is ambiguous: two columns of the select list have this name",
        shown_name(&name.value)
    );
    Error::new(codes::E1102, message)
        .at(statement.place(expr.span()))
        .help("give each column a name of its own")
}
