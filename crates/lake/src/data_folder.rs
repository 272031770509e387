//! [`DataFolder`]: where the data files of one table lie, on this machine or in an object store. Files are
//! written once, under names nobody else uses, and never changed.

use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use bytes::Bytes;
use diagnostic::{Result, ResultExt, codes};
use object_store::ObjectStoreExt;
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};
use storage::{Storage, Upload, block_on};

use crate::iceberg_table::ColumnIds;

/// Bytes fetched at once where a file of an object store is read from front to back.
const READ_AHEAD: u64 = 4 << 20;

/// The folder of a table's data files.
#[derive(Clone, Debug)]
pub struct DataFolder {
    place: Place,
    /// By which ids files know the table's columns, if they do.
    ids: Option<Arc<ColumnIds>>,
}

#[derive(Clone, Debug)]
enum Place {
    /// On this machine.
    Local(PathBuf),
    /// In an object store.
    Remote(Storage),
}

/// A data file that is being written.
pub enum DataWriter {
    /// On this machine.
    Local(File),
    /// In an object store.
    Remote(Upload),
}

/// A data file to read in pieces.
pub enum DataReader {
    /// On this machine.
    Local(File),
    /// In an object store.
    Remote(RemoteFile),
}

/// A file of an object store and its size.
#[derive(Clone)]
pub struct RemoteFile {
    storage: Storage,
    name: Arc<str>,
    size: u64,
}

impl DataFolder {
    /// A folder of this machine.
    #[must_use]
    pub fn local(folder: &Path) -> Self {
        Self {
            place: Place::Local(folder.to_owned()),
            ids: None,
        }
    }

    /// A folder of an object store.
    #[must_use]
    pub fn remote(storage: Storage) -> Self {
        Self {
            place: Place::Remote(storage),
            ids: None,
        }
    }

    /// The same folder, of a table whose files know columns by `ids`.
    pub(crate) fn with_ids(mut self, ids: Option<Arc<ColumnIds>>) -> Self {
        self.ids = ids;
        self
    }

    /// The folder's path, if it is on this machine.
    pub(crate) fn as_local(&self) -> Option<&Path> {
        match &self.place {
            Place::Local(folder) => Some(folder),
            Place::Remote(_) => None,
        }
    }

    /// Whether the file `name` is on this machine: in a moment, or not at all.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.as_local()
            .is_some_and(|folder| folder.join(name).exists())
    }

    /// The columns `schema` as new files have them.
    ///
    /// # Errors
    /// `K3005` if a column cannot be stored.
    pub(crate) fn file_schema(&self, schema: &SchemaRef) -> Result<SchemaRef> {
        match &self.ids {
            Some(ids) => ids.stamp(schema),
            None => Ok(Arc::clone(schema)),
        }
    }

    /// Whether all readers of the table know numbers that are written as differences. Spark reads them in tables of
    /// Delta since 3.3, in tables of Iceberg since [Iceberg 1.10](https://github.com/apache/iceberg/pull/13391) only.
    pub(crate) fn knows_differences(&self) -> bool {
        self.ids.is_none()
    }

    /// Whether a file's column is the table's of that name, and not one that was called so before.
    #[must_use]
    pub fn is_column(&self, column: &parquet::schema::types::Type) -> bool {
        let ids = self.ids.as_deref();
        ids.is_none_or(|ids| ids.is_column(column.get_basic_info()))
    }

    /// The file `name` as people are told about it.
    #[must_use]
    pub fn shown(&self, name: &str) -> String {
        match &self.place {
            Place::Local(folder) => folder.join(name).display().to_string(),
            Place::Remote(storage) => storage.location().join(name).to_string(),
        }
    }

    /// Begins the new file `name`.
    ///
    /// # Errors
    /// `K2003` if it cannot be written.
    pub fn create(&self, name: &str) -> Result<DataWriter> {
        match &self.place {
            Place::Local(folder) => {
                let path = folder.join(name);
                // The folders of partitions come with their first files.
                let parent = path.parent().filter(|_| name.contains('/'));
                parent
                    .map_or(Ok(()), std::fs::create_dir_all)
                    .and_then(|()| File::create_new(&path))
                    .map(DataWriter::Local)
                    .explain(codes::K2003, || self.cannot(name, "written"))
            }
            Place::Remote(storage) => Ok(DataWriter::Remote(storage.upload(name))),
        }
    }

    /// Opens the file `name`.
    ///
    /// # Errors
    /// `K2003` if it cannot be read, `B2001` to `B2003` in an object store.
    pub fn open(&self, name: &str) -> Result<DataReader> {
        match &self.place {
            Place::Local(folder) => File::open(folder.join(name))
                .map(DataReader::Local)
                .explain(codes::K2003, || self.cannot(name, "read")),
            Place::Remote(storage) => {
                let (asked, of) = (storage.clone(), name.to_owned());
                let size = block_on(async move { asked.size(&of).await })??;
                Ok(DataReader::Remote(RemoteFile {
                    storage: storage.clone(),
                    name: name.into(),
                    size,
                }))
            }
        }
    }

    /// Removes the file `name`, which no version of a table holds. It may be gone already.
    ///
    /// # Errors
    /// `K2003` if it cannot be removed, `B2002`, `B2003` in an object store.
    pub fn remove(&self, name: &str) -> Result<()> {
        match &self.place {
            Place::Local(folder) => match std::fs::remove_file(folder.join(name)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    Err(error).explain(codes::K2003, || self.cannot(name, "removed"))
                }
                _ => Ok(()),
            },
            Place::Remote(storage) => {
                let (storage, name) = (storage.clone(), name.to_owned());
                block_on(async move { storage.remove(&name).await })?
            }
        }
    }

    /// Brings the file `name` of `from` into this folder too: by a link or the store's own copy where there is
    /// one.
    ///
    /// # Errors
    /// `K2003` if it cannot be copied, `B2001` to `B2003` in an object store.
    pub fn adopt(&self, from: &Self, name: &str) -> Result<()> {
        match (&from.place, &self.place) {
            (Place::Local(source), Place::Local(target)) => {
                let (source, target) = (source.join(name), target.join(name));
                let wrong = || format!("`{}` cannot be linked", source.display());
                if let Some(parent) = target.parent() {
                    std::fs::create_dir_all(parent).explain(codes::K2003, wrong)?;
                }
                if std::fs::hard_link(&source, &target).is_err() {
                    std::fs::copy(&source, &target).explain(codes::K2003, wrong)?;
                }
                Ok(())
            }
            (Place::Remote(source), Place::Remote(target)) => {
                let (here, there) = (source.path(name), target.path(name));
                let (store, shown) = (Arc::clone(target.store()), from.shown(name));
                block_on(async move { store.copy(&here, &there).await })?
                    .explain(codes::K2003, || format!("`{shown}` cannot be copied"))
            }
            _ => {
                let wrong = || format!("`{}` cannot be copied", from.shown(name));
                let mut reader = from.open(name)?.get_read(0).explain(codes::K2003, wrong)?;
                let mut writer = self.create(name)?;
                io::copy(&mut reader, &mut writer).explain(codes::K2003, wrong)?;
                writer.finish().map(drop)
            }
        }
    }

    fn cannot(&self, name: &str, done: &str) -> String {
        format!("`{}` cannot be {done}", self.shown(name))
    }
}

