//! [`follow`]: streams kept up to date by the log of changes.
//!
//! New streams are copied under a snapshot whose place in the log is known; what the log says from that place
//! on is then applied. One slot serves all streams of a source, so each remembers its own place, and the slot
//! is told to go on only after the tables are published.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use connectors::postgres::{
    Change as Logged, ChangeStream, Client, Event, Lsn, Relation, Slot, SlotState,
    check_publication, create_publication, create_slot, current_lsn, drop_slot, exported_snapshot,
    literal, slot, system_identifier,
};
use diagnostic::{Error, Result, ResultExt, codes};
use lake::Operation;
use model::RelationName;
use settings::{PostgresConnection, PostgresReplication, PostgresStream};
use telemetry::failpoint;
use tokio::runtime::Handle;

use super::copy::Copy;
use super::keyed::KeyColumns;
use super::merge::Merge;
use super::pending::{Pending, Route};
use super::shape::{evolved, frozen};
use super::{Checkpoint, OnRows, Shape, StreamOutcome, resolve};
use crate::tables::{Change, Tables};

/// Bytes of pending changes, of all streams, after which they are applied.
const PENDING_BYTES: usize = 64 << 20;
/// How long the server may say nothing before it is asked how far it is.
const PATIENCE: Duration = Duration::from_millis(100);
/// How often the server may say that it is no further before that is believed.
const ASKS: u32 = 20;
/// After so long without a word the connection counts as dead.
const SILENCE: Duration = Duration::from_secs(900);
/// How long a slot may be held by a process that has just died.
const RELEASE: Duration = Duration::from_secs(10);

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
    open: Option<(ChangeStream, Lsn)>,
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
        let client = Client::connect(&request.connection)?;
        let follower = Follower {
            client,
            request: &request,
            tables: tables.as_ref(),
            handle: &handle,
            progress: &progress,
            lanes: Vec::new(),
            system: String::new(),
            done: 0,
        };
        follower.run()
    };
    tokio::task::spawn_blocking(work)
        .await
        .explain(codes::X0001, || "Following a log broke down".to_owned())?
}

/// One stream on its way.
struct Lane<'a> {
    stream: &'a PostgresStream,
    table: &'a RelationName,
    shape: Shape,
    pending: Pending,
    /// Changes of transactions before it are in the table; `None` if the table has to be copied.
    position: Option<Lsn>,
    outcome: StreamOutcome,
}

struct Follower<'a> {
    client: Client,
    request: &'a FollowRequest,
    tables: &'a dyn Tables,
    handle: &'a Handle,
    progress: &'a OnRows,
    lanes: Vec<Lane<'a>>,
    system: String,
    done: u64,
}

