//! [`Storage`]: one location, opened.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use diagnostic::{Error, Result, codes};
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{GetOptions, ObjectStore, ObjectStoreExt, PutMode, PutPayload};

use crate::connect::connect;
use crate::failure::{explain, passes, pause};
use crate::{Location, StorageOptions};

/// A location with the store it is in. Cheap to clone.
#[derive(Clone)]
pub struct Storage {
    location: Location,
    store: Arc<dyn ObjectStore>,
    prefix: Path,
}

/// Something stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name below the location, with `/`.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// When it was last written.
    pub modified: DateTime<Utc>,
    /// What changes with its content, if the store has it.
    pub etag: Option<String>,
}

/// What came of writing a file that must not exist yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Created {
    /// It is there, with exactly these bytes.
    New,
    /// Another file stands there, and nothing was changed.
    Exists,
}

/// How often a write that must not happen twice is tried.
const ATTEMPTS: u32 = 6;

impl Storage {
    /// The store of `location`. Nothing is asked of it yet.
    ///
    /// # Errors
    /// `B1002` if an option does not fit, `B1003` if there are no credentials.
    pub fn open(location: &Location, options: &StorageOptions) -> Result<Self> {
        let store = connect(location, options, &|name: &str| std::env::var(name).ok())?;
        let prefix = match location {
            Location::Local(folder) => Path::from_absolute_path(folder).map_err(|cause| {
                explain(cause.into(), format!("`{location}` is no usable path"))
            })?,
            Location::Remote { path, .. } => Path::parse(path).map_err(|cause| {
                explain(cause.into(), format!("`{location}` is no usable path"))
            })?,
        };
        Ok(Self {
            location: location.clone(),
            store,
            prefix,
        })
    }

    /// Where it is.
    #[must_use]
    pub fn location(&self) -> &Location {
        &self.location
    }

