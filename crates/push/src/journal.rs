//! [`Journal`]: the events of one stream on disk, in segments of lines.
//!
//! The segment that is written to ends with `.open`, which no run reads. It gets its name
//! once it is large or old enough; from then on it never changes.

use std::collections::HashMap;
use std::fs::{self, File, TryLockError};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use diagnostic::{Error, Result, ResultExt, codes};
use serde::Deserialize;
use telemetry::failpoint;

/// Bytes after which a segment is complete: what a run reads without a break.
const SEGMENT_BYTES: u64 = 64 << 20;

/// The folder of a stream's events below the lake's `raw` zone.
#[must_use]
pub fn folder(raw: &Path, source: &str, stream: &str) -> PathBuf {
    raw.join("push").join(source).join(stream)
}

/// One event that is to be kept.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its sender's name for it.
    pub key: Option<String>,
    /// One line of JSON, its end included.
    pub line: Vec<u8>,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is on disk.
    Kept,
    /// One of this name was on disk before.
    Duplicate,
}

/// The events of one stream. One process writes to it.
#[derive(Debug)]
pub struct Journal {
    folder: PathBuf,
    /// How long a segment is written to.
    age: Duration,
    remember: TimeDelta,
    /// When each name was kept.
    seen: HashMap<[u8; 16], DateTime<Utc>>,
    open: Option<Segment>,
    _lock: File,
}

#[derive(Debug)]
struct Segment {
    file: File,
    path: PathBuf,
    length: u64,
    since: Instant,
}

/// What is read again of a line.
#[derive(Deserialize)]
struct Kept {
    received_at: DateTime<Utc>,
    key: Option<String>,
}

impl Journal {
    /// Opens the journal in `folder`: completes what a process that died has left, and learns the names of the
    /// last `remember`. Segments are complete after `age`.
    ///
    /// # Errors
    /// `W1002` if another process writes to it, `W1003` if it cannot be read or written.
    pub fn open(folder: &Path, age: Duration, remember: Duration) -> Result<Self> {
        fs::create_dir_all(folder).explain(codes::W1003, || unusable(folder))?;
        let lock = lock(folder)?;
        let mut journal = Self {
            folder: folder.to_owned(),
            age,
            remember: TimeDelta::from_std(remember).unwrap_or(TimeDelta::MAX),
            seen: HashMap::new(),
            open: None,
            _lock: lock,
        };
        journal.recover()?;
        Ok(journal)
    }

    /// Keeps `entries`: when this returns they are on disk. Either all of them are or none is.
    ///
    /// # Errors
    /// `W1003` if they cannot be written; then none is kept.
    pub fn append(&mut self, entries: &[Entry]) -> Result<Vec<Fate>> {
        let now = Utc::now();
        let mut bytes = Vec::new();
        let mut names = Vec::new();
        let mut fates = Vec::with_capacity(entries.len());
        for entry in entries {
            let name = entry.key.as_deref().map(digest);
            if let Some(name) = name {
                if self.seen.contains_key(&name) || names.contains(&name) {
                    fates.push(Fate::Duplicate);
                    continue;
                }
                names.push(name);
            }
            bytes.extend_from_slice(&entry.line);
            fates.push(Fate::Kept);
        }
        if !bytes.is_empty() {
            self.write(&bytes)?;
        }
        self.seen.extend(names.into_iter().map(|name| (name, now)));
        Ok(fates)
    }

    /// Completes the open segment if it is large or old enough.
    ///
    /// # Errors
    /// `W1003` if it cannot get its name.
    pub fn tend(&mut self) -> Result<()> {
        let due = |open: &Segment| open.length >= SEGMENT_BYTES || open.since.elapsed() >= self.age;
        match self.open.as_ref().is_some_and(due) {
            true => self.complete(),
            false => Ok(()),
        }
    }

    /// Completes the open segment.
    ///
    /// # Errors
    /// `W1003` if it cannot get its name.
    pub fn complete(&mut self) -> Result<()> {
        let Some(path) = self.open.as_ref().map(|open| open.path.clone()) else {
            return Ok(());
        };
        failpoint("push.before_complete");
        let named = self.name(&path);
        // A segment that keeps its old name is written to further, and named later.
        if !path.exists() {
            self.open = None;
        }
        named?;
        failpoint("push.after_complete");
        let oldest = Utc::now() - self.remember;
        self.seen.retain(|_, kept| *kept >= oldest);
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let mut open = match self.open.take() {
            Some(open) => open,
            None => self.begin()?,
        };
        let written = open.file.write_all(bytes).and_then(|()| {
            failpoint("push.before_sync");
            open.file.sync_data()
        });
        failpoint("push.after_sync");
        let Err(cause) = written else {
            open.length += bytes.len() as u64;
            self.open = Some(open);
            return Ok(());
        };
        // Nobody is told that these are kept, so they must not be: the segment ends before them.
        let path = open.path.clone();
        let cut = open.file.set_len(open.length);
        let cut = cut.and_then(|()| open.file.sync_data());
        drop(open);
        match cut {
            Ok(()) => self.name(&path)?,
            Err(error) => {
                tracing::error!(%error, path = %path.display(), "a segment cannot be cut")
            }
        }
        Err(Error::new(codes::W1003, unusable(&path)).because(cause))
    }

