//! [`Merge`]: net changes by key, brought into a table by rewriting the files that hold changed rows.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::thread;

use arrow::array::{
    Array, ArrayRef, BooleanArray, DynComparator, RecordBatch, make_comparator, new_null_array,
};
use arrow::compute::{SortOptions, filter_record_batch, interleave};
use arrow::datatypes::SchemaRef;
use diagnostic::{Error, Result, ResultExt, codes};
use lake::{
    DataFile, DataFolder, DeletedRows, DeletionVectorDescriptor, PartitionValues, StoredFile,
};

use super::change_log::{ChangeLog, Entry, Image};
use super::keyed::{Key, KeyColumns, KeyRange};
use super::marks::{Keeps, Marks};
use super::net::{Coming, Net, Patch, PatchFrom, Take};
use crate::existing::read;
use crate::order::Bitmap;
use crate::sinks::Sink;
use crate::tables::TableState;

/// What incoming rows, old rows and nothing stand before when rows are put together.
const OTHERS: usize = 3;
/// Rows and bytes handed to the writer at once, whichever is less.
const CHUNK_ROWS: usize = 16 << 10;
const CHUNK_BYTES: usize = 8 << 20;
/// Files below this many bytes are joined once there are [`MANY_SMALL`] of them: every run leaves a small one.
pub(super) const SMALL: u64 = 4 << 20;
pub(super) const MANY_SMALL: usize = 16;
/// A file is written again once more than one in so many of its rows has left it.
const ONE_IN_LEFT: u64 = 4;
/// Up to so many changes, rows that have not changed are looked for and left alone: what a run reads again
/// because of its look-back makes no new version then.
const FEW: usize = 10_000;

/// Changes to bring into a table.
pub(super) struct Merge<'a> {
    /// The stream, for messages.
    pub(super) stream: &'a str,
    /// The columns of the table afterwards.
    pub(super) schema: &'a SchemaRef,
    /// The columns that the table is partitioned by.
    pub(super) partition_by: &'a [String],
    /// The key.
    pub(super) key: &'a KeyColumns,
    /// The incoming rows, with the columns of `schema`.
    pub(super) rows: &'a RecordBatch,
    /// What happens, by key.
    pub(super) net: HashMap<Key, Net>,
    /// The range of the keys.
    pub(super) range: Option<KeyRange>,
    /// What the table keeps of rows that have ended.
    pub(super) marks: &'a Marks,
    /// Whether rows may leave without their file being written again.
    pub(super) vectors: bool,
    /// Where the changes are stored besides.
    pub(super) stored: Option<Stored<'a>>,
}

/// Changes for a change table.
pub(super) struct Stored<'a> {
    pub(super) log: ChangeLog,
    /// Old rows, with the columns of the merge's schema.
    pub(super) olds: RecordBatch,
    /// The columns of the change table.
    pub(super) schema: &'a SchemaRef,
    /// Where its files lie.
    pub(super) folder: &'a DataFolder,
}

/// What a merge changes.
#[derive(Debug, Default)]
pub(super) struct Merged {
    pub(super) add: Vec<DataFile>,
    pub(super) remove: Vec<String>,
    /// The rows that files do not have from now on.
    pub(super) vectors: Vec<(String, DeletionVectorDescriptor)>,
    /// Files of the change table.
    pub(super) stored: Vec<DataFile>,
    pub(super) inserted: u64,
    pub(super) updated: u64,
    pub(super) deleted: u64,
}

impl Merged {
    /// Whether the table has changed.
    pub(super) fn changed(&self) -> bool {
        !(self.add.is_empty() && self.remove.is_empty() && self.vectors.is_empty())
    }
}

/// What is found in the table while its files are gone through.
#[derive(Default)]
struct Found {
    taken: HashMap<Key, u32>,
    /// Rows of the table whose values are needed.
    rows: Vec<RecordBatch>,
    places: HashMap<Key, (usize, usize)>,
    remove: Vec<String>,
    /// The rows that have left files which stay.
    left: Vec<(String, DeletedRows)>,
}

