//! Semi and anti joins go below the joins that only add columns.
//!
//! `orders o join lineitem l on … where o.id in (select …)` keeps rows of `orders`, yet the planner first joins
//! all of them and then looks up what is wide and long by then (query 18 of TPC-H: six million rows for
//! 57 orders). [`SemiJoins`] lets such a join choose among the rows of the side whose columns it compares,
//! if the other side leaves nothing out by itself: past a side that filters, it might meet more rows, not
//! fewer.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::logical_expr::logical_plan::Join;
use datafusion::logical_expr::{Expr, JoinType, LogicalPlan};
use datafusion::optimizer::optimizer::{ApplyOrder, Optimizer};
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};

/// Pushes semi and anti joins down.
#[derive(Debug)]
struct SemiJoins;

/// Adds the rule to `optimizer`, after the one that takes conditions down to the tables they are about.
pub(crate) fn add_to(optimizer: &mut Optimizer) {
    let filters = optimizer
        .rules
        .iter()
        .position(|rule| rule.name() == "push_down_filter");
    if let Some(filters) = filters {
        optimizer.rules.insert(filters + 1, Arc::new(SemiJoins));
    }
}

impl OptimizerRule for SemiJoins {
    fn name(&self) -> &'static str {
        "semi_joins"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::TopDown)
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        _: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        let LogicalPlan::Join(semi) = &plan else {
            return Ok(Transformed::no(plan));
        };
        if !matches!(semi.join_type, JoinType::LeftSemi | JoinType::LeftAnti) {
            return Ok(Transformed::no(plan));
        }
        let LogicalPlan::Join(joined) = semi.left.as_ref() else {
            return Ok(Transformed::no(plan));
        };
        let (left, right) = (&joined.left, &joined.right);
        let lower = match joined.join_type {
            JoinType::Inner | JoinType::Left if reads_only(semi, left) && is_whole(right)? => {
                Join {
                    left: Arc::new(below(semi, left)),
                    ..joined.clone()
                }
            }
            JoinType::Inner if reads_only(semi, right) && is_whole(left)? => Join {
                right: Arc::new(below(semi, right)),
                ..joined.clone()
            },
            _ => return Ok(Transformed::no(plan)),
        };
        Ok(Transformed::yes(LogicalPlan::Join(lower)))
    }
}

/// `semi` over the rows of `side` alone.
fn below(semi: &Join, side: &Arc<LogicalPlan>) -> LogicalPlan {
    LogicalPlan::Join(Join {
        left: Arc::clone(side),
        schema: Arc::clone(side.schema()),
        ..semi.clone()
    })
}

/// Whether `semi` compares columns of `side` only, of those of its left side.
fn reads_only(semi: &Join, side: &LogicalPlan) -> bool {
    let of_side = |expr: &Expr| {
        expr.column_refs().into_iter().all(|column| {
            side.schema().has_column(column) || !semi.left.schema().has_column(column)
        })
    };
    semi.on.iter().all(|(left, _)| of_side(left)) && semi.filter.as_ref().is_none_or(of_side)
}

/// Whether `plan` gives all rows of the tables it reads.
fn is_whole(plan: &LogicalPlan) -> Result<bool> {
    let selects = plan.exists(|node| {
        Ok(match node {
            LogicalPlan::TableScan(scan) => !scan.filters.is_empty() || scan.fetch.is_some(),
            LogicalPlan::Join(join) => join.join_type != JoinType::Inner || join.filter.is_some(),
            LogicalPlan::Projection(_) | LogicalPlan::SubqueryAlias(_) => false,
            _ => true,
        })
    })?;
    Ok(!selects)
}
