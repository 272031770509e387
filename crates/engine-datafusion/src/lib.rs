//! The embedded warehouse: Snowflake SQL on DataFusion over the catalog's Delta tables.
//!
//! [`Embedded`] runs statements inside one [`catalog::Workspace`]: it reads what that run sees and
//! stages what it writes there. Names resolve through the workspace and nothing else, so no path
//! reads around it. [`Compute`] holds what all workspaces share: memory, spill, functions.

mod access;
mod calls;
mod cardinality;
mod changes;
mod checks;
mod columns;
mod commands;
mod compute;
mod conditions;
mod dml;
mod dynamic_pivot;
mod embedded;
mod execution;
mod external;
mod failure;
mod file_scan;
mod file_statistics;
mod group_keys;
mod history;
mod information_schema;
mod join_fallback;
mod join_order;
mod known;
mod late_filter;
mod listing;
mod names;
mod parameters;
mod place;
mod prepare;
mod projections;
mod provider;
mod runtime_filter;
pub mod scripting;
mod semi_join;
mod sequences;
mod stages;
mod statement;
mod user_functions;
mod write;
mod zone;

pub use compute::{Compute, ComputeOptions};
pub use embedded::Embedded;
pub use place::locate;
