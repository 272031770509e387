//! [`keep_up`]: streams followed until somebody says stop: changes are gathered for a moment, published at the
//! end of a transaction, and only then confirmed to the server.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use connectors::postgres::{ChangeStream, Lsn, heartbeat, log_end};
use diagnostic::{Error, Result, codes};
use telemetry::failpoint;
use tokio::runtime::Handle;

use super::follower::{Follower, Place, Step};
use super::{FollowRequest, Lag, OnRows, StreamOutcome};
use crate::tables::Tables;

/// How long the log may have nothing before something else is looked at.
const PATIENCE: Duration = Duration::from_millis(50);
/// How often a server that says nothing is asked how far it is.
const ASK: Duration = Duration::from_secs(1);
/// How often a place in the log is kept for which no table has changed.
const IDLE: Duration = Duration::from_secs(5);
/// How long a transaction that has begun may take to end after somebody said stop.
const GRACE: Duration = Duration::from_secs(5);
/// How long the server may take to answer a question.
const ANSWER: Duration = Duration::from_secs(30);

/// Where batches go, and whether more are wanted.
pub trait Publisher: Send + Sync {
    /// Gives the tables that the next batch is written to.
    ///
    /// # Errors
    /// What keeps it from being written.
    fn begin(&self) -> Result<Arc<dyn Tables>>;

    /// Makes the tables of the last [`Publisher::begin`] visible together with the streams' checkpoints. Once this
    /// returns, the server may forget the changes.
    ///
    /// # Errors
    /// What keeps them from being published; nothing of the batch is visible then.
    fn publish(&self, batch: Batch) -> Result<()>;

    /// Hears which process of the server sends the changes.
    fn connected(&self, process: u32);

    /// Whether to stop after the batch at hand.
    fn stopping(&self) -> bool;
}

/// Changes that are published together: whole transactions, in order.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Outcomes by the stream's name.
    pub streams: BTreeMap<String, StreamOutcome>,
    /// Changes of rows in it.
    pub changes: u64,
    /// Transactions in it.
    pub transactions: u64,
    /// Every transaction that ends before this place in the log is kept.
    pub reached: Lsn,
    /// How far behind the server that is.
    pub lag: Lag,
}

/// Why following ended without an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Somebody said stop; it goes on from this place.
    Stopped(Lsn),
    /// A table has other columns than before: everything must be looked up again.
    Reshaped,
}

/// Follows the streams of `request`, and hands batches to `publisher`, until it says stop. Blocks. `progress` hears of
/// rows that are copied, and may stop that.
///
/// # Errors
/// As [`super::follow`], and what `publisher` says. What was not published by then comes again.
pub fn keep_up(
    request: &FollowRequest,
    publisher: &dyn Publisher,
    handle: &Handle,
    progress: &OnRows,
) -> Result<Ended> {
    let begin = || publisher.begin();
    let quiet: OnRows = Arc::new(|_| Ok(()));
    let mut follower = Follower::connect(request, &begin, handle, progress)?;
    follower.copy_new()?;
    failpoint("postgres.after_copy");
    // From here on it is `publisher` that says stop: a batch at hand is brought to its end.
    follower.progress = &quiet;
    follower.client.answer_within(ANSWER)?;
    let from = follower.earliest().unwrap_or_default();
    let stream = follower.open(from)?;
    publisher.connected(stream.process());
    let (now, counted) = (Instant::now(), follower.done);
    let session = Session {
        follower,
        publisher,
        stream,
        place: Place::default(),
        kept: from,
        counted,
        transactions: 0,
        first: None,
        published: now,
        asked: now,
        beaten: now,
    };
    session.run()
}

struct Session<'a> {
    follower: Follower<'a>,
    publisher: &'a dyn Publisher,
    stream: ChangeStream,
    place: Place,
    /// Up to where everything is published.
    kept: Lsn,
    /// Changes of batches before this one.
    counted: u64,
    transactions: u64,
    /// When the first change of this batch came.
    first: Option<Instant>,
    published: Instant,
    asked: Instant,
    beaten: Instant,
}

