//! The embedded warehouse: statements and what they give back, over real Delta tables.
#![allow(missing_docs)]

mod statements;
mod warehouse;
