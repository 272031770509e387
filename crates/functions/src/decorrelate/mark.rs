//! [`Rows`]: a subquery that is asked only whether it gives a row, taken apart into the conditions that
//! depend on the outer row and the rest, for a mark join.

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, DFSchema, JoinType, Result};
use datafusion::logical_expr::utils::{conjunction, split_conjunction_owned};
use datafusion::logical_expr::{
    Distinct, Expr, FetchType, LogicalPlan, LogicalPlanBuilder, SkipType, lit,
};

use super::free::{free, has_subquery, is_bound};

/// Rows, and what must hold for one of them.
pub(super) struct Rows {
    base: LogicalPlan,
    conditions: Vec<Expr>,
}

impl Rows {
    /// `plan` without the steps that do not decide whether there is a row.
    pub(super) fn of(plan: &LogicalPlan) -> Result<Self> {
        let mut base = plan;
        let mut conditions: Vec<Expr> = Vec::new();
        loop {
            // What a subquery reads of the rows around it is not replaced by what a column is made of.
            let moves = !conditions.iter().any(has_subquery);
            base = match base {
                LogicalPlan::Projection(projection) if moves => {
                    let values: Vec<Expr> = projection
                        .expr
                        .iter()
                        .map(|expr| expr.clone().unalias())
                        .collect();
                    let volatile = values.iter().any(Expr::is_volatile);
                    if volatile && !conditions.is_empty() {
                        break;
                    }
                    conditions = in_place(conditions, &projection.schema, &values)?;
                    &projection.input
                }
                LogicalPlan::SubqueryAlias(alias) if moves => {
                    let columns = alias.input.schema().columns();
                    let values: Vec<Expr> = columns.into_iter().map(Expr::Column).collect();
                    conditions = in_place(conditions, &alias.schema, &values)?;
                    &alias.input
                }
                LogicalPlan::Filter(filter) => {
                    conditions.extend(split_conjunction_owned(filter.predicate.clone()));
                    &filter.input
                }
                LogicalPlan::Sort(sort) if sort.fetch.is_none() => &sort.input,
                LogicalPlan::Distinct(Distinct::All(input)) => input,
                LogicalPlan::Limit(limit) if conditions.is_empty() => {
                    let skips = !matches!(limit.get_skip_type()?, SkipType::Literal(0));
                    let fetches = match limit.get_fetch_type()? {
                        FetchType::Literal(Some(rows)) => rows > 0,
                        FetchType::Literal(None) => true,
                        FetchType::UnsupportedExpr => false,
                    };
                    if skips || !fetches {
                        break;
                    }
                    &limit.input
                }
                _ => break,
            }
        }
        Ok(Self {
            base: base.clone(),
            conditions,
        })
    }

    /// The plan that was taken apart, as far as it decides whether there is a row.
    pub(super) fn plan(self) -> Result<LogicalPlan> {
        let plan = LogicalPlanBuilder::from(self.base);
        match conjunction(self.conditions) {
            Some(condition) => plan.filter(condition)?.build(),
            None => plan.build(),
        }
    }

    /// The conditions by what they depend on; `None` if more depends on columns that are `outer`.
    pub(super) fn conditions(&self, outer: impl Fn(&Column) -> bool) -> Option<Conditions<'_>> {
        if free(&self.base).iter().any(&outer) {
            return None;
        }
        let (bound, own): (Vec<&Expr>, Vec<&Expr>) = self
            .conditions
            .iter()
            .partition(|condition| is_bound(condition, &self.base));
        if bound.iter().any(|condition| has_subquery(condition)) {
            return None;
        }
        Some(Conditions {
            base: &self.base,
            bound: bound.into_iter().cloned().collect(),
            own: own.into_iter().cloned().collect(),
        })
    }
}

/// `conditions` over the columns of `schema` as conditions over what the columns are made of.
fn in_place(conditions: Vec<Expr>, schema: &DFSchema, values: &[Expr]) -> Result<Vec<Expr>> {
    let columns = schema.columns();
    let replace = |condition: Expr| {
        let replaced = condition.transform_up(|expr| match &expr {
            Expr::Column(column) => {
                let position = columns.iter().position(|other| other == column);
                match position.and_then(|position| values.get(position)) {
                    Some(value) => Ok(Transformed::yes(value.clone())),
                    None => Ok(Transformed::no(expr)),
                }
            }
            _ => Ok(Transformed::no(expr)),
        });
        replaced.map(|replaced| replaced.data)
    };
    conditions.into_iter().map(replace).collect()
}

/// Rows, with conditions that depend on an outer row and others.
pub(super) struct Conditions<'a> {
    base: &'a LogicalPlan,
    bound: Vec<Expr>,
    own: Vec<Expr>,
}

impl Conditions<'_> {
    /// `input` with the column `mark` of `place` beside its own: whether there is a row for it.
    pub(super) fn mark(self, input: &LogicalPlan, place: &str) -> Result<LogicalPlan> {
        let mut columns: Vec<Column> = Vec::new();
        for condition in &self.bound {
            for column in condition.column_refs() {
                if !columns.contains(column) {
                    columns.push(column.clone());
                }
            }
        }
        columns.sort();
        let name = |position: usize| format!("$c{position}");
        let mut on = Vec::new();
        for condition in self.bound {
            let joined = condition.transform_up(|expr| match &expr {
                Expr::Column(column) => match columns.iter().position(|other| other == column) {
                    Some(position) => Ok(Transformed::yes(Expr::Column(Column::new(
                        Some(place),
                        name(position),
                    )))),
                    None => Ok(Transformed::no(expr)),
                },
                Expr::OuterReferenceColumn(_, column) if input.schema().has_column(column) => {
                    Ok(Transformed::yes(Expr::Column(column.clone())))
                }
                _ => Ok(Transformed::no(expr)),
            })?;
            on.push(joined.data);
        }
        let mut rows = LogicalPlanBuilder::from(self.base.clone());
        if let Some(condition) = conjunction(self.own) {
            rows = rows.filter(condition)?;
        }
        let mut marks: Vec<Expr> = columns
            .into_iter()
            .enumerate()
            .map(|(position, column)| Expr::Column(column).alias(name(position)))
            .collect();
        if marks.is_empty() {
            marks.push(lit(1_i64).alias("$c"));
            rows = rows.limit(0, Some(1))?;
        }
        if on.is_empty() {
            on.push(lit(true));
        }
        let right = rows.project(marks)?.alias(place)?.build()?;
        LogicalPlanBuilder::from(input.clone())
            .join_on(right, JoinType::LeftMark, on)?
            .build()
    }
}
