//! Random words by position: any row's draws can be had again without generating the rows before it.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// Words of one row: one ChaCha block.
pub(crate) const WORDS: usize = 16;

/// The draws of one row (or one order, product, store), each in its fixed place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Draws([u32; WORDS]);

impl Draws {
    /// A number below `bound` from the word at `place`.
    pub(crate) fn below(&self, place: usize, bound: u32) -> u32 {
        let word = u64::from(self.0[place % WORDS]);
        u32::try_from((word * u64::from(bound)) >> 32).unwrap_or(0)
    }

    /// A number below `bound` that is more often small than large: some things sell better.
    pub(crate) fn skewed(&self, place: usize, bound: u32) -> u32 {
        let word = u64::from(self.0[place % WORDS]);
        let squared = (word * word) >> 32;
        u32::try_from((squared * u64::from(bound)) >> 32).unwrap_or(0)
    }
}

/// A stream of draws with random access.
pub(crate) struct Stream {
    rng: ChaCha8Rng,
    next: u64,
}

impl Stream {
    /// The stream called `name` of a seed.
    pub(crate) fn new(seed: u64, name: u64) -> Self {
        let mut key = [0_u8; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        let mut rng = ChaCha8Rng::from_seed(key);
        rng.set_stream(name);
        Self { rng, next: 0 }
    }

    /// The draws at `index`. Reading in order is cheapest.
    pub(crate) fn at(&mut self, index: u64) -> Draws {
        if index != self.next {
            self.rng.set_word_pos(u128::from(index) * WORDS as u128);
        }
        self.next = index + 1;
        Draws(std::array::from_fn(|_| self.rng.next_u32()))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::Stream;

    #[test]
    fn gives_the_same_draws_in_any_order() {
        let forward: Vec<u32> = {
            let mut stream = Stream::new(7, 3);
            (0..100).map(|i| stream.at(i).below(5, 1000)).collect()
        };
        let mut stream = Stream::new(7, 3);
        for i in (0..100).rev() {
            assert_eq!(
                stream.at(i).below(5, 1000),
                forward[usize::try_from(i).unwrap()]
            );
        }
        assert_ne!(forward[0], Stream::new(8, 3).at(0).below(5, 1000));
    }
}
