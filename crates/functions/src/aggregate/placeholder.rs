//! Aggregates that exist by name only: planning puts other expressions in their place.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::{Result, internal_err};
use datafusion::logical_expr::function::AccumulatorArgs;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Signature, Volatility,
};

pub(super) const NAMES: [&str; 21] = [
    "arrayagg",
    "array_unique_agg",
    "array_union_agg",
    "object_agg",
    "avg",
    "listagg",
    "string_agg",
    "count_if",
    "booland_agg",
    "boolor_agg",
    "boolxor_agg",
    "min_by",
    "max_by",
    "approx_count_distinct",
    "hll",
    "hll_accumulate",
    "approx_percentile",
    "approx_top_k",
    "hash_agg",
    "regr_count",
    "ratio_to_report",
];

pub(super) fn placeholder(name: &'static str) -> Arc<AggregateUDF> {
    Arc::new(AggregateUDF::new_from_impl(Placeholder {
        name,
        signature: Signature::variadic_any(Volatility::Immutable),
    }))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Placeholder {
    name: &'static str,
    signature: Signature,
}

impl AggregateUDFImpl for Placeholder {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        internal_err!("{} was not planned", self.name)
    }

    fn accumulator(&self, _: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        internal_err!("{} was not planned", self.name)
    }
}
