//! The output columns of selects, set operations, VALUES and WITH clauses.

use std::collections::BTreeSet;

use sqlparser::ast::{
    Cte, ExcludeSelectItem, JoinConstraint, JoinOperator, Query, RenameSelectItem, Select,
    SelectItem, SelectItemQualifiedWildcardKind, SetExpr, TableAliasColumnDef,
    WildcardAdditionalOptions,
};

use super::{Context, Member, Names, Output, Scope, Shape, dotted, origins};
use crate::Columns;

/// What `query` returns, seen from where `names` are defined.
pub(crate) fn query_shape(query: &Query, names: &Names, columns: &dyn Columns) -> Shape {
    let mut names = names.clone();
    if let Some(with) = &query.with {
        for table in &with.cte_tables {
            let shape = cte_shape(table, &names, columns, with.recursive);
            names.define(table.alias.name.value.clone(), shape);
        }
    }
    body_shape(&query.body, &names, columns)
}

fn cte_shape(table: &Cte, names: &Names, columns: &dyn Columns, recursive: bool) -> Shape {
    if !recursive {
        let shape = query_shape(&table.query, names, columns);
        return with_names(shape, &table.alias.columns);
    }
    // The anchor member tells the columns that the recursive member may use.
    let mut inner = names.clone();
    if let SetExpr::SetOperation { left, .. } = table.query.body.as_ref() {
        let anchor = with_names(body_shape(left, names, columns), &table.alias.columns);
        inner.define(table.alias.name.value.clone(), anchor);
    }
    let shape = query_shape(&table.query, &inner, columns);
    with_names(shape, &table.alias.columns)
}

/// What the anchor of a recursive query returns, which the whole query returns, too.
pub(crate) fn anchor_shape(query: &Query, names: &Names, columns: &dyn Columns) -> Shape {
    match query.body.as_ref() {
        SetExpr::SetOperation { left, .. } if query.with.is_none() => {
            body_shape(left, names, columns)
        }
        _ => query_shape(query, names, columns),
    }
}

fn body_shape(body: &SetExpr, names: &Names, columns: &dyn Columns) -> Shape {
    match body {
        SetExpr::Select(select) => select_shape(select, names, columns),
        SetExpr::Query(query) => query_shape(query, names, columns),
        SetExpr::SetOperation { left, right, .. } => {
            let mut shape = body_shape(left, names, columns)?;
            let other = body_shape(right, names, columns)?;
            for (column, other) in shape.iter_mut().zip(other) {
                column.origins.extend(other.origins);
            }
            Some(shape)
        }
        SetExpr::Values(values) => {
            let width = values.rows.first().map_or(0, |row| row.content.len());
            let column = |number: usize| Output {
                name: format!("COLUMN{number}"),
                origins: BTreeSet::new(),
            };
            Some((1..=width).map(column).collect())
        }
        _ => None,
    }
}

/// What `select` returns.
fn select_shape(select: &Select, names: &Names, columns: &dyn Columns) -> Shape {
    let context = Context { names, columns };
    let scope = context.scope(select);
    let mut shape = Vec::new();
    for item in &select.projection {
        match item {
            SelectItem::UnnamedExpr(expr) => shape.push(Output {
                name: crate::normalise::column_name(expr),
                origins: origins(expr, &scope, &context),
            }),
            SelectItem::ExprWithAlias { expr, alias } => shape.push(Output {
                name: alias.value.clone(),
                origins: origins(expr, &scope, &context),
            }),
            SelectItem::ExprWithAliases { .. } => return None,
            SelectItem::Wildcard(options) => {
                for member in &scope.members {
                    shape.extend(wildcard(member, options)?);
                }
            }
            SelectItem::QualifiedWildcard(kind, options) => {
                let SelectItemQualifiedWildcardKind::ObjectName(name) = kind else {
                    return None;
                };
                let member = qualified(&scope, &dotted(name))?;
                shape.extend(wildcard(member, options)?);
            }
        }
    }
    Some(lateral(shape, &scope))
}

/// The member of `scope` that `qualifier` (dotted) names.
fn qualified<'a>(scope: &'a Scope, qualifier: &str) -> Option<&'a Member> {
    scope.members.iter().find(|member| {
        let whole = member.qualifier.join(".");
        whole == qualifier || whole.ends_with(&format!(".{qualifier}"))
    })
}

