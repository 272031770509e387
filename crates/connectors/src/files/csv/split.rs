//! Splitting a buffer into records and fields. Knows bytes only; refilling is the reader's work.

use crate::files::records::{Defect, Field, Record};
use crate::files::structural::Structural;

/// The most of an oversized record that is kept as its raw text.
pub(super) const RAW_KEPT: usize = 4 * 1024;

/// Bytes that must be readable beyond the end of the text, so that whole blocks can be loaded.
pub(super) const PADDING: usize = 64;

/// Splits text into records and collects their fields.
pub(super) struct Splitter {
    structural: Structural,
    delimiter: u8,
    quote: u8,
    newline: u8,
    max_record: usize,
    /// Fields per record; `None` while the header is read, which decides it.
    pub(super) width: Option<usize>,
    /// The line on which the next record begins.
    pub(super) line: u64,
    /// Whether the text up to the next end of line belongs to a record that was given up.
    pub(super) skipping: bool,
    pub(super) fields: Vec<Field>,
    pub(super) side: Vec<u8>,
    pub(super) records: Vec<Record>,
}

/// The part of a buffer to split.
pub(super) struct Span<'a> {
    /// The text, followed by at least [`PADDING`] bytes.
    pub(super) buffer: &'a [u8],
    pub(super) start: usize,
    pub(super) end: usize,
    /// Whether the text ends here.
    pub(super) last: bool,
    /// Offset of `buffer[0]` in the whole text.
    pub(super) base: u64,
}

/// The field and record that are being read.
struct Open {
    record: usize,
    field: usize,
    count: usize,
    lines: u64,
    /// Quotes of the field so far; 0 if it does not begin with one.
    quotes: u32,
    inside: bool,
    last_quote: usize,
}

impl Open {
    fn at(position: usize) -> Self {
        Self {
            record: position,
            field: position,
            count: 0,
            lines: 0,
            quotes: 0,
            inside: false,
            last_quote: 0,
        }
    }
}

impl Splitter {
    pub(super) fn new(delimiter: u8, quote: Option<u8>, newline: u8, max_record: usize) -> Self {
        // Delimiters are looked for first, so this quote is never met.
        let quote = quote.unwrap_or(delimiter);
        Self {
            structural: Structural::new(delimiter, quote, newline),
            delimiter,
            quote,
            newline,
            max_record,
            width: None,
            line: 1,
            skipping: false,
            fields: Vec::new(),
            side: Vec::new(),
            records: Vec::new(),
        }
    }

    pub(super) fn newline(&self) -> u8 {
        self.newline
    }

    pub(super) fn clear(&mut self) {
        self.fields.clear();
        self.side.clear();
        self.records.clear();
    }

    /// Splits `span` and returns where the first record begins that is not complete.
    pub(super) fn split(&mut self, span: &Span<'_>) -> usize {
        let mut start = span.start;
        loop {
            let (next, again) = self.pass(span, start);
            if !again {
                return next;
            }
            start = next;
        }
    }

    /// One pass from `start`. It ends early where reading must go back: behind the first line of a record
    /// that is broken.
    fn pass(&mut self, span: &Span<'_>, start: usize) -> (usize, bool) {
        let mut open = Open::at(start);
        let mut base = start;
        while base < span.end {
            let Some(block) = span.buffer.get(base..).and_then(<[u8]>::first_chunk::<64>) else {
                break;
            };
            let mut mask = self.structural.mask(block);
            if span.end - base < 64 {
                mask &= (1 << (span.end - base)) - 1;
            }
            while mask != 0 {
                let at = base + mask.trailing_zeros() as usize;
                mask &= mask - 1;
                let byte = span.buffer.get(at).copied().unwrap_or_default();
                if byte == self.delimiter {
                    if !open.inside {
                        self.end_field(span.buffer, &mut open, at);
                        open.field = at + 1;
                    }
                } else if byte == self.quote {
                    self.meet_quote(&mut open, at);
                } else if open.inside {
                    open.lines += 1;
                } else {
                    if at - open.record > self.max_record {
                        return (self.skip_line(span, open.record), true);
                    }
                    self.end_record(span, &mut open, at);
                    if self.width.is_none() && !self.records.is_empty() {
                        return (at + 1, false);
                    }
                    open = Open::at(at + 1);
                }
            }
            base += 64;
        }
        self.end_pass(span, open)
    }

    /// What to do with the record that the span does not complete.
    fn end_pass(&mut self, span: &Span<'_>, mut open: Open) -> (usize, bool) {
        let length = span.end - open.record;
        if length > self.max_record || (span.last && open.inside) {
            let next = self.skip_line(span, open.record);
            return (next, next < span.end);
        }
        if span.last && length > 0 {
            self.end_record(span, &mut open, span.end);
            return (span.end, false);
        }
        self.forget_open_fields();
        (open.record, false)
    }

