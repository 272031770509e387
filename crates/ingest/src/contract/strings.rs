//! Building string arrays straight from the bytes of records.

use arrow::array::StringArray;
use arrow::buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use diagnostic::{Result, ResultExt, codes};
use settings::Format;

/// What a stream's texts mean.
#[derive(Clone, Debug)]
pub(crate) struct TextRules {
    /// An empty field that is not quoted is NULL.
    empty: bool,
    /// Nothing but blanks is NULL, too.
    pub(crate) blank: bool,
    /// Texts are quoted, and nothing else is: the format tells text from numbers, truth values and objects.
    pub(crate) typed: bool,
    /// Dates and times come in ISO 8601, whatever else people write.
    pub(crate) dates: bool,
    others: Vec<Vec<u8>>,
}

impl TextRules {
    pub(crate) fn new(format: &Format) -> Self {
        let values = format.null_values();
        let is_csv = matches!(format, Format::Csv(_));
        Self {
            empty: values.iter().any(String::is_empty),
            blank: is_csv || values.iter().any(String::is_empty),
            typed: !is_csv,
            dates: !matches!(format, Format::Csv(_) | Format::Json(_)),
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
            return self.empty && (!quoted || self.typed);
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
    pub(crate) fn append_field(&mut self, field: Option<(&[u8], bool)>, nulls: &TextRules) {
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
