//! What templates give, from the outside.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod conformance;
mod dbt;
mod errors;
mod modules;
