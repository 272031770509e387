//! [`ChangeLog`]: changes as rows of a change table, with the header columns of Qlik Replicate
//! (<https://help.qlik.com/en-US/replicate/May2023/Content/Replicate/Main/Change%20Tables/read_change_tables.htm>).

use std::sync::Arc;

use arrow::array::{ArrayRef, BinaryArray, RecordBatch, StringArray, new_null_array};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use chrono::DateTime;
use connectors::postgres::Lsn;
use diagnostic::{Result, ResultExt, codes};
use model::Identifier;

use super::marks::moments;
use super::net::Patch;

/// A transaction of the source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Transaction {
    /// Where its commit is in the log.
    pub(super) commit: Lsn,
    /// When it was committed, in microseconds since 1970. Later transactions of a stream have later ones.
    pub(super) time: i64,
    /// Its id.
    pub(super) id: u32,
}

/// Which values a row of a change table has.
#[derive(Clone, Copy, Debug)]
pub(super) enum Image {
    /// Those of an incoming row.
    Row(u32),
    /// Those of an old row, as far as the log tells them.
    Old(u32),
    /// None.
    Nothing,
}

/// What a row of a change table says happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    Insert,
    Update,
    BeforeImage,
    Delete,
    Truncate,
}

impl Event {
    /// `change_oper` and `operation`.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Insert => ("I", "INSERT"),
            Self::Update => ("U", "UPDATE"),
            Self::BeforeImage => ("B", "BEFOREIMAGE"),
            Self::Delete => ("D", "DELETE"),
            Self::Truncate => ("T", "TRUNCATE"),
        }
    }
}

/// A row of a change table.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) event: Event,
    pub(super) image: Image,
    /// Values that are not in that image.
    pub(super) patches: Vec<Patch>,
    pub(super) transaction: Transaction,
    /// Its number among all changes of the source that were stored.
    pub(super) number: u64,
    /// The columns of the stream that it concerns.
    pub(super) changed: Columns,
}

/// Rows for a change table.
#[derive(Debug, Default)]
pub(super) struct ChangeLog {
    pub(super) entries: Vec<Entry>,
    /// For each column of the stream its place among the data columns of the change table.
    pub(super) places: Vec<Option<usize>>,
}

/// A set of columns by their places.
#[derive(Clone, Debug, Default)]
pub(super) struct Columns(Vec<u8>);

impl Columns {
    pub(super) fn insert(&mut self, column: usize) {
        let byte = column / 8;
        if self.0.len() <= byte {
            self.0.resize(byte + 1, 0);
        }
        if let Some(bits) = self.0.get_mut(byte) {
            *bits |= 1 << (column % 8);
        }
    }

    fn iter(&self) -> impl Iterator<Item = usize> {
        let bits = |(byte, bits): (usize, &u8)| {
            let bits = *bits;
            let set = (0..8).filter(move |bit| bits & (1 << bit) != 0);
            set.map(move |bit| byte * 8 + bit)
        };
        self.0.iter().enumerate().flat_map(bits)
    }
}

const HEADERS: [(&str, DataType); 7] = [
    ("change_seq", DataType::Utf8),
    ("change_oper", DataType::Utf8),
    ("change_mask", DataType::Binary),
    ("stream_position", DataType::Utf8),
    ("operation", DataType::Utf8),
    ("transaction_id", DataType::Utf8),
    (
        "timestamp",
        DataType::Timestamp(TimeUnit::Microsecond, None),
    ),
];

/// The header columns, whose names begin with `prefix`.
pub(super) fn headers(prefix: &str) -> Vec<Field> {
    let field = |(name, kind): &(&str, DataType)| {
        let name = Identifier::unquoted(&format!("{prefix}{name}"));
        let kind = match kind {
            DataType::Timestamp(unit, _) => DataType::Timestamp(*unit, Some("UTC".into())),
            kind => kind.clone(),
        };
        Field::new(name.as_str(), kind, true)
    };
    HEADERS.iter().map(field).collect()
}

