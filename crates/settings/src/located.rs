//! [`Located`]: a value that remembers where a person wrote it.

use std::fmt;
use std::ops::{Deref, Range};

use diagnostic::{Place, Source};

/// A value and the bytes of the project file it was read from.
#[derive(Clone)]
pub struct Located<T> {
    /// The value.
    pub value: T,
    /// The file.
    pub source: Source,
    /// The bytes of the file.
    pub span: Range<usize>,
}

impl<T> Located<T> {
    /// `value` as if read from `span` of `source`.
    pub fn new(value: T, source: Source, span: Range<usize>) -> Self {
        Self {
            value,
            source,
            span,
        }
    }

    /// Where an error about the value points.
    pub fn place(&self) -> Place {
        self.source.place(self.span.clone())
    }
}

impl<T> Deref for Located<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: fmt::Debug> fmt::Debug for Located<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}

/// Equal values are equal wherever they stand.
impl<T: PartialEq> PartialEq for Located<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}
