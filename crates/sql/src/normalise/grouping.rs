//! `GROUPING_ID` is `GROUPING` of several columns
//! (<https://docs.snowflake.com/en/sql-reference/functions/grouping_id>), and positions stand for
//! expressions inside of ROLLUP, CUBE and GROUPING SETS, too. `GROUP BY ALL` names positions: the planner groups by
//! what is selected under its alias, which HAVING and QUALIFY cannot see through.

use std::ops::ControlFlow;

use sqlparser::ast::{
    BinaryOperator, Expr, Function, GroupByExpr, ObjectNamePart, Select, SelectItem, UnaryOperator,
    Value,
};

use crate::aggregates::is_aggregate;

/// Groups by the positions of what is selected without aggregates
/// (<https://docs.snowflake.com/en/sql-reference/constructs/group-by>).
pub(super) fn name_all(select: &mut Select) {
    let mut keys = Vec::new();
    for (at, item) in select.projection.iter().enumerate() {
        match item {
            SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => {
                if !comes_after_groups(expr) {
                    let position = Value::Number((at + 1).to_string(), false);
                    keys.push(Expr::Value(position.into()));
                }
            }
            // How many columns it stands for is not known here.
            _ => return,
        }
    }
    if let GroupByExpr::All(modifiers) = &mut select.group_by {
        let modifiers = std::mem::take(modifiers);
        select.group_by = GroupByExpr::Expressions(keys, modifiers);
    }
}

/// Whether `expr` holds an aggregate or a window function, outside of subqueries.
fn comes_after_groups(expr: &Expr) -> bool {
    let mut found = |expr: &Expr| match expr {
        Expr::Function(call) if call.over.is_some() || is_aggregate(call) => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    };
    crate::own_expressions(expr, &mut found).is_break()
}

/// Puts the expressions of the select list in the place of their positions.
pub(super) fn resolve_positions(select: &mut Select) {
    let GroupByExpr::Expressions(groups, _) = &mut select.group_by else {
        return;
    };
    let sets = groups.iter_mut().filter_map(|group| match group {
        Expr::GroupingSets(sets) | Expr::Cube(sets) | Expr::Rollup(sets) => Some(sets),
        _ => None,
    });
    for expr in sets.flatten().flatten() {
        if let Expr::Value(value) = expr
            && let Value::Number(number, _) = &value.value
            && let Ok(position) = number.parse::<usize>()
            && let Some(item) = position
                .checked_sub(1)
                .and_then(|position| select.projection.get(position))
            && let SelectItem::UnnamedExpr(selected)
            | SelectItem::ExprWithAlias { expr: selected, .. } = item
        {
            *expr = selected.clone();
        }
    }
}

/// Groups by `0 + n` where an alias names the number `n`, which the planner took for a position.
pub(super) fn keep_aliased_numbers(select: &mut Select) {
    let GroupByExpr::Expressions(groups, _) = &mut select.group_by else {
        return;
    };
    for group in groups {
        let Expr::Identifier(name) = group else {
            continue;
        };
        let number = select.projection.iter().find_map(|item| match item {
            SelectItem::ExprWithAlias { expr, alias } if alias.value == name.value => {
                is_number(expr).then(|| expr.clone())
            }
            _ => None,
        });
        if let Some(number) = number {
            let zero = Value::Number("0".to_owned(), false);
            *group = Expr::BinaryOp {
                left: Box::new(Expr::Value(zero.into())),
                op: BinaryOperator::Plus,
                right: Box::new(number),
            };
        }
    }
}

fn is_number(expr: &Expr) -> bool {
    match expr {
        Expr::Value(value) => matches!(value.value, Value::Number(..)),
        Expr::Nested(inner) => is_number(inner),
        Expr::UnaryOp {
            op: UnaryOperator::Minus | UnaryOperator::Plus,
            expr,
        } => is_number(expr),
        _ => false,
    }
}

/// Gives the function the name the planner knows.
pub(super) fn rename(function: &mut Function) {
    if let [ObjectNamePart::Identifier(name)] = function.name.0.as_mut_slice()
        && name.quote_style.is_none()
        && name.value == "GROUPING_ID"
    {
        "GROUPING".clone_into(&mut name.value);
    }
}
