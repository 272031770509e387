//! [`Process`]: how others see that a process is alive whose runs have not ended.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use diagnostic::{Result, ResultExt, codes};
use model::RunId;
use parking_lot::Mutex;

use crate::{RunLock, recovery};

/// The folder of the lock files of processes that write.
pub(crate) const FOLDER: &str = "processes";

/// The folder of locks below `catalog`'s folder.
pub(crate) fn folder(catalog: &Path) -> PathBuf {
    catalog.join(FOLDER)
}

/// A process that writes. Its lock file is there while it lives, and after it if a run of it has no end.
#[derive(Debug)]
pub(crate) struct Process {
    id: String,
    path: PathBuf,
    /// The runs without a recorded end, and whether somebody works on them.
    runs: Mutex<BTreeMap<RunId, bool>>,
    _lock: RunLock,
}

impl Process {
    /// Takes a lock in `folder`. The caller keeps others from looking meanwhile.
    pub(crate) fn new(folder: &Path) -> Result<Self> {
        std::fs::create_dir_all(folder).explain(codes::K2003, || {
            format!("Folder `{}` cannot be created", folder.display())
        })?;
        let id = RunId::fresh().to_string();
        let path = folder.join(&id);
        Ok(Self {
            _lock: RunLock::take(&path)?,
            id,
            path,
            runs: Mutex::default(),
        })
    }

    /// Its name.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Notes that `run` begins to write.
    pub(crate) fn begins(&self, run: RunId) {
        self.runs.lock().insert(run, true);
    }

    /// Notes that nobody works on `run` any more, though its end may not be recorded.
    pub(crate) fn leaves(&self, run: RunId) {
        if let Some(works) = self.runs.lock().get_mut(&run) {
            *works = false;
        }
    }

    /// Notes that the end of `run` is recorded.
    pub(crate) fn ended(&self, run: RunId) {
        self.runs.lock().remove(&run);
    }

    /// Whether somebody works on `run`.
    pub(crate) fn works_on(&self, run: RunId) -> bool {
        self.runs.lock().get(&run) == Some(&true)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // What has no end is left for whoever starts next.
        if self.runs.get_mut().is_empty()
            && let Err(error) = recovery::remove_file(&self.path)
        {
            tracing::warn!("the lock file of a process is left behind: {error}");
        }
    }
}
