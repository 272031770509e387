//! Runs dbt nodes on an engine.
//!
//! [`Nodes`] is the door: it compiles a node of a project and materialises or tests it. The built-in
//! materialisations are Rust that writes the SQL dbt's adapters would send ([`materialization`]); the
//! engine decides where it runs. Who runs which node when is `orchestrate`'s business.

mod adapter;
mod build;
mod configuration;
mod documentation;
mod folding;
mod hooks;
pub mod materialization;
mod names;
mod nodes;
mod places;
mod probe;
mod python;
mod recorded;
pub mod seed;
mod session;
pub mod test;

pub use adapter::{EngineAdapter, answer};
pub use folding::{fold, folding, folds, understood};
pub use hooks::has_hooks;
pub use names::{relation_name, source_name};
pub use nodes::{Keep, Nodes, TestOutcome, audit_schema};
pub use probe::Probe;
pub use recorded::recorded;
pub use session::session_of;
