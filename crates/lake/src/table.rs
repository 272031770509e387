//! [`Table`]: one table at one version.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use deltalake::DeltaTable;
use deltalake::kernel::{DeletionVectorDescriptor, Metadata, Protocol};
use diagnostic::{Error, Result, ResultExt, codes};
use futures::TryStreamExt;
use object_store::{ObjectStore, ObjectStoreExt, PutMode};
use tokio::sync::OnceCell;

use crate::commit::{CONSTRAINT, Known, log_entry};
use crate::deletion::file_of;
use crate::feed::ENABLED;
use crate::log_state::{LogState, commit_file};
use crate::partition::check_partition_by;
use crate::table_root::TableRoot;
use crate::{
    Commit, DataFile, DataFolder, DeletedRows, IcebergTable, Operation, PartitionValues,
    TableFormat,
};

/// One table at one version, or a place where one is about to be created.
#[derive(Clone, Debug)]
pub struct Table {
    location: Arc<str>,
    version: Option<u64>,
    root: TableRoot,
    /// What was read of the log at an earlier version.
    earlier: Option<DeltaTable>,
    /// Read when somebody asks: most versions that are written are not read in the same statement.
    loaded: Arc<OnceCell<DeltaTable>>,
    /// What the log says at this version, if that is known without the Delta library.
    state: Option<Arc<LogState>>,
    /// What it is instead, if it is no Delta table.
    iceberg: Option<IcebergTable>,
}

/// A data file that is part of a table version.
#[derive(Clone, Debug)]
pub struct StoredFile {
    /// Path relative to the table's folder.
    pub path: String,
    /// Bytes.
    pub size: u64,
    /// Rows that are part of the table, if the log says.
    pub rows: Option<u64>,
    /// The file's statistics as the log holds them (JSON). They count rows that have left, too.
    pub stats: Option<String>,
    /// Which of its rows have left the table.
    pub vector: Option<DeletionVectorDescriptor>,
    /// What its rows have in the table's partition columns.
    pub partition: PartitionValues,
}

impl StoredFile {
    /// How many of its rows have left the table.
    #[must_use]
    pub fn left(&self) -> u64 {
        let left = self.vector.as_ref().map(|vector| vector.cardinality);
        left.and_then(|left| u64::try_from(left).ok()).unwrap_or(0)
    }

    /// The rows that have left the table.
    ///
    /// # Errors
    /// `K2003` if the file that says so cannot be read.
    pub fn deleted(&self, folder: &DataFolder) -> Result<DeletedRows> {
        let read = |vector| DeletedRows::read(folder, vector);
        self.vector
            .as_ref()
            .map_or_else(|| Ok(DeletedRows::default()), read)
    }
}

impl Table {
    pub(crate) fn new(location: &str, root: TableRoot, version: Option<u64>) -> Self {
        Self {
            location: location.into(),
            version,
            root,
            earlier: None,
            loaded: Arc::default(),
            state: None,
            iceberg: None,
        }
    }

    /// The same table, of which `state` is known.
    pub(crate) fn with_state(mut self, state: Option<Arc<LogState>>) -> Self {
        self.state = state;
        self
    }

    /// What is known of it without the Delta library.
    pub(crate) fn state(&self) -> Option<&Arc<LogState>> {
        self.state.as_ref()
    }

    /// The same place, for what is no Delta table.
    pub(crate) fn with_iceberg(mut self, iceberg: IcebergTable) -> Self {
        self.version = iceberg.version();
        self.iceberg = Some(iceberg);
        self
    }

    /// Its format.
    #[must_use]
    pub fn format(&self) -> TableFormat {
        TableFormat::of(&self.location)
    }

    /// The Iceberg table, if it is one.
    #[must_use]
    pub fn iceberg(&self) -> Option<&IcebergTable> {
        self.iceberg.as_ref()
    }

