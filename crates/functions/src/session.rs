//! The settings and registrations that make a DataFusion session speak Snowflake.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::config::Dialect;
use datafusion::execution::SessionStateDefaults;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::optimizer::{Analyzer, AnalyzerRule};
use datafusion::prelude::SessionConfig;

use crate::coercion::{ImplicitCasts, OwnCasts};
use crate::flatten::{Expansions, Lateral};
use crate::generator::{Generator, Numbering};
use crate::operators::Operators;
use crate::types::Types;
use crate::variant_rules::{Meetings, Ordering};
use crate::{aggregate, clock, scalar};

/// Settings of a session: names as they are written (`sql` folded them), exact literals, plain UTF-8.
#[must_use]
pub fn session_config() -> SessionConfig {
    let mut config = SessionConfig::new();
    let options = config.options_mut();
    options.sql_parser.dialect = Dialect::Snowflake;
    options.sql_parser.enable_ident_normalization = false;
    options.sql_parser.parse_float_as_decimal = true;
    options.sql_parser.map_string_types_to_utf8view = false;
    options.sql_parser.support_varchar_with_length = true;
    // Last ascending, first descending.
    options.sql_parser.default_null_ordering = "nulls_max".to_owned();
    options.execution.parquet.schema_force_view_types = false;
    config
}

/// Adds DataFusion's own functions and, over them, Snowflake's. Analyzer rules that the builder has
/// already are kept.
#[must_use]
pub fn register(builder: SessionStateBuilder) -> SessionStateBuilder {
    let mut builder = builder;
    let scalars = builder.scalar_functions().get_or_insert_default();
    let ours: Vec<_> = scalar::all().chain(clock::functions(None)).collect();
    let taken = names(ours.iter().map(|own| (own.name(), own.aliases())));
    let mut theirs = SessionStateDefaults::default_scalar_functions();
    theirs.retain(|other| is_free(&taken, other.name(), other.aliases()));
    scalars.splice(0..0, theirs);
    scalars.extend(ours);
    let aggregates = builder.aggregate_functions().get_or_insert_default();
    let ours = aggregate::all();
    let taken = names(ours.iter().map(|own| (own.name(), own.aliases())));
    let mut theirs = SessionStateDefaults::default_aggregate_functions();
    theirs.retain(|other| is_free(&taken, other.name(), other.aliases()));
    aggregates.splice(0..0, theirs);
    aggregates.extend(ours);
    let windows = builder.window_functions().get_or_insert_default();
    windows.splice(0..0, SessionStateDefaults::default_window_functions());
    let higher_order = builder.higher_order_functions().get_or_insert_default();
    higher_order.splice(0..0, SessionStateDefaults::default_higher_order_functions());
    let planners = builder.expr_planners().get_or_insert_default();
    planners.insert(0, Arc::new(Operators));
    planners.extend(SessionStateDefaults::default_expr_planners());
    let relations = builder.relation_planners().get_or_insert_default();
    relations.push(Arc::new(Generator));
    relations.push(Arc::new(Expansions));
    let tables = builder.table_functions().get_or_insert_default();
    for table in SessionStateDefaults::default_table_functions() {
        tables
            .entry(table.name().to_owned())
            .or_insert_with(|| Arc::clone(&table));
    }
    let rules = builder.analyzer().take().unwrap_or_default().rules;
    *builder.analyzer() = Some(Analyzer::with_rules(ordered(rules)));
    builder.with_type_planner(Arc::new(Types))
}

/// All names of these functions.
fn names<'a>(functions: impl Iterator<Item = (&'a str, &'a [String])>) -> HashSet<String> {
    functions
        .flat_map(|(name, aliases)| aliases.iter().cloned().chain([name.to_owned()]))
        .collect()
}

/// Whether none of a function's names is taken. A function that kept one of several names would take
/// the others back when a session is built from another, in whichever order its map gives.
fn is_free(taken: &HashSet<String>, name: &str, aliases: &[String]) -> bool {
    !taken.contains(name) && aliases.iter().all(|alias| !taken.contains(alias))
}

/// `rules` with ours: text meets other types before DataFusion coerces, casts become ours after it.
fn ordered(
    rules: Vec<Arc<dyn AnalyzerRule + Send + Sync>>,
) -> Vec<Arc<dyn AnalyzerRule + Send + Sync>> {
    let mut ordered: Vec<Arc<dyn AnalyzerRule + Send + Sync>> = vec![
        Arc::new(Lateral),
        Arc::new(Numbering),
        Arc::new(Meetings),
        Arc::new(ImplicitCasts),
    ];
    ordered.extend(rules);
    ordered.push(Arc::new(OwnCasts));
    ordered.push(Arc::new(Ordering));
    ordered
}
