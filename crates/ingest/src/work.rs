//! The work of one load on a thread of its own: what is surveyed, settled, written, committed and reported.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use connectors::files::FileFormat;
use diagnostic::{Class, Error, Result, codes};
use lake::{DataFile, DataFolder, Operation, PartitionValues, StoredFile};
use model::{Identifier, RelationName, SchemaName};
use settings::WriteMode;
use state::{FirstError, LoadStatus};
use telemetry::failpoint;

use crate::contract::{Contract, HIDDEN_COLUMNS};
use crate::existing::{add_entries, check_partitions, check_types};
use crate::incoming::{Arrived, check_unchanged, file_format, keep_raw};
use crate::leaving::{rows_with, silver_rows};
use crate::load::{Load, Written};
use crate::order::{Bitmap, Entries, KeyFilter, KeyHasher, Names, Settled, settle};
use crate::outcome::{FileOutcome, FileStatus, IngestOutcome, Rejection, SilverOutcome};
use crate::plan::LoadPlan;
use crate::reload::{Again, Leaving};
use crate::run::{IngestRequest, OnProgress, Phase, Progress};
use crate::survey::{Input, Part, Survey, Surveyed};
use crate::tables::{Change, Feed, TableState, Tables};

/// The three tables of a dataset.
pub(crate) struct ZoneNames {
    pub(crate) bronze: RelationName,
    pub(crate) quarantine: RelationName,
    pub(crate) silver: RelationName,
}

impl ZoneNames {
    pub(crate) fn new(request: &IngestRequest) -> Self {
        let zone = |zone: &str| {
            SchemaName::new(request.database.clone(), Identifier::unquoted(zone))
                .relation(request.dataset.identifier())
        };
        Self {
            bronze: zone("BRONZE"),
            quarantine: zone("QUARANTINE"),
            silver: zone("SILVER"),
        }
    }
}

/// Where the tables' files go, and what the tables hold already.
pub(crate) struct Places {
    bronze: DataFolder,
    quarantine: DataFolder,
    silver: DataFolder,
    /// Columns of the bronze table beyond the contract.
    extra: Vec<String>,
    /// The silver table to merge into.
    existing: Option<TableState>,
    /// The files of the silver table whose partitions the load replaces.
    replaceable: Vec<StoredFile>,
    /// The tables that rows leave.
    bronze_table: Option<TableState>,
    quarantine_table: Option<TableState>,
}

impl Places {
    /// The files that leave because their partitions have new ones.
    fn overwritten(&self, written: &[DataFile]) -> impl Iterator<Item = String> {
        let partitions: BTreeSet<&PartitionValues> =
            written.iter().map(|file| &file.partition).collect();
        self.replaceable
            .iter()
            .filter(move |file| partitions.contains(&file.partition))
            .map(|file| file.path.clone())
    }

    /// With `rebuilt`, the tables are as if they were not there; with `partly`, rows of some files leave them.
    pub(crate) async fn find(
        tables: &dyn Tables,
        names: &ZoneNames,
        contract: &Contract,
        (rebuilt, partly): (bool, bool),
    ) -> Result<Self> {
        let quarantine = match partly {
            true => tables.open(&names.quarantine).await?,
            false => None,
        };
        let bronze = tables.open(&names.bronze).await?.filter(|_| !rebuilt);
        let silver = tables.open(&names.silver).await?.filter(|_| !rebuilt);
        let own = contract.bronze_schema(&[]);
        let extra = bronze.iter().flat_map(|table| table.schema.fields().iter());
        let extra = extra
            .map(|field| field.name().clone())
            .filter(|name| own.column_with_name(name).is_none())
            .collect();
        if let Some(table) = silver
            .as_ref()
            .filter(|_| contract.write != WriteMode::Overwrite)
        {
            check_types(contract, table)?;
            check_partitions(contract, table)?;
        }
        let changes = match contract.write {
            WriteMode::Merge => true,
            WriteMode::Append => partly,
            WriteMode::Overwrite | WriteMode::OverwritePartitions => false,
        };
        let replaceable = match contract.write {
            WriteMode::OverwritePartitions => silver.iter().flat_map(|t| t.files.clone()).collect(),
            WriteMode::Append | WriteMode::Overwrite | WriteMode::Merge => Vec::new(),
        };
        Ok(Self {
            replaceable,
            bronze: tables.folder(&names.bronze).await?,
            quarantine: tables.folder(&names.quarantine).await?,
            silver: tables.folder(&names.silver).await?,
            extra,
            existing: silver.filter(|table| changes && !table.files.is_empty()),
            bronze_table: bronze.filter(|_| partly),
            quarantine_table: quarantine,
        })
    }
}

