//! `* RENAME (…)` and `* ILIKE '…'`, together with EXCLUDE and REPLACE: written out as a list of columns; and
//! `t.*` of a table that is named with its schema.
//!
//! <https://docs.snowflake.com/en/sql-reference/sql/select#parameters>. The planner knows the other
//! options; a star without these two stays a star.

use diagnostic::{Error, Result, codes};
use sqlparser::ast::{
    Expr, Ident, ObjectName, RenameSelectItem, Select, SelectItem, SelectItemQualifiedWildcardKind,
    TableFactor, TableWithJoins, WildcardAdditionalOptions,
};

use super::result_name::repeated;
use crate::scope::{Scope, dotted, excluded, matches_pattern};
use crate::{Statement, refuse};

/// Names the tables of `t.*` as the FROM clause does: `db.s.t.*`, which is what the planner looks for.
pub(super) fn name_whole(select: &mut Select) {
    let mut tables = Vec::new();
    for table in &select.from {
        tables_of(table, &mut tables);
    }
    for item in &mut select.projection {
        if let SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), _) =
            item
            && let [whole] = tables
                .iter()
                .filter(|whole| whole.0.ends_with(&name.0))
                .collect::<Vec<_>>()[..]
        {
            *name = whole.clone();
        }
    }
}

/// The names of the tables without an alias.
fn tables_of(table: &TableWithJoins, names: &mut Vec<ObjectName>) {
    let joined = table.joins.iter().map(|join| &join.relation);
    for factor in std::iter::once(&table.relation).chain(joined) {
        match factor {
            TableFactor::Table {
                name, alias: None, ..
            } => names.push(name.clone()),
            TableFactor::NestedJoin {
                table_with_joins,
                alias: None,
            } => tables_of(table_with_joins, names),
            _ => {}
        }
    }
}

/// Whether columns must be known: a star of `select` is written out, or stands beside other columns.
pub(super) fn wants_columns(select: &Select) -> bool {
    wants_columns_beside(select) || is_expanded(select)
}

fn wants_columns_beside(select: &Select) -> bool {
    let stars = select.projection.iter().filter(|item| {
        matches!(
            item,
            SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..)
        )
    });
    let stars = stars.count();
    stars > 0 && stars < select.projection.len()
}

/// Numbers the columns beside a star that repeat one of its columns: `select *, id` gives `ID` and
/// `ID_2`, because the planner knows no two columns of one name.
fn number_repeated(select: &mut Select, scope: &Scope) {
    if !wants_columns_beside(select) {
        return;
    }
    let mut given: Vec<(Vec<String>, String)> = Vec::new();
    for item in &select.projection {
        let (table, options) = match item {
            SelectItem::Wildcard(options) => (None, options),
            SelectItem::QualifiedWildcard(
                SelectItemQualifiedWildcardKind::ObjectName(name),
                options,
            ) => (Some(dotted(name)), options),
            _ => continue,
        };
        let left_out = excluded(options);
        let renamed = renames(options);
        let pattern = options.opt_ilike.as_ref().map(|ilike| &ilike.pattern);
        for member in &scope.members {
            let whole = member.qualifier.join(".");
            let named = table
                .as_ref()
                .is_none_or(|table| whole == *table || whole.ends_with(&format!(".{table}")));
            for column in member.shape.iter().flatten().filter(|_| named) {
                let name = &column.name;
                if left_out.contains(name)
                    || pattern.is_some_and(|pattern| !matches_pattern(name, pattern))
                {
                    continue;
                }
                let alias = renamed.iter().find(|(ident, _)| ident.value == *name);
                let shown = alias.map_or(name, |(_, alias)| &alias.value);
                given.push((member.qualifier.clone(), shown.clone()));
            }
        }
    }
    let mut number = 1;
    for item in &mut select.projection {
        let name = match item {
            SelectItem::UnnamedExpr(Expr::Identifier(name)) => name.value.clone(),
            SelectItem::UnnamedExpr(Expr::CompoundIdentifier(parts)) => {
                let [.., table, name] = parts.as_slice() else {
                    continue;
                };
                let repeated = given.iter().any(|(qualifier, given)| {
                    *given == name.value && qualifier.last() == Some(&table.value)
                });
                if !repeated {
                    continue;
                }
                name.value.clone()
            }
            SelectItem::ExprWithAlias { alias, .. } => alias.value.clone(),
            _ => continue,
        };
        if !given.iter().any(|(_, given)| *given == name) {
            continue;
        }
        number += 1;
        let alias = Ident::with_quote('"', repeated(&name, number));
        match item {
            SelectItem::ExprWithAlias { alias: old, .. } => *old = alias,
            SelectItem::UnnamedExpr(expr) => {
                *item = SelectItem::ExprWithAlias {
                    expr: std::mem::replace(expr, Expr::Tuple(Vec::new())),
                    alias,
                };
            }
            _ => {}
        }
    }
}

