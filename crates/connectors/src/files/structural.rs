//! Finding the bytes that structure CSV, 64 at a time: delimiters, quotes and ends of lines.

/// The three bytes that matter.
#[derive(Clone, Copy)]
pub(crate) struct Structural {
    delimiter: u8,
    quote: u8,
    newline: u8,
}

impl Structural {
    pub(crate) fn new(delimiter: u8, quote: u8, newline: u8) -> Self {
        Self {
            delimiter,
            quote,
            newline,
        }
    }

    /// A bit per byte of `block`, the lowest for the first: set where one of the three stands.
    ///
    /// The comparison has no branch, so that the compiler makes vector instructions of it on any processor.
    #[inline]
    pub(crate) fn mask(self, block: &[u8; 64]) -> u64 {
        let mut hits = [0_u8; 64];
        for (hit, byte) in hits.iter_mut().zip(block) {
            *hit = u8::from(*byte == self.delimiter)
                | u8::from(*byte == self.quote)
                | u8::from(*byte == self.newline);
        }
        let (lanes, _) = hits.as_chunks::<8>();
        let mut mask = 0_u64;
        for (at, lane) in lanes.iter().enumerate() {
            mask |= gather(u64::from_le_bytes(*lane)) << (at * 8);
        }
        mask
    }
}

/// Moves the lowest bits of eight bytes together into one byte: each product term lands on its own bit of
/// the highest byte, and no two terms meet, so nothing carries.
#[inline]
fn gather(hits: u64) -> u64 {
    hits.wrapping_mul(0x0102_0408_1020_4080) >> 56
}

#[cfg(test)]
mod tests {
    use super::{Structural, gather};

    #[test]
    fn marks_exactly_the_structural_bytes() {
        let mut block = [b'x'; 64];
        for (at, byte) in [
            (0, b','),
            (7, b'"'),
            (8, b'\n'),
            (31, b','),
            (32, b'-'),
            (63, b','),
        ] {
            block[at] = byte;
        }
        let expected = 1 | 1 << 7 | 1 << 8 | 1 << 31 | 1 << 63;
        assert_eq!(Structural::new(b',', b'"', b'\n').mask(&block), expected);
    }

    #[test]
    fn gathers_every_pattern_of_eight() {
        for pattern in 0..256_u64 {
            let spread = (0..8).fold(0, |lane, bit| lane | (pattern >> bit & 1) << (bit * 8));
            assert_eq!(gather(spread), pattern);
        }
    }
}
