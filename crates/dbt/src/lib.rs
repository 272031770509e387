//! dbt projects natively: what dbt-core 1.12 does between the files of a project and the statements
//! it sends, and the artifacts it leaves behind.
//!
//! It knows no engine: compiling asks an `Adapter` about relations and lets it run queries.

pub mod config;
pub mod flags;
pub mod graph;
pub mod node;
pub mod parse;
pub mod project;
pub mod python_text;
pub mod selector;
pub mod warning;
