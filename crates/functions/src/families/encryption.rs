//! `ENCRYPT_RAW` and `DECRYPT_RAW`: AES with the key, initialization vector and associated data that are given.
//!
//! <https://docs.snowflake.com/en/sql-reference/functions/encrypt_raw>
//! <https://docs.snowflake.com/en/sql-reference/functions/decrypt_raw>

use std::ops::RangeInclusive;

use arrow::array::ArrayRef;
use arrow::datatypes::DataType;
use datafusion::common::{
    DataFusionError, Result, exec_datafusion_err, exec_err, not_impl_err, plan_err,
};
use ring::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};

use crate::conversion::Failure;
use crate::scalar::{Call, Function, Kind, Returns};
use crate::text::bytes::hex;
use crate::variant::ObjectWriter;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::kernel(
        "encrypt_raw",
        "encrypt_raw(bytes, key, iv [, aad [, method]])",
        ENCRYPTION,
        Returns::Variant,
        encrypt,
    )
    .required(3)
    .coerce(|types| arguments("ENCRYPT_RAW", 3..=5, types))
    .volatile()
    .note("AES-GCM with keys of 128 or 256 bits; a NULL iv is made up"),
    Function::kernel(
        "decrypt_raw",
        "decrypt_raw(ciphertext, key, iv, aad, method, tag)",
        DECRYPTION,
        Returns::Binary,
        |call| decrypt(call, Failure::Error),
    )
    .coerce(|types| arguments("DECRYPT_RAW", 6..=6, types)),
    Function::kernel(
        "try_decrypt_raw",
        "try_decrypt_raw(ciphertext, key, iv, aad, method, tag)",
        DECRYPTION,
        Returns::Binary,
        |call| decrypt(call, Failure::Null),
    )
    .coerce(|types| arguments("TRY_DECRYPT_RAW", 6..=6, types)),
];

const ENCRYPTION: &[Kind] = &[Kind::Blob, Kind::Blob, Kind::Blob, Kind::Blob, Kind::Text];

const DECRYPTION: &[Kind] = &[
    Kind::Blob,
    Kind::Blob,
    Kind::Blob,
    Kind::Blob,
    Kind::Text,
    Kind::Blob,
];

/// Bytes, but for the method; a VARIANT and text give theirs as TO_BINARY reads them.
fn arguments(
    name: &str,
    count: RangeInclusive<usize>,
    types: &[DataType],
) -> Result<Vec<DataType>> {
    if !count.contains(&types.len()) {
        return plan_err!(
            "{name} takes {} to {} arguments, not {}",
            count.start(),
            count.end(),
            types.len()
        );
    }
    let kind = |at| match at {
        4 => DataType::Utf8,
        _ => DataType::Binary,
    };
    Ok((0..types.len()).map(kind).collect())
}

/// Refuses other ways than the default one.
fn check_method(method: Option<&str>) -> Result<()> {
    match method.map(str::to_ascii_uppercase).as_deref() {
        None | Some("AES-GCM" | "AES-GCM/PAD:NONE") => Ok(()),
        Some(other) => not_impl_err!("Encryption by '{other}': AES-GCM is supported"),
    }
}

fn key_of(bytes: &[u8]) -> Result<LessSafeKey> {
    let algorithm = match bytes.len() {
        16 => &AES_128_GCM,
        32 => &AES_256_GCM,
        length => return exec_err!("A key of {} bits is not supported", length * 8),
    };
    let key = UnboundKey::new(algorithm, bytes)
        .map_err(|_| exec_datafusion_err!("The key cannot be used"))?;
    Ok(LessSafeKey::new(key))
}

fn nonce_of(bytes: &[u8]) -> Result<[u8; NONCE_LEN]> {
    bytes.try_into().map_err(|_| {
        exec_datafusion_err!(
            "An initialization vector has {} bits, not {}",
            NONCE_LEN * 8,
            bytes.len() * 8
        )
    })
}

fn encrypt(call: &Call) -> Result<ArrayRef> {
    let (values, keys, vectors) = (call.blob(0)?, call.blob(1)?, call.blob(2)?);
    let data = match call.len() {
        3 => None,
        _ => Some(call.blob(3)?),
    };
    let methods = call.text_if_given(4)?;
    let random = SystemRandom::new();
    call.variants(|row| {
        check_method(methods.as_ref().and_then(|methods| methods.get(row)))?;
        let (Some(value), Some(key)) = (values.get(row), keys.get(row)) else {
            return Ok(None);
        };
        let vector = match vectors.get(row) {
            Some(given) => nonce_of(given)?,
            None => {
                let mut made = [0; NONCE_LEN];
                let filled = random.fill(&mut made);
                filled.map_err(|_| exec_datafusion_err!("There is no randomness"))?;
                made
            }
        };
        let data = data
            .as_ref()
            .and_then(|data| data.get(row))
            .unwrap_or_default();
        let mut bytes = value.to_vec();
        let nonce = Nonce::assume_unique_for_key(vector);
        let tag = key_of(key)?
            .seal_in_place_separate_tag(nonce, Aad::from(data), &mut bytes)
            .map_err(|_| exec_datafusion_err!("The bytes cannot be encrypted"))?;
        let mut object = ObjectWriter::new();
        for (name, bytes) in [
            ("ciphertext", bytes.as_slice()),
            ("iv", &vector),
            ("tag", tag.as_ref()),
        ] {
            object.push(name, &format!("\"{}\"", hex(bytes, false)));
        }
        Ok(Some(object.finish()))
    })
}

fn decrypt(call: &Call, failure: Failure) -> Result<ArrayRef> {
    let (values, keys, vectors) = (call.blob(0)?, call.blob(1)?, call.blob(2)?);
    let (data, methods, tags) = (call.blob(3)?, call.text(4)?, call.blob(5)?);
    call.binaries(|row| {
        check_method(methods.get(row))?;
        let (Some(value), Some(key), Some(vector), Some(tag)) = (
            values.get(row),
            keys.get(row),
            vectors.get(row),
            tags.get(row),
        ) else {
            return Ok(None);
        };
        let opened = || -> Result<Vec<u8>, DataFusionError> {
            let mut bytes = [value, tag].concat();
            let nonce = Nonce::assume_unique_for_key(nonce_of(vector)?);
            let data = Aad::from(data.get(row).unwrap_or_default());
            key_of(key)?
                .open_in_place(nonce, data, &mut bytes)
                .map(|plain| plain.to_vec())
                .map_err(|_| {
                    exec_datafusion_err!(
                        "Decryption failed. Check encrypted data, key, AAD, or AEAD tag"
                    )
                })
        };
        match (opened(), failure) {
            (Ok(bytes), _) => Ok(Some(bytes)),
            (Err(_), Failure::Null) => Ok(None),
            (Err(error), Failure::Error) => Err(error),
        }
    })
}
