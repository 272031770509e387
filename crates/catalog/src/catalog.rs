//! [`Catalog`]: a project's state file and warehouse, opened and recovered.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use diagnostic::{Result, ResultExt, codes};
use iceberg::RestSettings;
use lake::{Table, Warehouse};
use model::{RelationName, RunId, SchemaName};
use state::{AssetRecord, LedgerEntry, LoadedFile, RunRecord, Snapshot, State};
use storage::Storage;

use crate::kept::KeptRows;
use crate::process::{self, Process};
use crate::{RunLock, Temporary, Workspace, iceberg_catalog, place, recovery, temporary};

/// The catalog of one project. Cheap to share.
#[derive(Clone)]
pub struct Catalog {
    inner: Arc<Inner>,
}

struct Inner {
    folder: PathBuf,
    state: State,
    warehouse: Warehouse,
    publishing: parking_lot::Mutex<()>,
    /// Tables by location, each at the version that was last asked for.
    opened: parking_lot::Mutex<HashMap<String, Table>>,
    kept: parking_lot::Mutex<KeptRows>,
    process: OnceLock<Process>,
    /// The REST catalog that is told of Iceberg tables.
    told: OnceLock<RestSettings>,
}

/// The folder of tables that are nowhere else, below the catalog's.
const WAREHOUSE: &str = "warehouse";

/// How many tables are kept open. One holds the list of its files; builds read each table a few times.
const OPEN_TABLES: usize = 256;

impl Catalog {
    /// Opens the catalog kept in `folder` (a project's `.sluice`), creating it if it is not there,
    /// and recovers from runs that were killed.
    ///
    /// # Errors
    /// `K2001`, `K2002` if the state file cannot be used, `K2003` if the folder cannot.
    pub fn open(folder: &Path) -> Result<Self> {
        Self::open_with(folder, None)
    }

    /// [`Catalog::open`] with its tables in `tables`, a folder or an object store.
    ///
    /// # Errors
    /// As [`Catalog::open`]; `K2005` if its tables are elsewhere, `B3001` if the store cannot keep two writers
    /// apart, `B1003` to `B2003` if it cannot be used.
    pub fn open_in(folder: &Path, tables: &Storage) -> Result<Self> {
        Self::open_with(folder, Some(tables))
    }

    fn open_with(folder: &Path, tables: Option<&Storage>) -> Result<Self> {
        std::fs::create_dir_all(folder).explain(codes::K2003, || {
            format!("Folder `{}` cannot be created", folder.display())
        })?;
        let folder = &folder.canonicalize().explain(codes::K2003, || {
            format!("Folder `{}` cannot be found", folder.display())
        })?;
        let state = State::open(&folder.join("catalog.db"))?;
        let own = folder.join(WAREHOUSE);
        let tables = tables.filter(|tables| !is_own(tables, folder));
        place::settle(folder, tables, &state)?;
        let warehouse = match tables {
            Some(tables) => Warehouse::published_in(tables, &own)?,
            None => Warehouse::published(&own)?,
        };
        let catalog = Self {
            inner: Arc::new(Inner {
                folder: folder.clone(),
                state,
                warehouse,
                publishing: parking_lot::Mutex::default(),
                opened: parking_lot::Mutex::default(),
                kept: parking_lot::Mutex::default(),
                process: OnceLock::new(),
                told: OnceLock::new(),
            }),
        };
        recovery::recover(&catalog)?;
        iceberg_catalog::catch_up(&catalog);
        temporary::clean(&catalog)?;
        Ok(catalog)
    }

    /// Tells a REST catalog of the Iceberg tables, from now on and of those that it has missed.
    pub fn tell(&self, settings: RestSettings) {
        if self.inner.told.set(settings).is_ok() {
            iceberg_catalog::catch_up(self);
        }
    }

    /// The REST catalog that is told of Iceberg tables.
    pub(crate) fn told(&self) -> Option<&RestSettings> {
        self.inner.told.get()
    }

