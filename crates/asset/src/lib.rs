//! Everything a team runs is an asset: a landed stream, a table of the lake, a dbt model, a snapshot.
//!
//! This crate knows their names ([`AssetKey`]), what depends on what ([`AssetGraph`]), how people pick
//! some of them ([`Selection`], dbt's grammar), and what each kind promises to those who run it
//! ([`Asset`], [`AssetCheck`]). It knows no concrete kind and runs nothing.

mod asset;
mod check;
mod context;
mod graph;
mod key;
mod selection;
mod spec;

pub use asset::{Asset, Materialization, MaterializationStatus};
pub use check::{AssetCheck, CheckOutcome, CheckSpec};
pub use context::{Cancellation, MaterializeContext, Progress};
pub use graph::AssetGraph;
pub use key::AssetKey;
pub use model::Severity;
pub use selection::{Selected, Selection};
pub use spec::{AssetKind, AssetSpec};
