//! [`Warehouse`]: the place that holds a project's tables, seen by everybody or by one run.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Once};

use deltalake::DeltaResult;
use deltalake::logstore::{
    LogStore, LogStoreFactory, ObjectStoreRef, StorageConfig, default_logstore, logstore_factories,
};
use diagnostic::{Error, Result, ResultExt, codes};
use futures::{StreamExt, TryStreamExt, stream};
use object_store::ObjectStore;
use storage::{Created, Location, Scheme, Storage, StorageOptions, block_on};
use url::Url;

use crate::iceberg_table::{IcebergTable, TableFormat};
use crate::log_state::LogState;
use crate::overlay::{Overlay, Staged};
use crate::table_root::TableRoot;
use crate::upkeep::CHECKPOINT_INTERVAL;
use crate::{DataFolder, Table};

/// The folder of all sessions' temporary tables. It is on this machine, wherever the other tables are. No
/// database's folder begins with a dot.
pub const TEMPORARY: &str = ".temporary";

/// How many tables' commits are published at once to an object store.
const AT_ONCE: usize = 16;

/// Tables in a folder or a bucket. Locations are paths relative to it, with `/`.
#[derive(Clone, Debug)]
pub struct Warehouse {
    tables: Storage,
    /// The store of `tables`, perhaps with a run's commits laid over it.
    seen: Arc<dyn ObjectStore>,
    temporary: Storage,
}

impl Warehouse {
    /// The tables in `folder` (created if missing) as everybody sees them.
    ///
    /// # Errors
    /// `K2003` if the folder cannot be created.
    pub fn published(folder: &Path) -> Result<Self> {
        let storage = local(folder)?;
        Ok(Self {
            seen: Arc::clone(storage.store()),
            temporary: storage.clone(),
            tables: storage,
        })
    }

    /// The tables in `tables` as everybody sees them; temporary ones are in `folder`.
    ///
    /// # Errors
    /// `K2003` if a folder cannot be created.
    pub fn published_in(tables: &Storage, folder: &Path) -> Result<Self> {
        let tables = match tables.location().as_local() {
            Some(folder) => local(folder)?,
            None => {
                know_schemes();
                tables.clone()
            }
        };
        Ok(Self {
            seen: Arc::clone(tables.store()),
            temporary: local(folder)?,
            tables,
        })
    }

    /// The same tables as a run sees them that keeps its commits in `staged`.
    #[must_use]
    pub fn staging(&self, staged: &Staged) -> Self {
        let base = Arc::clone(self.tables.store());
        let overlay = Overlay::new(base, self.tables.path(""), staged.clone());
        Self {
            seen: Arc::new(overlay),
            ..self.clone()
        }
    }

    /// Where the tables are.
    #[must_use]
    pub fn storage(&self) -> &Storage {
        &self.tables
    }

    /// The folder of temporary tables.
    #[must_use]
    pub fn temporary(&self) -> PathBuf {
        let folder = self.temporary.location().as_local();
        folder.unwrap_or(Path::new("")).join(TEMPORARY)
    }

    /// The folder of the data files of the table at `location`.
    #[must_use]
    pub fn folder(&self, location: &str) -> DataFolder {
        let storage = self.storage_of(location);
        match storage.location().as_local() {
            Some(folder) => DataFolder::local(&folder.join(location)),
            None => DataFolder::remote(storage.below(location)),
        }
    }

    /// The table at `location` as of `version`.
    ///
    /// # Errors
    /// `K2004` if there is no such table or version, or its log cannot be read.
    pub async fn open(&self, location: &str, version: u64) -> Result<Table> {
        let table = Table::new(location, self.root(location)?, Some(version));
        if TableFormat::of(location) == TableFormat::Iceberg {
            return Ok(table.with_iceberg(IcebergTable::open(self, location, version).await?));
        }
        if version < CHECKPOINT_INTERVAL
            && let Some(state) = LogState::read(table.object_store(), version).await
        {
            return Ok(table.with_state(Some(Arc::new(state))));
        }
        table.loaded().await?;
        Ok(table)
    }

