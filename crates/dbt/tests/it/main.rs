//! Whole projects: parse, select, compile.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod projects;
mod refusals;
