//! Loading files again that were loaded before: from the raw zone ([`ReloadFrom::Raw`]), without a look at the
//! source, or from the source as it is now ([`ReloadFrom::Source`]).
//!
//! The rows of the chosen files leave the tables, and what the files hold comes in, in one version of each table. All
//! versions of a path leave together. Files that are not chosen keep their rows.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, NaiveDate};
use connectors::files::PathValues;
use diagnostic::{Error, Result, ResultExt, codes};
use globset::{Glob, GlobSet, GlobSetBuilder};
use indexmap::IndexMap;
use settings::{StreamSpec, WriteMode};
use state::{LedgerEntry, LoadStatus, Replaces};

use crate::contract::Contract;
use crate::incoming::{Arrivals, Arrived, Kept, from_raw, patterns};
use crate::live::{LiveLoad, live, refused};
use crate::path_date::Span;
use crate::plan::{LoadPlan, PlannedLoad, arrival, next_arrival};

/// Files to load again.
#[derive(Clone, Debug)]
pub struct Reload {
    /// Where their bytes come from.
    pub from: ReloadFrom,
    /// Which files.
    pub filter: FileFilter,
}

/// Where the bytes of files that are loaded again come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReloadFrom {
    /// The copies in the raw zone; the source is not looked at.
    Raw,
    /// The source as it is now.
    Source {
        /// Whether rows of files that the source does not have any more leave the tables.
        prune: bool,
    },
}

/// Which files of a stream.
#[derive(Clone, Debug, Default)]
pub struct FileFilter {
    /// Those of this day and later, by the date in their path.
    pub from: Option<NaiveDate>,
    /// Those of this day and earlier.
    pub to: Option<NaiveDate>,
    /// Those whose path matches one of these patterns; all if there are none.
    pub files: Vec<String>,
    /// Only those that have rows in quarantine.
    pub quarantined: bool,
}

/// What is special about a file that is loaded again.
#[derive(Clone, Debug, Default)]
pub(crate) struct Again {
    /// The run that loaded it before. Where rows are deduplicated within a run, they still are.
    pub(crate) group: String,
    /// Whether its rows are not for the silver table, as a later run has overwritten it.
    pub(crate) outdated: bool,
    /// Whether its rows are in the tables, so that they would be lost if it cannot be read now.
    pub(crate) was_loaded: bool,
    pub(crate) replaces: Replaces,
}

/// The files whose rows leave the tables.
#[derive(Clone, Debug, Default)]
pub(crate) struct Leaving {
    pub(crate) paths: HashSet<String>,
    pub(crate) contents: HashSet<String>,
}

/// What a reload loads.
#[derive(Default)]
pub(crate) struct Chosen {
    pub(crate) arrived: Vec<Arrived>,
    pub(crate) plan: LoadPlan,
    /// One for each planned load.
    pub(crate) again: Vec<Again>,
    /// Files that stay, whose rows may take the place of one that leaves: a file and its batch.
    pub(crate) runners_up: Vec<(Arrived, String)>,
    /// The files whose rows leave; `None` if the tables are built anew.
    pub(crate) leaving: Option<Leaving>,
    /// What the ledger must remember beyond the loads.
    pub(crate) removed: Vec<LedgerEntry>,
    pub(crate) notices: Vec<String>,
}

impl Chosen {
    /// Whether there is nothing to do.
    pub(crate) fn is_empty(&self) -> bool {
        self.plan.to_load.is_empty() && self.removed.is_empty()
    }
}

/// Decides which paths a [`FileFilter`] means.
pub(crate) struct PathFilter<'a> {
    filter: &'a FileFilter,
    globs: Option<GlobSet>,
    values: PathValues,
    batch: Option<&'a str>,
    /// Paths with rows in quarantine.
    quarantined: HashSet<String>,
}

impl<'a> PathFilter<'a> {
    pub(crate) fn new(
        filter: &'a FileFilter,
        stream: &'a StreamSpec,
        quarantined: HashSet<String>,
    ) -> Result<Self> {
        let mut globs = GlobSetBuilder::new();
        for pattern in &filter.files {
            let glob = Glob::new(pattern);
            globs.add(glob.explain(codes::F1003, || {
                format!("`{pattern}` is not a valid file pattern")
            })?);
        }
        let globs = globs.build();
        let globs = globs.explain(codes::F1003, || "These patterns cannot be used".to_owned())?;
        Ok(Self {
            globs: (!filter.files.is_empty()).then_some(globs),
            filter,
            values: PathValues::new(&patterns(stream))?,
            batch: stream.batch.as_deref(),
            quarantined,
        })
    }

    /// The dates in a path.
    fn span(&self, path: &str) -> Option<Span> {
        Span::of_path(path, &self.values.of(path), self.batch)
    }

