//! From text to values, exactly: what cannot be represented is unreadable, never rounded or guessed.

mod binary;
mod boolean;
mod date;
mod decimal;
mod text;

pub(crate) use binary::binary;
pub(crate) use boolean::boolean;
pub(crate) use date::{DateParser, Precision};
pub(crate) use decimal::{Exact, decimal};
pub(crate) use text::{clean, is_blank, trim};

/// Why a text is no value of its column's type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// It is something else altogether.
    NotThis,
    /// A number with more digits after the point than the type keeps.
    TooPrecise,
    /// A number too large for the type.
    TooLarge,
}