    /// `table`, which another view of the warehouse has open, as this one sees it. Nothing if too little is known of it
    /// to spare the reading.
    ///
    /// # Errors
    /// `K2004` if it cannot be opened.
    pub fn see(&self, table: &Table) -> Result<Option<Table>> {
        let Some(state) = table.state() else {
            return Ok(None);
        };
        let root = self.root(table.location())?;
        let seen = Table::new(table.location(), root, table.version());
        Ok(Some(seen.with_state(Some(Arc::clone(state)))))
    }

    /// The full path of the metadata file of an Iceberg table's `version`, as Iceberg catalogs name it; nothing for
    /// other tables.
    #[must_use]
    pub fn metadata_location(&self, location: &str, version: u64) -> Option<String> {
        let of_iceberg = TableFormat::of(location) == TableFormat::Iceberg;
        let name = iceberg::metadata_file(version);
        of_iceberg.then(|| format!("{}/{name}", self.full_location(location)))
    }

    /// How Iceberg's metadata calls `location`, or the place of all tables.
    #[must_use]
    pub fn full_location(&self, location: &str) -> String {
        let place = self.tables.location();
        let full = match location {
            "" => place.to_string(),
            location => place.join(location).to_string(),
        };
        match place.as_local() {
            Some(_) => format!("{}{full}", Scheme::File.prefix()),
            None => full,
        }
    }

    /// A place for a new table: the first commit creates it.
    ///
    /// # Errors
    /// `K2003` if its folder cannot be created.
    pub fn place(&self, location: &str) -> Result<Table> {
        if let Some(folder) = self.folder(location).as_local() {
            existing(folder)?;
        }
        let table = Table::new(location, self.root(location)?, None);
        Ok(match TableFormat::of(location) {
            TableFormat::Delta => table,
            TableFormat::Iceberg => table.with_iceberg(IcebergTable::place(self, location)),
        })
    }

    /// A location for a new table that nobody else has: `plain`, or `plain` with a suffix.
    ///
    /// # Errors
    /// `K2003` if its folder cannot be created.
    pub fn reserve(&self, plain: &str) -> Result<String> {
        let folder = self.folder(plain);
        let Some(folder) = folder.as_local() else {
            // A bucket has no folders to make first.
            return Ok(format!("{plain}-{}", uuid::Uuid::now_v7().simple()));
        };
        if let Some(parent) = folder.parent() {
            std::fs::create_dir_all(parent).explain(codes::K2003, || {
                format!("`{}` cannot be created", parent.display())
            })?;
        }
        // A folder of that name may hold a dropped table, so the first free name is taken.
        let mut location = plain.to_owned();
        let mut attempt = 1;
        loop {
            let folder = self.folder(&location);
            let Some(folder) = folder.as_local() else {
                return Ok(location);
            };
            match std::fs::create_dir(folder) {
                Ok(()) => return Ok(location),
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                    attempt += 1;
                    location = format!("{plain}-{attempt}");
                }
                Err(error) => {
                    return Err(error).explain(codes::K2003, || {
                        format!("`{}` cannot be created", folder.display())
                    });
                }
            }
        }
    }

    /// Removes everything at `location`, which no pointer names. It may be gone already.
    ///
    /// # Errors
    /// `K2003` if it cannot be removed, `B2002`, `B2003` in an object store.
    pub fn remove(&self, location: &str) -> Result<()> {
        if let Some(folder) = self.folder(location).as_local() {
            return match std::fs::remove_dir_all(folder) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error)
                    .explain(codes::K2003, || {
                        format!("`{}` cannot be removed", folder.display())
                    }),
                _ => Ok(()),
            };
        }
        let storage = self.storage_of(location).below(location);
        block_on(async move {
            for entry in storage.list(None).await? {
                storage.remove(&entry.name).await?;
            }
            Ok(())
        })?
    }

    /// The store of all tables, as this warehouse sees it.
    pub(crate) fn seen(&self) -> &Arc<dyn ObjectStore> {
        &self.seen
    }

    pub(crate) fn storage_of(&self, location: &str) -> &Storage {
        match location.starts_with(TEMPORARY) {
            true => &self.temporary,
            false => &self.tables,
        }
    }

    fn root(&self, location: &str) -> Result<TableRoot> {
        let url = url_of(&self.storage_of(location).location().join(location))?;
        let store = match location.starts_with(TEMPORARY) {
            true => self.temporary.store(),
            false => &self.seen,
        };
        TableRoot::new(store, url)
    }

    /// Writes commit files, given by path below the warehouse, to the published logs. Doing it again after
    /// a crash finishes what was begun.
    ///
    /// # Errors
    /// `K1004` if another file stands in the way, `K2003` if a file cannot be written, `B2001` to `B2003` in an
    /// object store.
    pub fn publish(&self, commits: &[(String, String)]) -> Result<()> {
        if let Some(folder) = self.tables.location().as_local() {
            for (path, text) in commits {
                put(&folder.join(path), text)?;
                telemetry::failpoint("publish.between_logs");
            }
            return Ok(());
        }
        let storage = self.tables.clone();
        // The commits of one table in their order, those of different tables beside each other.
        let mut tables: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
        for (path, text) in commits {
            let table = path.rsplit_once('/').map_or("", |(table, _)| table);
            let commits = tables.entry(table.to_owned()).or_default();
            commits.push((path.clone(), text.clone()));
        }
        block_on(async move {
            stream::iter(tables.into_values())
                .map(|commits| put_all(storage.clone(), commits))
                .buffer_unordered(AT_ONCE)
                .try_collect::<Vec<()>>()
                .await
                .map(drop)
        })?
    }
}

