//! Conditions go down to the tables they are about; those that can fail are not copied on the way.
//!
//! DataFusion's rule knows that `l.o = f.o` lets `f.o = 1` be asked of both sides of a join, and that a side's part of
//! an OR may be asked of that side. Of `1 / f.o > 0` it knows no better, and the copy then fails on rows of the other
//! side that the join leaves out. [`Conditions`] hands it what can fail apart from the rest: without the keys of the
//! join, and only if it is about one side.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Result, internal_err};
use datafusion::logical_expr::logical_plan::{Filter, Join};
use datafusion::logical_expr::utils::{conjunction, split_conjunction_owned};
use datafusion::logical_expr::{Expr, JoinType, LogicalPlan};
use datafusion::optimizer::optimizer::{ApplyOrder, Optimizer};
use datafusion::optimizer::push_down_filter::PushDownFilter;
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};
use functions::can_fail;

/// DataFusion's rule, for what cannot fail.
#[derive(Debug)]
struct Conditions {
    pushing: PushDownFilter,
}

/// Puts the rule into the place of DataFusion's.
pub(crate) fn add_to(optimizer: &mut Optimizer) {
    for rule in &mut optimizer.rules {
        if rule.name() == "push_down_filter" {
            let pushing = PushDownFilter::new();
            *rule = Arc::new(Conditions { pushing });
        }
    }
}

impl OptimizerRule for Conditions {
    fn name(&self) -> &str {
        self.pushing.name()
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        self.pushing.apply_order()
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        config: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        if !is_risky(&plan) {
            return self.pushing.rewrite(plan, config);
        }
        let (above, join) = taken(plan)?;
        let (risky, certain): (Vec<Expr>, Vec<Expr>) = above.into_iter().partition(can_fail);
        let on = join
            .filter
            .iter()
            .cloned()
            .flat_map(split_conjunction_owned);
        let (risky_on, certain_on): (Vec<Expr>, Vec<Expr>) = on.partition(can_fail);
        let of_one_side =
            |condition: &Expr| is_about(&join.left, condition) || is_about(&join.right, condition);
        let (risky, across): (Vec<Expr>, Vec<Expr>) = risky.into_iter().partition(of_one_side);
        let (risky_on, mut across_on): (Vec<Expr>, Vec<Expr>) =
            risky_on.into_iter().partition(of_one_side);

        let keys = join.on.clone();
        let risky = filtered(
            risky,
            Join {
                on: Vec::new(),
                filter: conjunction(risky_on),
                ..join
            },
        );
        let risky = self.pushing.rewrite(risky, config)?;
        let mut changed = risky.transformed;
        let (mut kept, mut join) = taken(risky.data)?;
        join.on = keys;
        across_on.extend(
            join.filter
                .take()
                .into_iter()
                .flat_map(split_conjunction_owned),
        );
        for condition in across {
            // As DataFusion does: what a join is about, it may find its keys in.
            if join.join_type == JoinType::Inner && !asks_a_query(&condition)? {
                changed = true;
                across_on.push(condition);
            } else {
                kept.push(condition);
            }
        }

        join.filter = conjunction(certain_on);
        let certain = self.pushing.rewrite(filtered(certain, join), config)?;
        changed |= certain.transformed;
        let (above, mut join) = taken(certain.data)?;
        join.filter = conjunction(join.filter.into_iter().chain(across_on));
        let plan = filtered(above.into_iter().chain(kept).collect(), join);
        Ok(match changed {
            true => Transformed::yes(plan),
            false => Transformed::no(plan),
        })
    }
}

/// The join that `plan` is, and the conditions right above it; the inner ones come first.
fn joined(plan: &LogicalPlan) -> Option<(Vec<&Expr>, &Join)> {
    let mut below = plan;
    let mut filters = Vec::new();
    while let LogicalPlan::Filter(filter) = below {
        filters.push(&filter.predicate);
        below = &filter.input;
    }
    filters.reverse();
    match below {
        LogicalPlan::Join(join) => Some((filters, join)),
        _ => None,
    }
}

/// Whether `plan` is a join that has a condition which can fail, in it or right above it.
fn is_risky(plan: &LogicalPlan) -> bool {
    joined(plan).is_some_and(|(above, join)| above.into_iter().chain(&join.filter).any(can_fail))
}

/// What [`filtered`] was made of, or the rule made of it.
fn taken(plan: LogicalPlan) -> Result<(Vec<Expr>, Join)> {
    let Some((filters, join)) = joined(&plan) else {
        return internal_err!("a join became {}", plan.display());
    };
    let filters = filters.into_iter().cloned();
    let filters = filters.flat_map(split_conjunction_owned).collect();
    Ok((filters, join.clone()))
}

fn filtered(conditions: Vec<Expr>, join: Join) -> LogicalPlan {
    let join = LogicalPlan::Join(join);
    match conjunction(conditions) {
        Some(predicate) => LogicalPlan::Filter(Filter::new(predicate, Arc::new(join))),
        None => join,
    }
}

fn is_about(side: &LogicalPlan, condition: &Expr) -> bool {
    let mut columns = condition.column_refs().into_iter();
    columns.all(|column| side.schema().has_column(column))
}

fn asks_a_query(condition: &Expr) -> Result<bool> {
    condition.exists(|part| {
        Ok(matches!(
            part,
            Expr::Exists(_)
                | Expr::InSubquery(_)
                | Expr::SetComparison(_)
                | Expr::ScalarSubquery(_)
                | Expr::OuterReferenceColumn(..)
        ))
    })
}
