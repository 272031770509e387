//! Finding a stream's files by pattern, with the values that their paths name.

use std::path::{Component, Path, PathBuf};
use std::time::SystemTime;

use diagnostic::{Error, Result, ResultExt, codes};
use globset::{GlobBuilder, GlobMatcher};
use indexmap::IndexMap;
use walkdir::WalkDir;

use super::archive;
use super::place::Place;
use super::values::{PathValues, without_placeholders};

/// A file that a stream's pattern matches.
#[derive(Clone, Debug)]
pub struct FoundFile {
    /// Where its bytes are.
    pub place: Place,
    /// How people and the ledger call it: relative to the project folder if it lies there, with `/`.
    pub name: String,
    /// How many bytes it has; unpacked ones for a member of an archive.
    pub size: u64,
    /// When it, or its archive, was last changed.
    pub modified: SystemTime,
    /// What its path says: hive partitions, `run_date=2026-08-01`, and placeholders, outermost first.
    pub values: IndexMap<String, String>,
}

/// The files that any of `patterns` matches, sorted by name. A relative pattern starts at `root`. Each member of
/// a ZIP archive is a file of its own, `archive.zip/member`; all of them are taken if a pattern matches the
/// archive, some if it goes on behind `.zip/`.
///
/// Markers and hidden files (a name that begins with `_` or `.`, or lies in such a folder below the
/// pattern's fixed part) are no data and left out.
///
/// # Errors
/// `F1003` for a pattern that is not one, `F1004` if the folder it starts in does not exist, `F1001` if a
/// folder cannot be read.
pub fn discover(root: &Path, patterns: &[String]) -> Result<Vec<FoundFile>> {
    let values = PathValues::new(patterns)?;
    let mut found: IndexMap<String, FoundFile> = IndexMap::new();
    for pattern in patterns {
        for mut file in matches(root, &without_placeholders(pattern))? {
            file.values = values.of(&file.name);
            found.entry(file.name.clone()).or_insert(file);
        }
    }
    let mut files: Vec<FoundFile> = found.into_values().collect();
    files.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(files)
}

fn matches(root: &Path, pattern: &str) -> Result<Vec<FoundFile>> {
    let compile = |glob: &str| -> Result<GlobMatcher> {
        let glob = GlobBuilder::new(glob).literal_separator(true).build();
        let glob = glob.explain(codes::F1003, || {
            format!("`{pattern}` is not a valid file pattern")
        })?;
        Ok(glob.compile_matcher())
    };
    let (outside, inside) = match pattern.split_once(".zip/") {
        Some((archive, inside)) => (format!("{archive}.zip"), Some(compile(inside)?)),
        None => (pattern.to_owned(), None),
    };
    let (base, rest) = fixed_part(root, &outside);
    let glob = compile(&rest)?;
    if !base.exists() {
        return Err(Error::new(
            codes::F1004,
            format!("The pattern `{pattern}` starts in a folder that does not exist"),
        )
        .with("folder", display_name(root, &base))
        .help("create the folder, or correct `files` of the stream"));
    }
    let mut files = Vec::new();
    let walk = WalkDir::new(&base)
        .follow_links(true)
        .sort_by_file_name()
        .into_iter()
        .filter_entry(|entry| {
            entry.depth() == 0 || !is_marker(entry.file_name().to_string_lossy().as_ref())
        });
    for entry in walk {
        let entry = entry.explain(codes::F1001, || {
            format!("Files of `{pattern}` cannot be listed")
        })?;
        if entry.file_type().is_dir() {
            continue;
        }
        let below = entry.path().strip_prefix(&base).unwrap_or(entry.path());
        let matched = if rest.is_empty() {
            below.as_os_str().is_empty()
        } else {
            glob.is_match(below)
        };
        if !matched {
            continue;
        }
        let name = display_name(root, entry.path());
        let metadata = entry
            .metadata()
            .explain(codes::F1001, || format!("`{name}` cannot be read"))?;
        let file = FoundFile {
            place: Place::file(entry.path()),
            values: IndexMap::new(),
            size: metadata.len(),
            modified: metadata
                .modified()
                .explain(codes::F1001, || format!("`{name}` has no time of change"))?,
            name,
        };
        match members(&file, inside.as_ref()) {
            Some(members) => files.extend(members),
            None if inside.is_some() => {}
            None => files.push(file),
        }
    }
    Ok(files)
}