/// Writes new objects, which must not exist with another content.
async fn put_all(storage: Storage, commits: Vec<(String, String)>) -> Result<()> {
    for (path, text) in commits {
        if storage.create(&path, text).await? == Created::Exists {
            return Err(Error::new(
                codes::K1004,
                format!(
                    "`{}` was written by somebody else",
                    storage.location().join(&path)
                ),
            ));
        }
        telemetry::failpoint("publish.between_logs");
    }
    Ok(())
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

fn local(folder: &Path) -> Result<Storage> {
    Storage::open(
        &Location::Local(existing(folder)?),
        &StorageOptions::default(),
    )
}

/// `location` as the Delta library names tables.
pub(crate) fn url_of(location: &Location) -> Result<Url> {
    let wrong = || Error::new(codes::K2003, format!("`{location}` is no usable place"));
    match location {
        Location::Local(folder) => Url::from_directory_path(folder).map_err(|()| wrong()),
        Location::Remote {
            scheme,
            bucket,
            path,
        } => {
            let mut url = Url::parse(&format!("{}{bucket}/", scheme.prefix()))
                .map_err(|cause| wrong().because(cause))?;
            url.path_segments_mut()
                .map_err(|()| wrong())?
                .extend(path.split('/'))
                .push("");
            Ok(url)
        }
    }
}

/// Logs in object stores are like those in folders, since these stores know conditional writes.
struct PlainLogs;

impl LogStoreFactory for PlainLogs {
    fn with_options(
        &self,
        prefixed_store: ObjectStoreRef,
        root_store: ObjectStoreRef,
        location: &Url,
        options: &StorageConfig,
    ) -> DeltaResult<Arc<dyn LogStore>> {
        Ok(default_logstore(
            prefixed_store,
            root_store,
            location,
            options,
        ))
    }
}

/// Tells the Delta library of the schemes that tables may have.
pub(crate) fn know_schemes() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        for scheme in [Scheme::S3, Scheme::Gcs, Scheme::Azure] {
            if let Ok(url) = Url::parse(scheme.prefix()) {
                logstore_factories().insert(url, Arc::new(PlainLogs));
            }
        }
    });
}