impl Session<'_> {
    fn run(mut self) -> Result<Ended> {
        self.place.reached = self.kept;
        if self.follower.lanes.iter().any(|lane| lane.outcome.changed) {
            // Rows that were copied need not wait for changes.
            self.publish()?;
        } else {
            self.follower.end_batch();
        }
        let mut stopping: Option<Instant> = None;
        loop {
            if self.publisher.stopping() {
                let since = *stopping.get_or_insert_with(Instant::now);
                if !self.place.inside {
                    return self.stop();
                }
                if since.elapsed() > GRACE {
                    // What has come of the transaction comes again.
                    return Ok(Ended::Stopped(self.kept));
                }
            }
            if self.follower.is_full() {
                // Part of a transaction may be written, but not be published.
                self.follower.flush()?;
                self.stream.report(false)?;
            }
            if self.is_due() {
                self.publish()?;
            }
            match self
                .follower
                .step(&mut self.stream, &mut self.place, PATIENCE)?
            {
                Step::Change => {
                    self.first.get_or_insert_with(Instant::now);
                }
                Step::Commit => self.transactions += 1,
                Step::Nothing | Step::Reached if !self.place.inside => self.rest()?,
                Step::Nothing | Step::Reached | Step::Begin(_) => {}
            }
            if self.place.reshaped {
                return Ok(Ended::Reshaped);
            }
        }
    }

    /// Whether what has come is to be published now.
    fn is_due(&self) -> bool {
        let settings = &self.follower.request.replication;
        let Some(first) = self.first.filter(|_| !self.place.inside) else {
            return false;
        };
        settings.transactional
            || first.elapsed() >= settings.batch_interval
            || self.follower.pending_bytes() as u64 >= settings.batch_bytes
    }

    /// Nothing comes.
    fn rest(&mut self) -> Result<()> {
        if self.asked.elapsed() >= ASK {
            self.asked = Instant::now();
            self.stream.report(true)?;
        }
        if let Some(every) = self.follower.request.replication.heartbeat
            && self.beaten.elapsed() >= every
        {
            self.beaten = Instant::now();
            heartbeat(&mut self.follower.client)?;
        }
        if self.first.is_none() && self.published.elapsed() >= IDLE {
            match self.place.reached > self.kept {
                true => self.publish()?,
                false => {
                    // A connection that is dead without a sign is noticed here.
                    self.published = Instant::now();
                    log_end(&mut self.follower.client)?;
                }
            }
        }
        Ok(())
    }

    fn publish(&mut self) -> Result<()> {
        self.follower.flush()?;
        let reached = self.place.reached;
        self.follower.advance(reached);
        failpoint("postgres.after_changes");
        let committed = self.first.map(|_| self.place.committed);
        let lag = self.follower.lag(reached, committed)?;
        let streams = self.follower.outcomes(Some(&lag));
        // A batch without changes has no tables of its own yet.
        self.follower.tables()?;
        self.publisher.publish(Batch {
            streams,
            changes: self.follower.done - self.counted,
            transactions: self.transactions,
            reached,
            lag,
        })?;
        failpoint("postgres.before_confirm");
        self.follower.end_batch();
        self.stream.keep(reached)?;
        (self.kept, self.counted) = (reached, self.follower.done);
        (self.transactions, self.first) = (0, None);
        self.published = Instant::now();
        Ok(())
    }

    fn stop(mut self) -> Result<Ended> {
        if self.first.is_some() || self.place.reached > self.kept {
            self.publish()?;
        }
        let kept = self.kept;
        // The server hears it again at the next start.
        let _unheard = self.stream.confirm(kept);
        Ok(Ended::Stopped(kept))
    }
}

/// The error of a stream whose table looks different each time it is looked at.
#[must_use]
pub fn never_the_same(source: &str) -> Error {
    Error::new(
        codes::P3004,
        format!(
            "Tables of the source `{source}` change their columns faster than they can be looked up"
        ),
    )
}
