//! [`Merge`]: net changes by key, brought into a table by rewriting the files that hold changed rows.

use std::collections::{HashMap, HashSet};
use std::thread;

use arrow::array::{Array, ArrayRef, BooleanArray, RecordBatch};
use arrow::compute::{filter_record_batch, interleave};
use arrow::datatypes::SchemaRef;
use diagnostic::{Error, Result, ResultExt, codes};
use lake::{DataFile, DataFolder, StoredFile};

use super::keyed::{Key, KeyColumns, KeyRange};
use crate::existing::{conform, read};
use crate::order::Bitmap;
use crate::sinks::Sink;
use crate::tables::TableState;

/// Rows handed to the writer at once.
const CHUNK: usize = 16 << 10;
/// Files below this many bytes are joined once there are [`MANY_SMALL`] of them: every run leaves a small one.
const SMALL: u64 = 4 << 20;
const MANY_SMALL: usize = 16;
/// Up to so many changes, rows that have not changed are looked for and left alone: what a run reads again
/// because of its look-back makes no new version then.
const FEW: usize = 10_000;

/// What happens to the rows of one key.
#[derive(Debug)]
pub(super) struct Net {
    /// Which rows of the table leave.
    pub(super) take: Take,
    /// The row that comes.
    pub(super) put: Option<Put>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Take {
    Nothing,
    Every,
    Exactly(u32),
}

/// A row that comes.
#[derive(Debug)]
pub(super) struct Put {
    /// Its place among the incoming rows.
    pub(super) row: u32,
    /// How often.
    pub(super) times: u32,
    /// Values that are not in that row.
    pub(super) patches: Vec<Patch>,
}

/// A value that stands elsewhere: the log does not repeat large values that have not changed.
#[derive(Clone, Debug)]
pub(super) struct Patch {
    /// The column, by its place in the table's schema.
    pub(super) column: usize,
    /// Where the value is.
    pub(super) from: PatchFrom,
}

#[derive(Clone, Debug)]
pub(super) enum PatchFrom {
    /// In another incoming row.
    Row(u32),
    /// In the table's row of this key.
    Table(Key),
}

/// Changes to bring into a table.
pub(super) struct Merge<'a> {
    /// The stream, for messages.
    pub(super) stream: &'a str,
    /// The columns of the table afterwards.
    pub(super) schema: &'a SchemaRef,
    /// The key.
    pub(super) key: &'a KeyColumns,
    /// The incoming rows, with the columns of `schema`.
    pub(super) rows: &'a RecordBatch,
    /// What happens, by key.
    pub(super) net: HashMap<Key, Net>,
    /// The range of the keys.
    pub(super) range: Option<KeyRange>,
}

/// What a merge changes.
#[derive(Debug, Default)]
pub(super) struct Merged {
    pub(super) add: Vec<DataFile>,
    pub(super) remove: Vec<String>,
    pub(super) inserted: u64,
    pub(super) updated: u64,
    pub(super) deleted: u64,
}

impl Merged {
    /// Whether the table has changed.
    pub(super) fn changed(&self) -> bool {
        !self.add.is_empty() || !self.remove.is_empty()
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
}

impl Merge<'_> {
    /// Writes new files to `folder`. `table` is `None` if all its rows leave.
    pub(super) fn run(mut self, table: Option<&TableState>, folder: &DataFolder) -> Result<Merged> {
        let (found, files) = thread::scope(|scope| {
            let sink = Sink::start(scope, folder, self.schema.clone());
            let found = self.work(table, &sink);
            (found, sink.finish())
        });
        let (found, add) = (found?, files?);
        let mut merged = Merged {
            add,
            remove: found.remove,
            ..Merged::default()
        };
        for (key, net) in &self.net {
            let taken = u64::from(found.taken.get(key).copied().unwrap_or(0));
            match &net.put {
                Some(put) if taken == 0 => merged.inserted += u64::from(put.times),
                Some(_) => merged.updated += taken,
                None => merged.deleted += taken,
            }
        }
        Ok(merged)
    }

