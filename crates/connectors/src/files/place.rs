//! [`Place`]: where a file's bytes lie: a file of its own, or a member of a ZIP archive.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Take};
use std::path::{Path, PathBuf};

use flate2::Crc;
use flate2::read::DeflateDecoder;

/// Where a file's bytes lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file, or the archive.
    pub path: PathBuf,
    /// The part of it, if it is an archive.
    pub member: Option<Member>,
}

/// A member of a ZIP archive, by its entry in the central directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    pub(super) start: u64,
    pub(super) packed: u64,
    pub(super) size: u64,
    pub(super) crc: u32,
    pub(super) method: Method,
}

/// How a member is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    Stored,
    Deflate,
    Bzip2,
    Zstd,
}

impl Place {
    /// A file of its own.
    #[must_use]
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            member: None,
        }
    }

    /// The bytes from their beginning.
    ///
    /// # Errors
    /// What the file system says.
    pub fn open(&self) -> io::Result<Box<dyn Read + Send>> {
        let mut file = File::open(&self.path)?;
        let Some(member) = &self.member else {
            return Ok(Box::new(file));
        };
        file.seek(SeekFrom::Start(member.start))?;
        let packed = BufReader::with_capacity(128 * 1024, file.take(member.packed));
        let unpacked: Box<dyn Read + Send> = match member.method {
            Method::Stored => Box::new(packed),
            Method::Deflate => Box::new(DeflateDecoder::new(packed)),
            Method::Bzip2 => Box::new(bzip2::bufread::MultiBzDecoder::new(packed)),
            Method::Zstd => Box::new(zstd::Decoder::with_buffer(packed)?),
        };
        Ok(Box::new(Checked {
            // One byte more than promised tells a member that is longer.
            inner: unpacked.take(member.size + 1),
            sum: Crc::new(),
            expected: (member.crc, member.size),
            read: 0,
        }))
    }

    /// The file, where it lies as it is.
    #[must_use]
    pub fn plain(&self) -> Option<&Path> {
        self.member.is_none().then_some(self.path.as_path())
    }
}

impl From<&Path> for Place {
    fn from(path: &Path) -> Self {
        Self::file(path)
    }
}

impl From<&PathBuf> for Place {
    fn from(path: &PathBuf) -> Self {
        Self::file(path)
    }
}

impl From<&Place> for Place {
    fn from(place: &Place) -> Self {
        place.clone()
    }
}

/// A member whose length and checksum are compared at its end.
struct Checked {
    inner: Take<Box<dyn Read + Send>>,
    sum: Crc,
    expected: (u32, u64),
    read: u64,
}

impl Read for Checked {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(target)?;
        self.read += count as u64;
        self.sum.update(target.get(..count).unwrap_or_default());
        let (sum, size) = self.expected;
        let ended = count == 0 && !target.is_empty();
        if self.read > size || (ended && (self.read < size || self.sum.sum() != sum)) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the member's length or checksum is not what the archive says",
            ));
        }
        Ok(count)
    }
}
