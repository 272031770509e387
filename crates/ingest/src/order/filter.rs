//! [`KeyFilter`]: tells rows of the table that no incoming row can touch, so that they need no entry.

use std::sync::atomic::{AtomicU64, Ordering};

/// Bits by the low end of the hash: 16 MiB, whatever comes in.
const BITS: u32 = 27;

/// A set of hashes that may contain a few more than were put into it.
pub(crate) struct KeyFilter(Vec<AtomicU64>);

impl KeyFilter {
    pub(crate) fn new() -> Self {
        Self(
            (0..1_usize << (BITS - 6))
                .map(|_| AtomicU64::new(0))
                .collect(),
        )
    }

    #[inline]
    pub(crate) fn insert(&self, hash: u128) {
        let (word, bit) = place(hash);
        if let Some(word) = self.0.get(word) {
            word.fetch_or(bit, Ordering::Relaxed);
        }
    }

    #[inline]
    pub(crate) fn may_contain(&self, hash: u128) -> bool {
        let (word, bit) = place(hash);
        self.0
            .get(word)
            .is_some_and(|word| word.load(Ordering::Relaxed) & bit != 0)
    }
}

#[allow(clippy::cast_possible_truncation)]
fn place(hash: u128) -> (usize, u64) {
    let bit = hash as usize & ((1 << BITS) - 1);
    (bit / 64, 1 << (bit % 64))
}
