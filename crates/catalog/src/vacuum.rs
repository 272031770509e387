//! [`Vacuum`]: removes what no version within retention needs: data files that were replaced, of runs that were
//! dropped, of tables that are gone, and log files before the oldest needed checkpoint.
//!
//! A file goes only if it is old enough, and if nothing leads to it: no name of any catalog that shares the
//! warehouse (environments, clones), nothing a name pointed at within retention (time travel, UNDROP), no
//! publication that is recorded, no run at work.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use chrono::{DateTime, Duration, SecondsFormat, Utc};
use diagnostic::{Result, ResultExt, codes};
use lake::{Inventory, Warehouse};
use state::{State, TableVersion};
use storage::Entry;

use crate::{Catalog, place};

/// How far the clocks that date files may be from ours. Kernels date files by a clock that ticks every few
/// milliseconds; Amazon S3 refuses requests whose clock is 15 minutes off
/// (<https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>, `RequestTimeTooSkewed`).
const CLOCK_SKEW: Duration = Duration::minutes(15);

/// What to remove.
#[derive(Clone, Debug)]
pub struct Vacuum {
    /// How far back time travel and UNDROP reach, where a table declares nothing.
    pub retention: Duration,
    /// Whether to say only what would be removed.
    pub dry_run: bool,
}

/// What was removed at one table's location, or would be.
#[derive(Clone, Debug, Default)]
pub struct Vacuumed {
    /// The location, relative to the warehouse.
    pub location: String,
    /// Data files, by name below the location.
    pub data: Vec<String>,
    /// Log files, by name below the location.
    pub log: Vec<String>,
    /// Bytes of all of them.
    pub bytes: u64,
    /// Whether nothing of the table is left.
    pub whole: bool,
}

impl Catalog {
    /// Removes what `wanted` says; tables with nothing to remove are left out.
    ///
    /// # Errors
    /// `K2001` to `K2004`, `B2001` to `B2003` if files or logs cannot be read or removed. What was removed until
    /// then was not needed.
    pub async fn vacuum(&self, wanted: &Vacuum) -> Result<Vec<Vacuumed>> {
        self.recover()?;
        let now = Utc::now();
        telemetry::failpoint("vacuum.before_forgetting");
        if !wanted.dry_run {
            // First, so that nobody is led any more to what goes.
            let cutoff = now - wanted.retention;
            let cutoff = cutoff.to_rfc3339_opts(SecondsFormat::Micros, true);
            self.state().forget_history(&cutoff)?;
        }
        telemetry::failpoint("vacuum.after_forgetting");
        let pointers = Pointers::collect(self, now, wanted.retention)?;
        let mut vacuumed = Vec::new();
        for location in self.warehouse().locations().await? {
            if pointers.beginning.contains(&location) {
                continue;
            }
            let found = self.superfluous(&location, &pointers).await?;
            if found.data.is_empty() && found.log.is_empty() {
                continue;
            }
            if !wanted.dry_run {
                // Data before log: a table that loses its log first would look like no table.
                self.warehouse().remove_files(&location, &found.data)?;
                self.warehouse().remove_files(&location, &found.log)?;
                if found.whole {
                    self.warehouse().remove(&location)?;
                }
                telemetry::failpoint("vacuum.between_tables");
            }
            vacuumed.push(found);
        }
        Ok(vacuumed)
    }

    async fn superfluous(&self, location: &str, pointers: &Pointers) -> Result<Vacuumed> {
        let inventory = self.warehouse().inventory(location).await?;
        let cutoff = pointers.cutoff(location);
        let old = |entry: &&Entry| entry.modified < cutoff;
        let needed = pointers.needed.get(location);
        let (data, log): (Vec<Entry>, Vec<Entry>) = match needed {
            Some(needed) => {
                let held = self.warehouse().held(location, needed, &inventory).await?;
                let oldest = needed.first().copied().unwrap_or(0);
                let data = inventory.data.iter().filter(old);
                let data = data.filter(|entry| !held.contains(&entry.name));
                let log = Warehouse::spent_log(&inventory, oldest);
                (
                    data.cloned().collect(),
                    log.into_iter().filter(|entry| old(&entry)).collect(),
                )
            }
            // Nobody is led here. All of it goes, or, while some of it is young, nothing.
            None if inventory
                .data
                .iter()
                .chain(&inventory.log)
                .all(|entry| old(&entry)) =>
            {
                let Inventory { data, log } = inventory.clone();
                (data, log)
            }
            None => (Vec::new(), Vec::new()),
        };
        let names = |entries: &[Entry]| entries.iter().map(|entry| entry.name.clone()).collect();
        Ok(Vacuumed {
            location: location.to_owned(),
            bytes: data.iter().chain(&log).map(|entry| entry.size).sum(),
            whole: needed.is_none(),
            data: names(&data),
            log: names(&log),
        })
    }
}