impl Merge<'_> {
    /// Writes new files to `folder`. `table` is `None` if all its rows leave.
    pub(super) fn run(mut self, table: Option<&TableState>, folder: &DataFolder) -> Result<Merged> {
        let (found, files, stored) = thread::scope(|scope| {
            let sink = Sink::start(scope, folder, self.schema.clone(), self.partition_by);
            let store = self.stored.as_ref();
            let store = store.map(|to| Sink::start(scope, to.folder, to.schema.clone(), &[]));
            let mut work = || -> Result<Found> {
                let found = self.work(table, &sink)?;
                if let Some(store) = &store {
                    self.store(&found, store)?;
                }
                Ok(found)
            };
            let found = work();
            (found, sink.finish(), store.map(Sink::finish))
        });
        let (found, add) = (found?, files?);
        let (thinned, left): (Vec<_>, Vec<_>) = found.left.into_iter().unzip();
        let vectors = match left.as_slice() {
            [] => Vec::new(),
            left => DeletedRows::write(folder, left)?,
        };
        let mut merged = Merged {
            add,
            remove: found.remove,
            vectors: thinned.into_iter().zip(vectors).collect(),
            stored: stored.transpose()?.unwrap_or_default(),
            ..Merged::default()
        };
        for (key, net) in &self.net {
            let taken = u64::from(found.taken.get(key).copied().unwrap_or(0));
            let deleted = net.life.as_ref().is_some_and(|life| life.until.is_some());
            match net.put.as_ref().filter(|_| !deleted) {
                Some(put) if taken == 0 => merged.inserted += u64::from(put.times),
                Some(_) => merged.updated += taken,
                None => merged.deleted += taken,
            }
        }
        Ok(merged)
    }

    fn work(&mut self, table: Option<&TableState>, sink: &Sink<'_>) -> Result<Found> {
        let mut found = Found::default();
        let coming = self.net.values().flat_map(Net::coming);
        let coming = coming.flat_map(|coming| &coming.put.patches);
        let stored = self.stored.iter().flat_map(|stored| &stored.log.entries);
        let wanted: HashSet<Key> = coming
            .chain(stored.flat_map(|entry| &entry.patches))
            .filter_map(|patch| match &patch.from {
                PatchFrom::Table(key) => Some(key.clone()),
                PatchFrom::Row(_) => None,
            })
            .collect();
        let takes = self.net.values().any(|net| net.take != Take::Nothing);
        if let Some(table) = table.filter(|_| takes) {
            // Files of different partitions cannot be joined.
            let mut small: BTreeMap<&PartitionValues, usize> = BTreeMap::new();
            for file in table.files.iter().filter(|file| file.size < SMALL) {
                *small.entry(&file.partition).or_default() += 1;
            }
            for file in &table.files {
                let many = small
                    .get(&file.partition)
                    .is_some_and(|many| *many >= MANY_SMALL);
                let join = many && file.size < SMALL;
                self.visit(table, file, join, &wanted, sink, &mut found)?;
            }
        }
        for (key, net) in &self.net {
            if let Take::Exactly(count) = net.take
                && found.taken.get(key).copied().unwrap_or(0) < count
            {
                return Err(self.inapplicable("a row that is deleted is not in the table"));
            }
        }
        self.put(&found, sink)?;
        Ok(found)
    }

    /// Looks for changed rows in `file`, and rewrites it without them, or notes that they have left it.
    fn visit(
        &mut self,
        table: &TableState,
        file: &StoredFile,
        join: bool,
        wanted: &HashSet<Key>,
        sink: &Sink<'_>,
        found: &mut Found,
    ) -> Result<()> {
        let mut leaving = Bitmap::default();
        let mut hits: Vec<(u32, Key)> = Vec::new();
        if self.key.may_hold(file, self.range) {
            let mut at = 0;
            let versions = self.marks.keeps() == Keeps::Versions;
            for batch in read(&table.folder, file, &self.marks.lookup(self.key.schema()))? {
                let batch = batch?;
                let alive = match versions {
                    true => self.marks.alive(&batch),
                    false => None,
                };
                for (key, row) in self.key.of(&batch)?.iter().zip(0..) {
                    let key: &[u8] = key.as_ref();
                    let ended = alive.as_ref().is_some_and(|alive| !alive.value(row));
                    let take = self.net.get(key).map_or(Take::Nothing, |net| net.take);
                    let goes = match take {
                        _ if ended => false,
                        Take::Nothing => false,
                        Take::Every => true,
                        Take::Exactly(count) => found.taken.get(key).copied().unwrap_or(0) < count,
                    };
                    if goes {
                        *found.taken.entry(key.into()).or_default() += 1;
                        hits.push((at, key.into()));
                    }
                    at += 1;
                }
            }
            let plain = self.marks.is_none() && wanted.is_empty();
            if !hits.is_empty() && self.net.len() <= FEW && plain {
                self.let_equal_rows_be((&table.folder, file), &mut hits, found)?;
            }
            hits.iter().for_each(|(row, _)| leaving.insert(*row));
        }
        if leaving.count() == 0 && !join {
            return Ok(());
        }
        let thins = self.vectors && !join && may_thin(file, leaving.count());
        if thins {
            let left = left_by(&file.deleted(&table.folder)?, &leaving);
            found.left.push((file.path.clone(), left));
            if self.marks.is_none() && wanted.is_empty() {
                return Ok(());
            }
        }
        let mut row = 0;
        let mut hits = hits.iter();
        for batch in read(&table.folder, file, self.schema)? {
            let batch = batch?;
            let goes = |at: usize| leaving.contains(row + at);
            if !wanted.is_empty() && (0..batch.num_rows()).any(goes) {
                self.note(&batch, goes, wanted, found)?;
            }
            let keep: BooleanArray = (0..batch.num_rows()).map(|at| Some(!goes(at))).collect();
            if !self.marks.is_none() && keep.true_count() < keep.len() {
                let left = hits.by_ref().take(keep.false_count());
                sink.write(self.staying(&batch, &keep, left)?);
            }
            row += batch.num_rows();
            if !thins && !sink.write(filter(&batch, &keep)?) {
                break;
            }
        }
        if !thins {
            found.remove.push(file.path.clone());
        }
        Ok(())
    }

    /// Those rows of `batch` that leave by `hits`, the ones not to `keep`, as far as the table keeps them.
    fn staying<'h>(
        &self,
        batch: &RecordBatch,
        keep: &BooleanArray,
        mut hits: impl Iterator<Item = &'h (u32, Key)>,
    ) -> Result<RecordBatch> {
        let mut ends = Vec::new();
        let mask: BooleanArray = keep
            .iter()
            .map(|keep| {
                if keep == Some(true) {
                    return Some(false);
                }
                let net = hits.next().and_then(|(_, key)| self.net.get(key));
                let life = net.and_then(|net| net.life.as_deref());
                let replaced = net.is_some_and(|net| net.put.is_some());
                let stays = self.marks.keeps() == Keeps::Versions || !replaced;
                if stays {
                    ends.push(life.map_or(self.marks.now, |life| life.ended));
                }
                Some(stays)
            })
            .collect();
        self.marks.ended(&filter(batch, &mask)?, &ends)
    }

    /// Takes those of `hits` out whose row would be replaced by an equal one.
    fn let_equal_rows_be(
        &mut self,
        (folder, file): (&DataFolder, &StoredFile),
        hits: &mut Vec<(u32, Key)>,
        found: &mut Found,
    ) -> Result<()> {
        let mut equal: HashSet<u32> = HashSet::new();
        let mut next = hits.iter().peekable();
        let mut first: u32 = 0;
        for batch in read(folder, file, self.schema)? {
            let batch = batch?;
            let end = first + u32::try_from(batch.num_rows()).unwrap_or(u32::MAX);
            if next.peek().is_some_and(|(row, _)| *row < end) {
                let comparators = comparators(self.rows, &batch)?;
                while let Some((row, key)) = next.next_if(|(row, _)| *row < end) {
                    let put = self.net.get(key).and_then(|net| net.put.as_ref());
                    let same = put.is_some_and(|put| {
                        let (new, old) = (put.row as usize, (row - first) as usize);
                        comparators.iter().all(|column| column(new, old).is_eq())
                    });
                    if same && found.taken.get(key) == Some(&1) {
                        equal.insert(*row);
                    }
                }
            }
            first = end;
        }
        hits.retain(|(row, key)| {
            if equal.contains(row) {
                found.taken.remove(key);
                self.net.remove(key);
            }
            !equal.contains(row)
        });
        Ok(())
    }

    /// Keeps the leaving rows whose values are wanted.
    fn note(
        &self,
        batch: &RecordBatch,
        goes: impl Fn(usize) -> bool,
        wanted: &HashSet<Key>,
        found: &mut Found,
    ) -> Result<()> {
        let keys = self.key.of(batch)?;
        let mut noted = Vec::new();
        let mask: BooleanArray = keys
            .iter()
            .enumerate()
            .map(|(at, key)| {
                let key: &[u8] = key.as_ref();
                let take = goes(at) && wanted.contains(key);
                if take {
                    noted.push(Key::from(key));
                }
                Some(take)
            })
            .collect();
        let batch = filter(batch, &mask)?;
        for (row, key) in noted.into_iter().enumerate() {
            found.places.insert(key, (found.rows.len() + OTHERS, row));
        }
        found.rows.push(batch);
        Ok(())
    }

    /// Writes the rows that come.
    fn put(&self, found: &Found, sink: &Sink<'_>) -> Result<()> {
        let mut coming: Vec<Coming<'_>> = self.net.values().flat_map(Net::coming).collect();
        coming.sort_by_key(|coming| coming.put.row);
        let each: Vec<Coming<'_>> = coming
            .into_iter()
            .flat_map(|coming| std::iter::repeat_n(coming, coming.put.times as usize))
            .collect();
        for chunk in each.chunks(chunk_rows(self.rows)) {
            let fields = self.schema.fields().iter().enumerate();
            let columns = fields
                .map(|(at, field)| match self.marks.column(field.name(), chunk) {
                    Some(column) => Ok(column),
                    None => {
                        let rows = chunk.iter().map(|coming| coming.put);
                        let rows = rows.map(|put| (Image::Row(put.row), put.patches.as_slice()));
                        self.column(at, rows, found)
                    }
                })
                .collect::<Result<Vec<_>>>()?;
            if !sink.write(batch(self.schema, columns)?) {
                break;
            }
        }
        Ok(())
    }

    /// Writes the changes that are stored.
    fn store(&self, found: &Found, sink: &Sink<'_>) -> Result<()> {
        let Some(stored) = &self.stored else {
            return Ok(());
        };
        let rows = chunk_rows(self.rows).min(chunk_rows(&stored.olds));
        for chunk in stored.log.entries.chunks(rows) {
            let mut columns = stored.log.header_columns(chunk);
            for field in stored.schema.fields().iter().skip(columns.len()) {
                let rows = chunk.iter();
                let rows = rows.map(|Entry { image, patches, .. }| (*image, patches.as_slice()));
                columns.push(match self.schema.index_of(field.name()) {
                    Ok(at) => self.column(at, rows, found)?,
                    Err(_) => new_null_array(field.data_type(), chunk.len()),
                });
            }
            if !sink.write(batch(stored.schema, columns)?) {
                break;
            }
        }
        Ok(())
    }

    /// Column `column` of `rows`.
    fn column<'p>(
        &self,
        column: usize,
        rows: impl Iterator<Item = (Image, &'p [Patch])>,
        found: &Found,
    ) -> Result<ArrayRef> {
        let incoming = self.rows.column(column);
        let nothing = new_null_array(incoming.data_type(), 1);
        let olds = self
            .stored
            .as_ref()
            .map(|stored| stored.olds.column(column));
        let olds = olds.unwrap_or(&nothing);
        let mut arrays: Vec<&dyn Array> = vec![incoming.as_ref(), olds.as_ref(), nothing.as_ref()];
        arrays.extend(found.rows.iter().map(|batch| batch.column(column).as_ref()));
        let places = rows
            .map(|(image, patches)| {
                let patch = patches.iter().find(|patch| patch.column == column);
                match (patch.map(|patch| &patch.from), image) {
                    (Some(PatchFrom::Row(row)), _) => Ok((0, *row as usize)),
                    (None, Image::Row(row)) => Ok((0, row as usize)),
                    (Some(PatchFrom::Table(key)), _) => {
                        found.places.get(key).copied().ok_or_else(|| {
                            self.inapplicable("a row that is updated is not in the table")
                        })
                    }
                    (None, Image::Old(row)) => Ok((1, row as usize)),
                    (None, Image::Nothing) => Ok((2, 0)),
                }
            })
            .collect::<Result<Vec<_>>>()?;
        interleave(&arrays, &places).explain(codes::X0001, || {
            "Changed rows cannot be put together".to_owned()
        })
    }

    fn inapplicable(&self, why: &str) -> Error {
        Error::new(
            codes::P3004,
            format!("A change of the stream `{}` cannot be applied: {why}", self.stream),
        )
        .help("somebody else has written to the table: `sluice run --full-refresh --select` the stream copies it anew")
    }
}

