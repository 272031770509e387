//! [`Rewritten`]: the changed rows of a commit, found by comparing the rows that its files take away with those they
//! bring. Whatever a writer did, the feed then says what a comparison of the two versions says.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, Hasher, RandomState};

use arrow::array::{ArrayRef, RecordBatch, UInt32Array};
use arrow::compute::take_record_batch;
use arrow::datatypes::SchemaRef;
use arrow::row::{RowConverter, SortField};
use diagnostic::{Result, ResultExt, codes};

use crate::feed::{ChangeType, FeedSink};
use crate::{Commit, DataFile, DataFolder, DeletedRows, FileRows, StoredFile};

/// Rows that are compared at once: each takes 32 bytes, and up to 100 if it changes. More take more passes over the files.
const AT_ONCE: u64 = 1 << 20;

/// The files of a table that a commit writes again, and what tells the table's rows apart.
#[derive(Clone, Debug)]
pub struct Rewritten {
    /// Where the table's files lie.
    pub folder: DataFolder,
    /// The columns after the commit.
    pub schema: SchemaRef,
    /// The columns that the table is partitioned by.
    pub partition_by: Vec<String>,
    /// The table's files before the commit.
    pub stored: Vec<StoredFile>,
    /// The columns that tell rows apart: a row that leaves and one that comes with the same values in them are one
    /// row that is updated. Without any, rows are deleted and inserted.
    pub key: Vec<String>,
}

/// Rows of one file that leave the table, or come.
struct Rows {
    file: StoredFile,
    /// Only these of them.
    only: Option<DeletedRows>,
}

/// A row that leaves oftener than it comes, or the other way round.
struct Tally {
    row: u128,
    key: u128,
    /// How much oftener it leaves.
    more: i64,
}

impl Rewritten {
    /// Writes the rows that `commit` changes; gives the files for [`Commit::change_data`].
    ///
    /// # Errors
    /// `K2003` if a file cannot be read or written.
    pub fn record(&self, commit: &Commit) -> Result<Vec<DataFile>> {
        let (leaving, coming) = (self.leaving(commit)?, coming(commit));
        let rows = |rows: &Rows| match &rows.only {
            Some(only) => only.count(),
            None => rows.file.rows.unwrap_or(AT_ONCE),
        };
        let all: u64 = leaving.iter().chain(&coming).map(rows).sum();
        let passes = u128::from(all.div_ceil(AT_ONCE).max(1));
        let mut compare = Compare::new(self, passes)?;
        let mut sink = FeedSink::new(&self.folder, &self.schema, &self.partition_by);
        (0..passes).try_for_each(|pass| compare.pass(pass, (&leaving, &coming), &mut sink))?;
        sink.finish()
    }

    /// The rows that leave by `commit`.
    fn leaving(&self, commit: &Commit) -> Result<Vec<Rows>> {
        let removed: HashSet<&str> = commit.remove.iter().map(String::as_str).collect();
        let vectors = commit.vectors.iter();
        let vectors: HashMap<&str, _> = vectors.map(|(path, v)| (path.as_str(), v)).collect();
        let mut leaving = Vec::new();
        for file in &self.stored {
            let only = match vectors.get(file.path.as_str()) {
                Some(vector) => {
                    let left = DeletedRows::read(&self.folder, vector)?;
                    Some(left.without(&file.deleted(&self.folder)?))
                }
                None if removed.contains(file.path.as_str()) => None,
                None => continue,
            };
            let file = file.clone();
            leaving.push(Rows { file, only });
        }
        Ok(leaving)
    }
}

/// The rows that come by `commit`.
fn coming(commit: &Commit) -> Vec<Rows> {
    let files = commit.add.iter().map(|file| StoredFile {
        path: file.path.clone(),
        size: file.size,
        rows: Some(file.rows),
        stats: None,
        vector: None,
        partition: file.partition.clone(),
    });
    files.map(|file| Rows { file, only: None }).collect()
}

/// The comparison of rows by their hashes: two of 64 bits with secret keys of this process.
struct Compare<'a> {
    table: &'a Rewritten,
    passes: u128,
    hashers: [RandomState; 2],
    all: RowConverter,
    /// The places of the key's columns, and what writes them as bytes.
    key: Option<(Vec<usize>, RowConverter)>,
}

impl<'a> Compare<'a> {
    fn new(table: &'a Rewritten, passes: u128) -> Result<Self> {
        let converter = |places: &[usize]| {
            let fields = places.iter().map(|at| table.schema.field(*at));
            let fields = fields.map(|field| SortField::new(field.data_type().clone()));
            RowConverter::new(fields.collect()).explain(codes::X0001, incomparable)
        };
        let all: Vec<usize> = (0..table.schema.fields().len()).collect();
        let places = table.key.iter().map(|name| table.schema.index_of(name));
        let places: Vec<usize> = places
            .collect::<Result<_, _>>()
            .explain(codes::X0001, incomparable)?;
        let key = match places.as_slice() {
            [] => None,
            places => Some((places.to_vec(), converter(places)?)),
        };
        Ok(Self {
            table,
            passes,
            hashers: Default::default(),
            all: converter(&all)?,
            key,
        })
    }

