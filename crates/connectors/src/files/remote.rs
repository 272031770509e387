//! Files of an object store: listed, and brought here in parts, so that memory is bounded and a lost connection
//! costs one part.

use std::collections::{BTreeSet, HashSet};
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, SystemTime};

use diagnostic::{Error, Result, ResultExt, codes};
use globset::{GlobBuilder, GlobMatcher};
use indexmap::IndexMap;
use storage::{Entry, Storage};

use super::content::ContentHash;
use super::discover::is_marker;
use super::values::{PathValues, without_placeholders};

/// Bytes asked for at once.
const PART: u64 = 8 << 20;

/// How often a part is asked for, beyond what the store's client does.
const ATTEMPTS: u32 = 4;

/// A file in a store that a stream's pattern matches.
#[derive(Clone, Debug)]
pub struct RemoteFile {
    /// Its key below the location.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// When it was last written.
    pub modified: SystemTime,
    /// What tells its content from others under the same key: the store's entity tag, or when it was written.
    pub version: String,
    /// What its key says: hive partitions and placeholders, outermost first.
    pub values: IndexMap<String, String>,
    /// The marker of its folder, or of the nearest one above that has one, if the stream has markers.
    pub marker: Option<String>,
    etag: Option<String>,
}

/// The files of a store that belong to a stream.
#[derive(Clone, Debug, Default)]
pub struct RemoteFiles {
    /// Those that may be read, by name.
    pub files: Vec<RemoteFile>,
    /// How many wait for the marker of their folder.
    pub waiting: usize,
    /// The names of all objects that were listed, if the stream has markers: a manifest may list any.
    pub names: HashSet<String>,
}

/// What of a store is looked at.
#[derive(Clone, Copy, Debug)]
pub enum Keys<'a> {
    /// Everything.
    All,
    /// What comes behind this key, if the stream has one pattern; everything otherwise.
    After(&'a str),
    /// These keys, which are asked for one by one.
    Named(&'a BTreeSet<String>),
}

/// The files of `storage` that any of `patterns` matches. Markers and hidden files are left out. Only what begins as
/// a pattern does before its first wildcard is listed. With `marker`, only files whose folder, or one above it
/// that was listed, holds one of that name may be read.
///
/// # Errors
/// `F1003` for a pattern that is not one, `B2001` to `B2003` if the store cannot be listed.
pub fn discover_remote(
    storage: &Storage,
    patterns: &[String],
    marker: Option<&str>,
    keys: Keys<'_>,
) -> Result<RemoteFiles> {
    let values = PathValues::new(patterns)?;
    let mut found: IndexMap<String, RemoteFile> = IndexMap::new();
    let mut complete: HashSet<String> = HashSet::new();
    let mut names: HashSet<String> = HashSet::new();
    for pattern in patterns {
        let pattern = without_placeholders(pattern);
        let pattern = pattern.trim_start_matches("./").trim_start_matches('/');
        // Of an archive's members the archive is listed.
        let pattern = match pattern.split_once(".zip/") {
            Some((archive, _)) => format!("{archive}.zip"),
            None => pattern.to_owned(),
        };
        let glob = compile(&pattern)?;
        let fixed = fixed_folders(&pattern);
        let after = match keys {
            Keys::After(after) if patterns.len() == 1 => below(after, &fixed),
            _ => None,
        };
        let listed = match keys {
            // A marker makes complete what it does not name.
            Keys::Named(names) if marker.is_none() => ask(storage, names, &fixed)?,
            _ => list(&storage.below(&fixed), after)?,
        };
        for entry in listed {
            let name = [fixed.as_str(), entry.name.as_str()];
            let parts: Vec<&str> = name.into_iter().filter(|part| !part.is_empty()).collect();
            let name = parts.join("/");
            let (folder, own) = name.rsplit_once('/').unwrap_or(("", &name));
            if Some(own) == marker {
                complete.insert(folder.to_owned());
            }
            if marker.is_some() {
                names.insert(name.clone());
            }
            let hidden = entry.name.split('/').any(is_marker);
            if hidden || !glob.is_match(&name) {
                continue;
            }
            let file = remote(name, entry, &values);
            found.entry(file.name.clone()).or_insert(file);
        }
    }
    let mut files: Vec<RemoteFile> = found.into_values().collect();
    files.sort_by(|a, b| a.name.cmp(&b.name));
    if let Keys::Named(names) = keys {
        files.retain(|file| names.contains(&file.name));
    }
    let all = files.len();
    if let Some(marker) = marker {
        for file in &mut files {
            let folder = nearest(&file.name, &complete);
            file.marker = folder.map(|folder| match folder {
                "" => marker.to_owned(),
                folder => format!("{folder}/{marker}"),
            });
        }
        files.retain(|file| file.marker.is_some());
    }
    Ok(RemoteFiles {
        waiting: all - files.len(),
        files,
        names,
    })
}

/// The folder of `name`, or the nearest one above it, that is one of `folders`.
fn nearest<'n>(name: &'n str, folders: &HashSet<String>) -> Option<&'n str> {
    let mut folder = name;
    while let Some((above, _)) = folder.rsplit_once('/') {
        folder = above;
        if folders.contains(folder) {
            return Some(folder);
        }
    }
    folders.contains("").then_some("")
}

