//! [`Warehouse`]: the folder that holds a project's tables, seen by everybody or by one run.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use deltalake::{DeltaTable, DeltaTableBuilder};
use diagnostic::{Error, Result, ResultExt, codes};
use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use url::Url;

use crate::overlay::LOG;
use crate::{Overlay, Table};

/// A folder of Delta tables. Locations are paths relative to it, with `/`.
#[derive(Clone, Debug)]
pub struct Warehouse {
    folder: PathBuf,
    store: Arc<dyn ObjectStore>,
    staging: Option<PathBuf>,
}

impl Warehouse {
    /// The tables in `folder` (created if missing) as everybody sees them.
    ///
    /// # Errors
    /// `K2003` if the folder cannot be created.
    pub fn published(folder: &Path) -> Result<Self> {
        let folder = existing(folder)?;
        Ok(Self {
            folder,
            store: Arc::new(LocalFileSystem::new()),
            staging: None,
        })
    }

    /// The same tables as a run sees them that keeps its commits in `staging` (created on demand).
    ///
    /// # Errors
    /// `K2003` if the folder cannot be created.
    pub fn staged(&self, staging: &Path) -> Result<Self> {
        let staging = existing(staging)?;
        let path = |folder: &Path| {
            object_store::path::Path::from_absolute_path(folder).explain(codes::K2003, || {
                format!("`{}` is no usable path", folder.display())
            })
        };
        let base: Arc<dyn ObjectStore> = Arc::new(LocalFileSystem::new());
        Ok(Self {
            folder: self.folder.clone(),
            store: Arc::new(Overlay::new(base, path(&self.folder)?, path(&staging)?)),
            staging: Some(staging),
        })
    }

    /// The folder on disk of the table at `location`.
    #[must_use]
    pub fn directory(&self, location: &str) -> PathBuf {
        self.folder.join(location)
    }

    /// The table at `location` as of `version`.
    ///
    /// # Errors
    /// `K2004` if there is no such table or version, or its log cannot be read.
    pub async fn open(&self, location: &str, version: u64) -> Result<Table> {
        let mut delta = self.delta(location)?;
        delta
            .load_version(version)
            .await
            .explain(codes::K2004, || {
                format!("Table `{location}` cannot be opened at version {version}")
            })?;
        Table::new(location, delta)
    }

    /// A place for a new table: the first commit creates it.
    ///
    /// # Errors
    /// `K2003` if its folder cannot be created.
    pub fn place(&self, location: &str) -> Result<Table> {
        existing(&self.directory(location))?;
        Table::new(location, self.delta(location)?)
    }

    fn delta(&self, location: &str) -> Result<DeltaTable> {
        let folder = self.directory(location);
        let url = Url::from_directory_path(&folder).map_err(|()| {
            Error::new(
                codes::K2003,
                format!("`{}` is no absolute path", folder.display()),
            )
        })?;
        DeltaTableBuilder::from_url(url.clone())
            .map(|builder| builder.with_storage_backend(Arc::clone(&self.store), url))
            .and_then(DeltaTableBuilder::build)
            .explain(codes::K2004, || {
                format!("Table `{location}` cannot be opened")
            })
    }

    /// Moves the staged commit files of the tables at `locations` to their published logs. Doing it
    /// again after a crash finishes what was begun.
    ///
    /// # Errors
    /// `K1004` if another file stands in the way, `K2003` if a file cannot be moved.
    pub fn unstage<'a>(&self, locations: impl IntoIterator<Item = &'a str>) -> Result<()> {
        let Some(staging) = &self.staging else {
            return Ok(());
        };
        for location in locations {
            let staged_log = staging.join(location).join(LOG);
            for staged in files_in(&staged_log)? {
                let name = staged.strip_prefix(staging).explain(codes::X0001, || {
                    "A staged file is not in its folder".to_owned()
                })?;
                move_file(&staged, &self.folder.join(name))?;
                telemetry::failpoint("publish.between_logs");
            }
        }
        Ok(())
    }
}

/// Moves `from` to `to` unless the same content stands there already.
fn move_file(from: &Path, to: &Path) -> Result<()> {
    let wrong = || format!("`{}` cannot be moved to `{}`", from.display(), to.display());
    if let Some(parent) = to.parent() {
        std::fs::create_dir_all(parent).explain(codes::K2003, wrong)?;
    }
    // `hard_link` fails if the target exists, which `rename` would replace.
    match std::fs::hard_link(from, to) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            let mine = std::fs::read(from).explain(codes::K2003, wrong)?;
            let theirs = std::fs::read(to).explain(codes::K2003, wrong)?;
            if mine != theirs {
                return Err(Error::new(
                    codes::K1004,
                    format!("`{}` was written by somebody else", to.display()),
                ));
            }
        }
        Err(error) => return Err(Error::new(codes::K2003, wrong()).because(error)),
    }
    std::fs::remove_file(from).explain(codes::K2003, wrong)
}

fn existing(folder: &Path) -> Result<PathBuf> {
    let wrong = || format!("Folder `{}` cannot be created", folder.display());
    std::fs::create_dir_all(folder).explain(codes::K2003, wrong)?;
    folder.canonicalize().explain(codes::K2003, wrong)
}

/// The files of a log in the order of their versions; none if nothing was staged.
fn files_in(log: &Path) -> Result<Vec<PathBuf>> {
    let wrong = || format!("Folder `{}` cannot be listed", log.display());
    let entries = match std::fs::read_dir(log) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.explain(codes::K2003, wrong)?,
    };
    let mut files = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<std::io::Result<Vec<_>>>()
        .explain(codes::K2003, wrong)?;
    files.sort();
    Ok(files)
}
