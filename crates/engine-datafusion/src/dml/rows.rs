//! [`NumberedRows`]: a table's rows with the file and the position in it that each one stands at, so that a
//! statement can say which rows it changes.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{
    ArrayRef, RecordBatch, RecordBatchOptions, UInt32Array, UInt64Array, new_null_array,
};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::util::display::FormatOptions;
use async_trait::async_trait;
use datafusion::catalog::Session as DfSession;
use datafusion::datasource::{TableProvider, TableType};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::Expr;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchReceiverStreamBuilder;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};

/// The column that says which file a row is in, by its number in the table's list of files.
pub(crate) const FILE: &str = "__FILE";
/// The column that says which row of its file a row is, from 0.
pub(crate) const ROW: &str = "__ROW";

const BATCH_ROWS: usize = 8192;
/// Batches a reader may be ahead of the plan.
const AHEAD: usize = 2;

/// A table with [`FILE`] and [`ROW`] behind its own columns.
#[derive(Debug)]
pub(crate) struct NumberedRows {
    folder: PathBuf,
    files: Arc<[String]>,
    /// The table's columns as queries see them.
    columns: SchemaRef,
    schema: SchemaRef,
    partitions: usize,
}

impl NumberedRows {
    /// The rows of `files` below `folder`, as `columns`, read in `partitions` parts.
    pub(crate) fn new(
        folder: PathBuf,
        files: Arc<[String]>,
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
    folder: PathBuf,
    files: Vec<(usize, String)>,
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
                for batch in FileRows::open(&folder.join(&file), &columns, &schema)? {
                    let batch = numbered(&batch?, number, &mut row, &schema);
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

/// The rows of one data file as the columns of a table: missing ones are null, others are cast.
pub(crate) struct FileRows {
    reader: ParquetRecordBatchReader,
    schema: SchemaRef,
}

impl FileRows {
    /// Reads the columns of `columns` that are in `wanted` from the file at `path`.
    pub(crate) fn open(path: &Path, columns: &SchemaRef, wanted: &SchemaRef) -> Result<Self> {
        let builder = ParquetRecordBatchReaderBuilder::try_new(File::open(path)?)?;
        let fields: Vec<_> = wanted
            .fields()
            .iter()
            .filter(|field| columns.column_with_name(field.name()).is_some())
            .cloned()
            .collect();
        let roots: Vec<usize> = builder
            .schema()
            .fields()
            .iter()
            .enumerate()
            .filter(|(_, field)| fields.iter().any(|wanted| wanted.name() == field.name()))
            .map(|(at, _)| at)
            .collect();
        let mask = ProjectionMask::roots(builder.parquet_schema(), roots);
        let reader = builder
            .with_projection(mask)
            .with_batch_size(BATCH_ROWS)
            .build()?;
        Ok(Self {
            reader,
            schema: Arc::new(Schema::new(fields)),
        })
    }

    fn fit(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let exact = CastOptions {
            safe: false,
            format_options: FormatOptions::default(),
        };
        let columns = self
            .schema
            .fields()
            .iter()
            .map(|field| match batch.column_by_name(field.name()) {
                None => Ok(new_null_array(field.data_type(), batch.num_rows())),
                Some(column) if column.data_type() == field.data_type() => Ok(Arc::clone(column)),
                Some(column) => Ok(cast_with_options(column, field.data_type(), &exact)?),
            })
            .collect::<Result<Vec<_>>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        Ok(RecordBatch::try_new_with_options(
            Arc::clone(&self.schema),
            columns,
            &options,
        )?)
    }
}

impl Iterator for FileRows {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = self.reader.next()?;
        Some(
            batch
                .map_err(DataFusionError::from)
                .and_then(|batch| self.fit(&batch)),
        )
    }
}