    /// `folder`, where the table's files lie, for those who read and write them.
    #[must_use]
    pub fn data_folder(&self, folder: DataFolder) -> DataFolder {
        folder.with_ids(self.iceberg.as_ref().map(IcebergTable::column_ids))
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
                let mut delta = self.earlier.clone().map_or_else(|| self.root.delta(), Ok)?;
                let read = delta.load_version(version).await.map(|()| delta);
                read.explain(codes::K2004, || {
                    format!(
                        "Table `{}` cannot be opened at version {version}",
                        self.location
                    )
                })
            })
            .await
    }

    /// The same table at another version, which is not looked for yet.
    pub(crate) fn at(&self, version: u64) -> Self {
        Self::new(&self.location, self.root.clone(), Some(version))
    }

    /// Where its files lie.
    pub(crate) fn object_store(&self) -> &Arc<dyn ObjectStore> {
        self.root.folder()
    }

    /// What was read of the log, perhaps at an earlier version.
    pub(crate) fn known(&self) -> Option<&DeltaTable> {
        self.loaded.get().or(self.earlier.as_ref())
    }

    /// The columns, hidden ones included.
    ///
    /// # Errors
    /// `K2004` if the log cannot be read, or there is none yet.
    pub async fn schema(&self) -> Result<SchemaRef> {
        if let Some(iceberg) = &self.iceberg {
            return iceberg.schema();
        }
        if let Some(state) = &self.state {
            return Ok(Arc::clone(&state.schema));
        }
        let loaded = self.loaded().await?;
        let snapshot = loaded.snapshot().explain(codes::K2004, || self.broken())?;
        Ok(snapshot.snapshot().arrow_schema())
    }

    /// The columns whose values tell partitions apart; none before the first commit.
    ///
    /// # Errors
    /// `K2004` if the log cannot be read.
    pub async fn partition_by(&self) -> Result<Vec<String>> {
        let metadata = self.metadata().await?;
        Ok(metadata.map_or_else(Vec::new, |metadata| metadata.partition_columns().to_vec()))
    }

    /// What the log says of the table besides its files; nothing before the first commit, or if it is no Delta table.
    async fn metadata(&self) -> Result<Option<&Metadata>> {
        match self.version.is_none() || self.iceberg.is_some() {
            true => Ok(None),
            false => Ok(Some(self.declared().await?.0)),
        }
    }

    /// What the log of a Delta table says of it besides its files.
    async fn declared(&self) -> Result<(&Metadata, &Protocol)> {
        if let Some(state) = &self.state {
            return Ok((&state.metadata, &state.protocol));
        }
        let loaded = self.loaded().await?;
        let snapshot = loaded.snapshot().explain(codes::K2004, || self.broken())?;
        Ok((snapshot.metadata(), snapshot.protocol()))
    }

    /// The CHECK constraints: their names, and the conditions that every row meets.
    ///
    /// # Errors
    /// `K2004` if the log cannot be read.
    pub async fn constraints(&self) -> Result<Vec<(String, String)>> {
        let Some(metadata) = self.metadata().await? else {
            return Ok(Vec::new());
        };
        let properties = metadata.configuration().iter();
        let mut constraints: Vec<_> = properties
            .filter_map(|(name, condition)| {
                Some((name.strip_prefix(CONSTRAINT)?.to_owned(), condition.clone()))
            })
            .collect();
        constraints.sort();
        Ok(constraints)
    }

    /// Whether its commits say which rows they change.
    ///
    /// # Errors
    /// `K2004` if the log cannot be read.
    pub async fn change_data_feed(&self) -> Result<bool> {
        let metadata = self.metadata().await?;
        let property = metadata.and_then(|metadata| metadata.configuration().get(ENABLED));
        Ok(property.is_some_and(|on| on == "true"))
    }

    /// The data files of this version.
    ///
    /// # Errors
    /// `K2004` if the log cannot be read.
    pub async fn files(&self) -> Result<Vec<StoredFile>> {
        if self.version().is_none() {
            return Ok(Vec::new());
        }
        if let Some(iceberg) = &self.iceberg {
            return iceberg.files().await;
        }
        if let Some(state) = &self.state {
            return Ok(state.files.clone());
        }
        self.loaded()
            .await?
            .get_active_add_actions_by_partitions(&[])
            .map_ok(|file| {
                let mut stored = StoredFile {
                    path: file.path().to_string(),
                    size: u64::try_from(file.size()).unwrap_or(0),
                    rows: None,
                    stats: file.stats(),
                    vector: file.deletion_vector_descriptor(),
                    partition: file.partition_values_map().into_iter().collect(),
                };
                let written = file.num_records().and_then(|n| u64::try_from(n).ok());
                stored.rows = written.map(|rows| rows.saturating_sub(stored.left()));
                stored
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
        if let Some(iceberg) = &self.iceberg {
            return iceberg.is_newest().await;
        }
        let next = commit_file(version + 1);
        match self.object_store().head(&next).await {
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
        if let (Some(source), Some(target)) = (&self.iceberg, &place.iceberg) {
            for file in self.files().await? {
                to.adopt(from, &file.path)?;
            }
            return Ok(place.clone().with_iceberg(target.copy_of(source).await?));
        }
        if self.format() != place.format() {
            return Err(Error::new(
                codes::K4002,
                format!(
                    "The files of table `{}` cannot become a table of another format",
                    self.location
                ),
            )
            .help("copy its rows instead: `create table … as select * from …`"));
        }
        let mut commit = Commit::new(Operation::Create);
        commit.schema = Some(self.schema().await?);
        commit.partition_by = Some(self.partition_by().await?);
        for (name, condition) in self.constraints().await? {
            commit.constrain(&name, Some(&condition));
        }
        if self.change_data_feed().await? {
            commit.set_change_data_feed(true);
        }
        for file in self.files().await? {
            to.adopt(from, &file.path)?;
            if let Some(vector) = file.vector {
                if let Some(name) = file_of(&vector) {
                    to.adopt(from, &name)?;
                }
                commit.vectors.push((file.path.clone(), vector));
            }
            commit.add.push(DataFile {
                path: file.path,
                size: file.size,
                rows: file.rows.unwrap_or(0),
                stats: file.stats.unwrap_or_default(),
                partition: file.partition,
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
        if let Some(iceberg) = &self.iceberg {
            return Ok(self.clone().with_iceberg(iceberg.commit(commit).await?));
        }
        let version = self.version().map_or(0, |version| version + 1);
        // Only what leaves the table has to be known.
        let changes = !commit.remove.is_empty() || !commit.vectors.is_empty();
        let stored = match self.version().is_some() && (commit.remove_all || changes) {
            true => self.files().await?,
            false => Vec::new(),
        };
        // A change of columns or of the protocol keeps what else the log says about the table.
        let declares =
            commit.schema.is_some() || !commit.vectors.is_empty() || !commit.properties.is_empty();
        let known = match (declares, self.version()) {
            (true, Some(_)) => {
                let schema = self.schema().await?;
                let (metadata, protocol) = self.declared().await?;
                Some(Known {
                    metadata,
                    protocol,
                    schema,
                })
            }
            _ => None,
        };
        self.check_partitions(commit)?;
        self.check_change_data(commit).await?;
        let entry = log_entry(commit, self.version().is_none(), known.as_ref(), &stored)?;
        let state = self.state_after(commit, &entry, known.as_ref(), stored);
        let path = commit_file(version);
        let folder = self.object_store();
        match folder
            .put_opts(&path, entry.into(), PutMode::Create.into())
            .await
        {
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
        Ok(Self {
            earlier: self.known().cloned(),
            state,
            ..self.at(version)
        })
    }

    /// What is known after `entry`, the text of `commit`.
    fn state_after(
        &self,
        commit: &Commit,
        entry: &[u8],
        known: Option<&Known<'_>>,
        stored: Vec<StoredFile>,
    ) -> Option<Arc<LogState>> {
        let before = match (&self.state, known) {
            _ if self.version.is_none() => None,
            (Some(state), _) => Some(state.as_ref().clone()),
            // All files were read, since all leave.
            (None, Some(known)) if commit.remove_all => {
                let Known {
                    metadata,
                    protocol,
                    schema,
                } = known;
                let (protocol, metadata) = ((*protocol).clone(), (*metadata).clone());
                Some(LogState::of(
                    protocol,
                    metadata,
                    Arc::clone(schema),
                    stored,
                )?)
            }
            _ => return None,
        };
        LogState::after(before, entry).map(Arc::new)
    }

    /// A file without its place among the partitions would be read as rows of NULL.
    fn check_partitions(&self, commit: &Commit) -> Result<()> {
        let loaded = self.loaded.get().and_then(|delta| delta.snapshot().ok());
        let known = self.state.as_ref().map(|state| &state.metadata);
        let known = known.or_else(|| loaded.map(|state| state.metadata()));
        let known = known.map(|metadata| metadata.partition_columns());
        let (by, new) = match (&commit.partition_by, known) {
            (Some(by), _) => (by.as_slice(), true),
            (None, Some(by)) => (by, false),
            (None, None) => return Ok(()),
        };
        if let Some(schema) = commit.schema.as_ref().filter(|_| new || !by.is_empty()) {
            check_partition_by(schema, by)?;
        }
        let fits = |file: &DataFile| {
            file.partition.len() == by.len() && by.iter().all(|c| file.partition.contains_key(c))
        };
        match commit.add.iter().all(fits) {
            true => Ok(()),
            false => Err(Error::new(
                codes::X0001,
                format!(
                    "A file of table `{}` was written without its partition",
                    self.location
                ),
            )),
        }
    }

    /// A reader of the feed would take rows that only moved to another file for changed ones.
    async fn check_change_data(&self, commit: &Commit) -> Result<()> {
        let told = commit.change_data.is_some() || !commit.mixes_rows();
        if told || !self.change_data_feed().await? {
            return Ok(());
        }
        Err(Error::new(
            codes::X0001,
            format!(
                "A change of table `{}` does not say which rows it changes",
                self.location
            ),
        ))
    }

    pub(crate) fn broken(&self) -> String {
        format!(
            "The log of table `{}` cannot be read or written",
            self.location
        )
    }
}
