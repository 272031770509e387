//! `HLL_ACCUMULATE`, `HLL_COMBINE` and `HLL_ESTIMATE`: `HyperLogLog` states that are kept and put together later.
//!
//! <https://docs.snowflake.com/en/user-guide/querying-approximate-cardinality>; the estimate is that of Flajolet et al.,
//! *HyperLogLog: the analysis of a near-optimal cardinality estimation algorithm* (2007).

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray};
use arrow::datatypes::{DataType, Field, FieldRef, Int64Type};
use datafusion::common::{Result, ScalarValue, exec_err, internal_err, plan_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Signature, Volatility,
};

use crate::scalar::{Function, Kind, Returns};

/// Bits of a hash that choose a register; Snowflake's states have as many.
const PRECISION: u32 = 12;

/// Registers of a state, a byte each.
const REGISTERS: usize = 1 << PRECISION;

pub(crate) const FUNCTIONS: &[Function] = &[Function::kernel(
    "hll_estimate",
    "hll_estimate(state)",
    &[Kind::Blob],
    Returns::Integer,
    |call| {
        let states = call.blob(0)?;
        call.integers(|row| states.get(row).map(estimate).transpose())
    },
)];

/// `name` makes a state of hashes, or of states.
pub(super) fn sketch(name: &'static str, of_states: bool) -> Arc<AggregateUDF> {
    Arc::new(AggregateUDF::new_from_impl(Sketch {
        name,
        of_states,
        signature: Signature::user_defined(Volatility::Immutable),
    }))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Sketch {
    name: &'static str,
    of_states: bool,
    signature: Signature,
}

impl AggregateUDFImpl for Sketch {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        match (types, self.of_states) {
            ([_], false) => Ok(vec![DataType::Int64]),
            ([DataType::Binary | DataType::Null], true) => Ok(vec![DataType::Binary]),
            _ => plan_err!(
                "{} takes one state of HLL_ACCUMULATE, a BINARY",
                self.name.to_uppercase()
            ),
        }
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Binary)
    }

    fn accumulator(&self, _: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(Registers {
            of_states: self.of_states,
            ranks: vec![0; REGISTERS],
        }))
    }

    fn state_fields(&self, _: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        Ok(vec![Arc::new(Field::new(
            "registers",
            DataType::Binary,
            true,
        ))])
    }
}

#[derive(Debug)]
struct Registers {
    of_states: bool,
    ranks: Vec<u8>,
}

impl Registers {
    fn add(&mut self, hash: i64) {
        let hash = hash.cast_unsigned();
        let chosen = usize::try_from(hash >> (u64::BITS - PRECISION)).unwrap_or_default();
        // The place of the first bit that is set among those that did not choose.
        let rest = (hash << PRECISION) | (1 << (PRECISION - 1));
        let rank = u8::try_from(rest.leading_zeros() + 1).unwrap_or(u8::MAX);
        if let Some(known) = self.ranks.get_mut(chosen) {
            *known = rank.max(*known);
        }
    }
}

impl Accumulator for Registers {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        if self.of_states {
            return self.merge_batch(values);
        }
        let [hashes] = values else {
            return internal_err!("a state is made of one hash a row");
        };
        let hashes = hashes.as_primitive::<Int64Type>().iter().flatten();
        hashes.for_each(|hash| self.add(hash));
        Ok(())
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let [states] = states else {
            return internal_err!("a state is one value");
        };
        for state in states.as_binary::<i32>().iter().flatten() {
            for (known, other) in self.ranks.iter_mut().zip(ranks(state)?) {
                *known = (*known).max(*other);
            }
        }
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![self.evaluate()?])
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(ScalarValue::Binary(Some(self.ranks.clone())))
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.ranks.capacity()
    }
}

/// The registers of a state.
fn ranks(state: &[u8]) -> Result<&[u8]> {
    if state.len() != REGISTERS {
        return exec_err!(
            "{} bytes are no state of HLL_ACCUMULATE, which has {REGISTERS}",
            state.len()
        );
    }
    Ok(state)
}

/// How many different values a state has seen.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "a count of 4096 registers, and an estimate far below 2^63"
)]
fn estimate(state: &[u8]) -> Result<i64> {
    let ranks = ranks(state)?;
    let count = REGISTERS as f64;
    let inverse: f64 = ranks.iter().map(|rank| 2_f64.powi(-i32::from(*rank))).sum();
    // The factor that takes out the bias of the harmonic mean, from 128 registers on.
    let unbiased = 0.7213 / (1.0 + 1.079 / count) * count * count / inverse;
    let empty = ranks.iter().filter(|rank| **rank == 0).count();
    let found = match empty {
        // Few values: the empty registers tell their number better.
        1.. if unbiased <= 2.5 * count => count * (count / empty as f64).ln(),
        _ => unbiased,
    };
    Ok(found.round() as i64)
}
