//! Opening a file by what its first bytes say it is: plain, gzip, zstd, bzip2 or xz; what is packed otherwise
//! is refused.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek};

use bzip2::read::MultiBzDecoder;
use diagnostic::{Error, Place as Line, Result, ResultExt, codes};
use flate2::read::MultiGzDecoder;
use liblzma::read::XzDecoder;

use super::{Place, archive};

/// How a file's bytes are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// gzip, one or several members (RFC 1952).
    Gzip,
    /// Zstandard frames (RFC 8878).
    Zstd,
    /// bzip2, one or several streams.
    Bzip2,
    /// xz, one or several streams.
    Xz,
}

/// What a format makes of unpacked bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Text.
    Text,
    /// Bytes that say themselves what they are.
    Binary,
}

/// Packings that can be told apart but are not read.
const REFUSED: &[(&[u8], &str, &str)] = &[
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
];

/// Kinds of files that are no text, with what to do.
const NOT_TEXT: &[(&[u8], &str, &str)] = &[
    (
        b"PK\x03\x04",
        "an Excel workbook or another document in a ZIP archive",
        "declare `format: {kind: excel}` for a stream of workbooks",
    ),
    (
        b"PAR1",
        "a Parquet file",
        "declare `format: {kind: parquet}` for a stream of such files",
    ),
    (
        b"Obj\x01",
        "an Avro file",
        "declare `format: {kind: avro}` for a stream of such files",
    ),
    (b"ORC", "an ORC file", "export it as Parquet"),
    (b"%PDF", "a PDF document", "export it as CSV"),
    (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        "an old Excel workbook",
        "declare `format: {kind: excel}` for a stream of workbooks",
    ),
];

/// Opens the file at `place`, unpacking it if need be. `name` is how errors call it.
pub(crate) fn open(
    place: &Place,
    name: &str,
    kind: Kind,
) -> Result<(Box<dyn Read + Send>, Compression)> {
    let cannot_read = || format!("`{name}` cannot be read");
    let mut file = place.open().explain(codes::F1001, cannot_read)?;
    let mut head = Vec::with_capacity(16);
    (&mut file)
        .take(16)
        .read_to_end(&mut head)
        .map_err(|error| match place.member {
            Some(_) => Error::new(codes::F2001, damaged(name, "zip")).because(error),
            None => Error::new(codes::F1001, cannot_read()).because(error),
        })?;
    if let (Kind::Text, Some(path), true) = (kind, place.plain(), head.starts_with(b"PK\x03\x04")) {
        // Discovery took it apart, unless it is damaged.
        archive::members(path, name)?;
    }
    let not_text = NOT_TEXT.iter().filter(|_| kind == Kind::Text);
    let mut refused = REFUSED.iter().chain(not_text);
    if let Some((_, what, remedy)) = refused.find(|(magic, ..)| head.starts_with(magic)) {
        return Err(Error::new(
            codes::F2002,
            format!("`{name}` is {what}, which cannot be read as rows of text"),
        )
        .with("file", name)
        .help(*remedy));
    }
    let begins = |magic: &[u8]| head.starts_with(magic);
    let compression = if begins(b"\x1f\x8b") {
        Compression::Gzip
    } else if begins(b"\x28\xb5\x2f\xfd") {
        Compression::Zstd
    } else if begins(b"BZh") && head.get(4..10) == Some(b"1AY&SY") {
        Compression::Bzip2
    } else if begins(b"\xfd7zXZ\x00") {
        Compression::Xz
    } else {
        Compression::None
    };
    let whole = io::Cursor::new(head).chain(file);
    let packed = BufReader::with_capacity(128 * 1024, whole);
    let unpacked: Box<dyn Read + Send> = match compression {
        Compression::None => Box::new(packed.into_inner()),
        Compression::Gzip => Box::new(MultiGzDecoder::new(packed)),
        Compression::Zstd => Box::new(
            zstd::Decoder::with_buffer(packed).explain(codes::F2001, || damaged(name, "zstd"))?,
        ),
        Compression::Bzip2 => Box::new(MultiBzDecoder::new(packed)),
        Compression::Xz => Box::new(XzDecoder::new_multi_decoder(packed)),
    };
    Ok((unpacked, compression))
}

/// The file at `place` for reading from any position: itself if it lies there as it is, else an unpacked copy
/// that goes with the handle.
pub(crate) fn seekable(place: &Place, name: &str) -> Result<File> {
    let cannot_read = || format!("`{name}` cannot be read");
    let (mut unpacked, compression) = open(place, name, Kind::Binary)?;
    if let (Compression::None, Some(path)) = (compression, place.plain()) {
        return File::open(path).explain(codes::F1001, cannot_read);
    }
    let cannot_copy = || format!("`{name}` cannot be unpacked to a temporary file");
    let mut copy = tempfile::tempfile().explain(codes::F1002, cannot_copy)?;
    let mut block = vec![0; 256 * 1024];
    loop {
        let count = match unpacked.read(&mut block) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(read_error(name, compression, error)),
        };
        let bytes = block.get(..count).unwrap_or_default();
        io::Write::write_all(&mut copy, bytes).explain(codes::F1002, cannot_copy)?;
    }
    copy.rewind().explain(codes::F1002, cannot_copy)?;
    Ok(copy)
}

/// A read of the text of `name` failed on `line`: it is not in its encoding, or as [`read_error`].
pub(crate) fn text_error(
    name: &str,
    compression: Compression,
    line: u64,
    error: io::Error,
) -> Error {
    if error.kind() == io::ErrorKind::InvalidData && compression == Compression::None {
        let line = usize::try_from(line).unwrap_or(usize::MAX);
        return Error::new(
            codes::F2003,
            format!("`{name}` is not in the declared encoding"),
        )
        .at(Line::line(name, line))
        .because(error)
        .help("correct `encoding` of the stream, or set it to `auto`");
    }
    read_error(name, compression, error)
}

/// A read of `name` failed: the file is damaged if it is a packed one, unreadable otherwise.
pub(crate) fn read_error(name: &str, compression: Compression, cause: io::Error) -> Error {
    let kind = match compression {
        Compression::None if cause.kind() == io::ErrorKind::InvalidData => "zip",
        Compression::None => {
            return Error::new(codes::F1001, format!("`{name}` cannot be read")).because(cause);
        }
        Compression::Gzip => "gzip",
        Compression::Zstd => "zstd",
        Compression::Bzip2 => "bzip2",
        Compression::Xz => "xz",
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
