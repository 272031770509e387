//! Subqueries in arguments of aggregates and in conditions of inner joins: computed below the aggregate,
//! and filtered above the join, where DataFusion can join them.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::{conjunction, split_conjunction_owned};
use datafusion::logical_expr::{
    Aggregate, Expr, Join, JoinType, LogicalPlan, LogicalPlanBuilder, ident,
};
use datafusion::optimizer::AnalyzerRule;

use crate::relation::{qualified, reference};

/// Moves subqueries to where they can be joined.
#[derive(Debug)]
pub(crate) struct SubqueryPlaces;

impl AnalyzerRule for SubqueryPlaces {
    fn name(&self) -> &str {
        "snowflake_subquery_places"
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        let rewritten = plan.transform_up_with_subqueries(|plan| match plan {
            LogicalPlan::Aggregate(aggregate) if aggregate.aggr_expr.iter().any(has_subquery) => {
                below(aggregate).map(Transformed::yes)
            }
            LogicalPlan::Join(join)
                if join.join_type == JoinType::Inner
                    && join.filter.as_ref().is_some_and(has_subquery) =>
            {
                above(join).map(Transformed::yes)
            }
            other => Ok(Transformed::no(other)),
        })?;
        Ok(rewritten.data)
    }
}

fn has_subquery(expr: &Expr) -> bool {
    let found = expr.exists(|expr| {
        Ok(matches!(
            expr,
            Expr::Exists(_)
                | Expr::InSubquery(_)
                | Expr::ScalarSubquery(_)
                | Expr::SetComparison(_)
        ))
    });
    found.unwrap_or(false)
}

/// The aggregate over a projection that holds its arguments.
fn below(aggregate: Aggregate) -> Result<LogicalPlan> {
    let names = NamePreserver::new(&LogicalPlan::Aggregate(aggregate.clone()));
    let mut columns: Vec<Expr> = qualified(aggregate.input.schema())
        .iter()
        .map(reference)
        .collect();
    let first = columns.len();
    let mut calls = Vec::new();
    for call in aggregate.aggr_expr {
        let name = names.save(&call);
        let moved = call.transform_down(|expr| {
            let Expr::AggregateFunction(mut function) = expr else {
                return Ok(Transformed::no(expr));
            };
            for argument in &mut function.params.args {
                if has_subquery(argument) {
                    let column = format!("$argument{}", columns.len() - first);
                    let value = std::mem::replace(argument, ident(&column));
                    columns.push(value.alias(column));
                }
            }
            Ok(Transformed::yes(Expr::AggregateFunction(function)))
        })?;
        calls.push(name.restore(moved.data));
    }
    let input = LogicalPlanBuilder::from(Arc::unwrap_or_clone(aggregate.input))
        .project(columns)?
        .build()?;
    Ok(LogicalPlan::Aggregate(Aggregate::try_new(
        Arc::new(input),
        aggregate.group_expr,
        calls,
    )?))
}

/// The join without the conditions that hold subqueries, and a filter with them.
fn above(join: Join) -> Result<LogicalPlan> {
    let mut join = join;
    let conditions = join.filter.take().map(split_conjunction_owned);
    let (moved, kept): (Vec<Expr>, Vec<Expr>) = conditions
        .unwrap_or_default()
        .into_iter()
        .partition(has_subquery);
    join.filter = conjunction(kept);
    let plan = LogicalPlanBuilder::from(LogicalPlan::Join(join));
    match conjunction(moved) {
        Some(condition) => plan.filter(condition)?.build(),
        None => plan.build(),
    }
}
