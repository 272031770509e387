//! Slots, publications, and the stream of changes
//! (<https://www.postgresql.org/docs/current/protocol-replication.html>).

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::{BufMut, BytesMut};
use diagnostic::{Error, Result, codes};
use settings::PostgresConnection;

use super::client::Message;
use super::frontend;
use super::pgoutput::{self, Change};
use super::{Client, Relation, literal, quoted};

/// A place in the server's log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lsn(pub u64);

impl fmt::Display for Lsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:X}/{:X}", self.0 >> 32, self.0 & 0xffff_ffff)
    }
}

impl FromStr for Lsn {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (high, low) = text.split_once('/').unwrap_or(("0", text));
        Ok(Self(
            u64::from_str_radix(high, 16)? << 32 | u64::from_str_radix(low, 16)?,
        ))
    }
}

/// A logical replication slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Its output plugin.
    pub plugin: String,
    /// The database it reads.
    pub database: String,
    /// The process that reads it now.
    pub active_pid: Option<u64>,
    /// Up to where its reader has confirmed changes.
    pub confirmed: Option<Lsn>,
    /// From where on the server keeps its log for it.
    pub restart: Option<Lsn>,
    /// Whether the log it needs is there.
    pub state: SlotState,
    /// Whether standbys keep it too.
    pub failover: bool,
}

/// Whether the log that a slot needs is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlotState {
    /// It is.
    Usable,
    /// It is gone.
    Lost,
}

/// Where the log ends on disk now.
///
/// # Errors
/// `P1004`, `P1001` if the server cannot be asked.
pub fn current_lsn(client: &mut Client) -> Result<Lsn> {
    let sql = "select case when pg_catalog.pg_is_in_recovery() \
               then pg_catalog.pg_last_wal_replay_lsn() \
               else pg_catalog.pg_current_wal_flush_lsn() end";
    let text = client.value(sql)?.unwrap_or_default();
    text.parse().map_err(|_| client.garbled())
}

/// What tells this cluster from others.
///
/// # Errors
/// `P1004`, `P1001` if the server cannot be asked.
pub fn system_identifier(client: &mut Client) -> Result<String> {
    let sql = "select system_identifier from pg_catalog.pg_control_system()";
    Ok(client.value(sql)?.unwrap_or_default())
}

/// The slot called `name`.
///
/// # Errors
/// `P1004`, `P1001` if the server cannot be asked.
pub fn slot(client: &mut Client, name: &str) -> Result<Option<Slot>> {
    // As JSON, because the columns differ from version to version.
    let sql = format!(
        "select pg_catalog.row_to_json(s) from pg_catalog.pg_replication_slots s \
         where slot_name = {}",
        literal(name)
    );
    let Some(json) = client.value(&sql)? else {
        return Ok(None);
    };
    let json: serde_json::Value = serde_json::from_str(&json).map_err(|_| client.garbled())?;
    let text = |key: &str| json.get(key).and_then(|value| value.as_str());
    let lsn = |key: &str| text(key).and_then(|text| text.parse().ok());
    let invalid = text("wal_status") == Some("lost")
        || json.get("conflicting").and_then(|value| value.as_bool()) == Some(true)
        || text("invalidation_reason").is_some();
    Ok(Some(Slot {
        plugin: text("plugin").unwrap_or_default().to_owned(),
        database: text("database").unwrap_or_default().to_owned(),
        active_pid: json.get("active_pid").and_then(|value| value.as_u64()),
        confirmed: lsn("confirmed_flush_lsn"),
        restart: lsn("restart_lsn"),
        state: match invalid {
            true => SlotState::Lost,
            false => SlotState::Usable,
        },
        failover: json.get("failover").and_then(|value| value.as_bool()) == Some(true),
    }))
}

/// Makes the slot `name`, which standbys keep too if `failover`. The connection is one for replication.
///
/// # Errors
/// `P3001` if the server is not set up for it.
pub fn create_slot(client: &mut Client, name: &str, failover: bool) -> Result<Lsn> {
    let sql = match failover {
        false => format!(
            "CREATE_REPLICATION_SLOT {} LOGICAL pgoutput NOEXPORT_SNAPSHOT",
            quoted(name)
        ),
        true => {
            check_failover(client)?;
            format!(
                "CREATE_REPLICATION_SLOT {} LOGICAL pgoutput (SNAPSHOT 'nothing', FAILOVER true)",
                quoted(name)
            )
        }
    };
    let row = client.query(&sql).map_err(not_set_up)?.into_iter().next();
    let point = row.and_then(|row| row.into_iter().nth(1).flatten());
    point
        .and_then(|point| point.parse().ok())
        .ok_or_else(|| client.garbled())
}

