//! Building string arrays straight from the bytes of records.

use arrow::array::StringArray;
use arrow::buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use diagnostic::{Result, ResultExt, codes};

/// The texts by which a stream says NULL.
#[derive(Clone, Debug)]
pub(crate) struct NullValues {
    /// An empty field that is not quoted.
    empty: bool,
    others: Vec<Vec<u8>>,
}

impl NullValues {
    pub(crate) fn new(values: &[String]) -> Self {
        Self {
            empty: values.iter().any(String::is_empty),
            others: values
                .iter()
                .filter(|value| !value.is_empty())
                .map(|value| value.clone().into_bytes())
                .collect(),
        }
    }

    #[inline]
    pub(crate) fn contains(&self, text: &[u8], quoted: bool) -> bool {
        if text.is_empty() {
            return self.empty && !quoted;
        }
        !self.others.is_empty() && self.others.iter().any(|other| other == text)
    }
}

/// A string array in the making. Texts are UTF-8, which [`StringsBuilder::finish`] checks once for all.
pub(crate) struct StringsBuilder {
    bytes: Vec<u8>,
    offsets: Vec<i32>,
    valid: Vec<bool>,
    nulls: usize,
}

impl StringsBuilder {
    pub(crate) fn with_capacity(rows: usize, length: usize) -> Self {
        let mut offsets = Vec::with_capacity(rows + 1);
        offsets.push(0);
        Self {
            bytes: Vec::with_capacity(rows * length),
            offsets,
            valid: Vec::with_capacity(rows),
            nulls: 0,
        }
    }

    #[inline]
    pub(crate) fn append(&mut self, text: &[u8]) {
        self.bytes.extend_from_slice(text);
        self.end(true);
    }

    #[inline]
    pub(crate) fn append_null(&mut self) {
        self.nulls += 1;
        self.end(false);
    }

    /// Appends the text as read, or NULL.
    #[inline]
    pub(crate) fn append_field(&mut self, field: Option<(&[u8], bool)>, nulls: &NullValues) {
        match field {
            Some((text, quoted)) if !nulls.contains(text, quoted) => self.append(text),
            _ => self.append_null(),
        }
    }

    #[inline]
    fn end(&mut self, valid: bool) {
        // A batch is about a mebibyte of text, a record at most 256.
        self.offsets
            .push(i32::try_from(self.bytes.len()).unwrap_or(i32::MAX));
        self.valid.push(valid);
    }

    pub(crate) fn finish(self) -> Result<StringArray> {
        let nulls = (self.nulls > 0).then(|| NullBuffer::from(self.valid));
        let offsets = OffsetBuffer::new(ScalarBuffer::from(self.offsets));
        StringArray::try_new(offsets, Buffer::from_vec(self.bytes), nulls)
            .explain(codes::X0001, || {
                "A batch of texts is not what it should be".to_owned()
            })
    }
}
