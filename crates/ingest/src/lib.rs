//! Source to bronze, silver and quarantine, by contract.
//!
//! [`run`] is the door. It finds a stream's files, decides by their content and the ledger which are new
//! ([`LoadPlan`]), and loads those in two passes: the first reads only, finds damaged files and settles which
//! rows stay; the second writes each row once.
//!
//! **Promises.** A file is loaded once by content. A file that cannot be read to its end leaves nothing
//! behind and does not hold up the others. The silver table depends on the contents and batches of the files
//! loaded, not on the order in which they came. Memory is bounded whatever the size of the input. Nothing is
//! published here: [`Tables`] and the ledger entries of [`IngestOutcome`] belong to the caller's transaction.

mod archives;
mod contract;
mod delivery;
mod existing;
mod incoming;
mod leaving;
mod live;
mod load;
pub mod look;
mod order;
mod outcome;
mod path_date;
mod plan;
pub mod postgres;
mod preview;
mod raw_zone;
mod reload;
mod reload_preview;
mod run;
mod scope;
mod sinks;
mod survey;
mod tables;
mod value;
mod work;

pub use contract::{Contract, HIDDEN_COLUMNS};
pub use incoming::Origin;
pub use outcome::{FileOutcome, FileStatus, IngestOutcome, Rejection, SilverOutcome};
pub use plan::{Candidate, LoadPlan, PlannedLoad};
pub use preview::{Preview, PreviewRequest, PreviewRow, preview};
pub use raw_zone::{RawCopy, raw_copies};
pub use reload::{FileFilter, Reload, ReloadFrom};
pub use reload_preview::{ReloadPreview, preview_reload};
pub use run::{IngestOptions, IngestRequest, OnProgress, Phase, Progress, run};
pub use scope::{Look, Scope, glance};
pub use tables::{Change, Feed, TableState, Tables};