/// Lets standbys keep the slot `name` too. The connection is one for replication.
///
/// # Errors
/// `P3001` if the server cannot.
pub fn alter_slot_for_failover(client: &mut Client, name: &str) -> Result<()> {
    check_failover(client)?;
    let sql = format!("ALTER_REPLICATION_SLOT {} (FAILOVER true)", quoted(name));
    client.query(&sql).map(drop)
}

/// <https://www.postgresql.org/docs/17/logical-replication-failover.html>
fn check_failover(client: &Client) -> Result<()> {
    match client.version() >= 170_000 {
        true => Ok(()),
        false => Err(Error::new(
            codes::P3001,
            format!(
                "Slots that standbys keep need PostgreSQL 17; this server is version {}",
                client.version() / 10_000
            ),
        )
        .help("leave `replication: {failover: …}` out; after a failover, `when_lost: copy` copies the tables anew")),
    }
}

/// Where the server's log ends, and its clock in microseconds since 1970.
///
/// # Errors
/// `P1004`, `P1001` if the server cannot be asked.
pub fn log_end(client: &mut Client) -> Result<(Lsn, i64)> {
    let end = current_lsn(client)?;
    let clock = client.value(
        "select (extract(epoch from pg_catalog.clock_timestamp()) * 1000000)::pg_catalog.int8",
    )?;
    let clock = clock.and_then(|clock| clock.parse().ok());
    clock
        .map(|clock| (end, clock))
        .ok_or_else(|| client.garbled())
}

/// Writes a mark into the server's log, so that an idle database's slot has something to go past
/// (<https://www.postgresql.org/docs/current/functions-admin.html#PG-LOGICAL-EMIT-MESSAGE>).
///
/// # Errors
/// `P1004`, `P1001` if the server refuses, as a standby does.
pub fn heartbeat(client: &mut Client) -> Result<()> {
    client
        .value("select pg_catalog.pg_logical_emit_message(false, 'sluice', 'heartbeat')")
        .map(drop)
}

/// Ends the server's process `process` if it reads the slot `name`: one that served a connection which is cut
/// holds the slot until the server notices.
///
/// # Errors
/// `P1004`, `P1001` if the server cannot be asked.
pub fn release_slot(client: &mut Client, name: &str, process: u32) -> Result<()> {
    let sql = format!(
        "select pg_catalog.pg_terminate_backend(active_pid) from pg_catalog.pg_replication_slots \
         where slot_name = {} and active_pid = {process}",
        literal(name)
    );
    client.query(&sql).map(drop)
}

/// A snapshot of the database at a known place of the log, by a slot that goes with the connection. Others
/// use the snapshot by its name until the connection does anything else.
///
/// # Errors
/// `P3001` if the server is not set up for it.
pub fn exported_snapshot(client: &mut Client, name: &str) -> Result<(Lsn, String)> {
    let sql = format!(
        "CREATE_REPLICATION_SLOT {} TEMPORARY LOGICAL pgoutput EXPORT_SNAPSHOT",
        quoted(name)
    );
    let row = client.query(&sql).map_err(not_set_up)?.into_iter().next();
    let found = row.and_then(|row| {
        let mut row = row.into_iter().skip(1);
        Some((row.next()??.parse().ok()?, row.next()??))
    });
    found.ok_or_else(|| client.garbled())
}

fn not_set_up(error: Error) -> Error {
    if error.code() != codes::P1004 {
        return error;
    }
    Error::new(
        codes::P3001,
        format!("No replication slot can be made. {}", error.message()),
    )
    .help("`wal_level` must be `logical`, a slot must be free, and the user needs REPLICATION")
}

/// Drops the slot `name`, if it is there.
///
/// # Errors
/// `P3002` if somebody reads it.
pub fn drop_slot(client: &mut Client, name: &str) -> Result<()> {
    let sql = format!(
        "select pg_catalog.pg_drop_replication_slot(slot_name) \
         from pg_catalog.pg_replication_slots where slot_name = {}",
        literal(name)
    );
    client.query(&sql).map(drop)
}