/// The old and new names of RENAME.
fn renames(options: &WildcardAdditionalOptions) -> Vec<(&Ident, &Ident)> {
    match &options.opt_rename {
        None => Vec::new(),
        Some(RenameSelectItem::Single(item)) => vec![(&item.ident, &item.alias)],
        Some(RenameSelectItem::Multiple(items)) => items
            .iter()
            .map(|item| (&item.ident, &item.alias))
            .collect(),
    }
}

fn is_expanded(select: &Select) -> bool {
    select.projection.iter().any(|item| match item {
        SelectItem::Wildcard(options) | SelectItem::QualifiedWildcard(_, options) => {
            is_written_out(options)
        }
        _ => false,
    })
}

fn is_written_out(options: &WildcardAdditionalOptions) -> bool {
    options.opt_rename.is_some() || options.opt_ilike.is_some()
}

/// Writes out the stars with RENAME or ILIKE.
pub(super) fn expand(select: &mut Select, scope: &Scope, statement: &Statement) -> Result<()> {
    number_repeated(select, scope);
    if !is_expanded(select) {
        return Ok(());
    }
    let mut projection = Vec::new();
    for item in std::mem::take(&mut select.projection) {
        let (table, options) = match &item {
            SelectItem::Wildcard(options) if is_written_out(options) => (None, options),
            SelectItem::QualifiedWildcard(
                SelectItemQualifiedWildcardKind::ObjectName(name),
                options,
            ) if is_written_out(options) => (Some(dotted(name)), options),
            _ => {
                projection.push(item);
                continue;
            }
        };
        let star = Star {
            options,
            scope,
            statement,
        };
        projection.extend(star.columns(table.as_deref())?);
    }
    select.projection = projection;
    Ok(())
}

struct Star<'a> {
    options: &'a WildcardAdditionalOptions,
    scope: &'a Scope,
    statement: &'a Statement,
}

impl Star<'_> {
    fn columns(&self, table: Option<&str>) -> Result<Vec<SelectItem>> {
        let place = || {
            let span = self.options.wildcard_token.0.span;
            self.statement.place(span)
        };
        let members = self.scope.members.iter().filter(|member| {
            table.is_none_or(|table| {
                let whole = member.qualifier.join(".");
                whole == table || whole.ends_with(&format!(".{table}"))
            })
        });
        let mut columns: Vec<(Vec<String>, String)> = Vec::new();
        for member in members {
            let Some(shape) = &member.shape else {
                return Err(refuse::unsupported(
                    "`* RENAME` or `* ILIKE` over this relation",
                    "list the columns",
                    place(),
                ));
            };
            for column in shape {
                if table.is_some() || !member.hidden.contains(&column.name) {
                    columns.push((member.qualifier.clone(), column.name.clone()));
                }
            }
        }
        let names: Vec<String> = columns.iter().map(|(_, name)| name.clone()).collect();
        let renames = renames(self.options);
        for (ident, _) in &renames {
            if !names.contains(&ident.value) {
                let error = Error::new(
                    codes::E1101,
                    format!("Column `{}` does not exist", ident.value),
                );
                return Err(error
                    .suggest(&ident.value, names.iter().map(String::as_str))
                    .at(self.statement.place(ident.span)));
            }
        }
        let left_out = excluded(self.options);
        let pattern = self.options.opt_ilike.as_ref().map(|ilike| &ilike.pattern);
        let kept = columns.into_iter().filter(|(_, name)| {
            !left_out.contains(name) && pattern.is_none_or(|pattern| matches_pattern(name, pattern))
        });
        Ok(kept
            .map(|(qualifier, name)| self.item(qualifier, name, &renames))
            .collect())
    }

    fn item(
        &self,
        qualifier: Vec<String>,
        name: String,
        renames: &[(&Ident, &Ident)],
    ) -> SelectItem {
        let replaced = self.options.opt_replace.as_ref().and_then(|replace| {
            let found = replace
                .items
                .iter()
                .find(|item| item.column_name.value == name);
            found.map(|item| item.expr.clone())
        });
        let renamed = renames.iter().find(|(ident, _)| ident.value == name);
        let alias = renamed.map(|(_, alias)| (*alias).clone());
        let quoted = |text: String| Ident::with_quote('"', text);
        let shared = self
            .scope
            .members
            .iter()
            .any(|member| member.hidden.contains(&name));
        let expr = match replaced {
            Some(expr) => expr,
            // A column of USING belongs to both tables.
            None if shared || qualifier.is_empty() => Expr::Identifier(quoted(name.clone())),
            None => {
                let parts = qualifier.into_iter().chain([name.clone()]);
                Expr::CompoundIdentifier(parts.map(quoted).collect())
            }
        };
        SelectItem::ExprWithAlias {
            expr,
            alias: alias.unwrap_or_else(|| quoted(name)),
        }
    }
}