    fn work(&mut self, table: Option<&TableState>, sink: &Sink<'_>) -> Result<Found> {
        let mut found = Found::default();
        let wanted: HashSet<Key> = self
            .net
            .values()
            .filter_map(|net| net.put.as_ref())
            .flat_map(|put| &put.patches)
            .filter_map(|patch| match &patch.from {
                PatchFrom::Table(key) => Some(key.clone()),
                PatchFrom::Row(_) => None,
            })
            .collect();
        let takes = self.net.values().any(|net| net.take != Take::Nothing);
        if let Some(table) = table.filter(|_| takes) {
            let is_small = |file: &&StoredFile| file.size < SMALL;
            let join = table.files.iter().filter(is_small).count() >= MANY_SMALL;
            for file in &table.files {
                let join = join && is_small(&file);
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

    /// Looks for changed rows in `file`, and rewrites it without them.
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
        if self.key.may_hold(file, self.range) {
            let mut hits: Vec<(u32, Key)> = Vec::new();
            let mut at = 0;
            for batch in read(&table.folder, &file.path, self.key.schema())? {
                for key in &self.key.of(&batch?)? {
                    let key: &[u8] = key.as_ref();
                    let take = self.net.get(key).map_or(Take::Nothing, |net| net.take);
                    let goes = match take {
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
            if !hits.is_empty() && self.net.len() <= FEW && wanted.is_empty() {
                self.let_equal_rows_be((&table.folder, &file.path), &mut hits, found)?;
            }
            hits.iter().for_each(|(row, _)| leaving.insert(*row));
        }
        if leaving.count() == 0 && !join {
            return Ok(());
        }
        let mut row = 0;
        for batch in read(&table.folder, &file.path, self.schema)? {
            let batch = conform(&batch?, self.schema)?;
            let goes = |at: usize| leaving.contains(row + at);
            if !wanted.is_empty() && (0..batch.num_rows()).any(goes) {
                self.note(&batch, goes, wanted, found)?;
            }
            let keep: BooleanArray = (0..batch.num_rows()).map(|at| Some(!goes(at))).collect();
            row += batch.num_rows();
            if !sink.write(filter(&batch, &keep)?) {
                break;
            }
        }
        found.remove.push(file.path.clone());
        Ok(())
    }

    /// Takes those of `hits` out whose row would be replaced by an equal one.
    fn let_equal_rows_be(
        &mut self,
        (folder, name): (&DataFolder, &str),
        hits: &mut Vec<(u32, Key)>,
        found: &mut Found,
    ) -> Result<()> {
        let whole = KeyColumns::new(self.schema, &[])?;
        let incoming = whole.of(self.rows)?;
        let mut equal: HashSet<u32> = HashSet::new();
        let mut next = hits.iter().peekable();
        let mut first: u32 = 0;
        for batch in read(folder, name, self.schema)? {
            let batch = batch?;
            let end = first + u32::try_from(batch.num_rows()).unwrap_or(u32::MAX);
            if next.peek().is_some_and(|(row, _)| *row < end) {
                let stored = whole.of(&batch)?;
                while let Some((row, key)) = next.next_if(|(row, _)| *row < end) {
                    let put = self.net.get(key).and_then(|net| net.put.as_ref());
                    let same = put.is_some_and(|put| {
                        let old = stored.row((row - first) as usize);
                        incoming.row(put.row as usize).as_ref() == old.as_ref()
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
            found.places.insert(key, (found.rows.len() + 1, row));
        }
        found.rows.push(batch);
        Ok(())
    }

    /// Writes the rows that come.
    fn put(&self, found: &Found, sink: &Sink<'_>) -> Result<()> {
        let mut puts: Vec<&Put> = self
            .net
            .values()
            .filter_map(|net| net.put.as_ref())
            .collect();
        puts.sort_by_key(|put| put.row);
        let each: Vec<&Put> = puts
            .into_iter()
            .flat_map(|put| std::iter::repeat_n(put, put.times as usize))
            .collect();
        for chunk in each.chunks(CHUNK) {
            let columns = (0..self.schema.fields().len())
                .map(|column| self.column(column, chunk, found))
                .collect::<Result<Vec<_>>>()?;
            let batch = RecordBatch::try_new(self.schema.clone(), columns)
                .explain(codes::X0001, || {
                    "Changed rows cannot be put together".to_owned()
                })?;
            if !sink.write(batch) {
                break;
            }
        }
        Ok(())
    }

    /// Column `column` of the rows that `puts` name; source 0 is the incoming rows, the others the table's.
    fn column(&self, column: usize, puts: &[&Put], found: &Found) -> Result<ArrayRef> {
        let mut arrays: Vec<&dyn Array> = vec![self.rows.column(column).as_ref()];
        arrays.extend(found.rows.iter().map(|batch| batch.column(column).as_ref()));
        let places = puts
            .iter()
            .map(|put| {
                let patch = put.patches.iter().find(|patch| patch.column == column);
                match patch.map(|patch| &patch.from) {
                    None => Ok((0, put.row as usize)),
                    Some(PatchFrom::Row(row)) => Ok((0, *row as usize)),
                    Some(PatchFrom::Table(key)) => {
                        found.places.get(key).copied().ok_or_else(|| {
                            self.inapplicable("a row that is updated is not in the table")
                        })
                    }
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

fn filter(batch: &RecordBatch, keep: &BooleanArray) -> Result<RecordBatch> {
    filter_record_batch(batch, keep).explain(codes::X0001, || {
        "Rows of a file cannot be left out".to_owned()
    })
}
