//! [`DeletedRows`]: rows that are no longer part of a table although their data file still is, and their form
//! in files, the deletion vector
//! (<https://github.com/delta-io/delta/blob/master/PROTOCOL.md#deletion-vector-format>).

use std::io::Write;
use std::ops::Range;

use arrow::array::{BooleanArray, BooleanBufferBuilder};
use deltalake::kernel::{DeletionVectorDescriptor, StorageType};
use diagnostic::{Error, Result, ResultExt, codes};
use flate2::Crc;
use parquet::file::reader::ChunkReader;
use roaring::{RoaringBitmap, RoaringTreemap};
use uuid::Uuid;

use crate::DataFolder;

/// What a serialised vector begins with.
const MAGIC: u32 = 1_681_511_377;
/// The first byte of a file of vectors.
const VERSION: u8 = 1;
/// Characters of a UUID in base 85, at the end of a descriptor's path.
const ENCODED_UUID: usize = 20;

/// Rows of one data file, by their place in it from 0, that are no longer part of the table.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DeletedRows(RoaringBitmap);

impl DeletedRows {
    /// Adds row `row`.
    pub fn insert(&mut self, row: u32) {
        self.0.insert(row);
    }

    /// Whether row `row` is among them.
    #[must_use]
    pub fn contains(&self, row: u32) -> bool {
        self.0.contains(row)
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Those that are not in `others`.
    pub(crate) fn without(&self, others: &Self) -> Self {
        Self(&self.0 - &others.0)
    }

    /// The places of the rows, as ranges of neighbours.
    pub(crate) fn ranges(&self) -> impl Iterator<Item = Range<usize>> + '_ {
        let mut rows = self.0.iter().map(|row| row as usize).peekable();
        std::iter::from_fn(move || {
            let first = rows.next()?;
            let mut end = first + 1;
            while rows.next_if_eq(&end).is_some() {
                end += 1;
            }
            Some(first..end)
        })
    }

