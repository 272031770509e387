//! [`CsvReader`]: a file as batches of records.

use std::io::{self, Read};

use diagnostic::{Error, Place, Result, codes};
use encoding_rs::WINDOWS_1252;

use super::CsvFormat;
use super::split::{PADDING, Span, Splitter};
use crate::files::decode::{Decoding, InvalidUtf8};
use crate::files::records::{Defect, Field, Records};
use crate::files::{Compression, Kind, Place as Bytes, decompress};

/// Text held at once, if no single record is longer.
const BLOCK: usize = 512 * 1024;

/// Reads a file as CSV.
pub struct CsvReader {
    name: String,
    input: Decoding<Box<dyn Read + Send>>,
    compression: Compression,
    invalid_utf8: InvalidUtf8,
    max_record: usize,
    /// Text from `start` to `end`, then at least [`PADDING`] bytes.
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Offset of `buffer[0]` in the whole text.
    base: u64,
    ended: bool,
    splitter: Splitter,
    header: Vec<String>,
    header_line: String,
}

impl CsvReader {
    /// Opens the file at `place` and reads its header. `name` is how errors call the file.
    ///
    /// # Errors
    /// `F1001` if it cannot be read, `F2001` to `F2003` if it cannot be unpacked or decoded, `F3001` if it is
    /// empty, `F3005` if its first record is no header.
    pub fn open(place: &Bytes, name: &str, format: &CsvFormat) -> Result<Self> {
        format.check()?;
        let (packed, compression) = decompress::open(place, name, Kind::Text)?;
        let (input, invalid_utf8) = Decoding::new(packed, format.encoding)
            .map_err(|error| decompress::read_error(name, compression, error))?;
        let mut reader = Self {
            name: name.to_owned(),
            input,
            compression,
            invalid_utf8,
            max_record: format.max_record,
            buffer: Vec::new(),
            start: 0,
            end: 0,
            base: 0,
            ended: false,
            splitter: Splitter::new(format.delimiter, format.quote, b'\n', format.max_record),
            header: Vec::new(),
            header_line: String::new(),
        };
        reader.fill()?;
        if ends_lines_with_carriage_return(reader.text()) {
            reader.splitter =
                Splitter::new(format.delimiter, format.quote, b'\r', format.max_record);
        }
        match &format.columns {
            Some(columns) => {
                reader.splitter.width = Some(columns.len());
                reader.header.clone_from(columns);
            }
            None => reader.read_header()?,
        }
        Ok(reader)
    }

    /// The names of the columns as the file spells them (or the format, for a file without header).
    #[must_use]
    pub fn header(&self) -> &[String] {
        &self.header
    }

    /// The header as it stands in the file; empty if the file has none.
    #[must_use]
    pub fn header_line(&self) -> &str {
        &self.header_line
    }

