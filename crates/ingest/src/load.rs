//! The second pass over files: rows as read to bronze, broken ones to quarantine, those that stay to silver.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Int64Array, RecordBatch, StringArray};
use arrow::compute::filter;
use arrow::datatypes::SchemaRef;
use connectors::files::{FileFormat, Records};
use diagnostic::{Error, Result, ResultExt, codes};
use lake::{DataFile, DataFolder};
use state::FirstError;

use crate::contract::{Contract, FileColumns, Judged, StringsBuilder, Verdict};
use crate::existing::rewrite;
use crate::leaving::{LeavingRows, without};
use crate::order::{Bitmap, EXISTING, Settled};
use crate::sinks::Sink;
use crate::survey::{Input, Part, open};
use crate::tables::TableState;

/// What a second pass needs.
pub(crate) struct Load<'a> {
    pub(crate) contract: &'a Contract,
    pub(crate) format: &'a FileFormat,
    pub(crate) settled: &'a Settled,
    /// Sources that the first pass rejected.
    pub(crate) rejected: &'a HashSet<u32>,
    /// Stored names of all columns beyond the contract that bronze keeps.
    pub(crate) extra: &'a [String],
    pub(crate) run_id: &'a str,
    pub(crate) bronze: &'a DataFolder,
    pub(crate) quarantine: &'a DataFolder,
    pub(crate) silver: &'a DataFolder,
    /// The silver table to merge into.
    pub(crate) existing: Option<&'a TableState>,
    /// Rows that leave the bronze and the quarantine table.
    pub(crate) bronze_leaving: Option<(&'a TableState, LeavingRows)>,
    pub(crate) quarantine_leaving: Option<(&'a TableState, LeavingRows)>,
    /// Of each runner-up the rows that take part.
    pub(crate) running: &'a HashMap<u32, Bitmap>,
    pub(crate) progress: &'a (dyn Fn(u64) + Sync),
}

/// Files that were written and belong to no table yet.
#[derive(Default)]
pub(crate) struct Written {
    pub(crate) bronze: Vec<DataFile>,
    pub(crate) quarantine: Vec<DataFile>,
    pub(crate) silver: Vec<DataFile>,
    /// Files of the silver table that others replace.
    pub(crate) replaced: Vec<String>,
    /// The same of the bronze and of the quarantine table.
    pub(crate) replaced_bronze: Vec<String>,
    pub(crate) replaced_quarantine: Vec<String>,
    /// The first row of each file that broke a rule, by the number of the file.
    pub(crate) first_errors: HashMap<u32, FirstError>,
}

struct Sinks<'s> {
    bronze: Sink<'s>,
    quarantine: Sink<'s>,
    silver: Sink<'s>,
    bronze_schema: SchemaRef,
    quarantine_schema: SchemaRef,
    silver_schema: SchemaRef,
}

