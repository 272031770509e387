//! Reading CSV: records with their line, offset and raw text, in batches, in bounded memory.
//!
//! Quotes follow RFC 4180; a quote inside an unquoted field is an ordinary character. A record that cannot
//! be read takes one physical line with it and no more: after an unclosed quote, reading goes on at the next
//! line.

mod reader;
mod split;

pub use reader::CsvReader;

use diagnostic::{Error, Result, codes};

use super::Encoding;

/// How a stream's CSV is written.
#[derive(Clone, Debug)]
pub struct CsvFormat {
    /// Between fields.
    pub delimiter: u8,
    /// Round fields that contain delimiters, quotes or ends of lines; `None` if quotes mean nothing.
    pub quote: Option<u8>,
    /// The names of the columns, for files whose first record is no header.
    pub columns: Option<Vec<String>>,
    /// The encoding of the text.
    pub encoding: Encoding,
    /// The most bytes one record may have.
    pub max_record: usize,
}

impl Default for CsvFormat {
    fn default() -> Self {
        Self {
            delimiter: b',',
            quote: Some(b'"'),
            columns: None,
            encoding: Encoding::Auto,
            max_record: 16 * 1024 * 1024,
        }
    }
}

impl CsvFormat {
    /// The largest value [`CsvFormat::max_record`] may have.
    pub const MAX_RECORD: usize = 256 * 1024 * 1024;

    fn check(&self) -> Result<()> {
        let wrong = |what: &str| Err(Error::new(codes::F3007, what));
        let ends_lines = |byte: u8| matches!(byte, b'\n' | b'\r' | 0);
        let quote = self.quote.unwrap_or(b'"');
        if ends_lines(self.delimiter) || ends_lines(quote) {
            return wrong("Neither delimiter nor quote of a CSV format may be an end of line");
        }
        if !self.delimiter.is_ascii() || !quote.is_ascii() || Some(self.delimiter) == self.quote {
            return wrong("Delimiter and quote of a CSV format are two different ASCII characters");
        }
        if self.max_record == 0 || self.max_record > Self::MAX_RECORD {
            return wrong("`max_record` of a CSV format lies between 1 byte and 256 MiB");
        }
        Ok(())
    }
}
