//! The settings and registrations that make a DataFusion session speak Snowflake.

use std::sync::Arc;

use datafusion::config::Dialect;
use datafusion::execution::SessionStateDefaults;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::optimizer::{Analyzer, AnalyzerRule};
use datafusion::prelude::SessionConfig;

use crate::coercion::{ImplicitCasts, OwnCasts};
use crate::context::Circumstances;
use crate::decorrelate::Decorrelate;
use crate::fine::Fine;
use crate::flatten::{Expansions, Lateral};
use crate::generator::{Generator, Numbering};
use crate::lateral::LateralExpressions;
use crate::lazy::Lazy;
use crate::operators::Operators;
use crate::outer_constants::OuterConstants;
use crate::single_row::SingleRow;
use crate::spatial_join::SpatialJoins;
use crate::subquery_places::SubqueryPlaces;
use crate::types::Types;
use crate::variant_rules::{Meetings, Ordering};
use crate::window_keys::WindowKeys;
use crate::zoned_rules::Instants;
use crate::{aggregate, clock, context, relation, scalar};

/// Settings of a session: names as they are written (`sql` folded them), exact literals, plain UTF-8.
#[must_use]
pub fn session_config() -> SessionConfig {
    let mut config = SessionConfig::new();
    let options = config.options_mut();
    options.sql_parser.dialect = Dialect::Snowflake;
    options.sql_parser.enable_ident_normalization = false;
    options.sql_parser.parse_float_as_decimal = true;
    options.sql_parser.map_string_types_to_utf8view = false;
    // Errors say where in the statement they are.
    options.sql_parser.collect_spans = true;
    options.sql_parser.support_varchar_with_length = true;
    // Last ascending, first descending.
    options.sql_parser.default_null_ordering = "nulls_max".to_owned();
    options.execution.parquet.schema_force_view_types = false;
    // Plans and their executions tell by different rules whether a CASE can be NULL: DataFusion takes that for an
    // internal error below an aggregation.
    options.execution.skip_physical_aggregate_schema_check = true;
    config
}

/// DataFusion's scalar functions that stay beside ours: the planner or the syntax tree calls them by
/// name. All others are taken away, because Snowflake has none of that name or means another thing by it;
/// `tests/it/registered.rs` decides about each.
pub(crate) const KEPT_SCALARS: [&str; 3] = ["struct", "named_struct", "get_field"];

/// DataFusion's aggregates that stay: what they do is what Snowflake's of that name do.
const KEPT_AGGREGATES: [&str; 5] = aggregate::SAME;

/// DataFusion's window functions that stay.
const KEPT_WINDOWS: [&str; 11] = [
    "cume_dist",
    "dense_rank",
    "first_value",
    "lag",
    "last_value",
    "lead",
    "nth_value",
    "ntile",
    "percent_rank",
    "rank",
    "row_number",
];

/// DataFusion's functions over lambdas that stay: the syntax tree calls them for FILTER and TRANSFORM.
const KEPT_HIGHER_ORDER: [&str; 2] = ["array_filter", "array_transform"];

/// Adds Snowflake's functions, and those of DataFusion's that are Snowflake's too. Analyzer rules that
/// the builder has already are kept.
#[must_use]
pub fn register(builder: SessionStateBuilder) -> SessionStateBuilder {
    let mut builder = builder;
    let scalars = builder.scalar_functions().get_or_insert_default();
    let mut kept = SessionStateDefaults::default_scalar_functions();
    kept.retain(|other| KEPT_SCALARS.contains(&other.name()));
    scalars.splice(0..0, kept);
    scalars.extend(scalar::all());
    scalars.extend(clock::functions(None));
    scalars.extend(context::functions(&Circumstances::default()));
    let aggregates = builder.aggregate_functions().get_or_insert_default();
    let mut kept = SessionStateDefaults::default_aggregate_functions();
    kept.retain(|other| KEPT_AGGREGATES.contains(&other.name()));
    aggregates.splice(0..0, kept);
    aggregates.extend(aggregate::all());
    let windows = builder.window_functions().get_or_insert_default();
    let mut kept = SessionStateDefaults::default_window_functions();
    kept.retain(|other| KEPT_WINDOWS.contains(&other.name()));
    windows.splice(0..0, kept);
    windows.extend(aggregate::events::all());
    windows.push(crate::row_pattern::function());
    let lambdas = builder.higher_order_functions().get_or_insert_default();
    let mut kept = SessionStateDefaults::default_higher_order_functions();
    kept.retain(|other| KEPT_HIGHER_ORDER.contains(&other.name()));
    lambdas.splice(0..0, kept);
    lambdas.push(crate::reduce::function());
    let planners = builder.expr_planners().get_or_insert_default();
    planners.insert(0, Arc::new(Operators));
    planners.extend(SessionStateDefaults::default_expr_planners());
    let relations = builder.relation_planners().get_or_insert_default();
    relations.push(Arc::new(Generator));
    relations.push(Arc::new(Expansions));
    relations.extend(relation::planners());
    let tables = builder.table_functions().get_or_insert_default();
    for table in SessionStateDefaults::default_table_functions() {
        tables
            .entry(table.name().to_owned())
            .or_insert_with(|| Arc::clone(&table));
    }
    let rules = builder.analyzer().take().unwrap_or_default().rules;
    *builder.analyzer() = Some(Analyzer::with_rules(ordered(rules)));
    let optimizer = builder.optimizer().get_or_insert_default();
    optimizer.rules.push(Arc::new(Lazy));
    let optimizer = builder.physical_optimizers().get_or_insert_default();
    optimizer.rules.insert(0, Arc::new(OuterConstants));
    builder
        .with_type_planner(Arc::new(Types))
        .with_physical_optimizer_rule(Arc::new(SpatialJoins))
}

/// `rules` with ours: text meets other types before DataFusion coerces, casts become ours after it.
fn ordered(
    rules: Vec<Arc<dyn AnalyzerRule + Send + Sync>>,
) -> Vec<Arc<dyn AnalyzerRule + Send + Sync>> {
    let mut ordered: Vec<Arc<dyn AnalyzerRule + Send + Sync>> = vec![
        Arc::new(Lateral),
        Arc::new(Numbering),
        Arc::new(SubqueryPlaces),
        Arc::new(SingleRow),
        Arc::new(LateralExpressions),
        Arc::new(Decorrelate),
        Arc::new(Fine),
        Arc::new(Meetings),
        Arc::new(Instants),
        Arc::new(ImplicitCasts),
    ];
    ordered.extend(rules);
    ordered.push(Arc::new(OwnCasts));
    ordered.push(Arc::new(Ordering));
    ordered.push(Arc::new(WindowKeys));
    ordered
}
