//! [`Documents`]: JSON as one array of objects, or as objects one after the other, over any number of lines.

use std::io::{self, Read};

use diagnostic::{Error, Place as Line, Result, codes};
use encoding_rs::WINDOWS_1252;

use super::JsonFormat;
use super::envelope::{Envelope, Step};
use super::keys::Keys;
use super::scan::unescape;
use crate::files::batch::Batch;
use crate::files::decode::{Decoding, InvalidUtf8};
use crate::files::records::{Defect, Records};
use crate::files::{Compression, Kind, Place, decompress};

/// Text read at once.
const BLOCK: usize = 256 * 1024;

/// The most of an oversized object that is kept as its raw text.
const RAW_KEPT: usize = 4 * 1024;

/// Reads a file of objects.
pub(crate) struct Documents {
    name: String,
    input: Decoding<Box<dyn Read + Send>>,
    compression: Compression,
    invalid_utf8: InvalidUtf8,
    max_record: usize,
    /// Text from `start` on is not read yet.
    buffer: Vec<u8>,
    start: usize,
    /// Offset of `buffer[0]` in the whole text.
    base: u64,
    line: u64,
    ended: bool,
    /// Whether an array is open, and whether an object of it must be followed by a comma or its end.
    array: Option<bool>,
    envelope: Envelope,
    keys: Keys,
    batch: Batch,
}

/// What comes next.
enum Next {
    /// An object of this length.
    Object(usize),
    /// An object too long to keep: its first bytes were kept.
    Oversized(Vec<u8>, u64, u64),
    End,
}

impl Documents {
    pub(crate) fn open(
        place: &Place,
        name: &str,
        format: &JsonFormat,
        expected: &[String],
    ) -> Result<Self> {
        let (packed, compression) = decompress::open(place, name, Kind::Text)?;
        let (input, invalid_utf8) = Decoding::new(packed, format.encoding)
            .map_err(|error| decompress::read_error(name, compression, error))?;
        Ok(Self {
            name: name.to_owned(),
            input,
            compression,
            invalid_utf8,
            max_record: format.max_record,
            buffer: Vec::new(),
            start: 0,
            base: 0,
            line: 1,
            ended: false,
            array: None,
            envelope: Envelope::new(&format.records_path),
            keys: Keys::new(name, expected),
            batch: Batch::new(expected.len()),
        })
    }

