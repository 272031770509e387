//! [`Warehouse`]: the folder that holds a project's tables, seen by everybody or by one run.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use deltalake::{DeltaTable, DeltaTableBuilder};
use diagnostic::{Error, Result, ResultExt, codes};
use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use url::Url;

use crate::Table;
use crate::overlay::{Overlay, Staged};

/// A folder of Delta tables. Locations are paths relative to it, with `/`.
#[derive(Clone, Debug)]
pub struct Warehouse {
    folder: PathBuf,
    store: Arc<dyn ObjectStore>,
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
        })
    }

    /// The same tables as a run sees them that keeps its commits in `staged`.
    ///
    /// # Errors
    /// `K2003` if the warehouse's folder is no usable path.
    pub fn staging(&self, staged: &Staged) -> Result<Self> {
        let warehouse = object_store::path::Path::from_absolute_path(&self.folder)
            .explain(codes::K2003, || {
                format!("`{}` is no usable path", self.folder.display())
            })?;
        let overlay = Overlay::new(Arc::clone(&self.store), warehouse, staged.clone());
        Ok(Self {
            folder: self.folder.clone(),
            store: Arc::new(overlay),
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
        let table = Table::new(location, self.delta(location)?, Some(version));
        table.loaded().await?;
        Ok(table)
    }

    /// A place for a new table: the first commit creates it.
    ///
    /// # Errors
    /// `K2003` if its folder cannot be created.
    pub fn place(&self, location: &str) -> Result<Table> {
        existing(&self.directory(location))?;
        Ok(Table::new(location, self.delta(location)?, None))
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

    /// Writes commit files, given by path below the warehouse, to the published logs. Doing it again after
    /// a crash finishes what was begun.
    ///
    /// # Errors
    /// `K1004` if another file stands in the way, `K2003` if a file cannot be written.
    pub fn publish(&self, commits: &[(String, String)]) -> Result<()> {
        for (path, text) in commits {
            put(&self.folder.join(path), text)?;
            telemetry::failpoint("publish.between_logs");
        }
        Ok(())
    }
}

/// Writes `text` to the new file `path`, which nobody sees half written. Nothing happens if the same
/// stands there already.
fn put(path: &Path, text: &str) -> Result<()> {
    let wrong = || format!("`{}` cannot be written", path.display());
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).explain(codes::K2003, wrong)?;
    }
    let half = path.with_extension("new");
    std::fs::write(&half, text).explain(codes::K2003, wrong)?;
    // `hard_link` fails if the target exists, which `rename` would replace.
    match std::fs::hard_link(&half, path) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            let theirs = std::fs::read(path).explain(codes::K2003, wrong)?;
            if theirs != text.as_bytes() {
                return Err(Error::new(
                    codes::K1004,
                    format!("`{}` was written by somebody else", path.display()),
                ));
            }
        }
        Err(error) => return Err(Error::new(codes::K2003, wrong()).because(error)),
    }
    std::fs::remove_file(&half).explain(codes::K2003, wrong)
}

fn existing(folder: &Path) -> Result<PathBuf> {
    let wrong = || format!("Folder `{}` cannot be created", folder.display());
    std::fs::create_dir_all(folder).explain(codes::K2003, wrong)?;
    folder.canonicalize().explain(codes::K2003, wrong)
}
