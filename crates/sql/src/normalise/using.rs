//! USING in right and full outer joins, under `*` and in many joins: the shared column is the one that is there.
//!
//! <https://docs.snowflake.com/en/sql-reference/constructs/join>. The planner takes the left table's
//! column, which is NULL for the rows of the right table alone; and under `*` that of the table whose name
//! sorts first, which is NULL for the rows that a left join adds; behind a third join it finds the column ambiguous. Such joins become joins with ON, and the
//! shared column an expression wherever the select names it.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use sqlparser::ast::{
    BinaryOperator, ExcludeSelectItem, Expr, GroupByExpr, Ident, Join, JoinConstraint,
    JoinOperator, ObjectName, ReplaceSelectItem, Select, SelectItem,
    SelectItemQualifiedWildcardKind, TableAlias, TableFactor, TableWithJoins,
    WildcardAdditionalOptions,
};

use super::like::call;
use crate::refuse::Refusal;
use crate::scope::{Context, Member, dotted, excluded};

/// Gives the subqueries of a FROM clause with several relations names, so that their columns differ.
pub(super) fn name_subqueries(select: &mut Select) {
    let relations: usize = select.from.iter().map(|table| 1 + table.joins.len()).sum();
    if relations < 2 {
        return;
    }
    let mut number = 0;
    for table in &mut select.from {
        let joined = table.joins.iter_mut().map(|join| &mut join.relation);
        for factor in std::iter::once(&mut table.relation).chain(joined) {
            number += 1;
            if let TableFactor::Derived {
                alias: alias @ None,
                ..
            } = factor
            {
                *alias = Some(TableAlias {
                    explicit: true,
                    name: Ident::with_quote('"', format!("$q{number}")),
                    columns: Vec::new(),
                    at: None,
                });
            }
        }
    }
}

/// `from (a join b …) join c …` is `from a join b … join c …`: joins are taken from the left.
pub(super) fn unwrap_first(select: &mut Select) {
    for table in &mut select.from {
        while let TableFactor::NestedJoin {
            table_with_joins,
            alias: None,
        } = &mut table.relation
        {
            let TableWithJoins {
                relation,
                mut joins,
            } = table_with_joins.as_ref().clone();
            joins.append(&mut table.joins);
            *table = TableWithJoins { relation, joins };
        }
    }
}

/// Whether a join in brackets shares columns and keeps rows of its right table alone.
fn keeps_right_in_brackets(factor: &TableFactor) -> bool {
    let TableFactor::NestedJoin {
        table_with_joins, ..
    } = factor
    else {
        return false;
    };
    let shares = |join: &Join| {
        keeps_right(&join.join_operator)
            && matches!(
                constraint(&join.join_operator),
                Some(JoinConstraint::Using(_) | JoinConstraint::Natural)
            )
    };
    keeps_right_in_brackets(&table_with_joins.relation)
        || table_with_joins
            .joins
            .iter()
            .any(|join| shares(join) || keeps_right_in_brackets(&join.relation))
}

/// Whether `select` has a join that is rewritten here.
pub(super) fn wants_columns(select: &Select) -> bool {
    let number = sharing(select).count();
    number > 0 && (has_star(select) || number > CHAINED || sharing(select).any(keeps_right))
}

/// How many joins with USING the planner takes in a row: it knows which two columns a join shares, not that those
/// of a third one are shared, too.
const CHAINED: usize = 2;

/// The joins whose tables share columns.
fn sharing(select: &Select) -> impl Iterator<Item = &JoinOperator> {
    select
        .from
        .iter()
        .flat_map(|table| &table.joins)
        .map(|join| &join.join_operator)
        .filter(|operator| {
            matches!(
                constraint(operator),
                Some(JoinConstraint::Using(_) | JoinConstraint::Natural)
            )
        })
}

fn has_star(select: &Select) -> bool {
    let mut items = select.projection.iter();
    items.any(|item| matches!(item, SelectItem::Wildcard(_)))
}

