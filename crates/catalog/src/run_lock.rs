//! Locks that end with their process, however it ends.

use std::fs::{File, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use diagnostic::{Error, Result, ResultExt, codes};

/// What a lock that is held for moments ends with.
const LOAD: &str = " load";
/// How long such a lock is waited for, and how often it is looked at.
const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(20);

/// An exclusive lock on a file, held until dropped or until the process dies.
#[derive(Debug)]
pub struct RunLock {
    file: File,
}

impl RunLock {
    /// Takes the lock at `path` if nobody holds it; `None` if somebody does.
    pub(crate) fn try_take(path: &Path) -> Result<Option<Self>> {
        let wrong = || format!("Lock file `{}` cannot be used", path.display());
        let mut file = match open(path) {
            // The folder went away in the meantime: its owner is alive and gave it its final name.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            opened => opened.explain(codes::K2003, wrong)?,
        };
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(cause)) => {
                return Err(Error::new(codes::K2003, wrong()).because(cause));
            }
        }
        file.set_len(0)
            .and_then(|()| write!(file, "{}", std::process::id()))
            .explain(codes::K2003, wrong)?;
        Ok(Some(Self { file }))
    }

    /// Takes the lock at `path`, and waits while somebody holds it.
    ///
    /// # Errors
    /// `K2003` if the file cannot be used.
    pub(crate) fn wait(path: &Path) -> Result<Self> {
        let file = open(path)
            .and_then(|file| file.lock().map(|()| file))
            .explain(codes::K2003, || {
                format!("Lock file `{}` cannot be used", path.display())
            })?;
        Ok(Self { file })
    }

    /// Takes the lock at `path` for a load that ends soon, if nobody holds it.
    pub(crate) fn try_take_for_load(path: &Path) -> Result<Option<Self>> {
        let Some(mut lock) = Self::try_take(path)? else {
            return Ok(None);
        };
        lock.file
            .write_all(LOAD.as_bytes())
            .explain(codes::K2003, || {
                format!("Lock file `{}` cannot be used", path.display())
            })?;
        Ok(Some(lock))
    }

    /// Takes the lock at `path`, or says which process holds it. One that loads files that arrived is waited for.
    ///
    /// # Errors
    /// `K1003` if another process holds it, `K2003` if the file cannot be used.
    pub(crate) fn take(path: &Path) -> Result<Self> {
        let since = Instant::now();
        let holder = loop {
            if let Some(lock) = Self::try_take(path)? {
                return Ok(lock);
            }
            let holder = holder(path)?;
            // It has just been taken, or will soon be free.
            let is_brief = holder.is_empty() || holder.ends_with(LOAD);
            if !is_brief || since.elapsed() > PATIENCE {
                break holder;
            }
            std::thread::sleep(PAUSE);
        };
        Err(
            Error::new(codes::K1003, "Another run is at work in this project")
                .with("process", holder)
                .help("wait until it has ended"),
        )
    }
}

/// Which process holds the lock at `path`, and for what.
fn holder(path: &Path) -> Result<String> {
    let mut holder = String::new();
    open(path)
        .and_then(|mut file| {
            file.rewind()
                .and_then(|()| file.read_to_string(&mut holder))
        })
        .explain(codes::K2003, || {
            format!("Lock file `{}` cannot be read", path.display())
        })?;
    Ok(holder)
}

fn open(path: &Path) -> std::io::Result<File> {
    File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
}
