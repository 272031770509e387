//! SUM of exact numbers: in 128 bits, and an error where 38 digits do not hold it.
//!
//! <https://docs.snowflake.com/en/sql-reference/functions/sum>

use std::collections::HashSet;
use std::mem::{size_of, size_of_val};
use std::sync::{Arc, LazyLock};

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Decimal128Array, PrimitiveArray, PrimitiveBuilder,
};
use arrow::compute::cast;
use arrow::datatypes::{
    ArrowPrimitiveType, DECIMAL128_MAX_PRECISION, DataType, Decimal128Type, Field, FieldRef,
    Int64Type,
};
use datafusion::common::utils::SingleRowListArrayBuilder;
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};
use datafusion::functions_aggregate::sum::sum_udaf;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::{AggregateOrderSensitivity, format_state_name};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, EmitTo, GroupsAccumulator, ReversedUDAF,
    Signature, Volatility,
};
use datafusion_functions_aggregate_common::aggregate::groups_accumulator::accumulate::NullState;

use super::number_type;
use crate::text::number::power_of_ten;

static SUM: LazyLock<Arc<AggregateUDF>> = LazyLock::new(|| {
    Arc::new(AggregateUDF::new_from_impl(Sum {
        signature: Signature::user_defined(Volatility::Immutable),
    }))
});

pub(super) fn sum() -> Arc<AggregateUDF> {
    Arc::clone(&SUM)
}

/// DataFusion's for floating-point numbers, our own for exact ones: its decimals wrap around.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Sum {
    signature: Signature,
}

impl AggregateUDFImpl for Sum {
    fn name(&self) -> &'static str {
        "sum"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let [value] = types else {
            return plan_err!("SUM takes one number");
        };
        Ok(vec![number_type("sum", value)?])
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        match types {
            [DataType::Int64] => Ok(DataType::Decimal128(DECIMAL128_MAX_PRECISION, 0)),
            [DataType::Decimal128(_, scale)] => {
                Ok(DataType::Decimal128(DECIMAL128_MAX_PRECISION, *scale))
            }
            [other] => Ok(other.clone()),
            _ => plan_err!("SUM takes one number"),
        }
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Ok(match (args.return_type(), args.is_distinct) {
            (DataType::Decimal128(..), false) => Box::new(Running::new(args.return_type())),
            (DataType::Decimal128(..), true) => Box::new(Distinct::new(args.return_type())),
            _ => return sum_udaf().accumulator(args),
        })
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let result = args.return_type();
        if !matches!(result, DataType::Decimal128(..)) {
            return sum_udaf().state_fields(args);
        }
        let name = format_state_name(args.name, "sum");
        Ok(vec![Arc::new(match args.is_distinct {
            true => Field::new_list(name, Field::new_list_field(result.clone(), true), true),
            false => Field::new(name, result.clone(), true),
        })])
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs) -> bool {
        !args.is_distinct
    }

    fn create_groups_accumulator(
        &self,
        args: AccumulatorArgs,
    ) -> Result<Box<dyn GroupsAccumulator>> {
        match args.return_type() {
            DataType::Decimal128(..) => Ok(Box::new(Groups::new(args.return_type()))),
            _ => sum_udaf().create_groups_accumulator(args),
        }
    }

    fn create_sliding_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        match args.return_type() {
            DataType::Decimal128(..) => self.accumulator(args),
            _ => sum_udaf().create_sliding_accumulator(args),
        }
    }

    fn reverse_expr(&self) -> ReversedUDAF {
        ReversedUDAF::Identical
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }
}

/// Hands each number of `values` to `add`.
pub(super) fn each(values: &dyn Array, mut add: impl FnMut(i128)) {
    fn all<T: ArrowPrimitiveType>(values: &PrimitiveArray<T>, mut add: impl FnMut(T::Native)) {
        match values.null_count() {
            0 => values.values().iter().for_each(|value| add(*value)),
            _ => values.iter().flatten().for_each(add),
        }
    }
    match values.as_primitive_opt::<Int64Type>() {
        Some(whole) => all(whole, |value| add(i128::from(value))),
        None => all(values.as_primitive::<Decimal128Type>(), add),
    }
}

/// A sum that tells where 128 bits have not held it.
#[derive(Clone, Copy, Debug, Default)]
struct Total {
    sum: i128,
    wrapped: bool,
}

impl Total {
    fn add(&mut self, value: i128) {
        let (sum, wrapped) = self.sum.overflowing_add(value);
        *self = Self {
            sum,
            wrapped: self.wrapped | wrapped,
        };
    }

    fn get(self) -> Result<i128> {
        let limit = power_of_ten(u32::from(DECIMAL128_MAX_PRECISION)).unwrap_or(i128::MAX);
        match self.wrapped || self.sum.unsigned_abs() >= limit.unsigned_abs() {
            true => exec_err!("A sum has more than 38 digits"),
            false => Ok(self.sum),
        }
    }
}

fn decimal(value: Option<i128>, data_type: &DataType) -> ScalarValue {
    match data_type {
        DataType::Decimal128(precision, scale) => {
            ScalarValue::Decimal128(value, *precision, *scale)
        }
        _ => ScalarValue::Null,
    }
}