    fn has_dates(&self) -> bool {
        self.filter.from.is_some() || self.filter.to.is_some()
    }

    /// Whether the file of this path is meant; without a date in the path, `otherwise` is its date.
    pub(crate) fn means(&self, path: &str, otherwise: Option<Span>) -> bool {
        let FileFilter { from, to, .. } = *self.filter;
        let dated = || match self.span(path).or(otherwise) {
            Some(span) => span.meets(from, to),
            None => false,
        };
        (!self.has_dates() || dated())
            && self.globs.as_ref().is_none_or(|globs| globs.is_match(path))
            && (!self.filter.quarantined || self.quarantined.contains(path))
    }
}

/// The day a file was loaded, for paths without a date.
fn loaded_on(entry: &LedgerEntry) -> Option<Span> {
    let at = DateTime::parse_from_rfc3339(&entry.loaded_at).ok()?;
    Some(Span::day(at.to_utc().date_naive()))
}

/// Chooses the files of a replay: all from the raw zone.
///
/// # Errors
/// `L3005` if rows would be lost because copies are missing that the chosen files depend on.
pub(crate) fn replay(
    contract: &Contract,
    known: &[LedgerEntry],
    filter: &PathFilter<'_>,
    kept: &Kept<'_>,
) -> Result<Chosen> {
    let live = live(known);
    let runs: HashSet<&str> = live.iter().map(|load| load.run).collect();
    if contract.write == WriteMode::OverwritePartitions && runs.len() > 1 {
        let message = format!(
            "`{}` overwrites partitions, so that what its loads left cannot be told from their files",
            contract.name
        );
        return Err(Error::new(codes::L2005, message)
            .help("`sluice run --full-refresh` loads everything as one load"));
    }
    let copies: Vec<Option<Arrived>> = live
        .iter()
        .map(|load| from_raw(load.entry, &filter.values, kept))
        .collect::<Result<_>>()?;
    let mut missing: HashSet<&str> = HashSet::new();
    for (load, copy) in live.iter().zip(&copies) {
        if copy.is_none() {
            missing.insert(&load.entry.path);
        }
    }
    let mut paths: HashSet<&str> = live
        .iter()
        .map(|load| load.entry)
        .filter(|entry| filter.means(&entry.path, loaded_on(entry)))
        .map(|entry| entry.path.as_str())
        .collect();
    if loads_hang_together(contract) {
        widen(&live, &mut paths);
        if let Some(gone) = paths.iter().find(|path| missing.contains(*path)) {
            return Err(would_lose(contract, gone));
        }
    }
    let mut notices = Vec::new();
    let without: Vec<&str> = paths
        .iter()
        .copied()
        .filter(|path| missing.contains(path))
        .collect();
    if let Some(notice) = listed(without) {
        notices.push(format!(
            "no copy in the raw zone, so that the rows stay as they were loaded: {notice}"
        ));
    }
    paths.retain(|path| !missing.contains(path));
    let is_whole = live
        .iter()
        .all(|load| paths.contains(load.entry.path.as_str()));
    let last_run = live.last().map_or("", |load| load.run);
    let mut chosen = Chosen {
        notices,
        ..Chosen::default()
    };
    let mut leaving = Leaving::default();
    let mut unsure = Vec::new();
    for (load, copy) in live.iter().zip(copies) {
        let path = load.entry.path.as_str();
        if !paths.contains(path) {
            match copy {
                _ if contract.write != WriteMode::Merge => {}
                Some(copy) => chosen.runners_up.push((copy, load.entry.batch.clone())),
                None => unsure.push(path),
            }
            continue;
        }
        let Some(copy) = copy else { continue };
        leaving.paths.insert(path.to_owned());
        leaving.contents.insert(load.entry.content_hash.clone());
        chosen.add(
            copy,
            &load.entry.batch,
            Again {
                group: load.run.to_owned(),
                outdated: contract.write == WriteMode::Overwrite && load.run != last_run,
                was_loaded: true,
                replaces: Replaces::Load(load.run.to_owned()),
            },
        );
    }
    chosen.unsure(unsure);
    chosen.add_refused(known, filter, kept)?;
    let candidates: Vec<_> = chosen.arrived.iter().map(Arrived::candidate).collect();
    chosen.plan.superseded = LoadPlan::new(&candidates, known).superseded;
    if !is_whole {
        chosen.leaving = Some(leaving);
    }
    Ok(chosen)
}

impl Chosen {
    /// Says that `paths` stay and cannot be asked for rows that take the place of others.
    fn unsure(&mut self, paths: Vec<&str>) {
        if let Some(paths) = listed(paths).filter(|_| !self.is_empty()) {
            self.notices.push(format!(
                "no copy in the raw zone, so that an older row there cannot take the place of one that leaves: {paths}"
            ));
        }
    }