    /// The whole file system or bucket it is in.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn ObjectStore> {
        &self.store
    }

    /// The path of `name` in [`Storage::store`]; names are joined by `/`.
    #[must_use]
    pub fn path(&self, name: &str) -> Path {
        let parts = name.split('/').filter(|part| !part.is_empty());
        self.prefix.parts().chain(parts.map(Into::into)).collect()
    }

    /// The storage of what is below `name`.
    #[must_use]
    pub fn below(&self, name: &str) -> Self {
        Self {
            location: self.location.join(name),
            store: Arc::clone(&self.store),
            prefix: self.path(name),
        }
    }

    /// All files below the location, also in folders of folders, by name; those after `after` only.
    ///
    /// # Errors
    /// `B2001` if the bucket does not exist, `B2002`, `B2003` if it cannot be listed.
    pub async fn list(&self, after: Option<&str>) -> Result<Vec<Entry>> {
        let found = match after {
            Some(after) => self
                .store
                .list_with_offset(Some(&self.prefix), &self.path(after)),
            None => self.store.list(Some(&self.prefix)),
        };
        let mut entries: Vec<Entry> = found
            .try_filter_map(|object| async move {
                let Some(parts) = object.location.prefix_match(&self.prefix) else {
                    return Ok(None);
                };
                let parts: Vec<_> = parts.collect();
                let parts: Vec<&str> = parts.iter().map(AsRef::as_ref).collect();
                Ok(Some(Entry {
                    name: parts.join("/"),
                    size: object.size,
                    modified: object.last_modified,
                    etag: object.e_tag,
                }))
            })
            .try_collect()
            .await
            .map_err(|cause| explain(cause, format!("`{}` cannot be listed", self.location)))?;
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    /// The bytes of `name`.
    ///
    /// # Errors
    /// `B2001` if it does not exist, `B2002`, `B2003` if it cannot be read.
    pub async fn read(&self, name: &str) -> Result<Bytes> {
        self.try_read(name).await?.ok_or_else(|| {
            Error::new(
                codes::B2001,
                format!("`{}` does not exist", self.location.join(name)),
            )
        })
    }

    /// The bytes of `name`, if it exists.
    ///
    /// # Errors
    /// `B2002`, `B2003` if it cannot be read.
    pub async fn try_read(&self, name: &str) -> Result<Option<Bytes>> {
        let read = async { self.store.get(&self.path(name)).await?.bytes().await };
        match read.await {
            Ok(bytes) => Ok(Some(bytes)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(cause) => Err(self.explain(cause, name, "read")),
        }
    }

    /// What is known of `name` without reading it; `None` if it does not exist.
    ///
    /// # Errors
    /// `B2002`, `B2003` if that cannot be told.
    pub async fn head(&self, name: &str) -> Result<Option<Entry>> {
        match self.store.head(&self.path(name)).await {
            Ok(object) => Ok(Some(Entry {
                name: name.to_owned(),
                size: object.size,
                modified: object.last_modified,
                etag: object.e_tag,
            })),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(cause) => Err(self.explain(cause, name, "read")),
        }
    }

    /// How many bytes `name` has.
    ///
    /// # Errors
    /// `B2001` if it does not exist, `B2002`, `B2003` if that cannot be told.
    pub async fn size(&self, name: &str) -> Result<u64> {
        let found = self.store.head(&self.path(name)).await;
        found
            .map(|found| found.size)
            .map_err(|cause| self.explain(cause, name, "read"))
    }

    /// The bytes of `name` in `range`.
    ///
    /// # Errors
    /// `B2001` if it does not exist, `B2002`, `B2003` if it cannot be read.
    pub async fn read_range(&self, name: &str, range: Range<u64>) -> Result<Bytes> {
        let read = self.store.get_range(&self.path(name), range).await;
        read.map_err(|cause| self.explain(cause, name, "read"))
    }

    /// The bytes of `name` in `range`, or `None` if its content is no longer that of `etag`.
    ///
    /// # Errors
    /// `B2001` if it does not exist, `B2002`, `B2003` if it cannot be read.
    pub async fn read_range_of(
        &self,
        name: &str,
        range: Range<u64>,
        etag: Option<&str>,
    ) -> Result<Option<Bytes>> {
        let options = GetOptions {
            range: Some(range.into()),
            if_match: etag.map(str::to_owned),
            ..GetOptions::default()
        };
        let path = self.path(name);
        let read = async { self.store.get_opts(&path, options).await?.bytes().await };
        match read.await {
            Ok(bytes) => Ok(Some(bytes)),
            Err(object_store::Error::Precondition { .. }) => Ok(None),
            Err(cause) => Err(self.explain(cause, name, "read")),
        }
    }

    /// Writes `bytes` as `name`, whatever was there before. Nobody sees half of it.
    ///
    /// # Errors
    /// `B2001` if the bucket does not exist, `B2002`, `B2003` if it cannot be written.
    pub async fn write(&self, name: &str, bytes: impl Into<Bytes>) -> Result<()> {
        let put = self.store.put(&self.path(name), bytes.into().into()).await;
        put.map(drop)
            .map_err(|cause| self.explain(cause, name, "written"))
    }

    /// Writes `bytes` as `name` if there is nothing of that name. Of all who try, one succeeds.
    ///
    /// A request whose answer was lost is sent again, and then the store says that the file exists: what is
    /// there is compared with `bytes`, so these must be such as nobody else would write (a commit names its
    /// run, a file its time).
    ///
    /// # Errors
    /// `B2001` if the bucket does not exist, `B2002`, `B2003` if it cannot be written. Whether it was
    /// written is then not known.
    pub async fn create(&self, name: &str, bytes: impl Into<Bytes>) -> Result<Created> {
        let bytes: Bytes = bytes.into();
        let path = self.path(name);
        let mut attempt = 0;
        loop {
            let put = self.store.put_opts(
                &path,
                PutPayload::from(bytes.clone()),
                PutMode::Create.into(),
            );
            attempt += 1;
            match put.await {
                Ok(_) => return Ok(Created::New),
                Err(object_store::Error::AlreadyExists { .. }) => {
                    return match self.try_read(name).await? {
                        Some(there) if there == bytes => Ok(Created::New),
                        _ => Ok(Created::Exists),
                    };
                }
                Err(cause) if attempt < ATTEMPTS && passes(&cause) => {
                    tokio::time::sleep(pause(attempt)).await;
                }
                Err(cause) => return Err(self.explain(cause, name, "written")),
            }
        }
    }

    /// Removes `name`; it may be gone already.
    ///
    /// # Errors
    /// `B2002`, `B2003` if it cannot be removed.
    pub async fn remove(&self, name: &str) -> Result<()> {
        match self.store.delete(&self.path(name)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(cause) => Err(self.explain(cause, name, "removed")),
        }
    }

    /// `cause`, met while `name` was to be `done` ("read", "written"), as one of our errors.
    pub(crate) fn explain(&self, cause: object_store::Error, name: &str, done: &str) -> Error {
        explain(
            cause,
            format!("`{}` cannot be {done}", self.location.join(name)),
        )
    }
}

impl fmt::Debug for Storage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Storage({})", self.location)
    }
}
