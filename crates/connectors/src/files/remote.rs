//! Files of an object store: listed, and brought here in parts, so that memory is bounded and a lost connection
//! costs one part.

use std::collections::HashSet;
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
    etag: Option<String>,
}

/// The files of a store that belong to a stream.
#[derive(Clone, Debug, Default)]
pub struct RemoteFiles {
    /// Those that may be read, by name.
    pub files: Vec<RemoteFile>,
    /// How many wait for the marker of their folder.
    pub waiting: usize,
}

/// The files of `storage` that any of `patterns` matches. Markers and hidden files are left out. Only what begins as
/// a pattern does before its first wildcard is listed. With `marker`, only files whose folder, or one above it
/// that was listed, holds one of that name may be read.
///
/// # Errors
/// `F1003` for a pattern that is not one, `F1007` if a marker holds a manifest, which is read in folders only,
/// `B2001` to `B2003` if the store cannot be listed.
pub fn discover_remote(
    storage: &Storage,
    patterns: &[String],
    marker: Option<&str>,
) -> Result<RemoteFiles> {
    let values = PathValues::new(patterns)?;
    let mut found: IndexMap<String, RemoteFile> = IndexMap::new();
    let mut complete: HashSet<String> = HashSet::new();
    for pattern in patterns {
        let pattern = without_placeholders(pattern);
        let pattern = pattern.trim_start_matches("./").trim_start_matches('/');
        let glob = compile(pattern)?;
        let fixed = fixed_folders(pattern);
        let listed = list(&storage.below(&fixed))?;
        for entry in listed {
            let name = [fixed.as_str(), entry.name.as_str()];
            let parts: Vec<&str> = name.into_iter().filter(|part| !part.is_empty()).collect();
            let name = parts.join("/");
            let (folder, own) = name.rsplit_once('/').unwrap_or(("", &name));
            if Some(own) == marker {
                refuse_manifest(storage, &name, entry.size)?;
                complete.insert(folder.to_owned());
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
    let all = files.len();
    if marker.is_some() {
        files.retain(|file| {
            let mut folder = file.name.as_str();
            while let Some((above, _)) = folder.rsplit_once('/') {
                folder = above;
                if complete.contains(folder) {
                    return true;
                }
            }
            complete.contains("")
        });
    }
    Ok(RemoteFiles {
        waiting: all - files.len(),
        files,
    })
}

/// A manifest that is not compared with the files would promise what nobody keeps.
fn refuse_manifest(storage: &Storage, name: &str, size: u64) -> Result<()> {
    if size == 0 {
        return Ok(());
    }
    let (store, key) = (storage.clone(), name.to_owned());
    let head = storage::block_on(async move { store.read_range(&key, 0..size.min(64)).await })??;
    if head.trim_ascii().first() != Some(&b'{') {
        return Ok(());
    }
    Err(Error::new(
        codes::F1007,
        format!("The marker `{name}` holds a manifest, which is not read in an object store"),
    )
    .with("file", name)
    .help("write the marker without content"))
}

/// A listing that is cut off in the middle of an answer is not asked for again by the store's client.
fn list(storage: &Storage) -> Result<Vec<Entry>> {
    let mut attempt = 0;
    loop {
        attempt += 1;
        let below = storage.clone();
        match storage::block_on(async move { below.list(None).await })? {
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