/// Rewrites the joins with USING if one of them keeps rows of its right table alone, `*` is selected, or they are many.
pub(super) fn rewrite(select: &mut Select, context: &Context<'_>) -> Result<(), Refusal> {
    let bracketed = select.from.iter().any(|table| {
        let joined = table.joins.iter().map(|join| &join.relation);
        std::iter::once(&table.relation)
            .chain(joined)
            .any(keeps_right_in_brackets)
    });
    if bracketed {
        return Err(Refusal {
            part: "USING in a right or full join in brackets".to_owned(),
            remedy: "put the join into a subquery: `join (select … from a full join b using (…))`",
        });
    }
    if !wants_columns(select) {
        return Ok(());
    }
    if sharing(select).any(keeps_right) {
        return share(select, context);
    }
    let written_out = select.projection.iter().any(|item| {
        matches!(item, SelectItem::Wildcard(options) if options.opt_rename.is_some() || options.opt_ilike.is_some())
    });
    if written_out {
        // `star` lists the columns.
        return Ok(());
    }
    let mut shared = select.clone();
    match share(&mut shared, context) {
        Ok(()) => *select = shared,
        // The planner says which column is ambiguous.
        Err(_) if !has_star(select) => {}
        Err(refusal) => match by_table(select, context) {
            Some(projection) => select.projection = projection,
            None => return Err(refusal),
        },
    }
    Ok(())
}

/// `*` as the stars of its tables, without the columns that a table on the left has: for joins that keep
/// no row of the right table alone, over tables whose columns nobody knows.
fn by_table(select: &Select, context: &Context<'_>) -> Option<Vec<SelectItem>> {
    let plain = WildcardAdditionalOptions::default();
    let mut stars = Vec::new();
    for table in &select.from {
        let first = (&table.relation, Vec::new());
        let mut factors = vec![first];
        for join in &table.joins {
            let names = match constraint(&join.join_operator) {
                Some(JoinConstraint::Using(names)) => names.clone(),
                Some(JoinConstraint::Natural) => return None,
                _ => Vec::new(),
            };
            factors.push((&join.relation, names));
        }
        for (factor, shared) in factors {
            let found = members(factor, context);
            let [member] = found.as_slice() else {
                return None;
            };
            if member.qualifier.is_empty() {
                return None;
            }
            let parts = member.qualifier.iter();
            let name = ObjectName::from(
                parts
                    .map(|part| Ident::with_quote('"', part))
                    .collect::<Vec<_>>(),
            );
            let mut options = plain.clone();
            if !shared.is_empty() {
                options.opt_exclude = Some(ExcludeSelectItem::Multiple(shared));
            }
            stars.push(SelectItem::QualifiedWildcard(
                SelectItemQualifiedWildcardKind::ObjectName(name),
                options,
            ));
        }
    }
    let mut projection = Vec::new();
    for item in &select.projection {
        match item {
            SelectItem::Wildcard(options) if *options == plain => {
                projection.extend(stars.iter().cloned());
            }
            SelectItem::Wildcard(_) => return None,
            other => projection.push(other.clone()),
        }
    }
    Some(projection)
}

