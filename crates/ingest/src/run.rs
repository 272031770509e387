//! [`run`]: one load of one dataset, from the files found to new versions of its tables.

use std::collections::{BTreeSet, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use chrono::{DateTime, Utc};
use connectors::files::FileFormat;
use diagnostic::{Error, Result, ResultExt, codes};
use lake::{DataFile, DataFolder, Operation, PartitionValues, StoredFile};
use model::{Identifier, RelationName, RunId, SchemaName};
use settings::{DatasetSpec, FileChange, StreamSpec, WriteMode};
use state::{LedgerEntry, LoadStatus};
use telemetry::failpoint;

use crate::contract::{Contract, HIDDEN_COLUMNS};
use crate::existing::{add_entries, check_partitions, check_types};
use crate::incoming::{
    Arrivals, Arrived, Landing, Origin, arrive, arrive_remote, check_unchanged, file_format,
    forget_copies, keep_raw, replay,
};
use crate::load::{Load, Written};
use crate::order::{Entries, KeyFilter, KeyHasher, Names, Settled, settle};
use crate::outcome::{FileOutcome, FileStatus, IngestOutcome, Rejection, SilverOutcome};
use crate::plan::LoadPlan;
use crate::survey::{Input, Survey, Surveyed};
use crate::tables::{Change, TableState, Tables};

/// One load to do.
pub struct IngestRequest {
    /// The contract.
    pub dataset: DatasetSpec,
    /// The stream it reads.
    pub stream: StreamSpec,
    /// What the ledger calls the stream.
    pub stream_name: String,
    /// Where the stream's patterns start.
    pub origin: Origin,
    /// The database whose schemas `BRONZE`, `SILVER` and `QUARANTINE` are the zones.
    pub database: Identifier,
    /// The run that the rows belong to.
    pub run: RunId,
    /// What rules call the current instant.
    pub clock: DateTime<Utc>,
    /// The stream's ledger so far, oldest first.
    pub ledger: Vec<LedgerEntry>,
    /// Where copies of the files' bytes are kept.
    pub raw_folder: PathBuf,
    /// An existing folder for what does not fit the memory budget. Nothing stays in it.
    pub spill_folder: PathBuf,
    /// How to go about it.
    pub options: IngestOptions,
}

/// How to go about a load.
#[derive(Clone, Copy, Debug)]
pub struct IngestOptions {
    /// Bytes for the keys of rows; more are spilled to disk.
    pub memory: usize,
    /// Files surveyed at once.
    pub threads: usize,
    /// Forget the ledger and build the tables anew, from the files that are there and from the raw
    /// zone's copies of those that are gone.
    pub full_refresh: bool,
}

impl Default for IngestOptions {
    fn default() -> Self {
        Self {
            memory: 128 << 20,
            threads: 2,
            full_refresh: false,
        }
    }
}

/// Where a load stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Which pass it is in.
    pub phase: Phase,
    /// Rows this pass has read.
    pub rows: u64,
}

/// The passes of a load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Reading only.
    Survey,
    /// Writing.
    Load,
}

/// Hears how a load proceeds, from several threads.
pub type OnProgress = Arc<dyn Fn(Progress) + Send + Sync>;

