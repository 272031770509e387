//! Snowflake's types, operators and functions on DataFusion: whoever builds a session calls
//! [`session_config`], [`register`] and, per statement, [`of_statement`]. Syntax is `sql`'s business.
//!
//! - `types` says which Arrow type a SQL type is, `operators` plans `/`, `||`, dates and comparisons;
//! - `conversion` casts as Snowflake does and puts itself in the place of Arrow's casts after planning;
//! - `families` holds the scalar functions, a table per family; `aggregate` the aggregates;
//! - `variant` is semi-structured data as text, `variant_rules` what it meets in expressions and plans,
//!   `flatten` the table functions that take it apart;
//! - `reduce` folds an array by a lambda;
//! - `geography` reads and writes GEOGRAPHY values, `sphere` measures them, `spatial_join` joins by them;
//! - `zoned` holds values of TIMESTAMP_TZ, `zoned_rules` compares and groups them by their instant;
//! - `fine` keeps nine digits of a second where tables keep six;
//! - `shown` is how values leave the warehouse in a session's formats;
//! - `generator` holds `TABLE(GENERATOR(…))` and `SEQ4()`, `relation` PIVOT, UNPIVOT, ASOF JOIN and SAMPLE;
//! - `row_pattern` finds the matches of `MATCH_RECOGNIZE`;
//! - `single_row` lets correlated subqueries give one row without aggregating, `subquery_places` puts
//!   subqueries where they can be joined, `decorrelate` joins those DataFusion cannot, `lateral` makes
//!   projections of lateral expressions; `outer_constants` corrects how outer joins are planned.

mod aggregate;
mod catalogue;
mod clock;
mod coercion;
mod context;
mod conversion;
mod decorrelate;
mod families;
mod fine;
mod flatten;
mod generator;
mod geography;
mod lateral;
mod lazy;
mod operators;
mod outer_constants;
mod parameters;
mod reduce;
mod relation;
mod row_pattern;
mod scalar;
mod session;
mod shown;
mod single_row;
mod spatial_join;
mod sphere;
mod subquery_places;
mod text;
mod types;
mod variant;
mod variant_rules;
mod window_keys;
mod zoned;
mod zoned_rules;

pub use coercion::cast_to_column;
pub use conversion::cut_to_declared;

pub use catalogue::{Entry, catalogue, entry, is_missing, names, page};
pub use clock::with_clock;
pub use context::{Circumstances, of_statement};
pub use geography::geojson;
pub use lazy::can_fail;
pub use parameters::Parameters;
pub use session::{register, session_config};
pub use shown::{is_shown_as_text, is_timestamp_tz, shown_as_text, timestamp_tz};
pub use variant::from_json as variant_from_json;
