//! [`Overlay`]: an object store in which the commit files a run writes go to the run's own folder.
//!
//! Reads of a Delta log see base plus overlay; data files pass through to the base, where nobody
//! looks for them until a commit names them.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

/// The folder of a Delta table's log.
pub(crate) const LOG: &str = "_delta_log";

/// A store that redirects Delta log files below `warehouse` to `staging`.
#[derive(Debug)]
pub struct Overlay {
    base: Arc<dyn ObjectStore>,
    warehouse: Path,
    staging: Path,
}

impl Overlay {
    /// Redirects the logs of tables below `warehouse` to `staging`; both are paths in `base`.
    #[must_use]
    pub fn new(base: Arc<dyn ObjectStore>, warehouse: Path, staging: Path) -> Self {
        Self {
            base,
            warehouse,
            staging,
        }
    }

    /// Where the run keeps its version of `location`, if that is in a Delta log.
    fn staged(&self, location: &Path) -> Option<Path> {
        let rest: Vec<_> = location.prefix_match(&self.warehouse)?.collect();
        rest.iter()
            .any(|part| part.as_ref() == LOG)
            .then(|| self.staging.clone().parts().chain(rest).collect())
    }

    fn published(&self, staged: &Path) -> Option<Path> {
        let rest: Vec<_> = staged.prefix_match(&self.staging)?.collect();
        Some(self.warehouse.parts().chain(rest).collect())
    }

    /// Renames staged entries to the places they stand for.
    fn unstage(&self, mut meta: ObjectMeta) -> ObjectMeta {
        if let Some(published) = self.published(&meta.location) {
            meta.location = published;
        }
        meta
    }
}

impl fmt::Display for Overlay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Overlay({} over {})", self.staging, self.warehouse)
    }
}

#[async_trait]
impl ObjectStore for Overlay {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        opts: PutOptions,
    ) -> Result<PutResult> {
        let Some(staged) = self.staged(location) else {
            return self.base.put_opts(location, payload, opts).await;
        };
        // "Create" must fail if either layer has the file: the log's mutual exclusion rests on it.
        if opts.mode == object_store::PutMode::Create && exists(&self.base, location).await? {
            return Err(object_store::Error::AlreadyExists {
                path: location.to_string(),
                source: "the version exists in the published log".into(),
            });
        }
        self.base.put_opts(&staged, payload, opts).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        opts: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let target = self.staged(location);
        self.base
            .put_multipart_opts(target.as_ref().unwrap_or(location), opts)
            .await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        if let Some(staged) = self.staged(location) {
            match self.base.get_opts(&staged, options.clone()).await {
                Err(object_store::Error::NotFound { .. }) => {}
                Ok(mut found) => {
                    found.meta = self.unstage(found.meta);
                    return Ok(found);
                }
                Err(other) => return Err(other),
            }
        }
        self.base.get_opts(location, options).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let base = Arc::clone(&self.base);
        let (warehouse, staging) = (self.warehouse.clone(), self.staging.clone());
        let store = Self::new(Arc::clone(&base), warehouse, staging);
        // A run deletes only what it staged itself; published logs are cleaned by maintenance.
        let targets = locations
            .map(move |location| location.map(|path| store.staged(&path).unwrap_or(path)))
            .boxed();
        base.delete_stream(targets)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.both(prefix, None)
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        self.both(prefix, Some(offset.clone()))
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let mut found = self.base.list_with_delimiter(prefix).await?;
        let Some(staged) = prefix.and_then(|prefix| self.staged_prefix(prefix)) else {
            return Ok(found);
        };
        let mine = self.base.list_with_delimiter(Some(&staged)).await?;
        for meta in mine.objects {
            let meta = self.unstage(meta);
            found
                .objects
                .retain(|other| other.location != meta.location);
            found.objects.push(meta);
        }
        for folder in mine.common_prefixes {
            if let Some(published) = self.published(&folder)
                && !found.common_prefixes.contains(&published)
            {
                found.common_prefixes.push(published);
            }
        }
        found.objects.sort_by(|a, b| a.location.cmp(&b.location));
        found.common_prefixes.sort();
        Ok(found)
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        let from = match self.staged(from) {
            Some(staged) if exists(&self.base, &staged).await? => staged,
            _ => from.clone(),
        };
        let to = self.staged(to).unwrap_or_else(|| to.clone());
        self.base.copy_opts(&from, &to, options).await
    }
}

impl Overlay {
    /// The staged twin of a folder: unlike a file's, it need not be inside a log itself.
    fn staged_prefix(&self, prefix: &Path) -> Option<Path> {
        let rest: Vec<_> = prefix.prefix_match(&self.warehouse)?.collect();
        Some(self.staging.parts().chain(rest).collect())
    }

    /// Lists both layers in the order of names, as the Delta log reader expects.
    fn both(
        &self,
        prefix: Option<&Path>,
        offset: Option<Path>,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        let list = |prefix: Option<&Path>| match &offset {
            Some(offset) if prefix.is_some_and(|p| offset.prefix_matches(p)) => {
                self.base.list_with_offset(prefix, offset)
            }
            _ => self.base.list(prefix),
        };
        let published = list(prefix);
        let Some(staged) = prefix.and_then(|prefix| self.staged_prefix(prefix)) else {
            return published;
        };
        let mine = self.base.list(Some(&staged));
        let view = Self::new(
            Arc::clone(&self.base),
            self.warehouse.clone(),
            self.staging.clone(),
        );
        stream::once(async move {
            let mut found = std::collections::BTreeMap::new();
            let mut both = published.chain(mine);
            while let Some(meta) = both.next().await {
                let meta = view.unstage(meta?);
                let late = offset.as_ref().is_none_or(|offset| meta.location > *offset);
                if late {
                    found.insert(meta.location.clone(), meta);
                }
            }
            Ok::<_, object_store::Error>(stream::iter(found.into_values().map(Ok)))
        })
        .map(|listed| match listed {
            Ok(entries) => entries.boxed(),
            Err(error) => stream::iter([Err(error)]).boxed(),
        })
        .flatten()
        .boxed()
    }
}

async fn exists(store: &Arc<dyn ObjectStore>, location: &Path) -> Result<bool> {
    let head = GetOptions {
        head: true,
        ..GetOptions::default()
    };
    match store.get_opts(location, head).await {
        Ok(_) => Ok(true),
        Err(object_store::Error::NotFound { .. }) => Ok(false),
        Err(other) => Err(other),
    }
}
