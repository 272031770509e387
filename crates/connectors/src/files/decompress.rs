//! Opening a file by what its first bytes say it is: plain, gzip or zstd; anything else packed is refused.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use diagnostic::{Error, Result, ResultExt, codes};
use flate2::read::MultiGzDecoder;

/// How a file's bytes are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// gzip, one or several members (RFC 1952).
    Gzip,
    /// Zstandard frames (RFC 8878).
    Zstd,
}

/// What Sluice can tell apart but does not read as rows of text.
const REFUSED: &[(&[u8], &str, &str)] = &[
    (
        b"PK\x03\x04",
        "a ZIP archive (or an Excel workbook)",
        "unpack it, or export it as CSV",
    ),
    (
        b"BZh",
        "compressed with bzip2",
        "recompress it with gzip or zstd",
    ),
    (
        b"\xfd7zXZ\x00",
        "compressed with xz",
        "recompress it with gzip or zstd",
    ),
    (
        b"\x04\x22\x4d\x18",
        "compressed with LZ4",
        "recompress it with gzip or zstd",
    ),
    (
        b"\xff\x06\x00\x00sNaPpY",
        "compressed with Snappy",
        "recompress it with gzip or zstd",
    ),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", "unpack it"),
    (b"PAR1", "a Parquet file", "export it as CSV"),
    (b"Obj\x01", "an Avro file", "export it as CSV"),
    (b"ORC", "an ORC file", "export it as CSV"),
    (b"%PDF", "a PDF document", "export it as CSV"),
    (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        "an old Excel workbook",
        "export it as CSV",
    ),
];

/// Opens the file at `path`, unpacking it if need be. `name` is how errors call it.
pub(crate) fn open(path: &Path, name: &str) -> Result<(Box<dyn Read + Send>, Compression)> {
    let cannot_read = || format!("`{name}` cannot be read");
    let mut file = File::open(path).explain(codes::F1001, cannot_read)?;
    let mut head = Vec::with_capacity(16);
    (&mut file)
        .take(16)
        .read_to_end(&mut head)
        .explain(codes::F1001, cannot_read)?;
    if let Some((_, what, remedy)) = REFUSED.iter().find(|(magic, ..)| head.starts_with(magic)) {
        return Err(Error::new(
            codes::F2002,
            format!("`{name}` is {what}, which cannot be read as rows"),
        )
        .with("file", name)
        .help(*remedy));
    }
    let whole = std::io::Cursor::new(head.clone()).chain(file);
    if head.starts_with(b"\x1f\x8b") {
        let packed = BufReader::with_capacity(128 * 1024, whole);
        return Ok((Box::new(MultiGzDecoder::new(packed)), Compression::Gzip));
    }
    if head.starts_with(b"\x28\xb5\x2f\xfd") {
        let unpacked = zstd::Decoder::new(whole).explain(codes::F2001, || damaged(name, "zstd"))?;
        return Ok((Box::new(unpacked), Compression::Zstd));
    }
    Ok((Box::new(whole), Compression::None))
}

/// A read of `name` failed: the file is damaged if it is a packed one, unreadable otherwise.
pub(crate) fn read_error(name: &str, compression: Compression, cause: std::io::Error) -> Error {
    let kind = match compression {
        Compression::None => {
            return Error::new(codes::F1001, format!("`{name}` cannot be read")).because(cause);
        }
        Compression::Gzip => "gzip",
        Compression::Zstd => "zstd",
    };
    Error::new(codes::F2001, damaged(name, kind))
        .with("file", name)
        .because(cause)
        .help("nothing of this file was kept; deliver it again in full")
}

fn damaged(name: &str, kind: &str) -> String {
    format!(
        "`{name}` is damaged or cut off: its {kind} data ends too early or does not fit its checksum"
    )
}
