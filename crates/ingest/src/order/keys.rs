//! Hashing keys and encoding the `latest_by` columns so that bytes compare as rows do.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float64Type, TimeUnit, TimestampMicrosecondType,
};
use arrow::row::{RowConverter, Rows, SortField};
use diagnostic::{Error, Result, ResultExt, codes};

/// Hashes keys to 128 bits with two secret keys of this process.
#[derive(Clone, Default)]
pub(crate) struct KeyHasher {
    first: RandomState,
    second: RandomState,
}

impl KeyHasher {
    /// The hash of each row's key. NULL is a value like any other.
    pub(crate) fn hash(&self, key: &[ArrayRef], rows: usize) -> Result<Vec<u128>> {
        let parts = key.iter().map(Part::of).collect::<Result<Vec<_>>>()?;
        let mut bytes = Vec::new();
        let hashes = (0..rows).map(|row| {
            bytes.clear();
            parts.iter().for_each(|part| part.append(row, &mut bytes));
            u128::from(one(&self.first, &bytes)) << 64 | u128::from(one(&self.second, &bytes))
        });
        Ok(hashes.collect())
    }

    /// The hash of a text.
    pub(crate) fn text(&self, text: &str) -> u128 {
        let bytes = text.as_bytes();
        u128::from(one(&self.first, bytes)) << 64 | u128::from(one(&self.second, bytes))
    }
}

#[inline]
fn one(state: &RandomState, bytes: &[u8]) -> u64 {
    let mut hasher = state.build_hasher();
    hasher.write(bytes);
    hasher.finish()
}

/// One column of a key.
enum Part<'a> {
    Text(&'a arrow::array::StringArray),
    Decimal(&'a arrow::array::Decimal128Array),
    Date(&'a arrow::array::Date32Array),
    Time(&'a arrow::array::TimestampMicrosecondArray),
    Float(&'a arrow::array::Float64Array),
    Boolean(&'a arrow::array::BooleanArray),
    Bytes(&'a arrow::array::BinaryArray),
    /// Instants of values with offsets: two are the same if their instants are.
    Zoned(
        &'a arrow::array::StructArray,
        &'a arrow::array::TimestampMicrosecondArray,
    ),
}

impl<'a> Part<'a> {
    fn of(array: &'a ArrayRef) -> Result<Self> {
        Ok(match array.data_type() {
            DataType::Utf8 => Self::Text(array.as_string()),
            DataType::Decimal128(..) => Self::Decimal(array.as_primitive::<Decimal128Type>()),
            DataType::Date32 => Self::Date(array.as_primitive::<Date32Type>()),
            DataType::Timestamp(..) => Self::Time(array.as_primitive::<TimestampMicrosecondType>()),
            DataType::Float64 => Self::Float(array.as_primitive::<Float64Type>()),
            DataType::Boolean => Self::Boolean(array.as_boolean()),
            DataType::Binary => Self::Bytes(array.as_binary()),
            zoned if *zoned == lake::timestamp_tz() => {
                let values = array.as_struct();
                Self::Zoned(
                    values,
                    values.column(0).as_primitive::<TimestampMicrosecondType>(),
                )
            }
            other => {
                return Err(Error::new(
                    codes::X0001,
                    format!("A key has a column of type {other}"),
                ));
            }
        })
    }

    /// Appends the value so that different keys give different bytes.
    #[inline]
    fn append(&self, row: usize, bytes: &mut Vec<u8>) {
        if self.is_null(row) {
            bytes.push(0);
            return;
        }
        bytes.push(1);
        match self {
            Self::Text(array) => {
                let text = array.value(row).as_bytes();
                bytes.extend_from_slice(&(text.len() as u64).to_le_bytes());
                bytes.extend_from_slice(text);
            }
            Self::Decimal(array) => bytes.extend_from_slice(&array.value(row).to_le_bytes()),
            Self::Date(array) => bytes.extend_from_slice(&array.value(row).to_le_bytes()),
            Self::Time(array) => bytes.extend_from_slice(&array.value(row).to_le_bytes()),
            Self::Float(array) => {
                bytes.extend_from_slice(&array.value(row).to_bits().to_le_bytes())
            }
            Self::Boolean(array) => bytes.push(u8::from(array.value(row))),
            Self::Bytes(array) => {
                let value = array.value(row);
                bytes.extend_from_slice(&(value.len() as u64).to_le_bytes());
                bytes.extend_from_slice(value);
            }
            Self::Zoned(_, instants) => bytes.extend_from_slice(&instants.value(row).to_le_bytes()),
        }
    }

    #[inline]
    fn is_null(&self, row: usize) -> bool {
        match self {
            Self::Text(array) => array.is_null(row),
            Self::Decimal(array) => array.is_null(row),
            Self::Date(array) => array.is_null(row),
            Self::Time(array) => array.is_null(row),
            Self::Float(array) => array.is_null(row),
            Self::Boolean(array) => array.is_null(row),
            Self::Bytes(array) => array.is_null(row),
            Self::Zoned(array, _) => array.is_null(row),
        }
    }
}

/// What of a column rows are ordered by: of a value with an offset its instant.
fn ordering(array: &ArrayRef) -> ArrayRef {
    match array.as_struct_opt() {
        Some(values) => Arc::clone(values.column(0)),
        None => Arc::clone(array),
    }
}

/// Encodes the `latest_by` columns: higher bytes win, NULL is lowest.
pub(crate) struct RowOrder(Option<RowConverter>);

impl RowOrder {
    pub(crate) fn new(types: impl Iterator<Item = DataType>) -> Result<Self> {
        let instant = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        let fields: Vec<SortField> = types
            .map(|kind| match kind {
                DataType::Struct(_) => SortField::new(instant.clone()),
                kind => SortField::new(kind),
            })
            .collect();
        if fields.is_empty() {
            return Ok(Self(None));
        }
        let converter = RowConverter::new(fields).explain(codes::X0001, || {
            "The `latest_by` columns cannot be ordered".to_owned()
        })?;
        Ok(Self(Some(converter)))
    }

    pub(crate) fn encode(&self, arrays: &[ArrayRef]) -> Result<EncodedOrder> {
        let rows = match &self.0 {
            None => None,
            Some(converter) => {
                let columns: Vec<ArrayRef> = arrays.iter().map(ordering).collect();
                let rows = converter.convert_columns(&columns);
                Some(rows.explain(codes::X0001, || {
                    "The `latest_by` columns cannot be ordered".to_owned()
                })?)
            }
        };
        Ok(EncodedOrder(rows))
    }
}

/// The order of a batch's rows.
pub(crate) struct EncodedOrder(Option<Rows>);

impl EncodedOrder {
    #[inline]
    pub(crate) fn bytes(&self, row: usize) -> &[u8] {
        match &self.0 {
            Some(rows) => rows.row(row).data(),
            None => &[],
        }
    }
}
