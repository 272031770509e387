//! [`Table`]: one Delta table at one version.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use deltalake::DeltaTable;
use diagnostic::{Error, Result, ResultExt, codes};
use futures::TryStreamExt;
use object_store::{ObjectStoreExt, PutMode};
use tokio::sync::OnceCell;

use crate::commit::log_entry;
use crate::{Commit, DataFile, DataFolder, Operation};

/// One Delta table at one version, or a place where one is about to be created.
#[derive(Clone, Debug)]
pub struct Table {
    location: Arc<str>,
    version: Option<u64>,
    place: DeltaTable,
    /// Read when somebody asks: most versions that are written are not read in the same statement.
    loaded: Arc<OnceCell<DeltaTable>>,
}

/// A data file that is part of a table version.
#[derive(Clone, Debug)]
pub struct StoredFile {
    /// Path relative to the table's folder.
    pub path: String,
    /// Bytes.
    pub size: u64,
    /// Rows, if the log says.
    pub rows: Option<u64>,
    /// The file's statistics as the log holds them (JSON).
    pub stats: Option<String>,
}

impl Table {
    pub(crate) fn new(location: &str, place: DeltaTable, version: Option<u64>) -> Self {
        Self {
            location: location.into(),
            version,
            place,
            loaded: Arc::default(),
        }
    }

    /// Folder relative to the warehouse.
    #[must_use]
    pub fn location(&self) -> &str {
        &self.location
    }

    /// The version, `None` before the first commit.
    #[must_use]
    pub fn version(&self) -> Option<u64> {
        self.version
    }

    /// The Delta library's table at this version, for its operations.
    ///
    /// # Errors
    /// `K2004` if the log cannot be read, or there is none yet.
    pub async fn loaded(&self) -> Result<&DeltaTable> {
        let Some(version) = self.version else {
            return Err(Error::new(codes::K2004, self.broken()));
        };
        self.loaded
            .get_or_try_init(|| async {
                let mut delta = self.place.clone();
                delta.load_version(version).await.map(|()| delta)
            })
            .await
            .explain(codes::K2004, || {
                format!(
                    "Table `{}` cannot be opened at version {version}",
                    self.location
                )
            })
    }

    /// What was read of the log, perhaps at an earlier version.
    pub(crate) fn known(&self) -> Option<&DeltaTable> {
        let known = self.loaded.get().unwrap_or(&self.place);
        known.version().is_some().then_some(known)
    }

    /// The columns, hidden ones included.
    ///
    /// # Errors
    /// `K2004` if the log cannot be read, or there is none yet.
    pub async fn schema(&self) -> Result<SchemaRef> {
        let loaded = self.loaded().await?;
        let snapshot = loaded.snapshot().explain(codes::K2004, || self.broken())?;
        Ok(snapshot.snapshot().arrow_schema())
    }

    /// The data files of this version.
    ///
    /// # Errors
    /// `K2004` if the log cannot be read.
    pub async fn files(&self) -> Result<Vec<StoredFile>> {
        if self.version().is_none() {
            return Ok(Vec::new());
        }
        self.loaded()
            .await?
            .get_active_add_actions_by_partitions(&[])
            .map_ok(|file| StoredFile {
                path: file.path().to_string(),
                size: u64::try_from(file.size()).unwrap_or(0),
                rows: file.num_records().and_then(|n| u64::try_from(n).ok()),
                stats: file.stats(),
            })
            .try_collect()
            .await
            .explain(codes::K2004, || self.broken())
    }

    /// Whether the log has no later version.
    ///
    /// # Errors
    /// `K2004` if the log cannot be read.
    pub async fn is_newest(&self) -> Result<bool> {
        let Some(version) = self.version() else {
            return Ok(true);
        };
        let next = object_store::path::Path::from(format!("_delta_log/{:020}.json", version + 1));
        match self.place.object_store().head(&next).await {
            Ok(_) => Ok(false),
            Err(object_store::Error::NotFound { .. }) => Ok(true),
            Err(cause) => Err(Error::new(codes::K2004, self.broken()).because(cause)),
        }
    }

    /// The first version of the table at `place`, with this table's columns and files. Files are never
    /// changed, so both tables' folders (`from`, `to`) hold the same ones: links, not copies, where the
    /// file system has them.
    ///
    /// # Errors
    /// `K2003` if a file cannot be copied, `K2004` if a log cannot be read or written.
    pub async fn copy_to(&self, from: &DataFolder, place: &Self, to: &DataFolder) -> Result<Self> {
        let mut commit = Commit::new(Operation::Create);
        commit.schema = Some(self.schema().await?);
        for file in self.files().await? {
            to.adopt(from, &file.path)?;
            commit.add.push(DataFile {
                path: file.path,
                size: file.size,
                rows: file.rows.unwrap_or(0),
                stats: file.stats.unwrap_or_default(),
            });
        }
        place.commit(&commit).await
    }

    /// Commits the next version.
    ///
    /// # Errors
    /// `K1001` if somebody else committed that version, `K2004` if the log cannot be written,
    /// `K3005` if a column type cannot be stored.
    pub async fn commit(&self, commit: &Commit) -> Result<Self> {
        let version = self.version().map_or(0, |version| version + 1);
        // Only what leaves the table has to be known.
        let stored = match commit.remove_all || !commit.remove.is_empty() {
            true => self.files().await?,
            false => Vec::new(),
        };
        // A change of columns keeps what else the log says about the table.
        let known = match (&commit.schema, self.version()) {
            (Some(_), Some(_)) => {
                let loaded = self.loaded().await?;
                let state = loaded.snapshot().explain(codes::K2004, || self.broken())?;
                Some(state.metadata())
            }
            _ => None,
        };
        let entry = log_entry(commit, self.version().is_none(), known, &stored)?;
        let path = object_store::path::Path::from(format!("_delta_log/{version:020}.json"));
        let put = self
            .place
            .object_store()
            .put_opts(&path, entry.into(), PutMode::Create.into())
            .await;
        match put {
            Ok(_) => {}
            Err(object_store::Error::AlreadyExists { .. }) => {
                return Err(Error::new(
                    codes::K1001,
                    format!(
                        "Version {version} of table `{}` was written by somebody else",
                        self.location
                    ),
                ));
            }
            Err(cause) => return Err(Error::new(codes::K2004, self.broken()).because(cause)),
        }
        // What was read of the log need not be read again for the next version.
        let known = self.loaded.get().unwrap_or(&self.place).clone();
        Ok(Self::new(&self.location, known, Some(version)))
    }

    fn broken(&self) -> String {
        format!(
            "The log of table `{}` cannot be read or written",
            self.location
        )
    }
}
