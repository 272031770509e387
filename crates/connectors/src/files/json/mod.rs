//! Reading JSON: one object is one record, its keys are the columns. Values stay as they are written: numbers
//! digit for digit, objects and arrays as JSON text.
//!
//! Which columns a file has is known at its end only: [`Keys`] grows while it is read.

mod documents;
mod envelope;
mod keys;
mod lines;
mod scan;

pub(crate) use documents::Documents;
pub(crate) use lines::Lines;
pub use scan::check;

use super::Encoding;

/// How a stream's JSON is written.
#[derive(Clone, Debug)]
pub struct JsonFormat {
    /// Whether each line is an object of its own, so that a broken one costs itself only.
    pub lines: bool,
    /// The keys that lead to the array of records; none if a document is that array, or a record.
    pub records_path: Vec<String>,
    /// The encoding of the text.
    pub encoding: Encoding,
    /// The most bytes one record may have.
    pub max_record: usize,
}

impl Default for JsonFormat {
    fn default() -> Self {
        Self {
            lines: true,
            records_path: Vec::new(),
            encoding: Encoding::Auto,
            max_record: 16 * 1024 * 1024,
        }
    }
}