/// How many rows like those of `batch` are handed to the writer at once.
fn chunk_rows(batch: &RecordBatch) -> usize {
    // Arrays without rows take bytes, too, and say nothing of rows.
    let row_bytes = batch.get_array_memory_size().checked_div(batch.num_rows());
    let fitting = row_bytes.and_then(|bytes| CHUNK_BYTES.checked_div(bytes));
    fitting.map_or(CHUNK_ROWS, |rows| rows.clamp(1, CHUNK_ROWS))
}

/// For each column what compares a row of `new` with one of `old`. NULL equals NULL.
fn comparators(new: &RecordBatch, old: &RecordBatch) -> Result<Vec<DynComparator>> {
    let columns = new.columns().iter().zip(old.columns());
    columns
        .map(|(new, old)| make_comparator(new, old, SortOptions::default()))
        .collect::<Result<_, _>>()
        .explain(codes::X0001, || "Rows cannot be compared".to_owned())
}

/// Whether `file` stays as it is when `leaving` more of its rows leave.
fn may_thin(file: &StoredFile, leaving: u64) -> bool {
    let left = file.left() + leaving;
    let staying = file.rows.map(|rows| rows.saturating_sub(leaving));
    staying.is_some_and(|staying| left * ONE_IN_LEFT <= left + staying)
}

