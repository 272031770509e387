//! What the aggregates that need all values at once share: the values of a group, batch by batch.

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, new_empty_array};
use arrow::compute::{concat, filter, is_not_null};
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result, ScalarValue};

use std::sync::Arc;

/// The values that are not null, in the order they came.
#[derive(Debug)]
pub(super) struct Collected {
    data_type: DataType,
    batches: Vec<ArrayRef>,
}

impl Collected {
    pub(super) fn new(data_type: DataType) -> Self {
        Self {
            data_type,
            batches: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, values: &ArrayRef) -> Result<()> {
        let kept = match values.null_count() {
            0 => Arc::clone(values),
            _ => filter(values, &present(values)?)?,
        };
        if !kept.is_empty() {
            self.batches.push(kept);
        }
        Ok(())
    }

    /// Adds what [`Self::state`] of other groups gave.
    pub(super) fn merge(&mut self, states: &ArrayRef) -> Result<()> {
        states
            .as_list::<i32>()
            .iter()
            .flatten()
            .try_for_each(|values| self.add(&values))
    }

    pub(super) fn state(&self) -> Result<ScalarValue> {
        let values = self.all()?;
        let list = arrow::array::ListArray::new(
            Arc::new(Field::new_list_field(self.data_type.clone(), true)),
            arrow::buffer::OffsetBuffer::from_lengths([values.len()]),
            values,
            None,
        );
        Ok(ScalarValue::List(Arc::new(list)))
    }

    /// The field of [`Self::state`].
    pub(super) fn field(name: &str, data_type: DataType) -> FieldRef {
        let item = Field::new_list_field(data_type, true);
        Arc::new(Field::new_list(name, item, true))
    }

    pub(super) fn all(&self) -> Result<ArrayRef> {
        match self.batches.as_slice() {
            [] => Ok(new_empty_array(&self.data_type)),
            [only] => Ok(Arc::clone(only)),
            batches => {
                let batches: Vec<&dyn Array> = batches.iter().map(AsRef::as_ref).collect();
                Ok(concat(&batches)?)
            }
        }
    }

    pub(super) fn size(&self) -> usize {
        self.batches.iter().map(Array::get_array_memory_size).sum()
    }
}

fn present(values: &ArrayRef) -> Result<BooleanArray> {
    Ok(is_not_null(values)?)
}
