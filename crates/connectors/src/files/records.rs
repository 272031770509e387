//! [`Records`]: one batch of records, lent by the reader that owns their bytes. All formats hand on their rows
//! this way: as text, with what tells a value's kind.

use std::borrow::Cow;

use encoding_rs::WINDOWS_1252;

use crate::json_text as json;

/// Why a record is not what its header promised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Defect {
    /// Fewer fields than the header has; the missing ones read as `None`.
    Short,
    /// More fields than the header has; only [`Records::raw`] has the further ones.
    Long,
    /// Longer than the format allows; it has no fields and its raw text is cut.
    Oversized,
    /// A quoted field that does not end; it has no fields.
    UnclosedQuote,
    /// Not in the encoding that was declared; it has no fields.
    Undecodable,
    /// Not JSON, or no object; it has no fields.
    Malformed(Malformed),
}

/// Where a text stops being what it should be, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Malformed {
    /// Why, as the end of a sentence.
    pub why: &'static str,
    /// Bytes from the beginning of the record.
    pub at: u32,
}

/// Where a record stands, and what is wrong with it.
#[derive(Clone, Copy, Debug)]
pub struct Record {
    /// Its line in the file, from 1; a record may go on over further lines.
    pub line: u64,
    /// Its first byte in the decompressed, decoded text.
    pub offset: u64,
    /// How many fields it has.
    pub fields: u32,
    /// What is wrong with it, if anything is.
    pub defect: Option<Defect>,
    pub(in crate::files) start: u32,
    pub(in crate::files) end: u32,
}

/// One field: a range of the block's bytes, or of the side buffer for text that had to be rewritten.
#[derive(Clone, Copy)]
pub(in crate::files) struct Field {
    pub(in crate::files) start: u32,
    pub(in crate::files) length: u32,
}

impl Field {
    pub(in crate::files) const SIDE: u32 = 1 << 31;
    pub(in crate::files) const QUOTED: u32 = 1 << 31;
    /// The record does not have the field.
    pub(in crate::files) const MISSING: Self = Self {
        start: u32::MAX,
        length: 0,
    };
    /// The record says that the field has no value.
    pub(in crate::files) const NULL: Self = Self {
        start: u32::MAX,
        length: 1,
    };
}

/// A batch of records. Fields are UTF-8.
pub struct Records<'a> {
    pub(in crate::files) buffer: &'a [u8],
    pub(in crate::files) side: &'a [u8],
    pub(in crate::files) fields: &'a [Field],
    pub(in crate::files) records: &'a [Record],
    /// From one record's fields to the next one's.
    pub(in crate::files) width: usize,
    /// The names of the columns, where a record's own text has to be made of them.
    pub(in crate::files) header: &'a [String],
}

impl<'a> Records<'a> {
    /// How many records there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// The records, in the order of the file.
    #[must_use]
    pub fn records(&self) -> &'a [Record] {
        self.records
    }

    /// The fields of the header's column `at`: text and whether it was quoted, `None` where the record has
    /// no such field or no value in it. A format with types of its own quotes what is text to it.
    pub fn column(
        &self,
        at: usize,
    ) -> impl ExactSizeIterator<Item = Option<(&'a [u8], bool)>> + '_ {
        let fields = self.fields.get(at..).unwrap_or_default();
        // Every record has `width` fields, so stepping from `at` meets each record once.
        fields
            .iter()
            .step_by(self.width.max(1))
            .map(|field| self.bytes(*field))
    }

    /// One field; see [`Records::column`].
    #[must_use]
    pub fn field(&self, record: usize, column: usize) -> Option<(&'a [u8], bool)> {
        let field = self.fields.get(record * self.width + column)?;
        self.bytes(*field)
    }

    #[inline]
    pub(in crate::files) fn bytes(&self, field: Field) -> Option<(&'a [u8], bool)> {
        let quoted = field.length & Field::QUOTED != 0;
        let length = (field.length & !Field::QUOTED) as usize;
        let start = (field.start & !Field::SIDE) as usize;
        let from = if field.start & Field::SIDE == 0 {
            self.buffer
        } else if field.start == Field::MISSING.start {
            return None;
        } else {
            self.side
        };
        from.get(start..start + length).map(|bytes| (bytes, quoted))
    }

    /// Whether the record has the field at all, if only to say that it has no value.
    #[must_use]
    pub fn has(&self, record: usize, column: usize) -> bool {
        let field = self.fields.get(record * self.width + column);
        field.is_some_and(|field| (field.start, field.length) != (u32::MAX, 0))
    }

    /// The record's bytes as they stand in the file, without the end of the line; cut if it is oversized.
    #[must_use]
    pub fn raw(&self, record: usize) -> &'a [u8] {
        self.records
            .get(record)
            .and_then(|record| self.buffer.get(record.start as usize..record.end as usize))
            .unwrap_or_default()
    }

    /// [`Records::raw`] as text: UTF-8, or Windows-1252 if it is not valid UTF-8. A record of a file that is
    /// no text is written as a JSON object.
    #[must_use]
    pub fn raw_text(&self, record: usize) -> Cow<'a, str> {
        if !self.header.is_empty() {
            return Cow::Owned(self.as_object(record));
        }
        let raw = self.raw(record);
        match std::str::from_utf8(raw) {
            Ok(text) => Cow::Borrowed(text),
            // A cut may fall into the middle of a character.
            Err(error) if error.error_len().is_none() => {
                String::from_utf8_lossy(raw.get(..error.valid_up_to()).unwrap_or_default())
            }
            Err(_) => WINDOWS_1252.decode_without_bom_handling(raw).0,
        }
    }

    fn as_object(&self, record: usize) -> String {
        let mut object = String::from("{");
        for (column, name) in self.header.iter().enumerate() {
            if !self.has(record, column) {
                continue;
            }
            if object.len() > 1 {
                object.push(',');
            }
            json::string(name, &mut object);
            object.push(':');
            match self.field(record, column) {
                None => object.push_str("null"),
                Some((text, true)) => json::string(&String::from_utf8_lossy(text), &mut object),
                Some((text, false)) => object.push_str(&String::from_utf8_lossy(text)),
            }
        }
        object.push('}');
        object
    }
}
