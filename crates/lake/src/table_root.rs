//! [`TableRoot`]: where a table lies, as the Delta library wants to be told.

use std::sync::Arc;

use deltalake::{DeltaTable, DeltaTableBuilder};
use diagnostic::{Error, Result, ResultExt, codes};
use object_store::ObjectStore;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use url::Url;

/// The folder of a table in a store. A table of the Delta library weighs a hundred times as much, so that is made of it
/// only where it is needed.
#[derive(Clone, Debug)]
pub(crate) struct TableRoot {
    url: Url,
    store: Arc<dyn ObjectStore>,
    folder: Arc<dyn ObjectStore>,
}

impl TableRoot {
    /// The folder `url` in `store`, whose paths are those of URLs.
    ///
    /// # Errors
    /// `K2004` if the folder has no path.
    pub(crate) fn new(store: &Arc<dyn ObjectStore>, url: Url) -> Result<Self> {
        let path = Path::from_url_path(url.path())
            .explain(codes::K2004, || format!("`{url}` is no place of a table"))?;
        Ok(Self {
            folder: Arc::new(PrefixStore::new(Arc::clone(store), path)),
            store: Arc::clone(store),
            url,
        })
    }

    /// The table's folder.
    pub(crate) fn folder(&self) -> &Arc<dyn ObjectStore> {
        &self.folder
    }

    /// The Delta library's table, of which nothing is read yet.
    ///
    /// # Errors
    /// `K2004` if it cannot be made.
    pub(crate) fn delta(&self) -> Result<DeltaTable> {
        DeltaTableBuilder::from_url(self.url.clone())
            .map(|builder| builder.with_storage_backend(Arc::clone(&self.store), self.url.clone()))
            .and_then(DeltaTableBuilder::build)
            .map_err(|cause| {
                let wrong = format!("The table at `{}` cannot be opened", self.url);
                Error::new(codes::K2004, wrong).because(cause)
            })
    }
}
