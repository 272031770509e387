//! [`Follower`]: reads the log of a source and hands changes to its streams.
//!
//! New streams are copied under a snapshot whose place in the log is known; what the log says from that place
//! on is then applied. One slot serves all streams of a source, so each remembers its own place, and the slot
//! is told to go on only after the tables are published.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{SecondsFormat, Utc};
use connectors::postgres::{
    Change as Logged, ChangeStream, Client, Event, Lsn, Relation, RelationMessage, current_lsn,
    log_end, system_identifier,
};
use diagnostic::{Error, Result, codes};
use telemetry::failpoint;
use tokio::runtime::Handle;

use super::change_log::Transaction;
use super::lane::Lane;
use super::pending::Route;
use super::{FollowRequest, Lag, OnRows, StreamOutcome};
use crate::tables::Tables;

/// How long the server may say nothing before it is asked how far it is.
const PATIENCE: Duration = Duration::from_millis(100);
/// How often the server may say that it is no further before that is believed.
const ASKS: u32 = 20;
/// After so long without a word the connection counts as dead.
const SILENCE: Duration = Duration::from_secs(900);

/// Gives the tables that a batch of changes is written to.
pub(super) type Begin<'a> = dyn Fn() -> Result<Arc<dyn Tables>> + 'a;

pub(super) struct Follower<'a> {
    pub(super) client: Client,
    pub(super) request: &'a FollowRequest,
    pub(super) handle: &'a Handle,
    pub(super) progress: &'a OnRows,
    pub(super) lanes: Vec<Lane<'a>>,
    pub(super) system: String,
    /// Rows and changes so far.
    pub(super) done: u64,
    /// The number of the last change stored in a change table.
    pub(super) number: u64,
    /// Where the log ended before the streams' shapes were looked up: what it says before has no later shape.
    pub(super) target: Lsn,
    begin: &'a Begin<'a>,
    tables: Option<Arc<dyn Tables>>,
}

/// Where the reading of the log is.
#[derive(Default)]
pub(super) struct Place {
    /// By table; several streams may read one.
    routes: HashMap<u32, Vec<Route>>,
    transaction: Transaction,
    /// Whether a transaction has begun and not ended.
    pub(super) inside: bool,
    /// Every transaction that ends before has been read.
    pub(super) reached: Lsn,
    /// When the last transaction read was committed, in microseconds since 1970.
    pub(super) committed: i64,
    /// Whether a table has changed so that its stream must be looked at again.
    pub(super) reshaped: bool,
}

/// What the log had next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Nothing,
    Reached,
    Begin(Lsn),
    Commit,
    Change,
}

impl<'a> Follower<'a> {
    /// Connects, looks the streams up, and makes sure of slot and publication.
    pub(super) fn connect(
        request: &'a FollowRequest,
        begin: &'a Begin<'a>,
        handle: &'a Handle,
        progress: &'a OnRows,
    ) -> Result<Self> {
        let client = Client::connect(&request.connection)?;
        let mut follower = Self {
            client,
            request,
            handle,
            progress,
            lanes: Vec::new(),
            system: String::new(),
            done: 0,
            number: 0,
            target: Lsn(0),
            begin,
            tables: None,
        };
        follower.check_level()?;
        follower.system = system_identifier(&mut follower.client)?;
        follower.target = current_lsn(&mut follower.client)?;
        for followed in &request.streams {
            let exists = {
                let tables = follower.tables()?;
                handle.block_on(tables.open(&followed.table))?.is_some()
            };
            let system = follower.system.clone();
            let lane = Lane::new(&mut follower.client, followed, exists, &system)?;
            follower.lanes.push(lane);
            let known = followed.checkpoint.as_ref();
            let number = known.map_or(0, |known| known.clock().1);
            follower.number = follower.number.max(number);
        }
        follower.prepare_publication()?;
        follower.prepare_slot()?;
        follower.make_change_tables()?;
        Ok(follower)
    }

    /// Brings the streams up to where the log ended at the start.
    pub(super) fn run_once(mut self) -> Result<super::Follow> {
        let from = self.earliest();
        self.copy_new()?;
        failpoint("postgres.after_copy");
        let open = match from {
            None => None,
            Some(from) => {
                let mut changes = self.open(from)?;
                let reached = self.read_to(&mut changes, self.target.max(from))?;
                self.flush()?;
                self.advance(reached);
                Some((changes, reached))
            }
        };
        failpoint("postgres.after_changes");
        let lag = match &open {
            Some((_, reached)) => Some(self.lag(*reached, None)?),
            None => None,
        };
        let (changes, streams) = (self.done, self.outcomes(lag.as_ref()));
        Ok(super::Follow {
            streams,
            changes,
            open,
        })
    }

    pub(super) fn earliest(&self) -> Option<Lsn> {
        self.lanes.iter().filter_map(|lane| lane.position).min()
    }

    /// Where this batch is written.
    pub(super) fn tables(&mut self) -> Result<Arc<dyn Tables>> {
        if let Some(tables) = &self.tables {
            return Ok(Arc::clone(tables));
        }
        let tables = (self.begin)()?;
        self.tables = Some(Arc::clone(&tables));
        Ok(tables)
    }

    /// The next batch is written elsewhere.
    pub(super) fn end_batch(&mut self) {
        self.tables = None;
    }

