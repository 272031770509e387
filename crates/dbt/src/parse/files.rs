//! The files of a package, by the folder they were found in.

use std::path::Path;
use std::sync::Arc;

use diagnostic::{Result, ResultExt, codes};
use sha2::{Digest, Sha256};

use super::generic_test::hex;
use super::inventory::{Inventory, Tracked};
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
    /// The file itself.
    pub tracked: Arc<Tracked>,
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
        let message = || format!("`{}` cannot be read", self.show);
        let bytes = self.bytes()?;
        String::from_utf8(bytes).explain(codes::D1031, message)
    }

    /// Its bytes.
    ///
    /// # Errors
    /// `D1031` if it cannot be read.
    pub fn bytes(&self) -> Result<Vec<u8>> {
        let message = || format!("`{}` cannot be read", self.show);
        self.tracked.read().explain(codes::D1031, message)
    }
}

/// The files below `folders` of `package` with one of the endings, in the order of their paths.
///
/// # Errors
/// `D1031` if a folder cannot be read. A folder that does not exist is empty.
pub fn find(
    inventory: &Inventory,
    package: &ProjectFile,
    show: &str,
    folders: &[impl AsRef<str>],
    endings: &[&str],
) -> Result<Vec<SourceFile>> {
    let mut files = Vec::new();
    for folder in folders {
        let folder = folder.as_ref();
        let below = inventory.below(&package.root.join(folder))?;
        for found in below.iter().filter(|found| {
            endings
                .iter()
                .any(|known| known.eq_ignore_ascii_case(found.ending()))
        }) {
            let original = if folder == "." {
                found.relative.clone()
            } else {
                format!("{folder}/{}", found.relative)
            };
            if package.ignored.contains(&original) {
                continue;
            }
            files.push(SourceFile {
                show: if show.is_empty() {
                    original.clone()
                } else {
                    format!("{show}/{original}")
                },
                path: found.relative.clone(),
                original,
                tracked: Arc::clone(&found.file),
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
