//! Hashes of text as hexadecimal text.
//!
//! <https://docs.snowflake.com/en/sql-reference/functions/md5>
//! <https://docs.snowflake.com/en/sql-reference/functions/sha2>

use arrow::array::ArrayRef;
use datafusion::common::{Result, exec_err};
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};

use crate::scalar::{Call, Function, Kind, Returns};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::kernel("md5", "md5(text)", &[Kind::Text], Returns::Text, |call| {
        hashed(call, hex::<Md5>)
    })
    .aliases(&["md5_hex"]),
    Function::kernel("sha1", "sha1(text)", &[Kind::Text], Returns::Text, |call| {
        hashed(call, hex::<Sha1>)
    })
    .aliases(&["sha1_hex"]),
    Function::kernel(
        "sha2",
        "sha2(text [, bits])",
        &[Kind::Text, Kind::Integer],
        Returns::Text,
        sha2,
    )
    .aliases(&["sha2_hex"])
    .required(1),
];

fn hex<D: Digest>(text: &str) -> String {
    const DIGITS: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f',
    ];
    let digit = |value: u8| DIGITS.get(usize::from(value)).copied().unwrap_or_default();
    D::digest(text.as_bytes())
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 0xf)])
        .collect()
}

fn hashed(call: &Call, hash: fn(&str) -> String) -> Result<ArrayRef> {
    let text = call.text(0)?;
    call.texts(|row| Ok(text.get(row).map(hash)))
}

fn sha2(call: &Call) -> Result<ArrayRef> {
    let text = call.text(0)?;
    let bits = call.integer_if_given(1)?;
    call.texts(|row| {
        let bits = bits.as_ref().map_or(Some(256), |bits| bits.get(row));
        let (Some(text), Some(bits)) = (text.get(row), bits) else {
            return Ok(None);
        };
        Ok(Some(match bits {
            0 | 256 => hex::<Sha256>(text),
            224 => hex::<Sha224>(text),
            384 => hex::<Sha384>(text),
            512 => hex::<Sha512>(text),
            _ => return exec_err!("SHA2 has 224, 256, 384 or 512 bits, not {bits}"),
        }))
    })
}
