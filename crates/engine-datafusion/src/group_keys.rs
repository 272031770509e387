//! Aggregations over keys of one name (`a::varchar` and `a` are called the same) are left as they are.
//!
//! DataFusion's rules compute keys that follow from others above the aggregation, and take the distinct values of an
//! argument by another one below: both by a projection, in which names are told apart.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::tree_node::Transformed;
use datafusion::logical_expr::{Aggregate, Expr, LogicalPlan};
use datafusion::optimizer::optimizer::{ApplyOrder, Optimizer};
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};

/// DataFusion's rules that do so.
const RULES: [&str; 2] = [
    "eliminate_group_by_constant",
    "single_distinct_aggregation_to_group_by",
];

/// One of these rules, for keys of different names.
#[derive(Debug)]
struct GroupKeys(Arc<dyn OptimizerRule + Send + Sync>);

/// Puts the rules into the places of DataFusion's.
pub(crate) fn add_to(optimizer: &mut Optimizer) {
    for rule in &mut optimizer.rules {
        if RULES.contains(&rule.name()) {
            *rule = Arc::new(GroupKeys(Arc::clone(rule)));
        }
    }
}

impl OptimizerRule for GroupKeys {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        self.0.apply_order()
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        config: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        match &plan {
            LogicalPlan::Aggregate(aggregate) if shares_names(aggregate) => {
                Ok(Transformed::no(plan))
            }
            _ => self.0.rewrite(plan, config),
        }
    }
}

/// Whether two different keys, or a key and the argument of an aggregate, are called the same.
fn shares_names(aggregate: &Aggregate) -> bool {
    let arguments = aggregate.aggr_expr.iter().flat_map(|expr| match expr {
        Expr::AggregateFunction(call) => call.params.args.as_slice(),
        _ => &[],
    });
    let mut names: HashMap<String, &Expr> = HashMap::new();
    let mut all = aggregate.group_expr.iter().chain(arguments);
    all.any(|expr| {
        let other = names.insert(expr.schema_name().to_string(), expr);
        other.is_some_and(|other| other != expr)
    })
}
