//! The embedded database: relations and their versions, runs, the load ledger, asset records and
//! publish intents, in one SQLite file in WAL mode.
//!
//! Rows only: what they mean is decided above (`catalog`, `ingest`, `platform`). Everything a run
//! publishes is applied by [`State::finish_publish`] in one transaction; before it, the same
//! [`Publication`] is stored as an intent, so that a crash in between can be finished.

mod access;
mod announcements;
mod assets;
mod database;
mod details;
mod history;
mod ledger;
mod objects;
mod publication;
mod relations;
mod retention;
mod runs;
mod schema;
mod snapshot;

pub use access::{Access, FutureGrant, Grant, Grantee};
pub use announcements::{
    Announced, AnnouncedFile, Announcements, FileFate, PendingFile, SettledFile,
};
pub use assets::{AssetRecord, CheckRecord};
pub use database::State;
pub use details::{
    ColumnDetails, Constraint, ConstraintKind, Details, IdentityColumn, SearchMethod,
};
pub use history::{LoadedFile, PastRelation};
pub use ledger::{FirstError, LedgerEntry, LoadStatus, Replaces};
pub use objects::{
    FunctionArgument, FunctionResult, Object, ObjectBody, ObjectChange, ObjectKind, Objects,
};
pub use publication::{Change, Publication};
pub use relations::{Relation, RelationKind};
pub use retention::TableVersion;
pub use runs::{OpenRun, RunRecord, RunStatus};
pub use snapshot::Snapshot;
