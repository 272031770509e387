//! Which of several rows with one key stays, in bounded memory.
//!
//! Rows are totally ordered by batch, then by whether their file still stands as it was, then by the
//! contract's `latest_by` columns, then by the content they came from and their place in it. Incoming rows
//! and those of the silver table take part alike. Nothing in the order depends on when or in which order
//! files of one batch arrive, so late files of a batch lead to the same table.
//!
//! Each row is one entry: a 128-bit hash of its key (keyed anew in every process, so that nobody can build
//! collisions), where it is, and its order. Entries are split by hash into parts small enough to sort in
//! memory; what does not fit the budget waits on disk.

mod entries;
mod filter;
mod keys;
mod settle;

pub(crate) use entries::{Entries, Entry, EntryWriter, Names};
pub(crate) use filter::KeyFilter;
pub(crate) use keys::{KeyHasher, RowOrder};
pub(crate) use settle::{Bitmap, Settled, settle};

/// Where a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Position {
    /// The file: incoming files count from 0, files of the silver table from [`EXISTING`].
    pub(crate) source: u32,
    /// Its place in the file, from 0.
    pub(crate) row: u32,
}

/// Sources from here on are files of the silver table.
pub(crate) const EXISTING: u32 = 1 << 31;
