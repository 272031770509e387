//! Files of rows: found by pattern, told apart by content, decompressed, decoded, split into records.
//!
//! The order of the modules is the order data passes them:
//! [`discover`] → [`ContentHash`] → [`decompress`] → [`decode`] → [`csv`] → [`header`].
//!
//! **Promises.** Reading the same bytes twice gives the same records with the same numbers, whatever the
//! sizes of reads. No record is dropped: one that cannot be read is handed on with its [`csv::Defect`]. Memory
//! is bounded by the longest record the format allows ([`csv::CsvFormat::max_record`]).

mod content;
pub mod csv;
mod decode;
mod decompress;
mod discover;
pub mod header;
mod structural;

pub use content::{ContentHash, copy_and_hash, hash};
pub use decode::Encoding;
pub use decompress::Compression;
pub use discover::{FoundFile, discover};