/// Loads what is new in the stream of `request` into the dataset's tables.
///
/// New versions go to `tables`; the ledger entries in the outcome are the caller's to record in the same
/// transaction. Without new files no table is touched.
///
/// # Errors
/// `L2001` to `L2004` if the contract does not make sense, `F1003` and `F1004` if the patterns do not,
/// `L3001` to `L3004` if a table cannot be read or written, and what `tables` says. A file that cannot be
/// read is no error but a [`Rejection`].
pub async fn run(
    request: IngestRequest,
    tables: &dyn Tables,
    progress: OnProgress,
) -> Result<IngestOutcome> {
    let contract = Contract::compile(&request.dataset, &request.stream.format, request.clock)?;
    let known = if request.options.full_refresh {
        Vec::new()
    } else {
        request.ledger.clone()
    };
    let request = Arc::new(request);

    let arriving = Arc::clone(&request);
    let Arrivals {
        files: arrived,
        failed,
        notices,
    } = blocking(move || {
        let (stream, ledger) = (&arriving.stream, &arriving.ledger);
        let mut arrivals = match &arriving.origin {
            Origin::Folder(folder) => arrive(folder, stream, ledger)?,
            Origin::Store(storage) => {
                let (raw, spill) = (&arriving.raw_folder, &arriving.spill_folder);
                let landing = Landing::new(stream.raw, raw, spill);
                arrive_remote(storage, stream, ledger, &landing)?
            }
        };
        if arriving.options.full_refresh {
            let (replayed, missing) = replay(
                &arriving.stream,
                &arriving.ledger,
                &arrivals.files,
                &arriving.raw_folder,
            )?;
            arrivals.files.extend(replayed);
            arrivals.files.sort_by(|a, b| a.file.name.cmp(&b.file.name));
            arrivals.notices.extend(missing);
        }
        Ok(arrivals)
    })
    .await?;
    let candidates: Vec<_> = arrived.iter().map(Arrived::candidate).collect();
    let mut plan = LoadPlan::new(&candidates, &known);
    let changed = match request.stream.on_file_change {
        FileChange::Reload => Vec::new(),
        FileChange::Error | FileChange::Ignore => plan.hold_changed(),
    };
    let mut outcome = IngestOutcome {
        notices,
        ..IngestOutcome::default()
    };
    let rejections = failed.into_iter().map(|(file, error)| Rejection {
        file,
        error,
        again: false,
    });
    outcome.rejected.extend(rejections);
    for file in changed.iter().filter_map(|at| arrived.get(*at)) {
        report_changed(file, request.stream.on_file_change, &mut outcome);
    }
    report_known(&plan, &arrived, &request.stream_name, &mut outcome);

    if !plan.to_load.is_empty() {
        let names = ZoneNames::new(&request);
        let places = Places::find(tables, &names, &contract, &request).await?;
        let work = Work {
            request: Arc::clone(&request),
            contract,
            arrived,
            plan,
            places,
            progress,
        };
        let (work, done) = blocking(move || {
            let done = work.run()?;
            Ok((work, done))
        })
        .await?;
        forget_copies(&work.arrived, work.request.stream.raw);
        work.commit(tables, &names, &done).await?;
        work.report(done, &mut outcome);
    }
    outcome.files.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(outcome)
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .explain(codes::X0001, || "A load broke down".to_owned())?
}

/// Reports a file that changed although the stream's files do not.
fn report_changed(file: &Arrived, policy: FileChange, outcome: &mut IngestOutcome) {
    let name = file.file.name.clone();
    if policy == FileChange::Ignore {
        outcome.notices.push(format!(
            "`{name}` has changed since it was loaded, which the stream ignores"
        ));
        outcome.files.push(FileOutcome {
            name,
            status: FileStatus::Unchanged,
        });
        return;
    }
    let error = Error::new(
        codes::F1006,
        format!("`{name}` has another content than when it was loaded"),
    )
    .with("file", &name)
    .help(
        "deliver corrections as files of their own, or set `on_file_change: reload` for the stream",
    );
    outcome.files.push(FileOutcome {
        name: name.clone(),
        status: FileStatus::Rejected,
    });
    outcome.rejected.push(Rejection {
        file: name,
        error,
        again: false,
    });
}

/// Reports the files that need no loading.
fn report_known(plan: &LoadPlan, arrived: &[Arrived], stream: &str, outcome: &mut IngestOutcome) {
    for at in &plan.unchanged {
        if let Some(file) = arrived.get(*at) {
            outcome.files.push(FileOutcome {
                name: file.file.name.clone(),
                status: FileStatus::Unchanged,
            });
        }
    }
    for (at, batch) in &plan.duplicates {
        if let Some(file) = arrived.get(*at) {
            outcome.files.push(FileOutcome {
                name: file.file.name.clone(),
                status: FileStatus::Duplicate,
            });
            outcome
                .ledger
                .push(file.entry(stream, batch, LoadStatus::Duplicate));
        }
    }
}

/// The three tables of a dataset.
struct ZoneNames {
    bronze: RelationName,
    quarantine: RelationName,
    silver: RelationName,
}

impl ZoneNames {
    fn new(request: &IngestRequest) -> Self {
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
struct Places {
    bronze: DataFolder,
    quarantine: DataFolder,
    silver: DataFolder,
    /// Columns of the bronze table beyond the contract.
    extra: Vec<String>,
    /// The silver table to merge into.
    existing: Option<TableState>,
    /// The files of the silver table whose partitions the load replaces.
    replaceable: Vec<StoredFile>,
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

    async fn find(
        tables: &dyn Tables,
        names: &ZoneNames,
        contract: &Contract,
        request: &IngestRequest,
    ) -> Result<Self> {
        let rebuilt = request.options.full_refresh;
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
        let merges = contract.write == WriteMode::Merge;
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
            existing: silver.filter(|table| merges && !table.files.is_empty()),
        })
    }
}

/// A load with everything it needs, to be done on a thread of its own.
struct Work {
    request: Arc<IngestRequest>,
    contract: Contract,
    arrived: Vec<Arrived>,
    plan: LoadPlan,
    places: Places,
    progress: OnProgress,
}

/// A load that is done, except for the commits.
struct Done {
    /// For each planned load what was found, or why it was rejected.
    surveyed: Vec<Result<Surveyed>>,
    settled: Settled,
    written: Written,
    extra: Vec<String>,
}

