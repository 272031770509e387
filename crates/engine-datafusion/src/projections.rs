//! Columns are chosen below a filter, but computed above it.
//!
//! DataFusion's rule that moves projections towards the tables also moves `x / y` below `y <> 0`, where it fails on
//! rows that the filter leaves out, and takes what a nested loop join asks of one side out of its condition.
//! [`Projections`] lets a filter give what a computation reads, and leaves the computation where it is.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::config::ConfigOptions;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{CaseExpr, Column, Literal};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use datafusion::physical_optimizer::projection_pushdown::ProjectionPushdown;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::joins::NestedLoopJoinExec;
use datafusion::physical_plan::projection::{
    ProjectionExec, remove_unnecessary_projections, try_embed_projection,
};
use datafusion::physical_plan::{ChildrenPropertiesMode, ExecutionPlan, ReplaceChildrenOptions};

use crate::runtime_filter;

/// Moves projections towards the tables.
#[derive(Debug)]
struct Projections {
    pushing: ProjectionPushdown,
}

/// Puts the rule into the places of DataFusion's.
pub(crate) fn add_to(rules: &mut PhysicalOptimizer) {
    for rule in &mut rules.rules {
        if rule.name() == "ProjectionPushdown" {
            let pushing = ProjectionPushdown::new();
            *rule = Arc::new(Projections { pushing });
        }
    }
}

impl PhysicalOptimizerRule for Projections {
    fn name(&self) -> &str {
        self.pushing.name()
    }

    fn schema_check(&self) -> bool {
        true
    }

    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let plan = plan.transform_up(|node| match asks_plainly(node.as_ref())? {
            true => self.of_join(node, config).map(Transformed::yes),
            false => Ok(Transformed::no(node)),
        })?;
        let plan = plan.data.transform_down(|node| {
            let Some((projection, filter)) = computed(node.as_ref()) else {
                return remove_unnecessary_projections(node);
            };
            let chosen = try_embed_projection(projection, filter)?;
            Ok(chosen.map_or_else(|| Transformed::no(node), Transformed::yes))
        })?;
        Ok(plan.data)
    }
}

impl Projections {
    /// What `join`, a nested loop join, asks of each of its sides is computed once for each of its rows.
    fn of_join(
        &self,
        join: Arc<dyn ExecutionPlan>,
        config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let sides = join.children().into_iter();
        let sides = sides.map(|side| runtime_filter::above(Arc::clone(side)));
        let sides = sides.collect();
        let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
        let join = join.replace_children(sides, options)?;
        let join = self.pushing.optimize(join, config)?;
        runtime_filter::without(join)
    }
}

/// A projection that computes something, and the filter it stands on.
fn computed(node: &dyn ExecutionPlan) -> Option<(&ProjectionExec, &FilterExec)> {
    let projection = node.downcast_ref::<ProjectionExec>()?;
    let filter = projection.input().downcast_ref::<FilterExec>()?;
    let computes = |expr: &Arc<dyn PhysicalExpr>| {
        expr.downcast_ref::<Column>().is_none() && expr.downcast_ref::<Literal>().is_none()
    };
    let mut columns = projection.expr().iter();
    let computes = columns.any(|column| computes(&column.expr));
    computes.then_some((projection, filter))
}

/// Whether `node` is a nested loop join whose condition has no parts that are for some rows only.
fn asks_plainly(node: &dyn ExecutionPlan) -> Result<bool> {
    let join = node.downcast_ref::<NestedLoopJoinExec>();
    let Some(filter) = join.and_then(NestedLoopJoinExec::filter) else {
        return Ok(false);
    };
    let guarded = |part: &Arc<dyn PhysicalExpr>| Ok(part.downcast_ref::<CaseExpr>().is_some());
    Ok(!filter.expression().exists(guarded)?)
}