/// A load with everything it needs, to be done on a thread of its own.
pub(crate) struct Work {
    pub(crate) request: Arc<IngestRequest>,
    pub(crate) contract: Contract,
    pub(crate) arrived: Vec<Arrived>,
    pub(crate) plan: LoadPlan,
    pub(crate) places: Places,
    pub(crate) progress: OnProgress,
    /// Whether all rows leave the tables.
    pub(crate) rebuilt: bool,
    /// One for each planned load, if files are loaded again.
    pub(crate) again: Vec<Again>,
    pub(crate) runners_up: Vec<(Arrived, String)>,
    /// The files whose rows leave the tables.
    pub(crate) leaving: Option<Leaving>,
}

/// A load that is done, except for the commits.
pub(crate) struct Done {
    /// For each planned load what was found, or why it was rejected.
    surveyed: Vec<Result<Surveyed>>,
    settled: Settled,
    written: Written,
    extra: Vec<String>,
}

impl Work {
    pub(crate) fn run(&self) -> Result<Done> {
        let format = file_format(&self.request.stream, &self.contract.header_names());
        let (mut inputs, kept) = self.inputs();
        let loads = inputs.len();
        inputs.extend(self.runner_up_inputs()?);
        let entries = Entries::new(&self.request.spill_folder, self.request.options.memory);
        let (batches, contents) = (Names::default(), Names::default());
        let merges = self.contract.write == WriteMode::Merge;
        let existing = self.places.existing.as_ref();
        let filter = existing.filter(|_| merges).map(|_| KeyFilter::new());
        let hasher = KeyHasher::default();
        let (leaving, freed) = self.leaving_silver(&hasher)?;
        let by_group = !merges && !self.again.is_empty();
        let survey = Survey {
            contract: &self.contract,
            format: &format,
            hasher: &hasher,
            entries: &entries,
            batches: &batches,
            contents: &contents,
            filter: filter.as_ref(),
            freed: freed.as_ref(),
            by_group,
            progress: &self.counter(Phase::Survey),
        };
        let mut surveyed = survey.run(&inputs, self.request.options.threads);
        let running = surveyed.split_off(loads.min(surveyed.len()));
        let running = (0_u32..)
            .skip(loads)
            .zip(running)
            .map(|(at, surveyed)| Ok((at, surveyed?.running)))
            .collect::<Result<HashMap<u32, Bitmap>>>()?;
        let surveyed: Vec<_> = surveyed
            .into_iter()
            .zip(kept)
            .map(|(surveyed, kept)| kept.and(surveyed))
            .zip(&self.plan.to_load)
            .map(|(surveyed, load)| self.as_promised(surveyed?, load.candidate))
            .collect();
        let surveyed = not_ours(surveyed)?;
        let surveyed = self.none_lost(surveyed)?;
        let rejected: HashSet<u32> = (0..)
            .zip(&surveyed)
            .filter(|(_, surveyed)| surveyed.is_err())
            .map(|(at, _)| at)
            .collect();
        failpoint("ingest.after_survey");
        if let (Some(table), Some(filter)) = (existing, &filter) {
            let names = (&batches, &contents);
            let contract = &self.contract;
            add_entries(contract, table, &hasher, &entries, names, filter, &leaving)?;
        }
        drop((filter, freed));
        // Among the rows of one earlier load every file stood as it was.
        let superseded = self.plan.superseded.iter().filter(|_| !by_group);
        let superseded = superseded.map(ToString::to_string).collect();
        let mut settled = settle(&entries, &batches, &contents, &superseded, &rejected)?;
        drop(entries);
        for (file, rows) in leaving {
            settled.losers.entry(file).or_default().extend(&rows);
        }
        let extra = self.extra(&surveyed);
        let written = self.write(&inputs, &format, &settled, &rejected, &running, &extra)?;
        failpoint("ingest.after_files");
        Ok(Done {
            surveyed,
            settled,
            written,
            extra,
        })
    }

