//! Hashes: MD5 and SHA as hexadecimal text, bytes or numbers, and `HASH`.
//!
//! <https://docs.snowflake.com/en/sql-reference/functions-hash-scalar>
//! <https://docs.snowflake.com/en/sql-reference/functions/md5>
//! <https://docs.snowflake.com/en/sql-reference/functions/sha2>

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringBuilder};
use arrow::datatypes::DataType;
use datafusion::common::{Result, exec_err};
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};

use crate::conversion::{Failure, convert};
use crate::scalar::{Call, Function, Kind, Returns};
use crate::text::bytes::{hex, write_hex};
use crate::zoned::{Zoned, is_zoned};

/// What MD5's halves are: 64 bits without a sign do not fit an `Int64`.
const UNSIGNED: DataType = DataType::Decimal128(38, 0);

pub(super) const FUNCTIONS: &[Function] = &[
    Function::kernel("md5", "md5(value)", &[Kind::Blob], Returns::Text, |call| {
        texts::<Md5>(call)
    })
    .aliases(&["md5_hex"]),
    Function::kernel(
        "md5_binary",
        "md5_binary(value)",
        &[Kind::Blob],
        Returns::Binary,
        |call| binaries(call, digest::<Md5>),
    ),
    Function::kernel(
        "md5_number_upper64",
        "md5_number_upper64(value)",
        &[Kind::Blob],
        Returns::With(|_, _| Ok(UNSIGNED)),
        |call| half(call, 64),
    ),
    Function::kernel(
        "md5_number_lower64",
        "md5_number_lower64(value)",
        &[Kind::Blob],
        Returns::With(|_, _| Ok(UNSIGNED)),
        |call| half(call, 0),
    ),
    Function::kernel("sha1", "sha1(value)", &[Kind::Blob], Returns::Text, |call| {
        texts::<Sha1>(call)
    })
    .aliases(&["sha1_hex"]),
    Function::kernel(
        "sha1_binary",
        "sha1_binary(value)",
        &[Kind::Blob],
        Returns::Binary,
        |call| binaries(call, digest::<Sha1>),
    ),
    Function::kernel(
        "sha2",
        "sha2(value [, bits])",
        &[Kind::Blob, Kind::Integer],
        Returns::Text,
        |call| {
            let values = call.blob(0)?;
            let bits = call.integer_if_given(1)?;
            call.texts(|row| {
                let bits = bits.as_ref().map_or(Some(256), |bits| bits.get(row));
                let found = values.get(row).zip(bits);
                found
                    .map(|(value, bits)| Ok(hex(&sha2(value, bits)?, true)))
                    .transpose()
            })
        },
    )
    .aliases(&["sha2_hex"])
    .required(1),
    Function::kernel(
        "sha2_binary",
        "sha2_binary(value [, bits])",
        &[Kind::Blob, Kind::Integer],
        Returns::Binary,
        |call| {
            let values = call.blob(0)?;
            let bits = call.integer_if_given(1)?;
            call.binaries(|row| {
                let bits = bits.as_ref().map_or(Some(256), |bits| bits.get(row));
                let found = values.get(row).zip(bits);
                found.map(|(value, bits)| sha2(value, bits)).transpose()
            })
        },
    )
    .required(1),
    Function::kernel(
        "hash",
        "hash(value, …)",
        &[Kind::Any],
        Returns::Integer,
        hash,
    )
    .repeated()
    .note("64 bits, null included, equal numbers alike; the values are not Snowflake's, whose function is not published"),
];

fn digest<D: Digest>(value: &[u8]) -> Vec<u8> {
    D::digest(value).to_vec()
}