    /// The batch that was read last.
    pub(crate) fn lend(&self) -> Records<'_> {
        self.batch.lend(&[])
    }

    pub(crate) fn header(&self) -> &[String] {
        self.keys.header()
    }

    pub(crate) fn next(&mut self) -> Result<Option<Records<'_>>> {
        self.batch.clear();
        self.batch.widen(self.keys.len());
        while !self.batch.is_full() {
            match self.find()? {
                Next::End => break,
                Next::Object(length) => self.add(length)?,
                Next::Oversized(raw, line, offset) => {
                    self.batch.begin();
                    self.batch.end(line, offset, Some(Defect::Oversized), &raw);
                }
            }
        }
        Ok((!self.batch.is_empty()).then(|| self.lend()))
    }

    fn add(&mut self, length: usize) -> Result<()> {
        let text = self
            .buffer
            .get(self.start..self.start + length)
            .unwrap_or_default();
        let place = (self.line, self.base + self.start as u64);
        match (std::str::from_utf8(text), self.invalid_utf8) {
            (Ok(_), _) => self.keys.add(text, text, place, &mut self.batch)?,
            (Err(_), InvalidUtf8::Windows1252) => {
                let decoded = WINDOWS_1252.decode_without_bom_handling(text).0;
                self.keys
                    .add(decoded.as_bytes(), text, place, &mut self.batch)?;
            }
            (Err(_), InvalidUtf8::Defect) => {
                self.batch.begin();
                let defect = Some(Defect::Undecodable);
                self.batch.end(place.0, place.1, defect, text);
            }
        }
        self.skip(length);
        Ok(())
    }

    /// Goes on behind the next `count` bytes.
    fn skip(&mut self, count: usize) {
        let skipped = self.buffer.get(self.start..self.start + count);
        let lines = skipped.unwrap_or_default().iter();
        self.line += lines.filter(|byte| **byte == b'\n').count() as u64;
        self.start += count;
    }

    /// Looks for the next object, past what stands between objects.
    fn find(&mut self) -> Result<Next> {
        loop {
            if self.array.is_none() && self.envelope.is_there() && !self.open_envelope()? {
                return Ok(Next::End);
            }
            let Some(byte) = self.buffer.get(self.start).copied() else {
                if !self.fill()? {
                    return match self.array {
                        Some(_) => Err(self.wrong("it ends before its array does")),
                        None => Ok(Next::End),
                    };
                }
                continue;
            };
            match (byte, self.array) {
                (b' ' | b'\n' | b'\r' | b'\t', _) => {}
                (b'[', None) => self.array = Some(false),
                (b']', Some(_)) => self.array = None,
                (b',', Some(true)) => self.array = Some(false),
                (b'{', Some(true)) => return Err(self.wrong("a comma is missing between objects")),
                (b'{', open) => {
                    self.array = open.map(|_| true);
                    return self.measure();
                }
                _ => return Err(self.wrong("it holds something else than objects")),
            }
            self.skip(1);
        }
    }

    /// Goes through what stands round arrays of records until one is open; `false` at the end.
    fn open_envelope(&mut self) -> Result<bool> {
        loop {
            let Some(byte) = self.buffer.get(self.start).copied() else {
                match (self.fill()?, self.envelope.is_open()) {
                    (true, _) => continue,
                    (false, false) => return Ok(false),
                    (false, true) => {
                        return Err(self.wrong("it ends inside the object round its rows"));
                    }
                }
            };
            match self.envelope.next(byte) {
                Ok(Step::Skip) => self.skip(1),
                Ok(Step::Key) => {
                    let key = self.string()?;
                    let is_wanted = self.envelope.key(&key);
                    is_wanted.map_err(|why| self.wrong(&why))?;
                }
                Ok(Step::Records) => {
                    self.skip(1);
                    self.array = Some(false);
                    return Ok(true);
                }
                Ok(Step::Value) => self.skip_value(byte)?,
                Err(why) => return Err(self.wrong(&why)),
            }
        }
    }

    /// Reads the text that begins here with its quote.
    fn string(&mut self) -> Result<Vec<u8>> {
        let mut length = 1;
        loop {
            match self.buffer.get(self.start + length).copied() {
                Some(b'"') => break,
                Some(b'\\') => length += 2,
                Some(_) => length += 1,
                None if length > self.max_record || !self.fill()? => {
                    return Err(self.wrong("it ends inside a key"));
                }
                None => {}
            }
        }
        let inside = self.buffer.get(self.start + 1..self.start + length);
        let mut key = Vec::new();
        let read = unescape(inside.unwrap_or_default(), &mut key);
        read.map_err(|why| self.wrong(why))?;
        self.skip(length + 1);
        Ok(key)
    }

    /// Goes past a value that holds no records; `first` is its first byte.
    fn skip_value(&mut self, first: u8) -> Result<()> {
        let mut nesting = Nesting::default();
        loop {
            let rest = self.buffer.get(self.start..).unwrap_or_default();
            let end = match first {
                b'{' | b'[' => nesting.advance(rest),
                b'"' => nesting.advance_text(rest),
                _ => rest.iter().position(|byte| b",}] \n\r\t".contains(byte)),
            };
            if let Some(end) = end {
                self.skip(end);
                return Ok(());
            }
            self.skip(rest.len());
            if !self.fill()? {
                return Err(self.wrong("it ends inside the object round its rows"));
            }
        }
    }

    /// Finds where the object that begins here ends.
    fn measure(&mut self) -> Result<Next> {
        let mut nesting = Nesting::default();
        let mut looked = 0;
        loop {
            let rest = self.buffer.get(self.start + looked..).unwrap_or_default();
            if let Some(end) = nesting.advance(rest) {
                return Ok(Next::Object(looked + end));
            }
            looked += rest.len();
            if looked > self.max_record {
                return self.skip_oversized(nesting);
            }
            if !self.fill()? {
                return Err(self.wrong("it ends inside an object"));
            }
        }
    }

    fn skip_oversized(&mut self, mut nesting: Nesting) -> Result<Next> {
        let (line, offset) = (self.line, self.base + self.start as u64);
        let rest = self.buffer.get(self.start..).unwrap_or_default();
        let kept = rest.get(..RAW_KEPT).unwrap_or(rest).to_vec();
        self.skip(rest.len());
        loop {
            if !self.fill()? {
                return Err(self.wrong("it ends inside an object"));
            }
            let rest = self.buffer.get(self.start..).unwrap_or_default();
            let length = rest.len();
            match nesting.advance(rest) {
                Some(end) => {
                    self.skip(end);
                    return Ok(Next::Oversized(kept, line, offset));
                }
                None => self.skip(length),
            }
        }
    }

    /// Reads another block; `false` at the end.
    fn fill(&mut self) -> Result<bool> {
        if self.ended {
            return Ok(false);
        }
        self.buffer.drain(..self.start);
        self.base += self.start as u64;
        self.start = 0;
        let length = self.buffer.len();
        let more = BLOCK.max(length);
        self.buffer.resize(length + more, 0);
        let mut filled = length;
        while filled < self.buffer.len() && !self.ended {
            let free = self.buffer.get_mut(filled..).unwrap_or_default();
            match self.input.read(free) {
                Ok(0) => self.ended = true,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    return Err(decompress::text_error(
                        &self.name,
                        self.compression,
                        self.line,
                        error,
                    ));
                }
            }
        }
        self.buffer.truncate(filled);
        Ok(filled > length)
    }

    #[cold]
    fn wrong(&self, why: &str) -> Error {
        let line = usize::try_from(self.line).unwrap_or(usize::MAX);
        Error::new(
            codes::F2005,
            format!("`{}` is not JSON with one object for each row: {why}", self.name),
        )
        .at(Line::line(self.name.as_str(), line))
        .with("byte", self.base + self.start as u64)
        .help("with `format: {kind: ndjson}` each line is a row of its own, and a broken one costs no other")
    }
}

/// How deep in brackets a text is.
#[derive(Clone, Copy, Default)]
struct Nesting {
    depth: usize,
    in_string: bool,
    escaped: bool,
}

impl Nesting {
    /// Goes on through a text whose first byte is its quote; where it ends, if it does.
    fn advance_text(&mut self, text: &[u8]) -> Option<usize> {
        for (at, byte) in text.iter().enumerate() {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' if self.in_string => return Some(at + 1),
                b'"' => self.in_string = true,
                _ => {}
            }
        }
        None
    }

    /// Goes on through `text`; where the outermost bracket closes, if it does.
    fn advance(&mut self, text: &[u8]) -> Option<usize> {
        for (at, byte) in text.iter().enumerate() {
            if self.in_string {
                match byte {
                    _ if self.escaped => self.escaped = false,
                    b'\\' => self.escaped = true,
                    b'"' => self.in_string = false,
                    _ => {}
                }
                continue;
            }
            match byte {
                b'"' => self.in_string = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => {
                    self.depth = self.depth.saturating_sub(1);
                    if self.depth == 0 {
                        return Some(at + 1);
                    }
                }
                _ => {}
            }
        }
        None
    }
}
