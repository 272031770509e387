//! [`Transform`]: raw rows of files to rows of the table, batch by batch, so that a row that fails can be
//! told from the others.

use std::fmt;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use arrow::datatypes::SchemaRef;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use async_trait::async_trait;
use datafusion::catalog::Session as DfSession;
use datafusion::datasource::{TableProvider, TableType};
use datafusion::error::Result as DfResult;
use datafusion::execution::{SendableRecordBatchStream, SessionStateBuilder, TaskContext};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use diagnostic::{Error, Result, ResultExt, codes};
use engine::Session;
use futures::TryStreamExt;
use parking_lot::Mutex;

use crate::Embedded;
use crate::execution;
use crate::failure::explain;
use crate::stages::{Chunk, Rejected};
use crate::write::Shape;

/// The name by which the query of a load calls the rows of files.
pub(super) const RAW: &str = "__RAW";

/// One batch, as a table that is read again and again.
#[derive(Clone)]
pub(super) struct OneBatch {
    schema: SchemaRef,
    rows: Arc<Mutex<Option<RecordBatch>>>,
}

impl OneBatch {
    pub(super) fn new(schema: SchemaRef) -> Self {
        Self {
            schema,
            rows: Arc::default(),
        }
    }
}

impl fmt::Debug for OneBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OneBatch")
    }
}

#[async_trait]
impl TableProvider for OneBatch {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        _: &dyn DfSession,
        projection: Option<&Vec<usize>>,
        _: &[Expr],
        _: Option<usize>,
    ) -> DfResult<Arc<dyn ExecutionPlan>> {
        let part: Arc<dyn PartitionStream> = Arc::new(self.clone());
        let exec = StreamingTableExec::try_new(
            Arc::clone(&self.schema),
            vec![part],
            projection,
            [],
            false,
            None,
        )?;
        Ok(Arc::new(exec))
    }
}

impl PartitionStream for OneBatch {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let rows = self.rows.lock().clone();
        let rows = futures::stream::iter(rows.map(Ok));
        Box::pin(RecordBatchStreamAdapter::new(
            Arc::clone(&self.schema),
            rows,
        ))
    }
}

/// How raw rows become rows of the table.
pub(super) struct Transform {
    raw: OneBatch,
    plan: Arc<dyn ExecutionPlan>,
    context: Arc<TaskContext>,
    shape: Shape,
    logical: LogicalPlan,
}

impl Transform {
    /// What `logical`, a plan over `raw`, makes of rows, in columns `shape`.
    pub(super) async fn new(
        engine: &Embedded,
        session: &Session,
        raw: OneBatch,
        logical: LogicalPlan,
        shape: Shape,
    ) -> Result<Self> {
        let state = engine.state(session)?;
        let mut config = state.config().clone();
        // Operators that run again and again must not keep what they did the last time.
        config.options_mut().execution.target_partitions = 1;
        let state = SessionStateBuilder::new_from_existing(state)
            .with_config(config)
            .build();
        let plan = state
            .create_physical_plan(&logical)
            .await
            .map_err(explain)?;
        let context = execution::context(&state);
        Ok(Self {
            raw,
            plan,
            context,
            shape,
            logical,
        })
    }

    /// All rows of `rows`, or the error of one of them.
    async fn whole(&self, rows: RecordBatch) -> Result<RecordBatch> {
        *self.raw.rows.lock() = Some(rows);
        let made = execute_stream(Arc::clone(&self.plan), Arc::clone(&self.context));
        let made: Vec<RecordBatch> = made
            .map_err(explain)?
            .try_collect()
            .await
            .map_err(explain)?;
        let made = match made.as_slice() {
            [one] => one.clone(),
            _ => concat_batches(&self.plan.schema(), &made)
                .explain(codes::X0001, || "Batches do not fit".to_owned())?,
        };
        self.shape.fit(&made)
    }

    /// The rows of `chunk` that convert, and those that do not, up to `most` of them.
    pub(super) async fn rows(
        &self,
        engine: &Embedded,
        session: &Session,
        chunk: &Chunk,
        most: usize,
    ) -> Result<(Vec<RecordBatch>, Vec<Rejected>)> {
        let (mut made, mut rejected) = (Vec::new(), Vec::new());
        let mut parts = vec![(0, chunk.rows.num_rows())];
        while let Some((start, count)) = parts.pop() {
            if count == 0 || rejected.len() >= most {
                continue;
            }
            let rows = chunk.rows.slice(start, count);
            match self.whole(rows.clone()).await {
                Ok(rows) => made.push(rows),
                Err(error) if count == 1 => {
                    rejected.push(Rejected {
                        place: chunk.places.get(start).copied().unwrap_or_default(),
                        character: None,
                        column: self.column(engine, session, &rows).await,
                        reason: error.message().to_owned(),
                        record: record(&rows),
                    });
                }
                Err(_) => {
                    let half = count / 2;
                    parts.push((start + half, count - half));
                    parts.push((start, half));
                }
            }
        }
        Ok((made, rejected))
    }

    /// The first column whose value `row` has not.
    async fn column(
        &self,
        engine: &Embedded,
        session: &Session,
        row: &RecordBatch,
    ) -> Option<String> {
        for (column, field) in self
            .logical
            .schema()
            .columns()
            .into_iter()
            .zip(self.shape.schema.fields())
        {
            let one = LogicalPlanBuilder::from(self.logical.clone())
                .project([Expr::Column(column)])
                .and_then(LogicalPlanBuilder::build)
                .ok()?;
            let shape = self.shape.only(field.name())?;
            let one = Box::pin(Self::new(engine, session, self.raw.clone(), one, shape)).await;
            if one.ok()?.whole(row.clone()).await.is_err() {
                return Some(field.name().clone());
            }
        }
        None
    }
}

/// A raw row as text.
fn record(row: &RecordBatch) -> String {
    let options = FormatOptions::default();
    let texts: Vec<String> = row
        .schema()
        .fields()
        .iter()
        .zip(row.columns())
        .filter(|(field, _)| !field.name().starts_with("METADATA$"))
        .filter_map(|(_, column)| {
            let shown = ArrayFormatter::try_new(column, &options).ok()?;
            Some(shown.value(0).to_string())
        })
        .collect();
    texts.join(",")
}

/// The error for a plan that has another number of columns than the load.
pub(super) fn uneven(given: usize, wanted: usize) -> Error {
    Error::new(
        codes::K3006,
        format!("The load gives {given} values for {wanted} columns"),
    )
}
