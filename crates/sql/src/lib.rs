//! Snowflake SQL at the syntax tree: parse, fold names, rewrite what DataFusion says otherwise, refuse
//! what nobody implements.
//!
//! ```
//! use std::collections::HashMap;
//! use diagnostic::Source;
//! let script = Source::new("example.sql", "select price * 2 as double, double + 1 as more from orders; select 2;");
//! let mut statements = sql::parse_script(&script)?;
//! let names = sql::relations(&statements[0].ast);                  // look these up …
//! let columns = HashMap::from([(names[0].clone(), vec!["PRICE".to_owned()])]);
//! let first = sql::normalise_with(statements.remove(0), &columns)?; // … and say what they hold
//! assert_eq!(first.ast.to_string(), "SELECT PRICE * 2 AS DOUBLE, (PRICE * 2) + 1 AS MORE FROM ORDERS");
//! # Ok::<(), diagnostic::Error>(())
//! ```
//!
//! The result goes to DataFusion's `SessionState::statement_to_plan` on a state that
//! `functions::register` built (`enable_ident_normalization` is off there: names are final here).
//! No engine and no catalog is known: names are folded, not resolved.
//!
//! Looking columns up may be dear: [`wants_columns`] says whether a statement's meaning can depend on them.
//!
//! The order of work: [`parse_script`] (`fold`, `parse`), [`relations`], [`normalise_with`]
//! (`refuse`, then the rewrites of `normalise/`); [`lineage`] reads the tree before or after that.

mod aggregates;
mod columns;
pub mod command;
mod connect_by;
pub mod dialect;
mod distinct_from;
mod elsewhere;
mod fold;
mod lineage;
mod match_recognize;
#[cfg(test)]
mod never_panics;
mod normalise;
mod object_star;
mod parse;
mod recursive;
mod refuse;
mod relations;
mod scope;
pub mod scripting;
mod session_syntax;
mod spelling;
mod string_constant;
mod substitute;
mod walk;
mod written;

pub use aggregates::is_aggregate_name;
pub use columns::{Columns, NoColumns};
pub use lineage::{ColumnLineage, ColumnRef, lineage, query_of};
pub use normalise::{normalise, normalise_with, repeated, shown_name, wants_columns};
pub use parse::{Statement, parse_script};
pub use refuse::unsupported;
pub use relations::{Usage, Use, relations, usages};
pub use spelling::{ALL_BY_NAME, relies};
pub use substitute::{Known, object_name, substitute};
pub use walk::{
    Node, expressions, expressions_mut, own_expressions, own_expressions_mut, walk, walk_mut,
};
pub use written::written;
