//! Results to data files: a plan's rows, cast to storable types and held against what the table's columns
//! refuse, in one file per partition or more.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, RecordBatchOptions};
use arrow::compute::{CastOptions, cast_with_options, concat_batches};
use arrow::datatypes::{DataType, SchemaRef};
use arrow::util::display::FormatOptions;
use catalog::{Details, Workspace};
use datafusion::execution::SessionState;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::execute_stream_partitioned;
use diagnostic::{Error, Result, ResultExt, codes};
use futures::{Stream, StreamExt, TryStreamExt, stream};
use lake::{DataFile, DataFolder, FeedSink, ParquetSink, SinkOptions, Table, storable_schema};

use crate::checks::Check;
use crate::failure::explain;
use crate::{execution, join_fallback};

/// The columns that rows are written as, and what they refuse.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    pub(crate) schema: SchemaRef,
    rules: Arc<[Rule]>,
    partition_by: Vec<String>,
    checks: Arc<[Check]>,
}

/// What a column refuses.
#[derive(Clone, Debug)]
struct Rule {
    at: usize,
    not_null: bool,
    length: Option<usize>,
}

impl Shape {
    /// The columns `schema`, which refuse nothing.
    pub(crate) fn free(schema: SchemaRef) -> Self {
        Self {
            schema,
            rules: Arc::new([]),
            partition_by: Vec::new(),
            checks: Arc::new([]),
        }
    }

    /// The columns `schema` with what `details` declares about them.
    pub(crate) fn new(schema: SchemaRef, details: &Details) -> Self {
        let rules = details
            .columns
            .iter()
            .filter(|column| column.not_null || column.length.is_some())
            .filter_map(|column| {
                Some(Rule {
                    at: schema.index_of(&column.name).ok()?,
                    not_null: column.not_null,
                    length: column
                        .length
                        .and_then(|length| usize::try_from(length).ok()),
                })
            })
            .collect();
        Self {
            schema,
            rules,
            partition_by: Vec::new(),
            checks: Arc::new([]),
        }
    }

    /// The columns and partitions of `table`, with what `details` declares about them.
    pub(crate) async fn of(table: &Table, details: &Details) -> Result<Self> {
        let shape = Self::new(table.schema().await?, details);
        Ok(shape.partitioned(table.partition_by().await?))
    }

    /// The same rows, partitioned by the columns `partition_by`.
    pub(crate) fn partitioned(self, partition_by: Vec<String>) -> Self {
        Self {
            partition_by,
            ..self
        }
    }

    /// The same rows, which meet `checks` as well.
    pub(crate) fn checking(self, checks: Arc<[Check]>) -> Self {
        Self { checks, ..self }
    }

    /// A sink of rows of this shape into `folder`.
    pub(crate) fn sink(&self, folder: &DataFolder) -> ParquetSink {
        let options = SinkOptions {
            partition_by: self.partition_by.clone(),
            ..SinkOptions::default()
        };
        ParquetSink::new(folder, Arc::clone(&self.schema), options)
    }

    /// A sink of changed rows of this shape for the change data feed in `folder`.
    pub(crate) fn feed(&self, folder: &DataFolder) -> FeedSink {
        FeedSink::new(folder, &self.schema, &self.partition_by)
    }

    /// The column `name` alone.
    pub(crate) fn only(&self, name: &str) -> Option<Self> {
        let at = self.schema.index_of(name).ok()?;
        let rules = self.rules.iter().filter(|rule| rule.at == at);
        Some(Self {
            schema: Arc::new(self.schema.project(&[at]).ok()?),
            rules: rules
                .map(|rule| Rule {
                    at: 0,
                    ..rule.clone()
                })
                .collect(),
            partition_by: Vec::new(),
            checks: Arc::new([]),
        })
    }

    /// The columns of `batch`, by position, as this shape has them. A value that does not fit is an error.
    pub(crate) fn fit(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let fitting = conform(batch, &self.schema)?;
        for rule in self.rules.iter() {
            let column = fitting.column(rule.at);
            let name = self.schema.field(rule.at).name();
            if rule.not_null && column.null_count() > 0 {
                return Err(Error::new(
                    codes::E1201,
                    format!("Column `{name}` is NOT NULL, but a row has no value for it"),
                )
                .help("give every row a value, or declare a default for the column"));
            }
            if let Some(length) = rule.length {
                short_enough(column, name, length)?;
            }
        }
        for check in self.checks.iter() {
            check.verify(&fitting)?;
        }
        Ok(fitting)
    }
}

