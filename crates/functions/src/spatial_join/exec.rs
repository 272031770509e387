//! [`SpatialJoin`]: the operator. It keeps the left side with its index in memory and asks it for every
//! row of the right side.

use std::fmt;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex};

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{JoinSide, Result, internal_err};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::joins::utils::JoinFilter;
use datafusion::physical_plan::joins::utils::{ColumnIndex, build_join_schema};
use datafusion::physical_plan::joins::{NestedLoopJoinExec, NestedLoopJoinExecBuilder};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties,
    InputDistributionRequirements, PlanProperties, ReplaceChildrenOptions,
};
use futures::{StreamExt as _, TryStreamExt as _};
use tokio::sync::OnceCell;

use super::index::Index;
use super::nearness::Nearness;
use super::probe::Probe;

/// A join by place.
#[derive(Debug)]
pub(super) struct SpatialJoin {
    /// The join this one stands for: it knows the sides, the filter, and what the output looks like.
    join: NestedLoopJoinExec,
    filter: JoinFilter,
    nearness: Nearness,
    /// Where the columns of the output come from.
    columns: Arc<[ColumnIndex]>,
    built: Arc<OnceCell<Arc<Built>>>,
    metrics: ExecutionPlanMetricsSet,
}

/// The left side in memory.
#[derive(Debug)]
pub(super) struct Built {
    pub(super) batch: RecordBatch,
    pub(super) index: Index,
    /// Which rows have found a partner.
    pub(super) met: Mutex<Vec<bool>>,
    /// Partitions of the right side that have not ended. The last one writes the rows without partner.
    pub(super) open: AtomicUsize,
    _memory: MemoryReservation,
}

impl SpatialJoin {
    pub(super) fn replacing(join: &NestedLoopJoinExec, nearness: Nearness) -> Result<Self> {
        Self::new(NestedLoopJoinExecBuilder::from(join).build()?, nearness)
    }

    fn new(join: NestedLoopJoinExec, nearness: Nearness) -> Result<Self> {
        let Some(filter) = join.filter().cloned() else {
            return internal_err!("a spatial join needs a filter");
        };
        let (left, right) = (join.left().schema(), join.right().schema());
        let (_, all) = build_join_schema(&left, &right, join.join_type());
        let columns = match join.projection() {
            None => all.into(),
            Some(projection) => projection
                .iter()
                .filter_map(|at| all.get(*at).cloned())
                .collect(),
        };
        Ok(Self {
            join,
            filter,
            nearness,
            columns,
            built: Arc::default(),
            metrics: ExecutionPlanMetricsSet::new(),
        })
    }
}

impl DisplayAs for SpatialJoin {
    fn fmt_as(&self, kind: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match kind {
            DisplayFormatType::Default | DisplayFormatType::Verbose => write!(
                f,
                "SpatialJoinExec: join_type={:?}, filter={}",
                self.join.join_type(),
                self.filter.expression()
            ),
            DisplayFormatType::TreeRender => {
                writeln!(f, "join_type={:?}", self.join.join_type())
            }
        }
    }
}

impl ExecutionPlan for SpatialJoin {
    fn name(&self) -> &str {
        "SpatialJoinExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.join.properties()
    }

    fn input_distribution_requirements(&self) -> InputDistributionRequirements {
        self.join.input_distribution_requirements()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        self.join.children()
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        self.join.apply_expressions(f)
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let Ok([left, right]) = <[Arc<dyn ExecutionPlan>; 2]>::try_from(children) else {
            return internal_err!("a spatial join has two sides");
        };
        let join = NestedLoopJoinExecBuilder::new(left, right, *self.join.join_type())
            .with_filter(Some(self.filter.clone()))
            .with_projection_ref(self.join.projection().clone())
            .build()?;
        Ok(Arc::new(Self::new(join, self.nearness.clone())?))
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        use datafusion::physical_plan::ChildrenPropertiesMode;
        let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
        self.replace_children(children, options)
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let left = Arc::clone(self.join.left());
        if left.output_partitioning().partition_count() != 1 {
            return internal_err!("the left side of a spatial join has one partition");
        }
        let right = self.join.right();
        let partitions = right.output_partitioning().partition_count();
        let right = right.execute(partition, Arc::clone(&context))?;
        let (cell, nearness) = (Arc::clone(&self.built), self.nearness.clone());
        let (filter, columns) = (self.filter.clone(), Arc::clone(&self.columns));
        let (schema, kind) = (self.schema(), *self.join.join_type());
        let metrics = BaselineMetrics::new(&self.metrics, partition);
        let output = Arc::clone(&schema);
        let stream = futures::stream::once(async move {
            let building = build(left, &nearness, partitions, Arc::clone(&context));
            let built = Arc::clone(cell.get_or_try_init(async || building.await).await?);
            let probe = Probe {
                built,
                right,
                nearness,
                filter,
                kind,
                columns,
                schema: output,
                enough: context.session_config().batch_size(),
                current: None,
                ended: false,
                metrics,
            };
            Ok::<_, datafusion::error::DataFusionError>(futures::stream::try_unfold(
                probe,
                Probe::next,
            ))
        })
        .try_flatten()
        .boxed();
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, stream)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}

/// Reads the left side and indexes it.
async fn build(
    left: Arc<dyn ExecutionPlan>,
    nearness: &Nearness,
    partitions: usize,
    context: Arc<TaskContext>,
) -> Result<Arc<Built>> {
    let schema = left.schema();
    let memory = MemoryConsumer::new("SpatialJoin").register(context.memory_pool());
    let mut stream = left.execute(0, context)?;
    let mut batches = Vec::new();
    while let Some(batch) = stream.try_next().await? {
        // Once as read, once as one batch with its index.
        memory.try_grow(2 * batch.get_array_memory_size())?;
        batches.push(batch);
    }
    let batch = concat_batches(&schema, &batches)?;
    let extents = nearness.left(&batch)?.into_iter().zip(0_u64..);
    let boxes: Vec<_> = extents
        .filter_map(|(extent, row)| Some((extent?, row)))
        .collect();
    let met = vec![false; batch.num_rows()];
    Ok(Arc::new(Built {
        index: Index::new(boxes),
        batch,
        met: Mutex::new(met),
        open: AtomicUsize::new(partitions),
        _memory: memory,
    }))
}

/// The batch of a side.
pub(super) fn of_side<'a>(
    column: &ColumnIndex,
    left: &'a RecordBatch,
    right: &'a RecordBatch,
) -> &'a RecordBatch {
    match column.side {
        JoinSide::Left => left,
        JoinSide::Right | JoinSide::None => right,
    }
}
