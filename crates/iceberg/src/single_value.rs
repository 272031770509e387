//! The binary form of single values, in which manifests keep columns' bounds
//! (<https://iceberg.apache.org/spec/#binary-single-value-serialization>).

use parquet::data_type::ByteArray;
use parquet::file::statistics::Statistics;

use crate::Type;

/// Characters of text that a bound keeps, as other writers do.
const CHARACTERS: usize = 16;

/// The smallest and the largest of a row group's values of type `kind`, each in bytes, and as they are compared.
/// Nothing where the footer says nothing, or says it in a form the type cannot have.
pub(crate) fn bounds(kind: &Type, found: &Statistics) -> Option<(Bound, Bound)> {
    let both = |low: Bound, high: Bound| Some((low, high));
    match (kind, found) {
        (Type::Boolean, Statistics::Boolean(found)) => both(
            Bound::Number(i128::from(*found.min_opt()?)),
            Bound::Number(i128::from(*found.max_opt()?)),
        ),
        (Type::Int | Type::Date | Type::Decimal(..), Statistics::Int32(found)) => both(
            Bound::Number(i128::from(*found.min_opt()?)),
            Bound::Number(i128::from(*found.max_opt()?)),
        ),
        (
            Type::Long | Type::Time | Type::Timestamp | Type::Timestamptz | Type::Decimal(..),
            Statistics::Int64(found),
        ) => both(
            Bound::Number(i128::from(*found.min_opt()?)),
            Bound::Number(i128::from(*found.max_opt()?)),
        ),
        (Type::Float, Statistics::Float(found)) => both(
            Bound::Real(f64::from(*found.min_opt()?)),
            Bound::Real(f64::from(*found.max_opt()?)),
        ),
        (Type::Double, Statistics::Double(found)) => both(
            Bound::Real(*found.min_opt()?),
            Bound::Real(*found.max_opt()?),
        ),
        (Type::Text | Type::Binary, Statistics::ByteArray(found)) => {
            let bytes = |value: &ByteArray| Bound::Bytes(value.data().to_vec());
            both(bytes(found.min_opt()?), bytes(found.max_opt()?))
        }
        (Type::Decimal(..), Statistics::FixedLenByteArray(found)) => both(
            Bound::Number(big_endian(found.min_opt()?.data())?),
            Bound::Number(big_endian(found.max_opt()?.data())?),
        ),
        _ => None,
    }
}

/// A bound, in the order of its type.
#[derive(Clone, Debug, PartialEq, PartialOrd)]
pub(crate) enum Bound {
    Number(i128),
    Real(f64),
    Bytes(Vec<u8>),
}

impl Bound {
    /// The bytes of a lower bound.
    pub(crate) fn lower(&self, kind: &Type) -> Option<Vec<u8>> {
        match (kind, self) {
            (Type::Text, Self::Bytes(bytes)) => {
                let text = text(bytes);
                Some(text.chars().take(CHARACTERS).collect::<String>().into())
            }
            (Type::Binary, Self::Bytes(bytes)) => {
                Some(bytes.iter().take(CHARACTERS).copied().collect())
            }
            _ => self.whole(kind),
        }
    }

    /// The bytes of an upper bound; nothing if there is none that is short.
    pub(crate) fn upper(&self, kind: &Type) -> Option<Vec<u8>> {
        match (kind, self) {
            (Type::Text, Self::Bytes(bytes)) => {
                // The footer's own cut may have left no text.
                let whole = std::str::from_utf8(bytes).ok()?;
                let mut kept: Vec<char> = whole.chars().take(CHARACTERS).collect();
                if kept.len() == whole.chars().count() {
                    return Some(bytes.clone());
                }
                while let Some(last) = kept.pop() {
                    let next =
                        (u32::from(last) + 1..=u32::from(char::MAX)).find_map(char::from_u32);
                    if let Some(next) = next {
                        kept.push(next);
                        return Some(kept.into_iter().collect::<String>().into());
                    }
                }
                None
            }
            (Type::Binary, Self::Bytes(bytes)) => {
                let mut kept: Vec<u8> = bytes.iter().take(CHARACTERS).copied().collect();
                if kept.len() == bytes.len() {
                    return Some(kept);
                }
                while let Some(last) = kept.pop() {
                    if let Some(next) = last.checked_add(1) {
                        kept.push(next);
                        return Some(kept);
                    }
                }
                None
            }
            _ => self.whole(kind),
        }
    }

