//! Looking at files without loading them: which there are, what their columns are, what a contract says of their rows.
//! Nothing is written, but for copies of objects in a temporary folder that is emptied again.

mod guess;
mod infer;
mod preview;

use std::path::Path;
use std::time::SystemTime;

use connectors::files::{self, Keys, Place, RemoteFile, discover_remote};
use diagnostic::{Result, ResultExt, codes};
use indexmap::IndexMap;
use tempfile::TempPath;

use crate::incoming::Origin;

pub use infer::{Inferred, InferredColumn, infer};
pub use preview::{Preview, preview};

/// A file of a source.
#[derive(Clone, Debug)]
pub struct ListedFile {
    /// Its path below the source's folder or location.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// When it was changed last.
    pub modified: SystemTime,
    /// What its path says of all its rows.
    pub values: IndexMap<String, String>,
    at: At,
}

#[derive(Clone, Debug)]
enum At {
    Local(Place),
    Remote(RemoteFile),
}

/// The files at `origin` that match `patterns`, by name.
///
/// # Errors
/// `F1001`, `F1003` and `F1004` if the folder cannot be listed, `B2001` to `B2003` if the store cannot.
pub fn list(origin: &Origin, patterns: &[String]) -> Result<Vec<ListedFile>> {
    match origin {
        Origin::Folder(folder) => {
            let found = files::discover(folder, patterns)?.into_iter();
            let listed = found.map(|file| ListedFile {
                name: file.name,
                size: file.size,
                modified: file.modified,
                values: file.values,
                at: At::Local(file.place),
            });
            Ok(listed.collect())
        }
        Origin::Store(storage) => {
            let found = discover_remote(storage, patterns, None, Keys::All)?
                .files
                .into_iter();
            let listed = found.map(|file| ListedFile {
                name: file.name.clone(),
                size: file.size,
                modified: file.modified,
                values: file.values.clone(),
                at: At::Remote(file),
            });
            Ok(listed.collect())
        }
    }
}

/// Bytes of a file, for as long as it is looked at.
struct Opened {
    place: Place,
    _copy: Option<TempPath>,
}

impl ListedFile {
    /// Where its bytes can be read; those of an object are brought to `spill`, which exists.
    fn open(&self, origin: &Origin, spill: &Path) -> Result<Opened> {
        let remote = match (&self.at, origin) {
            (At::Local(place), _) => {
                return Ok(Opened {
                    place: place.clone(),
                    _copy: None,
                });
            }
            (At::Remote(remote), _) => remote,
        };
        let cannot = || format!("`{}` cannot be copied to `{}`", self.name, spill.display());
        std::fs::create_dir_all(spill).explain(codes::F1002, cannot)?;
        let copy = tempfile::Builder::new()
            .prefix("_look")
            .tempfile_in(spill)
            .explain(codes::F1002, cannot)?;
        let copy = copy.into_temp_path();
        if let Origin::Store(storage) = origin {
            files::fetch(storage, remote, &copy)?;
        }
        Ok(Opened {
            place: Place::file(copy.to_path_buf()),
            _copy: Some(copy),
        })
    }
}
