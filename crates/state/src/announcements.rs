//! [`Announcements`]: files that others said are there, until they are loaded, and what became of them.
//!
//! They have a file of their own beside the state: it is written while runs hold the other one, and what is in it
//! is on disk before anybody is told that it is taken.

use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use diagnostic::{Error, Result, ResultExt, codes};
use parking_lot::Mutex;
use rusqlite::{Connection, Transaction, TransactionBehavior, params};
use serde::{Deserialize, Serialize};

use crate::database::{from_body, to_body};

/// For how long it is known what became of a file, as in Snowflake.
const KEPT: TimeDelta = TimeDelta::days(14);

/// How long another process's transaction is waited for.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);

const TABLES: &str = "
create table if not exists requests (
    stream text not null,
    request_id text not null,
    files text not null,
    received_at text not null,
    primary key (stream, request_id)
) strict;
create table if not exists files (
    id integer primary key,
    stream text not null,
    path text not null,
    size integer,
    received_at text not null,
    settled integer,
    settled_at text,
    body text
) strict;
create index if not exists pending on files (stream) where settled is null;
create index if not exists named on files (stream, path);
create index if not exists settled on files (stream, settled) where settled is not null;
";

/// Files that were announced, in one SQLite file.
#[derive(Debug)]
pub struct Announcements {
    connection: Mutex<Connection>,
    path: PathBuf,
}

/// A file as it is announced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnnouncedFile {
    /// Its name, as the ledger has it.
    pub path: String,
    /// How many bytes it has, if that was said.
    pub size: Option<u64>,
}

/// What came of an announcement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Announced {
    /// It is kept.
    New,
    /// The same request was kept before; nothing changed.
    Before,
    /// A request of this name was kept before, with other files; nothing changed.
    Otherwise,
}

/// A file that waits to be loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingFile {
    /// Which announcement it is.
    pub id: i64,
    /// `source.stream`.
    pub stream: String,
    /// Its name.
    pub path: String,
}

/// What became of an announced file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileFate {
    /// Whether anything of it was kept.
    pub loaded: bool,
    /// Rows read.
    pub rows: u64,
    /// Rows of those that are in quarantine.
    pub quarantined: u64,
    /// The first thing that is wrong with it.
    pub error: Option<String>,
    /// Bytes as found.
    pub size: Option<u64>,
}

/// An announced file with what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettledFile {
    /// The place in the order in which files were settled.
    pub mark: i64,
    /// Its name.
    pub path: String,
    /// When it was announced, RFC 3339 in UTC.
    pub received_at: String,
    /// When its rows could be read, RFC 3339 in UTC.
    pub settled_at: String,
    /// What became of it.
    pub fate: FileFate,
}

impl Announcements {
    /// Opens or creates the file at `path`.
    ///
    /// # Errors
    /// `K2001` if it cannot be used.
    pub fn open(path: &Path) -> Result<Self> {
        let wrong = || unusable(path);
        let connection = Connection::open(path).explain(codes::K2001, wrong)?;
        connection
            .busy_timeout(BUSY_TIMEOUT)
            .and_then(|()| connection.pragma_update(None, "journal_mode", "wal"))
            // A commit is on disk when it returns: `normal` would leave that to the next checkpoint.
            .and_then(|()| connection.pragma_update(None, "synchronous", "full"))
            .and_then(|()| connection.execute_batch(TABLES))
            .explain(codes::K2001, wrong)?;
        Ok(Self {
            connection: Mutex::new(connection),
            path: path.to_owned(),
        })
    }

