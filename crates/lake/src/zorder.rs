//! Z-order: the rows of a table sorted along a curve that goes through the values of several columns at once, so
//! that rows near each other in any of them share files, and a filter on any of them skips most files by statistics.
//!
//! A row's place on the curve is made of the bits of its ranks among the values of each column, one bit of each in
//! turn (<https://en.wikipedia.org/wiki/Z-order_curve>). Ranks come from a sample.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, UInt64Array};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::row::{OwnedRow, RowConverter, SortField};
use deltalake::datafusion::error::{DataFusionError, Result as PlanResult};
use deltalake::datafusion::execution::runtime_env::RuntimeEnvBuilder;
use deltalake::datafusion::execution::{SendableRecordBatchStream, TaskContext};
use deltalake::datafusion::physical_expr::expressions::Column;
use deltalake::datafusion::physical_expr::{LexOrdering, PhysicalSortExpr};
use deltalake::datafusion::physical_plan::ExecutionPlan;
use deltalake::datafusion::physical_plan::sorts::sort::SortExec;
use deltalake::datafusion::physical_plan::stream::RecordBatchReceiverStreamBuilder;
use deltalake::datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use diagnostic::{Error, Result, ResultExt, codes};
use futures::StreamExt;

use crate::{
    Commit, Compaction, DataFolder, FileRows, Operation, ParquetSink, SinkOptions, StoredFile,
    Table,
};

/// Columns that a curve goes through at most: with more of them, each has too few bits to skip anything.
const MOST_COLUMNS: usize = 8;
/// Bits of a rank.
const MOST_BITS: usize = 16;
/// Rows from which ranks are made.
const SAMPLE: u64 = 1 << 16;
/// Bytes that the sort may hold; more are spilled to temporary files.
const MEMORY: usize = 256 << 20;
/// The column of a row's place on the curve, while it is sorted.
const PLACE: &str = "__PLACE";

impl Table {
    /// Writes all rows again, sorted along the curve through the columns `by`, to files in `folder` of about
    /// `target` bytes; each partition by itself. Partitions of one file that is not larger are left out. `None` if
    /// there is nothing to do. The commit is the caller's to make.
    ///
    /// # Errors
    /// `K3012` if a column is not there or has no order, `K2003` if a file cannot be read or written, `K2004` if
    /// the log cannot be read.
    pub async fn zorder(
        &self,
        folder: &DataFolder,
        target: u64,
        by: &[String],
    ) -> Result<Option<(Commit, Compaction)>> {
        let schema = self.schema().await?;
        let partition_by = self.partition_by().await?;
        check(&schema, &partition_by, by)?;
        let mut partitions: BTreeMap<_, Vec<StoredFile>> = BTreeMap::new();
        for file in self.files().await? {
            let partition = partitions.entry(file.partition.clone());
            partition.or_default().push(file);
        }
        partitions.retain(|_, files| {
            files.len() > 1 || files.iter().any(|f| f.size > target || f.left() > 0)
        });
        let mut commit = Commit::new(Operation::Optimize);
        let mut done = Compaction::default();
        for files in partitions.into_values() {
            done.removed += files.len();
            done.removed_bytes += files.iter().map(|file| file.size).sum::<u64>();
            commit
                .remove
                .extend(files.iter().map(|file| file.path.clone()));
            let options = SinkOptions {
                file_size: usize::try_from(target).unwrap_or(usize::MAX),
                partition_by: partition_by.clone(),
                ..SinkOptions::default()
            };
            let sink = ParquetSink::new(folder, Arc::clone(&schema), options);
            let rows = Rows {
                folder: folder.clone(),
                files: files.into(),
                columns: Arc::clone(&schema),
            };
            commit.add.extend(rows.sorted(by, sink).await?);
        }
        if commit.remove.is_empty() {
            return Ok(None);
        }
        done.added = commit.add.len();
        done.added_bytes = commit.add.iter().map(|file| file.size).sum();
        Ok(Some((commit, done)))
    }
}

/// Refuses columns that the table does not have, that have no order, or that are the same in all of a partition.
fn check(schema: &Schema, partition_by: &[String], by: &[String]) -> Result<()> {
    let refused = |message: String| Err(Error::new(codes::K3012, message));
    if by.is_empty() || by.len() > MOST_COLUMNS {
        return refused(format!("Rows are ordered by one to {MOST_COLUMNS} columns"));
    }
    for name in by {
        let Some((_, field)) = schema.column_with_name(name) else {
            let names = schema.fields().iter().map(|field| field.name().as_str());
            return Err(Error::new(
                codes::K3012,
                format!("The table has no column `{name}` to order its rows by"),
            )
            .suggest(name, names));
        };
        if field.data_type().is_nested() {
            return refused(format!("Values of column `{name}` have no order"));
        }
        if partition_by.contains(name) {
            return refused(format!(
                "The table is partitioned by `{name}`, so ordering by it changes nothing"
            ));
        }
    }
    Ok(())
}