    /// Drops the fields that were found of a record that is not complete: it is read again, or given up.
    fn forget_open_fields(&mut self) {
        self.fields
            .truncate(self.records.len() * self.width.unwrap_or_default());
    }

    #[inline]
    fn meet_quote(&self, open: &mut Open, at: usize) {
        if open.inside {
            open.inside = false;
            open.quotes += 1;
            open.last_quote = at;
        } else if at == open.field {
            open.inside = true;
            open.quotes = 1;
        } else if open.quotes > 0 && at == open.last_quote + 1 {
            // Two quotes in a row stand for one: the field goes on.
            open.inside = true;
            open.quotes += 1;
        }
    }

    #[inline]
    fn end_field(&mut self, buffer: &[u8], open: &mut Open, end: usize) {
        open.count += 1;
        if self.width.is_none_or(|width| open.count <= width) {
            let field = if open.quotes == 0 {
                plain(open.field, end)
            } else {
                self.unquote(buffer, open, end)
            };
            self.fields.push(field);
        }
        open.quotes = 0;
    }

    fn unquote(&mut self, buffer: &[u8], open: &Open, end: usize) -> Field {
        if open.quotes == 2 && open.last_quote + 1 == end {
            let mut field = plain(open.field + 1, end - 1);
            field.length |= Field::QUOTED;
            return field;
        }
        let start = self.side.len();
        let mut inside = true;
        let mut bytes = buffer
            .get(open.field + 1..end)
            .unwrap_or_default()
            .iter()
            .copied()
            .peekable();
        while let Some(byte) = bytes.next() {
            if byte == self.quote && inside {
                if bytes.peek() == Some(&self.quote) {
                    bytes.next();
                } else {
                    inside = false;
                    continue;
                }
            }
            self.side.push(byte);
        }
        let mut field = plain(start, self.side.len());
        field.start |= Field::SIDE;
        field.length |= Field::QUOTED;
        field
    }

    fn end_record(&mut self, span: &Span<'_>, open: &mut Open, at: usize) {
        let mut end = at;
        let carriage_return =
            self.newline == b'\n' && at > open.field && span.buffer.get(at - 1) == Some(&b'\r');
        if carriage_return {
            end -= 1;
        }
        let line = self.line;
        self.line += open.lines + 1;
        if end == open.record {
            return; // An empty line is no record.
        }
        self.end_field(span.buffer, open, end);
        let defect = match self.width {
            Some(width) if open.count < width => {
                self.fields
                    .extend(std::iter::repeat_n(Field::MISSING, width - open.count));
                Some(Defect::Short)
            }
            Some(width) if open.count > width => Some(Defect::Long),
            _ => None,
        };
        self.records.push(Record {
            line,
            offset: span.base + open.record as u64,
            fields: as_u32(open.count),
            defect,
            start: as_u32(open.record),
            end: as_u32(end),
        });
    }

    /// Gives up the record that begins at `record`, with its first line only, and returns where the next
    /// line begins (the end of the span if the line does not end in it).
    fn skip_line(&mut self, span: &Span<'_>, record: usize) -> usize {
        self.forget_open_fields();
        let rest = span.buffer.get(record..span.end).unwrap_or_default();
        let newline = rest.iter().position(|byte| *byte == self.newline);
        let length = newline.unwrap_or(rest.len());
        let oversized = length > self.max_record;
        let kept = if oversized {
            length.min(RAW_KEPT)
        } else {
            length
        };
        let trimmed = !oversized
            && self.newline == b'\n'
            && rest.get(..length).is_some_and(|line| line.ends_with(b"\r"));
        self.fields.extend(std::iter::repeat_n(
            Field::MISSING,
            self.width.unwrap_or_default(),
        ));
        self.records.push(Record {
            line: self.line,
            offset: span.base + record as u64,
            fields: 0,
            defect: Some(if oversized {
                Defect::Oversized
            } else {
                Defect::UnclosedQuote
            }),
            start: as_u32(record),
            end: as_u32(record + kept - usize::from(trimmed)),
        });
        self.line += 1;
        self.skipping = newline.is_none() && !span.last;
        newline.map_or(span.end, |newline| record + newline + 1)
    }
}

#[inline]
fn plain(start: usize, end: usize) -> Field {
    Field {
        start: as_u32(start),
        length: as_u32(end - start),
    }
}

/// Buffers stay below 2 GiB: the largest record is 256 MiB ([`super::CsvFormat::MAX_RECORD`]).
#[inline]
#[allow(clippy::cast_possible_truncation)]
fn as_u32(position: usize) -> u32 {
    position as u32
}
