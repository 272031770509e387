//! What `sluice source` asks of a source: whether it can be read, and what is in it.

use chrono::{DateTime, Utc};
use connectors::files::{Keys, discover_remote};
use connectors::postgres::{
    Client, Identity, Relation, SlotState, describe_table, log_end, relations, slot,
};
use diagnostic::{Error, Result, codes};
use ingest::postgres::Lag;
use settings::{Located, PostgresSource, Project, Secret, SourceKind, SourceSpec};
use storage::{Location, Storage, StorageOptions};

use crate::platform::catalog;
use crate::postgres_follow::{how_far, is_alarming};
use crate::postgres_streams::checkpoint;

/// One thing that was looked at.
#[derive(Debug)]
pub struct SourceFinding {
    /// What it is: `connection`, `replication`, or a stream's name.
    pub what: String,
    /// What was found, or why it does not serve.
    pub found: Result<String>,
}

/// A table or view of a source.
#[derive(Clone, Debug)]
pub struct SourceRelation {
    /// Its name.
    pub relation: Relation,
    /// Names and types of its columns.
    pub columns: Vec<(String, String)>,
    /// The columns of its primary key.
    pub key: Vec<String>,
}

/// The source called `name`, or the only one.
///
/// # Errors
/// `O1002` if there is none, or several and no name.
pub fn source<'p>(project: &'p Project, name: Option<&str>) -> Result<&'p SourceSpec> {
    let names = || {
        project
            .sources
            .iter()
            .map(|source| source.name.value.as_str())
    };
    match (name, project.sources.as_slice()) {
        (None, [only]) => Ok(only),
        (None, _) => Err(Error::new(codes::O1002, "Which source?").help(format!(
            "name one of: {}",
            names().collect::<Vec<_>>().join(", ")
        ))),
        (Some(name), sources) => sources
            .iter()
            .find(|source| source.name.value == name)
            .ok_or_else(|| {
                Error::new(codes::O1002, format!("There is no source `{name}`"))
                    .suggest(name, names())
            }),
    }
}

/// Looks whether `source` of `project` can be read. Blocks.
#[must_use]
pub fn check_source(project: &Project, source: &SourceSpec) -> Vec<SourceFinding> {
    match &source.kind {
        SourceKind::Files { path } => {
            let found = match path.is_dir() {
                true => Ok(format!("reads `{}`", path.display())),
                false => Ok(format!("`{}` does not exist yet", path.display())),
            };
            vec![SourceFinding {
                what: "folder".to_owned(),
                found,
            }]
        }
        SourceKind::Objects { location, storage } => check_store(source, location, storage),
        SourceKind::Postgres(postgres) => {
            let name = &source.name.value;
            check_postgres(postgres, last_lag(project, name, postgres))
        }
        SourceKind::Webhook(streams) => streams
            .iter()
            .map(|stream| SourceFinding {
                what: stream.name.value.clone(),
                found: Ok(format!(
                    "`sluice serve` takes its events at `{}`",
                    stream.path
                )),
            })
            .collect(),
    }
}

/// The store at `location`.
pub(crate) fn open_store(
    location: &Located<String>,
    options: &[(String, Secret)],
) -> Result<Storage> {
    let at = location.value.parse::<Location>();
    let at = at.map_err(|error| error.at(location.place()))?;
    let options = options.iter();
    let options = options.map(|(name, value)| (name.clone(), value.reveal().to_owned()));
    Storage::open(&at, &StorageOptions::new(options)).map_err(|error| error.at(location.place()))
}

/// Lists each stream's files: that takes credentials, a bucket, and permission.
fn check_store(
    source: &SourceSpec,
    location: &Located<String>,
    options: &[(String, Secret)],
) -> Vec<SourceFinding> {
    let storage = match open_store(location, options) {
        Ok(storage) => storage,
        Err(error) => {
            return vec![SourceFinding {
                what: "store".to_owned(),
                found: Err(error),
            }];
        }
    };
    let streams = source.streams.iter().map(|stream| {
        let patterns: Vec<String> = stream.files.iter().map(|p| p.value.clone()).collect();
        let found = discover_remote(&storage, &patterns, stream.marker.as_deref(), Keys::All);
        SourceFinding {
            what: stream.name.value.clone(),
            found: found.map(|found| {
                let bytes: u64 = found.files.iter().map(|file| file.size).sum();
                let waiting = match found.waiting {
                    0 => String::new(),
                    waiting => format!(", {waiting} more wait for their marker"),
                };
                format!("{} files, {bytes} bytes{waiting}", found.files.len())
            }),
        }
    });
    streams.collect()
}

/// How far behind `source` was when it was last followed, as far as that is known.
fn last_lag(project: &Project, name: &str, source: &PostgresSource) -> Option<Lag> {
    let environment = &project.environment;
    // Looking at a source makes no warehouse.
    let records = match environment.state.is_dir() {
        true => catalog(environment).and_then(|catalog| catalog.assets()),
        false => return None,
    };
    let records = records.ok()?;
    let streams = source.streams.iter();
    let lags = streams.filter_map(|stream| checkpoint(&records, name, stream)?.lag());
    lags.max_by(|one, other| one.measured.cmp(&other.measured))
}