/// The rows that had left a file, and those that leave it now: `leaving` counts the rows it still had.
fn left_by(before: &DeletedRows, leaving: &Bitmap) -> DeletedRows {
    let mut left = before.clone();
    let mut still = leaving.count();
    for (row, place) in before.staying().enumerate() {
        if still == 0 {
            break;
        }
        if leaving.contains(row) {
            left.insert(place);
            still -= 1;
        }
    }
    left
}

fn filter(batch: &RecordBatch, keep: &BooleanArray) -> Result<RecordBatch> {
    filter_record_batch(batch, keep).explain(codes::X0001, || {
        "Rows of a file cannot be left out".to_owned()
    })
}

fn batch(schema: &SchemaRef, columns: Vec<ArrayRef>) -> Result<RecordBatch> {
    RecordBatch::try_new(schema.clone(), columns).explain(codes::X0001, || {
        "Changed rows cannot be put together".to_owned()
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::sync::Arc;

    use arrow::array::{ArrayRef, RecordBatch, StringArray};

    use super::{CHUNK_ROWS, chunk_rows};

    fn texts(rows: usize, length: usize) -> RecordBatch {
        let texts = StringArray::from(vec!["x".repeat(length); rows]);
        RecordBatch::try_from_iter([("t", Arc::new(texts) as ArrayRef)]).unwrap()
    }

    #[test]
    fn long_rows_are_handed_over_one_by_one_and_short_ones_together() {
        assert_eq!(chunk_rows(&texts(2, 9 << 20)), 1);
        assert_eq!(chunk_rows(&texts(1_000, 10)), CHUNK_ROWS);
        assert_eq!(chunk_rows(&texts(0, 0)), CHUNK_ROWS);
    }
}