/// Makes the publication `name` where it is missing, and adds those of `tables` that it lacks. With `create`
/// off, only looks whether it covers them.
///
/// # Errors
/// `P3005` if a table is not covered and may not be added, `P1004` if the server refuses to change it.
pub fn create_publication(
    client: &mut Client,
    name: &str,
    tables: &[Relation],
    create: bool,
) -> Result<()> {
    let exists = client.value(&format!(
        "select puballtables from pg_catalog.pg_publication where pubname = {}",
        literal(name)
    ))?;
    let covered: Vec<(String, String)> = client
        .query(&format!(
            "select schemaname, tablename from pg_catalog.pg_publication_tables where pubname = {}",
            literal(name)
        ))?
        .into_iter()
        .filter_map(|row| {
            let mut row = row.into_iter();
            Some((row.next()??, row.next()??))
        })
        .collect();
    let lacking: Vec<&Relation> = tables
        .iter()
        .filter(|table| {
            !covered
                .iter()
                .any(|(schema, name)| *schema == table.schema && *name == table.name)
        })
        .collect();
    let Some(first) = lacking.first().filter(|_| exists.as_deref() != Some("t")) else {
        return Ok(());
    };
    if !create {
        return Err(Error::new(
            codes::P3005,
            format!(
                "The publication `{name}` does not cover `{}.{}`",
                first.schema, first.name
            ),
        )
        .help("add the table to the publication, or set `replication: {create: true}`"));
    }
    let list: Vec<String> = lacking.iter().map(|table| table.sql()).collect();
    let list = list.join(", ");
    let sql = match exists {
        // Changes of partitions arrive as changes of their root, which is the table that is read.
        None if client.version() >= 130_000 => format!(
            "create publication {} for table {list} with (publish_via_partition_root = true)",
            quoted(name)
        ),
        None => format!("create publication {} for table {list}", quoted(name)),
        Some(_) => format!("alter publication {} add table {list}", quoted(name)),
    };
    client.query(&sql).map(drop)
}

/// Refuses the publication `name` if it would keep changes of `tables` back: rows, columns, kinds of changes, or
/// the root of partitions.
///
/// # Errors
/// `P3005` if it does.
pub fn check_publication(
    client: &mut Client,
    name: &str,
    tables: &[(Relation, Vec<String>)],
) -> Result<()> {
    let refuse = |what: &str| {
        Err(Error::new(
            codes::P3005,
            format!("The publication `{name}` {what}"),
        )
        .help("change the publication, or let Sluice make its own: leave out `replication: {publication: …}`"))
    };
    let root = match client.version() >= 130_000 {
        true => "pubviaroot",
        false => "false",
    };
    let sql = format!(
        "select pubinsert and pubupdate and pubdelete and pubtruncate, {root} \
         from pg_catalog.pg_publication where pubname = {}",
        literal(name)
    );
    let row = client.query(&sql)?.into_iter().next().unwrap_or_default();
    let is = |at: usize| row.get(at).and_then(Option::as_deref) == Some("t");
    if !is(0) {
        return refuse("does not publish inserts, updates, deletes and truncates");
    }
    if !is(1)
        && let Some((table, _)) = tables
            .iter()
            .find(|(table, _)| table.kind == "partitioned table")
    {
        return refuse(&format!(
            "tells changes of partitions, not of `{}.{}`: set `publish_via_partition_root`",
            table.schema, table.name
        ));
    }
    if client.version() < 150_000 {
        return Ok(());
    }
    let sql = format!(
        "select schemaname, tablename, pg_catalog.array_to_json(attnames), rowfilter \
         from pg_catalog.pg_publication_tables where pubname = {}",
        literal(name)
    );
    for row in client.query(&sql)? {
        let Ok([schema, relation, columns, filter]) = <[_; 4]>::try_from(row) else {
            continue;
        };
        let columns: Vec<String> = columns
            .and_then(|json| serde_json::from_str(&json).ok())
            .unwrap_or_default();
        let covered = tables.iter().filter(|(table, _)| {
            schema.as_deref() == Some(table.schema.as_str())
                && relation.as_deref() == Some(table.name.as_str())
        });
        for (table, wanted) in covered {
            let table = format!("`{}.{}`", table.schema, table.name);
            if filter.is_some() {
                return refuse(&format!("leaves out rows of {table}"));
            }
            if let Some(column) = wanted.iter().find(|column| !columns.contains(column)) {
                return refuse(&format!("leaves out the column `{column}` of {table}"));
            }
        }
    }
    Ok(())
}

/// The stream of a slot's changes.
pub struct ChangeStream {
    client: Client,
    confirmed: Lsn,
}

/// What the stream has next.
#[derive(Debug)]
pub enum Event<'a> {
    /// A change.
    Change(Change<'a>),
    /// The server has sent all changes up to this place.
    Reached(Lsn),
    /// Nothing came in the time given.
    Nothing,
}

/// How a message of the stream ends up for the caller.
enum Seen {
    Data,
    Reached(Lsn, bool),
}

/// The head of `XLogData`: its tag, two places and a time.
const DATA_HEAD: usize = 25;

