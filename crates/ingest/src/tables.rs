//! [`Tables`]: what ingest needs of the catalog.

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use diagnostic::Result;
use lake::{DataFile, DataFolder, DeletionVectorDescriptor, Operation, StoredFile};
use model::RelationName;

/// The tables of a project as one run sees them.
///
/// What [`Tables::commit`] is told becomes visible to later calls of the same run; readers outside see it when
/// the run is published. One caller at a time writes to a table.
#[async_trait]
pub trait Tables: Send + Sync {
    /// The table called `name` as it is now; `None` if it does not exist.
    async fn open(&self, name: &RelationName) -> Result<Option<TableState>>;

    /// The folder for data files of the table called `name`, which need not exist as a table yet.
    async fn folder(&self, name: &RelationName) -> Result<DataFolder>;

    /// Makes the next version of a table, and the table if need be.
    async fn commit(&self, name: &RelationName, change: Change) -> Result<()>;
}

/// A table at one version.
#[derive(Clone, Debug)]
pub struct TableState {
    /// Where its files lie.
    pub folder: DataFolder,
    /// Its columns, hidden ones included.
    pub schema: SchemaRef,
    /// The columns whose values tell partitions apart.
    pub partition_by: Vec<String>,
    /// Its files; paths are relative to the folder.
    pub files: Vec<StoredFile>,
}

/// What a new version changes.
#[derive(Clone, Debug)]
pub struct Change {
    /// The kind of change.
    pub operation: Operation,
    /// All columns from now on.
    pub schema: SchemaRef,
    /// The columns whose values tell partitions apart. A table that has rows can only change them together with
    /// all of them.
    pub partition_by: Vec<String>,
    /// How many of the last columns readers do not see.
    pub hidden: usize,
    /// Files that become part of the table, relative to its folder.
    pub add: Vec<DataFile>,
    /// Files that leave it.
    pub remove: Vec<String>,
    /// Whether all other files leave it too.
    pub remove_all: bool,
    /// The rows that files, by path, do not have from now on: those that had left before among them.
    pub vectors: Vec<(String, DeletionVectorDescriptor)>,
    /// What the table's change data feed has to know.
    pub feed: Feed,
}

/// What a table's change data feed has to know of a change.
#[derive(Clone, Debug, Default)]
pub struct Feed {
    /// Whether the table has a feed from now on. `None` leaves it as it is.
    pub enabled: Option<bool>,
    /// The columns that tell rows apart: a row that leaves and one that comes with the same values in them are one
    /// row that is updated. Without any, rows are deleted and inserted.
    pub key: Vec<String>,
}