/// The rows of some files.
#[derive(Clone, Debug)]
struct Rows {
    folder: DataFolder,
    files: Arc<[StoredFile]>,
    columns: SchemaRef,
}

impl Rows {
    /// Reads the columns of `wanted`, batch by batch.
    fn each(
        &self,
        wanted: &SchemaRef,
        mut take: impl FnMut(RecordBatch) -> Result<bool>,
    ) -> Result<()> {
        for file in self.files.iter() {
            for batch in FileRows::open(&self.folder, file, &self.columns, wanted)? {
                if !take(batch?)? {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Writes the rows to `sink` along the curve.
    async fn sorted(self, by: &[String], mut sink: ParquetSink) -> Result<Vec<crate::DataFile>> {
        let columns = Arc::clone(&self.columns);
        let (this, names) = (self.clone(), by.to_vec());
        let curve = tokio::task::spawn_blocking(move || Curve::through(&this, &names));
        let curve = curve.await.explain(codes::X0001, broke_down)??;
        let wrong = || "The rows of a table cannot be sorted".to_owned();
        let place = Arc::new(Field::new(PLACE, DataType::UInt64, false));
        let fields: Vec<_> = columns.fields().iter().cloned().chain([place]).collect();
        let schema = Arc::new(Schema::new(fields));
        let by_place = Column::new(PLACE, columns.fields().len());
        let mut keys = vec![PhysicalSortExpr::new_default(Arc::new(by_place))];
        // Equal ranks are no equal values.
        for name in by {
            let at = columns.index_of(name).explain(codes::X0001, wrong)?;
            keys.push(PhysicalSortExpr::new_default(Arc::new(Column::new(
                name, at,
            ))));
        }
        let Some(ordering) = LexOrdering::new(keys) else {
            return Err(Error::new(codes::X0001, wrong()));
        };
        let source = Arc::new(Placed {
            rows: self,
            curve: Arc::new(curve),
            schema: Arc::clone(&schema),
        });
        let scan = StreamingTableExec::try_new(schema, vec![source], None, [], false, None)
            .explain(codes::X0001, wrong)?;
        let runtime = RuntimeEnvBuilder::new()
            .with_memory_limit(MEMORY, 1.0)
            .build_arc()
            .explain(codes::X0001, wrong)?;
        let context = Arc::new(TaskContext::default().with_runtime(runtime));
        let sort = SortExec::new(ordering, Arc::new(scan));
        let mut stream = sort.execute(0, context).explain(codes::K2003, wrong)?;
        let own: Vec<usize> = (0..columns.fields().len()).collect();
        while let Some(batch) = stream.next().await {
            let batch = batch.explain(codes::K2003, wrong)?;
            sink.write(&batch.project(&own).explain(codes::X0001, wrong)?)?;
        }
        sink.finish()
    }
}

fn broke_down() -> String {
    "A thread that sorts a table broke down".to_owned()
}

/// A curve through the values of some columns.
#[derive(Debug)]
struct Curve {
    axes: Vec<Axis>,
    bits: usize,
}

/// One column and the values at which its ranks begin.
#[derive(Debug)]
struct Axis {
    name: String,
    converter: RowConverter,
    bounds: Vec<OwnedRow>,
}

impl Curve {
    /// The curve through the columns `names` of `rows`, by a sample of them.
    fn through(rows: &Rows, names: &[String]) -> Result<Self> {
        let wrong = || "A sample of a table cannot be taken".to_owned();
        let fields = names
            .iter()
            .map(|name| rows.columns.field_with_name(name).cloned())
            .collect::<Result<Vec<_>, _>>()
            .explain(codes::X0001, wrong)?;
        let wanted = Arc::new(Schema::new(fields));
        let mut axes = Vec::new();
        for field in wanted.fields() {
            let sort = SortField::new(field.data_type().clone());
            axes.push(Axis {
                name: field.name().clone(),
                converter: RowConverter::new(vec![sort]).explain(codes::X0001, wrong)?,
                bounds: Vec::new(),
            });
        }
        let total: u64 = rows.files.iter().map(|file| file.rows.unwrap_or(0)).sum();
        let stride = usize::try_from((total / SAMPLE).max(1)).unwrap_or(1);
        let mut next = 0;
        rows.each(&wanted, |batch| {
            for axis in &mut axes {
                let values = axis.rows(&batch)?;
                let taken = (next..batch.num_rows()).step_by(stride);
                axis.bounds.extend(taken.map(|at| values.row(at).owned()));
            }
            let count = batch.num_rows();
            next = match next < count {
                true => next + (count - next).div_ceil(stride) * stride - count,
                false => next - count,
            };
            Ok(true)
        })?;
        let bits = MOST_BITS.min(64 / names.len().max(1));
        axes.iter_mut().for_each(|axis| axis.settle(1 << bits));
        Ok(Self { axes, bits })
    }

    /// Each row's place on the curve.
    fn places(&self, batch: &RecordBatch) -> Result<UInt64Array> {
        let mut places = vec![0_u64; batch.num_rows()];
        for (at, axis) in self.axes.iter().enumerate() {
            let values = axis.rows(batch)?;
            for (place, value) in places.iter_mut().zip(values.iter()) {
                let rank = axis.bounds.partition_point(|bound| bound.row() <= value) as u64;
                *place |= spread(rank, self.bits, self.axes.len()) << (self.axes.len() - 1 - at);
            }
        }
        Ok(places.into())
    }
}

impl Axis {
    fn rows(&self, batch: &RecordBatch) -> Result<arrow::row::Rows> {
        let wrong = || format!("The values of column `{}` cannot be compared", self.name);
        let column = batch.column_by_name(&self.name);
        let column = column.ok_or_else(|| Error::new(codes::X0001, wrong()))?;
        let columns: [ArrayRef; 1] = [Arc::clone(column)];
        self.converter
            .convert_columns(&columns)
            .explain(codes::X0001, wrong)
    }

    /// Makes at most `ranks` ranks of about as many sampled rows each.
    fn settle(&mut self, ranks: usize) {
        self.bounds.sort_unstable();
        let step = self.bounds.len().div_ceil(ranks).max(1);
        let mut bounds: Vec<OwnedRow> = std::mem::take(&mut self.bounds)
            .into_iter()
            .skip(step)
            .step_by(step)
            .collect();
        bounds.dedup();
        self.bounds = bounds;
    }
}

/// The lowest `bits` of `rank`, each `apart` places from the next.
fn spread(rank: u64, bits: usize, apart: usize) -> u64 {
    (0..bits).fold(0, |spread, bit| {
        spread | ((rank >> bit) & 1) << (bit * apart)
    })
}

/// The rows of some files with their places.
#[derive(Debug)]
struct Placed {
    rows: Rows,
    curve: Arc<Curve>,
    schema: SchemaRef,
}

impl PartitionStream for Placed {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let mut builder = RecordBatchReceiverStreamBuilder::new(Arc::clone(&self.schema), 2);
        let sender = builder.tx();
        let (rows, curve, schema) = (
            self.rows.clone(),
            Arc::clone(&self.curve),
            Arc::clone(&self.schema),
        );
        builder.spawn_blocking(move || {
            let columns = Arc::clone(&rows.columns);
            let read = rows.each(&columns, |batch| {
                let places: ArrayRef = Arc::new(curve.places(&batch)?);
                let columns = batch.columns().iter().cloned().chain([places]).collect();
                let batch: PlanResult<RecordBatch> =
                    RecordBatch::try_new(Arc::clone(&schema), columns).map_err(Into::into);
                // Nobody listens any more where the sort has failed.
                Ok(sender.blocking_send(batch).is_ok())
            });
            read.map_err(|error| DataFusionError::External(Box::new(error)))
        });
        builder.build()
    }
}

#[cfg(test)]
mod tests {
    use super::spread;

    #[test]
    fn bits_of_two_ranks_take_turns() {
        let place = |x, y| spread(x, 2, 2) << 1 | spread(y, 2, 2);
        assert_eq!(place(0b11, 0b00), 0b1010);
        assert_eq!(place(0b00, 0b11), 0b0101);
        // The curve of a field of two by two.
        let path: Vec<u64> = [(0, 0), (0, 1), (1, 0), (1, 1)]
            .map(|(x, y)| place(x, y))
            .to_vec();
        assert_eq!(path, [0, 1, 2, 3]);
    }
}