/// Makes joins with ON of those with USING.
fn share(select: &mut Select, context: &Context<'_>) -> Result<(), Refusal> {
    let mut chains = Vec::new();
    for table in &mut select.from {
        chains.push(Chain::new(table, context)?);
    }
    let shared: BTreeMap<String, Expr> = chains
        .iter()
        .flat_map(|chain| chain.shared.clone())
        .collect();
    let mut projection = Vec::new();
    for item in std::mem::take(&mut select.projection) {
        match item {
            SelectItem::Wildcard(options) => {
                if options.opt_rename.is_some() || options.opt_ilike.is_some() {
                    return Err(refusal("Options of `*` over this join"));
                }
                let left_out = excluded(&options);
                let mut columns = Vec::new();
                for chain in &chains {
                    columns.extend(chain.columns(&left_out)?);
                }
                if let Some(replaced) = &options.opt_replace {
                    replace(&mut columns, replaced)?;
                }
                projection.extend(columns);
            }
            SelectItem::UnnamedExpr(Expr::Identifier(name)) if shared.contains_key(&name.value) => {
                projection.push(SelectItem::ExprWithAlias {
                    expr: Expr::Identifier(name.clone()),
                    alias: name,
                });
            }
            other => projection.push(other),
        }
    }
    select.projection = projection;
    // The values of shared columns stand in the place of their names.
    let mut write = |expr: &mut Expr| {
        if let Expr::Identifier(name) = expr
            && let Some(value) = shared.get(&name.value)
        {
            *expr = value.clone();
        }
        ControlFlow::Continue(())
    };
    let _ = crate::own_expressions_mut(&mut select.projection, &mut write);
    for expr in [
        &mut select.selection,
        &mut select.having,
        &mut select.qualify,
    ] {
        let _ = crate::own_expressions_mut(expr, &mut write);
    }
    if let GroupByExpr::Expressions(exprs, _) = &mut select.group_by {
        let _ = crate::own_expressions_mut(exprs, &mut write);
    }
    Ok(())
}

/// Puts the expressions of `* REPLACE (…)` in the place of their columns.
fn replace(columns: &mut [SelectItem], replaced: &ReplaceSelectItem) -> Result<(), Refusal> {
    for new in &replaced.items {
        let old = columns.iter_mut().find(|item| match item {
            SelectItem::ExprWithAlias { alias, .. } => alias.value == new.column_name.value,
            SelectItem::UnnamedExpr(Expr::CompoundIdentifier(parts)) => parts
                .last()
                .is_some_and(|name| name.value == new.column_name.value),
            _ => false,
        });
        let Some(old) = old else {
            return Err(refusal("REPLACE of a column that this join lacks"));
        };
        *old = SelectItem::ExprWithAlias {
            expr: new.expr.clone(),
            alias: new.column_name.clone(),
        };
    }
    Ok(())
}

fn refusal(part: &str) -> Refusal {
    Refusal {
        part: part.to_owned(),
        remedy: "join with ON, and write `coalesce(a.column, b.column)`",
    }
}

fn keeps_right(operator: &JoinOperator) -> bool {
    matches!(
        operator,
        JoinOperator::Right(_) | JoinOperator::RightOuter(_) | JoinOperator::FullOuter(_)
    )
}

fn constraint(operator: &JoinOperator) -> Option<&JoinConstraint> {
    use JoinOperator as J;
    match operator {
        J::Join(c) | J::Inner(c) | J::Left(c) | J::LeftOuter(c) => Some(c),
        J::Right(c) | J::RightOuter(c) | J::FullOuter(c) => Some(c),
        _ => None,
    }
}

fn constraint_mut(operator: &mut JoinOperator) -> Option<&mut JoinConstraint> {
    use JoinOperator as J;
    match operator {
        J::Join(c) | J::Inner(c) | J::Left(c) | J::LeftOuter(c) => Some(c),
        J::Right(c) | J::RightOuter(c) | J::FullOuter(c) => Some(c),
        _ => None,
    }
}

/// One item of the FROM clause with its joins.
struct Chain {
    members: Vec<Member>,
    shared: BTreeMap<String, Expr>,
}

impl Chain {
    fn new(table: &mut TableWithJoins, context: &Context<'_>) -> Result<Self, Refusal> {
        let mut chain = Self {
            members: members(&table.relation, context),
            shared: BTreeMap::new(),
        };
        for join in &mut table.joins {
            chain.add(join, context)?;
        }
        Ok(chain)
    }

