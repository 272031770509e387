//! The embedded warehouse: statements and what they give back, over real Delta tables.
#![allow(missing_docs, clippy::unwrap_used)]

mod statements;
mod warehouse;
