//! [`Inventory`]: the files below a project's folders, each folder walked once, and what each file was
//! when the walk saw it. The parse cache compares that with what it remembers.

use std::collections::HashMap;
use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{SystemTime, UNIX_EPOCH};

use diagnostic::{Error, Result, codes};
use walkdir::WalkDir;

use crate::context::lock;

/// A hash of a file's bytes.
pub type Digest = [u8; 32];

/// What tells a changed file from an unchanged one without reading it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stamp {
    /// Its size.
    pub size: u64,
    /// Nanoseconds since 1970 of the last change of its content.
    pub modified: i64,
    /// The same of its content or its entry, where the system tells.
    pub changed: i64,
    /// Its number in the file system, where the system tells.
    pub inode: u64,
}

impl Stamp {
    /// The stamp of a file.
    #[must_use]
    pub fn of(metadata: &Metadata) -> Self {
        let modified = metadata.modified().map_or(0, nanoseconds);
        #[cfg(unix)]
        let (changed, inode) = {
            use std::os::unix::fs::MetadataExt as _;
            let seconds = metadata.ctime().saturating_mul(1_000_000_000);
            (
                seconds.saturating_add(metadata.ctime_nsec()),
                metadata.ino(),
            )
        };
        #[cfg(not(unix))]
        let (changed, inode) = (modified, 0);
        Self {
            size: metadata.len(),
            modified,
            changed,
            inode,
        }
    }

    /// Whether any change after `moment` would show in the stamp: file systems count time in ticks,
    /// some in seconds, so a file may change twice within one.
    #[must_use]
    pub fn settled(&self, moment: i64) -> bool {
        let last = self.modified.max(self.changed);
        let tick = match last % 1_000_000_000 {
            0 => 2_000_000_000,
            _ => 100_000_000,
        };
        last.saturating_add(tick) < moment
    }
}

fn nanoseconds(moment: SystemTime) -> i64 {
    let since = moment.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}

/// A file as the walk saw it.
#[derive(Debug)]
pub struct Tracked {
    /// Where it is.
    pub path: PathBuf,
    /// What it was.
    pub stamp: Stamp,
    digest: OnceLock<Digest>,
}

impl Tracked {
    /// Its bytes; their hash is kept.
    ///
    /// # Errors
    /// Whatever reading raises.
    pub fn read(&self) -> std::io::Result<Vec<u8>> {
        let bytes = std::fs::read(&self.path)?;
        // What is read first is what is parsed.
        let _ = self.digest.set(*blake3::hash(&bytes).as_bytes());
        Ok(bytes)
    }

    /// Takes `digest` for the hash of its bytes.
    pub fn remember(&self, digest: Digest) {
        let _ = self.digest.set(digest);
    }

    /// The hash of its bytes, which are read if they have not been; `None` if they cannot be.
    #[must_use]
    pub fn digest(&self) -> Option<Digest> {
        match self.digest.get() {
            Some(digest) => Some(*digest),
            None => {
                self.read().ok()?;
                self.digest.get().copied()
            }
        }
    }
}

/// A file that a walk found.
#[derive(Clone, Debug)]
pub struct Found {
    /// Its path below the folder that was walked.
    pub relative: String,
    /// The file.
    pub file: Arc<Tracked>,
}

impl Found {
    /// What stands behind the last dot of its name.
    #[must_use]
    pub fn ending(&self) -> &str {
        let name = self.relative.rsplit('/').next().unwrap_or_default();
        name.rsplit_once('.').map_or("", |(_, ending)| ending)
    }
}

/// The endings of files that a project is parsed from.
const ENDINGS: &[&str] = &["sql", "py", "csv", "yml", "yaml", "md"];

/// The files of a project.
#[derive(Debug)]
pub struct Inventory {
    /// Nanoseconds since 1970 when the first walk began.
    pub begun: i64,
    folders: Mutex<HashMap<PathBuf, Arc<Vec<Found>>>>,
    files: Mutex<HashMap<PathBuf, Arc<Tracked>>>,
}

impl Default for Inventory {
    fn default() -> Self {
        Self {
            begun: nanoseconds(SystemTime::now()),
            folders: Mutex::default(),
            files: Mutex::default(),
        }
    }
}

impl Inventory {
    /// The files below `root` in the order of their paths. A folder that does not exist is empty.
    ///
    /// # Errors
    /// `D1031` if a folder cannot be read.
    pub fn below(&self, root: &Path) -> Result<Arc<Vec<Found>>> {
        if let Some(known) = lock(&self.folders).get(root) {
            return Ok(Arc::clone(known));
        }
        let found = Arc::new(self.walk(root)?);
        lock(&self.folders).insert(root.to_owned(), Arc::clone(&found));
        Ok(found)
    }

    fn walk(&self, root: &Path) -> Result<Vec<Found>> {
        let mut all = Vec::new();
        if !root.is_dir() {
            return Ok(all);
        }
        let failed = |cause: walkdir::Error| {
            Error::new(codes::D1031, format!("`{}` cannot be read", root.display())).because(cause)
        };
        for entry in WalkDir::new(root).follow_links(true).sort_by_file_name() {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name().to_string_lossy();
            let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
            let known = ENDINGS
                .iter()
                .any(|known| known.eq_ignore_ascii_case(ending));
            if name.starts_with('.') || !known || !entry.file_type().is_file() {
                continue;
            }
            let relative = entry.path().strip_prefix(root).unwrap_or(entry.path());
            let relative = relative.to_string_lossy().replace('\\', "/");
            let stamp = Stamp::of(&entry.metadata().map_err(failed)?);
            let path = entry.into_path();
            let mut files = lock(&self.files);
            let file = match files.get(&path) {
                Some(known) => Arc::clone(known),
                None => {
                    let tracked = Arc::new(Tracked {
                        path: path.clone(),
                        stamp,
                        digest: OnceLock::new(),
                    });
                    files.insert(path, Arc::clone(&tracked));
                    tracked
                }
            };
            all.push(Found { relative, file });
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use super::Stamp;

    #[test]
    fn what_was_just_changed_is_not_settled() {
        let stamp = |modified: i64, changed: i64| Stamp {
            modified,
            changed,
            ..Stamp::default()
        };
        let now = 1_700_000_000_500_000_000;
        assert!(stamp(now - 200_000_001, now - 200_000_001).settled(now));
        assert!(!stamp(now - 50_000_000, now - 200_000_001).settled(now));
        assert!(!stamp(now - 200_000_001, now - 50_000_000).settled(now));
        // A file system that counts whole seconds.
        let seconds = 1_699_999_999_000_000_000;
        assert!(!stamp(seconds, seconds).settled(now));
        assert!(stamp(seconds - 1_000_000_000, seconds - 1_000_000_000).settled(now));
    }
}
