//! DataFusion's aggregates over wider numbers: medians with a fraction.
//!
//! <https://docs.snowflake.com/en/sql-reference/functions/median>

use std::hash::{Hash, Hasher};
use std::sync::{Arc, LazyLock};

use arrow::array::{ArrayRef, BooleanArray};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, FieldRef};
use datafusion::common::{Result, ScalarValue, plan_err};
use datafusion::functions_aggregate::median::median_udaf;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, EmitTo, GroupsAccumulator, ReversedUDAF,
    Signature, Volatility,
};

use super::number_type;

static MEDIAN: LazyLock<Arc<AggregateUDF>> = LazyLock::new(|| widened(median_udaf(), 3));

pub(super) fn median() -> Arc<AggregateUDF> {
    Arc::clone(&MEDIAN)
}

fn widened(inner: Arc<AggregateUDF>, more_scale: i8) -> Arc<AggregateUDF> {
    Arc::new(AggregateUDF::new_from_impl(Widened {
        inner,
        more_scale,
        signature: Signature::user_defined(Volatility::Immutable),
    }))
}

/// `inner` over `NUMBER(38, s + more_scale)` where its argument is a `NUMBER(p, s)`.
#[derive(Debug)]
struct Widened {
    inner: Arc<AggregateUDF>,
    more_scale: i8,
    signature: Signature,
}

impl PartialEq for Widened {
    fn eq(&self, other: &Self) -> bool {
        self.inner == other.inner
    }
}

impl Eq for Widened {}

impl Hash for Widened {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.inner.name().hash(state);
    }
}

impl Widened {
    fn wider(&self, value: &DataType) -> DataType {
        match value {
            DataType::Decimal128(_, scale) => {
                DataType::Decimal128(38, scale.saturating_add(self.more_scale).min(37))
            }
            other => other.clone(),
        }
    }

    fn fields(&self, fields: &[FieldRef]) -> Vec<FieldRef> {
        let wider = |field: &FieldRef| {
            let wider = self.wider(field.data_type());
            Arc::new(field.as_ref().clone().with_data_type(wider))
        };
        fields.iter().map(wider).collect()
    }
}

/// Casts what comes in to the type `inner` is for; its states and results have that type already.
#[derive(Debug)]
struct Widening<A> {
    inner: A,
    to: Vec<DataType>,
}

impl<A> Widening<A> {
    fn over(inner: A, fields: &[FieldRef]) -> Self {
        let to = fields
            .iter()
            .map(|field| field.data_type().clone())
            .collect();
        Self { inner, to }
    }

    fn wide(&self, values: &[ArrayRef]) -> Result<Vec<ArrayRef>> {
        let options = CastOptions {
            safe: false,
            ..CastOptions::default()
        };
        (values.iter().zip(&self.to))
            .map(|(array, to)| Ok(cast_with_options(array, to, &options)?))
            .collect()
    }
}

impl Accumulator for Widening<Box<dyn Accumulator>> {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let values = self.wide(values)?;
        self.inner.update_batch(&values)
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        self.inner.evaluate()
    }

    fn size(&self) -> usize {
        self.inner.size()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.inner.state()
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.inner.merge_batch(states)
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let values = self.wide(values)?;
        self.inner.retract_batch(&values)
    }

    fn supports_retract_batch(&self) -> bool {
        self.inner.supports_retract_batch()
    }
}

impl GroupsAccumulator for Widening<Box<dyn GroupsAccumulator>> {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        let values = self.wide(values)?;
        self.inner
            .update_batch(&values, group_indices, filter, total_num_groups)
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        self.inner.evaluate(emit_to)
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        self.inner.state(emit_to)
    }

    fn merge_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        total_num_groups: usize,
    ) -> Result<()> {
        self.inner
            .merge_batch(values, group_indices, total_num_groups)
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        self.inner.convert_to_state(&self.wide(values)?, filter)
    }

    fn size(&self) -> usize {
        self.inner.size()
    }
}

impl AggregateUDFImpl for Widened {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    /// Only what it takes. The scale grows inside, because the planner coerces more than once.
    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let [value] = types else {
            return plan_err!("{} takes one number", self.name().to_uppercase());
        };
        Ok(vec![match number_type(self.name(), value)? {
            DataType::Int64 => DataType::Decimal128(38, 0),
            DataType::Decimal128(_, scale) => DataType::Decimal128(38, scale),
            other => other,
        }])
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        match types {
            [value] => Ok(self.wider(value)),
            _ => plan_err!("{} takes one number", self.name().to_uppercase()),
        }
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        let fields = self.fields(args.expr_fields);
        let inner = self.inner.accumulator(AccumulatorArgs {
            expr_fields: &fields,
            ..args
        })?;
        Ok(Box::new(Widening::over(inner, &fields)))
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let fields = self.fields(args.input_fields);
        self.inner.state_fields(StateFieldsArgs {
            input_fields: &fields,
            ..args
        })
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs) -> bool {
        self.inner.groups_accumulator_supported(args)
    }

    fn create_groups_accumulator(
        &self,
        args: AccumulatorArgs,
    ) -> Result<Box<dyn GroupsAccumulator>> {
        let fields = self.fields(args.expr_fields);
        let inner = self.inner.create_groups_accumulator(AccumulatorArgs {
            expr_fields: &fields,
            ..args
        })?;
        Ok(Box::new(Widening::over(inner, &fields)))
    }

    fn create_sliding_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        let fields = self.fields(args.expr_fields);
        let inner = self.inner.create_sliding_accumulator(AccumulatorArgs {
            expr_fields: &fields,
            ..args
        })?;
        Ok(Box::new(Widening::over(inner, &fields)))
    }

    fn reverse_expr(&self) -> ReversedUDAF {
        ReversedUDAF::Identical
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }
}
