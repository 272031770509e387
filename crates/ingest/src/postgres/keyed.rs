//! [`KeyColumns`]: the key of rows as bytes that are equal where the keys are.

use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use arrow::compute::{max, min};
use arrow::datatypes::{DataType, Int64Type, Schema, SchemaRef};
use arrow::row::{RowConverter, Rows, SortField};
use diagnostic::{Result, ResultExt, codes};
use lake::StoredFile;

use crate::existing::conform;

/// A key as bytes.
pub(super) type Key = Box<[u8]>;

/// The columns of a key, and how they become bytes. NULL is a value like any other.
pub(super) struct KeyColumns {
    schema: SchemaRef,
    converter: RowConverter,
}

/// The least and greatest value of a key's first column, if that is a whole number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct KeyRange {
    low: i64,
    high: i64,
}

impl KeyColumns {
    /// The columns called `names` of `schema`; all of them if there are no names.
    pub(super) fn new(schema: &Schema, names: &[String]) -> Result<Self> {
        let fields: Vec<_> = match names {
            [] => schema.fields().iter().cloned().collect(),
            names => names
                .iter()
                .filter_map(|name| schema.column_with_name(name))
                .map(|(_, field)| Arc::new(field.clone()))
                .collect(),
        };
        let sorts = fields
            .iter()
            .map(|field| SortField::new(field.data_type().clone()))
            .collect();
        let converter = RowConverter::new(sorts)
            .explain(codes::X0001, || "Keys cannot be compared".to_owned())?;
        Ok(Self {
            schema: Arc::new(Schema::new(fields)),
            converter,
        })
    }

    /// Only these columns.
    pub(super) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The keys of the rows of `batch`, which has these columns and perhaps others.
    pub(super) fn of(&self, batch: &RecordBatch) -> Result<Rows> {
        let keys = conform(batch, &self.schema)?;
        self.converter
            .convert_columns(keys.columns())
            .explain(codes::X0001, || "Keys cannot be compared".to_owned())
    }

    /// The range of the keys in `batches`.
    pub(super) fn range(&self, batches: &[&RecordBatch]) -> Option<KeyRange> {
        let first = self.schema.fields().first()?;
        if first.data_type() != &DataType::Int64 {
            return None;
        }
        let mut range: Option<KeyRange> = None;
        for batch in batches.iter().filter(|batch| batch.num_rows() > 0) {
            let column = batch
                .column_by_name(first.name())?
                .as_primitive_opt::<Int64Type>()?;
            let (low, high) = (min(column)?, max(column)?);
            range = Some(match range {
                Some(range) => KeyRange {
                    low: range.low.min(low),
                    high: range.high.max(high),
                },
                None => KeyRange { low, high },
            });
            if arrow::array::Array::null_count(column) > 0 {
                return None;
            }
        }
        range
    }

    /// Whether `file` may hold keys in `range`, as far as its statistics tell.
    pub(super) fn may_hold(&self, file: &StoredFile, range: Option<KeyRange>) -> bool {
        let known = || {
            let stats: serde_json::Value = serde_json::from_str(file.stats.as_ref()?).ok()?;
            let name = self.schema.fields().first()?.name();
            let bound = |which: &str| stats.get(which)?.get(name)?.as_i64();
            Some((bound("minValues")?, bound("maxValues")?))
        };
        match range.and_then(|range| Some((range, known()?))) {
            Some((range, (low, high))) => range.low <= high && low <= range.high,
            None => true,
        }
    }
}