    /// The next batch of records, about half a mebibyte of text; `None` at the end of the file. Blank lines are
    /// skipped.
    ///
    /// # Errors
    /// As [`CsvReader::open`]: the rest of the file cannot be read.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Result<Option<Records<'_>>> {
        self.splitter.clear();
        while self.splitter.records.is_empty() {
            if self.start == self.end && self.ended {
                return Ok(None);
            }
            if !self.ended {
                self.fill()?;
            }
            self.split();
        }
        self.decode_records();
        Ok(Some(self.lend()))
    }

    /// The batch that [`CsvReader::next`] gave last.
    pub(in crate::files) fn lend(&self) -> Records<'_> {
        Records {
            buffer: &self.buffer,
            side: &self.splitter.side,
            fields: &self.splitter.fields,
            records: &self.splitter.records,
            width: self.header.len(),
            header: &[],
        }
    }

    fn text(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    fn split(&mut self) {
        let span = Span {
            buffer: &self.buffer,
            start: self.start,
            end: self.end,
            last: self.ended,
            base: self.base,
        };
        self.start = self.splitter.split(&span);
    }

    /// Moves the unread text to the front and reads until the buffer is full or the file ends. The buffer
    /// grows only while one record does not fit into it.
    fn fill(&mut self) -> Result<()> {
        self.buffer.copy_within(self.start..self.end, 0);
        self.base += self.start as u64;
        self.end -= self.start;
        self.start = 0;
        let mut size = self.buffer.len().max(BLOCK + PADDING);
        if self.end == size - PADDING {
            size = (size * 2)
                .min(self.max_record.max(BLOCK) + BLOCK + PADDING)
                .max(size);
        }
        self.buffer.resize(size, 0);
        while self.end < size - PADDING && !self.ended {
            let free = self
                .buffer
                .get_mut(self.end..size - PADDING)
                .unwrap_or_default();
            match self.input.read(free) {
                Ok(0) => self.ended = true,
                Ok(count) => self.end += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.read_error(error)),
            }
            self.skip_rest_of_line();
        }
        Ok(())
    }

    /// Drops what was just read as long as it belongs to a line that was given up.
    fn skip_rest_of_line(&mut self) {
        if !self.splitter.skipping {
            return;
        }
        let newline = self.splitter.newline();
        match self.text().iter().position(|byte| *byte == newline) {
            Some(at) => {
                self.start += at + 1;
                self.splitter.skipping = false;
            }
            None => self.start = self.end,
        }
        if self.start == self.end {
            self.base += self.start as u64;
            self.start = 0;
            self.end = 0;
        }
    }

    fn read_error(&self, error: io::Error) -> Error {
        decompress::text_error(&self.name, self.compression, self.splitter.line, error)
    }

    fn read_header(&mut self) -> Result<()> {
        loop {
            self.split();
            if !self.splitter.records.is_empty() {
                break;
            }
            if self.ended {
                return Err(
                    Error::new(codes::F3001, format!("`{}` is empty", self.name))
                        .with("file", &self.name)
                        .help("an export without rows still has a header; ask whoever delivers it"),
                );
            }
            self.fill()?;
        }
        self.decode_records();
        let records = self.lend();
        let name = self.name.as_str();
        if let Some(defect) = records.records().first().and_then(|record| record.defect) {
            let why = match defect {
                Defect::Oversized => format!("it is longer than {} bytes", self.max_record),
                Defect::Undecodable => "it is not in the declared encoding".to_owned(),
                _ => "it has a quote that does not end".to_owned(),
            };
            return Err(Error::new(
                codes::F3005,
                format!("The first line of `{name}` is no header: {why}"),
            )
            .at(Place::line(name, 1)));
        }
        if records.raw(0).contains(&0) {
            return Err(Error::new(
                codes::F2003,
                format!("`{name}` holds zero bytes, so it is not UTF-8 text"),
            )
            .with("file", name)
            .help("if it is UTF-16 without a byte order mark, declare `encoding: utf-16le`"));
        }
        let header_line = records.raw_text(0).into_owned();
        let header: Vec<String> = self
            .splitter
            .fields
            .iter()
            .filter_map(|field| records.bytes(*field))
            .map(|(bytes, _)| String::from_utf8_lossy(bytes).trim().to_owned())
            .collect();
        self.splitter.width = Some(header.len());
        self.header_line = header_line;
        self.header = header;
        Ok(())
    }

    /// Makes every field UTF-8. One pass over the text tells whether there is anything to do.
    fn decode_records(&mut self) {
        let splitter = &mut self.splitter;
        let (Some(first), Some(last)) = (splitter.records.first(), splitter.records.last()) else {
            return;
        };
        let range = first.start as usize..last.end as usize;
        let is_valid =
            |bytes: Option<&[u8]>| bytes.is_some_and(|bytes| std::str::from_utf8(bytes).is_ok());
        if is_valid(self.buffer.get(range)) && is_valid(Some(&splitter.side)) {
            return;
        }
        let width = splitter
            .width
            .filter(|width| *width > 0)
            .unwrap_or(splitter.fields.len());
        for (record, fields) in splitter
            .records
            .iter_mut()
            .zip(splitter.fields.chunks_mut(width.max(1)))
        {
            let raw = self.buffer.get(record.start as usize..record.end as usize);
            if is_valid(raw) {
                continue;
            }
            match self.invalid_utf8 {
                InvalidUtf8::Windows1252 => {
                    for field in fields {
                        transcode(field, &self.buffer, &mut splitter.side);
                    }
                }
                InvalidUtf8::Defect => {
                    fields.fill(Field::MISSING);
                    record.defect = Some(record.defect.unwrap_or(Defect::Undecodable));
                }
            }
        }
    }
}

/// Rewrites one field from Windows-1252 to UTF-8 in the side buffer.
fn transcode(field: &mut Field, buffer: &[u8], side: &mut Vec<u8>) {
    let one = Records {
        buffer,
        side,
        fields: &[],
        records: &[],
        width: 0,
        header: &[],
    };
    let Some((bytes, quoted)) = one.bytes(*field) else {
        return;
    };
    if bytes.is_ascii() {
        return;
    }
    let text = WINDOWS_1252
        .decode_without_bom_handling(bytes)
        .0
        .into_owned();
    let (Ok(start), Ok(length)) = (u32::try_from(side.len()), u32::try_from(text.len())) else {
        return;
    };
    side.extend_from_slice(text.as_bytes());
    field.start = start | Field::SIDE;
    field.length = length | if quoted { Field::QUOTED } else { 0 };
}

/// Old Macintosh files: the first end of line is a carriage return alone.
fn ends_lines_with_carriage_return(text: &[u8]) -> bool {
    let first = text.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
    first.is_some_and(|at| {
        text.get(at) == Some(&b'\r') && text.get(at + 1).is_some_and(|next| *next != b'\n')
    })
}
