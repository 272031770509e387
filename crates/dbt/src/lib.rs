//! dbt projects natively: what dbt-core 1.12 does between the files of a project and the statements
//! it sends, and the artifacts it leaves behind.
//!
//! [`Project::load`] reads and parses a project; [`Project::select`] picks nodes; a [`Compiler`]
//! renders them and calls macros against an [`adapter::Adapter`]. It knows no engine.

pub mod adapter;
pub mod artifact;
pub mod cache;
mod changes;
pub mod compile;
pub mod config;
pub mod context;
mod dotenv;
pub mod fix;
pub mod flags;
pub mod graph;
pub mod load;
pub mod macros;
pub mod manifest;
pub mod node;
pub mod parse;
pub mod project;
pub mod python_text;
pub mod select;
pub mod selector;
pub mod surroundings;
pub mod unit_test;
pub mod warning;

pub use compile::{CompiledNode, Compiler};
pub use flags::Flags;
pub use load::{Project, settings};
pub use manifest::Manifest;
pub use select::{PreviousState, SelectArguments};
