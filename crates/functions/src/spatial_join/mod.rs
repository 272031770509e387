//! Joins by place: `ST_DWITHIN`, `ST_CONTAINS`, `ST_INTERSECTS` and their kin, and `ST_DISTANCE(…) < d`,
//! between two relations.
//!
//! DataFusion would compare every row with every other. Here an index of the boxes round the values of
//! one side gives the few rows of which the condition may hold, and the whole condition decides about
//! them: boxes can only name too many. `nearness` finds the condition, `index` the rows, `exec` joins.

mod exec;
mod index;
mod nearness;
mod probe;

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{JoinType, Result};
use datafusion::config::ConfigOptions;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::joins::NestedLoopJoinExec;

use exec::SpatialJoin;
use nearness::Nearness;

/// Puts joins by place where nested loops would be.
#[derive(Debug)]
pub(crate) struct SpatialJoins;

impl PhysicalOptimizerRule for SpatialJoins {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let changed = plan.transform_up(|node| {
            let Some(join) = node.downcast_ref::<NestedLoopJoinExec>() else {
                return Ok(Transformed::no(node));
            };
            let marks = matches!(join.join_type(), JoinType::LeftMark | JoinType::RightMark);
            match join.filter().and_then(Nearness::of) {
                Some(nearness) if !marks => {
                    let join: Arc<dyn ExecutionPlan> =
                        Arc::new(SpatialJoin::replacing(join, nearness)?);
                    Ok(Transformed::yes(join))
                }
                _ => Ok(Transformed::no(node)),
            }
        })?;
        Ok(changed.data)
    }

    fn name(&self) -> &str {
        "spatial_joins"
    }

    fn schema_check(&self) -> bool {
        true
    }
}
