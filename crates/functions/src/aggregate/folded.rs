//! Aggregates that fold values into a fixed number of bits: `HASH_AGG` and the bitmaps.
//!
//! <https://docs.snowflake.com/en/sql-reference/functions/hash_agg>
//! <https://docs.snowflake.com/en/user-guide/querying-bitmaps-for-distinct-counts>

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray};
use arrow::datatypes::{DataType, Field, FieldRef, Int64Type};
use datafusion::common::{Result, ScalarValue, exec_err, internal_err, plan_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Signature, Volatility,
};

/// Bytes of one bitmap, a bit for each of 32,768 places.
const BYTES: usize = 4_096;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Fold {
    /// The sum of 64-bit hashes: the same rows in any order give the same number.
    Hash,
    /// A bitmap with the bits at the values' places set.
    Places,
    /// All bitmaps over each other.
    Bitmaps,
}

pub(super) fn folded(name: &'static str, fold: Fold) -> Arc<AggregateUDF> {
    Arc::new(AggregateUDF::new_from_impl(Folded {
        name,
        fold,
        signature: Signature::user_defined(Volatility::Immutable),
    }))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Folded {
    name: &'static str,
    fold: Fold,
    signature: Signature,
}

impl Folded {
    fn result(&self) -> DataType {
        match self.fold {
            Fold::Hash => DataType::Int64,
            Fold::Places | Fold::Bitmaps => DataType::Binary,
        }
    }
}

impl AggregateUDFImpl for Folded {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        match (types, self.fold) {
            ([_], Fold::Hash | Fold::Places) => Ok(vec![DataType::Int64]),
            ([_], Fold::Bitmaps) => Ok(vec![DataType::Binary]),
            _ => plan_err!("{} takes one value", self.name.to_uppercase()),
        }
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(self.result())
    }

    fn accumulator(&self, _: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Ok(match self.fold {
            Fold::Hash => Box::new(Sum(0)),
            Fold::Places | Fold::Bitmaps => Box::new(Bits(Vec::new())),
        })
    }

    fn state_fields(&self, _: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        Ok(vec![Arc::new(Field::new("folded", self.result(), true))])
    }
}

#[derive(Debug)]
struct Sum(i64);

impl Accumulator for Sum {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let [hashes] = values else {
            return internal_err!("HASH_AGG folds one number");
        };
        for hash in hashes.as_primitive::<Int64Type>().iter().flatten() {
            self.0 = self.0.wrapping_add(hash);
        }
        Ok(())
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.update_batch(states)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![self.evaluate()?])
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(ScalarValue::Int64(Some(self.0)))
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }
}

/// Empty until the first value comes.
#[derive(Debug)]
struct Bits(Vec<u8>);

impl Bits {
    fn set(&mut self, place: i64) -> Result<()> {
        self.0.resize(BYTES, 0);
        let bit = usize::try_from(place).ok();
        match bit.and_then(|bit| self.0.get_mut(bit / 8).map(|byte| (byte, bit % 8))) {
            Some((byte, bit)) => *byte |= 1 << bit,
            None => return exec_err!("A place in a bitmap is 0 to 32767, not {place}"),
        }
        Ok(())
    }

    fn lay(&mut self, bitmap: &[u8]) -> Result<()> {
        if bitmap.len() != BYTES {
            return exec_err!("{} bytes are no bitmap", bitmap.len());
        }
        self.0.resize(BYTES, 0);
        for (ours, theirs) in self.0.iter_mut().zip(bitmap) {
            *ours |= theirs;
        }
        Ok(())
    }
}

impl Accumulator for Bits {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let [values] = values else {
            return internal_err!("a bitmap folds one value");
        };
        if let Some(places) = values.as_primitive_opt::<Int64Type>() {
            return places
                .iter()
                .flatten()
                .try_for_each(|place| self.set(place));
        }
        self.merge_batch(std::slice::from_ref(values))
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let [bitmaps] = states else {
            return internal_err!("a bitmap is one value");
        };
        let mut bitmaps = bitmaps.as_binary::<i32>().iter().flatten();
        bitmaps.try_for_each(|bitmap| self.lay(bitmap))
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![self.evaluate()?])
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let bits = (!self.0.is_empty()).then(|| self.0.clone());
        Ok(ScalarValue::Binary(bits))
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.0.capacity()
    }
}
