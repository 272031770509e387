//! What tells whether a project is as it was: the key of its settings and the stamps of its files.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use diagnostic::Result;
use indexmap::IndexMap;

use super::codec::{Pack, Reader, Writer};
use crate::cache::codec::packed;
use crate::context::{DBT_VERSION, ProjectContext};
use crate::parse::inventory::{Digest, Stamp, Tracked};
use crate::project::profile::Connection;

/// A file that parsing reads.
pub(super) struct Relevant {
    file: Arc<Tracked>,
    /// Whether everything may depend on it: macros, docs blocks, fixtures.
    of_all: bool,
}

/// Every file that parsing reads, apart from settings.
///
/// # Errors
/// `D1031` if a folder cannot be read.
pub(super) fn files(project: &ProjectContext) -> Result<Vec<Relevant>> {
    let mut all: IndexMap<PathBuf, Relevant> = IndexMap::new();
    let mut add = |root: &Path, folder: &str, endings: &[&str], of_all: bool| -> Result<()> {
        let below = project.inventory.below(&root.join(folder))?;
        for found in below.iter() {
            if endings.is_empty() || endings.contains(&found.ending()) {
                let known = all.entry(found.file.path.clone());
                let known = known.or_insert_with(|| Relevant {
                    file: Arc::clone(&found.file),
                    of_all: false,
                });
                known.of_all |= of_all;
            }
        }
        Ok(())
    };
    for package in std::iter::once(&project.root).chain(&project.packages) {
        let root = &package.root;
        let lists: [(&[String], &[&str], bool); 7] = [
            (&package.model_paths, &["sql", "py"], false),
            (&package.snapshot_paths, &["sql"], false),
            (&package.seed_paths, &["csv"], false),
            (&package.test_paths, &["sql"], false),
            (&package.analysis_paths, &["sql"], false),
            (&package.macro_paths, &["sql"], true),
            (&package.docs_paths, &["md"], true),
        ];
        for (folders, endings, of_all) in lists {
            for folder in folders {
                add(root, folder, endings, of_all)?;
            }
        }
        for folder in package.property_paths() {
            add(root, folder, &["yml", "yaml"], false)?;
        }
        for folder in &package.test_paths {
            add(root, &format!("{folder}/generic"), &["sql"], true)?;
            add(root, &format!("{folder}/fixtures"), &[], true)?;
        }
    }
    Ok(all.into_values().collect())
}

/// What a file was.
struct Entry {
    stamp: Stamp,
    digest: Digest,
    of_all: bool,
    /// Whether a later change is sure to show in the stamp.
    settled: bool,
}

packed!(Stamp {
    size,
    modified,
    changed,
    inode
});
packed!(Entry {
    stamp,
    digest,
    of_all,
    settled
});

/// What the files of a project were.
pub(super) struct Stamps(HashMap<String, Entry>);

impl Pack for Stamps {
    fn pack(&self, writer: &mut Writer) {
        self.0.len().pack(writer);
        for (path, entry) in &self.0 {
            path.pack(writer);
            entry.pack(writer);
        }
    }

    fn unpack(reader: &mut Reader<'_>) -> Option<Self> {
        let length = usize::unpack(reader)?;
        let mut all = HashMap::new();
        for _ in 0..length {
            all.insert(String::unpack(reader)?, Entry::unpack(reader)?);
        }
        Some(Self(all))
    }
}

/// How a project differs from what it was.
#[derive(Default)]
pub(super) struct Difference {
    /// Files that are new or have other bytes.
    pub changed: HashSet<PathBuf>,
    /// Whether a file is gone.
    pub gone: bool,
    /// Whether files have other stamps and the same bytes.
    pub touched: bool,
}

impl Stamps {
    /// What the files are; `None` if one cannot be read.
    pub fn of(project: &ProjectContext, files: &[Relevant]) -> Option<Self> {
        let begun = project.inventory.begun;
        let entries = files.iter().map(|Relevant { file, of_all }| {
            let entry = Entry {
                stamp: file.stamp,
                digest: file.digest()?,
                of_all: *of_all,
                settled: file.stamp.settled(begun),
            };
            Some((file.path.to_str()?.to_owned(), entry))
        });
        Some(Self(entries.collect::<Option<_>>()?))
    }

    /// How the files differ from these; `None` if that touches everything.
    pub fn compare(&self, now: &[Relevant]) -> Option<Difference> {
        let mut difference = Difference::default();
        let mut known = 0;
        for Relevant { file, of_all } in now {
            let entry = file.path.to_str().and_then(|path| self.0.get(path));
            let same = match entry {
                Some(entry) => {
                    known += 1;
                    if entry.settled && entry.stamp == file.stamp {
                        file.remember(entry.digest);
                        true
                    } else {
                        difference.touched = true;
                        entry.of_all == *of_all && file.digest() == Some(entry.digest)
                    }
                }
                None => false,
            };
            if !same {
                if *of_all || entry.is_some_and(|entry| entry.of_all) {
                    return None;
                }
                difference.changed.insert(file.path.clone());
            }
        }
        if known < self.0.len() {
            let paths: HashSet<&str> = now.iter().filter_map(|r| r.file.path.to_str()).collect();
            let mut gone = self
                .0
                .iter()
                .filter(|(path, _)| !paths.contains(path.as_str()));
            if gone.any(|(_, entry)| entry.of_all) {
                return None;
            }
            difference.gone = true;
        }
        Some(difference)
    }
}

/// A hash of everything that parsing depends on besides files and what it notes itself: Sluice, the
/// settings of the project and its packages as they were rendered, and the connection.
pub(super) fn key(project: &ProjectContext) -> Digest {
    struct Hashing(blake3::Hasher);
    impl std::fmt::Write for Hashing {
        fn write_str(&mut self, text: &str) -> std::fmt::Result {
            self.0.update(text.as_bytes());
            Ok(())
        }
    }
    let mut hashing = Hashing(blake3::Hasher::new());
    // What a newer Sluice parses otherwise must not come from an older one's cache.
    let program = std::env::current_exe().and_then(std::fs::metadata);
    let program = program.map(|metadata| Stamp::of(&metadata)).ok();
    // How many threads there are is noted where templates look at it.
    let connection = Connection {
        threads: 0,
        fields: {
            let mut fields = project.connection.fields.clone();
            fields.shift_remove("threads");
            fields
        },
        ..project.connection.clone()
    };
    let ProjectContext { root, packages, .. } = project;
    // Writing into a hash does not fail.
    let _ = write!(
        hashing,
        "{DBT_VERSION} {program:?} {connection:?} {:?} {root:?} {packages:?}",
        project.flags.as_of
    );
    *hashing.0.finalize().as_bytes()
}