fn check_postgres(source: &PostgresSource, last: Option<Lag>) -> Vec<SourceFinding> {
    let mut findings = Vec::new();
    let mut tell = |what: &str, found: Result<String>| {
        findings.push(SourceFinding {
            what: what.to_owned(),
            found,
        });
    };
    let connection = &source.connection;
    let mut client = match Client::connect(connection) {
        Ok(client) => client,
        Err(error) => {
            tell("connection", Err(error));
            return findings;
        }
    };
    let version = client.version();
    tell(
        "connection",
        Ok(format!(
            "PostgreSQL {}.{}, database `{}`, user `{}`",
            version / 10_000,
            version % 10_000,
            connection.database,
            connection.user
        )),
    );
    if source.streams.iter().any(settings::PostgresStream::is_cdc) {
        tell("replication", replication(&mut client, source));
        if let Some(last) = last {
            tell("lag", lag(&mut client, source, &last));
        }
    }
    for stream in &source.streams {
        let found = ingest::postgres::resolve(&mut client, stream);
        let found = found.map(|shape| {
            let key: Vec<&str> = shape
                .key
                .iter()
                .map(|at| shape.columns[*at].name.as_str())
                .collect();
            let key = match key.is_empty() {
                true => "no key".to_owned(),
                false => format!("key {}", key.join(", ")),
            };
            let full = match shape.table.map(|table| table.identity) {
                Some(Identity::Full) => ", replica identity full",
                _ => "",
            };
            format!("{} columns, {key}{full}", shape.columns.len())
        });
        tell(&stream.name.value, found);
    }
    findings
}

fn replication(client: &mut Client, source: &PostgresSource) -> Result<String> {
    let level = client.value("show wal_level")?.unwrap_or_default();
    if level != "logical" {
        return Err(Error::new(
            codes::P3001,
            format!("The server's `wal_level` is `{level}`"),
        )
        .help("`alter system set wal_level = logical`, then restart the server"));
    }
    let allowed =
        "select rolreplication or rolsuper from pg_catalog.pg_roles where rolname = current_user";
    if client.value(allowed)?.as_deref() != Some("t") {
        let user = &source.connection.user;
        return Err(Error::new(
            codes::P3001,
            format!("User `{user}` may not read the log of changes"),
        )
        .help(format!("`alter role {user} replication`")));
    }
    let name = &source.replication.slot;
    Ok(match slot(client, name)? {
        None => format!("the slot `{name}` is made by the first run"),
        Some(slot) if slot.state == SlotState::Lost => format!("the slot `{name}` is lost"),
        Some(slot) => {
            let sql = "select pg_catalog.pg_size_pretty(pg_catalog.pg_wal_lsn_diff(\
                       pg_catalog.pg_current_wal_flush_lsn(), confirmed_flush_lsn)) \
                       from pg_catalog.pg_replication_slots where slot_name = ";
            let lag = client.value(&format!("{sql}{}", connectors::postgres::literal(name)))?;
            let at = slot.confirmed.map_or_else(String::new, |at| at.to_string());
            format!(
                "the slot `{name}` stands at {at}, {} behind",
                lag.unwrap_or_default()
            )
        }
    })
}

/// How far behind the source is now, against its alarm.
fn lag(client: &mut Client, source: &PostgresSource, last: &Lag) -> Result<String> {
    let settings = &source.replication;
    let confirmed = slot(client, &settings.slot)?.and_then(|slot| slot.confirmed);
    let (end, _) = log_end(client)?;
    let bytes = confirmed.map_or(last.bytes, |at| end.0.saturating_sub(at.0));
    // With nothing to read, time alone puts nobody behind.
    let since = DateTime::parse_from_rfc3339(&last.measured)
        .ok()
        .and_then(|at| (Utc::now() - at.to_utc()).to_std().ok())
        .filter(|_| bytes > 0);
    let now = Lag {
        bytes,
        time: last.time + since.unwrap_or_default(),
        measured: last.measured.clone(),
    };
    let words = format!(
        "{bytes} bytes of the log are not confirmed; when it was last read, at {}, the tables were {} behind",
        last.measured,
        how_far(last)
    );
    match is_alarming(settings, &now) {
        false => Ok(words),
        true => Err(
            Error::new(codes::P3006, format!("The alarm is raised: {words}"))
                .help("is `sluice run --follow` at work?"),
        ),
    }
}

/// What is in `source`. Blocks.
///
/// # Errors
/// `P1001` to `P1004` if the server cannot be asked, `O1002` if the source is no database.
pub fn discover_source(source: &SourceSpec) -> Result<Vec<SourceRelation>> {
    let Some(postgres) = source.postgres() else {
        return Err(Error::new(
            codes::O1002,
            format!(
                "`{}` is a folder of files, not a database",
                source.name.value
            ),
        )
        .help("its streams tell what is in it"));
    };
    let mut client = Client::connect(&postgres.connection)?;
    let found = relations(&mut client)?;
    found
        .into_iter()
        .map(|relation| {
            let info = describe_table(
                &mut client,
                &relation.schema,
                &relation.name,
                &relation.name,
            )?;
            let columns = info.columns.into_iter();
            Ok(SourceRelation {
                relation,
                columns: columns
                    .map(|column| (column.name, column.type_name))
                    .collect(),
                key: info.primary_key,
            })
        })
        .collect()
}