    fn add(&mut self, copy: Arrived, batch: &str, again: Again) {
        self.plan.to_load.push(PlannedLoad {
            candidate: self.arrived.len(),
            batch: batch.to_owned(),
            changed_from: None,
            rejected_before: !again.was_loaded,
        });
        self.arrived.push(copy);
        self.again.push(again);
    }

    /// Files that an earlier run refused: today's contract may take them.
    fn add_refused(
        &mut self,
        known: &[LedgerEntry],
        filter: &PathFilter<'_>,
        kept: &Kept<'_>,
    ) -> Result<()> {
        let taken: HashSet<&str> = live(known)
            .iter()
            .map(|load| load.entry.content_hash.as_str())
            .collect();
        for entry in refused(known) {
            if taken.contains(entry.content_hash.as_str())
                || !filter.means(&entry.path, loaded_on(entry))
            {
                continue;
            }
            if let Some(copy) = from_raw(entry, &filter.values, kept)? {
                self.add(copy, &entry.batch, Again::default());
            }
        }
        Ok(())
    }
}

/// Refuses a dataset of which no part can be read from the source again.
pub(crate) fn refuse_overwritten(contract: &Contract) -> Result<()> {
    match contract.write {
        WriteMode::Append | WriteMode::Merge => Ok(()),
        WriteMode::Overwrite | WriteMode::OverwritePartitions => {
            let message = format!(
                "`{}` is overwritten by every load, so that no part of it can be loaded again",
                contract.name
            );
            Err(Error::new(codes::L2005, message)
                .help("`sluice run --full-refresh` reads everything again"))
        }
    }
}

/// Chooses the files of a backfill among those in `arrivals`, which hold the meant ones only.
///
/// # Errors
/// `L2005` if the dataset or its files cannot be backfilled by date.
pub(crate) fn backfill(
    contract: &Contract,
    stream_name: &str,
    known: &[LedgerEntry],
    filter: &PathFilter<'_>,
    arrivals: &mut Arrivals,
    kept: &Kept<'_>,
    prune: bool,
) -> Result<Chosen> {
    refuse_overwritten(contract)?;
    let live = live(known);
    let mut notices = Vec::new();
    if filter.has_dates() {
        let paths = live.iter().map(|load| load.entry.path.as_str());
        let paths = paths.chain(arrivals.unasked.iter().map(String::as_str));
        let (mut dated, mut undated) = (!arrivals.files.is_empty(), Vec::new());
        for path in paths {
            match filter.span(path) {
                Some(_) => dated = true,
                None => undated.push(path),
            }
        }
        undated.sort_unstable();
        undated.dedup();
        match listed(undated) {
            Some(paths) if !dated => {
                let message =
                    format!("No path of the stream `{stream_name}` has a date in it: {paths}");
                return Err(Error::new(codes::L2005, message)
                    .help("say which files by `--file`, or read all of them by `sluice run --full-refresh`"));
            }
            Some(paths) => notices.push(format!(
                "no date in the path, so that the rows stay: {paths}"
            )),
            None => {}
        }
    }
    let here: HashSet<String> = arrivals
        .files
        .iter()
        .map(|file| file.file.name.clone())
        .collect();
    let unreadable: HashSet<&str> = arrivals
        .failed
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    let gone: Vec<&LiveLoad<'_>> = live
        .iter()
        .filter(|load| {
            let path = load.entry.path.as_str();
            filter.means(path, None) && !here.contains(path) && !unreadable.contains(path)
        })
        .collect();
    let mut chosen = Chosen {
        notices,
        ..Chosen::default()
    };
    let mut leaving = Leaving::default();
    let mut pruned: IndexMap<&str, &LedgerEntry> = IndexMap::new();
    for load in &gone {
        pruned.insert(&load.entry.path, load.entry);
    }
    if !prune {
        if let Some(notice) = listed(pruned.keys().copied().collect()) {
            chosen.notices.push(format!(
                "gone from the source, so that the rows stay (`--prune` drops them): {notice}"
            ));
        }
        pruned.clear();
    }
    for load in &live {
        let path = load.entry.path.as_str();
        if here.contains(path) || pruned.contains_key(path) {
            leaving.paths.insert(path.to_owned());
            leaving.contents.insert(load.entry.content_hash.clone());
        }
    }
    let others: Vec<LedgerEntry> = known
        .iter()
        .filter(|entry| !leaving.paths.contains(&entry.path))
        .cloned()
        .collect();
    chosen.arrived = std::mem::take(&mut arrivals.files);
    let candidates: Vec<_> = chosen.arrived.iter().map(Arrived::candidate).collect();
    chosen.plan = LoadPlan::new(&candidates, &others);
    let next = next_arrival(known);
    keep_batches(&mut chosen.plan, &chosen.arrived, &live, &next);
    let was_loaded = |name: &str| leaving.paths.contains(name);
    for load in &chosen.plan.to_load {
        let name = chosen.arrived.get(load.candidate);
        chosen.again.push(Again {
            was_loaded: name.is_some_and(|arrived| was_loaded(&arrived.file.name)),
            replaces: Replaces::Path,
            ..Again::default()
        });
    }
    // A file whose content stands under another name now has no rows of its own any more.
    let copies = chosen.plan.duplicates.iter();
    let copies = copies.filter_map(|(at, _)| chosen.arrived.get(*at));
    let copies: HashSet<&str> = copies.map(|copy| copy.file.name.as_str()).collect();
    for load in &live {
        let path = load.entry.path.as_str();
        if copies.contains(path) {
            pruned.insert(path, load.entry);
        }
    }
    chosen.removed = pruned.values().map(|entry| removal(entry)).collect();
    if contract.write == WriteMode::Merge {
        let mut unsure = Vec::new();
        let staying = live.iter().map(|load| load.entry);
        for entry in staying.filter(|entry| !leaving.paths.contains(&entry.path)) {
            match from_raw(entry, &filter.values, kept)? {
                Some(copy) => chosen.runners_up.push((copy, entry.batch.clone())),
                None => unsure.push(entry.path.as_str()),
            }
        }
        chosen.unsure(unsure);
    }
    chosen.leaving = Some(leaving);
    Ok(chosen)
}

