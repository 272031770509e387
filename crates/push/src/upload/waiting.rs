//! [`Waiting`]: uploads that nobody has confirmed yet.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::StatusCode;
use diagnostic::{Result, ResultExt, codes};
use futures::StreamExt;
use serde::{Deserialize, Serialize};
use tokio::io::AsyncWriteExt;
use tokio::sync::Semaphore;

use super::{Wrong, unusable};

/// The largest file a person brings: a larger one is better moved by a program.
const LARGEST: u64 = 2 << 30;
/// Files that are brought at once.
const AT_ONCE: usize = 8;
/// How long nothing of a file may come before it is given up.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long a file waits.
const KEPT: Duration = Duration::from_secs(86_400);

/// The folder of uploads.
pub(crate) struct Waiting {
    folder: PathBuf,
    places: Arc<Semaphore>,
}

/// An upload that waits.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Found {
    pub(crate) stream: String,
    pub(crate) name: String,
    pub(crate) size: u64,
}

impl Waiting {
    /// Opens the folder, and removes what nobody came back for.
    ///
    /// # Errors
    /// `W1003` if it cannot be used.
    pub(crate) fn open(folder: PathBuf) -> Result<Self> {
        let wrong = || format!("`{}` cannot be used", folder.display());
        fs::create_dir_all(&folder).explain(codes::W1003, wrong)?;
        for item in fs::read_dir(&folder).explain(codes::W1003, wrong)? {
            let item = item.explain(codes::W1003, wrong)?;
            let modified = item.metadata().and_then(|data| data.modified());
            let age = modified.explain(codes::W1003, wrong)?.elapsed();
            if age.is_ok_and(|age| age > KEPT) {
                fs::remove_file(item.path()).explain(codes::W1003, wrong)?;
            }
        }
        Ok(Self {
            folder,
            places: Arc::new(Semaphore::new(AT_ONCE)),
        })
    }

    /// Where the bytes of the upload `id` are.
    pub(crate) fn path(&self, id: &str) -> PathBuf {
        self.folder.join(id)
    }

    fn note(&self, id: &str) -> PathBuf {
        self.folder.join(format!("{id}.json"))
    }

    /// Takes in a file, and gives its id.
    pub(crate) async fn receive(
        &self,
        stream: &str,
        name: &str,
        body: Body,
    ) -> Result<String, Wrong> {
        let Ok(_place) = self.places.try_acquire() else {
            let message = "too many files are brought at once; try again".to_owned();
            return Err((StatusCode::SERVICE_UNAVAILABLE, message));
        };
        let id = uuid::Uuid::now_v7().to_string();
        let path = self.path(&id);
        let size = match write(&path, body).await {
            Ok(size) => size,
            Err(wrong) => {
                // Half of a file is nothing; what cannot be removed goes within a day.
                let _gone = fs::remove_file(&path);
                return Err(wrong);
            }
        };
        let found = Found {
            stream: stream.to_owned(),
            name: name.to_owned(),
            size,
        };
        let kept = serde_json::to_vec(&found)
            .map_err(io::Error::from)
            .and_then(|note| fs::write(self.note(&id), note))
            .and_then(|()| File::open(&self.folder)?.sync_all());
        kept.map_err(|cause| unusable("The upload cannot be kept", cause))?;
        Ok(id)
    }

    /// The upload `id`, if it waits.
    ///
    /// # Errors
    /// `W1003` if it cannot be read.
    pub(crate) fn find(&self, id: &str) -> Result<Option<Found>> {
        // An id is no path.
        if uuid::Uuid::parse_str(id).is_err() || !self.path(id).is_file() {
            return Ok(None);
        }
        let wrong = || "An upload cannot be read".to_owned();
        let note = match fs::read(self.note(id)) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            note => note.explain(codes::W1003, wrong)?,
        };
        serde_json::from_slice(&note)
            .map(Some)
            .explain(codes::W1003, wrong)
    }

    /// Removes the upload `id`.
    ///
    /// # Errors
    /// `W1003` if it cannot be removed.
    pub(crate) fn remove(&self, id: &str) -> Result<()> {
        for path in [self.note(id), self.path(id)] {
            match fs::remove_file(&path) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                done => done.explain(codes::W1003, || {
                    format!("`{}` cannot be removed", path.display())
                })?,
            }
        }
        Ok(())
    }
}

async fn write(path: &Path, body: Body) -> Result<u64, Wrong> {
    let cannot = |cause| unusable("The upload cannot be kept", cause);
    let mut file = tokio::fs::File::create(path).await.map_err(cannot)?;
    let mut parts = body.into_data_stream();
    let mut size = 0;
    loop {
        let part = match tokio::time::timeout(PATIENCE, parts.next()).await {
            Ok(Some(Ok(part))) => part,
            Ok(None) => break,
            Ok(Some(Err(_))) | Err(_) => {
                let message = "the file did not come whole".to_owned();
                return Err((StatusCode::REQUEST_TIMEOUT, message));
            }
        };
        size += part.len() as u64;
        if size > LARGEST {
            let message = format!("a file has at most {} GiB here", LARGEST >> 30);
            return Err((StatusCode::PAYLOAD_TOO_LARGE, message));
        }
        file.write_all(&part).await.map_err(cannot)?;
    }
    file.sync_all().await.map_err(cannot)?;
    Ok(size)
}
