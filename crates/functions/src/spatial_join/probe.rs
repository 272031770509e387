//! [`Probe`]: one partition of the right side on its way through a join.

use std::ops::Range;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, RecordBatchOptions, UInt64Array};
use arrow::compute::take;
use arrow::datatypes::SchemaRef;
use datafusion::common::{JoinType, Result};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::joins::utils::ColumnIndex;
use datafusion::physical_plan::joins::utils::JoinFilter;
use datafusion::physical_plan::metrics::BaselineMetrics;
use futures::TryStreamExt as _;

use super::exec::{Built, of_side};
use super::nearness::{Extents, Nearness};

pub(super) struct Probe {
    pub(super) built: Arc<Built>,
    pub(super) right: SendableRecordBatchStream,
    pub(super) nearness: Nearness,
    pub(super) filter: JoinFilter,
    pub(super) kind: JoinType,
    pub(super) columns: Arc<[ColumnIndex]>,
    pub(super) schema: SchemaRef,
    /// Pairs that are looked at together.
    pub(super) enough: usize,
    pub(super) current: Option<Current>,
    pub(super) ended: bool,
    pub(super) metrics: BaselineMetrics,
}

/// A batch of the right side, and how far it has come.
pub(super) struct Current {
    batch: RecordBatch,
    extents: Extents,
    row: usize,
}

/// Rows of both sides beside each other; a missing one is NULL.
#[derive(Default)]
struct Pairs {
    left: Vec<Option<u64>>,
    right: Vec<Option<u64>>,
}

impl Probe {
    /// The next batch of the output.
    pub(super) async fn next(mut self) -> Result<Option<(RecordBatch, Self)>> {
        loop {
            if let Some(mut current) = self.current.take() {
                let joined = self.step(&mut current)?;
                if current.row < current.batch.num_rows() {
                    self.current = Some(current);
                }
                if joined.num_rows() > 0 {
                    return Ok(Some((joined, self)));
                }
                // Work without output leaves room for others, and for a statement to be stopped.
                tokio::task::yield_now().await;
                continue;
            }
            if self.ended {
                return Ok(None);
            }
            match self.right.try_next().await? {
                Some(batch) => {
                    let extents = self.nearness.right(&batch)?;
                    self.current = Some(Current {
                        batch,
                        extents,
                        row: 0,
                    });
                }
                None => {
                    self.ended = true;
                    if let Some(rest) = self.rest()? {
                        return Ok(Some((rest, self)));
                    }
                }
            }
        }
    }

    /// Joins the next rows of a batch.
    fn step(&self, current: &mut Current) -> Result<RecordBatch> {
        let timer = self.metrics.elapsed_compute().clone();
        let _timed = timer.timer();
        let first = current.row;
        let mut candidates = (Vec::new(), Vec::new());
        let mut found = Vec::new();
        while candidates.0.len() < self.enough && current.row < current.batch.num_rows() {
            if let Some(Some(extent)) = current.extents.get(current.row) {
                found.clear();
                self.built.index.find(extent, &mut found);
                candidates
                    .1
                    .extend(found.iter().map(|_| current.row as u64));
                candidates.0.append(&mut found);
            }
            current.row += 1;
        }
        let rows = first..current.row;
        let pairs = self.decided(candidates, &current.batch)?;
        let pairs = self.completed(pairs, rows);
        let joined = self.output(&pairs, &current.batch)?;
        self.metrics.record_output(joined.num_rows());
        Ok(joined)
    }

    /// The candidates of which the whole condition holds.
    fn decided(
        &self,
        (left, right): (Vec<u64>, Vec<u64>),
        batch: &RecordBatch,
    ) -> Result<Vec<(u64, u64)>> {
        if left.is_empty() {
            return Ok(Vec::new());
        }
        let count = left.len();
        let pairs: Vec<(u64, u64)> = left.iter().copied().zip(right.iter().copied()).collect();
        let (left, right) = (UInt64Array::from(left), UInt64Array::from(right));
        let columns = self
            .filter
            .column_indices()
            .iter()
            .map(|column| self.taken(column, batch, &left, &right))
            .collect::<Result<Vec<_>>>()?;
        let schema = Arc::clone(self.filter.schema());
        let asked = RecordBatch::try_new_with_options(schema, columns, &with_rows(count))?;
        let answers = self.filter.expression().evaluate(&asked)?;
        let answers = answers.into_array(count)?;
        let answers = answers.as_boolean();
        let holds = answers.iter().map(|answer| answer == Some(true));
        let decided = pairs.into_iter().zip(holds);
        Ok(decided
            .filter_map(|(pair, holds)| holds.then_some(pair))
            .collect())
    }

