//! DataFusion's aggregates under Snowflake's names, over arguments of one type.
//!
//! <https://docs.snowflake.com/en/sql-reference/functions-aggregation>

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::datatypes::{DataType, FieldRef};
use datafusion::common::{Result, plan_err};
use datafusion::functions_aggregate::bit_and_or_xor::{bit_and_udaf, bit_or_udaf, bit_xor_udaf};
use datafusion::functions_aggregate::correlation::corr_udaf;
use datafusion::functions_aggregate::covariance::{covar_pop_udaf, covar_samp_udaf};
use datafusion::functions_aggregate::grouping::grouping_udaf;
use datafusion::functions_aggregate::regr;
use datafusion::functions_aggregate::stddev::{stddev_pop_udaf, stddev_udaf};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, GroupsAccumulator, ReversedUDAF, Signature,
    Volatility,
};

use super::number_type;

/// Every aggregate that is DataFusion's under another name, or under its own with fewer aliases.
pub(super) fn all() -> Vec<Arc<AggregateUDF>> {
    const FLOAT: DataType = DataType::Float64;
    const WHOLE: DataType = DataType::Int64;
    let renamed = |name, aliases, to: DataType, arity, inner| {
        Arc::new(AggregateUDF::new_from_impl(Renamed::new(
            name, aliases, to, arity, inner,
        )))
    };
    let one = |name, aliases, inner| renamed(name, aliases, FLOAT, 1, inner);
    let two = |name, inner| renamed(name, &[], FLOAT, 2, inner);
    let bits = |name, aliases, inner| renamed(name, aliases, WHOLE, 1, inner);
    vec![
        one("stddev", &["stddev_samp"], stddev_udaf()),
        one("stddev_pop", &[], stddev_pop_udaf()),
        two("corr", corr_udaf()),
        two("covar_pop", covar_pop_udaf()),
        two("covar_samp", covar_samp_udaf()),
        two("regr_avgx", regr::regr_avgx_udaf()),
        two("regr_avgy", regr::regr_avgy_udaf()),
        two("regr_intercept", regr::regr_intercept_udaf()),
        two("regr_r2", regr::regr_r2_udaf()),
        two("regr_slope", regr::regr_slope_udaf()),
        two("regr_sxx", regr::regr_sxx_udaf()),
        two("regr_sxy", regr::regr_sxy_udaf()),
        two("regr_syy", regr::regr_syy_udaf()),
        bits(
            "bitand_agg",
            &["bitandagg", "bit_and_agg", "bit_andagg"],
            bit_and_udaf(),
        ),
        bits(
            "bitor_agg",
            &["bitoragg", "bit_or_agg", "bit_oragg"],
            bit_or_udaf(),
        ),
        bits(
            "bitxor_agg",
            &["bitxoragg", "bit_xor_agg", "bit_xoragg"],
            bit_xor_udaf(),
        ),
        // The analyzer knows this one by its type, so it is not wrapped.
        Arc::new(
            AggregateUDF::clone(&grouping_udaf()).with_aliases(["grouping_id"].iter().copied()),
        ),
    ]
}

/// `inner` called `name`.
#[derive(Debug)]
struct Renamed {
    name: &'static str,
    aliases: Vec<String>,
    to: DataType,
    arity: usize,
    inner: Arc<AggregateUDF>,
    signature: Signature,
}

impl Renamed {
    fn new(
        name: &'static str,
        aliases: &[&str],
        to: DataType,
        arity: usize,
        inner: Arc<AggregateUDF>,
    ) -> Self {
        Self {
            name,
            aliases: aliases.iter().map(|&alias| alias.to_owned()).collect(),
            to,
            arity,
            inner,
            signature: Signature::user_defined(Volatility::Immutable),
        }
    }
}

impl PartialEq for Renamed {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Renamed {}

impl Hash for Renamed {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl AggregateUDFImpl for Renamed {
    fn name(&self) -> &str {
        self.name
    }

    fn aliases(&self) -> &[String] {
        &self.aliases
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        if types.len() != self.arity {
            return plan_err!(
                "{} takes {} of {} ({} given)",
                self.name.to_uppercase(),
                super::syntax(self.name),
                if self.arity == 1 {
                    "one number"
                } else {
                    "two numbers"
                },
                types.len()
            );
        }
        if self.to.is_floating() {
            for kind in types {
                number_type(self.name, kind)?;
            }
        }
        Ok(vec![self.to.clone(); self.arity])
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        self.inner.return_type(types)
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