    /// The places of the rows that stay, in their order. It has no end: a file's length is not known here.
    pub fn staying(&self) -> impl Iterator<Item = u32> + '_ {
        let mut deleted = self.0.iter().peekable();
        (0..=u32::MAX).filter(move |row| deleted.next_if_eq(row).is_none())
    }

    /// Which of the `count` rows from `first` on stay; `None` if all do.
    pub(crate) fn mask(&self, first: u64, count: usize) -> Option<BooleanArray> {
        let end = u32::try_from(first + count as u64).unwrap_or(u32::MAX);
        let first = u32::try_from(first).ok()?;
        let mut deleted = self.0.range(first..end).peekable();
        deleted.peek()?;
        let mut stays = BooleanBufferBuilder::new(count);
        stays.append_n(count, true);
        deleted.for_each(|row| stays.set_bit((row - first) as usize, false));
        Some(BooleanArray::new(stays.finish(), None))
    }

    /// Reads the rows that `vector` of a file in `folder` names.
    ///
    /// # Errors
    /// `K2003` if the vector cannot be read, is damaged, or lies outside of the table's folder.
    pub fn read(folder: &DataFolder, vector: &DeletionVectorDescriptor) -> Result<Self> {
        let bytes = match vector.storage_type {
            StorageType::Inline => z85::decode(&vector.path_or_inline_dv)
                .map_err(|cause| damaged("a log").because(cause))?,
            StorageType::UuidRelativePath | StorageType::AbsolutePath => stored(folder, vector)?,
        };
        let (magic, body) = bytes.split_first_chunk().ok_or_else(|| damaged("a log"))?;
        if u32::from_le_bytes(*magic) != MAGIC {
            return Err(damaged("a log").help("it is in a form that no version of Delta describes"));
        }
        let rows = RoaringTreemap::deserialize_from(body)
            .map_err(|cause| damaged("a log").because(cause))?;
        let mut found = Self::default();
        for (high, low) in rows.bitmaps() {
            if high != 0 {
                return Err(damaged("a log").help("it names rows beyond the 4 billionth of a file"));
            }
            found.0 |= low;
        }
        Ok(found)
    }

    /// Writes `vectors` to one new file of `folder`; gives their descriptors in the same order.
    ///
    /// # Errors
    /// `K2003` if the file cannot be written.
    pub fn write(folder: &DataFolder, vectors: &[Self]) -> Result<Vec<DeletionVectorDescriptor>> {
        let id = Uuid::now_v7();
        let name = file_name("", id);
        let wrong = || format!("`{}` cannot be written", folder.shown(&name));
        let too_large = || Error::new(codes::K2003, wrong()).help("2 GiB are the most it may have");
        let mut bytes = vec![VERSION];
        let mut described = Vec::with_capacity(vectors.len());
        for vector in vectors {
            let offset = i32::try_from(bytes.len()).map_err(|_| too_large())?;
            let data = vector.serialized().explain(codes::K2003, wrong)?;
            let size = i32::try_from(data.len()).map_err(|_| too_large())?;
            let mut checksum = Crc::new();
            checksum.update(&data);
            bytes.extend(size.to_be_bytes());
            bytes.extend(data);
            bytes.extend(checksum.sum().to_be_bytes());
            described.push(DeletionVectorDescriptor {
                storage_type: StorageType::UuidRelativePath,
                path_or_inline_dv: z85::encode(id.as_bytes()),
                offset: Some(offset),
                size_in_bytes: size,
                cardinality: vector.count().cast_signed(),
            });
        }
        let mut file = folder.create(&name)?;
        file.write_all(&bytes).explain(codes::K2003, wrong)?;
        file.finish()?;
        Ok(described)
    }

    /// The 64-bit portable form: how many parts there are, then each part's upper half and its bitmap.
    fn serialized(&self) -> std::io::Result<Vec<u8>> {
        let mut bytes = MAGIC.to_le_bytes().to_vec();
        let rows = RoaringTreemap::from_bitmaps([(0, self.0.clone())]);
        rows.serialize_into(&mut bytes)?;
        Ok(bytes)
    }
}

/// The name of the file that `vector` lies in, if that is one of the table's folder.
pub(crate) fn file_of(vector: &DeletionVectorDescriptor) -> Option<String> {
    if vector.storage_type != StorageType::UuidRelativePath {
        return None;
    }
    let text = vector.path_or_inline_dv.as_str();
    let (prefix, id) = text.split_at_checked(text.len().checked_sub(ENCODED_UUID)?)?;
    let id = Uuid::from_slice(&z85::decode(id).ok()?).ok()?;
    Some(file_name(prefix, id))
}

fn file_name(prefix: &str, id: Uuid) -> String {
    match prefix {
        "" => format!("deletion_vector_{id}.bin"),
        prefix => format!("{prefix}/deletion_vector_{id}.bin"),
    }
}

/// The bytes of a vector that has a file, without its length and checksum.
fn stored(folder: &DataFolder, vector: &DeletionVectorDescriptor) -> Result<Vec<u8>> {
    let name = file_of(vector).ok_or_else(|| {
        damaged(&vector.path_or_inline_dv).help("only files in the table's own folder are read")
    })?;
    let shown = folder.shown(&name);
    let offset = u64::try_from(vector.offset.unwrap_or(1)).map_err(|_| damaged(&shown))?;
    let size = usize::try_from(vector.size_in_bytes).map_err(|_| damaged(&shown))?;
    // Length before, checksum after.
    let bytes = folder
        .open(&name)?
        .get_bytes(offset, 4 + size + 4)
        .explain(codes::K2003, || format!("`{shown}` cannot be read"))?;
    let parts = bytes.split_first_chunk().and_then(|(length, rest)| {
        let (data, checksum) = rest.split_last_chunk()?;
        Some((
            i32::from_be_bytes(*length),
            data,
            u32::from_be_bytes(*checksum),
        ))
    });
    let (length, data, expected) = parts.ok_or_else(|| damaged(&shown))?;
    let mut checksum = Crc::new();
    checksum.update(data);
    if length != vector.size_in_bytes || checksum.sum() != expected {
        return Err(damaged(&shown));
    }
    Ok(data.to_vec())
}

