//! Which functions aggregate.

use sqlparser::ast::{Function, FunctionArguments, ObjectNamePart};

/// Snowflake's aggregate functions (<https://docs.snowflake.com/en/sql-reference/functions-aggregation>), those of
/// geography, and other names that the engine knows them by.
const AGGREGATES: &[&str] = &[
    "ANY_VALUE",
    "APPROXIMATE_JACCARD_INDEX",
    "APPROXIMATE_SIMILARITY",
    "APPROX_COUNT_DISTINCT",
    "APPROX_PERCENTILE",
    "APPROX_PERCENTILE_ACCUMULATE",
    "APPROX_PERCENTILE_COMBINE",
    "APPROX_TOP_K",
    "APPROX_TOP_K_ACCUMULATE",
    "APPROX_TOP_K_COMBINE",
    "ARRAYAGG",
    "ARRAY_AGG",
    "ARRAY_UNION_AGG",
    "ARRAY_UNIQUE_AGG",
    "AVG",
    "BITANDAGG",
    "BITAND_AGG",
    "BITMAP_CONSTRUCT_AGG",
    "BITMAP_OR_AGG",
    "BITORAGG",
    "BITOR_AGG",
    "BITXORAGG",
    "BITXOR_AGG",
    "BIT_ANDAGG",
    "BIT_AND_AGG",
    "BIT_ORAGG",
    "BIT_OR_AGG",
    "BIT_XORAGG",
    "BIT_XOR_AGG",
    "BOOLAND_AGG",
    "BOOLOR_AGG",
    "BOOLXOR_AGG",
    "CORR",
    "COUNT",
    "COUNT_IF",
    "COVAR_POP",
    "COVAR_SAMP",
    "GROUPING",
    "GROUPING_ID",
    "HASH_AGG",
    "HLL",
    "HLL_ACCUMULATE",
    "HLL_COMBINE",
    "KURTOSIS",
    "LISTAGG",
    "MAX",
    "MAX_BY",
    "MEDIAN",
    "MIN",
    "MINHASH",
    "MINHASH_COMBINE",
    "MIN_BY",
    "MODE",
    "OBJECT_AGG",
    "PERCENTILE_CONT",
    "PERCENTILE_DISC",
    "REGR_AVGX",
    "REGR_AVGY",
    "REGR_COUNT",
    "REGR_INTERCEPT",
    "REGR_R2",
    "REGR_SLOPE",
    "REGR_SXX",
    "REGR_SXY",
    "REGR_SYY",
    "SKEW",
    "STDDEV",
    "STDDEV_POP",
    "STDDEV_SAMP",
    "STRING_AGG",
    "ST_INTERSECTION_AGG",
    "ST_UNION_AGG",
    "SUM",
    "VARIANCE",
    "VARIANCE_POP",
    "VARIANCE_SAMP",
    "VAR_POP",
    "VAR_SAMP",
];

/// The aggregate of one argument that is another function of two.
const COLLECT: &str = "ST_COLLECT";

/// Whether `name`, in any case, is an aggregate function's.
#[must_use]
pub fn is_aggregate_name(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    AGGREGATES.binary_search(&name.as_str()).is_ok()
}

/// Whether `call` aggregates rows.
pub(crate) fn is_aggregate(call: &Function) -> bool {
    let Some(ObjectNamePart::Identifier(name)) = call.name.0.last() else {
        return false;
    };
    let collects = || match &call.args {
        FunctionArguments::List(list) => list.args.len() == 1,
        _ => false,
    };
    is_aggregate_name(&name.value) || (name.value.eq_ignore_ascii_case(COLLECT) && collects())
}