    fn add(&mut self, join: &mut Join, context: &Context<'_>) -> Result<(), Refusal> {
        let right = members(&join.relation, context);
        let names = match constraint(&join.join_operator) {
            Some(JoinConstraint::Using(names)) => names.iter().map(dotted).collect(),
            Some(JoinConstraint::Natural) => self.common(&right)?,
            _ => Vec::new(),
        };
        let mut on = None;
        for name in names {
            let left_value = match self.shared.get(&name) {
                Some(value) => value.clone(),
                None => column_of(&self.members, &name)?,
            };
            let right_value = column_of(&right, &name)?;
            let equal = Expr::BinaryOp {
                left: Box::new(left_value.clone()),
                op: BinaryOperator::Eq,
                right: Box::new(right_value.clone()),
            };
            on = Some(match on {
                None => equal,
                Some(others) => Expr::BinaryOp {
                    left: Box::new(others),
                    op: BinaryOperator::And,
                    right: Box::new(equal),
                },
            });
            let value = match &join.join_operator {
                JoinOperator::FullOuter(_) => call("COALESCE", [left_value, right_value]),
                operator if keeps_right(operator) => right_value,
                _ => left_value,
            };
            self.shared.insert(name, value);
        }
        if let (Some(on), Some(constraint)) = (on, constraint_mut(&mut join.join_operator)) {
            *constraint = JoinConstraint::On(on);
        }
        self.members.extend(right);
        Ok(())
    }

    /// The columns that both sides of a natural join have.
    fn common(&self, right: &[Member]) -> Result<Vec<String>, Refusal> {
        let known = |members: &[Member]| -> Option<Vec<String>> {
            let mut names = Vec::new();
            for member in members {
                names.extend(
                    member
                        .shape
                        .as_ref()?
                        .iter()
                        .map(|column| column.name.clone()),
                );
            }
            Some(names)
        };
        let (Some(left), Some(right)) = (known(&self.members), known(right)) else {
            return Err(refusal("A natural outer join of these relations"));
        };
        Ok(left
            .into_iter()
            .filter(|name| right.contains(name))
            .collect())
    }

    /// What `*` gives: every shared column once.
    fn columns(&self, left_out: &[String]) -> Result<Vec<SelectItem>, Refusal> {
        let mut given = Vec::new();
        let mut items = Vec::new();
        for member in &self.members {
            let Some(shape) = &member.shape else {
                return Err(refusal("`*` over this join"));
            };
            for column in shape {
                let shared = self.shared.contains_key(&column.name);
                if left_out.contains(&column.name) || shared && given.contains(&column.name) {
                    continue;
                }
                given.push(column.name.clone());
                let alias = Ident::with_quote('"', column.name.clone());
                items.push(match shared {
                    true => SelectItem::ExprWithAlias {
                        expr: Expr::Identifier(alias.clone()),
                        alias,
                    },
                    false => SelectItem::UnnamedExpr(qualified(member, &column.name)),
                });
            }
        }
        Ok(items)
    }
}

fn members(factor: &TableFactor, context: &Context<'_>) -> Vec<Member> {
    let alone = TableWithJoins {
        relation: factor.clone(),
        joins: Vec::new(),
    };
    context.from(std::slice::from_ref(&alone)).members
}

/// The column `name` of the member that has it, or of the only one.
fn column_of(members: &[Member], name: &str) -> Result<Expr, Refusal> {
    let has = |member: &&Member| {
        let mut columns = member.shape.iter().flatten();
        columns.any(|column| column.name == name)
    };
    let mut owners = members.iter().filter(has);
    let member = match (owners.next(), owners.next(), members) {
        (Some(owner), None, _) => owner,
        (None, None, [only]) => only,
        _ => return Err(refusal("USING in this outer join")),
    };
    if member.qualifier.is_empty() {
        return Err(refusal("USING in this outer join"));
    }
    Ok(qualified(member, name))
}

fn qualified(member: &Member, name: &str) -> Expr {
    let parts = member.qualifier.iter().map(String::as_str).chain([name]);
    Expr::CompoundIdentifier(parts.map(|part| Ident::with_quote('"', part)).collect())
}
