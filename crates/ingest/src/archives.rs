//! ZIP archives in a store: an archive is brought here whole, and each member is a file of its own, as in a folder.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use connectors::files::{self, ContentHash, FoundFile, PathValues, Patterns, Place, RemoteFile};
use diagnostic::{Error, Result, ResultExt, codes};
use settings::StreamSpec;
use state::LedgerEntry;
use storage::Storage;

use crate::delivery::Promise;
use crate::incoming::{Arrived, Landing, is_member, patterns};

/// An archive of a stream.
pub(crate) struct Archive<'a> {
    pub(crate) stream: &'a StreamSpec,
    pub(crate) remote: &'a RemoteFile,
    pub(crate) promise: &'a Promise,
    pub(crate) landing: &'a Landing<'a>,
}

/// Whether an object is called as archives are. What it is, its content says.
pub(crate) fn is_archive(remote: &RemoteFile) -> bool {
    let name = Path::new(&remote.name);
    name.extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("zip"))
}

impl Archive<'_> {
    /// The archive's members that belong to the stream; `None` if it is no archive but a document. One that `known`
    /// tells apart by its version is not read again.
    ///
    /// # Errors
    /// `F2001`, `F2007` if it cannot be read, `F1007` if it is not what its manifest says, and what the store says.
    pub(crate) fn arrive(
        &self,
        storage: &Storage,
        known: &[LedgerEntry],
    ) -> Result<Option<Vec<Arrived>>> {
        let remote = self.remote;
        let path = place(self.landing.spill, remote);
        let values = PathValues::new(&patterns(self.stream))?;
        let arrived = |place: Place, name: String, size: u64, content: ContentHash| {
            let file = FoundFile {
                place,
                values: values.of(&name),
                name,
                size,
                modified: remote.modified,
            };
            Arrived::of_store(
                file,
                content,
                self.stream,
                self.promise.clone(),
                remote.clone(),
            )
        };
        // What was last told of each member. Only if all of that is of this version the archive is as it was:
        // members that are the same in several versions are told of once.
        let mut last: BTreeMap<&str, &LedgerEntry> = BTreeMap::new();
        for entry in known.iter().filter(|entry| is_member(remote, &entry.path)) {
            last.insert(&entry.path, entry);
        }
        let same = |entry: &&LedgerEntry| entry.modified == remote.version;
        if !last.is_empty() && last.values().all(same) {
            let remembered = last.into_values().map(|entry| {
                let content = entry.content_hash.parse().ok()?;
                let place = Place::file(&path);
                Some(arrived(place, entry.path.clone(), entry.size, content))
            });
            if let Some(members) = remembered.collect::<Option<_>>() {
                return Ok(Some(members));
            }
        }
        bring(storage, remote, &path)?;
        self.promise.check_sum(&Place::file(&path), &remote.name)?;
        let Some(members) = files::members(&path, &remote.name)? else {
            return Ok(None);
        };
        let wanted = Patterns::new(&patterns(self.stream))?;
        let mut found = Vec::new();
        for (member, size, place) in members {
            if wanted.match_member(&remote.name, &member) {
                let name = format!("{}/{member}", remote.name);
                let content = files::hash(&place, &name)?;
                found.push(arrived(place, name, size, content));
            }
        }
        Ok(Some(found))
    }
}

/// Where an archive is kept while its members are read.
fn place(spill: &Path, remote: &RemoteFile) -> PathBuf {
    let name = format!("{}\n{}", remote.name, remote.version);
    spill.join(format!("_archive-{}", ContentHash::of(name.as_bytes())))
}

fn bring(storage: &Storage, remote: &RemoteFile, path: &Path) -> Result<()> {
    let cannot = || format!("`{}` cannot be copied to `{}`", remote.name, path.display());
    let folder = path.parent().unwrap_or(path);
    std::fs::create_dir_all(folder).explain(codes::F1002, cannot)?;
    // Without its name until it is whole.
    let partial = tempfile::NamedTempFile::new_in(folder).explain(codes::F1002, cannot)?;
    files::fetch(storage, remote, partial.path())?;
    partial
        .persist(path)
        .map_err(|failed| failed.error)
        .explain(codes::F1002, cannot)?;
    Ok(())
}

/// Where the bytes of the member `file` of the archive `remote` are; the archive is brought here again if it is gone.
///
/// # Errors
/// As [`Archive::arrive`].
pub(crate) fn place_of(storage: &Storage, remote: &RemoteFile, file: &FoundFile) -> Result<Place> {
    if file.place.member.is_some() && file.place.path.is_file() {
        return Ok(file.place.clone());
    }
    let path = &file.place.path;
    bring(storage, remote, path)?;
    let members = files::members(path, &remote.name)?.unwrap_or_default();
    let mut members = members.into_iter();
    let found = members.find(|(member, ..)| format!("{}/{member}", remote.name) == file.name);
    found.map(|(.., place)| place).ok_or_else(|| {
        Error::new(
            codes::F1005,
            format!("`{}` is no longer in its archive", file.name),
        )
    })
}
