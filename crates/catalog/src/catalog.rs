//! [`Catalog`]: a project's state file and warehouse, opened and recovered.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use diagnostic::{Result, ResultExt, codes};
use lake::Warehouse;
use model::{RelationName, RunId, SchemaName};
use state::{AssetRecord, LedgerEntry, Relation, RunRecord, State};

use crate::{RunLock, Workspace, recovery};

/// The catalog of one project. Cheap to share.
#[derive(Clone)]
pub struct Catalog {
    inner: Arc<Inner>,
}

struct Inner {
    folder: PathBuf,
    state: State,
    warehouse: Warehouse,
}

impl Catalog {
    /// Opens the catalog kept in `folder` (a project's `.sluice`), creating it if it is not there,
    /// and recovers from runs that were killed.
    ///
    /// # Errors
    /// `K2001`, `K2002` if the state file cannot be used, `K2003` if the folder cannot.
    pub fn open(folder: &Path) -> Result<Self> {
        let runs = folder.join("runs");
        std::fs::create_dir_all(&runs).explain(codes::K2003, || {
            format!("Folder `{}` cannot be created", runs.display())
        })?;
        let catalog = Self {
            inner: Arc::new(Inner {
                folder: folder.to_owned(),
                state: State::open(&folder.join("catalog.db"))?,
                warehouse: Warehouse::published(&folder.join("warehouse"))?,
            }),
        };
        recovery::recover(&catalog)?;
        Ok(catalog)
    }

    /// Keeps other runs out until the lock is dropped.
    ///
    /// # Errors
    /// `K1003` if another run is at work.
    pub fn lock_runs(&self) -> Result<RunLock> {
        RunLock::take(&self.inner.folder.join("run.lock"))
    }

    /// Begins a run's own view of everything published now.
    ///
    /// # Errors
    /// `K2001` if the state file cannot be used.
    pub fn begin(&self, command: &str) -> Result<Workspace> {
        Workspace::begin(self.clone(), RunId::fresh(), command)
    }

    /// Every published relation.
    ///
    /// # Errors
    /// `K2001` if the state file cannot be used.
    pub fn relations(&self) -> Result<BTreeMap<RelationName, Relation>> {
        self.inner.state.relations()
    }

    /// Every namespace.
    ///
    /// # Errors
    /// `K2001` if the state file cannot be used.
    pub fn namespaces(&self) -> Result<Vec<SchemaName>> {
        self.inner.state.namespaces()
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

    pub(crate) fn run_folder(&self, run: RunId) -> PathBuf {
        self.inner.folder.join("runs").join(run.to_string())
    }
}
