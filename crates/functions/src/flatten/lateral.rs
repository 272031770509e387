//! [`Lateral`]: a join with a subquery over one row becomes that subquery over the join's left side.
//!
//! `from t, lateral flatten(t.v) f` is planned as a join of `t` and a plan over one empty row in which
//! `t.v` is an outer reference. Every step of that plan is repeated over `t`, with `t`'s columns beside
//! its own. What is not such a chain of steps is left to DataFusion's own decorrelation.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{
    Column, DFSchema, JoinType, Result, ScalarValue, TableReference, not_impl_err,
};
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{
    EmptyRelation, Expr, Join, LogicalPlan, LogicalPlanBuilder, Projection, SubqueryAlias,
};
use datafusion::optimizer::AnalyzerRule;

use super::rows::keeping_all;

/// Works before all other rules.
#[derive(Debug)]
pub(crate) struct Lateral;

impl AnalyzerRule for Lateral {
    fn name(&self) -> &str {
        "snowflake_lateral"
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        plan.transform_up_with_subqueries(|plan| match plan {
            LogicalPlan::Join(join) => lowered(join),
            other => Ok(Transformed::no(other)),
        })
        .map(|done| done.data)
    }
}

fn lowered(join: Join) -> Result<Transformed<LogicalPlan>> {
    let outer = match join.join_type {
        JoinType::Inner => false,
        JoinType::Left => true,
        _ => return Ok(Transformed::no(LogicalPlan::Join(join))),
    };
    if !is_subquery(&join.right) {
        return Ok(Transformed::no(LogicalPlan::Join(join)));
    }
    let lower = Lower {
        left: &join.left,
        outer,
    };
    let Some(steps) = lower.steps(&join.right)? else {
        return Ok(Transformed::no(LogicalPlan::Join(join)));
    };
    let plan = lower.finish(steps, join.right.schema())?;
    let mut conditions: Vec<Expr> = join
        .on
        .iter()
        .map(|(left, right)| left.clone().eq(right.clone()))
        .collect();
    conditions.extend(join.filter.clone().filter(|filter| !is_true(filter)));
    if outer && !conditions.is_empty() {
        return not_impl_err!(
            "LEFT JOIN with FLATTEN takes ON TRUE: filter in the WHERE clause, or in a query around it"
        );
    }
    let plan = match conjunction(conditions) {
        Some(condition) => LogicalPlanBuilder::from(plan).filter(condition)?.build()?,
        None => plan,
    };
    Ok(Transformed::yes(plan))
}

fn is_true(expr: &Expr) -> bool {
    matches!(expr, Expr::Literal(ScalarValue::Boolean(Some(true)), _))
}

fn is_subquery(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Subquery(_) => true,
        LogicalPlan::SubqueryAlias(alias) => is_subquery(&alias.input),
        LogicalPlan::Projection(projection) => is_subquery(&projection.input),
        _ => false,
    }
}

/// Keeps names that have no qualifier of their own apart from the left side's.
static STEPS: AtomicU64 = AtomicU64::new(0);

struct Lower<'a> {
    left: &'a LogicalPlan,
    /// Rows of the left side without a match stay.
    outer: bool,
}

/// Some steps over the left side.
struct Steps {
    plan: LogicalPlan,
    /// What the steps' columns without a qualifier are called here.
    names: HashMap<String, Column>,
}

impl Steps {
    fn column(&self, column: Column) -> Column {
        match &column.relation {
            None => self.names.get(&column.name).cloned().unwrap_or(column),
            Some(_) => column,
        }
    }
}

