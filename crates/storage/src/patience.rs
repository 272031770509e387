//! [`Patient`]: a store that reads again where the client gives up: an answer that broke off in the middle, of an
//! error too.

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

use crate::failure::{passes, pause};

/// How often something is read before the failure is believed.
const ATTEMPTS: u32 = 4;

/// A store that reads again. All else is the store's own.
#[derive(Debug)]
pub(crate) struct Patient(pub(crate) Arc<dyn ObjectStore>);

impl fmt::Display for Patient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[async_trait]
impl ObjectStore for Patient {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        opts: PutOptions,
    ) -> Result<PutResult> {
        self.0.put_opts(location, payload, opts).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        opts: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.0.put_multipart_opts(location, opts).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let mut attempt = 1;
        loop {
            match self.0.get_opts(location, options.clone()).await {
                Err(cause) if attempt < ATTEMPTS && passes(&cause) => {
                    tokio::time::sleep(pause(attempt)).await;
                    attempt += 1;
                }
                done => return done,
            }
        }
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.0.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        listed(Arc::clone(&self.0), prefix.cloned(), None)
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        listed(Arc::clone(&self.0), prefix.cloned(), Some(offset.clone()))
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.0.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.0.copy_opts(from, to, options).await
    }
}

/// A listing under way.
struct Listing {
    store: Arc<dyn ObjectStore>,
    prefix: Option<Path>,
    /// The last name that was given, after which a listing that broke off goes on.
    last: Option<Path>,
    entries: Option<BoxStream<'static, Result<ObjectMeta>>>,
    failures: u32,
}

/// The names below `prefix` after `last`; a page that fails is asked for again.
fn listed(
    store: Arc<dyn ObjectStore>,
    prefix: Option<Path>,
    last: Option<Path>,
) -> BoxStream<'static, Result<ObjectMeta>> {
    let listing = Listing {
        store,
        prefix,
        last,
        entries: None,
        failures: 0,
    };
    stream::unfold(listing, |mut listing| async move {
        loop {
            let mut entries = match listing.entries.take() {
                Some(entries) => entries,
                None => match &listing.last {
                    Some(last) => listing
                        .store
                        .list_with_offset(listing.prefix.as_ref(), last),
                    None => listing.store.list(listing.prefix.as_ref()),
                },
            };
            match entries.next().await? {
                Ok(entry) => {
                    listing.failures = 0;
                    listing.last = Some(entry.location.clone());
                    listing.entries = Some(entries);
                    return Some((Ok(entry), listing));
                }
                Err(cause) if listing.failures + 1 < ATTEMPTS && passes(&cause) => {
                    listing.failures += 1;
                    tokio::time::sleep(pause(listing.failures)).await;
                }
                Err(cause) => {
                    listing.entries = Some(stream::empty().boxed());
                    return Some((Err(cause), listing));
                }
            }
        }
    })
    .boxed()
}