impl Work {
    fn run(&self) -> Result<Done> {
        let format = file_format(&self.request.stream, &self.contract.header_names());
        let (inputs, kept) = self.inputs();
        let entries = Entries::new(&self.request.spill_folder, self.request.options.memory);
        let (batches, contents) = (Names::default(), Names::default());
        let filter = self.places.existing.as_ref().map(|_| KeyFilter::new());
        let hasher = KeyHasher::default();
        let survey = Survey {
            contract: &self.contract,
            format: &format,
            hasher: &hasher,
            entries: &entries,
            batches: &batches,
            contents: &contents,
            filter: filter.as_ref(),
            progress: &self.counter(Phase::Survey),
        };
        let surveyed = survey.run(&inputs, self.request.options.threads);
        let surveyed: Vec<_> = surveyed
            .into_iter()
            .zip(kept)
            .map(|(surveyed, kept)| kept.and(surveyed))
            .zip(&self.plan.to_load)
            .map(|(surveyed, load)| self.as_promised(surveyed?, load.candidate))
            .collect();
        let rejected: HashSet<u32> = (0..)
            .zip(&surveyed)
            .filter(|(_, surveyed)| surveyed.is_err())
            .map(|(at, _)| at)
            .collect();
        failpoint("ingest.after_survey");
        if let (Some(table), Some(filter)) = (&self.places.existing, &filter) {
            add_entries(
                &self.contract,
                table,
                &hasher,
                &entries,
                (&batches, &contents),
                filter,
            )?;
        }
        drop(filter);
        let superseded = self
            .plan
            .superseded
            .iter()
            .map(ToString::to_string)
            .collect();
        let settled = settle(&entries, &batches, &contents, &superseded, &rejected)?;
        drop(entries);
        let extra = self.extra(&surveyed);
        let written = self.write(&inputs, &format, &settled, &rejected, &extra)?;
        failpoint("ingest.after_files");
        Ok(Done {
            surveyed,
            settled,
            written,
            extra,
        })
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
        let loads = self
            .plan
            .to_load
            .iter()
            .filter_map(|load| Some((load, self.arrived.get(load.candidate)?)));
        loads
            .map(|(load, arrived)| {
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
        extra: &[String],
    ) -> Result<Written> {
        if inputs.len() == rejected.len() {
            return Ok(Written::default());
        }
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

    async fn commit(&self, tables: &dyn Tables, names: &ZoneNames, done: &Done) -> Result<()> {
        if done.surveyed.iter().all(Result::is_err) {
            return Ok(());
        }
        let rebuilt = self.request.options.full_refresh;
        let change = |operation, schema, hidden, add: &[DataFile]| Change {
            operation: if rebuilt {
                Operation::Overwrite
            } else {
                operation
            },
            schema,
            partition_by: Vec::new(),
            hidden,
            add: add.to_vec(),
            remove: Vec::new(),
            remove_all: rebuilt,
            vectors: Vec::new(),
        };
        let written = &done.written;
        let bronze = self.contract.bronze_schema(&done.extra);
        tables
            .commit(
                &names.bronze,
                change(Operation::Append, bronze, 0, &written.bronze),
            )
            .await?;
        failpoint("ingest.after_bronze");
        let quarantine = self.contract.quarantine_schema();
        let quarantine = change(Operation::Append, quarantine, 0, &written.quarantine);
        tables.commit(&names.quarantine, quarantine).await?;
        failpoint("ingest.after_quarantine");
        let operation = match self.contract.write {
            WriteMode::Append => Operation::Append,
            WriteMode::Overwrite | WriteMode::OverwritePartitions => Operation::Overwrite,
            WriteMode::Merge => Operation::Merge,
        };
        let silver = self.contract.stored_silver_schema();
        let mut silver = change(operation, silver, HIDDEN_COLUMNS.len(), &written.silver);
        silver.partition_by.clone_from(&self.contract.partition_by);
        silver.remove.clone_from(&written.replaced);
        silver
            .remove
            .extend(self.places.overwritten(&written.silver));
        silver.remove_all |= self.contract.write == WriteMode::Overwrite;
        tables.commit(&names.silver, silver).await?;
        failpoint("ingest.after_silver");
        Ok(())
    }

    fn report(&self, done: Done, outcome: &mut IngestOutcome) {
        let stream = &self.request.stream_name;
        for (load, surveyed) in self.plan.to_load.iter().zip(done.surveyed) {
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
                    for (rule, count) in surveyed.quarantined {
                        *outcome.quarantined.entry(rule).or_default() += count;
                    }
                    outcome.notices.extend(surveyed.notices);
                    let mut entry = arrived.entry(stream, &load.batch, status);
                    entry.rows = surveyed.rows;
                    entry.quarantined = quarantined;
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