/// What leads to tables.
struct Pointers {
    /// The versions that are needed, by location.
    needed: BTreeMap<String, BTreeSet<u64>>,
    /// The days that tables declare, by location.
    declared: BTreeMap<String, u32>,
    /// Locations that runs at work have made.
    beginning: BTreeSet<String>,
    now: DateTime<Utc>,
    retention: Duration,
    /// When the oldest run began that is at work.
    working_since: Option<DateTime<Utc>>,
}

impl Pointers {
    fn collect(catalog: &Catalog, now: DateTime<Utc>, retention: Duration) -> Result<Self> {
        let mut pointers = Self {
            needed: BTreeMap::new(),
            declared: BTreeMap::new(),
            beginning: BTreeSet::new(),
            now,
            retention,
            working_since: None,
        };
        pointers.add(catalog.state())?;
        for folder in sharing(catalog)? {
            pointers.add(&State::open(&folder.join("catalog.db"))?)?;
        }
        Ok(pointers)
    }

    fn add(&mut self, state: &State) -> Result<()> {
        // In this order: a run that ends in between is in the second list.
        self.beginning.extend(state.folders_of_open_runs()?);
        if let Some(began) = state.oldest_open_run()? {
            let began = instant(&began)?;
            let oldest = self.working_since.map_or(began, |known| known.min(began));
            self.working_since = Some(oldest);
        }
        for version in state.table_versions()? {
            if self.needs(&version)? {
                let needed = self.needed.entry(version.location.clone());
                needed.or_default().insert(version.version);
            }
            if let Some(days) = version.retention_days {
                let declared = self.declared.entry(version.location).or_insert(days);
                *declared = days.max(*declared);
            }
        }
        Ok(())
    }

    fn needs(&self, version: &TableVersion) -> Result<bool> {
        let Some(until) = &version.until else {
            return Ok(true);
        };
        let declared = version
            .retention_days
            .map(|days| Duration::days(days.into()));
        Ok(instant(until)? >= self.now - declared.unwrap_or(self.retention))
    }

    /// Files at `location` that are younger stay, whatever leads to them.
    fn cutoff(&self, location: &str) -> DateTime<Utc> {
        let declared = self.declared.get(location);
        let retention = declared.map_or(self.retention, |days| Duration::days((*days).into()));
        let cutoff = self.now - retention;
        // What a run at work has written may seem older than the run.
        self.working_since
            .map_or(cutoff, |began| cutoff.min(began - CLOCK_SKEW))
    }
}

/// The folders of other catalogs of the project whose tables are in the same place.
fn sharing(catalog: &Catalog) -> Result<Vec<PathBuf>> {
    let own = catalog.folder();
    let home = match own.parent() {
        Some(parent) if parent.ends_with("environments") => parent.parent().unwrap_or(own),
        _ => own,
    };
    let environments = home.join("environments");
    let mut folders = vec![home.to_owned()];
    if environments.is_dir() {
        let wrong = || format!("Folder `{}` cannot be listed", environments.display());
        for entry in std::fs::read_dir(&environments).explain(codes::K2003, wrong)? {
            folders.push(entry.explain(codes::K2003, wrong)?.path());
        }
    }
    let here = place::known(own)?;
    let mut sharing = Vec::new();
    for folder in folders {
        let shares =
            |folder: &Path| -> Result<bool> { Ok(here.is_some() && place::known(folder)? == here) };
        if folder != own && folder.join("catalog.db").is_file() && shares(&folder)? {
            sharing.push(folder);
        }
    }
    Ok(sharing)
}

fn instant(text: &str) -> Result<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(text)
        .map(|time| time.to_utc())
        .explain(codes::K2001, || format!("The time `{text}` cannot be read"))
}