/// The part of `key` below `folder`, if it lies there.
fn below<'k>(key: &'k str, folder: &str) -> Option<&'k str> {
    match folder {
        "" => Some(key),
        folder => key.strip_prefix(folder)?.strip_prefix('/'),
    }
}

/// Those of `names` that exist below `folder`, by their names there.
fn ask(storage: &Storage, names: &BTreeSet<String>, folder: &str) -> Result<Vec<Entry>> {
    let mut found = Vec::new();
    for name in names.iter().filter_map(|name| below(name, folder)) {
        let (place, name) = (storage.below(folder), name.to_owned());
        found.extend(storage::block_on(async move { place.head(&name).await })??);
    }
    Ok(found)
}

/// A listing that is cut off in the middle of an answer is not asked for again by the store's client.
fn list(storage: &Storage, after: Option<&str>) -> Result<Vec<Entry>> {
    let mut attempt = 0;
    loop {
        attempt += 1;
        let (below, after) = (storage.clone(), after.map(str::to_owned));
        match storage::block_on(async move { below.list(after.as_deref()).await })? {
            Err(error) if attempt < ATTEMPTS && error.code() == codes::B2003 => pause(attempt),
            listed => return listed,
        }
    }
}

/// No two readers that failed together come back together.
fn pause(attempt: u32) {
    let most = 200 * 2_u64.pow(attempt);
    std::thread::sleep(Duration::from_millis(rand::random_range(most / 2..=most)));
}

fn remote(name: String, entry: Entry, values: &PathValues) -> RemoteFile {
    let written = entry.modified.to_rfc3339();
    RemoteFile {
        values: values.of(&name),
        name,
        size: entry.size,
        modified: entry.modified.into(),
        version: match &entry.etag {
            Some(etag) => format!("etag {etag}"),
            None => written,
        },
        marker: None,
        etag: entry.etag,
    }
}

fn compile(pattern: &str) -> Result<GlobMatcher> {
    let glob = GlobBuilder::new(pattern).literal_separator(true).build();
    let glob = glob.explain(codes::F1003, || {
        format!("`{pattern}` is not a valid file pattern")
    })?;
    Ok(glob.compile_matcher())
}

/// The folders of a pattern before its first wildcard.
fn fixed_folders(pattern: &str) -> String {
    let parts: Vec<&str> = pattern.split('/').collect();
    let folders = parts.split_last().map_or(&[][..], |(_, folders)| folders);
    let is_plain = |part: &&&str| !part.contains(['*', '?', '[', '{']);
    let fixed: Vec<&str> = folders.iter().take_while(is_plain).copied().collect();
    fixed.join("/")
}

/// Brings `file` to `target` and hashes it on the way. The copy is flushed to disk.
///
/// # Errors
/// `B2001` to `B2003` if it cannot be read, `F1005` if it is written anew meanwhile, `F1002` if the copy
/// cannot be written.
pub fn fetch(storage: &Storage, file: &RemoteFile, target: &Path) -> Result<ContentHash> {
    let name = &file.name;
    let cannot_write = || format!("`{name}` cannot be copied to `{}`", target.display());
    let mut copy = File::create(target).explain(codes::F1002, cannot_write)?;
    let mut hasher = blake3::Hasher::new();
    let mut from = 0;
    while from < file.size {
        let to = (from + PART).min(file.size);
        let part = part(storage, file, from, to)?;
        hasher.update(&part);
        copy.write_all(&part).explain(codes::F1002, cannot_write)?;
        from = to;
    }
    copy.sync_all().explain(codes::F1002, cannot_write)?;
    Ok(ContentHash::from_hasher(&hasher))
}

fn part(storage: &Storage, file: &RemoteFile, from: u64, to: u64) -> Result<bytes::Bytes> {
    let mut attempt = 0;
    loop {
        attempt += 1;
        let (store, name, etag) = (storage.clone(), file.name.clone(), file.etag.clone());
        let read = storage::block_on(async move {
            store.read_range_of(&name, from..to, etag.as_deref()).await
        })?;
        match read {
            Ok(Some(part)) if part.len() as u64 == to - from => return Ok(part),
            // Shorter than it was when it was listed: written anew, and the store has no tags.
            Ok(_) => {
                let name = &file.name;
                let message = format!("`{name}` changed while it was read");
                return Err(Error::new(codes::F1005, message)
                    .with("file", name)
                    .help("run again when the file is complete"));
            }
            Err(error) if attempt < ATTEMPTS && error.code() == codes::B2003 => {
                pause(attempt);
            }
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::fixed_folders;

    #[test]
    fn only_folders_without_wildcards_are_listed() {
        assert_eq!(fixed_folders("a/b/run_date=*/x.csv"), "a/b");
        assert_eq!(fixed_folders("a/b/x.csv"), "a/b");
        assert_eq!(fixed_folders("*.csv"), "");
    }
}
