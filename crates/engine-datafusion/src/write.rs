//! Results to data files: a plan's rows, cast to storable types, in one file per partition or more.

use std::path::Path;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::SchemaRef;
use arrow::util::display::FormatOptions;
use datafusion::execution::{SessionState, TaskContext};
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::{SendableRecordBatchStream, execute_stream_partitioned};
use diagnostic::{Result, ResultExt, codes};
use futures::StreamExt;
use lake::{DataFile, ParquetSink, SinkOptions, storable_schema};
use std::sync::Arc;

use crate::failure::explain;

/// Files that were written, and the columns they have.
pub(crate) struct Written {
    pub(crate) schema: SchemaRef,
    pub(crate) files: Vec<DataFile>,
}

impl Written {
    pub(crate) fn rows(&self) -> u64 {
        self.files.iter().map(|file| file.rows).sum()
    }
}

/// Runs `plan` and writes its rows below `folder`, as columns `schema` or, without one, as the
/// storable form of its own columns.
pub(crate) async fn write_plan(
    state: &SessionState,
    plan: &LogicalPlan,
    folder: &Path,
    schema: Option<SchemaRef>,
) -> Result<Written> {
    let physical = state.create_physical_plan(plan).await.map_err(explain)?;
    let schema = match schema {
        Some(schema) => schema,
        None => storable_schema(&physical.schema())?,
    };
    let context = Arc::new(TaskContext::from(state));
    let streams = execute_stream_partitioned(physical, context).map_err(explain)?;
    let mut tasks = tokio::task::JoinSet::new();
    for stream in streams {
        let sink = ParquetSink::new(folder, Arc::clone(&schema), SinkOptions::default());
        tasks.spawn(drain(stream, sink, Arc::clone(&schema)));
    }
    let mut files = Vec::new();
    while let Some(done) = tasks.join_next().await {
        files.extend(done.explain(codes::X0001, || "A writing task ended early".to_owned())??);
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(Written { schema, files })
}

async fn drain(
    mut stream: SendableRecordBatchStream,
    mut sink: ParquetSink,
    schema: SchemaRef,
) -> Result<Vec<DataFile>> {
    while let Some(batch) = stream.next().await {
        sink.write(&conform(&batch.map_err(explain)?, &schema)?)?;
    }
    sink.finish()
}

/// The columns of `batch`, by position, as `schema` has them. A value that does not fit is an error.
pub(crate) fn conform(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    let exact = CastOptions {
        safe: false,
        format_options: FormatOptions::default(),
    };
    let columns = batch
        .columns()
        .iter()
        .zip(schema.fields())
        .map(|(column, field)| {
            if column.data_type() == field.data_type() {
                return Ok(Arc::clone(column));
            }
            cast_with_options(column, field.data_type(), &exact).explain(codes::E1004, || {
                format!(
                    "A value of column `{}` does not fit {}",
                    field.name(),
                    field.data_type()
                )
            })
        })
        .collect::<Result<Vec<ArrayRef>>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)
        .explain(codes::X0001, || {
            "A batch does not fit its columns".to_owned()
        })
}