impl Load<'_> {
    /// Reads `inputs` again and writes the tables' files.
    pub(crate) fn run(&self, inputs: &[Input]) -> Result<Written> {
        std::thread::scope(|scope| {
            let bronze_schema = self.contract.bronze_schema(self.extra);
            let quarantine_schema = self.contract.quarantine_schema();
            let silver_schema = self.contract.stored_silver_schema();
            let sinks = Sinks {
                bronze: Sink::start(scope, self.bronze, Arc::clone(&bronze_schema), &[]),
                quarantine: Sink::start(
                    scope,
                    self.quarantine,
                    Arc::clone(&quarantine_schema),
                    &[],
                ),
                silver: Sink::start(
                    scope,
                    self.silver,
                    Arc::clone(&silver_schema),
                    &self.contract.partition_by,
                ),
                bronze_schema,
                quarantine_schema,
                silver_schema,
            };
            let read = self.fill(inputs, &sinks);
            // A writer that failed is why reading stopped, so its error comes first.
            let bronze = sinks.bronze.finish();
            let quarantine = sinks.quarantine.finish();
            let silver = sinks.silver.finish();
            Ok(Written {
                bronze: bronze?,
                quarantine: quarantine?,
                silver: silver?,
                ..read?
            })
        })
    }

    fn fill(&self, inputs: &[Input], sinks: &Sinks<'_>) -> Result<Written> {
        let mut written = Written {
            replaced: self.rewrite_existing(sinks)?,
            ..Written::default()
        };
        if let Some((table, rows)) = &self.bronze_leaving {
            let write = |batch| accepted(sinks.bronze.write(batch));
            written.replaced_bronze = without(table, rows, &sinks.bronze_schema, write)?;
        }
        if let Some((table, rows)) = &self.quarantine_leaving {
            let write = |batch| accepted(sinks.quarantine.write(batch));
            written.replaced_quarantine = without(table, rows, &sinks.quarantine_schema, write)?;
        }
        for (number, input) in (0..).zip(inputs) {
            if self.rejected.contains(&number) {
                continue;
            }
            if let Some(error) = self.load(input, number, sinks)? {
                written.first_errors.insert(number, error);
            }
        }
        Ok(written)
    }

    /// Writes the files of the silver table that lose rows again, without those rows.
    fn rewrite_existing(&self, sinks: &Sinks<'_>) -> Result<Vec<String>> {
        let mut replaced = Vec::new();
        let Some(table) = self.existing else {
            return Ok(replaced);
        };
        for (number, file) in (EXISTING..).zip(&table.files) {
            let Some(leaving) = self
                .settled
                .losers
                .get(&number)
                .filter(|rows| rows.count() > 0)
            else {
                continue;
            };
            rewrite(
                &table.folder,
                file,
                &sinks.silver_schema,
                leaving,
                |batch| accepted(sinks.silver.write(batch)),
            )?;
            replaced.push(file.path.clone());
        }
        Ok(replaced)
    }

    /// Writes the rows of one file, and gives the first that broke a rule.
    fn load(&self, input: &Input, number: u32, sinks: &Sinks<'_>) -> Result<Option<FirstError>> {
        let (mut reader, mut file) = open(self.contract, input, self.format)?;
        let stays = Stays {
            losers: self.settled.losers.get(&number),
            running: match input.part {
                Part::RunnerUp => Some(self.running.get(&number)),
                Part::All | Part::Outdated => None,
            },
        };
        let mut constants = Constants::new(input, self.run_id);
        let mut first_error = None;
        let mut row = 0;
        while reader.next()? {
            let records = reader.lend();
            file.look(self.contract, reader.header(), &records)?;
            let judged = self.contract.judge(&records, &file, &[])?;
            if input.part != Part::RunnerUp {
                let bronze = self.bronze_batch(&records, &file, &mut constants, sinks)?;
                accepted(sinks.bronze.write(bronze))?;
                let error = self.quarantine(&records, &file, &judged, &mut constants, sinks)?;
                first_error = first_error.or(error);
            }
            if input.part != Part::Outdated {
                let place = (&stays, row);
                let silver =
                    self.silver_batch(&records, &file, &judged, place, &mut constants, sinks)?;
                accepted(sinks.silver.write(silver))?;
            }
            row += records.len();
            (self.progress)(records.len() as u64);
        }
        Ok(first_error)
    }

    /// Writes the rows that break a rule, and gives the first of them.
    fn quarantine(
        &self,
        records: &Records<'_>,
        file: &FileColumns,
        judged: &Judged,
        constants: &mut Constants<'_>,
        sinks: &Sinks<'_>,
    ) -> Result<Option<FirstError>> {
        let broken: Vec<usize> = places(judged, |verdict| {
            !matches!(verdict, Verdict::Valid | Verdict::Discarded)
        });
        let Some(first) = broken.first().copied() else {
            return Ok(None);
        };
        let rows = self.quarantine_batch(records, file, judged, &broken, constants, sinks)?;
        accepted(sinks.quarantine.write(rows))?;
        let verdict = judged.verdicts.get(first).copied();
        let column = verdict.and_then(|verdict| self.contract.column_of(verdict));
        Ok(Some(FirstError {
            message: self.contract.reason(records, file, judged, first),
            line: records.records().get(first).map(|record| record.line),
            column: column.map(str::to_owned),
        }))
    }

    fn bronze_batch(
        &self,
        records: &Records<'_>,
        file: &FileColumns,
        constants: &mut Constants<'_>,
        sinks: &Sinks<'_>,
    ) -> Result<RecordBatch> {
        let rows = records.len();
        let nulls = &self.contract.texts;
        let mut arrays: Vec<ArrayRef> = Vec::with_capacity(sinks.bronze_schema.fields().len());
        for column in 0..self.contract.columns.len() {
            let mut strings = StringsBuilder::with_capacity(rows, 16);
            file.fields(records, column, false)
                .for_each(|field| strings.append_field(field, nulls));
            arrays.push(Arc::new(strings.finish()?));
        }
        for name in self.extra {
            let mut strings = StringsBuilder::with_capacity(rows, 16);
            match file.extra.iter().find(|(_, extra)| extra == name) {
                Some((position, _)) => {
                    records
                        .column(*position)
                        .for_each(|field| strings.append_field(field, nulls));
                }
                None => (0..rows).for_each(|_| strings.append_null()),
            }
            arrays.push(Arc::new(strings.finish()?));
        }
        let lines = records
            .records()
            .iter()
            .map(|record| record.line.cast_signed());
        arrays.push(constants.file.take(rows));
        arrays.push(Arc::new(Int64Array::from_iter_values(lines)));
        arrays.push(constants.batch.take(rows));
        arrays.push(constants.content.take(rows));
        arrays.push(constants.run.take(rows));
        batch(&sinks.bronze_schema, arrays)
    }

    fn quarantine_batch(
        &self,
        records: &Records<'_>,
        file: &FileColumns,
        judged: &Judged,
        broken: &[usize],
        constants: &mut Constants<'_>,
        sinks: &Sinks<'_>,
    ) -> Result<RecordBatch> {
        let rows = broken.len();
        let mut arrays: Vec<ArrayRef> = Vec::with_capacity(sinks.quarantine_schema.fields().len());
        for column in 0..self.contract.columns.len() {
            let mut strings = StringsBuilder::with_capacity(rows, 16);
            for record in broken {
                strings.append_field(file.field(records, *record, column), &self.contract.texts);
            }
            arrays.push(Arc::new(strings.finish()?));
        }
        let verdict = |record: &usize| {
            judged
                .verdicts
                .get(*record)
                .copied()
                .unwrap_or(Verdict::Valid)
        };
        let rules = broken
            .iter()
            .map(|record| self.contract.rule_name(verdict(record), file));
        arrays.push(Arc::new(rules.collect::<StringArray>()));
        let reasons = broken
            .iter()
            .map(|record| self.contract.reason(records, file, judged, *record));
        arrays.push(Arc::new(StringArray::from_iter_values(reasons)));
        arrays.push(constants.file.take(rows));
        let lines = broken.iter().map(|record| {
            records
                .records()
                .get(*record)
                .map(|record| record.line.cast_signed())
        });
        arrays.push(Arc::new(lines.collect::<Int64Array>()));
        let raw = broken.iter().map(|record| records.raw_text(*record));
        arrays.push(Arc::new(StringArray::from_iter_values(raw)));
        arrays.push(constants.batch.take(rows));
        arrays.push(constants.run.take(rows));
        batch(&sinks.quarantine_schema, arrays)
    }

    fn silver_batch(
        &self,
        records: &Records<'_>,
        file: &FileColumns,
        judged: &Judged,
        (stays, first): (&Stays<'_>, usize),
        constants: &mut Constants<'_>,
        sinks: &Sinks<'_>,
    ) -> Result<RecordBatch> {
        let staying: Vec<usize> = places(judged, |verdict| verdict == Verdict::Valid)
            .into_iter()
            .filter(|record| stays.row(first + *record))
            .collect();
        let mut mask = vec![false; records.len()];
        for record in &staying {
            if let Some(stays) = mask.get_mut(*record) {
                *stays = true;
            }
        }
        let mask = BooleanArray::from(mask);
        let mut arrays: Vec<ArrayRef> = Vec::with_capacity(sinks.silver_schema.fields().len());
        for (at, column) in self.contract.columns.iter().enumerate() {
            let typed = judged.typed.get(at).and_then(Option::as_ref);
            let array = match typed {
                Some(typed) if staying.len() == records.len() => Arc::clone(typed),
                Some(typed) => filter(typed, &mask).explain(codes::X0001, || {
                    "Rows of a batch cannot be selected".to_owned()
                })?,
                None => {
                    let mut strings = StringsBuilder::with_capacity(staying.len(), 16);
                    for record in &staying {
                        let field = file.field(records, *record, at);
                        column.append_text(field, &self.contract.texts, &mut strings);
                    }
                    Arc::new(strings.finish()?)
                }
            };
            arrays.push(array);
        }
        arrays.push(constants.batch.take(staying.len()));
        arrays.push(constants.content.take(staying.len()));
        batch(&sinks.silver_schema, arrays)
    }
}

