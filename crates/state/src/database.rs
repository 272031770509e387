//! Opening the file, and the one connection behind a lock.

use std::path::{Path, PathBuf};
use std::time::Duration;

use diagnostic::{Error, Result, ResultExt, codes};
use parking_lot::Mutex;
use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::schema::UPGRADES;
use crate::snapshot::Latest;

/// How long a writer waits for another process's transaction; ours take milliseconds.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);

/// How many statements stay prepared: more than the seventy kinds there are.
const STATEMENTS: usize = 128;

/// The embedded database of one project.
pub struct State {
    opened: Mutex<Opened>,
    path: PathBuf,
}

struct Opened {
    connection: Connection,
    latest: Option<Latest>,
}

impl State {
    /// Opens or creates the file at `path` and brings it to the current layout.
    ///
    /// # Errors
    /// `K2001` if the file cannot be opened or read, `K2002` if a newer Sluice wrote it.
    pub fn open(path: &Path) -> Result<Self> {
        let wrong = || format!("The state file `{}` cannot be opened", path.display());
        let mut connection = Connection::open(path).explain(codes::K2001, wrong)?;
        connection
            .busy_timeout(BUSY_TIMEOUT)
            .explain(codes::K2001, wrong)?;
        connection
            .pragma_update(None, "journal_mode", "wal")
            .and_then(|()| connection.pragma_update(None, "synchronous", "normal"))
            .explain(codes::K2001, wrong)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        upgrade(&mut connection, path)?;
        Ok(Self {
            opened: Mutex::new(Opened {
                connection,
                latest: None,
            }),
            path: path.to_owned(),
        })
    }

    /// Runs `work` in one transaction that holds the write lock from its start. What names point at does
    /// not change by it.
    pub(crate) fn write<T>(&self, work: impl FnOnce(&Transaction<'_>) -> Result<T>) -> Result<T> {
        let mut opened = self.opened.lock();
        self.written(&mut opened.connection, work)
    }

    /// Runs `work` as [`State::write`] does. It may change what names point at: it is given what they
    /// pointed at before, if that is known, and gives what they point at now.
    pub(crate) fn write_names(
        &self,
        work: impl FnOnce(&Transaction<'_>, Option<Latest>) -> Result<Option<Latest>>,
    ) -> Result<()> {
        let mut opened = self.opened.lock();
        let latest = opened.latest.take();
        opened.latest = self.written(&mut opened.connection, |tx| work(tx, latest))?;
        Ok(())
    }

    fn written<T>(
        &self,
        connection: &mut Connection,
        work: impl FnOnce(&Transaction<'_>) -> Result<T>,
    ) -> Result<T> {
        let transaction = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(|cause| self.broken(cause))?;
        let value = work(&transaction)?;
        transaction.commit().map_err(|cause| self.broken(cause))?;
        Ok(value)
    }

    /// Runs `work` on one consistent view of the file.
    pub(crate) fn read<T>(&self, work: impl FnOnce(&Transaction<'_>) -> Result<T>) -> Result<T> {
        self.read_latest(|tx, _| work(tx))
    }

    /// Runs `work` on one consistent view of the file and on the latest snapshot of it.
    pub(crate) fn read_latest<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>, &mut Option<Latest>) -> Result<T>,
    ) -> Result<T> {
        let mut opened = self.opened.lock();
        let Opened { connection, latest } = &mut *opened;
        let transaction = connection
            .transaction()
            .map_err(|cause| self.broken(cause))?;
        work(&transaction, latest)
    }

    fn broken(&self, cause: rusqlite::Error) -> Error {
        Error::new(
            codes::K2001,
            format!("The state file `{}` cannot be used", self.path.display()),
        )
        .because(cause)
    }
}

fn upgrade(connection: &mut Connection, path: &Path) -> Result<()> {
    let wrong = || format!("The state file `{}` cannot be read", path.display());
    let newest = UPGRADES.len();
    let found = |connection: &Connection| -> Result<usize> {
        connection
            .pragma_query_value(None, "user_version", |row| row.get::<_, u32>(0))
            .explain(codes::K2001, wrong)
            .map(|version| version as usize)
    };
    // Most starts need no upgrade, and a start must not wait for somebody's write lock.
    if found(connection)? == newest {
        return Ok(());
    }
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .explain(codes::K2001, wrong)?;
    let version = found(&transaction)?;
    if version > newest {
        return Err(Error::new(
            codes::K2002,
            format!(
                "The state file `{}` has layout {version}, but this Sluice knows {newest}",
                path.display()
            ),
        )
        .help("use the newer Sluice that wrote it"));
    }
    for script in &UPGRADES[version..] {
        transaction
            .execute_batch(script)
            .explain(codes::K2001, wrong)?;
    }
    transaction
        .pragma_update(
            None,
            "user_version",
            u32::try_from(newest).unwrap_or(u32::MAX),
        )
        .and_then(|()| transaction.commit())
        .explain(codes::K2001, wrong)
}

/// Turns a failing row operation into an error of the state file.
pub(crate) trait RowResult<T> {
    fn row(self) -> Result<T>;
}

impl<T> RowResult<T> for rusqlite::Result<T> {
    fn row(self) -> Result<T> {
        self.explain(codes::K2001, || "The state file cannot be used".to_owned())
    }
}

/// Writes a row's body as JSON.
pub(crate) fn to_body(value: &impl serde::Serialize) -> Result<String> {
    serde_json::to_string(value)
        .explain(codes::X0001, || "A state row cannot be written".to_owned())
}

/// Reads a row's body from JSON.
pub(crate) fn from_body<T: serde::de::DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text).explain(codes::K2001, || "A state row cannot be read".to_owned())
}