    /// Keeps that the request called `request` asks for `files` of `stream`: when this returns, that is on disk.
    ///
    /// # Errors
    /// `K2001` if it cannot be kept; then nothing of it is.
    pub fn announce(
        &self,
        stream: &str,
        request: Option<&str>,
        files: &[AnnouncedFile],
    ) -> Result<Announced> {
        let now = now();
        let paths: Vec<&str> = files.iter().map(|file| file.path.as_str()).collect();
        let paths = to_body(&paths)?;
        self.write(|tx| {
            if let Some(request) = request {
                let new = tx.execute(
                    "insert or ignore into requests values (?1, ?2, ?3, ?4)",
                    params![stream, request, paths, now],
                )?;
                if new == 0 {
                    let same = tx.query_row(
                        "select files = ?3 from requests where stream = ?1 and request_id = ?2",
                        params![stream, request, paths],
                        |row| row.get(0),
                    )?;
                    return Ok(match same {
                        true => Announced::Before,
                        false => Announced::Otherwise,
                    });
                }
            }
            let mut statement = tx.prepare_cached(
                "insert into files (stream, path, size, received_at) values (?1, ?2, ?3, ?4)",
            )?;
            for file in files {
                let size = file.size.and_then(|size| i64::try_from(size).ok());
                statement.execute(params![stream, file.path, size, now])?;
            }
            Ok(Announced::New)
        })
    }

    /// The files that wait, oldest first.
    ///
    /// # Errors
    /// `K2001` if the file cannot be read.
    pub fn pending(&self) -> Result<Vec<PendingFile>> {
        self.write(|tx| {
            let mut statement = tx.prepare_cached(
                "select id, stream, path from files where settled is null order by id",
            )?;
            let rows = statement.query_map([], |row| {
                Ok(PendingFile {
                    id: row.get(0)?,
                    stream: row.get(1)?,
                    path: row.get(2)?,
                })
            })?;
            rows.collect()
        })
    }

    /// What became of the file of `stream` called `path` that was announced last, if one was; nothing while it waits.
    ///
    /// # Errors
    /// `K2001` if the file cannot be read.
    pub fn latest(&self, stream: &str, path: &str) -> Result<Option<Option<FileFate>>> {
        let body = self.write(|tx| {
            let mut statement = tx.prepare_cached(
                "select body from files where stream = ?1 and path = ?2 order by id desc limit 1",
            )?;
            let mut rows = statement.query_map(params![stream, path], |row| row.get(0))?;
            rows.next().transpose()
        })?;
        let read = |body: Option<String>| body.map(|body| from_body(&body)).transpose();
        body.map(read).transpose()
    }

    /// Remembers what became of files, and forgets what is too old.
    ///
    /// # Errors
    /// `K2001` if the file cannot be written.
    pub fn settle(&self, fates: &[(i64, FileFate)]) -> Result<()> {
        let now = now();
        let bodies: Vec<(i64, String)> = fates
            .iter()
            .map(|(id, fate)| Ok((*id, to_body(fate)?)))
            .collect::<Result<_>>()?;
        let oldest = rfc3339(Utc::now() - KEPT);
        self.write(|tx| {
            let last: i64 =
                tx.query_row("select coalesce(max(settled), 0) from files", [], |row| row.get(0))?;
            let mut statement = tx.prepare_cached(
                "update files set settled = ?2, settled_at = ?3, body = ?4 where id = ?1 and settled is null",
            )?;
            for (mark, (id, body)) in (last + 1..).zip(&bodies) {
                statement.execute(params![id, mark, now, body])?;
            }
            // The newest stays, so that marks go on from it.
            tx.execute(
                "delete from files where settled_at < ?1 and settled <> (select max(settled) from files)",
                params![oldest],
            )?;
            tx.execute("delete from requests where received_at < ?1", params![oldest])?;
            Ok(())
        })
    }