/// The sum of one group, or of a window that moves on.
#[derive(Debug)]
struct Running {
    total: Total,
    count: u64,
    data_type: DataType,
}

impl Running {
    fn new(data_type: &DataType) -> Self {
        Self {
            total: Total::default(),
            count: 0,
            data_type: data_type.clone(),
        }
    }
}

impl Accumulator for Running {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        for values in values {
            let mut total = self.total;
            each(values, |value| total.add(value));
            self.total = total;
            self.count += (values.len() - values.null_count()) as u64;
        }
        Ok(())
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.update_batch(states)
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        for values in values {
            let mut total = self.total;
            // What was added before had to fit, so what is left does.
            each(values, |value| total.sum = total.sum.wrapping_sub(value));
            self.total = total;
            self.count -= (values.len() - values.null_count()) as u64;
        }
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let sum = match self.count {
            0 => None,
            _ => Some(self.total.get()?),
        };
        Ok(decimal(sum, &self.data_type))
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.evaluate().map(|sum| vec![sum])
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }
}

/// The sum of the different numbers of one group.
#[derive(Debug)]
struct Distinct {
    values: HashSet<i128>,
    data_type: DataType,
}

impl Distinct {
    fn new(data_type: &DataType) -> Self {
        Self {
            values: HashSet::new(),
            data_type: data_type.clone(),
        }
    }
}

impl Accumulator for Distinct {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        for values in values {
            each(values, |value| {
                self.values.insert(value);
            });
        }
        Ok(())
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        for lists in states {
            for values in lists.as_list::<i32>().iter().flatten() {
                self.update_batch(&[values])?;
            }
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let mut total = Total::default();
        for value in &self.values {
            total.add(*value);
        }
        let sum = match self.values.is_empty() {
            true => None,
            false => Some(total.get()?),
        };
        Ok(decimal(sum, &self.data_type))
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let values: Decimal128Array = self.values.iter().copied().map(Some).collect();
        let values = values.with_data_type(self.data_type.clone());
        let list = SingleRowListArrayBuilder::new(Arc::new(values));
        Ok(vec![list.build_list_scalar()])
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.values.capacity() * size_of::<i128>()
    }
}

/// The sums of many groups.
#[derive(Debug)]
struct Groups {
    sums: Vec<i128>,
    /// Whether the sum of any group has left 128 bits: the statement fails, whichever it is.
    wrapped: bool,
    seen: NullState,
    data_type: DataType,
}

impl Groups {
    fn new(data_type: &DataType) -> Self {
        Self {
            sums: Vec::new(),
            wrapped: false,
            seen: NullState::new(),
            data_type: data_type.clone(),
        }
    }

    fn add<T: ArrowPrimitiveType + Send>(
        &mut self,
        values: &PrimitiveArray<T>,
        groups: &[usize],
        filter: Option<&BooleanArray>,
        count: usize,
    ) where
        i128: From<T::Native>,
    {
        self.sums.resize(count, 0);
        let (sums, any_wrapped) = (&mut self.sums, &mut self.wrapped);
        let add = |group: usize, value: T::Native| {
            if let Some(sum) = sums.get_mut(group) {
                let (total, wrapped) = sum.overflowing_add(i128::from(value));
                *sum = total;
                *any_wrapped |= wrapped;
            }
        };
        self.seen.accumulate(groups, values, filter, count, add);
    }
}

impl GroupsAccumulator for Groups {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        count: usize,
    ) -> Result<()> {
        for values in values {
            match values.as_primitive_opt::<Int64Type>() {
                Some(whole) => self.add(whole, groups, filter, count),
                None => self.add(
                    values.as_primitive::<Decimal128Type>(),
                    groups,
                    filter,
                    count,
                ),
            }
        }
        Ok(())
    }

    fn merge_batch(&mut self, states: &[ArrayRef], groups: &[usize], count: usize) -> Result<()> {
        self.update_batch(states, groups, None, count)
    }

    fn evaluate(&mut self, emit: EmitTo) -> Result<ArrayRef> {
        let sums = emit.take_needed(&mut self.sums);
        let wrapped = self.wrapped;
        for sum in &sums {
            Total { sum: *sum, wrapped }.get()?;
        }
        let sums = Decimal128Array::new(sums.into(), self.seen.build(emit));
        Ok(Arc::new(sums.with_data_type(self.data_type.clone())))
    }

    fn state(&mut self, emit: EmitTo) -> Result<Vec<ArrayRef>> {
        self.evaluate(emit).map(|sums| vec![sums])
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        let convert = |values: &ArrayRef| -> Result<ArrayRef> {
            let values = cast(values, &self.data_type)?;
            let Some(filter) = filter else {
                return Ok(values);
            };
            let mut kept = PrimitiveBuilder::<Decimal128Type>::with_capacity(values.len())
                .with_data_type(self.data_type.clone());
            for (value, keep) in values.as_primitive::<Decimal128Type>().iter().zip(filter) {
                kept.append_option(value.filter(|_| keep == Some(true)));
            }
            Ok(Arc::new(kept.finish()))
        };
        values.iter().map(convert).collect()
    }

    fn size(&self) -> usize {
        self.sums.capacity() * size_of::<i128>() + self.seen.size()
    }
}
