//! Where an error is: a file (or statement), a byte range in it, and the text to show it in.

use std::ops::Range;
use std::sync::Arc;

/// A text that errors can point into: a file of the project, a statement, a rendered model.
#[derive(Clone, Debug)]
pub struct Source {
    /// The name to show, usually a path relative to the project.
    pub name: Arc<str>,
    /// The whole text.
    pub text: Arc<str>,
}

impl Source {
    /// A source called `name` that reads `text`.
    pub fn new(name: impl Into<Arc<str>>, text: impl Into<Arc<str>>) -> Self {
        Self {
            name: name.into(),
            text: text.into(),
        }
    }

    /// The bytes `range` of this source as a place.
    #[must_use]
    pub fn place(&self, range: Range<usize>) -> Place {
        let start = floor_char(&self.text, range.start);
        let end = floor_char(&self.text, range.end).max(start);
        let before = &self.text[..start];
        Place {
            file: Arc::clone(&self.name),
            line: before.matches('\n').count() + 1,
            column: before.chars().rev().take_while(|c| *c != '\n').count() + 1,
            excerpt: Some((self.clone(), start..end)),
        }
    }

    /// The byte offset of a line and column, both counted from 1, columns in characters.
    #[must_use]
    pub fn offset(&self, line: usize, column: usize) -> usize {
        let start: usize = self
            .text
            .split_inclusive('\n')
            .take(line.saturating_sub(1))
            .map(str::len)
            .sum();
        let rest = self.text.get(start..).unwrap_or_default();
        let within = rest
            .char_indices()
            .nth(column.saturating_sub(1))
            .map_or(rest.len(), |(at, _)| at);
        start + within
    }
}

fn floor_char(text: &str, mut at: usize) -> usize {
    at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// A file with line and column (both from 1), and the text around it where that is known.
#[derive(Clone, Debug)]
pub struct Place {
    /// The file or statement.
    pub file: Arc<str>,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// The text and the byte range to underline.
    pub excerpt: Option<(Source, Range<usize>)>,
}

impl Place {
    /// A place without an excerpt, for example a line of a data file.
    pub fn line(file: impl Into<Arc<str>>, line: usize) -> Self {
        Self {
            file: file.into(),
            line,
            column: 1,
            excerpt: None,
        }
    }
}