    /// The newest `limit` settled files of `stream` behind `mark` that were settled in `[from, to)`, oldest first, and whether
    /// these are all.
    ///
    /// # Errors
    /// `K2001` if the file cannot be read.
    pub fn settled(
        &self,
        stream: &str,
        mark: i64,
        (from, to): (DateTime<Utc>, DateTime<Utc>),
        limit: u32,
    ) -> Result<(Vec<SettledFile>, bool)> {
        let found: Vec<(SettledFile, String)> = self.write(|tx| {
            let mut statement = tx.prepare_cached(
                "select settled, path, received_at, settled_at, body from files
                 where stream = ?1 and settled > ?2 and settled_at >= ?3 and settled_at < ?4
                 order by settled desc limit ?5",
            )?;
            let rows = statement.query_map(
                params![
                    stream,
                    mark,
                    rfc3339(from),
                    rfc3339(to),
                    i64::from(limit) + 1
                ],
                |row| {
                    let file = SettledFile {
                        mark: row.get(0)?,
                        path: row.get(1)?,
                        received_at: row.get(2)?,
                        settled_at: row.get(3)?,
                        fate: FileFate::default(),
                    };
                    Ok((file, row.get(4)?))
                },
            )?;
            rows.collect()
        })?;
        let complete = found.len() <= limit as usize;
        let mut files = Vec::with_capacity(found.len());
        for (mut file, body) in found.into_iter().take(limit as usize) {
            file.fate = from_body(&body)?;
            files.push(file);
        }
        files.reverse();
        Ok((files, complete))
    }

    fn write<T>(&self, work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>) -> Result<T> {
        let mut connection = self.connection.lock();
        let work = || {
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let value = work(&transaction)?;
            transaction.commit()?;
            Ok(value)
        };
        work().map_err(|cause: rusqlite::Error| {
            Error::new(codes::K2001, unusable(&self.path)).because(cause)
        })
    }
}

fn unusable(path: &Path) -> String {
    format!(
        "The file of announcements `{}` cannot be used",
        path.display()
    )
}

fn now() -> String {
    rfc3339(Utc::now())
}

/// One width, so that texts compare as times do.
fn rfc3339(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use chrono::{DateTime, Utc};

    use super::{Announced, AnnouncedFile, Announcements, FileFate};

    fn file(path: &str) -> AnnouncedFile {
        let path = path.to_owned();
        AnnouncedFile {
            path,
            size: Some(3),
        }
    }

    #[test]
    fn a_request_is_kept_once_and_its_files_wait_until_they_are_settled() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("files.db");
        let store = Announcements::open(&path).unwrap();
        let files = [file("1.csv"), file("2.csv")];
        let announce = |stream, files: &[_]| store.announce(stream, Some("r"), files).unwrap();
        assert_eq!(announce("s.a", &files), Announced::New);
        assert_eq!(announce("s.a", &files), Announced::Before);
        assert_eq!(announce("s.a", &files[..1]), Announced::Otherwise);
        assert_eq!(announce("s.b", &files[..1]), Announced::New);
        drop(store);

        let store = Announcements::open(&path).unwrap();
        let pending = store.pending().unwrap();
        assert_eq!(pending.len(), 3);
        let fate = |rows| FileFate {
            loaded: true,
            rows,
            ..FileFate::default()
        };
        let fates: Vec<_> = pending
            .iter()
            .zip(1..)
            .map(|(file, rows)| (file.id, fate(rows)))
            .collect();
        store.settle(&fates).unwrap();
        assert_eq!(store.pending().unwrap(), []);

        let always = (
            DateTime::<Utc>::MIN_UTC,
            Utc::now() + chrono::TimeDelta::days(1),
        );
        let always = (
            DateTime::from_timestamp(0, 0).unwrap().max(always.0),
            always.1,
        );
        let (settled, complete) = store.settled("s.a", 0, always, 10).unwrap();
        assert!(complete);
        let seen: Vec<_> = settled
            .iter()
            .map(|file| (file.path.as_str(), file.fate.rows))
            .collect();
        assert_eq!(seen, [("1.csv", 1), ("2.csv", 2)]);
        // Of too many, the newest are given.
        let (settled, complete) = store.settled("s.a", 0, always, 1).unwrap();
        assert_eq!((settled[0].path.as_str(), complete), ("2.csv", false));
        let (later, _) = store.settled("s.a", settled[0].mark, always, 10).unwrap();
        assert_eq!(later, []);
    }
}
