//! Snowflake's types, operators and functions on DataFusion: whoever builds a session calls
//! [`session_config`], [`register`] and, per statement, [`with_clock`]. Syntax is `sql`'s business.
//!
//! - `types` says which Arrow type a SQL type is, `operators` plans `/`, `||`, dates and comparisons;
//! - `conversion` casts as Snowflake does and puts itself in the place of Arrow's casts after planning;
//! - `families` holds the scalar functions, a table per family; `aggregate` the aggregates;
//! - `variant` is semi-structured data as text, `variant_rules` what it meets in expressions and plans,
//!   `flatten` the table functions that take it apart;
//! - `geography` reads and writes GEOGRAPHY values, `sphere` measures them, `spatial_join` joins by them;
//! - `generator` holds `TABLE(GENERATOR(…))` and `SEQ4()`.

mod aggregate;
mod catalogue;
mod clock;
mod coercion;
mod context;
mod conversion;
mod families;
mod flatten;
mod generator;
mod geography;
mod operators;
mod parameters;
mod scalar;
mod session;
mod spatial_join;
mod sphere;
mod text;
mod types;
mod variant;
mod variant_rules;

pub use catalogue::{Entry, catalogue, entry, is_missing, names, page};
pub use clock::with_clock;
pub use context::{Circumstances, with_circumstances};
pub use geography::geojson;
pub use parameters::Parameters;
pub use session::{register, session_config};
pub use variant::from_json as variant_from_json;
