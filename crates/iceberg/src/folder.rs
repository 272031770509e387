//! [`Folder`]: where one table's files lie, by their paths relative to it and by the full ones that metadata has.

use std::sync::Arc;

use bytes::Bytes;
use diagnostic::{Error, Result, ResultExt, codes};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode};
use parquet::file::metadata::{FooterTail, ParquetMetaData, ParquetMetaDataReader};

/// The folder of metadata files and manifests, in a table's.
pub const METADATA: &str = "metadata";

/// How names of metadata files end.
const SUFFIX: &str = ".metadata.json";

/// The metadata file of `version`, as tables in plain file systems call it: who writes it first has made the version.
#[must_use]
pub fn metadata_file(version: u64) -> String {
    format!("{METADATA}/v{version}{SUFFIX}")
}

/// Whether `name`, relative to a table's folder, is a metadata file.
#[must_use]
pub fn is_metadata_file(name: &str) -> bool {
    name.starts_with(METADATA) && name.ends_with(SUFFIX)
}

/// Where a table's files lie.
#[derive(Clone, Debug)]
pub struct Folder {
    store: Arc<dyn ObjectStore>,
    path: Path,
    location: Arc<str>,
}

impl Folder {
    /// The folder `path` of `store`, which other engines call `location` (`file:///…`, `s3://…`).
    #[must_use]
    pub fn new(store: Arc<dyn ObjectStore>, path: Path, location: &str) -> Self {
        Self {
            store,
            path,
            location: location.trim_end_matches('/').into(),
        }
    }

    /// What other engines call it.
    #[must_use]
    pub fn location(&self) -> &str {
        &self.location
    }

    fn path(&self, name: &str) -> Path {
        name.split('/')
            .fold(self.path.clone(), |path, part| path.join(part))
    }

    pub(crate) async fn read(&self, name: &str) -> Result<Bytes> {
        let found = self.store.get(&self.path(name)).await;
        let wrong = || format!("`{}/{name}` cannot be read", self.location);
        found
            .explain(codes::K4001, wrong)?
            .bytes()
            .await
            .explain(codes::K4001, wrong)
    }

    /// Writes the file `name`, which must not exist.
    pub(crate) async fn create(&self, name: &str, bytes: Vec<u8>) -> Result<()> {
        let path = self.path(name);
        let put = self
            .store
            .put_opts(&path, bytes.into(), PutMode::Create.into());
        match put.await {
            Ok(_) => Ok(()),
            Err(object_store::Error::AlreadyExists { .. }) => Err(Error::new(
                codes::K1001,
                format!("`{}/{name}` was written by somebody else", self.location),
            )),
            Err(cause) => Err(Error::new(
                codes::K4001,
                format!("`{}/{name}` cannot be written", self.location),
            )
            .because(cause)),
        }
    }

    /// The footer of the Parquet file `name` of `size` bytes.
    pub(crate) async fn footer(&self, name: &str, size: u64) -> Result<ParquetMetaData> {
        let wrong = || format!("The footer of `{}/{name}` cannot be read", self.location);
        let path = self.path(name);
        let read = async |wanted: u64| {
            let range = size.saturating_sub(wanted)..size;
            self.store
                .get_range(&path, range)
                .await
                .explain(codes::K4001, wrong)
        };
        let tail = read(8).await?;
        let tail: [u8; 8] = tail
            .as_ref()
            .try_into()
            .map_err(|_| Error::new(codes::K4001, wrong()))?;
        let tail = FooterTail::try_new(&tail).explain(codes::K4001, wrong)?;
        let length = tail.metadata_length();
        let bytes = read(u64::try_from(length).unwrap_or(u64::MAX).saturating_add(8)).await?;
        let bytes = bytes.get(..length).unwrap_or_default();
        ParquetMetaDataReader::decode_metadata(bytes).explain(codes::K4001, wrong)
    }
}
