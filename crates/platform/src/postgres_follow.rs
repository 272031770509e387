//! `sluice run --follow`: PostgreSQL sources followed until somebody says stop, one thread each. Every batch is a
//! workspace of its own, published at the end of a transaction.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use asset::{AssetKey, Cancellation, Selection};
use catalog::{Catalog, Workspace};
use diagnostic::{Error, Result, ResultExt, codes};
use ingest::Tables;
use ingest::postgres::{
    Batch, Ended, FollowRequest, FollowedStream, Lag, OnRows, Publisher, keep_up, never_the_same,
};
use model::Identifier;
use orchestrate::{Followed, RetryPolicy, RunEvent};
use parking_lot::Mutex;
use settings::{PostgresReplication, PostgresSource};
use tokio::runtime::Handle;
use tokio::sync::mpsc::UnboundedSender;

use crate::Platform;
use crate::lake_tables::LakeTables;
use crate::postgres_streams::{asset_record, checkpoint, followed_elsewhere, key, table};

/// How long a slot that was ours may seem to be read by somebody else after a connection was lost.
const TAKEN_OVER: Duration = Duration::from_secs(120);
/// How often in a row tables may turn out to have changed before that counts as an error.
const RESHAPES: u32 = 5;
/// Pauses before connecting again.
const PAUSES: RetryPolicy = RetryPolicy {
    attempts: u32::MAX,
    first_pause: Duration::from_millis(500),
    longest_pause: Duration::from_secs(30),
};

/// Where a source that was followed goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FollowStop {
    /// The source.
    pub source: String,
    /// The place in its server's log; `None` if it was never reached.
    pub position: Option<String>,
}

impl Platform {
    /// Follows the changes of every selected stream until `cancellation`, and publishes them as they come. Says
    /// where each source goes on.
    ///
    /// # Errors
    /// `O1002` if no stream of the selection is kept by changes, `P3002` if another process follows a source, and
    /// whatever trying again does not mend. The other sources are stopped then.
    pub async fn follow(
        &self,
        selection: &Selection,
        events: UnboundedSender<RunEvent>,
        cancellation: &Cancellation,
    ) -> Result<Vec<FollowStop>> {
        let graph = self.graph()?;
        let selected = graph.select(selection)?;
        let selected: BTreeSet<AssetKey> = selected.keys().iter().cloned().collect();
        let mut threads = Vec::new();
        for source in &self.project.sources {
            let Some(postgres) = source.postgres() else {
                continue;
            };
            let name = &source.name.value;
            let mut kept = postgres.streams.iter().filter(|stream| stream.is_cdc());
            if !kept.any(|stream| selected.contains(&key(name, stream))) {
                continue;
            }
            let follower = SourceFollower {
                catalog: self.catalog.clone(),
                name: name.clone(),
                source: postgres.clone(),
                database: self.project.database.clone(),
                selected: selected.clone(),
                events: events.clone(),
                cancellation: cancellation.clone(),
                handle: Handle::current(),
            };
            threads.push(tokio::task::spawn_blocking(move || {
                let ended = follower.run();
                if ended.is_err() {
                    follower.cancellation.cancel();
                }
                ended
            }));
        }
        if threads.is_empty() {
            return Err(Error::new(
                codes::O1002,
                "No selected stream is kept by changes, so there is nothing to follow",
            )
            .help("give a PostgreSQL stream `sync: cdc`"));
        }
        let mut stops = Vec::new();
        let mut failed = Vec::new();
        for thread in threads {
            let ended = thread
                .await
                .explain(codes::X0001, || "Following a source broke down".to_owned())?;
            match ended {
                Ok(stop) => stops.push(stop),
                Err(error) => failed.push(error),
            }
        }
        Error::join(failed).map_or(Ok(stops), Err)
    }
}

/// One source while it is followed.
struct SourceFollower {
    catalog: Catalog,
    name: String,
    source: PostgresSource,
    database: Identifier,
    selected: BTreeSet<AssetKey>,
    events: UnboundedSender<RunEvent>,
    cancellation: Cancellation,
    handle: Handle,
}

impl SourceFollower {
    fn run(&self) -> Result<FollowStop> {
        let Some(_lock) = self.catalog.lock_source(&self.name)? else {
            return Err(followed_elsewhere(&self.name));
        };
        let (mut attempt, mut reshaped) = (0, 0);
        let mut former = None;
        let mut lost: Option<Instant> = None;
        let cancellation = self.cancellation.clone();
        let progress: OnRows = Arc::new(move |_| cancellation.check());
        loop {
            let publisher = Workspaces {
                follower: self,
                workspace: Mutex::default(),
                process: AtomicU32::new(0),
                batches: AtomicU64::new(0),
                alarmed: AtomicBool::new(false),
            };
            self.catalog.recover()?;
            let request = self.request(former)?;
            let ended = keep_up(&request, &publisher, &self.handle, &progress);
            publisher.give_up();
            former = Some(publisher.process.load(Ordering::Relaxed))
                .filter(|process| *process != 0)
                .or(former);
            if publisher.batches.load(Ordering::Relaxed) > 0 {
                (attempt, reshaped, lost) = (0, 0, None);
            }
            let error = match ended {
                Ok(Ended::Stopped(at)) => return Ok(self.stopped(Some(at.to_string()))),
                Ok(Ended::Reshaped) if reshaped < RESHAPES => {
                    reshaped += 1;
                    continue;
                }
                Ok(Ended::Reshaped) => return Err(never_the_same(&self.name)),
                Err(error) => error,
            };
            if self.cancellation.is_cancelled() {
                return Ok(self.stopped(self.position()?));
            }
            let since = *lost.get_or_insert_with(Instant::now);
            let taken =
                error.code() == codes::P3002 && (former.is_none() || since.elapsed() > TAKEN_OVER);
            attempt += 1;
            let Some(pause) = PAUSES.pause(attempt, &error).filter(|_| !taken) else {
                return Err(error);
            };
            let _unheard = self.events.send(RunEvent::Reconnecting {
                source: self.name.clone(),
                after: pause,
                error: Arc::new(error),
            });
            self.sleep(pause);
        }
    }

