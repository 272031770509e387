//! [`Batch`]: records in the making, for formats whose values do not lie in the file as text.

use super::records::{Defect, Field, Record, Records};

/// Text of one batch, if no single record is longer.
const TEXT: usize = 512 * 1024;

/// Records of one batch.
const RECORDS: usize = 4096;

/// Fields of one batch, as a bound on its memory.
const FIELDS: usize = 1 << 20;

/// Collects records: for each one [`Batch::begin`], its values, [`Batch::end`].
#[derive(Default)]
pub(super) struct Batch {
    text: Vec<u8>,
    fields: Vec<Field>,
    records: Vec<Record>,
    /// Room for fields in each record; at least the columns there are.
    stride: usize,
    /// Where the record in the making began to write.
    begun: usize,
}

impl Batch {
    pub(super) fn new(columns: usize) -> Self {
        Self {
            stride: columns.max(1),
            ..Self::default()
        }
    }

    /// Forgets all records.
    pub(super) fn clear(&mut self) {
        self.text.clear();
        self.fields.clear();
        self.records.clear();
    }

    pub(super) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Whether the batch should be handed on before another record is begun.
    pub(super) fn is_full(&self) -> bool {
        !self.records.is_empty()
            && (self.text.len() >= TEXT
                || self.records.len() >= RECORDS
                || self.fields.len() + self.stride > FIELDS)
    }

    /// Makes room for `columns` fields in every record.
    pub(super) fn widen(&mut self, columns: usize) {
        if columns <= self.stride {
            return;
        }
        let stride = columns.next_power_of_two();
        let mut fields = Vec::with_capacity(self.fields.len() / self.stride * stride);
        for record in self.fields.chunks(self.stride) {
            fields.extend_from_slice(record);
            fields.extend(std::iter::repeat_n(Field::MISSING, stride - record.len()));
        }
        self.fields = fields;
        self.stride = stride;
    }

    /// Begins a record of which no field is there yet.
    pub(super) fn begin(&mut self) {
        self.begun = self.text.len();
        self.fields
            .extend(std::iter::repeat_n(Field::MISSING, self.stride));
    }

    /// The field of the record in the making; whether it is there already.
    pub(super) fn has(&self, column: usize) -> bool {
        let last = self.fields.len() - self.stride;
        self.fields
            .get(last + column)
            .is_some_and(|field| (field.start, field.length) != (u32::MAX, 0))
    }

    /// Gives the record in the making a field without a value.
    pub(super) fn null(&mut self, column: usize) {
        self.set(column, Field::NULL);
    }

    /// Gives the record in the making a field with the text that `write` appends.
    pub(super) fn value(&mut self, column: usize, quoted: bool, write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.text.len();
        write(&mut self.text);
        let field = Field {
            start: as_u32(start),
            length: as_u32(self.text.len() - start) | if quoted { Field::QUOTED } else { 0 },
        };
        self.set(column, field);
    }

    fn set(&mut self, column: usize, field: Field) {
        let last = self.fields.len() - self.stride;
        if let Some(place) = self.fields.get_mut(last + column) {
            *place = field;
        }
    }

    /// Bytes that the record in the making has written.
    pub(super) fn length(&self) -> usize {
        self.text.len() - self.begun
    }

    /// Ends the record, whose own text is `raw`. One with a defect loses its fields.
    pub(super) fn end(&mut self, line: u64, offset: u64, defect: Option<Defect>, raw: &[u8]) {
        if defect.is_some() {
            let last = self.fields.len() - self.stride;
            if let Some(fields) = self.fields.get_mut(last..) {
                fields.fill(Field::MISSING);
            }
            self.text.truncate(self.begun);
        }
        let start = self.text.len();
        self.text.extend_from_slice(raw);
        self.records.push(Record {
            line,
            offset,
            fields: as_u32(self.stride),
            defect,
            start: as_u32(start),
            end: as_u32(self.text.len()),
        });
    }

    /// The records. `header` makes them tell their raw text by their fields.
    pub(super) fn lend<'a>(&'a self, header: &'a [String]) -> Records<'a> {
        Records {
            buffer: &self.text,
            side: &[],
            fields: &self.fields,
            records: &self.records,
            width: self.stride,
            header,
        }
    }
}

/// A batch has half a mebibyte of text and one record more, which its format bounds far below 2 GiB.
#[allow(clippy::cast_possible_truncation)]
fn as_u32(position: usize) -> u32 {
    position as u32
}
