//! JSON: values one after the other, on lines or not, or the elements of one array.
//!
//! <https://docs.snowflake.com/en/sql-reference/sql/create-file-format#type-json>

use std::io::Read;
use std::sync::Arc;

use arrow::array::{ArrayRef, LargeStringArray};
use diagnostic::{Error, Result, codes};

use super::super::{Json, StagedFile};
use super::{CHUNK, Chunk, Chunks, Place, Reading, Rejected, Unit, packed};

pub(super) fn open(reading: &Reading, options: &Json, unit: &Unit) -> Result<Chunks> {
    let mut bytes = Vec::new();
    packed::open(&unit.file, &options.compression)?
        .read_to_end(&mut bytes)
        .map_err(|cause| {
            Error::new(
                codes::F2001,
                format!("`{}` is damaged or cannot be read", unit.file.name),
            )
            .because(cause)
        })?;
    if bytes.starts_with(b"\xef\xbb\xbf") {
        bytes.drain(..3);
    }
    let text = match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(wrong) if options.replace_invalid_characters => {
            String::from_utf8_lossy(wrong.as_bytes()).into_owned()
        }
        Err(_) => {
            return Err(Error::new(
                codes::F2003,
                format!("`{}` is not UTF-8", unit.file.name),
            ));
        }
    };
    Ok(Box::new(Documents {
        reading: reading.clone(),
        options: options.clone(),
        file: Arc::clone(&unit.file),
        text,
        at: 0,
        line: 1,
        row: 0,
        waiting: std::collections::VecDeque::new(),
    }))
}

struct Documents {
    reading: Reading,
    options: Json,
    file: Arc<StagedFile>,
    text: String,
    at: usize,
    line: u64,
    row: u64,
    /// Elements of an array that was taken apart.
    waiting: std::collections::VecDeque<(Place, String)>,
}

impl Iterator for Documents {
    type Item = Result<Chunk>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.chunk() {
            Ok(chunk) if chunk.places.is_empty() && chunk.rejected.is_empty() => None,
            chunk => Some(chunk),
        }
    }
}

impl Documents {
    fn chunk(&mut self) -> Result<Chunk> {
        let mut documents = Vec::new();
        let (mut places, mut rejected) = (Vec::new(), Vec::new());
        while places.len() < CHUNK && rejected.len() < CHUNK {
            let Some((place, document)) = self.document() else {
                break;
            };
            let canonical = functions::variant_from_json(&document);
            match canonical {
                Ok(Some(value)) => {
                    let value = match self.options.strip_null_values {
                        true => without_nulls(&value),
                        false => value,
                    };
                    documents.push(value);
                    places.push(place);
                }
                Ok(None) => {}
                Err(reason) => rejected.push(Rejected {
                    place,
                    character: None,
                    column: None,
                    reason: format!("Error parsing JSON: {reason}"),
                    record: document,
                }),
            }
        }
        let column: ArrayRef = Arc::new(LargeStringArray::from_iter_values(documents));
        Ok(Chunk {
            rows: self
                .reading
                .with_metadata(vec![column], &self.file, &places)?,
            places,
            rejected,
        })
    }

    fn place(&mut self, at: usize) -> Place {
        self.row += 1;
        Place {
            row: self.row,
            line: self.line,
            byte: at as u64,
        }
    }

    fn document(&mut self) -> Option<(Place, String)> {
        if let Some(waiting) = self.waiting.pop_front() {
            return Some(waiting);
        }
        loop {
            self.skip_blanks();
            let rest = self.text.get(self.at..).unwrap_or_default();
            if rest.is_empty() {
                return None;
            }
            let length = extent(rest);
            let document = rest.get(..length).unwrap_or(rest).to_owned();
            let start = self.at;
            if self.options.strip_outer_array && document.starts_with('[') {
                self.take_apart(&document, start);
                self.pass(length);
                match self.waiting.pop_front() {
                    Some(waiting) => return Some(waiting),
                    None => continue,
                }
            }
            let place = self.place(start);
            self.pass(length);
            return Some((place, document));
        }
    }

    fn take_apart(&mut self, array: &str, start: usize) {
        let mut at = 1;
        let mut line = self.line;
        loop {
            let rest = array.get(at..).unwrap_or_default();
            let skip = rest
                .find(|c: char| !c.is_whitespace() && c != ',')
                .unwrap_or(rest.len());
            line += newlines(rest.get(..skip).unwrap_or_default());
            at += skip;
            let rest = array.get(at..).unwrap_or_default();
            if rest.is_empty() || rest.starts_with(']') {
                return;
            }
            let length = extent(rest).max(1);
            let element = rest.get(..length).unwrap_or(rest).to_owned();
            self.row += 1;
            let place = Place {
                row: self.row,
                line,
                byte: (start + at) as u64,
            };
            line += newlines(&element);
            at += element.len();
            self.waiting.push_back((place, element));
        }
    }

    fn skip_blanks(&mut self) {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let blank = rest
            .find(|c: char| !c.is_whitespace() && c != ',')
            .unwrap_or(rest.len());
        self.pass(blank);
    }

    fn pass(&mut self, length: usize) {
        let passed = self.text.get(self.at..self.at + length).unwrap_or_default();
        self.line += newlines(passed);
        self.at += length;
    }
}

fn newlines(text: &str) -> u64 {
    text.bytes().filter(|byte| *byte == b'\n').count() as u64
}

/// How many bytes the first value of `text` has. A value that never ends goes to the end of its line, so
/// that one broken line does not hide the others.
fn extent(text: &str) -> usize {
    let bytes = text.as_bytes();
    match bytes.first() {
        Some(b'{' | b'[' | b'"') => {}
        _ => {
            return text
                .find(|c: char| c.is_whitespace() || matches!(c, ',' | ']' | '}'))
                .unwrap_or(text.len())
                .max(1);
        }
    }
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    for (at, byte) in bytes.iter().enumerate() {
        if escaped {
            escaped = false;
            continue;
        }
        match byte {
            b'\\' if quoted => escaped = true,
            b'"' => {
                quoted = !quoted;
                if !quoted && depth == 0 {
                    return at + 1;
                }
            }
            b'{' | b'[' if !quoted => depth += 1,
            b'}' | b']' if !quoted => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at + 1;
                }
            }
            _ => {}
        }
    }
    text.find('\n').unwrap_or(text.len())
}

/// `value`, canonical text, without members that are null.
fn without_nulls(value: &str) -> String {
    // Canonical text has no blanks, so a null member is `"key":null` and nothing else.
    let mut out = String::with_capacity(value.len());
    let mut rest = value;
    while let Some(quote) = rest.find('"') {
        let (before, from) = rest.split_at(quote);
        out.push_str(before);
        let length = extent(from);
        let (text, behind) = from.split_at(length);
        match behind.strip_prefix(":null") {
            Some(behind) if behind.starts_with([',', '}']) => match behind.strip_prefix(',') {
                Some(behind) => rest = behind,
                None => {
                    if out.ends_with(',') {
                        out.pop();
                    }
                    rest = behind;
                }
            },
            _ => {
                out.push_str(text);
                rest = behind;
            }
        }
    }
    out.push_str(rest);
    out
}
