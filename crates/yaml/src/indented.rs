//! [`Indented`]: text with more indentation than was written, where the parser asks for it.
//!
//! YAML wants what stands in brackets and quotes to be indented deeper than what it is a part of. PyYAML,
//! which dbt's files are written against, does not:
//!
//! ```yaml
//! folders: [
//!   a,
//! ]
//! ```

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;

use saphyr_parser::{Marker, Span};

/// A text, and where its characters were written.
pub(crate) struct Indented<'s> {
    pub text: Cow<'s, str>,
    pub offsets: Offsets,
    /// Lines that were indented, counted from one.
    lines: HashSet<usize>,
}

impl<'s> Indented<'s> {
    pub(crate) fn new(text: &'s str, skipped: usize) -> Self {
        Self {
            text: Cow::Borrowed(text),
            offsets: Offsets::new(text, skipped),
            lines: HashSet::new(),
        }
    }

    /// The text with the line of `marker` indented deeper than any other, or, if a quoted text starts there,
    /// with the lines into which that goes on. Nothing if they are.
    pub(crate) fn indent(&self, marker: &Marker) -> Option<Self> {
        let rest: String = self.text.chars().skip(marker.index()).collect();
        let more = quoted_lines(&rest);
        let own = marker.line();
        let mut wanted: HashSet<usize> = (own + 1..=own + more).collect();
        if wanted.is_subset(&self.lines) {
            wanted = [own].into();
        }
        if wanted.is_subset(&self.lines) {
            return None;
        }
        let blank = |line: &str| line.len() - line.trim_start_matches(' ').len();
        let deepest = self.text.lines().map(blank).max().unwrap_or_default() + 1;
        let (mut text, mut bytes) = (String::new(), Vec::new());
        let mut at = 0;
        for (number, line) in self.text.split_inclusive('\n').enumerate() {
            let line_number = number + 1;
            if wanted.contains(&line_number) && !self.lines.contains(&line_number) {
                text.extend(std::iter::repeat_n(' ', deepest));
                bytes.extend(std::iter::repeat_n(self.offsets.unskipped(at), deepest));
            }
            for character in line.chars() {
                text.push(character);
                bytes.push(self.offsets.unskipped(at));
                at += 1;
            }
        }
        Some(Self {
            text: Cow::Owned(text),
            offsets: Offsets {
                bytes,
                ..self.offsets
            },
            lines: &self.lines | &wanted,
        })
    }
}

/// How many lines more the quoted text takes that `rest` starts with; none if it starts with no quote.
fn quoted_lines(rest: &str) -> usize {
    let mut characters = rest.chars().peekable();
    let Some(quote @ ('"' | '\'')) = characters.next() else {
        return 0;
    };
    let mut lines = 0;
    let mut escaped = false;
    while let Some(character) = characters.next() {
        match character {
            _ if escaped => escaped = false,
            '\\' if quote == '"' => escaped = true,
            '\'' if quote == '\'' && characters.peek() == Some(&quote) => escaped = true,
            _ if character == quote => break,
            _ => {}
        }
        lines += usize::from(character == '\n');
    }
    lines
}

/// Maps the parser's character positions to bytes.
pub(crate) struct Offsets {
    skipped: usize,
    /// Byte of each character; empty when every character is one byte.
    bytes: Vec<usize>,
    length: usize,
}

impl Offsets {
    fn new(text: &str, skipped: usize) -> Self {
        let bytes = if text.is_ascii() {
            Vec::new()
        } else {
            text.char_indices().map(|(at, _)| at).collect()
        };
        Self {
            skipped,
            bytes,
            length: text.len(),
        }
    }

    fn unskipped(&self, character: usize) -> usize {
        self.byte(character) - self.skipped
    }

    pub(crate) fn byte(&self, character: usize) -> usize {
        let byte = if self.bytes.is_empty() {
            character.min(self.length)
        } else {
            self.bytes.get(character).copied().unwrap_or(self.length)
        };
        byte + self.skipped
    }

    pub(crate) fn range(&self, span: Span) -> Range<usize> {
        let start = self.byte(span.start.index());
        start..self.byte(span.end.index()).max(start)
    }
}
