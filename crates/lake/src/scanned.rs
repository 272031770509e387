//! [`Scanned`]: the data files of a table version, for an engine that reads them as they are.

use std::sync::Arc;

use chrono::DateTime;
use diagnostic::Result;
use object_store::{ObjectMeta, ObjectStore};

use crate::{Table, Warehouse};

/// Data files whose rows are the table's rows, and whose columns are the table's columns.
#[derive(Clone, Debug)]
pub struct Scanned {
    /// The place of the store, which tells it from others.
    pub root: String,
    /// Where the files lie.
    pub store: Arc<dyn ObjectStore>,
    /// The files, by name: those that this program writes are named by the time at which they were begun (UUID
    /// version 7), so that rows come in the order in which they were inserted, as people expect who ask for no order.
    pub files: Vec<ScannedFile>,
}

/// A data file in its table's store.
#[derive(Clone, Debug)]
pub struct ScannedFile {
    /// Where it lies, and its bytes.
    pub object: ObjectMeta,
    /// Rows, if the table's metadata says.
    pub rows: Option<u64>,
    /// Its statistics as a Delta log holds them (JSON).
    pub stats: Option<String>,
}

impl Warehouse {
    /// The data files of `table`. Nothing if they do not hold its rows alone: some have left by deletion vectors, or
    /// the values of partition columns lie elsewhere.
    ///
    /// # Errors
    /// `K2004`, `K4001` if the table's metadata cannot be read, `K4002` if it has what is not read.
    pub async fn scanned(&self, table: &Table) -> Result<Option<Scanned>> {
        if !table.partition_by().await?.is_empty() {
            return Ok(None);
        }
        let stored = table.files().await?;
        if stored.iter().any(|file| file.vector.is_some()) {
            return Ok(None);
        }
        // A run keeps what makes versions to itself, data files it does not.
        let storage = self.storage_of(table.location());
        let folder = storage.below(table.location());
        let mut files: Vec<ScannedFile> = stored
            .into_iter()
            .map(|file| ScannedFile {
                object: ObjectMeta {
                    location: folder.path(&file.path),
                    // Nobody writes a data file twice.
                    last_modified: DateTime::UNIX_EPOCH,
                    size: file.size,
                    e_tag: None,
                    version: None,
                },
                rows: file.rows,
                stats: file.stats,
            })
            .collect();
        files.sort_by(|one, other| one.object.location.cmp(&other.object.location));
        Ok(Some(Scanned {
            root: storage.location().to_string(),
            store: Arc::clone(storage.store()),
            files,
        }))
    }
}