impl Lower<'_> {
    /// `plan` over the left side instead of one empty row, with the left side's columns before its own.
    fn steps(&self, plan: &LogicalPlan) -> Result<Option<Steps>> {
        match plan {
            LogicalPlan::EmptyRelation(EmptyRelation {
                produce_one_row: true,
                ..
            }) => Ok(Some(Steps {
                plan: self.left.clone(),
                names: HashMap::new(),
            })),
            LogicalPlan::Subquery(subquery) => self.steps(&subquery.subquery),
            LogicalPlan::SubqueryAlias(alias) => self.alias(alias),
            LogicalPlan::Projection(projection) => self.projection(projection),
            LogicalPlan::Filter(filter) if !self.outer => {
                let Some(steps) = self.steps(&filter.input)? else {
                    return Ok(None);
                };
                let predicate = self.inner(filter.predicate.clone(), &steps)?;
                let plan = LogicalPlanBuilder::from(steps.plan)
                    .filter(predicate)?
                    .build()?;
                Ok(Some(Steps { plan, ..steps }))
            }
            LogicalPlan::Unnest(unnest) => {
                let Some(steps) = self.steps(&unnest.input)? else {
                    return Ok(None);
                };
                let plan = LogicalPlanBuilder::from(steps.plan)
                    .unnest_columns_with_options(
                        unnest.exec_columns.clone(),
                        unnest.options.clone(),
                    )?
                    .build()?;
                Ok(Some(Steps { plan, ..steps }))
            }
            _ => Ok(None),
        }
    }

    fn alias(&self, alias: &SubqueryAlias) -> Result<Option<Steps>> {
        let Some(steps) = self.steps(&alias.input)? else {
            return Ok(None);
        };
        let renamed: Vec<Expr> = alias
            .input
            .schema()
            .columns()
            .into_iter()
            .map(|column| {
                let name = column.name.clone();
                Expr::Column(steps.column(column)).alias_qualified(Some(alias.alias.clone()), name)
            })
            .collect();
        Ok(Some(Steps {
            plan: self.project(steps.plan, renamed)?,
            names: HashMap::new(),
        }))
    }

    fn projection(&self, projection: &Projection) -> Result<Option<Steps>> {
        let Some(steps) = self.steps(&projection.input)? else {
            return Ok(None);
        };
        let step = format!("lateral_{}", STEPS.fetch_add(1, Ordering::Relaxed));
        let mut names = HashMap::new();
        let mut exprs = Vec::with_capacity(projection.expr.len());
        for (expr, column) in projection.expr.iter().zip(projection.schema.columns()) {
            // A name made of the expression would change with it.
            let expr = self.inner(expr.clone(), &steps)?.unalias();
            let expr = match self.outer {
                true => keeping_all(&expr).unwrap_or(expr),
                false => expr,
            };
            // What is unnested keeps its name, which no query can give.
            let relation = match column.relation {
                None if !column.name.starts_with('$') => {
                    let known = Column::new(Some(step.as_str()), column.name.as_str());
                    names.insert(column.name.clone(), known);
                    Some(TableReference::bare(step.as_str()))
                }
                relation => relation,
            };
            exprs.push(expr.alias_qualified(relation, column.name));
        }
        let plan = self.project(steps.plan, exprs)?;
        Ok(Some(Steps { plan, names }))
    }

    /// The steps with the columns `wanted` beside the left side's.
    fn finish(&self, steps: Steps, wanted: &DFSchema) -> Result<LogicalPlan> {
        if steps.names.is_empty() {
            return Ok(steps.plan);
        }
        let columns = wanted
            .columns()
            .into_iter()
            .map(|column| {
                let found = Expr::Column(steps.column(column.clone()));
                found.alias_qualified(column.relation, column.name)
            })
            .collect();
        self.project(steps.plan.clone(), columns)
    }

    fn project(&self, input: LogicalPlan, exprs: Vec<Expr>) -> Result<LogicalPlan> {
        let kept = self.left.schema().columns().into_iter().map(Expr::Column);
        LogicalPlanBuilder::from(input)
            .project(kept.chain(exprs).collect::<Vec<_>>())?
            .build()
    }

    /// `expr` over what `steps` gives: references to the left side are its columns.
    fn inner(&self, expr: Expr, steps: &Steps) -> Result<Expr> {
        let left: &DFSchema = self.left.schema();
        expr.transform_up(|expr| {
            Ok(match expr {
                Expr::OuterReferenceColumn(_, column) if left.has_column(&column) => {
                    Transformed::yes(Expr::Column(column))
                }
                Expr::Column(column) => Transformed::yes(Expr::Column(steps.column(column))),
                other => Transformed::no(other),
            })
        })
        .map(|done| done.data)
    }
}
