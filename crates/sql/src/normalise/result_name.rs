//! Names of result columns that have none: Snowflake shows the text of the expression in upper case. And
//! names that several columns have, which the planner does not allow and Snowflake does.

use std::collections::BTreeSet;

use sqlparser::ast::{Expr, Ident, Select, SelectItem};

/// What stands between a name and a number that tells it from others of the same name.
const REPEATED: char = '\u{1}';

/// `name` for the column that has it as the `number`th.
#[must_use]
pub fn repeated(name: &str, number: usize) -> String {
    format!("{}{REPEATED}{number}", shown_name(name))
}

/// A result column's name as it is shown: several columns may have one name.
#[must_use]
pub fn shown_name(name: &str) -> &str {
    name.split(REPEATED).next().unwrap_or(name)
}

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
        if let SelectItem::ExprWithAlias { alias, .. } = item {
            let (name, mut number) = (alias.value.clone(), 1);
            while !given.insert(alias.value.clone()) {
                number += 1;
                *alias = Ident::with_quote('"', repeated(&name, number));
            }
            continue;
        }
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
            unique = repeated(&name, 2);
        }
        while !given.insert(unique.clone()) {
            number += 1;
            unique = repeated(&name, number);
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
