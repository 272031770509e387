//! [`Overlay`]: an object store in which the commit files a run writes stay with the run.
//!
//! Reads of a table's log see base plus overlay; data files pass through to the base, where nobody
//! looks for them until a commit names them.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use parking_lot::Mutex;

use crate::TableFormat;

/// The folder of a Delta table's log.
pub(crate) const LOG: &str = "_delta_log";

/// Whether `name`, below the table at `location`, is what makes a version.
pub(crate) fn is_log_file(location: &str, name: &str) -> bool {
    match TableFormat::of(location) {
        TableFormat::Delta => name.starts_with(LOG),
        TableFormat::Iceberg => iceberg::is_metadata_file(name),
    }
}

/// The commit files a run has written and not published, by path below the warehouse.
#[derive(Clone, Debug, Default)]
pub struct Staged {
    files: Arc<Mutex<BTreeMap<String, String>>>,
    store: Arc<InMemory>,
}

impl Staged {
    /// The commit files of the tables at `locations`: paths below the warehouse, and contents.
    #[must_use]
    pub fn of(&self, locations: &[&str]) -> Vec<(String, String)> {
        let files = self.files.lock();
        let wanted = files.iter().filter(|(path, _)| {
            locations.iter().any(|location| {
                let rest = path.strip_prefix(location);
                let name = rest.and_then(|rest| rest.strip_prefix('/'));
                name.is_some_and(|name| is_log_file(location, name))
            })
        });
        wanted
            .map(|(path, text)| (path.clone(), text.clone()))
            .collect()
    }
}

/// A store that keeps what makes versions of tables below `warehouse` in memory.
#[derive(Debug)]
pub(crate) struct Overlay {
    base: Arc<dyn ObjectStore>,
    warehouse: Path,
    staged: Staged,
}

impl Overlay {
    /// Keeps writes to the logs of tables below `warehouse`, a path in `base`, in `staged`.
    pub(crate) fn new(base: Arc<dyn ObjectStore>, warehouse: Path, staged: Staged) -> Self {
        Self {
            base,
            warehouse,
            staged,
        }
    }

    /// The path below the warehouse, if `location` is what makes a version of a table.
    fn of_log(&self, location: &Path) -> Option<String> {
        let rest: Vec<_> = location.prefix_match(&self.warehouse)?.collect();
        let rest: Vec<_> = rest.iter().map(AsRef::as_ref).collect();
        let makes_version = match rest.as_slice() {
            [table @ .., folder, file]
                if TableFormat::of(&table.join("/")) == TableFormat::Iceberg =>
            {
                iceberg::is_metadata_file(&format!("{folder}/{file}"))
            }
            rest => rest.contains(&LOG),
        };
        makes_version.then(|| rest.join("/"))
    }
}

impl fmt::Display for Overlay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Overlay({})", self.warehouse)
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
        let Some(path) = self.of_log(location) else {
            return self.base.put_opts(location, payload, opts).await;
        };
        // "Create" must fail if either layer has the file: the log's mutual exclusion rests on it.
        if opts.mode == object_store::PutMode::Create && exists(&self.base, location).await? {
            return Err(object_store::Error::AlreadyExists {
                path: location.to_string(),
                source: "the version exists in the published log".into(),
            });
        }
        let bytes: Vec<u8> = payload.iter().flatten().copied().collect();
        let text = String::from_utf8(bytes).map_err(|cause| object_store::Error::Generic {
            store: "Overlay",
            source: Box::new(cause),
        })?;
        let put = self.staged.store.put_opts(location, payload, opts).await?;
        self.staged.files.lock().insert(path, text);
        Ok(put)
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        opts: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        match self.of_log(location) {
            Some(_) => Err(unsupported("a log file in parts")),
            None => self.base.put_multipart_opts(location, opts).await,
        }
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        if self.of_log(location).is_some() {
            match self.staged.store.get_opts(location, options.clone()).await {
                Err(object_store::Error::NotFound { .. }) => {}
                found => return found,
            }
        }
        self.base.get_opts(location, options).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let warehouse = Self::new(
            Arc::clone(&self.base),
            self.warehouse.clone(),
            self.staged.clone(),
        );
        // Published logs are cleaned by maintenance, not by runs.
        let targets = locations.map(move |location| match location {
            Ok(path) if warehouse.of_log(&path).is_some() => {
                Err(unsupported("deleting a log file"))
            }
            other => other,
        });
        self.base.delete_stream(targets.boxed())
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        both(self.base.list(prefix), self.staged.store.list(prefix))
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        both(
            self.base.list_with_offset(prefix, offset),
            self.staged.store.list_with_offset(prefix, offset),
        )
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let mut found = self.base.list_with_delimiter(prefix).await?;
        let mine = self.staged.store.list_with_delimiter(prefix).await?;
        found.objects.extend(mine.objects);
        found.objects.sort_by(|a, b| a.location.cmp(&b.location));
        found.common_prefixes.extend(mine.common_prefixes);
        found.common_prefixes.sort();
        found.common_prefixes.dedup();
        Ok(found)
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        if self.of_log(from).or(self.of_log(to)).is_some() {
            return Err(unsupported("copying a log file"));
        }
        self.base.copy_opts(from, to, options).await
    }
}

/// Both layers in the order of names, as the reader of a Delta log expects. No name is in both.
fn both(
    published: BoxStream<'static, Result<ObjectMeta>>,
    staged: BoxStream<'static, Result<ObjectMeta>>,
) -> BoxStream<'static, Result<ObjectMeta>> {
    stream::once(async move {
        let all: Vec<Result<ObjectMeta>> = published.chain(staged).collect().await;
        let all: Result<Vec<ObjectMeta>> = all.into_iter().collect();
        match all {
            Ok(mut all) => {
                all.sort_by(|a, b| a.location.cmp(&b.location));
                all.into_iter().map(Ok).collect::<Vec<_>>()
            }
            Err(error) => vec![Err(error)],
        }
    })
    .flat_map(stream::iter)
    .boxed()
}

fn unsupported(what: &str) -> object_store::Error {
    object_store::Error::NotSupported {
        source: format!("a run cannot do this to what it has not published: {what}").into(),
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
