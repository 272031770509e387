//! [`follow`]: streams brought up to where a source's log of changes ends now.

use std::collections::BTreeMap;
use std::sync::Arc;

use connectors::postgres::{ChangeStream, Lsn};
use diagnostic::{Result, ResultExt, codes};
use model::RelationName;
use settings::{PostgresConnection, PostgresReplication, PostgresStream};
use tokio::runtime::Handle;

use super::follower::Follower;
use super::{Checkpoint, OnRows, StreamOutcome};
use crate::tables::Tables;

/// Streams of one source that share a slot.
#[derive(Clone, Debug)]
pub struct FollowRequest {
    /// The source.
    pub source: String,
    /// How the server is reached.
    pub connection: PostgresConnection,
    /// The slot and publication.
    pub replication: PostgresReplication,
    /// The streams.
    pub streams: Vec<FollowedStream>,
    /// The server's process that sent us changes before our connection was lost.
    pub former: Option<u32>,
}

/// One of them.
#[derive(Clone, Debug)]
pub struct FollowedStream {
    /// Its settings.
    pub stream: PostgresStream,
    /// Its table.
    pub table: RelationName,
    /// What earlier runs have read; `None` if it is to be copied first.
    pub checkpoint: Option<Checkpoint>,
}

/// What became of the streams, and the hold on the slot until everything is published.
pub struct Follow {
    /// Outcomes by the stream's name.
    pub streams: BTreeMap<String, StreamOutcome>,
    /// Changes read from the log.
    pub changes: u64,
    pub(super) open: Option<(ChangeStream, Lsn)>,
}

impl Follow {
    /// Tells the server that the changes are kept for good. Call it once the tables are published; if it is
    /// never called, the next run is sent the same changes and leaves them out.
    ///
    /// # Errors
    /// `P1001` if the connection is lost, which harms nothing.
    pub fn confirm(self) -> Result<()> {
        match self.open {
            Some((changes, reached)) => changes.confirm(reached),
            None => Ok(()),
        }
    }
}

/// Brings the streams of `request` up to where the log ends now.
///
/// # Errors
/// `P3001` to `P3005` if the server, its slot or its publication do not serve, and as [`super::sync`].
pub async fn follow(
    request: FollowRequest,
    tables: Arc<dyn Tables>,
    progress: OnRows,
) -> Result<Follow> {
    let handle = Handle::current();
    let work = move || {
        let begin = || Ok(Arc::clone(&tables));
        Follower::connect(&request, &begin, &handle, &progress)?.run_once()
    };
    tokio::task::spawn_blocking(work)
        .await
        .explain(codes::X0001, || "Following a log broke down".to_owned())?
}