    /// What the kind of join makes of the pairs found for `rows` of the right side.
    fn completed(&self, found: Vec<(u64, u64)>, rows: Range<usize>) -> Pairs {
        use JoinType::{Full, Inner, Left, LeftAnti, LeftSemi, Right, RightAnti, RightSemi};
        if matches!(self.kind, Left | Full | LeftSemi | LeftAnti) {
            let mut met = self
                .built
                .met
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            for (left, _) in &found {
                let at = usize::try_from(*left).unwrap_or(usize::MAX);
                if let Some(met) = met.get_mut(at) {
                    *met = true;
                }
            }
        }
        let mut pairs = Pairs::default();
        if matches!(self.kind, Inner | Left | Right | Full) {
            pairs.left.extend(found.iter().map(|(left, _)| Some(*left)));
            pairs
                .right
                .extend(found.iter().map(|(_, right)| Some(*right)));
        }
        if matches!(self.kind, Right | Full | RightSemi | RightAnti) {
            let mut met = vec![false; rows.len()];
            for (_, right) in &found {
                let at = usize::try_from(*right).unwrap_or(usize::MAX);
                if let Some(met) = met.get_mut(at.wrapping_sub(rows.start)) {
                    *met = true;
                }
            }
            let wanted = self.kind == RightSemi;
            let chosen = met.into_iter().zip(rows);
            let chosen = chosen.filter(|(met, _)| *met == wanted);
            pairs.right.extend(chosen.map(|(_, row)| Some(row as u64)));
            pairs.left.resize(pairs.right.len(), None);
        }
        pairs
    }

    /// Rows of the left side that are written when all of the right side has been seen.
    fn rest(&self) -> Result<Option<RecordBatch>> {
        if self.built.open.fetch_sub(1, Ordering::AcqRel) > 1 {
            return Ok(None);
        }
        let wanted = match self.kind {
            JoinType::Left | JoinType::Full | JoinType::LeftAnti => false,
            JoinType::LeftSemi => true,
            _ => return Ok(None),
        };
        let met = self
            .built
            .met
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let left: Vec<Option<u64>> = met
            .iter()
            .zip(0_u64..)
            .filter(|(met, _)| **met == wanted)
            .map(|(_, row)| Some(row))
            .collect();
        drop(met);
        if left.is_empty() {
            return Ok(None);
        }
        let right = vec![None; left.len()];
        let none = RecordBatch::new_empty(self.right.schema());
        let rest = self.output(&Pairs { left, right }, &none)?;
        self.metrics.record_output(rest.num_rows());
        Ok(Some(rest))
    }

    fn output(&self, pairs: &Pairs, batch: &RecordBatch) -> Result<RecordBatch> {
        let left = UInt64Array::from(pairs.left.clone());
        let right = UInt64Array::from(pairs.right.clone());
        let columns = self
            .columns
            .iter()
            .map(|column| self.taken(column, batch, &left, &right))
            .collect::<Result<Vec<_>>>()?;
        let schema = Arc::clone(&self.schema);
        let options = with_rows(pairs.right.len());
        Ok(RecordBatch::try_new_with_options(
            schema, columns, &options,
        )?)
    }

    /// A column's values in the rows of its side.
    fn taken(
        &self,
        column: &ColumnIndex,
        batch: &RecordBatch,
        left: &UInt64Array,
        right: &UInt64Array,
    ) -> Result<ArrayRef> {
        let side = of_side(column, &self.built.batch, batch);
        let rows = if std::ptr::eq(side, batch) {
            right
        } else {
            left
        };
        let values = side.column(column.index);
        // Where no row exists, all are missing.
        if values.is_empty() {
            return Ok(arrow::array::new_null_array(values.data_type(), rows.len()));
        }
        Ok(take(values, rows, None)?)
    }
}

fn with_rows(count: usize) -> RecordBatchOptions {
    RecordBatchOptions::new().with_row_count(Some(count))
}