    /// The rows that leave the silver table, and their keys.
    fn leaving_silver(
        &self,
        hasher: &KeyHasher,
    ) -> Result<(HashMap<u32, Bitmap>, Option<KeyFilter>)> {
        let (Some(leaving), Some(table)) = (&self.leaving, &self.places.existing) else {
            return Ok((HashMap::new(), None));
        };
        let freed = KeyFilter::new();
        let rows = silver_rows(&self.contract, table, leaving, hasher, &freed)?;
        Ok((rows, Some(freed)))
    }

    /// Refuses to take rows out of the tables whose file cannot be read now: they would be lost.
    fn none_lost(&self, surveyed: Vec<Result<Surveyed>>) -> Result<Vec<Result<Surveyed>>> {
        let again = |at: usize| self.again.get(at).is_some_and(|again| again.was_loaded);
        let lost = surveyed.iter().enumerate();
        let lost = lost
            .filter(|(at, surveyed)| surveyed.is_err() && again(*at))
            .count();
        if lost == 0 {
            return Ok(surveyed);
        }
        let them = if lost == 1 { "file" } else { "files" };
        let summary = format!(
            "{lost} {them} of `{}` cannot be loaded again, so that nothing of it was replaced",
            self.contract.name
        );
        let errors = surveyed.into_iter().enumerate();
        let errors = errors.filter(|(at, _)| again(*at));
        let error = Error::join(errors.filter_map(|(_, surveyed)| surveyed.err()));
        let summary = Error::new(codes::L3005, summary)
            .help("correct the contract or the files, and start again");
        Err(match error {
            Some(error) => summary.and(error),
            None => summary,
        })
    }

    fn runner_up_inputs(&self) -> Result<Vec<Input>> {
        let inputs = self.runners_up.iter().map(|(arrived, batch)| {
            arrived.check_kept()?;
            Ok(Input {
                name: arrived.file.name.clone(),
                place: arrived.file.place.clone(),
                values: arrived.file.values.clone(),
                batch: batch.clone(),
                content: arrived.content.to_string(),
                part: Part::RunnerUp,
                group: String::new(),
            })
        });
        inputs.collect()
    }

    /// What was found in a file, if it has as many rows as its manifest says.
    fn as_promised(&self, surveyed: Surveyed, candidate: usize) -> Result<Surveyed> {
        if let Some(arrived) = self.arrived.get(candidate) {
            let name = &arrived.file.name;
            arrived.promise.check_rows(surveyed.rows, name)?;
        }
        Ok(surveyed)
    }

    /// Keeps the raw bytes of each file. A file for which that fails is rejected, like one that is damaged.
    fn inputs(&self) -> (Vec<Input>, Vec<Result<()>>) {
        let loads = self.plan.to_load.iter().enumerate();
        loads
            .filter_map(|(at, load)| {
                Some((self.again.get(at), load, self.arrived.get(load.candidate)?))
            })
            .map(|(again, load, arrived)| {
                let request = &self.request;
                let kept = keep_raw(
                    arrived,
                    &request.origin,
                    request.stream.raw,
                    &request.raw_folder,
                    &request.spill_folder,
                );
                let (place, kept) = match kept {
                    Ok(place) => (place, Ok(())),
                    Err(error) => (arrived.file.place.clone(), Err(error)),
                };
                let input = Input {
                    name: arrived.file.name.clone(),
                    place,
                    values: arrived.file.values.clone(),
                    batch: load.batch.clone(),
                    content: arrived.content.to_string(),
                    part: match again.is_some_and(|again| again.outdated) {
                        true => Part::Outdated,
                        false => Part::All,
                    },
                    group: again.map(|again| again.group.clone()).unwrap_or_default(),
                };
                (input, kept)
            })
            .unzip()
    }

    /// Columns beyond the contract that bronze keeps: those it has and those that came in.
    fn extra(&self, surveyed: &[Result<Surveyed>]) -> Vec<String> {
        let mut extra = self.places.extra.clone();
        if self.contract.keeps_new_columns() {
            let found: BTreeSet<&String> = surveyed
                .iter()
                .flatten()
                .flat_map(|file| &file.extra)
                .collect();
            let new: Vec<String> = found
                .into_iter()
                .filter(|name| !extra.contains(name))
                .cloned()
                .collect();
            extra.extend(new);
        }
        extra
    }

