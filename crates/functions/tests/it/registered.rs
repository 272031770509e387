//! Which of DataFusion's functions a session has, decided one by one: a function of the engine below must
//! not answer for one of Snowflake's that means something else, nor for one that Snowflake does not have.

use std::collections::BTreeSet;

use datafusion::execution::SessionStateDefaults;

/// DataFusion's own, under Snowflake's name and meaning.
const SAME: &[&str] = &[
    "any_value",
    "array_agg",
    "count",
    "cume_dist",
    "dense_rank",
    "first_value",
    "grouping",
    "lag",
    "last_value",
    "lead",
    "max",
    "min",
    "nth_value",
    "ntile",
    "percent_rank",
    "rank",
    "row_number",
];

/// DataFusion's own that the planner and the syntax tree call; no catalogue lists them.
const INTERNAL: &[&str] = &[
    "get_field",
    "named_struct",
    "row",
    "st_collect_agg",
    "struct",
];

/// Those that the syntax tree turns into others.
const LAMBDAS: &[&str] = &["filter", "reduce", "transform"];

fn registered() -> BTreeSet<String> {
    let state = crate::state();
    let scalars = state.scalar_functions().keys();
    let aggregates = state.aggregate_functions().keys();
    let windows = state.window_functions().keys();
    scalars.chain(aggregates).chain(windows).cloned().collect()
}

#[test]
fn the_syntax_tree_knows_aggregates() {
    let state = crate::state();
    let names = state.aggregate_functions().keys();
    let unknown: Vec<_> = names
        .filter(|name| !name.starts_with('$') && !INTERNAL.contains(&name.as_str()))
        .filter(|name| functions::entry(name).is_none_or(|entry| entry.family != "window"))
        .filter(|name| !sql::is_aggregate_name(name))
        .collect();
    assert!(unknown.is_empty(), "{unknown:?}");
    assert!(!sql::is_aggregate_name("coalesce"));
}

#[test]
fn a_session_has_the_catalogue_and_nothing_else() {
    let known: BTreeSet<String> = functions::catalogue()
        .into_iter()
        .filter(|entry| entry.family != "table" && !LAMBDAS.contains(&entry.name))
        .flat_map(|entry| std::iter::once(entry.name).chain(entry.aliases.iter().copied()))
        .chain(INTERNAL.iter().copied())
        .map(str::to_owned)
        .collect();
    let registered = registered();
    // Those that begin with `$` are called by rewrites of statements only.
    let unlisted: Vec<_> = registered
        .difference(&known)
        .filter(|name| !name.starts_with('$'))
        .collect();
    let unregistered: Vec<_> = known.difference(&registered).collect();
    assert!(
        unlisted.is_empty(),
        "in the session, not in the catalogue: {unlisted:?}"
    );
    assert!(
        unregistered.is_empty(),
        "in the catalogue, not in the session: {unregistered:?}"
    );
}

#[test]
fn every_function_of_datafusion_is_decided() {
    let state = crate::state();
    for udf in SessionStateDefaults::default_scalar_functions() {
        let kept = state
            .scalar_functions()
            .get(udf.name())
            .is_some_and(|ours| *ours == udf);
        assert_eq!(kept, INTERNAL.contains(&udf.name()), "{}", udf.name());
    }
    for udf in SessionStateDefaults::default_aggregate_functions() {
        let kept = state
            .aggregate_functions()
            .get(udf.name())
            .is_some_and(|ours| *ours == udf);
        assert!(!kept || SAME.contains(&udf.name()), "{}", udf.name());
    }
    let lambdas: BTreeSet<&str> = state
        .higher_order_functions()
        .values()
        .map(|udf| udf.name())
        .collect();
    let decided = ["array_filter", "array_reduce", "array_transform"];
    assert_eq!(lambdas, BTreeSet::from(decided));
}

/// Names that DataFusion has and Snowflake does not.
#[test]
fn functions_of_other_systems_are_unknown() {
    let registered = registered();
    for name in [
        "now",
        "today",
        "to_unixtime",
        "from_unixtime",
        "date_bin",
        "make_date",
        "strpos",
        "gcd",
        "lcm",
        "nanvl",
        "isnan",
        "iszero",
        "log2",
        "log10",
        "starts_with",
        "ends_with",
        "levenshtein",
        "to_hex",
        "uuid",
        "sha256",
        "digest",
        "encode",
        "regexp_match",
        "arrow_cast",
        "arrow_typeof",
        "version",
        "overlay",
        "find_in_set",
        "substr_index",
        "array_element",
        "make_array",
        "cardinality",
        "bool_and",
        "bool_or",
        "approx_median",
        "approx_distinct",
        "quantile_cont",
        "approx_percentile_cont",
        "var_sample",
        "signum",
        "map",
        "range",
        "date_format",
        "to_local_time",
        "divide",
        "multiply",
        "plus",
        "minus",
    ] {
        assert!(!registered.contains(name), "{name}");
    }
}

#[test]
fn there_are_many_functions() {
    let own = functions::catalogue().len();
    assert!(own >= 300, "{own}");
}
