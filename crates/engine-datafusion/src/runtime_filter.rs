//! What joins learn about keys while they run keeps rows out right above the scan of their other side.
//!
//! DataFusion pushes such filters (of hash joins, of the first rows of a sort, of extremes) down to files,
//! where they choose row groups; row by row, while columns are decoded, they cost more than they save
//! (see `late_filter`). [`RuntimeFilters`] puts an operator above each scan that applies them to whole
//! batches, before rows are exchanged, grouped or joined. A filter only leaves out rows that could give
//! nothing, so the operator stops asking one that keeps nearly every row.

use std::fmt;
use std::sync::Arc;

use arrow::array::{Array, BooleanArray, RecordBatch};
use arrow::compute::{BatchCoalescer, and, prep_null_mask_filter};
use datafusion::common::cast::as_boolean_array;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Result, ScalarValue, internal_err};
use datafusion::config::ConfigOptions;
use datafusion::datasource::physical_plan::ParquetSource;
use datafusion::datasource::source::DataSourceExec;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::ColumnarValue;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::DynamicFilterTracking;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::filter_pushdown::{
    ChildPushdownResult, FilterDescription, FilterPushdownPhase, FilterPushdownPropagation,
};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties, ReplaceChildrenOptions,
};
use futures::StreamExt;

/// The Delta library's scan, by name: its type is not public.
const DELTA_SCAN: &str = "DeltaScanExec";

/// After how many batches a filter is judged.
const WINDOW: usize = 8;

/// How many batches pass unasked after a window in which nearly all rows were kept. Sorts and extremes
/// learn more as they go, so it is asked again.
const PAUSE: usize = 56;

/// Puts an operator for filters that are learnt above every scan.
#[derive(Debug)]
struct RuntimeFilters;

/// Adds the rule to `rules`, before the one that pushes such filters down.
pub(crate) fn add_to(rules: &mut PhysicalOptimizer) {
    const PUSHES: &str = "FilterPushdown(Post)";
    let at = rules.rules.iter().position(|rule| rule.name() == PUSHES);
    if let Some(at) = at {
        rules.rules.insert(at, Arc::new(RuntimeFilters));
    }
}

/// `plan` with an operator above it that nothing is moved through.
pub(crate) fn above(plan: Arc<dyn ExecutionPlan>) -> Arc<dyn ExecutionPlan> {
    Arc::new(RuntimeFilter::new(plan, Vec::new()))
}

/// `plan` without the operators of [`above`].
pub(crate) fn without(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    let plan = plan.transform_down(|node| {
        let own = node.downcast_ref::<RuntimeFilter>();
        match own.filter(|filter| filter.filters.is_empty()) {
            Some(filter) => Ok(Transformed::new(
                Arc::clone(&filter.input),
                true,
                TreeNodeRecursion::Jump,
            )),
            None => Ok(Transformed::no(node)),
        }
    })?;
    Ok(plan.data)
}

impl PhysicalOptimizerRule for RuntimeFilters {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let changed = plan.transform_down(|node| {
            // What the statement itself asks for costs less than looking keys up.
            let scans = match node.downcast_ref::<FilterExec>() {
                Some(filter) => is_scan(filter.input().as_ref()),
                None => is_scan(node.as_ref()),
            };
            if !scans {
                return Ok(Transformed::no(node));
            }
            let node: Arc<dyn ExecutionPlan> = Arc::new(RuntimeFilter::new(node, Vec::new()));
            Ok(Transformed::new(node, true, TreeNodeRecursion::Jump))
        })?;
        Ok(changed.data)
    }

    fn name(&self) -> &'static str {
        "RuntimeFilters"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// Whether `plan` reads the files of a table.
fn is_scan(plan: &dyn ExecutionPlan) -> bool {
    let files = plan.downcast_ref::<DataSourceExec>();
    let files = files.and_then(DataSourceExec::downcast_to_file_source::<ParquetSource>);
    files.is_some() || plan.name() == DELTA_SCAN
}

/// Applies filters whose terms become known while the statement runs.
#[derive(Debug)]
struct RuntimeFilter {
    input: Arc<dyn ExecutionPlan>,
    filters: Arc<[Arc<dyn PhysicalExpr>]>,
    metrics: ExecutionPlanMetricsSet,
}

impl RuntimeFilter {
    fn new(input: Arc<dyn ExecutionPlan>, filters: Vec<Arc<dyn PhysicalExpr>>) -> Self {
        Self {
            input,
            filters: filters.into(),
            metrics: ExecutionPlanMetricsSet::new(),
        }
    }
}

impl DisplayAs for RuntimeFilter {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RuntimeFilterExec: ")?;
        for (at, filter) in self.filters.iter().enumerate() {
            write!(f, "{}{filter}", if at == 0 { "" } else { " AND " })?;
        }
        Ok(())
    }
}

