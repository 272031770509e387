//! Whole projects: parse, select, compile.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod fix;
mod parse_cache;
mod projects;
mod refusals;
mod semantic;
mod small_projects;
mod templates;
