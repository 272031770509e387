//! Plans as they are run: in how many parts, and with what they need.

use std::sync::Arc;

use datafusion::common::stats::Precision;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::datasource::source_as_provider;
use datafusion::execution::{SessionState, TaskContext};
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::ExecutionPlan;
use diagnostic::Result;

use crate::failure::explain;

/// Rows that a join may make of few before they are worth several threads.
const FEW_JOINED_ROWS: usize = 1 << 20;

/// How `plan` is run. One that handles few rows runs in one part, with `state` as well: to hand them to other
/// threads costs more than to work on them.
pub(crate) async fn physical(
    state: &mut SessionState,
    plan: &LogicalPlan,
) -> Result<Arc<dyn ExecutionPlan>> {
    let plan = state.optimize(plan).map_err(explain)?;
    if handles_few_rows(&plan, state.config().batch_size()) {
        state.config_mut().options_mut().execution.target_partitions = 1;
    }
    let planner = Arc::clone(state.query_planner());
    planner
        .create_physical_plan(&plan, state)
        .await
        .map_err(explain)
}

/// What a running plan needs of `state`. Functions are looked up by name only in plans that come from elsewhere.
pub(crate) fn context(state: &SessionState) -> Arc<TaskContext> {
    Arc::new(TaskContext::new(
        None,
        state.session_id().to_owned(),
        state.config().clone(),
        Default::default(),
        Default::default(),
        Default::default(),
        Default::default(),
        Arc::clone(state.runtime_env()),
    ))
}

/// Whether `plan` is known to read no more than `few` rows, and to make few of them.
fn handles_few_rows(plan: &LogicalPlan, few: usize) -> bool {
    let (mut read, mut joins, mut known) = (0_usize, 0, true);
    let walked = plan.apply(|node| {
        match node {
            LogicalPlan::TableScan(scan) => match rows_of(scan) {
                Some(rows) => read = read.saturating_add(rows),
                None => known = false,
            },
            LogicalPlan::Values(values) => read = read.saturating_add(values.values.len()),
            LogicalPlan::Join(_) => joins += 1,
            LogicalPlan::EmptyRelation(_)
            | LogicalPlan::Projection(_)
            | LogicalPlan::Filter(_)
            | LogicalPlan::Window(_)
            | LogicalPlan::Aggregate(_)
            | LogicalPlan::Sort(_)
            | LogicalPlan::Union(_)
            | LogicalPlan::SubqueryAlias(_)
            | LogicalPlan::Limit(_)
            | LogicalPlan::Distinct(_) => {}
            _ => known = false,
        }
        known = known && read <= few;
        Ok(match known {
            true => TreeNodeRecursion::Continue,
            false => TreeNodeRecursion::Stop,
        })
    });
    // At worst every row meets every other one.
    let joined = read.checked_pow(joins + 1);
    walked.is_ok() && known && (joins == 0 || joined.is_some_and(|rows| rows <= FEW_JOINED_ROWS))
}

/// How many rows `scan` reads at most, if its table knows that without looking.
fn rows_of(scan: &datafusion::logical_expr::TableScan) -> Option<usize> {
    let provider = source_as_provider(&scan.source).ok()?;
    match provider.statistics()?.num_rows {
        Precision::Exact(rows) => Some(rows),
        _ => None,
    }
}