fn texts<D: Digest>(call: &Call) -> Result<ArrayRef> {
    let values = call.blob(0)?;
    let rows = call.rows();
    let mut builder = StringBuilder::with_capacity(rows, rows * <D as Digest>::output_size() * 2);
    // One text for all rows: keys are hashed by the million.
    let mut digits = String::new();
    for row in 0..rows {
        match values.get(row) {
            Some(value) => {
                digits.clear();
                write_hex(&mut digits, &D::digest(value), true);
                builder.append_value(&digits);
            }
            None => builder.append_null(),
        }
    }
    Ok(Arc::new(builder.finish()))
}

fn binaries(call: &Call, digest: fn(&[u8]) -> Vec<u8>) -> Result<ArrayRef> {
    let values = call.blob(0)?;
    call.binaries(|row| Ok(values.get(row).map(digest)))
}

fn half(call: &Call, shift: u32) -> Result<ArrayRef> {
    let values = call.blob(0)?;
    call.decimals(|row| {
        Ok(values.get(row).map(|value| {
            let whole = number(&digest::<Md5>(value)) >> shift;
            i128::from(u64::try_from(whole & u128::from(u64::MAX)).unwrap_or(0))
        }))
    })
}

/// Bytes as a number, the first being the most significant.
fn number(bytes: &[u8]) -> u128 {
    bytes
        .iter()
        .take(16)
        .fold(0, |number, byte| number << 8 | u128::from(*byte))
}

fn sha2(value: &[u8], bits: i64) -> Result<Vec<u8>> {
    Ok(match bits {
        0 | 256 => digest::<Sha256>(value),
        224 => digest::<Sha224>(value),
        384 => digest::<Sha384>(value),
        512 => digest::<Sha512>(value),
        _ => return exec_err!("SHA2 has 224, 256, 384 or 512 bits, not {bits}"),
    })
}

fn hash(call: &Call) -> Result<ArrayRef> {
    let columns = (0..call.len())
        .map(|at| Canonical::new(&call.array(at)?))
        .collect::<Result<Vec<_>>>()?;
    call.integers(|row| {
        let mut bytes = Vec::new();
        for column in &columns {
            column.write(row, &mut bytes);
        }
        Ok(Some(hash_of(&bytes)))
    })
}

/// 64 bits of a row's canonical bytes.
pub(crate) fn hash_of(bytes: &[u8]) -> i64 {
    let half = u64::try_from(number(&digest::<Md5>(bytes)) >> 64).unwrap_or(0);
    half.cast_signed()
}

/// A column as texts that are equal for equal values, whatever type holds them.
pub(crate) struct Canonical {
    texts: ArrayRef,
    numbers: bool,
}

impl Canonical {
    pub(crate) fn new(array: &ArrayRef) -> Result<Self> {
        let texts = match array.data_type() {
            DataType::Binary => array.clone(),
            // Equal instants are equal values.
            zoned if is_zoned(zoned) => {
                let instants = Zoned::of(array.as_ref())?.instants();
                convert(&instants, &DataType::Utf8, Failure::Error)?
            }
            _ => convert(array, &DataType::Utf8, Failure::Error)?,
        };
        Ok(Self {
            texts,
            numbers: array.data_type().is_numeric(),
        })
    }

    /// Appends the value of `row`, told apart from its neighbours by its length.
    pub(crate) fn write(&self, row: usize, bytes: &mut Vec<u8>) {
        if self.texts.is_null(row) {
            bytes.push(0);
            return;
        }
        let value = match self.texts.as_string_opt::<i32>() {
            Some(texts) => texts.value(row).as_bytes(),
            None => self
                .texts
                .as_binary_opt::<i32>()
                .map_or(&[][..], |values| values.value(row)),
        };
        let value = if self.numbers && value.contains(&b'.') && !value.contains(&b'e') {
            let zeros = value.iter().rev().take_while(|byte| **byte == b'0').count();
            let value = &value[..value.len() - zeros];
            value.strip_suffix(b".").unwrap_or(value)
        } else {
            value
        };
        bytes.push(1 + u8::from(self.numbers));
        bytes.extend_from_slice(&value.len().to_be_bytes());
        bytes.extend_from_slice(value);
    }
}
