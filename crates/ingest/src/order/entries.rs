//! Entries of rows, split by the hash of their key, in memory up to a budget and on disk beyond it.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use diagnostic::{Result, ResultExt, codes};
use parking_lot::Mutex;

use super::Position;

/// Parts that are settled one after the other; with 20 million rows one has about 15 MB.
pub(super) const PARTS: usize = 64;

/// Bytes a writer gathers per part before it takes the lock.
const GATHERED: usize = 32 * 1024;

/// Hash, source, row, batch, content, length of the order.
const HEAD: usize = 16 + 4 + 4 + 4 + 4 + 2;

/// Batches or contents, each with a number.
#[derive(Default)]
pub(crate) struct Names(Mutex<(HashMap<String, u32>, Vec<String>)>);

impl Names {
    /// The number of `name`.
    pub(crate) fn number(&self, name: &str) -> u32 {
        let mut names = self.0.lock();
        if let Some(number) = names.0.get(name) {
            return *number;
        }
        let number = u32::try_from(names.1.len()).unwrap_or(u32::MAX);
        names.0.insert(name.to_owned(), number);
        names.1.push(name.to_owned());
        number
    }

    /// All names, by number.
    pub(crate) fn list(&self) -> Vec<String> {
        self.0.lock().1.clone()
    }
}

/// One row, as an entry says it.
#[derive(Clone, Copy)]
pub(crate) struct Entry<'a> {
    pub(crate) hash: u128,
    pub(crate) position: Position,
    /// Numbers in [`Names`].
    pub(crate) batch: u32,
    pub(crate) content: u32,
    /// The encoded `latest_by` columns.
    pub(crate) order: &'a [u8],
}

/// All entries of one load.
pub(crate) struct Entries {
    parts: Vec<Mutex<Part>>,
    folder: PathBuf,
    budget_per_part: usize,
}

#[derive(Default)]
struct Part {
    bytes: Vec<u8>,
    spilled: Option<File>,
}

impl Entries {
    /// No entries yet. Beyond `budget` bytes they are spilled to `folder`, which exists.
    pub(crate) fn new(folder: &Path, budget: usize) -> Self {
        Self {
            parts: (0..PARTS).map(|_| Mutex::default()).collect(),
            folder: folder.to_owned(),
            budget_per_part: budget / PARTS,
        }
    }

    /// A writer for one thread.
    pub(crate) fn writer(&self) -> EntryWriter<'_> {
        EntryWriter {
            entries: self,
            gathered: vec![Vec::new(); PARTS],
        }
    }

    fn append(&self, part: usize, bytes: &[u8]) -> Result<()> {
        let Some(part) = self.parts.get(part) else {
            return Ok(());
        };
        let mut part = part.lock();
        part.bytes.extend_from_slice(bytes);
        if part.bytes.len() <= self.budget_per_part {
            return Ok(());
        }
        let cannot = || format!("Rows cannot be set aside in `{}`", self.folder.display());
        let mut file = match part.spilled.take() {
            Some(file) => file,
            None => tempfile::tempfile_in(&self.folder).explain(codes::L3002, cannot)?,
        };
        file.write_all(&part.bytes).explain(codes::L3002, cannot)?;
        part.bytes.clear();
        part.spilled = Some(file);
        Ok(())
    }

    /// Takes one part out: all its entries, one after the other.
    pub(super) fn take(&self, part: usize) -> Result<Vec<u8>> {
        let Some(part) = self.parts.get(part) else {
            return Ok(Vec::new());
        };
        let mut part = std::mem::take(&mut *part.lock());
        let Some(mut file) = part.spilled.take() else {
            return Ok(part.bytes);
        };
        let cannot = || format!("Rows cannot be read back from `{}`", self.folder.display());
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(0))
            .explain(codes::L3002, cannot)?;
        file.read_to_end(&mut bytes).explain(codes::L3002, cannot)?;
        bytes.append(&mut part.bytes);
        Ok(bytes)
    }
}

/// Adds entries from one thread.
pub(crate) struct EntryWriter<'e> {
    entries: &'e Entries,
    gathered: Vec<Vec<u8>>,
}

impl EntryWriter<'_> {
    #[inline]
    pub(crate) fn add(&mut self, entry: Entry<'_>) -> Result<()> {
        let part = part_of(entry.hash);
        let Some(bytes) = self.gathered.get_mut(part) else {
            return Ok(());
        };
        // The order of a few columns; a longer one still orders by its beginning.
        let order = entry
            .order
            .get(..usize::from(u16::MAX))
            .unwrap_or(entry.order);
        bytes.extend_from_slice(&entry.hash.to_le_bytes());
        bytes.extend_from_slice(&entry.position.source.to_le_bytes());
        bytes.extend_from_slice(&entry.position.row.to_le_bytes());
        bytes.extend_from_slice(&entry.batch.to_le_bytes());
        bytes.extend_from_slice(&entry.content.to_le_bytes());
        #[allow(clippy::cast_possible_truncation)]
        bytes.extend_from_slice(&(order.len() as u16).to_le_bytes());
        bytes.extend_from_slice(order);
        if bytes.len() >= GATHERED {
            self.entries.append(part, bytes)?;
            bytes.clear();
        }
        Ok(())
    }

    /// Hands over what is left.
    pub(crate) fn finish(self) -> Result<()> {
        for (part, bytes) in self.gathered.iter().enumerate() {
            if !bytes.is_empty() {
                self.entries.append(part, bytes)?;
            }
        }
        Ok(())
    }
}

#[inline]
fn part_of(hash: u128) -> usize {
    // The top six bits: 0 to 63.
    (hash >> 122) as usize
}

/// Reads the entry at `at`, and where the next one begins.
pub(super) fn entry_at(bytes: &[u8], at: usize) -> Option<(Entry<'_>, usize)> {
    let (head, rest) = bytes.get(at..)?.split_first_chunk::<HEAD>()?;
    let number = |from: usize| -> Option<u32> {
        head.get(from..)?
            .first_chunk()
            .map(|bytes| u32::from_le_bytes(*bytes))
    };
    let hash = u128::from_le_bytes(*head.first_chunk()?);
    let length = usize::from(u16::from_le_bytes(*head.last_chunk()?));
    let entry = Entry {
        hash,
        position: Position {
            source: number(16)?,
            row: number(20)?,
        },
        batch: number(24)?,
        content: number(28)?,
        order: rest.get(..length)?,
    };
    Some((entry, at + HEAD + length))
}
