//! `COMPRESS` and its inverses.
//!
//! <https://docs.snowflake.com/en/sql-reference/functions/compress>,
//! <https://docs.snowflake.com/en/sql-reference/functions/decompress_binary>,
//! <https://docs.snowflake.com/en/sql-reference/functions/decompress_string>. The bytes are the format's, so anything
//! that reads the format reads them; which of the possible ones they are depends on who compresses.

use std::io::{Read, Write};

use arrow::array::ArrayRef;
use datafusion::common::{DataFusionError, Result, exec_datafusion_err, exec_err};

use crate::scalar::{Call, Function, Kind, Returns};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::kernel(
        "compress",
        "compress(value, method)",
        &[Kind::Blob, Kind::Text],
        Returns::Binary,
        compress,
    )
    .note("SNAPPY, or ZLIB, ZSTD and BZ2 with a level in brackets"),
    Function::kernel(
        "decompress_binary",
        "decompress_binary(bytes, method)",
        &[Kind::Blob, Kind::Text],
        Returns::Binary,
        |call| {
            let (values, methods) = (call.blob(0)?, call.text(1)?);
            call.binaries(|row| match (values.get(row), methods.get(row)) {
                (Some(value), Some(method)) => Method::named(method)?.unpacked(value).map(Some),
                _ => Ok(None),
            })
        },
    ),
    Function::kernel(
        "decompress_string",
        "decompress_string(bytes, method)",
        &[Kind::Blob, Kind::Text],
        Returns::Text,
        |call| {
            let (values, methods) = (call.blob(0)?, call.text(1)?);
            call.texts(|row| match (values.get(row), methods.get(row)) {
                (Some(value), Some(method)) => {
                    let bytes = Method::named(method)?.unpacked(value)?;
                    let text = String::from_utf8(bytes);
                    text.map(Some)
                        .map_err(|_| exec_datafusion_err!("What was compressed is no text"))
                }
                _ => Ok(None),
            })
        },
    ),
];

/// As long as a VARCHAR may be: <https://docs.snowflake.com/en/sql-reference/data-types-text>.
const LONGEST: u64 = 128 << 20;

#[derive(Clone, Copy)]
enum Method {
    Snappy,
    Zlib(u32),
    Zstd(i32),
    Bzip2(u32),
}

impl Method {
    /// `SNAPPY`, `ZLIB`, `ZLIB(9)` and so on.
    fn named(text: &str) -> Result<Self> {
        let unknown = || {
            exec_datafusion_err!(
                "A compression is SNAPPY, ZLIB, ZSTD or BZ2, the last three with a level (`zlib(9)`), not '{text}'"
            )
        };
        let name = text.trim().to_uppercase();
        let (name, level) = match name.split_once('(') {
            Some((name, rest)) => {
                let level = rest
                    .strip_suffix(')')
                    .and_then(|level| level.trim().parse().ok());
                (name.trim_end(), Some(level.ok_or_else(unknown)?))
            }
            None => (name.as_str(), None),
        };
        let within = |least: u32, usual: u32, most: u32| {
            let level = level.unwrap_or(usual);
            (least..=most)
                .contains(&level)
                .then_some(level)
                .ok_or_else(unknown)
        };
        match name {
            "SNAPPY" if level.is_none() => Ok(Self::Snappy),
            "ZLIB" => within(0, 6, 9).map(Self::Zlib),
            "ZSTD" => Ok(Self::Zstd(
                within(1, 3, 22)?.try_into().map_err(|_| unknown())?,
            )),
            "BZ2" => within(1, 9, 9).map(Self::Bzip2),
            _ => Err(unknown()),
        }
    }

    fn packed(self, value: &[u8]) -> Result<Vec<u8>> {
        match self {
            Self::Snappy => snap::raw::Encoder::new()
                .compress_vec(value)
                .map_err(|error| broken(&error)),
            Self::Zlib(level) => {
                let level = flate2::Compression::new(level);
                let mut writer = flate2::write::ZlibEncoder::new(Vec::new(), level);
                writer.write_all(value)?;
                Ok(writer.finish()?)
            }
            Self::Zstd(level) => Ok(zstd::bulk::compress(value, level)?),
            Self::Bzip2(level) => {
                let level = bzip2::Compression::new(level);
                let mut writer = bzip2::write::BzEncoder::new(Vec::new(), level);
                writer.write_all(value)?;
                Ok(writer.finish()?)
            }
        }
    }

    fn unpacked(self, value: &[u8]) -> Result<Vec<u8>> {
        if matches!(self, Self::Snappy) {
            let length = snap::raw::decompress_len(value).map_err(|error| broken(&error))?;
            if length as u64 > LONGEST {
                return too_long();
            }
            let bytes = snap::raw::Decoder::new().decompress_vec(value);
            return bytes.map_err(|error| broken(&error));
        }
        let reader: Box<dyn Read + '_> = match self {
            Self::Zlib(_) => Box::new(flate2::read::ZlibDecoder::new(value)),
            Self::Zstd(_) => Box::new(zstd::stream::Decoder::new(value)?),
            _ => Box::new(bzip2::read::BzDecoder::new(value)),
        };
        let mut bytes = Vec::new();
        let read = reader.take(LONGEST + 1).read_to_end(&mut bytes);
        let length = read.map_err(|error| broken(&error))?;
        if length as u64 > LONGEST {
            return too_long();
        }
        Ok(bytes)
    }
}

fn broken(error: &dyn std::error::Error) -> DataFusionError {
    exec_datafusion_err!("Compression fails: {error}")
}

fn too_long<T>() -> Result<T> {
    exec_err!("Bytes decompress to more than {LONGEST} bytes")
}

fn compress(call: &Call) -> Result<ArrayRef> {
    let (values, methods) = (call.blob(0)?, call.text(1)?);
    call.binaries(|row| match (values.get(row), methods.get(row)) {
        (Some(value), Some(method)) => Method::named(method)?.packed(value).map(Some),
        _ => Ok(None),
    })
}