    /// Finishes or drops what runs have left whose work has ended without an end. Live runs are left
    /// alone.
    ///
    /// # Errors
    /// `K2001` or `K2003` if the remains cannot be removed.
    pub fn recover(&self) -> Result<()> {
        recovery::recover(self)
    }

    /// Keeps other runs out until the lock is dropped.
    ///
    /// # Errors
    /// `K1003` if another run is at work.
    pub fn lock_runs(&self) -> Result<RunLock> {
        RunLock::take(&self.inner.folder.join("run.lock"))
    }

    /// Keeps other runs from starting while files that arrived are loaded, which takes moments: a run that starts
    /// meanwhile waits. `None` if a run is at work.
    ///
    /// # Errors
    /// `K2003` if the lock file cannot be used.
    pub fn lock_load(&self) -> Result<Option<RunLock>> {
        RunLock::try_take_for_load(&self.inner.folder.join("run.lock"))
    }

    /// Keeps other processes of this project from following the source `name` until the lock is dropped; `None` if
    /// one does.
    ///
    /// # Errors
    /// `K2003` if the lock file cannot be used.
    pub fn lock_source(&self, name: &str) -> Result<Option<RunLock>> {
        let file = format!("source-{name}.lock");
        RunLock::try_take(&self.inner.folder.join(file))
    }

    /// Keeps other processes from making, removing or recovering what processes and sessions leave on disk,
    /// for the milliseconds that takes: what is half made or half removed must not look like a dead
    /// process's.
    pub(crate) fn lock_folders(&self) -> Result<RunLock> {
        RunLock::wait(&self.inner.folder.join("folders.lock"))
    }

    /// Begins a run's own view of everything published now.
    ///
    /// # Errors
    /// `K2001` if the state file cannot be used.
    pub fn begin(&self, command: &str) -> Result<Workspace> {
        self.begin_in(command, &Arc::default())
    }

    /// Begins a view of everything published now and of a session's `temporary` tables.
    ///
    /// # Errors
    /// `K2001` if the state file cannot be used.
    pub fn begin_in(&self, command: &str, temporary: &Arc<Temporary>) -> Result<Workspace> {
        Workspace::begin(self.clone(), RunId::fresh(), command, Arc::clone(temporary))
    }

    /// When each namespace was created, RFC 3339 in UTC.
    ///
    /// # Errors
    /// `K2001` if the state file cannot be used.
    pub fn namespace_times(&self) -> Result<Vec<(SchemaName, String)>> {
        self.inner.state.namespace_times()
    }

    /// When each relation was last published, RFC 3339 in UTC.
    ///
    /// # Errors
    /// `K2001` if the state file cannot be used.
    pub fn relation_times(&self) -> Result<BTreeMap<RelationName, String>> {
        self.inner.state.relation_times()
    }

    /// The files COPY loaded, of all tables, oldest first.
    ///
    /// # Errors
    /// `K2001` if the state file cannot be used.
    pub fn loaded_files(&self) -> Result<Vec<LoadedFile>> {
        self.inner.state.loaded_files(None)
    }

    /// Takes `count` values of a sequence's counter, and gives the first.
    ///
    /// # Errors
    /// `K2001` if the state file cannot be used, `E1004` if the counter has no value left.
    pub fn take_values(&self, sequence: &str, start: i64, step: i64, count: u64) -> Result<i64> {
        self.inner.state.take_values(sequence, start, step, count)
    }

    /// The value a sequence's counter would give next; `None` if nobody took one.
    ///
    /// # Errors
    /// `K2001` if the state file cannot be used.
    pub fn next_value(&self, sequence: &str) -> Result<Option<i128>> {
        self.inner.state.next_value(sequence)
    }