fn damaged(place: &str) -> Error {
    Error::new(
        codes::K2003,
        format!("The deletion vector in `{place}` cannot be read"),
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::{DeletedRows, file_of};
    use crate::DataFolder;
    use deltalake::kernel::{DeletionVectorDescriptor, StorageType};

    fn rows(of: impl IntoIterator<Item = u32>) -> DeletedRows {
        let mut rows = DeletedRows::default();
        of.into_iter().for_each(|row| rows.insert(row));
        rows
    }

    #[test]
    fn several_vectors_share_a_file_and_come_back() {
        let dir = tempfile::tempdir().unwrap();
        let folder = DataFolder::local(dir.path());
        let all = [
            rows([0, 3, 70_000]),
            rows((0..200_000).step_by(2)),
            rows([]),
        ];
        let described = DeletedRows::write(&folder, &all).unwrap();
        for (vector, expected) in described.iter().zip(&all) {
            assert_eq!(DeletedRows::read(&folder, vector).unwrap(), *expected);
            assert_eq!(vector.cardinality, expected.count().cast_signed());
        }
        let name = file_of(&described[0]).unwrap();
        assert!(dir.path().join(&name).is_file());
        // One byte changed is noticed.
        let mut bytes = std::fs::read(dir.path().join(&name)).unwrap();
        bytes[20] ^= 1;
        std::fs::write(dir.path().join(&name), bytes).unwrap();
        let error = DeletedRows::read(&folder, &described[0]).unwrap_err();
        assert_eq!(error.code().id, "K2003");
    }

    /// The example of the protocol's section on descriptors: rows 3, 4, 7, 11, 18 and 29, in the log itself.
    #[test]
    fn the_vector_of_the_specification_is_read() {
        let vector = DeletionVectorDescriptor {
            storage_type: StorageType::Inline,
            path_or_inline_dv: "^Bg9^0rr910000000000iXQKl0rr91000f55c8Xg0@@D72lkbi5=-{L".to_owned(),
            offset: None,
            size_in_bytes: 44,
            cardinality: 6,
        };
        let dir = tempfile::tempdir().unwrap();
        let found = DeletedRows::read(&DataFolder::local(dir.path()), &vector).unwrap();
        assert_eq!(found, rows([3, 4, 7, 11, 18, 29]));
    }

    /// The protocol's derived path: prefix `ab`, then the UUID.
    #[test]
    fn the_path_of_the_specification_is_derived() {
        let vector = DeletionVectorDescriptor {
            storage_type: StorageType::UuidRelativePath,
            path_or_inline_dv: "ab^-aqEH.-t@S}K{vb[*k^".to_owned(),
            offset: Some(4),
            size_in_bytes: 40,
            cardinality: 6,
        };
        let name = file_of(&vector).unwrap();
        assert_eq!(
            name,
            "ab/deletion_vector_d2c639aa-8816-431a-aaf6-d3fe2512ff61.bin"
        );
    }

    #[test]
    fn rows_that_stay_are_counted_past_those_that_do_not() {
        let deleted = rows([0, 2, 5]);
        assert_eq!(deleted.staying().take(4).collect::<Vec<_>>(), [1, 3, 4, 6]);
        assert!(deleted.mask(6, 10).is_none());
        let mask = deleted.mask(1, 3).unwrap();
        assert_eq!(
            mask.iter().collect::<Vec<_>>(),
            [Some(true), Some(false), Some(true)]
        );
    }
}