    fn write(
        &self,
        inputs: &[Input],
        format: &FileFormat,
        settled: &Settled,
        rejected: &HashSet<u32>,
        running: &HashMap<u32, Bitmap>,
        extra: &[String],
    ) -> Result<Written> {
        if self.plan.to_load.len() == rejected.len() && self.leaving.is_none() {
            return Ok(Written::default());
        }
        let paths = self.leaving.as_ref().map(|leaving| &leaving.paths);
        let rows = |table: &'_ Option<TableState>| match (paths, table) {
            (Some(paths), Some(table)) => rows_with(table, "_FILE", paths).map(Some),
            _ => Ok(None),
        };
        let (bronze, quarantine) = (&self.places.bronze_table, &self.places.quarantine_table);
        let (bronze_rows, quarantine_rows) = (rows(bronze)?, rows(quarantine)?);
        let load = Load {
            contract: &self.contract,
            format,
            settled,
            rejected,
            extra,
            run_id: &self.request.run.to_string(),
            bronze: &self.places.bronze,
            quarantine: &self.places.quarantine,
            silver: &self.places.silver,
            existing: self.places.existing.as_ref(),
            bronze_leaving: bronze.as_ref().zip(bronze_rows),
            quarantine_leaving: quarantine.as_ref().zip(quarantine_rows),
            running,
            progress: &self.counter(Phase::Load),
        };
        let written = load.run(inputs)?;
        for load in &self.plan.to_load {
            if let Some(arrived) = self.arrived.get(load.candidate) {
                check_unchanged(arrived, self.request.stream.raw)?;
            }
        }
        Ok(written)
    }

    fn counter(&self, phase: Phase) -> impl Fn(u64) + Sync {
        let total = AtomicU64::new(0);
        let progress = Arc::clone(&self.progress);
        move |rows| {
            let rows = total.fetch_add(rows, Ordering::Relaxed) + rows;
            progress(Progress { phase, rows });
        }
    }

    pub(crate) async fn commit(
        &self,
        tables: &dyn Tables,
        names: &ZoneNames,
        done: &Done,
    ) -> Result<()> {
        if done.surveyed.iter().all(Result::is_err) && self.leaving.is_none() {
            return Ok(());
        }
        let rebuilt = self.rebuilt;
        let change = |operation, schema, hidden, add: &[DataFile], remove: &[String]| Change {
            operation: match rebuilt {
                true => Operation::Overwrite,
                false if operation == Operation::Append && !remove.is_empty() => Operation::Update,
                false => operation,
            },
            schema,
            hidden,
            add: add.to_vec(),
            remove: remove.to_vec(),
            remove_all: rebuilt,
            vectors: Vec::new(),
            partition_by: Vec::new(),
            feed: Feed::default(),
        };
        let written = &done.written;
        let bronze = self.contract.bronze_schema(&done.extra);
        let (add, remove) = (&written.bronze, &written.replaced_bronze);
        let bronze = change(Operation::Append, bronze, 0, add, remove);
        tables.commit(&names.bronze, bronze).await?;
        failpoint("ingest.after_bronze");
        let quarantine = self.contract.quarantine_schema();
        let (add, remove) = (&written.quarantine, &written.replaced_quarantine);
        let quarantine = change(Operation::Append, quarantine, 0, add, remove);
        tables.commit(&names.quarantine, quarantine).await?;
        failpoint("ingest.after_quarantine");
        let operation = match self.contract.write {
            WriteMode::Append => Operation::Append,
            WriteMode::Overwrite | WriteMode::OverwritePartitions => Operation::Overwrite,
            WriteMode::Merge => Operation::Merge,
        };
        let silver = self.contract.stored_silver_schema();
        let (add, remove) = (&written.silver, &written.replaced);
        let mut silver = change(operation, silver, HIDDEN_COLUMNS.len(), add, remove);
        let is_last = self.again.is_empty() || self.again.iter().any(|again| !again.outdated);
        silver.remove_all |= self.contract.write == WriteMode::Overwrite && is_last;
        silver.partition_by.clone_from(&self.contract.partition_by);
        silver.feed = self.contract.feed();
        silver
            .remove
            .extend(self.places.overwritten(&written.silver));
        tables.commit(&names.silver, silver).await?;
        failpoint("ingest.after_silver");
        Ok(())
    }

    pub(crate) fn report(&self, mut done: Done, outcome: &mut IngestOutcome) {
        let stream = &self.request.stream_name;
        let loads = (0_u32..).zip(self.plan.to_load.iter().zip(done.surveyed));
        for (number, (load, surveyed)) in loads {
            let again = self.again.get(number as usize);
            let Some(arrived) = self.arrived.get(load.candidate) else {
                continue;
            };
            let name = arrived.file.name.clone();
            match surveyed {
                Ok(surveyed) => {
                    let quarantined = surveyed.quarantined.values().sum();
                    let (status, found) = if surveyed.rows == 0 {
                        (LoadStatus::Empty, FileStatus::Empty)
                    } else {
                        let changed = load.changed_from.is_some();
                        let batch = load.batch.clone();
                        let rows = surveyed.rows;
                        (
                            LoadStatus::Loaded,
                            FileStatus::Loaded {
                                batch,
                                rows,
                                quarantined,
                                changed,
                            },
                        )
                    };
                    outcome.bronze_rows += surveyed.rows;
                    outcome.valid_rows += surveyed.valid;
                    outcome.discarded_rows += surveyed.discarded;
                    let broken = surveyed.quarantined.clone();
                    outcome.broken_rules.insert(name.clone(), broken);
                    for (rule, count) in surveyed.quarantined {
                        *outcome.quarantined.entry(rule).or_default() += count;
                    }
                    outcome.notices.extend(surveyed.notices);
                    let mut entry = arrived.entry(stream, &load.batch, status);
                    entry.rows = surveyed.rows;
                    entry.quarantined = quarantined;
                    entry.first_error = done.written.first_errors.remove(&number);
                    entry.replaces = again
                        .map(|again| again.replaces.clone())
                        .unwrap_or_default();
                    outcome.ledger.push(entry);
                    outcome.files.push(FileOutcome {
                        name,
                        status: found,
                    });
                }
                Err(error) => reject(
                    arrived,
                    stream,
                    &load.batch,
                    load.rejected_before,
                    error,
                    outcome,
                ),
            }
        }
        outcome.silver = if self.contract.deduplicates {
            SilverOutcome {
                inserted: done.settled.inserted,
                updated: done.settled.updated,
                older: done.settled.kept,
                duplicates: done.settled.duplicates,
            }
        } else {
            SilverOutcome {
                inserted: outcome.valid_rows,
                ..SilverOutcome::default()
            }
        };
    }
}