/// An origin that is an alias of the same select stands for that alias's origins.
fn lateral(shape: Vec<Output>, scope: &Scope) -> Vec<Output> {
    let aliases: Vec<Output> = shape.clone();
    let resolve = |mut output: Output| {
        let (unknown, mut known): (BTreeSet<_>, BTreeSet<_>) = output
            .origins
            .into_iter()
            .partition(|o| o.relation.is_empty());
        for origin in unknown {
            let alias = aliases.iter().find(|a| a.name == origin.column);
            match alias {
                Some(alias) if scope.has(&origin.column) != Some(true) => {
                    known.extend(
                        alias
                            .origins
                            .iter()
                            .filter(|o| !o.relation.is_empty())
                            .cloned(),
                    );
                }
                _ => {}
            }
        }
        output.origins = known;
        output
    };
    shape.into_iter().map(resolve).collect()
}

fn wildcard(member: &Member, options: &WildcardAdditionalOptions) -> Shape {
    if options.opt_alias.is_some() || options.opt_except.is_some() {
        return None;
    }
    let excluded = excluded(options);
    let renames: Vec<_> = match &options.opt_rename {
        None => Vec::new(),
        Some(RenameSelectItem::Single(item)) => vec![item.clone()],
        Some(RenameSelectItem::Multiple(items)) => items.clone(),
    };
    let pattern = options
        .opt_ilike
        .as_ref()
        .map(|ilike| ilike.pattern.as_str());
    let columns = member.shape.clone()?;
    let kept = columns
        .into_iter()
        .filter(|column| !excluded.contains(&column.name) && !member.hidden.contains(&column.name))
        .filter(|column| pattern.is_none_or(|pattern| matches_pattern(&column.name, pattern)))
        .map(|mut column| {
            if let Some(item) = renames.iter().find(|item| item.ident.value == column.name) {
                column.name.clone_from(&item.alias.value);
            }
            column
        });
    Some(kept.collect())
}

/// The columns a star leaves out.
pub(crate) fn excluded(options: &WildcardAdditionalOptions) -> Vec<String> {
    match &options.opt_exclude {
        None => Vec::new(),
        Some(ExcludeSelectItem::Single(name)) => vec![dotted(name)],
        Some(ExcludeSelectItem::Multiple(names)) => names.iter().map(dotted).collect(),
    }
}

/// `text ILIKE pattern`, for the few characters of a column name.
pub(crate) fn matches_pattern(text: &str, pattern: &str) -> bool {
    fn matches(text: &[char], pattern: &[char]) -> bool {
        match pattern.split_first() {
            None => text.is_empty(),
            Some(('%', rest)) => (0..=text.len()).any(|skip| matches(&text[skip..], rest)),
            Some(('_', rest)) => !text.is_empty() && matches(&text[1..], rest),
            Some((c, rest)) => text.first() == Some(c) && matches(&text[1..], rest),
        }
    }
    let chars = |text: &str| text.to_uppercase().chars().collect::<Vec<_>>();
    matches(&chars(text), &chars(pattern))
}

/// `shape` with the columns of `t(a, b)`, which are known even if those of the relation are not.
pub(crate) fn with_names(shape: Shape, names: &[TableAliasColumnDef]) -> Shape {
    if names.is_empty() {
        return shape;
    }
    let mut columns = shape.unwrap_or_default();
    let mut named: Vec<Output> = Vec::new();
    for (position, name) in names.iter().enumerate() {
        let origins = columns
            .get_mut(position)
            .map(|column| std::mem::take(&mut column.origins))
            .unwrap_or_default();
        named.push(Output {
            name: name.name.value.clone(),
            origins,
        });
    }
    Some(named)
}

/// The columns of USING.
pub(super) fn using_columns(join: &JoinOperator) -> Vec<String> {
    use JoinOperator as J;
    let constraint = match join {
        J::Join(c)
        | J::Inner(c)
        | J::Left(c)
        | J::LeftOuter(c)
        | J::Right(c)
        | J::RightOuter(c) => c,
        J::FullOuter(c) => c,
        J::AsOf { constraint, .. } => constraint,
        _ => return Vec::new(),
    };
    match constraint {
        JoinConstraint::Using(names) => names.iter().map(dotted).collect(),
        _ => Vec::new(),
    }
}
