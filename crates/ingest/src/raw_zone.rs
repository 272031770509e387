//! What is in the raw zone, and which of it `sluice replay` needs.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use diagnostic::{Result, ResultExt, codes};
use state::LedgerEntry;

use crate::incoming::{Kept, Origin, kept_at};
use crate::live::{live, refused};

/// A file of the raw zone.
#[derive(Clone, Debug)]
pub struct RawCopy {
    /// Where it is.
    pub path: PathBuf,
    /// Bytes.
    pub size: u64,
    /// When it was written.
    pub modified: SystemTime,
    /// Whether a replay would read it: its rows are in the tables, or wait for a contract that takes them.
    pub needed: bool,
}

/// The files below `raw_folder` that runs have made, or taken; `streams` are all streams with their ledgers. Events that
/// no run has taken yet are left out.
///
/// # Errors
/// `F1001` if a folder cannot be read.
pub fn raw_copies(
    raw_folder: &Path,
    streams: &[(Origin, Vec<LedgerEntry>)],
) -> Result<Vec<RawCopy>> {
    let mut known: HashMap<PathBuf, bool> = HashMap::new();
    for (origin, ledger) in streams {
        let kept = Kept { raw_folder, origin };
        for entry in ledger {
            for path in kept_at(entry, &kept) {
                known.entry(path).or_insert(false);
            }
        }
        let needed = live(ledger).into_iter().map(|load| load.entry);
        for entry in needed.chain(refused(ledger)) {
            for path in kept_at(entry, &kept) {
                known.insert(path, true);
            }
        }
    }
    let mut found = Vec::new();
    walk(raw_folder, &mut found)?;
    let events = raw_folder.join("push");
    found.retain_mut(|copy| match known.get(&copy.path) {
        Some(needed) => {
            copy.needed = *needed;
            true
        }
        // A run that was killed left it, unless it is an event that is still to be taken.
        None => !copy.path.starts_with(&events),
    });
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

fn walk(folder: &Path, found: &mut Vec<RawCopy>) -> Result<()> {
    let cannot = || format!("`{}` cannot be read", folder.display());
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        entries => entries.explain(codes::F1001, cannot)?,
    };
    for entry in entries {
        let entry = entry.explain(codes::F1001, cannot)?;
        let metadata = entry.metadata().explain(codes::F1001, cannot)?;
        if metadata.is_dir() {
            walk(&entry.path(), found)?;
            continue;
        }
        found.push(RawCopy {
            path: entry.path(),
            size: metadata.len(),
            modified: metadata.modified().explain(codes::F1001, cannot)?,
            needed: false,
        });
    }
    Ok(())
}
