//! The embedded warehouse: statements and what they give back, over real Delta tables.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod calls;
mod files;
mod geography;
mod joins;
mod kept;
mod memory;
mod mutations;
mod random_queries;
mod roles;
mod semi_structured;
mod sessions;
mod statements;
mod warehouse;