/// Which rows of a file are for the silver table, if they are valid.
struct Stays<'a> {
    losers: Option<&'a Bitmap>,
    /// Of a runner-up the rows that take part.
    running: Option<Option<&'a Bitmap>>,
}

impl Stays<'_> {
    fn row(&self, row: usize) -> bool {
        let runs = |running: Option<&Bitmap>| running.is_some_and(|rows| rows.contains(row));
        self.losers.is_none_or(|losers| !losers.contains(row)) && self.running.is_none_or(runs)
    }
}

fn places(judged: &Judged, wanted: impl Fn(Verdict) -> bool) -> Vec<usize> {
    let verdicts = judged.verdicts.iter().enumerate();
    verdicts
        .filter(|(_, verdict)| wanted(**verdict))
        .map(|(at, _)| at)
        .collect()
}

fn batch(schema: &SchemaRef, arrays: Vec<ArrayRef>) -> Result<RecordBatch> {
    RecordBatch::try_new(Arc::clone(schema), arrays).explain(codes::X0001, || {
        "A batch does not have the columns of its table".to_owned()
    })
}

/// Ends the reading when a writer has failed; that writer's error is the one reported.
fn accepted(accepted: bool) -> Result<()> {
    if accepted {
        return Ok(());
    }
    Err(Error::new(
        codes::X0001,
        "A table's writer ended before its reader",
    ))
}

/// Columns that have one value throughout a file.
struct Constants<'a> {
    file: Constant<'a>,
    batch: Constant<'a>,
    content: Constant<'a>,
    run: Constant<'a>,
}

impl<'a> Constants<'a> {
    fn new(input: &'a Input, run_id: &'a str) -> Self {
        Self {
            file: Constant::new(&input.name),
            batch: Constant::new(&input.batch),
            content: Constant::new(&input.content),
            run: Constant::new(run_id),
        }
    }
}

struct Constant<'a> {
    value: &'a str,
    longest: StringArray,
}

impl<'a> Constant<'a> {
    fn new(value: &'a str) -> Self {
        Self {
            value,
            longest: StringArray::new_null(0),
        }
    }

    /// The value `rows` times, a part of the longest array so far.
    fn take(&mut self, rows: usize) -> ArrayRef {
        use arrow::array::Array;
        if self.longest.len() < rows {
            self.longest = StringArray::from_iter_values(std::iter::repeat_n(self.value, rows));
        }
        Arc::new(self.longest.slice(0, rows))
    }
}
