//! [`Scope`]: which of a stream's files a load looks at, and [`glance`], which tells whether a load would find news.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::time::{Duration, SystemTime};

use connectors::files::{self, FoundFile, Keys};
use diagnostic::Result;
use settings::StreamSpec;

use crate::incoming::{Origin, patterns};

/// Which of a stream's files a load looks at: all of them by default.
#[derive(Clone, Debug, Default)]
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

impl Scope {
    pub(crate) fn keys(&self) -> Keys<'_> {
        match (&self.names, &self.after) {
            (Some(names), _) => Keys::Named(names),
            (None, Some(after)) => Keys::After(after),
            (None, None) => Keys::All,
        }
    }

    /// Whether a load looks at `file` of a folder.
    pub(crate) fn takes(&self, file: &FoundFile) -> bool {
        let named = |names: &BTreeSet<String>| {
            let mut name = file.name.as_str();
            // An archive stands for its members.
            loop {
                if names.contains(name) {
                    return true;
                }
                match name.rsplit_once('/') {
                    Some((archive, _)) => name = archive,
                    None => return false,
                }
            }
        };
        self.names.as_ref().is_none_or(named) && self.is_settled(file.modified)
    }

    fn is_settled(&self, modified: SystemTime) -> bool {
        let age = SystemTime::now().duration_since(modified);
        self.settle
            .is_none_or(|settle| age.is_ok_and(|age| age >= settle))
    }
}

/// Looks at the files of `stream` that `scope` takes, without reading any. Blocks.
///
/// # Errors
/// As [`crate::run`] for files that cannot be listed.
pub fn glance(origin: &Origin, stream: &StreamSpec, scope: &Scope) -> Result<Look> {
    let marker = stream.marker.as_deref();
    let mut look = Look::default();
    match origin {
        Origin::Folder(folder) => {
            let mut markers = BTreeSet::new();
            for file in files::discover(folder, &patterns(stream))? {
                if !scope.is_settled(file.modified) {
                    look.unsettled += 1;
                }
                if !scope.takes(&file) {
                    continue;
                }
                let mark = number(&(&file.name, file.size, file.modified));
                markers.extend(marker.map(|marker| near(folder, &file, marker)));
                look.files.push((file.name, mark));
            }
            if marker.is_some() {
                look.markers = number(&markers);
            }
        }
        Origin::Store(storage) => {
            let found = files::discover_remote(storage, &patterns(stream), marker, scope.keys())?;
            for file in found.files {
                let mark = number(&(&file.name, file.size, &file.version));
                look.files.push((file.name, mark));
            }
        }
    }
    Ok(look)
}

fn number(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// When the markers of a file's folder and of those above it were written.
fn near(root: &Path, file: &FoundFile, marker: &str) -> Vec<Option<SystemTime>> {
    let above = file.place.path.ancestors().skip(1);
    above
        .take_while(|folder| folder.starts_with(root))
        .map(|folder| folder.join(marker).metadata().ok()?.modified().ok())
        .collect()
}
