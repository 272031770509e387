//! Tables as PyIceberg sees them, and what becomes of them version by version.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod fixture;
mod pyiceberg;
mod rest;
mod versions;
