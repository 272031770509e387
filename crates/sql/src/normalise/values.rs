//! `VALUES` as a table, and columns by position.
//!
//! Snowflake calls the columns of VALUES `COLUMN1`, `COLUMN2`, … and lets `$1` stand for the first
//! column of what FROM reads (<https://docs.snowflake.com/en/sql-reference/constructs/values>).

use std::ops::ControlFlow;

use sqlparser::ast::{
    Expr, Ident, Select, SetExpr, TableAlias, TableAliasColumnDef, TableFactor, Value,
};

use crate::parse::template;
use crate::scope::Scope;

/// Rows that no FROM clause reads are selected from one: its planner brings them to one type.
pub(super) fn select_rows(body: &mut SetExpr, read: bool) {
    match body {
        SetExpr::Values(_) if !read => {
            if let Some(mut select) = template("SELECT * FROM (SELECT 1)")
                && let SetExpr::Select(inner) = &mut select
                && let Some(table) = inner.from.first_mut()
                && let TableFactor::Derived { subquery, .. } = &mut table.relation
            {
                std::mem::swap(subquery.body.as_mut(), body);
                *body = select;
            }
        }
        SetExpr::SetOperation { left, right, .. } => {
            select_rows(left, false);
            select_rows(right, false);
        }
        _ => {}
    }
}

/// Names the columns of VALUES in the FROM clause that have no names.
pub(super) fn number_columns(select: &mut Select) {
    for table in &mut select.from {
        name_values(&mut table.relation);
        for join in &mut table.joins {
            name_values(&mut join.relation);
        }
    }
}

fn name_values(factor: &mut TableFactor) {
    let TableFactor::Derived {
        subquery, alias, ..
    } = factor
    else {
        return;
    };
    let SetExpr::Values(values) = subquery.body.as_ref() else {
        return;
    };
    let width = values.rows.first().map_or(0, |row| row.content.len());
    let columns = || {
        let name = |number| TableAliasColumnDef::from_name(format!("COLUMN{number}"));
        (1..=width).map(name).collect()
    };
    match alias {
        Some(alias) if alias.columns.is_empty() => alias.columns = columns(),
        Some(_) => {}
        None => {
            *alias = Some(TableAlias {
                explicit: true,
                name: Ident::new("VALUES"),
                columns: columns(),
                at: None,
            });
        }
    }
}

/// Whether the select has `$1` anywhere.
pub(super) fn uses_positions(select: &mut Select) -> bool {
    let mut finder = Positions {
        scope: None,
        found: false,
    };
    finder.visit(select);
    finder.found
}

/// Puts the names of columns in the place of `$1`.
pub(super) fn resolve_positions(select: &mut Select, scope: &Scope) {
    let mut finder = Positions {
        scope: Some(scope),
        found: false,
    };
    finder.visit(select);
}

struct Positions<'a> {
    scope: Option<&'a Scope>,
    found: bool,
}

impl Positions<'_> {
    fn column(&self, qualifier: Option<&str>, word: &str) -> Option<Ident> {
        let number: usize = word.strip_prefix('$')?.parse().ok()?;
        let mut members = self.scope?.members.iter();
        let member = members.find(|member| {
            qualifier
                .is_none_or(|qualifier| member.qualifier.last().is_some_and(|q| q == qualifier))
        })?;
        let column = member.shape.as_ref()?.get(number.checked_sub(1)?)?;
        Some(Ident::with_quote('"', column.name.clone()))
    }
}

impl Positions<'_> {
    fn visit(&mut self, select: &mut Select) {
        let _ = crate::own_expressions_mut(select, &mut |expr| {
            match expr {
                Expr::Value(value) => {
                    if let Value::Placeholder(word) = &value.value {
                        self.found = true;
                        if let Some(name) = self.column(None, word) {
                            *expr = Expr::Identifier(name);
                        }
                    }
                }
                Expr::CompoundIdentifier(parts) => {
                    if let [table, column] = parts.as_mut_slice()
                        && column.value.starts_with('$')
                        && column.quote_style.is_none()
                    {
                        self.found = true;
                        if let Some(name) = self.column(Some(&table.value), &column.value) {
                            *column = name;
                        }
                    }
                }
                _ => {}
            }
            ControlFlow::Continue(())
        });
    }
}
