//! Names of result columns that have none: Snowflake shows the text of the expression in upper case.

use std::collections::BTreeSet;

use sqlparser::ast::{Expr, Ident, Select, SelectItem};

/// The name of `expr` in a select list where no alias gives one.
pub(crate) fn column_name(expr: &Expr) -> String {
    match expr {
        Expr::Identifier(name) => name.value.clone(),
        Expr::CompoundIdentifier(parts) => parts
            .last()
            .map(|part| part.value.clone())
            .unwrap_or_default(),
        other => other.to_string().to_uppercase(),
    }
}

/// Gives every unnamed expression its name, before any rewrite changes its text. The planner knows no
/// two columns of one name, so a repeated expression gets a number.
pub(super) fn name_results(select: &mut Select) {
    let mut given = BTreeSet::new();
    for item in &mut select.projection {
        let SelectItem::UnnamedExpr(expr) = item else {
            continue;
        };
        if is_reference(expr) {
            continue;
        }
        let name = column_name(expr);
        let mut unique = name.clone();
        let mut number = 1;
        if matches!(expr, Expr::Identifier(_) | Expr::CompoundIdentifier(_)) {
            // Columns of one name are told apart by their tables.
            if given.insert(expr.to_string()) {
                continue;
            }
            number = 2;
            unique = format!("{name}_2");
        }
        while !given.insert(unique.clone()) {
            number += 1;
            unique = format!("{name}_{number}");
        }
        *item = SelectItem::ExprWithAlias {
            expr: std::mem::replace(expr, Expr::Tuple(Vec::new())),
            alias: Ident::with_quote('"', unique),
        };
    }
}

/// `$1`: named after the column it stands for, by [`super::values`].
fn is_reference(expr: &Expr) -> bool {
    use sqlparser::ast::Value;
    matches!(expr, Expr::Value(value) if matches!(&value.value, Value::Placeholder(_)))
}