/// Lets files that are as they were keep the batch they were loaded in; those without one get `next`.
pub(crate) fn keep_batches(
    plan: &mut LoadPlan,
    arrived: &[Arrived],
    live: &[LiveLoad<'_>],
    next: &str,
) {
    let known: HashMap<(&str, &str), &str> = live
        .iter()
        .map(|load| {
            let entry = load.entry;
            (
                (entry.path.as_str(), entry.content_hash.as_str()),
                entry.batch.as_str(),
            )
        })
        .collect();
    for load in &mut plan.to_load {
        let Some(arrived) = arrived.get(load.candidate) else {
            continue;
        };
        if arrival(&load.batch).is_none() {
            continue; // Its path says the batch.
        }
        let content = arrived.content.to_string();
        let before = known.get(&(arrived.file.name.as_str(), content.as_str()));
        let before = before.filter(|batch| arrival(batch).is_some());
        load.batch = before.map_or_else(|| next.to_owned(), |batch| (*batch).to_owned());
    }
}

fn removal(entry: &LedgerEntry) -> LedgerEntry {
    LedgerEntry {
        status: LoadStatus::Removed,
        rows: 0,
        quarantined: 0,
        error: None,
        first_error: None,
        replaces: Replaces::Path,
        ..entry.clone()
    }
}

/// Whether rows of one load are chosen among each other, so that a part of it says nothing.
fn loads_hang_together(contract: &Contract) -> bool {
    match contract.write {
        WriteMode::Merge => false,
        WriteMode::Overwrite | WriteMode::OverwritePartitions => true,
        WriteMode::Append => contract.deduplicates,
    }
}

/// Adds the other files of the runs that loaded one of `paths`.
fn widen<'a>(live: &[LiveLoad<'a>], paths: &mut HashSet<&'a str>) {
    loop {
        let runs: HashSet<&str> = live
            .iter()
            .filter(|load| paths.contains(load.entry.path.as_str()))
            .map(|load| load.run)
            .collect();
        let before = paths.len();
        let of_runs = live.iter().filter(|load| runs.contains(load.run));
        paths.extend(of_runs.map(|load| load.entry.path.as_str()));
        if paths.len() == before {
            return;
        }
    }
}

fn would_lose(contract: &Contract, path: &str) -> Error {
    let message = format!(
        "The raw zone has no copy of `{path}`, whose rows in `{}` would be lost",
        contract.name
    );
    Error::new(codes::L3005, message).help(
        "`sluice run --full-refresh` reads the source again; `raw: copy` keeps copies from now on",
    )
}

/// The first few of `names`, and how many there are beyond them.
fn listed(mut names: Vec<&str>) -> Option<String> {
    const SHOWN: usize = 5;
    names.sort_unstable();
    let first: Vec<String> = names
        .iter()
        .take(SHOWN)
        .map(|name| format!("`{name}`"))
        .collect();
    let more = match names.len().saturating_sub(SHOWN) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    (!names.is_empty()).then(|| first.join(", ") + &more)
}