/// Characters of text and bytes of binary values.
fn short_enough(column: &ArrayRef, name: &str, length: usize) -> Result<()> {
    let long = match column.data_type() {
        DataType::Utf8 => column
            .as_string::<i32>()
            .iter()
            .flatten()
            // As many bytes as allowed characters always fit.
            .find(|text| text.len() > length && text.chars().count() > length)
            .map(|text| text.chars().take(40).collect::<String>()),
        DataType::Binary => column
            .as_binary::<i32>()
            .iter()
            .flatten()
            .find(|bytes| bytes.len() > length)
            .map(|bytes| format!("{} bytes", bytes.len())),
        _ => None,
    };
    match long {
        None => Ok(()),
        Some(value) => Err(Error::new(
            codes::E1202,
            format!("Value '{value}' is too long for column `{name}`, which holds {length}"),
        )
        .help("cut it off with `left(…)`, or widen the column with `alter table … alter column … set data type`")),
    }
}

/// Files that were written, and the columns they have.
pub(crate) struct Written {
    pub(crate) schema: SchemaRef,
    pub(crate) files: Vec<DataFile>,
    /// All rows, if they are few.
    pub(crate) rows: Option<RecordBatch>,
}

impl Written {
    pub(crate) fn count(&self) -> u64 {
        self.files.iter().map(|file| file.rows).sum()
    }
}

/// Runs `plan` and writes its rows below `folder`, as columns `shape` or, without one, as the
/// storable form of its own columns.
pub(crate) async fn write_plan(
    mut state: SessionState,
    plan: &LogicalPlan,
    folder: &DataFolder,
    shape: Option<Shape>,
) -> Result<Written> {
    match write_once(&mut state, plan, folder, shape.clone()).await {
        Err(error) => match join_fallback::sorting(&state, plan, &error) {
            Some(mut state) => write_once(&mut state, plan, folder, shape).await,
            None => Err(error),
        },
        written => written,
    }
}

async fn write_once(
    state: &mut SessionState,
    plan: &LogicalPlan,
    folder: &DataFolder,
    shape: Option<Shape>,
) -> Result<Written> {
    let physical = execution::physical(state, plan).await?;
    let shape = match shape {
        Some(shape) => shape,
        None => Shape::free(storable_schema(&physical.schema())?),
    };
    let context = execution::context(state);
    let streams = execute_stream_partitioned(physical, context).map_err(explain)?;
    // Few rows are written where they are: handing them over costs more than a small table.
    if streams.len() == 1 || state.config().target_partitions() == 1 {
        let rows = stream::iter(streams).flatten().map_err(explain);
        return write_rows(rows, folder.clone(), shape).await;
    }
    let writers = streams
        .into_iter()
        .map(|stream| write_rows(stream.map_err(explain), folder.clone(), shape.clone()));
    let mut files = Vec::new();
    let mut tasks: tokio::task::JoinSet<_> = writers.collect();
    while let Some(done) = tasks.join_next().await {
        let part = done.explain(codes::X0001, || "A writing task ended early".to_owned())??;
        files.extend(part.files);
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(Written {
        schema: shape.schema,
        files,
        rows: None,
    })
}

/// The rows of a part, held as long as they are few.
#[derive(Default)]
struct FewRows {
    batches: Vec<RecordBatch>,
    bytes: usize,
}

impl FewRows {
    fn add(&mut self, batch: RecordBatch) {
        self.bytes = self.bytes.saturating_add(batch.get_array_memory_size());
        if self.bytes <= Workspace::most_kept() {
            self.batches.push(batch);
        } else {
            self.batches.clear();
        }
    }

    /// All rows, if they were few.
    fn all(self, schema: &SchemaRef) -> Result<Option<RecordBatch>> {
        if self.bytes > Workspace::most_kept() {
            return Ok(None);
        }
        concat_batches(schema, &self.batches)
            .map(Some)
            .explain(codes::X0001, || "Rows cannot be put together".to_owned())
    }
}

/// Writes `rows` below `folder` as columns `shape`.
pub(crate) async fn write_rows(
    mut rows: impl Stream<Item = Result<RecordBatch>> + Unpin,
    folder: DataFolder,
    shape: Shape,
) -> Result<Written> {
    let mut sink = shape.sink(&folder);
    let mut few = FewRows::default();
    while let Some(batch) = rows.try_next().await? {
        let batch = shape.fit(&batch)?;
        sink.write(&batch)?;
        few.add(batch);
    }
    let files = sink.finish()?;
    Ok(Written {
        rows: few.all(&shape.schema)?,
        schema: shape.schema,
        files,
    })
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
            let column = &functions::cut_to_declared(column, field)
                .explain(codes::E1004, || {
                    format!("A value of column `{}` cannot be cut", field.name())
                })?;
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