impl ChangeStream {
    /// Starts the stream of `slot` from where its reader has confirmed.
    ///
    /// # Errors
    /// `P3002` if somebody else reads the slot, `P3003` if it is lost, `P1001` if the server cannot be
    /// reached.
    pub fn start(
        config: &PostgresConnection,
        slot: &str,
        publication: &str,
        from: Lsn,
    ) -> Result<Self> {
        let mut client = Client::connect_for_replication(config)?;
        let sql = format!(
            "START_REPLICATION SLOT {} LOGICAL {from} (proto_version '1', publication_names {})",
            quoted(slot),
            literal(&quoted(publication)),
        );
        client.begin_copy(&sql, b'W').map_err(|error| {
            let lost = error.message().contains("can no longer get changes")
                || error.message().contains("does not exist");
            if error.code() == codes::P1004 && lost {
                return Error::new(codes::P3003, error.message().to_owned());
            }
            if error.code() == codes::P3002 {
                return error.help(
                    "end the other reader, or give this project a slot of its own in `replication: {slot: …}`",
                );
            }
            error
        })?;
        Ok(Self {
            client,
            confirmed: from,
        })
    }

    /// The next change, waiting for it at most `patience`.
    ///
    /// # Errors
    /// `P1001` if the connection breaks, `P1005` if what arrives is not understood.
    pub fn next(&mut self, patience: Duration) -> Result<Event<'_>> {
        let message = loop {
            let message = match self.client.poll()? {
                Some(message) => message,
                None => {
                    self.client.set_timeout(Some(patience))?;
                    if self.client.fill()? {
                        continue;
                    }
                    return Ok(Event::Nothing);
                }
            };
            match message.tag {
                b'd' => match self.look(message)? {
                    Seen::Data => break message,
                    Seen::Reached(at, asks) => {
                        if asks {
                            self.report(false)?;
                        }
                        return Ok(Event::Reached(at));
                    }
                },
                b'E' => return Err(self.client.refusal(message)),
                b'N' | b'S' => {}
                // The server ends the stream when it shuts down.
                b'c' | b'C' => {
                    return Err(Error::new(
                        codes::P1001,
                        "The server ended the stream of changes",
                    ));
                }
                _ => return Err(self.client.garbled()),
            }
        };
        let body = self.client.body(message);
        let change = body.get(DATA_HEAD..).and_then(pgoutput::read);
        change
            .map(Event::Change)
            .ok_or_else(|| self.client.garbled())
    }

    fn look(&self, message: Message) -> Result<Seen> {
        let body = self.client.body(message);
        match body.split_first() {
            Some((b'w', _)) => Ok(Seen::Data),
            Some((b'k', rest)) => {
                let at = rest
                    .first_chunk::<8>()
                    .ok_or_else(|| self.client.garbled())?;
                let asks = rest.get(16).is_some_and(|byte| *byte == 1);
                Ok(Seen::Reached(Lsn(u64::from_be_bytes(*at)), asks))
            }
            _ => Err(self.client.garbled()),
        }
    }

    /// Tells the server how far we are, and asks how far it is if `ask`.
    ///
    /// # Errors
    /// `P1001` if the connection breaks.
    pub fn report(&mut self, ask: bool) -> Result<()> {
        let confirmed = self.confirmed.0;
        let since_1970 = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let micros = u64::try_from(since_1970.as_micros())
            .unwrap_or(0)
            .saturating_sub(946_684_800_000_000);
        self.client.send(|out| {
            let mut status = BytesMut::with_capacity(34);
            status.put_u8(b'r');
            for _ in ["written", "flushed", "applied"] {
                status.put_u64(confirmed);
            }
            status.put_u64(micros);
            status.put_u8(u8::from(ask));
            frontend::copy_data(&status, out)
        })
    }

    /// The server's process that sends the stream.
    #[must_use]
    pub fn process(&self) -> u32 {
        self.client.process()
    }

    /// Tells the server that all changes before `lsn` are kept for good, and goes on.
    ///
    /// # Errors
    /// `P1001` if the connection breaks.
    pub fn keep(&mut self, lsn: Lsn) -> Result<()> {
        self.confirmed = self.confirmed.max(lsn);
        self.report(false)
    }

    /// Tells the server that all changes before `lsn` are kept for good: it may forget them. Ends the stream.
    ///
    /// # Errors
    /// `P1001` if the connection breaks.
    pub fn confirm(mut self, lsn: Lsn) -> Result<()> {
        self.keep(lsn)?;
        self.client.send(frontend::copy_done)?;
        // The server reads in order, so its answer says that it has heard.
        self.client.set_timeout(Some(Duration::from_secs(30)))?;
        loop {
            let message = self.client.message()?;
            match message.tag {
                b'c' | b'Z' => return Ok(()),
                b'E' => return Err(self.client.refusal(message)),
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Lsn;

    #[test]
    fn places_are_written_as_postgresql_does() {
        let lsn: Result<Lsn, _> = "16/B374D848".parse();
        assert_eq!(lsn, Ok(Lsn(0x16_B374_D848)));
        assert_eq!(Lsn(0x16_B374_D848).to_string(), "16/B374D848");
        assert_eq!(Lsn(0).to_string(), "0/0");
        assert!("x".parse::<Lsn>().is_err());
    }
}
