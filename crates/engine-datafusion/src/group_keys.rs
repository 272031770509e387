//! Keys of GROUP BY that follow from others are not grouped by, unless that would give two columns one name.
//!
//! DataFusion's rule computes such keys above the aggregation, where `a::varchar` and `a` are called the same.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::tree_node::Transformed;
use datafusion::logical_expr::LogicalPlan;
use datafusion::optimizer::eliminate_group_by_constant::EliminateGroupByConstant;
use datafusion::optimizer::optimizer::{ApplyOrder, Optimizer};
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};

/// DataFusion's rule, for keys of different names.
#[derive(Debug)]
struct GroupKeys {
    eliminating: EliminateGroupByConstant,
}

/// Puts the rule into the place of DataFusion's.
pub(crate) fn add_to(optimizer: &mut Optimizer) {
    for rule in &mut optimizer.rules {
        let eliminating = EliminateGroupByConstant::new();
        if rule.name() == eliminating.name() {
            *rule = Arc::new(GroupKeys { eliminating });
        }
    }
}

impl OptimizerRule for GroupKeys {
    fn name(&self) -> &str {
        self.eliminating.name()
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        self.eliminating.apply_order()
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        config: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        if let LogicalPlan::Aggregate(aggregate) = &plan {
            let mut names = HashSet::new();
            let mut keys = aggregate.group_expr.iter();
            if !keys.all(|key| names.insert(key.schema_name().to_string())) {
                return Ok(Transformed::no(plan));
            }
        }
        self.eliminating.rewrite(plan, config)
    }
}