    fn whole(&self, kind: &Type) -> Option<Vec<u8>> {
        Some(match (kind, self) {
            (Type::Boolean, Self::Number(value)) => vec![u8::from(*value != 0)],
            (Type::Int | Type::Date, Self::Number(value)) => {
                i32::try_from(*value).ok()?.to_le_bytes().to_vec()
            }
            (
                Type::Long | Type::Time | Type::Timestamp | Type::Timestamptz,
                Self::Number(value),
            ) => i64::try_from(*value).ok()?.to_le_bytes().to_vec(),
            (Type::Decimal(..), Self::Number(value)) => shortest(*value),
            #[allow(clippy::cast_possible_truncation, reason = "it was an f32 before")]
            (Type::Float, Self::Real(value)) => (*value as f32).to_le_bytes().to_vec(),
            (Type::Double, Self::Real(value)) => value.to_le_bytes().to_vec(),
            _ => return None,
        })
    }
}

fn text(bytes: &[u8]) -> &str {
    match std::str::from_utf8(bytes) {
        Ok(text) => text,
        // A cut in the middle of a character; what is before it is a lower bound too.
        Err(error) => std::str::from_utf8(bytes.get(..error.valid_up_to()).unwrap_or_default())
            .unwrap_or_default(),
    }
}

/// A number's shortest big-endian bytes, in two's complement.
fn shortest(value: i128) -> Vec<u8> {
    let bytes = value.to_be_bytes();
    let spare = bytes.windows(2).take_while(|pair| match pair {
        [0x00, next] => *next < 0x80,
        [0xff, next] => *next >= 0x80,
        _ => false,
    });
    let spare = spare.count();
    bytes.get(spare..).unwrap_or_default().to_vec()
}

fn big_endian(bytes: &[u8]) -> Option<i128> {
    let sign = if *bytes.first()? >= 0x80 { 0xff } else { 0x00 };
    let mut whole = [sign; 16];
    let start = 16usize.checked_sub(bytes.len())?;
    whole.get_mut(start..)?.copy_from_slice(bytes);
    Some(i128::from_be_bytes(whole))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::{Bound, big_endian, shortest};
    use crate::Type;

    #[test]
    fn decimals_take_as_few_bytes_as_they_need() {
        for (value, bytes) in [
            (0, &[0u8][..]),
            (-1, &[0xff]),
            (127, &[0x7f]),
            (128, &[0x00, 0x80]),
            (-128, &[0x80]),
            (-129, &[0xff, 0x7f]),
            // The specification's 14.20 as decimal(4, 2).
            (1420, &[0x05, 0x8c]),
        ] {
            assert_eq!(shortest(value), bytes, "{value}");
            assert_eq!(big_endian(bytes), Some(value));
        }
    }

    #[test]
    fn long_texts_have_bounds_that_hold_them() {
        let long = |text: &str| Bound::Bytes(text.as_bytes().to_vec());
        let text = "0123456789abcdefg";
        assert_eq!(long(text).lower(&Type::Text).unwrap(), b"0123456789abcdef");
        assert_eq!(long(text).upper(&Type::Text).unwrap(), b"0123456789abcdeg");
        assert_eq!(long("short").upper(&Type::Text).unwrap(), b"short");
        let highest = "\u{10ffff}".repeat(17);
        assert_eq!(long(&highest).upper(&Type::Text), None);
        let mixed = format!("a{highest}");
        assert_eq!(long(&mixed).upper(&Type::Text).unwrap(), b"b");
        let bytes = Bound::Bytes(vec![0xff; 20]);
        assert_eq!(bytes.upper(&Type::Binary), None);
        assert_eq!(bytes.lower(&Type::Binary).unwrap(), [0xff; 16]);
    }
}