    fn stopped(&self, position: Option<String>) -> FollowStop {
        FollowStop {
            source: self.name.clone(),
            position,
        }
    }

    /// Up to where everything is published.
    fn position(&self) -> Result<Option<String>> {
        let records = self.catalog.assets()?;
        let streams = self.source.streams.iter();
        let places = streams.filter_map(|stream| checkpoint(&records, &self.name, stream)?.lsn());
        Ok(places.min().map(|place| place.to_string()))
    }

    /// What is to be followed, as it stands.
    fn request(&self, former: Option<u32>) -> Result<FollowRequest> {
        let records = self.catalog.assets()?;
        let kept = self.source.streams.iter().filter(|stream| stream.is_cdc());
        let streams = kept
            .map(|stream| (stream, checkpoint(&records, &self.name, stream)))
            // One slot serves all: a stream that was copied must not miss what the slot goes past.
            .filter(|(stream, known)| {
                known.is_some() || self.selected.contains(&key(&self.name, stream))
            })
            .map(|(stream, checkpoint)| FollowedStream {
                stream: stream.clone(),
                table: table(&self.database, &self.source, stream),
                checkpoint,
            });
        Ok(FollowRequest {
            source: self.name.clone(),
            connection: self.source.connection.clone(),
            replication: self.source.replication.clone(),
            streams: streams.collect(),
            former,
        })
    }

    /// Waits, unless somebody says stop.
    fn sleep(&self, pause: Duration) {
        let until = Instant::now() + pause;
        while Instant::now() < until && !self.cancellation.is_cancelled() {
            std::thread::sleep(Duration::from_millis(20).min(pause));
        }
    }
}

/// Publishes batches, each from a workspace of its own.
struct Workspaces<'a> {
    follower: &'a SourceFollower,
    workspace: Mutex<Option<Arc<Workspace>>>,
    /// The server's process that sends the changes; 0 if there is none.
    process: AtomicU32,
    batches: AtomicU64,
    alarmed: AtomicBool,
}

impl Workspaces<'_> {
    /// Drops what a batch has written that is not published.
    fn give_up(&self) {
        if let Some(workspace) = self.workspace.lock().take() {
            // What cannot be removed now is removed at the next start.
            let _left = workspace.discard("the batch was given up");
        }
    }
}

impl Publisher for Workspaces<'_> {
    fn begin(&self) -> Result<Arc<dyn Tables>> {
        self.give_up();
        let workspace = Arc::new(self.follower.catalog.begin("follow")?);
        *self.workspace.lock() = Some(Arc::clone(&workspace));
        Ok(Arc::new(LakeTables::new(workspace)))
    }

    fn publish(&self, batch: Batch) -> Result<()> {
        let follower = self.follower;
        // Taken out: what a publication that failed has recorded is for recovery to finish, not for us to discard.
        let Some(workspace) = self.workspace.lock().take() else {
            return Err(Error::new(codes::X0001, "A batch has no workspace"));
        };
        let mut notices = Vec::new();
        let mut changed = Vec::new();
        for stream in &follower.source.streams {
            let Some(outcome) = batch.streams.get(&stream.name.value) else {
                continue;
            };
            notices.extend(outcome.notices.iter().cloned());
            let key = key(&follower.name, stream);
            if let Some(record) = asset_record(&key, outcome, workspace.run()) {
                workspace.record_asset(record);
            }
            if outcome.changed {
                changed.push((key, outcome.rows, outcome.deleted));
            }
        }
        workspace.publish()?;
        self.batches.fetch_add(1, Ordering::Relaxed);
        let alarm = is_alarming(&follower.source.replication, &batch.lag);
        let before = self.alarmed.swap(alarm, Ordering::Relaxed);
        if alarm && !before {
            notices.push(format!(
                "`{}` is {} behind its server, beyond the threshold of `alarm`",
                follower.name,
                how_far(&batch.lag)
            ));
        }
        let _unheard = follower.events.send(RunEvent::Followed(Followed {
            source: follower.name.clone(),
            changed,
            changes: batch.changes,
            transactions: batch.transactions,
            position: batch.reached.to_string(),
            lag_bytes: batch.lag.bytes,
            lag: batch.lag.time,
            alarm,
            notices,
        }));
        Ok(())
    }

    fn connected(&self, process: u32) {
        self.process.store(process, Ordering::Relaxed);
    }

    fn stopping(&self) -> bool {
        self.follower.cancellation.is_cancelled()
    }
}

/// Whether a source is further behind than its settings allow.
pub(crate) fn is_alarming(settings: &PostgresReplication, lag: &Lag) -> bool {
    settings.alarm_bytes.is_some_and(|most| lag.bytes > most)
        || settings.alarm_time.is_some_and(|most| lag.time > most)
}

/// How far behind a source is, in words.
pub(crate) fn how_far(lag: &Lag) -> String {
    format!("{} bytes and {:.1} s", lag.bytes, lag.time.as_secs_f64())
}
