//! Opening files that may be compressed.

use std::fs::File;
use std::io::{BufReader, Read};

use diagnostic::{Error, Result, codes};
use flate2::read::MultiGzDecoder;

use super::super::StagedFile;
use crate::statement::unsupported;

/// The bytes of `file`, unpacked as `compression` says: AUTO goes by the first bytes.
pub(super) fn open(file: &StagedFile, compression: &str) -> Result<Box<dyn Read + Send>> {
    let unreadable = |cause: std::io::Error| {
        Error::new(codes::F1001, format!("`{}` cannot be read", file.name)).because(cause)
    };
    let mut open = File::open(&file.path).map_err(unreadable)?;
    let mut head = Vec::new();
    (&mut open)
        .take(8)
        .read_to_end(&mut head)
        .map_err(unreadable)?;
    let found = if head.starts_with(b"\x1f\x8b") {
        "GZIP"
    } else if head.starts_with(b"\x28\xb5\x2f\xfd") {
        "ZSTD"
    } else if head.starts_with(b"BZh") {
        return Err(unsupported(&format!(
            "`{}`, which is packed with bzip2,",
            file.name
        )));
    } else {
        "NONE"
    };
    let kind = if compression == "AUTO" {
        found
    } else {
        compression
    };
    let whole = std::io::Cursor::new(head).chain(open);
    let whole = BufReader::with_capacity(256 << 10, whole);
    Ok(match kind {
        "GZIP" => Box::new(MultiGzDecoder::new(whole)),
        "ZSTD" => Box::new(zstd::Decoder::with_buffer(whole).map_err(|cause| {
            Error::new(codes::F2001, format!("`{}` is no zstd file", file.name)).because(cause)
        })?),
        _ => Box::new(whole),
    })
}
