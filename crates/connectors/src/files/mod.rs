//! Files of rows: found by pattern, told apart by content, decompressed, decoded, split into records.
//!
//! The order of the modules is the order data passes them:
//! [`discover`] → [`ContentHash`] → `decompress` → `decode` → [`csv`], [`json`], `columnar`, `excel` → [`header`].
//! [`FileReader`] is the door to all formats.
//!
//! **Promises.** Reading the same bytes twice gives the same records with the same numbers, whatever the
//! sizes of reads. No record is dropped: one that cannot be read is handed on with its [`Defect`]. Memory
//! is bounded by the longest record the format allows; a workbook alone is held whole.

mod archive;
mod batch;
mod columnar;
mod content;
pub mod csv;
mod decode;
mod decompress;
mod discover;
mod excel;
pub mod header;
pub mod json;
mod patterns;
mod place;
mod reader;
mod records;
mod remote;
mod structural;
mod values;

pub use archive::members;
pub use content::{ContentHash, copy_and_hash, hash};
pub use decode::Encoding;
pub use decompress::Compression;
pub(crate) use decompress::Kind;
pub use discover::{FoundFile, discover};
pub use excel::ExcelFormat;
pub use patterns::Patterns;
pub use place::{Member, Place};
pub use reader::{FileFormat, FileReader};
pub use records::{Defect, Malformed, Record, Records};
pub use remote::{Keys, RemoteFile, RemoteFiles, discover_remote, fetch};
pub use values::PathValues;
