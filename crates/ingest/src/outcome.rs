//! What a load did.

use std::collections::BTreeMap;

use diagnostic::Error;
use state::{LedgerEntry, LoadStatus};

/// What a load did, for reports and for the ledger.
#[derive(Debug, Default)]
pub struct IngestOutcome {
    /// Every file that was found, by name.
    pub files: Vec<FileOutcome>,
    /// Rows added to bronze.
    pub bronze_rows: u64,
    /// Rows that keep the contract.
    pub valid_rows: u64,
    /// Rows dropped because the schema contract says `discard_row`.
    pub discarded_rows: u64,
    /// Rows added to quarantine, by rule.
    pub quarantined: BTreeMap<String, u64>,
    /// The same for each file that was loaded.
    pub broken_rules: BTreeMap<String, BTreeMap<String, u64>>,
    /// What happened to the silver table.
    pub silver: SilverOutcome,
    /// Files of which nothing was kept. The other files are not affected.
    pub rejected: Vec<Rejection>,
    /// Changes of shape that the contract allows, in sentences.
    pub notices: Vec<String>,
    /// What the ledger must remember, to be recorded together with the tables' new versions.
    pub ledger: Vec<LedgerEntry>,
    /// Whether the tables were built anew, so that all of their rows obey today's contract.
    pub rebuilt: bool,
}

impl IngestOutcome {
    /// Whether anything was written. If not, no table has a new version.
    #[must_use]
    pub fn changed(&self) -> bool {
        self.files
            .iter()
            .any(|file| matches!(file.status, FileStatus::Loaded { .. }))
            || self
                .ledger
                .iter()
                .any(|entry| entry.status == LoadStatus::Removed)
    }

    /// Whether the tables took over what some file holds, be it nothing.
    pub(crate) fn took_rows(&self) -> bool {
        let mut files = self.files.iter();
        files.any(|file| matches!(file.status, FileStatus::Loaded { .. } | FileStatus::Empty))
    }

    /// Adds what finding the files told.
    pub(crate) fn take(&mut self, notices: Vec<String>, failed: Vec<(String, Error)>) {
        self.notices.extend(notices);
        let rejections = failed.into_iter().map(|(file, error)| Rejection {
            file,
            error,
            again: false,
        });
        self.rejected.extend(rejections);
    }

    /// Rows added to quarantine.
    #[must_use]
    pub fn quarantined_rows(&self) -> u64 {
        self.quarantined.values().sum()
    }
}

/// What happened to the silver table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SilverOutcome {
    /// Rows with a key the table did not have.
    pub inserted: u64,
    /// Rows that replaced an older row.
    pub updated: u64,
    /// Incoming rows that were older than the table's.
    pub older: u64,
    /// Incoming rows that gave way to another incoming row with their key.
    pub duplicates: u64,
}

/// One file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileOutcome {
    /// How people call it.
    pub name: String,
    /// What happened to it.
    pub status: FileStatus,
}

/// What happened to a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileStatus {
    /// Its rows are in bronze.
    Loaded {
        /// Its batch.
        batch: String,
        /// Rows read.
        rows: u64,
        /// Rows of those in quarantine.
        quarantined: u64,
        /// Whether it had another content when it was loaded before.
        changed: bool,
    },
    /// It has a header and no rows, or nothing at all.
    Empty,
    /// It was loaded before.
    Unchanged,
    /// Its content was loaded under another name.
    Duplicate,
    /// Nothing of it was kept.
    Rejected,
}

/// A file of which nothing was kept.
#[derive(Debug)]
pub struct Rejection {
    /// How people call it.
    pub file: String,
    /// Why.
    pub error: Error,
    /// Whether an earlier run rejected the same content.
    pub again: bool,
}