/// The columns of a new change table: its headers, then `data`.
pub(super) fn schema(prefix: &str, data: Vec<Field>) -> SchemaRef {
    let fields = headers(prefix).into_iter().chain(data);
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

impl ChangeLog {
    /// The header columns of some of its entries.
    pub(super) fn header_columns(&self, entries: &[Entry]) -> Vec<ArrayRef> {
        let texts = |text: &dyn Fn(&Entry) -> String| -> ArrayRef {
            Arc::new(StringArray::from_iter_values(entries.iter().map(text)))
        };
        let masks = entries.iter().map(|entry| self.mask(&entry.changed));
        let masks: Vec<Vec<u8>> = masks.collect();
        let times = entries.iter().map(|entry| Some(entry.transaction.time));
        vec![
            texts(&sequence),
            texts(&|entry| entry.event.words().0.to_owned()),
            Arc::new(BinaryArray::from_iter_values(masks)),
            texts(&|entry| position(entry.transaction.commit)),
            texts(&|entry| entry.event.words().1.to_owned()),
            texts(&|entry| format!("{:032X}", entry.transaction.id)),
            moments(times.collect()),
        ]
    }

    /// Its entries as rows of `schema`, whose first `heads` columns are headers, without data.
    pub(super) fn rows_without_data(
        &self,
        schema: &SchemaRef,
        heads: usize,
    ) -> Result<RecordBatch> {
        let mut columns = self.header_columns(&self.entries);
        let data = schema.fields().iter().skip(heads);
        columns.extend(data.map(|field| new_null_array(field.data_type(), self.entries.len())));
        RecordBatch::try_new(schema.clone(), columns)
            .explain(codes::X0001, || "Changes cannot be put together".to_owned())
    }

    /// One bit for each data column, the first in the lowest bit of the first byte, without zeros at the end.
    fn mask(&self, changed: &Columns) -> Vec<u8> {
        let mut mask = Columns::default();
        for column in changed.iter() {
            if let Some(place) = self.places.get(column).copied().flatten() {
                mask.insert(place);
            }
        }
        mask.0
    }
}

/// `YYYYMMDDHHmmSShh` of the commit and nineteen digits of the change's number.
fn sequence(entry: &Entry) -> String {
    let time = DateTime::from_timestamp_micros(entry.transaction.time).unwrap_or_default();
    let hundredths = time.timestamp_subsec_millis() / 10;
    format!(
        "{}{hundredths:02}{:019}",
        time.format("%Y%m%d%H%M%S"),
        entry.number
    )
}

/// A place in the log so that texts have the order of places.
fn position(lsn: Lsn) -> String {
    format!("{:08X}/{:08X}", lsn.0 >> 32, lsn.0 & 0xffff_ffff)
}

#[cfg(test)]
mod tests {
    use connectors::postgres::Lsn;

    use super::{ChangeLog, Columns, Entry, Event, Image, Transaction, position, sequence};

    #[test]
    fn headers_are_written_as_qlik_does() {
        let transaction = Transaction {
            commit: Lsn(0x1_0000_00AB),
            // 2026-08-01 06:30:05.129
            time: 1_785_565_805_129_000,
            id: 7,
        };
        let entry = Entry {
            event: Event::Update,
            image: Image::Nothing,
            patches: Vec::new(),
            transaction,
            number: 42,
            changed: Columns::default(),
        };
        let text = sequence(&entry);
        assert_eq!(text, "20260801063005120000000000000000042");
        assert_eq!(text.len(), 35);
        assert_eq!(position(transaction.commit), "00000001/000000AB");
    }

    #[test]
    fn a_mask_has_a_bit_for_each_column() {
        let mut changed = Columns::default();
        changed.insert(0);
        changed.insert(2);
        changed.insert(3);
        let log = ChangeLog {
            entries: Vec::new(),
            // The fourth column stands tenth in the change table, the third is left out.
            places: vec![Some(0), Some(1), None, Some(9)],
        };
        assert_eq!(log.mask(&changed), [1, 2]);
    }
}
