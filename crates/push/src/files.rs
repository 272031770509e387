//! [`Files`]: a project's streams of files, as far as the server has to know them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use diagnostic::Result;
use serde_json::Value;
use settings::Watch;
use state::FileFate;

/// The streams of files of a project. Its methods block.
pub trait Files: Send + Sync {
    /// The streams that a dataset reads.
    fn streams(&self) -> &[FileStream];

    /// Whether `name` is that of a file of `stream`, if it is there.
    fn is_file_of(&self, stream: &str, name: &str) -> bool;

    /// Looks at the files of `stream` that `scope` takes, without reading any.
    ///
    /// # Errors
    /// What keeps them from being listed.
    fn look(&self, stream: &str, scope: &Scope) -> Result<Look>;

    /// What a load would make of the file at `path`, were it called `name`: `columns`, `rows`, `broken`, `total`,
    /// `valid`, `discarded`, `quarantined` and `notices`.
    ///
    /// # Errors
    /// What would have it rejected.
    fn preview(&self, stream: &str, name: &str, path: &Path) -> Result<Value>;

    /// Puts a copy of the file at `path` where the files of `stream` are, as `name`, whole and on disk, or not at all.
    /// Nothing that is there is replaced.
    ///
    /// # Errors
    /// What keeps it from being written.
    fn keep(&self, stream: &str, name: &str, path: &Path) -> Result<Kept>;
}

/// What came of putting a file somewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// It is there.
    New,
    /// The same bytes were there before.
    Before,
    /// Other bytes are there, and stay.
    Other,
}

/// A stream of files.
#[derive(Clone, Debug)]
pub struct FileStream {
    /// `source.stream`.
    pub name: String,
    /// Patterns of its files' names.
    pub patterns: Vec<String>,
    /// Where its files are.
    pub place: FilePlace,
    /// The file that says that a folder is complete.
    pub marker: Option<String>,
    /// How its files are looked for.
    pub watch: Option<Watch>,
}

/// Where a stream's files are.
#[derive(Clone, Debug)]
pub enum FilePlace {
    /// In this folder.
    Folder(PathBuf),
    /// In a bucket.
    Bucket {
        /// Its name.
        bucket: String,
        /// What keys begin with, without `/` at the ends.
        prefix: String,
    },
}

/// Which of a stream's files a load looks at: all of them by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// These only.
    pub names: Option<BTreeSet<String>>,
    /// In a bucket, those behind this key only.
    pub after: Option<String>,
    /// In a folder, those that have not changed for so long only.
    pub settle: Option<Duration>,
}

/// What a look at a stream's files tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// The files by name, each with a number that is another one if it has changed.
    pub files: Vec<(String, u64)>,
    /// A number that is another one if a marker has come or changed.
    pub markers: u64,
    /// Files that may still be written to, and are not listed.
    pub unsettled: usize,
}

/// What a load did.
#[derive(Clone, Debug, Default)]
pub struct LoadReport {
    /// What became of each file that was looked at; `None` if it was loaded before and that is all there is to say.
    pub files: BTreeMap<String, Option<FileFate>>,
    /// Why nothing was published, if nothing was.
    pub failed: Option<String>,
}

impl LoadReport {
    /// What became of `name`. An archive is as bad as its worst member.
    pub(crate) fn fate(&self, name: &str) -> Option<FileFate> {
        if let Some(why) = &self.failed {
            return Some(FileFate {
                error: Some(why.clone()),
                ..FileFate::default()
            });
        }
        if let Some(fate) = self.files.get(name) {
            return Some(fate.clone().unwrap_or_default());
        }
        let members = self.files.range(format!("{name}/")..);
        let members = members.take_while(|(member, _)| {
            let below = member.strip_prefix(name);
            below.is_some_and(|below| below.starts_with('/'))
        });
        let fates = members.map(|(_, fate)| fate.clone().unwrap_or_default());
        fates.reduce(|one, other| FileFate {
            loaded: one.loaded && other.loaded,
            rows: one.rows + other.rows,
            quarantined: one.quarantined + other.quarantined,
            error: one.error.or(other.error),
            size: None,
        })
    }
}

impl FileStream {
    /// The name that `key` of `bucket` has in the stream, if it lies there.
    pub(crate) fn name_of<'k>(&self, bucket: &str, key: &'k str) -> Option<&'k str> {
        match &self.place {
            FilePlace::Bucket {
                bucket: own,
                prefix,
            } if own == bucket => match prefix.as_str() {
                "" => Some(key),
                prefix => key.strip_prefix(prefix)?.strip_prefix('/'),
            },
            FilePlace::Bucket { .. } | FilePlace::Folder(_) => None,
        }
    }
}