/// The members of `file` that match, if it is an archive that can be read. One that cannot is left as a file,
/// and rejected when it is opened.
fn members(file: &FoundFile, inside: Option<&GlobMatcher>) -> Option<Vec<FoundFile>> {
    let path = file.place.plain()?;
    if !archive::is_zip(path) {
        return None;
    }
    let members = archive::members(path, &file.name).ok().flatten()?;
    let wanted = members.into_iter().filter(|(name, ..)| {
        let hidden = name.split('/').any(is_marker);
        !hidden && inside.is_none_or(|glob| glob.is_match(name))
    });
    let found = wanted.map(|(name, size, place)| FoundFile {
        place,
        name: format!("{}/{name}", file.name),
        size,
        modified: file.modified,
        values: IndexMap::new(),
    });
    Some(found.collect())
}

/// Splits a pattern into the folder it must start in and the part that has wildcards.
fn fixed_part(root: &Path, pattern: &str) -> (PathBuf, String) {
    let parts: Vec<&str> = pattern.split('/').collect();
    let is_wild = |part: &&str| part.contains(['*', '?', '[', '{']);
    let first_wild = parts.iter().position(is_wild).unwrap_or(parts.len());
    let fixed = parts.get(..first_wild).unwrap_or_default().join("/");
    let rest = parts.get(first_wild..).unwrap_or_default().join("/");
    let base = match (fixed.as_str(), pattern.starts_with('/')) {
        ("", true) => PathBuf::from("/"),
        ("", false) => root.to_path_buf(),
        (fixed, _) => root.join(fixed),
    };
    (clean(&base), rest)
}

/// The path without `.` and with `..` resolved by name, so that one file has one name.
fn clean(path: &Path) -> PathBuf {
    let mut clean = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir if clean.file_name().is_some() => {
                clean.pop();
            }
            other => clean.push(other),
        }
    }
    clean
}

fn display_name(root: &Path, path: &Path) -> String {
    let root = clean(root);
    path.strip_prefix(&root)
        .unwrap_or(path)
        .components()
        .map(|part| part.as_os_str().to_string_lossy())
        .collect::<Vec<_>>()
        .join("/")
        .replace("//", "/")
}

pub(super) fn is_marker(file_name: &str) -> bool {
    file_name.starts_with(['_', '.'])
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::fs;

    use super::discover;

    #[test]
    fn finds_data_files_with_their_partitions_and_skips_markers() {
        let folder = tempfile::tempdir().unwrap();
        let drop = folder.path().join("data/run_date=2026-08-01/region=eu");
        fs::create_dir_all(&drop).unwrap();
        fs::create_dir_all(folder.path().join("data/_tmp")).unwrap();
        for name in ["b.csv", "a.csv", "_SUCCESS", ".hidden.csv", "c.txt"] {
            fs::write(drop.join(name), "x").unwrap();
        }
        fs::write(folder.path().join("data/_tmp/d.csv"), "x").unwrap();

        let patterns = ["data/**/*.csv".to_owned(), "./data/*/*/a.csv".to_owned()];
        let found = discover(folder.path(), &patterns).unwrap();

        let names: Vec<&str> = found.iter().map(|file| file.name.as_str()).collect();
        assert_eq!(
            names,
            [
                "data/run_date=2026-08-01/region=eu/a.csv",
                "data/run_date=2026-08-01/region=eu/b.csv"
            ]
        );
        assert_eq!(found[0].values["run_date"], "2026-08-01");
        assert_eq!(found[0].values["region"], "eu");
    }

    #[test]
    fn a_fixed_name_outside_the_project_is_found_by_its_full_path() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("project")).unwrap();
        fs::write(folder.path().join("orders.csv"), "x").unwrap();

        let found = discover(
            &folder.path().join("project"),
            &["../orders.csv".to_owned()],
        )
        .unwrap();

        assert_eq!(found.len(), 1);
        assert!(found[0].name.ends_with("orders.csv") && found[0].values.is_empty());
    }

    #[test]
    fn says_which_folder_is_missing() {
        let folder = tempfile::tempdir().unwrap();
        let error = discover(folder.path(), &["drops/*.csv".to_owned()]).unwrap_err();
        assert_eq!(error.code().id, "F1004");
        assert!(error.to_string().contains("drops"));
    }
}