/// Ends a load that could not go on for reasons of this machine, such as a full disk: no file is to blame for that,
/// and none may be put down as damaged.
fn not_ours(surveyed: Vec<Result<Surveyed>>) -> Result<Vec<Result<Surveyed>>> {
    let is_ours =
        |error: &Error| matches!(error.class(), Class::DestinationOutage | Class::Resource);
    surveyed
        .into_iter()
        .map(|surveyed| match surveyed {
            Err(error) if is_ours(&error) => Err(error),
            other => Ok(other),
        })
        .collect()
}

/// Reports a rejected file. An empty file is an error of its own kind; the ledger calls it `empty`.
fn reject(
    arrived: &Arrived,
    stream: &str,
    batch: &str,
    again: bool,
    error: Error,
    outcome: &mut IngestOutcome,
) {
    let name = arrived.file.name.clone();
    if !again {
        let mut entry = arrived.entry(stream, batch, LoadStatus::Rejected);
        entry.error = Some(error.message().to_owned());
        entry.first_error = Some(FirstError {
            message: error.message().to_owned(),
            line: error.place().map(|place| place.line as u64),
            column: None,
        });
        outcome.ledger.push(entry);
    }
    outcome.files.push(FileOutcome {
        name: name.clone(),
        status: FileStatus::Rejected,
    });
    outcome.rejected.push(Rejection {
        file: name,
        error,
        again,
    });
}
