//! The only place that knows every part: what a project's assets are, how a run builds and publishes
//! them, where statements go.

mod arrivals;
mod dataset;
mod dbt_assets;
mod dbt_command;
mod lake_tables;
mod lifecycle;
mod new_tables;
mod node_record;
mod platform;
mod postgres_follow;
mod postgres_streams;
mod push;
mod reload;
mod run;
mod source_check;
mod source_draft;
mod source_look;
mod sql;
mod upkeep;
mod uploads;
mod versions;

pub use arrivals::Arrivals;
pub use catalog::{Vacuum, Vacuumed};
pub use dbt_command::{
    ColumnGraph, ColumnKey, DbtEvent, DbtInvocation, DbtOptions, DbtReport, DbtRows, DbtWork,
    Freshness,
};
pub use ingest::postgres::CursorRange;
pub use ingest::{FileFilter, Reload, ReloadFrom, ReloadPreview};
pub use lifecycle::{BucketRules, Expired, bucket_rules};
pub use new_tables::NewTables;
pub use platform::Platform;
pub use postgres_follow::FollowStop;
pub use push::endpoints;
pub use reload::{ReloadStep, Reloadable};
pub use run::{RunReport, RunRequest};
pub use source_check::{SourceFinding, SourceRelation, check_source, discover_source, source};
pub use source_draft::{Draft, DraftRequest, draft_source};
pub use source_look::{DatasetPreview, FoundStream, discover_files, preview_source};
pub use upkeep::Optimized;
