//! ZIP archives: each member is a file of its own.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use diagnostic::{Error, Result, ResultExt, codes};
use zip::{CompressionMethod, ZipArchive};

use super::place::{Member, Method, Place};

/// Members by which an archive is known to be a document: Office Open XML and OpenDocument.
const DOCUMENTS: [&str; 2] = ["[Content_Types].xml", "mimetype"];

/// Whether the file at `path` begins as a ZIP archive does.
pub(super) fn is_zip(path: &Path) -> bool {
    let mut head = [0; 4];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut head));
    read.is_ok() && &head == b"PK\x03\x04"
}

/// The members of the archive at `path`, with their names and unpacked sizes; `None` if it is a document such
/// as a workbook, and so one file. `name` is how errors call the archive.
///
/// # Errors
/// `F2001` if it is damaged, `F2007` if a member cannot be read.
pub fn members(path: &Path, name: &str) -> Result<Option<Vec<(String, u64, Place)>>> {
    let damaged = || format!("`{name}` is damaged or cut off: its ZIP directory cannot be read");
    let file = File::open(path).explain(codes::F1001, || format!("`{name}` cannot be read"))?;
    let mut archive = ZipArchive::new(BufReader::new(file)).explain(codes::F2001, damaged)?;
    if DOCUMENTS
        .iter()
        .any(|document| archive.index_for_name(document).is_some())
    {
        return Ok(None);
    }
    let mut members = Vec::new();
    for at in 0..archive.len() {
        let entry = archive.by_index_raw(at).explain(codes::F2001, damaged)?;
        if entry.is_dir() {
            continue;
        }
        let member_name = entry
            .name()
            .explain(codes::F2001, damaged)?
            .replace('\\', "/");
        let whole = format!("{name}/{member_name}");
        let method = match entry.compression() {
            CompressionMethod::Stored => Method::Stored,
            CompressionMethod::Deflated => Method::Deflate,
            CompressionMethod::Bzip2 => Method::Bzip2,
            CompressionMethod::Zstd => Method::Zstd,
            other => return Err(refused(&whole, &format!("packed with {other}"))),
        };
        if entry.encrypted() {
            return Err(refused(&whole, "encrypted"));
        }
        let start = entry
            .data_start()
            .ok_or_else(|| Error::new(codes::F2001, damaged()))?;
        let size = entry.size();
        members.push((
            member_name,
            size,
            Place {
                path: path.to_owned(),
                member: Some(Member {
                    start,
                    packed: entry.compressed_size(),
                    size,
                    crc: entry.crc32(),
                    method,
                }),
            },
        ));
    }
    Ok(Some(members))
}

fn refused(name: &str, why: &str) -> Error {
    Error::new(
        codes::F2007,
        format!("`{name}` is {why}, which is not read"),
    )
    .with("file", name)
    .help("pack the archive with deflate and without a password, or unpack it")
}
