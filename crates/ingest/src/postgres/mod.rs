//! PostgreSQL streams: tables and queries straight into tables of the warehouse.
//!
//! A database types its columns itself, so its streams need no contract and no bronze copy: [`sync`] copies a
//! stream in full or from its cursor on, [`follow`] brings the streams of a source up to date by its log of
//! changes, [`keep_up`] goes on doing so until somebody says stop.
//!
//! **Promises.** What a stream has read so far is its [`Checkpoint`], which the caller records in the same
//! transaction as the tables' new versions: a run that dies is repeated as if it had never begun, and no row is
//! lost or doubled. A full copy sees the database at one moment. The copy under a slot's snapshot and the
//! changes after it join without gap or overlap. Memory does not grow with the table. A batch is published at the
//! end of a transaction only, so nobody sees half of one.

mod apply;
mod batch;
mod change_log;
mod checkpoint;
mod copy;
mod copy_new;
mod ending;
mod follow;
mod follower;
mod keep_up;
mod keyed;
mod lane;
mod marks;
mod merge;
mod net;
mod pending;
mod range;
mod shape;
mod slot;

use std::sync::Arc;

use diagnostic::Result;
use model::RelationName;
use settings::{PostgresConnection, PostgresStream};

pub use batch::sync;
pub use checkpoint::{Checkpoint, Lag};
pub use follow::{Follow, FollowRequest, FollowedStream, follow};
pub use keep_up::{Batch, Ended, Publisher, keep_up, never_the_same};
pub use lane::change_table;
pub use range::CursorRange;
pub use shape::{Shape, resolve};

/// One stream, and what is known of it.
#[derive(Clone, Debug)]
pub struct StreamRequest {
    /// How the server is reached.
    pub connection: PostgresConnection,
    /// The stream.
    pub stream: PostgresStream,
    /// Its table.
    pub table: RelationName,
    /// What earlier runs have read; `None` if the table is to be built anew.
    pub checkpoint: Option<Checkpoint>,
    /// The part to read again, instead of what is new.
    pub range: Option<CursorRange>,
}

/// What became of one stream.
#[derive(Clone, Debug, Default)]
pub struct StreamOutcome {
    /// Rows written.
    pub rows: u64,
    /// Rows of the table that were replaced.
    pub updated: u64,
    /// Rows of the table that are gone.
    pub deleted: u64,
    /// Whether the table has a new version.
    pub changed: bool,
    /// What is read by now; `None` if nothing has to be remembered anew.
    pub checkpoint: Option<Checkpoint>,
    /// What a person should know, in sentences.
    pub notices: Vec<String>,
}

/// Hears how many rows are done, and may stop the work by an error.
pub type OnRows = Arc<dyn Fn(u64) -> Result<()> + Send + Sync>;