impl DataWriter {
    /// Waits until all of the file is stored; gives its bytes. Nothing is written after that.
    ///
    /// # Errors
    /// `K2003` if it cannot be written, `B2001` to `B2003` in an object store.
    pub fn finish(&mut self) -> Result<u64> {
        match self {
            Self::Local(file) => file
                .metadata()
                .map(|metadata| metadata.len())
                .explain(codes::K2003, || "A data file cannot be written".to_owned()),
            Self::Remote(upload) => upload.finish(),
        }
    }
}

impl Write for DataWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Local(file) => file.write(bytes),
            Self::Remote(upload) => upload.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Local(file) => file.flush(),
            Self::Remote(upload) => upload.flush(),
        }
    }
}

impl RemoteFile {
    fn fetch(&self, start: u64, length: u64) -> Result<Bytes> {
        if length == 0 {
            // A store gives no empty range; the dictionary of a column without values is one.
            return Ok(Bytes::new());
        }
        let (storage, name) = (self.storage.clone(), Arc::clone(&self.name));
        block_on(async move { storage.read_range(&name, start..start + length).await })?
    }
}

impl Length for DataReader {
    fn len(&self) -> u64 {
        match self {
            Self::Local(file) => Length::len(file),
            Self::Remote(file) => file.size,
        }
    }
}

impl ChunkReader for DataReader {
    type T = DataRead;

    fn get_read(&self, start: u64) -> parquet::errors::Result<Self::T> {
        Ok(match self {
            Self::Local(file) => DataRead::Local(file.get_read(start)?),
            Self::Remote(file) => DataRead::Remote {
                file: file.clone(),
                next: start,
                block: Bytes::new(),
            },
        })
    }

    fn get_bytes(&self, start: u64, length: usize) -> parquet::errors::Result<Bytes> {
        match self {
            Self::Local(file) => file.get_bytes(start, length),
            Self::Remote(file) => file
                .fetch(start, length as u64)
                .map_err(|error| ParquetError::External(Box::new(error))),
        }
    }
}

/// A data file, read from some place on.
pub enum DataRead {
    /// On this machine.
    Local(BufReader<File>),
    /// In an object store.
    Remote {
        /// The file.
        file: RemoteFile,
        /// Where the next block begins.
        next: u64,
        /// What is fetched and not read yet.
        block: Bytes,
    },
}

impl Read for DataRead {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Local(file) => file.read(buffer),
            Self::Remote { file, next, block } => {
                if block.is_empty() && *next < file.size {
                    let length = READ_AHEAD.min(file.size - *next);
                    *block = file.fetch(*next, length).map_err(io::Error::other)?;
                    *next += length;
                }
                let count = block.len().min(buffer.len());
                buffer[..count].copy_from_slice(&block.split_to(count));
                Ok(count)
            }
        }
    }
}