    fn begin(&self) -> Result<Segment> {
        let name = format!(
            "{}-{}.open",
            Utc::now().format("%Y%m%dT%H%M%S"),
            uuid::Uuid::now_v7()
        );
        let path = self.folder.join(name);
        let wrong = || unusable(&path);
        let file = File::create_new(&path).explain(codes::W1003, wrong)?;
        // The file's name must be on disk before anything in it counts.
        sync_folder(&self.folder)?;
        Ok(Segment {
            file,
            path,
            length: 0,
            since: Instant::now(),
        })
    }

    /// Gives an open segment the name that runs read.
    fn name(&self, path: &Path) -> Result<()> {
        let wrong = || unusable(path);
        let length = fs::metadata(path).explain(codes::W1003, wrong)?.len();
        match length {
            0 => fs::remove_file(path).explain(codes::W1003, wrong)?,
            _ => fs::rename(path, path.with_extension("ndjson")).explain(codes::W1003, wrong)?,
        }
        sync_folder(&self.folder)
    }

    fn recover(&mut self) -> Result<()> {
        let wrong = || unusable(&self.folder);
        let mut complete = Vec::new();
        for item in fs::read_dir(&self.folder).explain(codes::W1003, wrong)? {
            let path = item.explain(codes::W1003, wrong)?.path();
            match path.extension().and_then(|extension| extension.to_str()) {
                Some("open") => {
                    cut_torn_line(&path)?;
                    self.name(&path)?;
                    complete.push(path.with_extension("ndjson"));
                }
                Some("ndjson") => complete.push(path),
                _ => {}
            }
        }
        let oldest = Utc::now() - self.remember;
        for path in complete.iter().filter(|path| path.exists()) {
            let wrong = || unusable(path);
            let written = fs::metadata(path).and_then(|data| data.modified());
            if DateTime::<Utc>::from(written.explain(codes::W1003, wrong)?) < oldest {
                continue;
            }
            let file = File::open(path).explain(codes::W1003, wrong)?;
            for line in BufReader::new(file).split(b'\n') {
                let line = line.explain(codes::W1003, wrong)?;
                let kept: Kept = serde_json::from_slice(&line).explain(codes::W1003, || {
                    format!("`{}` holds a line that is no event", path.display())
                })?;
                if let Some(key) = kept.key {
                    self.seen.insert(digest(&key), kept.received_at);
                }
            }
        }
        Ok(())
    }
}

/// Cuts off what stands behind the last end of a line: nobody was told that it is kept.
fn cut_torn_line(path: &Path) -> Result<()> {
    let wrong = || unusable(path);
    let mut file = File::options()
        .read(true)
        .write(true)
        .open(path)
        .explain(codes::W1003, wrong)?;
    let mut end = file.metadata().explain(codes::W1003, wrong)?.len();
    let length = end;
    let mut part = vec![0; 64 << 10];
    while end > 0 {
        let take = end.min(part.len() as u64);
        let from = end - take;
        let slot = part
            .get_mut(..usize::try_from(take).unwrap_or(0))
            .unwrap_or_default();
        file.seek(SeekFrom::Start(from))
            .and_then(|_| file.read_exact(slot))
            .explain(codes::W1003, wrong)?;
        if let Some(at) = slot.iter().rposition(|byte| *byte == b'\n') {
            end = from + at as u64 + 1;
            break;
        }
        end = from;
    }
    if end < length {
        file.set_len(end).explain(codes::W1003, wrong)?;
    }
    file.sync_data().explain(codes::W1003, wrong)
}

pub(crate) fn lock(folder: &Path) -> Result<File> {
    let path = folder.join("lock");
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .explain(codes::W1003, || unusable(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::new(
            codes::W1002,
            format!("Another process serves `{}`", folder.display()),
        )
        .help("end the other `sluice serve` of this project")),
        Err(TryLockError::Error(cause)) => {
            Err(Error::new(codes::W1003, unusable(&path)).because(cause))
        }
    }
}

fn sync_folder(folder: &Path) -> Result<()> {
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .explain(codes::W1003, || unusable(folder))
}

fn unusable(path: &Path) -> String {
    format!("`{}` cannot be read or written", path.display())
}

/// What is remembered of a name.
fn digest(key: &str) -> [u8; 16] {
    let mut short = [0; 16];
    let long = blake3::hash(key.as_bytes());
    for (to, from) in short.iter_mut().zip(long.as_bytes()) {
        *to = *from;
    }
    short
}
