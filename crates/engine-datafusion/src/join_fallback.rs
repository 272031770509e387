//! Joins that sort where hashing them exceeds the memory limit: a hash table cannot spill, sorts can.
//!
//! A statement that ends with exhausted memory before anybody has seen a row of it is planned again with
//! sort-merge joins. Writes show nothing before their commit, so they can always be planned again.

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::execution::SessionState;
use datafusion::execution::memory_pool::MemoryLimit;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::physical_plan::{SendableRecordBatchStream, collect, execute_stream};
use diagnostic::{Error, Result, codes};
use futures::{Stream, StreamExt, TryStreamExt};

use crate::execution;
use crate::failure::explain;

/// The part of all memory that each partition of a sort keeps for merging what it has spilled: several
/// sorts run at once here.
const RESERVED: usize = 8;

/// Rows of a batch: sorts hold several whole ones.
const BATCH: usize = 1024;

/// Sort-merge joins are planned between several partitions only.
const FEWEST_PARTITIONS: usize = 2;

/// The state to plan `plan` with again after `error`, if other joins may need less memory.
pub(crate) fn sorting(
    state: &SessionState,
    plan: &LogicalPlan,
    error: &Error,
) -> Option<SessionState> {
    let hashing = state.config().options().optimizer.prefer_hash_join;
    if error.code() != codes::E1003 || !hashing || !joins(plan) {
        return None;
    }
    tracing::debug!(%error, "planned again with sort-merge joins");
    let batch = state.config().batch_size().min(BATCH);
    let mut config = state.config().clone().with_batch_size(batch);
    let options = config.options_mut();
    options.optimizer.prefer_hash_join = false;
    options.optimizer.repartition_joins = true;
    let partitions = options.execution.target_partitions.max(FEWEST_PARTITIONS);
    options.execution.target_partitions = partitions;
    if let MemoryLimit::Finite(limit) = state.runtime_env().memory_pool.memory_limit() {
        let reserved = &mut options.execution.sort_spill_reservation_bytes;
        *reserved = (*reserved).min(limit / (RESERVED * partitions));
    }
    let builder = SessionStateBuilder::new_from_existing(state.clone());
    Some(builder.with_config(config).build())
}

/// Whether `plan` joins: subqueries become joins.
fn joins(plan: &LogicalPlan) -> bool {
    let mut found = false;
    let walked = plan.apply_with_subqueries(|node| {
        let queries = |expr: &Expr| {
            matches!(
                expr,
                Expr::Exists(_)
                    | Expr::InSubquery(_)
                    | Expr::ScalarSubquery(_)
                    | Expr::SetComparison(_)
            )
        };
        let asks = node
            .expressions()
            .iter()
            .any(|expr| expr.exists(|expr| Ok(queries(expr))).unwrap_or(false));
        found = found || asks || matches!(node, LogicalPlan::Join(_));
        Ok(match found {
            true => TreeNodeRecursion::Stop,
            false => TreeNodeRecursion::Continue,
        })
    });
    walked.is_ok() && found
}

/// The rows of `plan`, which starts to run when the first are asked for.
pub(crate) async fn execute(
    state: &mut SessionState,
    plan: &LogicalPlan,
) -> Result<SendableRecordBatchStream> {
    let physical = execution::physical(state, plan).await?;
    execute_stream(physical, execution::context(state)).map_err(explain)
}

/// The rows of `first`, which runs `plan`; of another run of it if memory ends before the first row.
pub(crate) fn stream(
    state: SessionState,
    plan: LogicalPlan,
    first: SendableRecordBatchStream,
) -> impl Stream<Item = Result<RecordBatch>> + Send {
    let begun = async move {
        let mut rows = first.map_err(explain).boxed();
        let error = match rows.next().await {
            Some(Err(error)) => error,
            Some(Ok(batch)) => return Ok(begin(Some(batch), rows)),
            None => return Ok(begin(None, rows)),
        };
        // What hashed gives its memory back before others take it.
        drop(rows);
        match sorting(&state, &plan, &error) {
            None => Err(error),
            Some(mut state) => {
                let rows = execute(&mut state, &plan).await?;
                Ok(begin(None, rows.map_err(explain).boxed()))
            }
        }
    };
    futures::stream::once(begun).try_flatten()
}

type Batches = futures::stream::BoxStream<'static, Result<RecordBatch>>;

fn begin(batch: Option<RecordBatch>, rest: Batches) -> Batches {
    futures::stream::iter(batch.map(Ok)).chain(rest).boxed()
}

/// All rows of `plan`, and their columns.
pub(crate) async fn rows(
    mut state: SessionState,
    plan: &LogicalPlan,
) -> Result<(SchemaRef, Vec<RecordBatch>)> {
    match attempt(&mut state, plan).await {
        Err(error) => match sorting(&state, plan, &error) {
            Some(mut state) => attempt(&mut state, plan).await,
            None => Err(error),
        },
        rows => rows,
    }
}

async fn attempt(
    state: &mut SessionState,
    plan: &LogicalPlan,
) -> Result<(SchemaRef, Vec<RecordBatch>)> {
    let physical = execution::physical(state, plan).await?;
    let schema = physical.schema();
    let context = execution::context(state);
    let batches = collect(physical, context).await.map_err(explain)?;
    Ok((schema, batches))
}