    /// One publication at a time within this process.
    pub(crate) fn publishing(&self) -> parking_lot::MutexGuard<'_, ()> {
        self.inner.publishing.lock()
    }

    /// Every published relation, object and namespace.
    ///
    /// # Errors
    /// `K2001` if the state file cannot be used.
    pub fn snapshot(&self) -> Result<Snapshot> {
        self.inner.state.snapshot()
    }

    /// The latest record of every asset.
    ///
    /// # Errors
    /// `K2001` if the state file cannot be used.
    pub fn assets(&self) -> Result<BTreeMap<String, AssetRecord>> {
        self.inner.state.assets()
    }

    /// What `stream` has loaded so far.
    ///
    /// # Errors
    /// `K2001` if the state file cannot be used.
    pub fn ledger(&self, stream: &str) -> Result<Vec<LedgerEntry>> {
        self.inner.state.ledger(stream)
    }

    /// The streams that have loaded anything, by name.
    ///
    /// # Errors
    /// `K2001` if the state file cannot be used.
    pub fn ledger_streams(&self) -> Result<Vec<String>> {
        self.inner.state.ledger_streams()
    }

    /// The latest runs, newest first.
    ///
    /// # Errors
    /// `K2001` if the state file cannot be used.
    pub fn runs(&self, limit: u32) -> Result<Vec<RunRecord>> {
        self.inner.state.runs(limit)
    }

    /// The folder the catalog lives in.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.inner.folder
    }

    pub(crate) fn state(&self) -> &State {
        &self.inner.state
    }

    pub(crate) fn warehouse(&self) -> &Warehouse {
        &self.inner.warehouse
    }

    /// The published table at `location` as of `version`, if it is open: once per process while it is in use.
    pub(crate) fn opened(&self, location: &str, version: u64) -> Option<Table> {
        let opened = self.inner.opened.lock();
        let table = opened.get(location);
        table.filter(|t| t.version() == Some(version)).cloned()
    }

    /// Opens the published table at `location` as of `version`.
    ///
    /// # Errors
    /// `K2004` if it cannot be opened.
    pub(crate) async fn open_table(&self, location: &str, version: u64) -> Result<Table> {
        let table = self.inner.warehouse.open(location, version).await?;
        self.insert_open(table.clone());
        Ok(table)
    }

    /// Keeps open what a run has written and published, if enough is known of it.
    ///
    /// # Errors
    /// `K2004` if it cannot be opened.
    pub(crate) fn keep_open(&self, written: &Table) -> Result<()> {
        if let Some(table) = self.inner.warehouse.see(written)? {
            self.insert_open(table);
        }
        Ok(())
    }

    fn insert_open(&self, table: Table) {
        let mut opened = self.inner.opened.lock();
        if opened.len() >= OPEN_TABLES {
            opened.clear();
        }
        opened.insert(table.location().to_owned(), table);
    }

    /// The rows of small published tables that this process has written.
    pub(crate) fn kept(&self) -> parking_lot::MutexGuard<'_, KeptRows> {
        self.inner.kept.lock()
    }

    /// This process, if it has begun to write.
    pub(crate) fn process_begun(&self) -> Option<&Process> {
        self.inner.process.get()
    }

    /// This process, which others see from now on.
    ///
    /// # Errors
    /// `K2003` if its lock file cannot be made.
    pub(crate) fn process(&self) -> Result<&Process> {
        if let Some(process) = self.inner.process.get() {
            return Ok(process);
        }
        let _folders = self.lock_folders()?;
        // Another task may have been faster while this one waited.
        if let Some(process) = self.inner.process.get() {
            return Ok(process);
        }
        let process = Process::new(&process::folder(&self.inner.folder))?;
        Ok(self.inner.process.get_or_init(|| process))
    }
}

/// Whether `tables` is the folder of tables that are nowhere else, however it is written.
fn is_own(tables: &Storage, folder: &Path) -> bool {
    let Some(place) = tables.location().as_local() else {
        return false;
    };
    let parent = place.parent().and_then(|parent| parent.canonicalize().ok());
    parent.as_deref() == Some(folder) && place.ends_with(WAREHOUSE)
}
