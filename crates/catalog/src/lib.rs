//! The catalog: which table version or view a name means, for readers and for one run at work.
//!
//! A [`Workspace`] is a run's own view: what was published when it began, plus what it staged. Its
//! [`Workspace::publish`] makes everything visible at once, or nothing:
//!
//! 1. the publication is recorded as an intent, if nobody changed what it replaces (compare-and-swap);
//! 2. the run's Delta commit files move to their tables' logs;
//! 3. pointers, ledger and asset records change in one transaction, which clears the intent.
//!
//! Then the Iceberg catalog beside the state file, which other engines read, is brought up to date.
//!
//! Readers open tables at the version of the pointer, so step 2 is invisible. [`Catalog::open`]
//! finishes a recorded intent whose process died and drops the remains of runs without one.

mod access;
mod catalog;
mod history;
mod iceberg_catalog;
mod kept;
mod place;
mod process;
mod recovery;
mod run_lock;
mod temporary;
mod upkeep;
mod vacuum;
mod workspace;

pub use access::{account_key, database_key, schema_key, securable, securable_object};
pub use catalog::Catalog;
pub use history::{At, Moment};
pub use iceberg::RestSettings;
pub use run_lock::RunLock;
pub use state::{
    Access, AssetRecord, CheckRecord, ColumnDetails, Constraint, ConstraintKind, Details,
    FunctionArgument, FunctionResult, FutureGrant, Grant, Grantee, IdentityColumn, LedgerEntry,
    LoadStatus, LoadedFile, Object, ObjectBody, ObjectKind, Objects, Relation, RelationKind,
    RunRecord, RunStatus, SearchMethod, Snapshot,
};
pub use temporary::Temporary;
pub use vacuum::{Vacuum, Vacuumed};
pub use workspace::{Published, Workspace};