impl Follower<'_> {
    fn run(mut self) -> Result<Follow> {
        check_level(&mut self.client)?;
        self.system = system_identifier(&mut self.client)?;
        // Taken before the shapes are looked up: what the log says before this place has no later shape.
        let target = current_lsn(&mut self.client)?;
        for followed in &self.request.streams {
            let lane = self.lane(followed)?;
            self.lanes.push(lane);
        }
        let replication = &self.request.replication;
        let relations: Vec<(Relation, Vec<String>)> = self
            .lanes
            .iter()
            .filter_map(|lane| {
                let relation = lane.shape.table.as_ref()?.relation.clone();
                let columns = lane.shape.columns.iter();
                Some((
                    relation,
                    columns.map(|column| column.name.clone()).collect(),
                ))
            })
            .collect();
        let tables: Vec<Relation> = relations.iter().map(|(table, _)| table.clone()).collect();
        create_publication(
            &mut self.client,
            &replication.publication,
            &tables,
            replication.create,
        )?;
        check_publication(&mut self.client, &replication.publication, &relations)?;
        self.prepare_slot()?;
        let from = self.lanes.iter().filter_map(|lane| lane.position).min();
        self.copy_new()?;
        failpoint("postgres.after_copy");
        let open = match from {
            None => None,
            Some(from) => {
                let mut changes = self.open(from)?;
                let reached = self.stream(&mut changes, target.max(from))?;
                self.flush()?;
                // Streams just copied took part as well, from their own place on.
                for lane in &mut self.lanes {
                    lane.position = lane.position.max(Some(reached));
                }
                Some((changes, reached))
            }
        };
        failpoint("postgres.after_changes");
        let system = self.system;
        let streams = self.lanes.into_iter().map(|lane| {
            let mut outcome = lane.outcome;
            let checkpoint = Checkpoint::new(lane.stream)
                .with_shape(lane.shape.relation_oid(), &lane.shape.columns);
            outcome.checkpoint = lane
                .position
                .map(|position| checkpoint.with_lsn(position, &system));
            (lane.stream.name.value.clone(), outcome)
        });
        Ok(Follow {
            streams: streams.collect(),
            changes: self.done,
            open,
        })
    }

    /// Finds out where a stream stands.
    fn lane<'b>(&mut self, followed: &'b FollowedStream) -> Result<Lane<'b>> {
        let stream = &followed.stream;
        let name = &stream.name.value;
        let shape = resolve(&mut self.client, stream)?;
        let mut outcome = StreamOutcome::default();
        if !shape.left_out.is_empty() {
            outcome.notices.push(format!(
                "`{name}` leaves out {}, which the server computes and its log does not carry",
                shape.left_out.join(", ")
            ));
        }
        let exists = self.handle.block_on(self.tables.open(&followed.table))?;
        let known = followed.checkpoint.as_ref();
        let known = known.filter(|known| exists.is_some() && known.holds_for(stream));
        let mut position = None;
        if let Some(known) = known
            && let Some(lsn) = known.lsn()
        {
            if known.system() != Some(self.system.as_str()) {
                return Err(self.gap("the server is another one than before"));
            }
            match self.changed_shape(known, &shape)? {
                None => position = Some(lsn),
                Some(why) => {
                    if stream.new_column == settings::OnChange::Freeze {
                        return Err(frozen(name, &why, "has changed"));
                    }
                    outcome.notices.push(format!(
                        "`{name}` is copied anew: the log does not tell what became of {why}"
                    ));
                }
            }
        }
        Ok(Lane {
            pending: Pending::new(&shape),
            table: &followed.table,
            stream,
            shape,
            position,
            outcome,
        })
    }

    /// What has happened to the columns that the log does not tell: it speaks of changed rows only, and
    /// `ALTER TABLE` may change all of them.
    fn changed_shape(&mut self, known: &Checkpoint, now: &Shape) -> Result<Option<String>> {
        let Some((oid, before)) = known.shape() else {
            return Ok(Some("its columns".to_owned()));
        };
        let Some(table) = now.table.as_ref().filter(|table| table.oid == oid) else {
            return Ok(Some("its rows: the table was made anew".to_owned()));
        };
        let mut new = Vec::new();
        for column in &now.columns {
            let old = before.iter().find(|old| old.number == column.number);
            match old {
                None => new.push(column.number.to_string()),
                Some(old) if old.name != column.name || old.type_name != column.type_name => {
                    return Ok(Some(format!("column `{}`", column.name)));
                }
                Some(_) => {}
            }
        }
        if new.is_empty() {
            return Ok(None);
        }
        // Old rows have the default of a new column, without an entry in the log.
        let sql = format!(
            "select attname from pg_catalog.pg_attribute where attrelid = {} and attnum in ({}) \
             and (atthasdef or atthasmissing or attnotnull or attidentity <> '') limit 1",
            table.oid,
            new.join(", ")
        );
        let filled = self.client.value(&sql)?;
        Ok(filled.map(|name| format!("column `{name}`")))
    }

    fn gap(&self, why: &str) -> Error {
        Error::new(
            codes::P3003,
            format!("Changes of the source `{}` are missing: {why}", self.request.source),
        )
        .help(format!(
            "`sluice run --full-refresh --select source:{}` copies its tables anew and goes on from there",
            self.request.source
        ))
    }

    /// Makes the slot where it may, and makes sure that it has every change since the streams' places.
    fn prepare_slot(&mut self) -> Result<()> {
        let name = &self.request.replication.slot;
        let earliest = self.lanes.iter().filter_map(|lane| lane.position).min();
        let mut found = slot(&mut self.client, name)?;
        if let Some(there) = &found {
            self.check_slot(there)?;
            if there.state == SlotState::Lost {
                if earliest.is_some() {
                    return Err(self.gap(&format!("the slot `{name}` was invalidated")));
                }
                drop_slot(&mut self.client, name)?;
                found = None;
            }
        }
        match (found, earliest) {
            (None, Some(_)) => Err(self.gap(&format!("the slot `{name}` is gone"))),
            (None, None) if !self.request.replication.create => Err(Error::new(
                codes::P3001,
                format!("The replication slot `{name}` does not exist"),
            )
            .help("create it with the plugin pgoutput, or set `replication: {create: true}`")),
            (None, None) => {
                let mut replication = Client::connect_for_replication(&self.request.connection)?;
                create_slot(&mut replication, name).map(drop)
            }
            (Some(there), Some(earliest)) if there.confirmed > Some(earliest) => Err(self.gap(
                &format!("somebody else has moved the slot `{name}` past {earliest}"),
            )),
            (Some(_), _) => Ok(()),
        }
    }

    fn check_slot(&self, slot: &Slot) -> Result<()> {
        let name = &self.request.replication.slot;
        if slot.plugin == "pgoutput" && slot.database == self.request.connection.database {
            return Ok(());
        }
        Err(Error::new(
            codes::P3001,
            format!(
                "The replication slot `{name}` is for the plugin `{}` and the database `{}`",
                slot.plugin, slot.database
            ),
        )
        .help("give this source a slot of its own in `replication: {slot: …}`"))
    }

    /// Copies the streams that have no place yet, all as of one moment.
    fn copy_new(&mut self) -> Result<()> {
        if self.lanes.iter().all(|lane| lane.position.is_some()) {
            return Ok(());
        }
        let mut replication = Client::connect_for_replication(&self.request.connection)?;
        let mut name = self.request.replication.slot.clone();
        name.truncate(40);
        let name = format!("{name}_copy_{}", std::process::id());
        let (at, snapshot) = exported_snapshot(&mut replication, &name)?;
        self.client
            .query("begin isolation level repeatable read read only")?;
        self.client
            .query(&format!("set transaction snapshot {}", literal(&snapshot)))?;
        for lane in self.lanes.iter_mut().filter(|lane| lane.position.is_none()) {
            let schema = lane.shape.schema();
            let folder = self.handle.block_on(self.tables.folder(lane.table))?;
            let done = self.done;
            let progress = Arc::clone(self.progress);
            let progress: OnRows = Arc::new(move |rows| progress(done + rows));
            let (add, rows) = Copy {
                connection: &self.request.connection,
                shape: &lane.shape,
                schema: &schema,
                folder: &folder,
                progress: &progress,
            }
            .all(&mut self.client)?;
            failpoint("postgres.after_files");
            let change = Change {
                operation: Operation::Overwrite,
                schema,
                hidden: 0,
                add,
                remove: Vec::new(),
                remove_all: true,
            };
            self.handle
                .block_on(self.tables.commit(lane.table, change))?;
            self.done += rows;
            lane.outcome.rows += rows;
            lane.outcome.changed = true;
            lane.position = Some(at);
        }
        self.client.query("commit").map(drop)
    }

    /// Opens the stream of changes. A run that was killed may hold the slot for another moment.
    fn open(&self, from: Lsn) -> Result<ChangeStream> {
        let replication = &self.request.replication;
        let began = Instant::now();
        loop {
            let opened = ChangeStream::start(
                &self.request.connection,
                &replication.slot,
                &replication.publication,
                from,
            );
            match opened {
                Err(error) if error.code() == codes::P3002 && began.elapsed() < RELEASE => {
                    std::thread::sleep(Duration::from_millis(200));
                }
                opened => return opened,
            }
        }
    }

    /// Takes in the changes of all transactions that end before `target`, and says up to where that is.
    fn stream(&mut self, changes: &mut ChangeStream, target: Lsn) -> Result<Lsn> {
        let mut routes: HashMap<u32, Route> = HashMap::new();
        let mut commit = Lsn(0);
        let mut reached = Lsn(0);
        let mut asked = 0;
        let mut inside = false;
        let mut heard = Instant::now();
        loop {
            if self.pending_bytes() >= PENDING_BYTES {
                self.flush()?;
                changes.report(false)?;
            }
            match changes.next(PATIENCE)? {
                Event::Nothing if heard.elapsed() > SILENCE => {
                    return Err(Error::new(
                        codes::P1001,
                        "The server says nothing while changes are read from it",
                    ));
                }
                Event::Nothing => {
                    asked += 1;
                    changes.report(true)?;
                }
                Event::Reached(at) => {
                    // Every transaction that commits before this place has been sent.
                    heard = Instant::now();
                    reached = reached.max(at);
                    if !inside && (reached >= target || asked > ASKS) {
                        return Ok(reached);
                    }
                }
                Event::Change(change) => {
                    asked = 0;
                    heard = Instant::now();
                    match change {
                        Logged::Begin { commit: at, .. } => {
                            if at >= target {
                                return Ok(reached.max(target));
                            }
                            (commit, inside) = (at, true);
                        }
                        Logged::Commit { end, .. } => {
                            (reached, inside) = (reached.max(end), false);
                        }
                        change => self.take_in(change, commit, &mut routes)?,
                    }
                }
            }
        }
    }

    fn take_in(
        &mut self,
        change: Logged<'_>,
        commit: Lsn,
        routes: &mut HashMap<u32, Route>,
    ) -> Result<()> {
        let relation = match &change {
            Logged::Relation(message) => {
                let lane = self.lanes.iter().position(|lane| {
                    let table = lane.shape.table.as_ref().map(|table| &table.relation);
                    table.is_some_and(|table| {
                        table.schema == message.schema && table.name == message.name
                    })
                });
                match lane {
                    Some(lane) => {
                        let route = Route::new(lane, &self.lanes[lane].shape, message);
                        routes.insert(message.oid, route);
                    }
                    None => drop(routes.remove(&message.oid)),
                }
                return Ok(());
            }
            Logged::Truncate { relations } => {
                for route in relations.iter().filter_map(|oid| routes.get(oid)) {
                    let lane = &mut self.lanes[route.lane];
                    if lane.position <= Some(commit) {
                        lane.pending.truncate()?;
                    }
                }
                return Ok(());
            }
            Logged::Insert { relation, .. }
            | Logged::Update { relation, .. }
            | Logged::Delete { relation, .. } => *relation,
            Logged::Begin { .. } | Logged::Commit { .. } | Logged::Other => return Ok(()),
        };
        let Some(route) = routes.get(&relation) else {
            return Ok(());
        };
        let lane = &mut self.lanes[route.lane];
        if lane.position > Some(commit) {
            return Ok(());
        }
        match change {
            Logged::Insert { new, .. } => lane.pending.put(route, new, None)?,
            Logged::Update { old, new, .. } => lane.pending.put(route, new, old)?,
            Logged::Delete { old, .. } => lane.pending.take(route, old)?,
            _ => {}
        }
        self.done += 1;
        if self.done.is_multiple_of(1000) {
            (self.progress)(self.done)?;
        }
        Ok(())
    }

    fn pending_bytes(&self) -> usize {
        self.lanes.iter().map(|lane| lane.pending.bytes()).sum()
    }

    /// Brings what is pending into the tables.
    fn flush(&mut self) -> Result<()> {
        for lane in self.lanes.iter_mut() {
            if lane.pending.is_empty() {
                continue;
            }
            let table = self.handle.block_on(self.tables.open(lane.table))?;
            let table = table.ok_or_else(|| {
                Error::new(codes::X0001, format!("Table `{}` has vanished", lane.table))
            })?;
            let (schema, notices) = evolved(&table.schema, &lane.shape.columns, lane.stream)?;
            let names: Vec<String> = lane
                .shape
                .key
                .iter()
                .map(|at| lane.shape.columns[*at].identifier().to_string())
                .collect();
            let key = match lane.shape.is_counted() {
                true => KeyColumns::new(&lane.shape.schema(), &[])?,
                false => KeyColumns::new(&schema, &names)?,
            };
            let settled = lane.pending.settle(&schema, &key)?;
            let merge = Merge {
                stream: &lane.stream.name.value,
                schema: &schema,
                key: &key,
                rows: &settled.rows,
                net: settled.net,
                range: settled.range,
            };
            let existing = Some(&table).filter(|_| !settled.truncated);
            let merged = merge.run(existing, &table.folder)?;
            failpoint("postgres.after_files");
            lane.outcome.count(&merged);
            if merged.changed() || settled.truncated {
                let change = Change {
                    operation: Operation::Merge,
                    schema,
                    hidden: 0,
                    add: merged.add,
                    remove: merged.remove,
                    remove_all: settled.truncated,
                };
                self.handle
                    .block_on(self.tables.commit(lane.table, change))?;
                lane.outcome.changed = true;
            }
            for notice in notices {
                if !lane.outcome.notices.contains(&notice) {
                    lane.outcome.notices.push(notice);
                }
            }
        }
        Ok(())
    }
}

/// The log must hold enough for logical decoding.
fn check_level(client: &mut Client) -> Result<()> {
    let level = client.value("show wal_level")?.unwrap_or_default();
    match level == "logical" {
        true => Ok(()),
        false => Err(Error::new(
            codes::P3001,
            format!(
                "The server's `wal_level` is `{level}`, so its log does not tell changes of rows"
            ),
        )
        .help("`alter system set wal_level = logical`, then restart the server")),
    }
}
