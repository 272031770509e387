//! A window function inside of CONDITIONAL_TRUE_EVENT or CONDITIONAL_CHANGE_EVENT, which is how sessions are told
//! apart: `conditional_true_event(datediff(minute, lag(ts) over (…), ts) > 30) over (…)`.
//!
//! The planner has one step of window functions per select, so the inner one is computed by a subquery in FROM:
//! <https://docs.snowflake.com/en/sql-reference/functions/conditional_true_event>.

use std::ops::ControlFlow;

use sqlparser::ast::{
    Expr, Function, GroupByExpr, Ident, Select, SelectItem, SetExpr, TableAlias, TableFactor,
    TableWithJoins,
};

use crate::parse::template;
use crate::recursive::plain;

/// Moves inner window functions of a select that reads one relation, and does not group, into a subquery.
pub(super) fn compute_first(select: &mut Select) {
    let [TableWithJoins { relation, joins }] = select.from.as_slice() else {
        return;
    };
    let groups = match &select.group_by {
        GroupByExpr::All(_) => true,
        GroupByExpr::Expressions(keys, _) => !keys.is_empty(),
    };
    let Some(alias) = name(relation).filter(|_| joins.is_empty() && !groups) else {
        return;
    };
    // A copy of a long chain of operators needs as much stack as the chain is long.
    if !has_inner(&select.projection) && !has_inner(&select.qualify) {
        return;
    }
    let mut changed = select.clone();
    let mut found = Vec::new();
    take_inner(&mut changed.projection, &mut found);
    take_inner(&mut changed.qualify, &mut found);
    let columns: Vec<Ident> = (0..found.len()).map(column).collect();
    if !leave_out(&mut changed.projection, &columns) {
        return;
    }
    let Some(SetExpr::Select(mut inner)) = template("SELECT * FROM T") else {
        return;
    };
    let values = found.into_iter().zip(columns);
    let values = values.map(|(expr, alias)| SelectItem::ExprWithAlias { expr, alias });
    inner.projection.extend(values);
    inner.from = std::mem::take(&mut changed.from);
    inner.selection = changed.selection.take();
    inner.named_window.clone_from(&changed.named_window);
    changed.from = vec![TableWithJoins {
        relation: TableFactor::Derived {
            lateral: false,
            subquery: Box::new(plain(SetExpr::Select(inner))),
            alias: Some(TableAlias {
                explicit: true,
                name: alias,
                columns: Vec::new(),
                at: None,
            }),
            sample: None,
        },
        joins: Vec::new(),
    }];
    *select = changed;
}

/// Whether an event function has a window function inside.
fn has_inner<T: crate::Node>(tree: &T) -> bool {
    let mut inner = |expr: &Expr| match expr {
        Expr::Function(function) if function.over.is_some() => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    };
    let mut events = |expr: &Expr| match expr {
        Expr::Function(function) if is_event(function) => {
            crate::own_expressions(&function.args, &mut inner)
        }
        _ => ControlFlow::Continue(()),
    };
    crate::own_expressions(tree, &mut events).is_break()
}

fn column(at: usize) -> Ident {
    Ident::with_quote('"', format!("$event{at}"))
}

/// What expressions call the rows of `relation`.
fn name(relation: &TableFactor) -> Option<Ident> {
    match relation {
        TableFactor::Table { name, alias, .. } => match alias {
            Some(alias) => Some(alias.name.clone()),
            None => name.0.last()?.as_ident().cloned(),
        },
        TableFactor::Derived { alias, .. } => match alias {
            Some(alias) => Some(alias.name.clone()),
            None => Some(Ident::with_quote('"', "$events")),
        },
        _ => None,
    }
}

/// Lets `*` give no more than the relation has; not if it says itself what it leaves out.
fn leave_out(projection: &mut [SelectItem], columns: &[Ident]) -> bool {
    let names: Vec<String> = columns.iter().map(ToString::to_string).collect();
    let text = format!("SELECT * EXCLUDE ({}) FROM T", names.join(", "));
    let Some(SetExpr::Select(written)) = template(&text) else {
        return false;
    };
    let Some(SelectItem::Wildcard(exclude)) = written.projection.into_iter().next() else {
        return false;
    };
    for item in projection {
        if let SelectItem::Wildcard(options) | SelectItem::QualifiedWildcard(_, options) = item {
            if options.opt_exclude.is_some() || options.opt_ilike.is_some() {
                return false;
            }
            options.opt_exclude.clone_from(&exclude.opt_exclude);
        }
    }
    true
}

/// Puts names in the places of window functions in the arguments of event functions, outside of subqueries.
fn take_inner<T: crate::Node>(tree: &mut T, found: &mut Vec<Expr>) {
    let mut inner = |expr: &mut Expr| {
        if let Expr::Function(function) = expr
            && function.over.is_some()
        {
            let name = Expr::Identifier(column(found.len()));
            found.push(std::mem::replace(expr, name));
        }
        ControlFlow::Continue(())
    };
    let _ = crate::own_expressions_mut(tree, &mut |expr| match expr {
        Expr::Function(function) if is_event(function) => {
            crate::own_expressions_mut(&mut function.args, &mut inner)
        }
        _ => ControlFlow::Continue(()),
    });
}

fn is_event(function: &Function) -> bool {
    let name = function.name.to_string().to_uppercase();
    let events = ["CONDITIONAL_TRUE_EVENT", "CONDITIONAL_CHANGE_EVENT"];
    function.over.is_some() && events.contains(&name.as_str())
}
