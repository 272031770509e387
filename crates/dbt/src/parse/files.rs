//! The files of a package, by the folder they were found in.

use std::path::Path;

use diagnostic::{Error, Result, ResultExt, codes};
use sha2::{Digest, Sha256};
use walkdir::WalkDir;

use super::generic_test::hex;
use crate::project::file::ProjectFile;

/// A file of a package.
#[derive(Clone, Debug)]
pub struct SourceFile {
    /// Its path relative to the folder of its kind: `staging/stg_orders.sql`.
    pub path: String,
    /// Its path relative to the package: `models/staging/stg_orders.sql`.
    pub original: String,
    /// How messages name it: relative to the root project.
    pub show: String,
    /// Its path for reading.
    pub full: std::path::PathBuf,
}

impl SourceFile {
    /// Its name without folder and ending.
    #[must_use]
    pub fn stem(&self) -> &str {
        Path::new(&self.path)
            .file_stem()
            .and_then(|s| s.to_str())
            .unwrap_or_default()
    }

    /// Its text.
    ///
    /// # Errors
    /// `D1031` if it cannot be read or is not UTF-8.
    pub fn read(&self) -> Result<String> {
        std::fs::read_to_string(&self.full)
            .explain(codes::D1031, || format!("`{}` cannot be read", self.show))
    }
}

/// The files below `folders` of `package` with one of the endings, in the order of their paths.
///
/// # Errors
/// `D1031` if a folder cannot be read. A folder that does not exist is empty.
pub fn find(
    package: &ProjectFile,
    show: &str,
    folders: &[impl AsRef<str>],
    endings: &[&str],
) -> Result<Vec<SourceFile>> {
    let mut files = Vec::new();
    for folder in folders {
        let folder = folder.as_ref();
        let root = package.root.join(folder);
        if !root.is_dir() {
            continue;
        }
        for entry in WalkDir::new(&root).follow_links(true).sort_by_file_name() {
            let entry = entry.map_err(|cause| {
                Error::new(codes::D1031, format!("`{}` cannot be read", root.display()))
                    .because(cause)
            })?;
            let path = entry.path();
            let ending = path
                .extension()
                .and_then(|e| e.to_str())
                .unwrap_or_default();
            let hidden = entry.file_name().to_string_lossy().starts_with('.');
            if !entry.file_type().is_file() || hidden || !endings.contains(&ending) {
                continue;
            }
            let relative = path.strip_prefix(&root).unwrap_or(path);
            let path_text = relative.to_string_lossy().replace('\\', "/");
            let original = if folder == "." {
                path_text.clone()
            } else {
                format!("{folder}/{path_text}")
            };
            files.push(SourceFile {
                show: if show.is_empty() {
                    original.clone()
                } else {
                    format!("{show}/{original}")
                },
                path: path_text,
                original,
                full: path.to_owned(),
            });
        }
    }
    Ok(files)
}

/// The SHA-256 of a text.
#[must_use]
pub fn checksum(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// The checksum of code: blanks do not count, as in dbt.
#[must_use]
pub fn code_checksum(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    checksum(words.join(" ").as_bytes())
}

/// The checksum of a seed: line ends do not count, nor blanks around it.
#[must_use]
pub fn seed_checksum(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => checksum(
            text.replace("\r\n", "\n")
                .replace('\r', "\n")
                .trim()
                .as_bytes(),
        ),
        Err(_) => checksum(bytes),
    }
}

/// Package, folders of `path`, `name`.
#[must_use]
pub fn fqn(package: &str, path: &str, name: &str) -> Vec<String> {
    let mut fqn = vec![package.to_owned()];
    let folders = Path::new(path).parent().into_iter().flat_map(Path::iter);
    fqn.extend(folders.map(|part| part.to_string_lossy().into_owned()));
    fqn.push(name.to_owned());
    fqn
}
