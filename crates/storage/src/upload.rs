//! [`Upload`]: a new object, written like a file by a thread that is not `async`.

use std::io;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use diagnostic::Result;
use object_store::path::Path;
use object_store::{MultipartUpload, ObjectStore, ObjectStoreExt};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::{Storage, runtime};

/// Bytes of one part; S3 takes 10,000 of at least 5 MiB.
const PART: usize = 8 << 20;
/// Parts that are on their way at once; a writer holds about one more in memory.
const IN_FLIGHT: usize = 3;

/// A new object of a store. It appears when [`Upload::finish`] returns, or never.
pub struct Upload {
    storage: Storage,
    name: String,
    buffer: BytesMut,
    size: u64,
    parts: Option<Parts>,
}

/// The task that sends parts, until one of them is empty: an upload that nobody finishes is given up.
struct Parts {
    queue: mpsc::Sender<Bytes>,
    ended: std::sync::mpsc::Receiver<object_store::Result<()>>,
}

impl Storage {
    /// A new object `name`, which nobody else writes.
    #[must_use]
    pub fn upload(&self, name: &str) -> Upload {
        Upload {
            storage: self.clone(),
            name: name.to_owned(),
            buffer: BytesMut::new(),
            size: 0,
            parts: None,
        }
    }
}

impl Upload {
    /// Waits until all of it is stored; gives its bytes. Nothing is written after that.
    ///
    /// # Errors
    /// `B2001` to `B2003` if it cannot be written.
    pub fn finish(&mut self) -> Result<u64> {
        let rest = self.buffer.split().freeze();
        let done = match self.parts.take() {
            None => {
                let (storage, name) = (self.storage.clone(), self.name.clone());
                return runtime::block_on(async move { storage.write(&name, rest).await })?
                    .map(|()| self.size);
            }
            Some(parts) => {
                let last = rest.is_empty() || send(&parts.queue, rest);
                let sent = last && send(&parts.queue, Bytes::new());
                let ended = parts.ended.recv().unwrap_or_else(|_| Err(lost()));
                ended.and(if sent { Ok(()) } else { Err(lost()) })
            }
        };
        done.map_err(|cause| self.storage.explain(cause, &self.name, "written"))?;
        Ok(self.size)
    }

    /// Hands over a full part. Blocks while enough are on their way.
    fn flush_part(&mut self) -> io::Result<()> {
        let part = self.buffer.split_to(PART.min(self.buffer.len())).freeze();
        let parts = match &self.parts {
            Some(parts) => parts,
            None => {
                let started = start(
                    Arc::clone(self.storage.store()),
                    self.storage.path(&self.name),
                );
                self.parts.insert(started.map_err(io::Error::other)?)
            }
        };
        if send(&parts.queue, part) {
            return Ok(());
        }
        let failure = parts.ended.recv().unwrap_or_else(|_| Err(lost()));
        let cause = failure.err().unwrap_or_else(lost);
        Err(io::Error::other(
            self.storage.explain(cause, &self.name, "written"),
        ))
    }
}

impl io::Write for Upload {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        self.size += bytes.len() as u64;
        while self.buffer.len() >= PART {
            self.flush_part()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Gives `part` to the sending task; `false` if it has ended. Waits by looking, because the caller may be a
/// worker of another runtime, which may not block on a tokio channel.
fn send(queue: &mpsc::Sender<Bytes>, part: Bytes) -> bool {
    let (done, wait) = std::sync::mpsc::sync_channel(1);
    let queue = queue.clone();
    let Ok(handle) = runtime::handle() else {
        return false;
    };
    handle.spawn(async move {
        let _ = done.send(queue.send(part).await.is_ok());
    });
    wait.recv().unwrap_or(false)
}

fn start(store: Arc<dyn ObjectStore>, path: Path) -> Result<Parts> {
    let (queue, parts) = mpsc::channel(1);
    let (end, ended) = std::sync::mpsc::sync_channel(1);
    runtime::handle()?.spawn(async move {
        let _ = end.send(send_parts(store, path, parts).await);
    });
    Ok(Parts { queue, ended })
}

async fn send_parts(
    store: Arc<dyn ObjectStore>,
    path: Path,
    mut parts: mpsc::Receiver<Bytes>,
) -> object_store::Result<()> {
    let mut upload = store.put_multipart(&path).await?;
    let mut size = 0;
    let sent = async {
        let mut flying = JoinSet::new();
        loop {
            let part = parts.recv().await.ok_or_else(lost)?;
            if part.is_empty() {
                break;
            }
            size += part.len() as u64;
            flying.spawn(upload.put_part(part.into()));
            if flying.len() >= IN_FLIGHT
                && let Some(done) = flying.join_next().await
            {
                done??;
            }
        }
        while let Some(done) = flying.join_next().await {
            done??;
        }
        Ok(())
    };
    let sent: object_store::Result<()> = sent.await;
    if let Err(cause) = sent {
        abort(&mut upload).await;
        return Err(cause);
    }
    match upload.complete().await {
        Ok(_) => Ok(()),
        // The answer may have been lost, and the upload ended: then the object is there.
        Err(cause) => match store.head(&path).await {
            Ok(there) if there.size == size => Ok(()),
            _ => {
                abort(&mut upload).await;
                Err(cause)
            }
        },
    }
}

/// Parts of an upload that failed cost money until somebody removes them; the store may be out of reach, though.
async fn abort(upload: &mut Box<dyn MultipartUpload>) {
    let _ = upload.abort().await;
}

fn lost() -> object_store::Error {
    object_store::Error::Generic {
        store: "upload",
        source: "the upload ended early".into(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::io::Write;

    use super::PART;
    use crate::{Location, Storage, StorageOptions, block_on};

    #[test]
    fn small_and_large_objects_arrive_whole() {
        let folder = tempfile::tempdir().unwrap();
        let location = Location::Local(folder.path().to_owned());
        let storage = Storage::open(&location, &StorageOptions::default()).unwrap();
        for size in [0, 5, PART, 3 * PART + 7] {
            let bytes: Vec<u8> = (0..size).map(|at| (at % 251) as u8).collect();
            let mut upload = storage.upload("a/b");
            for piece in bytes.chunks(1 << 20) {
                upload.write_all(piece).unwrap();
            }
            assert_eq!(upload.finish().unwrap(), size as u64);
            let reader = storage.clone();
            let there = block_on(async move { reader.read("a/b").await });
            assert!(there.unwrap().unwrap() == bytes, "{size}");
        }
    }
}
