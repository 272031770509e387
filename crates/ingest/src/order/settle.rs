//! Settling who stays: part by part, the greatest row of each key.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};

use diagnostic::Result;

use super::entries::{Entry, Names, PARTS, entry_at};
use super::{EXISTING, Entries};
use crate::plan::batch_order;

/// A set of rows of one file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bitmap {
    words: Vec<u64>,
    count: u64,
}

impl Bitmap {
    pub(crate) fn insert(&mut self, row: u32) {
        let (word, bit) = (row as usize / 64, 1 << (row % 64));
        if self.words.len() <= word {
            self.words.resize(word + 1, 0);
        }
        if let Some(word) = self.words.get_mut(word) {
            self.count += u64::from(*word & bit == 0);
            *word |= bit;
        }
    }

    #[inline]
    pub(crate) fn contains(&self, row: usize) -> bool {
        self.words
            .get(row / 64)
            .is_some_and(|word| word >> (row % 64) & 1 == 1)
    }

    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// Adds the rows of `other`.
    pub(crate) fn extend(&mut self, other: &Self) {
        if self.words.len() < other.words.len() {
            self.words.resize(other.words.len(), 0);
        }
        for (word, more) in self.words.iter_mut().zip(&other.words) {
            *word |= more;
        }
        self.count = self
            .words
            .iter()
            .map(|word| u64::from(word.count_ones()))
            .sum();
    }
}

/// Who does not stay.
#[derive(Default)]
pub(crate) struct Settled {
    /// Rows that give way, by source.
    pub(crate) losers: HashMap<u32, Bitmap>,
    /// Incoming rows whose key the table did not have.
    pub(crate) inserted: u64,
    /// Incoming rows that replace a row of the table.
    pub(crate) updated: u64,
    /// Incoming rows that gave way to a row of the table.
    pub(crate) kept: u64,
    /// Incoming rows that gave way to another incoming row.
    pub(crate) duplicates: u64,
}

/// Finds the rows that give way. Entries of `rejected` sources do not count.
pub(crate) fn settle(
    entries: &Entries,
    batches: &Names,
    contents: &Names,
    superseded: &HashSet<String>,
    rejected: &HashSet<u32>,
) -> Result<Settled> {
    let judge = Judge {
        batches: batches
            .list()
            .iter()
            .map(|batch| batch_order(batch))
            .collect(),
        stands: contents
            .list()
            .iter()
            .map(|content| !superseded.contains(content))
            .collect(),
        contents: contents.list(),
    };
    let mut settled = Settled::default();
    for part in 0..PARTS {
        let bytes = entries.take(part)?;
        let mut index = Vec::new();
        let mut at = 0;
        while let Some((entry, next)) = entry_at(&bytes, at) {
            if !rejected.contains(&entry.position.source) {
                index.push((entry.hash, u32::try_from(at).unwrap_or(u32::MAX)));
            }
            at = next;
        }
        index.sort_unstable();
        for group in index.chunk_by(|a, b| a.0 == b.0) {
            judge.settle_group(&bytes, group, &mut settled);
        }
    }
    Ok(settled)
}

/// What the numbers in entries stand for.
struct Judge {
    batches: Vec<String>,
    stands: Vec<bool>,
    contents: Vec<String>,
}

impl Judge {
    fn settle_group(&self, bytes: &[u8], group: &[(u128, u32)], settled: &mut Settled) {
        let is_incoming = |entry: &Entry<'_>| entry.position.source < EXISTING;
        if let [(_, at)] = group {
            let incoming =
                entry_at(bytes, *at as usize).is_some_and(|(entry, _)| is_incoming(&entry));
            settled.inserted += u64::from(incoming);
            return;
        }
        let entries: Vec<Entry<'_>> = group
            .iter()
            .filter_map(|(_, at)| entry_at(bytes, *at as usize).map(|(entry, _)| entry))
            .collect();
        let Some(winner) = entries.iter().max_by(|a, b| self.compare(a, b)) else {
            return;
        };
        let wins = is_incoming(winner);
        let replaces = entries.iter().any(|entry| !is_incoming(entry));
        settled.updated += u64::from(wins && replaces);
        settled.inserted += u64::from(wins && !replaces);
        for entry in &entries {
            if entry.position == winner.position {
                continue;
            }
            if is_incoming(entry) {
                settled.duplicates += u64::from(wins);
                settled.kept += u64::from(!wins);
            } else if !wins {
                // Nothing that comes in touches this key: the table stays as it is.
                continue;
            }
            settled
                .losers
                .entry(entry.position.source)
                .or_default()
                .insert(entry.position.row);
        }
    }

    fn compare(&self, a: &Entry<'_>, b: &Entry<'_>) -> Ordering {
        let batch = |entry: &Entry<'_>| self.batches.get(entry.batch as usize);
        let stands = |entry: &Entry<'_>| self.stands.get(entry.content as usize);
        let content = |entry: &Entry<'_>| self.contents.get(entry.content as usize);
        let by_batch = if a.batch == b.batch {
            Ordering::Equal
        } else {
            batch(a).cmp(&batch(b))
        };
        let by_content = || {
            if a.content == b.content {
                Ordering::Equal
            } else {
                content(a).cmp(&content(b))
            }
        };
        by_batch
            .then_with(|| stands(a).cmp(&stands(b)))
            .then_with(|| a.order.cmp(b.order))
            .then_with(by_content)
            .then_with(|| a.position.row.cmp(&b.position.row))
    }
}
