//! [`run`]: one load of one dataset, from the files found to new versions of its tables.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use diagnostic::{Error, Result, ResultExt, codes};
use model::{Identifier, RunId};
use settings::{DatasetSpec, FileChange, StreamSpec};
use state::{LedgerEntry, LoadStatus, Replaces};

use crate::contract::Contract;
use crate::incoming::{
    Arrivals, Arrived, Kept, Landing, Origin, Wanted, arrive, arrive_remote, forget_copies, replay,
};
use crate::leaving::distinct;
use crate::live::live;
use crate::outcome::{FileOutcome, FileStatus, IngestOutcome, Rejection};
use crate::plan::{LoadPlan, next_arrival};
use crate::reload::{self, Chosen, PathFilter, Reload, ReloadFrom, keep_batches};
use crate::scope::Scope;
use crate::tables::Tables;
use crate::work::{Places, Work, ZoneNames};

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
    /// Which of the stream's files it looks at.
    pub scope: Scope,
    /// Where copies of the files' bytes are kept.
    pub raw_folder: PathBuf,
    /// An existing folder for what does not fit the memory budget. Nothing stays in it.
    pub spill_folder: PathBuf,
    /// How to go about it.
    pub options: IngestOptions,
    /// Files to load again, instead of those that are new.
    pub reload: Option<Reload>,
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
    let request = Arc::new(request);
    let names = ZoneNames::new(&request);
    let quarantined = quarantined_paths(&request, tables).await?;
    let arriving = Arc::clone(&request);
    let (contract, mut chosen, mut outcome) = blocking(move || {
        let (chosen, outcome) = choose(&arriving, &contract, quarantined)?;
        Ok((contract, chosen, outcome))
    })
    .await?;
    outcome.notices.append(&mut chosen.notices);
    let rebuilt = match &request.reload {
        None => request.options.full_refresh,
        Some(_) => chosen.leaving.is_none(),
    };
    if !chosen.is_empty() {
        let partly = chosen.leaving.is_some();
        let places = Places::find(tables, &names, &contract, (rebuilt, partly)).await?;
        outcome.ledger.append(&mut chosen.removed);
        let work = Work {
            request: Arc::clone(&request),
            contract,
            arrived: chosen.arrived,
            plan: chosen.plan,
            places,
            progress,
            rebuilt,
            again: chosen.again,
            runners_up: chosen.runners_up,
            leaving: chosen.leaving,
        };
        let (work, done) = blocking(move || {
            let done = work.run()?;
            Ok((work, done))
        })
        .await?;
        forget_copies(&work.arrived, work.request.stream.raw);
        work.commit(tables, &names, &done).await?;
        work.report(done, &mut outcome);
        outcome.rebuilt = rebuilt && outcome.changed();
    } else {
        forget_copies(&chosen.arrived, request.stream.raw);
    }
    if rebuilt && request.reload.is_none() && outcome.took_rows() {
        for entry in &mut outcome.ledger {
            entry.replaces = Replaces::Everything;
        }
    }
    let (table, location) = (names.silver.to_string(), request.origin.url());
    for entry in &mut outcome.ledger {
        entry.table.clone_from(&table);
        entry.location.clone_from(&location);
    }
    outcome.files.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(outcome)
}

/// The paths that have rows in quarantine, if the reload of `request` asks for them.
pub(crate) async fn quarantined_paths(
    request: &IngestRequest,
    tables: &dyn Tables,
) -> Result<HashSet<String>> {
    let reload = request.reload.as_ref();
    if !reload.is_some_and(|reload| reload.filter.quarantined) {
        return Ok(HashSet::new());
    }
    let Some(table) = tables.open(&ZoneNames::new(request).quarantine).await? else {
        return Ok(HashSet::new());
    };
    blocking(move || distinct(&table, "_FILE")).await
}

/// Looks for the files to load, and says what is known of the others.
pub(crate) fn choose(
    request: &IngestRequest,
    contract: &Contract,
    quarantined: HashSet<String>,
) -> Result<(Chosen, IngestOutcome)> {
    let (stream, ledger) = (&request.stream, &request.ledger);
    let mut outcome = IngestOutcome::default();
    let kept = Kept {
        raw_folder: &request.raw_folder,
        origin: &request.origin,
    };
    let Some(Reload { from, filter }) = &request.reload else {
        return Ok((choose_new(request, &kept, &mut outcome)?, outcome));
    };
    let filter = PathFilter::new(filter, stream, quarantined)?;
    let chosen = match from {
        ReloadFrom::Raw => reload::replay(contract, ledger, &filter, &kept)?,
        ReloadFrom::Source { prune } => {
            let known: Vec<LedgerEntry> = ledger
                .iter()
                .filter(|entry| !filter.means(&entry.path, None))
                .cloned()
                .collect();
            let mut arrivals = arrivals(request, &known, &|path| filter.means(path, None))?;
            let chosen = reload::backfill(
                contract,
                &request.stream_name,
                ledger,
                &filter,
                &mut arrivals,
                &kept,
                *prune,
            )?;
            outcome.take(arrivals.notices, arrivals.failed);
            report_known(
                &chosen.plan,
                &chosen.arrived,
                &request.stream_name,
                &mut outcome,
            );
            chosen
        }
    };
    Ok((chosen, outcome))
}

/// The stream's files that are there and asked for.
fn arrivals(
    request: &IngestRequest,
    known: &[LedgerEntry],
    wanted: Wanted<'_>,
) -> Result<Arrivals> {
    let stream = &request.stream;
    match &request.origin {
        Origin::Folder(folder) => arrive(folder, stream, known, &request.scope, wanted),
        Origin::Store(storage) => {
            let (raw, spill) = (&request.raw_folder, &request.spill_folder);
            let landing = Landing::new(stream.raw, raw, spill);
            arrive_remote(storage, stream, known, &request.scope, &landing, wanted)
        }
    }
}

/// The files that are new, or all of them in a full refresh.
fn choose_new(
    request: &IngestRequest,
    kept: &Kept<'_>,
    outcome: &mut IngestOutcome,
) -> Result<Chosen> {
    let (stream, ledger) = (&request.stream, &request.ledger);
    let mut arrivals = arrivals(request, ledger, &|_| true)?;
    let full_refresh = request.options.full_refresh;
    if full_refresh {
        let (replayed, missing) = replay(stream, ledger, &arrivals.files, kept)?;
        arrivals.files.extend(replayed);
        arrivals.files.sort_by(|a, b| a.file.name.cmp(&b.file.name));
        arrivals.notices.extend(missing);
    }
    outcome.take(arrivals.notices, arrivals.failed);
    let arrived = arrivals.files;
    let candidates: Vec<_> = arrived.iter().map(Arrived::candidate).collect();
    let known: &[LedgerEntry] = if full_refresh { &[] } else { ledger };
    let mut plan = LoadPlan::new(&candidates, known);
    if full_refresh {
        keep_batches(&mut plan, &arrived, &live(ledger), &next_arrival(ledger));
    }
    let changed = match stream.on_file_change {
        FileChange::Reload => Vec::new(),
        FileChange::Error | FileChange::Ignore => plan.hold_changed(),
    };
    for file in changed.iter().filter_map(|at| arrived.get(*at)) {
        report_changed(file, stream.on_file_change, outcome);
    }
    report_known(&plan, &arrived, &request.stream_name, outcome);
    Ok(Chosen {
        arrived,
        plan,
        ..Chosen::default()
    })
}

pub(crate) async fn blocking<T: Send + 'static>(
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