impl ExecutionPlan for RuntimeFilter {
    fn name(&self) -> &str {
        "RuntimeFilterExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.input.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        for filter in self.filters.iter() {
            f(filter)?;
        }
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let Ok([input]) = <[Arc<dyn ExecutionPlan>; 1]>::try_from(children) else {
            return internal_err!("a runtime filter has one input");
        };
        Ok(Arc::new(Self::new(input, self.filters.to_vec())))
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        use datafusion::physical_plan::ChildrenPropertiesMode;
        let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
        self.replace_children(children, options)
    }

    /// A plan that is run again (the recursive part of a query) has other keys then.
    fn reset_state(self: Arc<Self>) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(Arc::new(Self::new(Arc::clone(&self.input), Vec::new())))
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let input = self.input.execute(partition, Arc::clone(&context))?;
        if self.filters.is_empty() {
            return Ok(input);
        }
        let schema = self.schema();
        let enough = context.session_config().batch_size();
        let sieve = Sieve {
            input,
            filters: Arc::clone(&self.filters),
            // Batches that nothing was taken from pass as they are.
            output: BatchCoalescer::new(Arc::clone(&schema), enough)
                .with_biggest_coalesce_batch_size(Some(enough / 2)),
            ended: false,
            judged: 0,
            seen: 0,
            kept: 0,
            pause: 0,
            metrics: BaselineMetrics::new(&self.metrics, partition),
        };
        let stream = futures::stream::try_unfold(sieve, Sieve::next);
        Ok(Box::pin(RecordBatchStreamAdapter::new(
            schema,
            stream.boxed(),
        )))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn gather_filters_for_pushdown(
        &self,
        _: FilterPushdownPhase,
        parent_filters: Vec<Arc<dyn PhysicalExpr>>,
        _: &ConfigOptions,
    ) -> Result<FilterDescription> {
        FilterDescription::from_children(parent_filters, &self.children())
    }

    /// Keeps the filters that are learnt. Nobody is promised anything: what made them checks again.
    fn handle_child_pushdown_result(
        &self,
        phase: FilterPushdownPhase,
        below: ChildPushdownResult,
        _: &ConfigOptions,
    ) -> Result<FilterPushdownPropagation<Arc<dyn ExecutionPlan>>> {
        if phase != FilterPushdownPhase::Post {
            return Ok(FilterPushdownPropagation::if_all(below));
        }
        let learnt: Vec<_> = below
            .parent_filters
            .iter()
            .map(|result| &result.filter)
            .filter(|filter| DynamicFilterTracking::classify(filter).contains_dynamic_filter())
            .cloned()
            .collect();
        let node = if learnt.is_empty() {
            Arc::clone(&self.input)
        } else {
            Arc::new(Self::new(Arc::clone(&self.input), learnt))
        };
        Ok(FilterPushdownPropagation::if_all(below).with_updated_node(node))
    }
}

/// One partition of a [`RuntimeFilter`] at work.
struct Sieve {
    input: SendableRecordBatchStream,
    filters: Arc<[Arc<dyn PhysicalExpr>]>,
    output: BatchCoalescer,
    ended: bool,
    /// Batches, rows and rows kept in the window that is being judged.
    judged: usize,
    seen: usize,
    kept: usize,
    /// Batches that pass unasked.
    pause: usize,
    metrics: BaselineMetrics,
}

impl Sieve {
    async fn next(mut self) -> Result<Option<(RecordBatch, Self)>> {
        loop {
            if let Some(batch) = self.output.next_completed_batch() {
                self.metrics.record_output(batch.num_rows());
                return Ok(Some((batch, self)));
            }
            if self.ended {
                return Ok(None);
            }
            match self.input.next().await {
                Some(batch) => self.sift(batch?)?,
                None => {
                    self.output.finish_buffered_batch()?;
                    self.ended = true;
                }
            }
        }
    }

    fn sift(&mut self, batch: RecordBatch) -> Result<()> {
        if self.pause > 0 {
            self.pause -= 1;
            return Ok(self.output.push_batch(batch)?);
        }
        let time = self.metrics.elapsed_compute().clone();
        let _timer = time.timer();
        let mask = self.mask(&batch)?;
        let kept = mask
            .as_ref()
            .map_or(batch.num_rows(), BooleanArray::true_count);
        self.judge(batch.num_rows(), kept);
        match mask {
            Some(mask) if kept < batch.num_rows() => {
                if kept > 0 {
                    self.output.push_batch_with_filter(batch, &mask)?;
                }
            }
            _ => self.output.push_batch(batch)?,
        }
        Ok(())
    }

    /// The rows that all filters keep; `None` if that is all of them.
    fn mask(&self, batch: &RecordBatch) -> Result<Option<BooleanArray>> {
        let mut all: Option<BooleanArray> = None;
        for filter in self.filters.iter() {
            let array = match filter.evaluate(batch)? {
                ColumnarValue::Scalar(ScalarValue::Boolean(Some(true))) => continue,
                value => value.into_array(batch.num_rows())?,
            };
            let kept = as_boolean_array(&array)?;
            let kept = match kept.null_count() {
                0 => kept.clone(),
                _ => prep_null_mask_filter(kept),
            };
            all = Some(match all {
                None => kept,
                Some(all) => and(&all, &kept)?,
            });
        }
        Ok(all)
    }

    fn judge(&mut self, seen: usize, kept: usize) {
        self.judged += 1;
        self.seen += seen;
        self.kept += kept;
        if self.judged == WINDOW {
            // Nine rows of ten: what is left out then saves less than looking all of them up.
            if self.kept * 10 > self.seen * 9 {
                self.pause = PAUSE;
            }
            (self.judged, self.seen, self.kept) = (0, 0, 0);
        }
    }
}
