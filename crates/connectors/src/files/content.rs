//! [`ContentHash`]: what tells files apart, whatever they are called and whenever they arrive.

use std::fmt;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use std::str::FromStr;

use diagnostic::{Result, ResultExt, codes};
use serde::{Deserialize, Serialize};

use super::decompress::{Compression, read_error};
use super::place::Place;

/// BLAKE3 of a file's bytes as they lie on disk, before decompression.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct ContentHash([u8; 32]);

impl ContentHash {
    /// The hash of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }

    pub(super) fn from_hasher(hasher: &blake3::Hasher) -> Self {
        Self(*hasher.finalize().as_bytes())
    }

    /// The 32 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(blake3::Hash::from(self.0).to_hex().as_str())
    }
}

impl FromStr for ContentHash {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        blake3::Hash::from_hex(text)
            .map(|hash| Self(*hash.as_bytes()))
            .map_err(|_| format!("`{text}` is not a content hash"))
    }
}

impl From<ContentHash> for String {
    fn from(hash: ContentHash) -> Self {
        hash.to_string()
    }
}

impl TryFrom<String> for ContentHash {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

/// Hashes the bytes at `place` in one sequential pass; `name` is how errors call it.
///
/// # Errors
/// `F1001` if the file cannot be read.
pub fn hash(place: impl Into<Place>, name: &str) -> Result<ContentHash> {
    pass(&place.into(), name, &mut io::sink())
}

/// Copies the bytes at `place` to `target` and hashes it in the same pass. The copy is flushed to disk, so
/// that what is read from it later is what was hashed.
///
/// # Errors
/// `F1001` if the file cannot be read, `F1002` if the copy cannot be written.
pub fn copy_and_hash(place: &Place, name: &str, target: &Path) -> Result<ContentHash> {
    let cannot_write = || format!("`{name}` cannot be copied to `{}`", target.display());
    let mut copy = File::create(target).explain(codes::F1002, cannot_write)?;
    let hash = pass(place, name, &mut copy)?;
    copy.sync_all().explain(codes::F1002, cannot_write)?;
    Ok(hash)
}

fn pass(place: &Place, name: &str, target: &mut dyn Write) -> Result<ContentHash> {
    let cannot_read = || format!("`{name}` cannot be read");
    let mut file = place.open().explain(codes::F1001, cannot_read)?;
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; 256 * 1024];
    loop {
        let count = match file.read(&mut buffer) {
            Ok(0) => return Ok(ContentHash(*hasher.finalize().as_bytes())),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(read_error(name, Compression::None, error)),
        };
        let bytes = buffer.get(..count).unwrap_or_default();
        hasher.update(bytes);
        target
            .write_all(bytes)
            .explain(codes::F1002, || format!("`{name}` cannot be copied"))?;
    }
}
