//! DataFusion's aggregates over wider numbers: medians with a fraction.
//!
//! <https://docs.snowflake.com/en/sql-reference/functions/median>

use std::hash::{Hash, Hasher};
use std::sync::{Arc, LazyLock};

use arrow::datatypes::{DataType, FieldRef};
use datafusion::common::{Result, plan_err};
use datafusion::functions_aggregate::median::median_udaf;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, GroupsAccumulator, ReversedUDAF, Signature,
    Volatility,
};

use crate::scalar::common_type;

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

impl AggregateUDFImpl for Widened {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let [value] = types else {
            return plan_err!("{} takes one number", self.name().to_uppercase());
        };
        Ok(vec![match common_type([value])? {
            DataType::Null | DataType::Int64 => DataType::Decimal128(38, self.more_scale),
            DataType::Decimal128(_, scale) => {
                DataType::Decimal128(38, scale.saturating_add(self.more_scale).min(37))
            }
            DataType::Float64 | DataType::Utf8 | DataType::LargeUtf8 => DataType::Float64,
            other => {
                return plan_err!("{} takes a number, not {other}", self.name().to_uppercase());
            }
        }])
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        match types {
            [DataType::Decimal128(_, scale)] => Ok(DataType::Decimal128(38, *scale)),
            [other] => Ok(other.clone()),
            _ => plan_err!("{} takes one number", self.name().to_uppercase()),
        }
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        self.inner.accumulator(args)
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        self.inner.state_fields(args)
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs) -> bool {
        self.inner.groups_accumulator_supported(args)
    }

    fn create_groups_accumulator(
        &self,
        args: AccumulatorArgs,
    ) -> Result<Box<dyn GroupsAccumulator>> {
        self.inner.create_groups_accumulator(args)
    }

    fn create_sliding_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        self.inner.create_sliding_accumulator(args)
    }

    fn reverse_expr(&self) -> ReversedUDAF {
        ReversedUDAF::Identical
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }
}