    /// Compares the rows of one of the passes, and writes those that changed.
    fn pass(
        &mut self,
        pass: u128,
        (leaving, coming): (&[Rows], &[Rows]),
        sink: &mut FeedSink,
    ) -> Result<()> {
        let mut hashes = [Vec::new(), Vec::new()];
        for (rows, found) in [leaving, coming].into_iter().zip(&mut hashes) {
            self.each(pass, rows, |_, hashes| {
                found.extend(hashes.into_iter().map(|(_, row, key)| (row, key)));
                Ok(())
            })?;
            found.sort_unstable();
        }
        let [left, come] = hashes;
        let mut tallies = differing(&left, &come);
        drop((left, come));
        if tallies.is_empty() {
            return Ok(());
        }
        let keyed = self.key.is_some();
        let keys = |sign: i64| -> HashSet<u128> {
            let such = tallies.iter().filter(|tally| tally.more.signum() == sign);
            such.filter(|_| keyed).map(|tally| tally.key).collect()
        };
        let (gone, came) = (keys(1), keys(-1));
        let kinds = [
            (
                leaving,
                1,
                &came,
                ChangeType::UpdatePreimage,
                ChangeType::Delete,
            ),
            (
                coming,
                -1,
                &gone,
                ChangeType::UpdatePostimage,
                ChangeType::Insert,
            ),
        ];
        for (rows, sign, others, updated, alone) in kinds {
            self.each(pass, rows, |batch, hashes| {
                let (mut places, mut kinds, mut pairs) = (Vec::new(), Vec::new(), Vec::new());
                for (place, row, key) in hashes {
                    let at = tallies.binary_search_by_key(&row, |tally| tally.row);
                    let tally = at.ok().and_then(|at| tallies.get_mut(at));
                    let Some(tally) = tally.filter(|tally| tally.more * sign > 0) else {
                        continue;
                    };
                    tally.more -= sign;
                    places.push(place);
                    let is_updated = others.contains(&key);
                    kinds.push(if is_updated { updated } else { alone });
                    #[allow(clippy::cast_possible_truncation, reason = "half of a hash will do")]
                    pairs.push(is_updated.then_some(key as i64));
                }
                if places.is_empty() {
                    return Ok(());
                }
                let rows = take_record_batch(batch, &UInt32Array::from(places))
                    .explain(codes::X0001, incomparable)?;
                sink.write(&rows, kinds, pairs)
            })?;
        }
        Ok(())
    }

    /// Hands every batch of `files` to `take`, with place, hash and key's hash of those of its rows whose turn it is.
    fn each(
        &mut self,
        pass: u128,
        files: &[Rows],
        mut take: impl FnMut(&RecordBatch, Vec<(u32, u128, u128)>) -> Result<()>,
    ) -> Result<()> {
        let table = self.table;
        for Rows { file, only } in files {
            let rows = match only {
                Some(only) => FileRows::open_only(&table.folder, file, &table.schema, only)?,
                None => FileRows::open(&table.folder, file, &table.schema, &table.schema)?,
            };
            for batch in rows {
                let batch = batch?;
                let hashes = self.hashes(&batch)?;
                let hashes = hashes.into_iter().zip(0..);
                let turn = hashes.filter(|((_, key), _)| key % self.passes == pass);
                take(
                    &batch,
                    turn.map(|((row, key), at)| (at, row, key)).collect(),
                )?;
            }
        }
        Ok(())
    }

    /// Hash and key's hash of each row of `batch`.
    fn hashes(&self, batch: &RecordBatch) -> Result<Vec<(u128, u128)>> {
        let hash = |converter: &RowConverter, columns: &[ArrayRef]| -> Result<Vec<u128>> {
            let rows = converter.convert_columns(columns);
            let rows = rows.explain(codes::X0001, incomparable)?;
            Ok(rows.iter().map(|row| self.hash(row.as_ref())).collect())
        };
        let rows = hash(&self.all, batch.columns())?;
        let keys = match &self.key {
            None => rows.clone(),
            Some((places, converter)) => {
                let columns = places.iter().filter_map(|at| batch.columns().get(*at));
                hash(converter, &columns.cloned().collect::<Vec<_>>())?
            }
        };
        Ok(rows.into_iter().zip(keys).collect())
    }

    fn hash(&self, bytes: &[u8]) -> u128 {
        self.hashers.iter().fold(0, |hash, state| {
            let mut hasher = state.build_hasher();
            hasher.write(bytes);
            hash << 64 | u128::from(hasher.finish())
        })
    }
}

/// The rows that are not as often in `left` as in `come`. All three are sorted.
fn differing(left: &[(u128, u128)], come: &[(u128, u128)]) -> Vec<Tally> {
    let mut tallies = Vec::new();
    let (mut left, mut come) = (left.iter().peekable(), come.iter().peekable());
    while let Some(&&(row, key)) = match (left.peek(), come.peek()) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    } {
        let mut more = 0;
        while left.next_if(|(other, _)| *other == row).is_some() {
            more += 1;
        }
        while come.next_if(|(other, _)| *other == row).is_some() {
            more -= 1;
        }
        if more != 0 {
            tallies.push(Tally { row, key, more });
        }
    }
    tallies
}

fn incomparable() -> String {
    "The rows of a table cannot be compared".to_owned()
}
