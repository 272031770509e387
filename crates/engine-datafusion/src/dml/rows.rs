//! [`NumberedRows`]: a table's rows with the file and the position in it that each one stands at, so that a
//! statement can say which rows it changes.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, UInt32Array, UInt64Array};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::Session as DfSession;
use datafusion::datasource::{TableProvider, TableType};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::Expr;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchReceiverStreamBuilder;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use lake::{DataFolder, FileRows, StoredFile};

use crate::provider::external;

/// The column that says which file a row is in, by its number in the table's list of files.
pub(crate) const FILE: &str = "__FILE";
/// The column that says which row of its file a row is, from 0.
pub(crate) const ROW: &str = "__ROW";

/// Batches a reader may be ahead of the plan.
const AHEAD: usize = 2;

/// A table with [`FILE`] and [`ROW`] behind its own columns.
#[derive(Debug)]
pub(crate) struct NumberedRows {
    folder: DataFolder,
    files: Arc<[StoredFile]>,
    /// The table's columns as queries see them.
    columns: SchemaRef,
    schema: SchemaRef,
    partitions: usize,
}

impl NumberedRows {
    /// The rows of `files` below `folder`, as `columns`, read in `partitions` parts.
    pub(crate) fn new(
        folder: DataFolder,
        files: Arc<[StoredFile]>,
        columns: SchemaRef,
        partitions: usize,
    ) -> Self {
        let own = [
            Arc::new(Field::new(FILE, DataType::UInt32, true)),
            Arc::new(Field::new(ROW, DataType::UInt64, true)),
        ];
        let fields: Vec<_> = columns.fields().iter().cloned().chain(own).collect();
        Self {
            folder,
            files,
            columns,
            schema: Arc::new(Schema::new(fields)),
            partitions: partitions.max(1),
        }
    }
}

#[async_trait]
impl TableProvider for NumberedRows {
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
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let all: Vec<usize> = (0..self.schema.fields().len()).collect();
        let wanted = projection.unwrap_or(&all);
        let schema = Arc::new(self.schema.project(wanted)?);
        let parts = self.partitions.min(self.files.len()).max(1);
        let partitions = (0..parts)
            .map(|part| {
                let files = (part..self.files.len()).step_by(parts);
                Arc::new(Part {
                    folder: self.folder.clone(),
                    files: files.map(|at| (at, self.files[at].clone())).collect(),
                    columns: Arc::clone(&self.columns),
                    schema: Arc::clone(&schema),
                }) as Arc<dyn PartitionStream>
            })
            .collect();
        let exec = StreamingTableExec::try_new(schema, partitions, None, [], false, None)?;
        Ok(Arc::new(exec))
    }
}

/// Some of the files, read one after the other.
#[derive(Debug)]
struct Part {
    folder: DataFolder,
    files: Vec<(usize, StoredFile)>,
    columns: SchemaRef,
    schema: SchemaRef,
}

impl PartitionStream for Part {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let mut builder = RecordBatchReceiverStreamBuilder::new(Arc::clone(&self.schema), AHEAD);
        let sender = builder.tx();
        let (folder, files) = (self.folder.clone(), self.files.clone());
        let (columns, schema) = (Arc::clone(&self.columns), Arc::clone(&self.schema));
        builder.spawn_blocking(move || {
            for (number, file) in files {
                let number = u32::try_from(number).unwrap_or(u32::MAX);
                let mut row = 0;
                let rows = FileRows::open(&folder, &file, &columns, &schema);
                for batch in rows.map_err(external)? {
                    let batch = numbered(&batch.map_err(external)?, number, &mut row, &schema);
                    // Nobody listens any more: the statement ended early.
                    if sender.blocking_send(batch).is_err() {
                        return Ok(());
                    }
                }
            }
            Ok(())
        });
        builder.build()
    }
}

/// `batch` with the columns [`FILE`] and [`ROW`], as far as `schema` wants them.
fn numbered(
    batch: &RecordBatch,
    number: u32,
    row: &mut u64,
    schema: &SchemaRef,
) -> Result<RecordBatch> {
    let rows = batch.num_rows();
    let first = *row;
    *row += rows as u64;
    let mut own = batch.columns().iter();
    let columns = schema
        .fields()
        .iter()
        .map(|field| match field.name().as_str() {
            FILE => Ok(Arc::new(UInt32Array::from_value(number, rows)) as ArrayRef),
            ROW => Ok(Arc::new(UInt64Array::from_iter_values(first..*row)) as ArrayRef),
            _ => own
                .next()
                .cloned()
                .ok_or_else(|| DataFusionError::Internal("a file gave too few columns".to_owned())),
        })
        .collect::<Result<Vec<_>>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    Ok(RecordBatch::try_new_with_options(
        Arc::clone(schema),
        columns,
        &options,
    )?)
}