    /// What became of the streams since the last call, with their checkpoints.
    pub(super) fn outcomes(&mut self, lag: Option<&Lag>) -> BTreeMap<String, StreamOutcome> {
        let (system, number) = (&self.system, self.number);
        let lanes = self.lanes.iter_mut().map(|lane| {
            let mut outcome = std::mem::take(&mut lane.outcome);
            outcome.checkpoint = lane.checkpoint(system, number, lag);
            (lane.stream.name.value.clone(), outcome)
        });
        lanes.collect()
    }

    /// How far the server's log goes beyond `reached`, and how old what was `committed` last is by its clock.
    pub(super) fn lag(&mut self, reached: Lsn, committed: Option<i64>) -> Result<Lag> {
        let (end, clock) = log_end(&mut self.client)?;
        let age = committed.map_or(0, |committed| clock.saturating_sub(committed).max(0));
        Ok(Lag {
            bytes: end.0.saturating_sub(reached.0),
            time: Duration::from_micros(age.unsigned_abs()),
            measured: Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true),
        })
    }

    /// Takes in the changes of all transactions that end before `target`, and says up to where that is.
    fn read_to(&mut self, changes: &mut ChangeStream, target: Lsn) -> Result<Lsn> {
        let mut place = Place::default();
        let mut asked = 0;
        let mut heard = Instant::now();
        loop {
            if self.is_full() {
                self.flush()?;
                changes.report(false)?;
            }
            match self.step(changes, &mut place, PATIENCE)? {
                Step::Nothing if heard.elapsed() > SILENCE => return Err(silent()),
                Step::Nothing => {
                    asked += 1;
                    changes.report(true)?;
                    continue;
                }
                // Every transaction that commits before this place has been sent.
                Step::Reached if !place.inside && (place.reached >= target || asked > ASKS) => {
                    return Ok(place.reached);
                }
                Step::Reached => {}
                Step::Begin(at) if at >= target => return Ok(place.reached.max(target)),
                Step::Begin(_) | Step::Commit | Step::Change => asked = 0,
            }
            heard = Instant::now();
        }
    }

    /// Takes in what the log has next, and waits for it at most `patience`.
    pub(super) fn step(
        &mut self,
        changes: &mut ChangeStream,
        place: &mut Place,
        patience: Duration,
    ) -> Result<Step> {
        let change = match changes.next(patience)? {
            Event::Nothing => return Ok(Step::Nothing),
            Event::Reached(at) => {
                place.reached = place.reached.max(at);
                return Ok(Step::Reached);
            }
            Event::Change(change) => change,
        };
        match change {
            Logged::Begin {
                commit,
                time,
                transaction,
            } => {
                place.inside = true;
                place.transaction = Transaction {
                    commit,
                    time,
                    id: transaction,
                };
                Ok(Step::Begin(commit))
            }
            Logged::Commit { end, .. } => {
                place.inside = false;
                place.reached = place.reached.max(end);
                place.committed = place.transaction.time;
                Ok(Step::Commit)
            }
            change => self.take_in(change, place).map(|()| Step::Change),
        }
    }

    fn take_in(&mut self, change: Logged<'_>, place: &mut Place) -> Result<()> {
        let transaction = place.transaction;
        let relation = match &change {
            Logged::Relation(message) => {
                self.route(message, place);
                return Ok(());
            }
            Logged::Truncate { relations } => {
                let routes = relations
                    .iter()
                    .filter_map(|oid| place.routes.get(oid))
                    .flatten();
                for lane in routes.map(|route| route.lane).collect::<Vec<_>>() {
                    if self.lanes[lane].position <= Some(transaction.commit) {
                        self.truncate(lane, transaction)?;
                    }
                }
                return Ok(());
            }
            Logged::Insert { relation, .. }
            | Logged::Update { relation, .. }
            | Logged::Delete { relation, .. } => *relation,
            Logged::Begin { .. } | Logged::Commit { .. } | Logged::Other => return Ok(()),
        };
        let mut taken = false;
        for route in place.routes.get(&relation).into_iter().flatten() {
            let lane = &mut self.lanes[route.lane];
            if lane.position > Some(transaction.commit) {
                continue;
            }
            if !lane.is_plain() {
                let transaction = lane.enter(transaction);
                lane.pending.of_transaction(transaction);
            }
            match &change {
                Logged::Insert { new, .. } => lane.pending.put(route, *new, None, true)?,
                Logged::Update { old, new, .. } => lane.pending.put(route, *new, *old, false)?,
                Logged::Delete { old, .. } => lane.pending.take(route, *old)?,
                _ => {}
            }
            taken = true;
        }
        if !taken {
            return Ok(());
        }
        self.done += 1;
        if self.done.is_multiple_of(1000) {
            (self.progress)(self.done)?;
        }
        Ok(())
    }

    /// Finds the streams that read the table of `message`.
    fn route(&self, message: &RelationMessage, place: &mut Place) {
        let commit = place.transaction.commit;
        let mut routes = Vec::new();
        for (at, lane) in self.lanes.iter().enumerate() {
            let table = lane.shape.table.as_ref().map(|table| &table.relation);
            let reads =
                |table: &Relation| table.schema == message.schema && table.name == message.name;
            if !table.is_some_and(reads) {
                continue;
            }
            place.reshaped |=
                commit >= self.target && lane.position <= Some(commit) && lane.has_changed(message);
            routes.push(Route::new(at, &lane.shape, message));
        }
        place.routes.insert(message.oid, routes);
    }
}

fn silent() -> Error {
    Error::new(
        codes::P1001,
        "The server says nothing while changes are read from it",
    )
}
