//! Files that a person brings: how they get to where the files of their stream are.

use std::fs::File;
use std::path::Path;

use ::push::Kept;
use connectors::files::{Place, copy_and_hash, hash};
use diagnostic::{Error, Result, ResultExt, codes};
use ingest::Origin;
use storage::{Created, Storage};

/// An object that is written only if it is new is sent in one piece.
const LARGEST_OBJECT: u64 = 256 << 20;

/// Puts a copy of the file at `path` where the files of a stream are.
///
/// # Errors
/// `F1001`, `F1002` if it cannot be read or written, `B2001` to `B2003` if the store cannot be.
pub(crate) fn keep(origin: &Origin, name: &str, path: &Path) -> Result<Kept> {
    match origin {
        Origin::Folder(folder) => keep_in_folder(folder, name, path),
        Origin::Store(storage) => keep_in_store(storage, name, path),
    }
}

/// The file gets its name when it is whole, and only if nothing has that name.
fn keep_in_folder(folder: &Path, name: &str, path: &Path) -> Result<Kept> {
    let target = folder.join(name);
    let wrong = || format!("`{}` cannot be written", target.display());
    let parent = target.parent().unwrap_or(folder);
    std::fs::create_dir_all(parent).explain(codes::F1002, wrong)?;
    // Hidden, so that nobody takes it for a file of the stream.
    let partial = tempfile::Builder::new()
        .prefix("._upload")
        .tempfile_in(parent)
        .explain(codes::F1002, wrong)?;
    let content = copy_and_hash(&Place::file(path), name, partial.path())?;
    share(partial.path()).explain(codes::F1002, wrong)?;
    match std::fs::hard_link(partial.path(), &target) {
        Ok(()) => {
            File::open(parent)
                .and_then(|parent| parent.sync_all())
                .explain(codes::F1002, wrong)?;
            Ok(Kept::New)
        }
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            match hash(Place::file(&target), name)? == content {
                true => Ok(Kept::Before),
                false => Ok(Kept::Other),
            }
        }
        Err(error) => Err(Error::new(codes::F1002, wrong()).because(error)),
    }
}

/// The object is written only if there is none of that name.
fn keep_in_store(storage: &Storage, name: &str, path: &Path) -> Result<Kept> {
    let wrong = || format!("`{}` cannot be read", path.display());
    let size = std::fs::metadata(path).explain(codes::F1001, wrong)?.len();
    if size > LARGEST_OBJECT {
        let message =
            format!("`{name}` is larger than the 256 MiB that are uploaded to a bucket at once");
        return Err(Error::new(codes::F1002, message).help("bring it there by another program"));
    }
    let bytes = std::fs::read(path).explain(codes::F1001, wrong)?;
    let (store, key) = (storage.clone(), name.to_owned());
    // The same bytes count as new: a request may be sent twice.
    let created = storage::block_on(async move { store.create(&key, bytes).await })??;
    Ok(match created {
        Created::New => Kept::New,
        Created::Exists => Kept::Other,
    })
}

/// Lets others than this process read the file, as if a program had written it there.
fn share(path: &Path) -> std::io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o644))?;
    }
    File::open(path)?.sync_all()
}
