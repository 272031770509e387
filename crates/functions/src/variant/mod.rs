//! VARIANT, OBJECT and ARRAY as canonical JSON text: read without building trees, written, compared.
//!
//! Canonical text has no blanks, keys in order, and numbers as Snowflake shows them: whole and decimal
//! numbers without trailing zeros, floating-point ones as `1.500000000000000e+00`. An element of an array
//! that is SQL NULL is the word `undefined`, which is not JSON's `null`. Decision 0008 says why text.

pub(crate) mod cast;
mod number;
mod order;
mod parse;
mod path;
mod scan;
mod write;

pub(crate) use number::{double, number};
pub(crate) use order::order_key;
pub(crate) use parse::{Duplicates, canonical};
pub(crate) use path::{Path, Step};
pub(crate) use scan::{Elements, Kind, Members, elements, is_missing, kind, members};
pub(crate) use write::{ArrayWriter, ObjectWriter, object, quote, quote_into, text, unescape};

/// JSON text as the text that carries a VARIANT; nothing for blank text, or what is wrong with it. Of equal
/// keys the last one counts.
///
/// # Errors
/// What is wrong with the text.
pub fn from_json(text: &str) -> Result<Option<String>, String> {
    canonical(text, Duplicates::LastWins).map_err(|error| error.to_string())
}

/// The word for an element that is SQL NULL.
pub(crate) const UNDEFINED: &str = "undefined";
