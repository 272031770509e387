//! The first pass over files: is each one whole, which rows are valid, and which keys do they have?
//!
//! Nothing is written in this pass, so a file that turns out to be damaged at its very end leaves no trace.
//! Reading twice is cheap next to writing, and cheaper than setting typed rows aside until all keys are
//! known.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use connectors::files::{FileFormat, FileReader, Place};
use diagnostic::Result;
use indexmap::IndexMap;
use parking_lot::Mutex;

use crate::contract::{Contract, FileColumns, Verdict, pick};
use crate::order::{
    Bitmap, Entries, Entry, EntryWriter, KeyFilter, KeyHasher, Names, Position, RowOrder,
};

/// A file to read.
pub(crate) struct Input {
    /// How people call it.
    pub(crate) name: String,
    /// Where its bytes are.
    pub(crate) place: Place,
    /// What its path says of all its rows.
    pub(crate) values: IndexMap<String, String>,
    /// The batch of its rows.
    pub(crate) batch: String,
    /// Its content's hash.
    pub(crate) content: String,
    /// What its rows are for.
    pub(crate) part: Part,
    /// The load among whose rows they are deduplicated.
    pub(crate) group: String,
}

/// What the rows of a file are for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Part {
    /// All tables.
    #[default]
    All,
    /// All but the silver table.
    Outdated,
    /// The silver table, in the place of rows that leave it.
    RunnerUp,
}

/// What the first pass found in a file.
pub(crate) struct Surveyed {
    pub(crate) rows: u64,
    pub(crate) valid: u64,
    pub(crate) discarded: u64,
    /// Rows per rule.
    pub(crate) quarantined: BTreeMap<String, u64>,
    /// Stored names of columns beyond the contract.
    pub(crate) extra: Vec<String>,
    pub(crate) notices: Vec<String>,
    /// Of a runner-up the rows that take part.
    pub(crate) running: Bitmap,
}

/// Opens a file and maps its header.
pub(crate) fn open(
    contract: &Contract,
    input: &Input,
    format: &FileFormat,
) -> Result<(FileReader, FileColumns)> {
    let reader = FileReader::open(&input.place, &input.name, format, &contract.header_names())?;
    let map = reader.columns()?;
    let columns = FileColumns::new(contract, &input.name, map, &input.values, format.is_json())?;
    Ok((reader, columns))
}

/// What all files of a first pass share.
pub(crate) struct Survey<'a> {
    pub(crate) contract: &'a Contract,
    pub(crate) format: &'a FileFormat,
    pub(crate) hasher: &'a KeyHasher,
    pub(crate) entries: &'a Entries,
    pub(crate) batches: &'a Names,
    pub(crate) contents: &'a Names,
    /// Notes the keys that come in, if there is a table to compare with.
    pub(crate) filter: Option<&'a KeyFilter>,
    /// The keys of rows that leave the table.
    pub(crate) freed: Option<&'a KeyFilter>,
    /// Whether rows with one key are compared within their group only.
    pub(crate) by_group: bool,
    /// Called with the rows read since the last call.
    pub(crate) progress: &'a (dyn Fn(u64) + Sync),
}

impl Survey<'_> {
    /// Surveys `inputs` with `threads` threads, a file at a time each. The results stand in their order; an
    /// error concerns its file only.
    pub(crate) fn run(&self, inputs: &[Input], threads: usize) -> Vec<Result<Surveyed>> {
        let next = AtomicUsize::new(0);
        let results: Vec<Mutex<Option<Result<Surveyed>>>> =
            inputs.iter().map(|_| Mutex::new(None)).collect();
        std::thread::scope(|scope| {
            for _ in 0..threads.clamp(1, inputs.len().max(1)) {
                scope.spawn(|| {
                    loop {
                        let at = next.fetch_add(1, Ordering::Relaxed);
                        let (Some(input), Some(result)) = (inputs.get(at), results.get(at)) else {
                            return;
                        };
                        let surveyed = self.survey(input, at);
                        *result.lock() = Some(surveyed);
                    }
                });
            }
        });
        results.into_iter().filter_map(Mutex::into_inner).collect()
    }

    fn survey(&self, input: &Input, at: usize) -> Result<Surveyed> {
        let contract = self.contract;
        let (mut reader, mut file) = open(contract, input, self.format)?;
        let also: Vec<usize> = contract
            .key
            .iter()
            .chain(&contract.latest_by)
            .copied()
            .collect();
        let types = contract
            .latest_by
            .iter()
            .filter_map(|at| contract.columns.get(*at));
        let order = RowOrder::new(types.map(|column| column.silver_type()))?;
        let mut writer = self.entries.writer();
        let mut counts: BTreeMap<Verdict, u64> = BTreeMap::new();
        let mut running = Bitmap::default();
        let group = match self.by_group {
            true => self.hasher.text(&input.group),
            false => 0,
        };
        let mut rows = 0_u64;
        let batch = self.batches.number(&input.batch);
        let content = self.contents.number(&input.content);
        while reader.next()? {
            let records = reader.lend();
            file.look(contract, reader.header(), &records)?;
            let judged = contract.judge(&records, &file, &also)?;
            for verdict in &judged.verdicts {
                *counts.entry(*verdict).or_default() += 1;
            }
            if contract.deduplicates && input.part != Part::Outdated {
                let keys = self
                    .hasher
                    .hash(&pick(&judged.typed, &contract.key), records.len())?;
                let encoded = order.encode(&pick(&judged.typed, &contract.latest_by))?;
                for (record, (hash, verdict)) in keys.iter().zip(&judged.verdicts).enumerate() {
                    if *verdict != Verdict::Valid {
                        continue;
                    }
                    if input.part == Part::RunnerUp {
                        if !self.freed.is_some_and(|freed| freed.may_contain(*hash)) {
                            continue;
                        }
                        running.insert(number(rows + record as u64));
                    }
                    let position = Position {
                        source: number(at as u64),
                        row: number(rows + record as u64),
                    };
                    self.add(
                        &mut writer,
                        Entry {
                            hash: *hash ^ group,
                            position,
                            batch,
                            content,
                            order: encoded.bytes(record),
                        },
                    )?;
                }
            }
            rows += records.len() as u64;
            (self.progress)(records.len() as u64);
        }
        file.finish(contract, rows)?;
        writer.finish()?;
        let valid = counts.remove(&Verdict::Valid).unwrap_or_default();
        let discarded = counts.remove(&Verdict::Discarded).unwrap_or_default();
        let named =
            |(verdict, count)| Some((contract.rule_name(verdict, &file)?.into_owned(), count));
        Ok(Surveyed {
            rows,
            valid,
            discarded,
            quarantined: counts.into_iter().filter_map(named).collect(),
            extra: file.extra.iter().map(|(_, name)| name.clone()).collect(),
            notices: file.notices,
            running,
        })
    }

    #[inline]
    fn add(&self, writer: &mut EntryWriter<'_>, entry: Entry<'_>) -> Result<()> {
        if let Some(filter) = self.filter {
            filter.insert(entry.hash);
        }
        writer.add(entry)
    }
}

/// Rows and files are numbered with 32 bits: a file of more than four billion rows is refused by its size
/// long before.
fn number(position: u64) -> u32 {
    u32::try_from(position).unwrap_or(u32::MAX)
}
