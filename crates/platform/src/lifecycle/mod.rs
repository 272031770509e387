//! How long files are kept: rules for buckets in the forms that others apply, and rules for folders, which Sluice
//! applies itself.

mod emit;

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use diagnostic::{Result, ResultExt, codes};
use ingest::{Origin, RawCopy, raw_copies};
use settings::{LifecycleRule, LifecycleZone, SourceKind};
use storage::{Location, Scheme};

use crate::Platform;

pub use emit::BucketRules;

/// What applying the rules did, or would do.
#[derive(Clone, Debug, Default)]
pub struct Expired {
    /// Files removed.
    pub removed: Vec<PathBuf>,
    /// Their bytes.
    pub bytes: u64,
    /// How many of them a replay would have read.
    pub forgotten: usize,
    /// Files that are old enough and stay, as a replay needs them.
    pub kept: usize,
    /// What a person should know, in sentences.
    pub notes: Vec<String>,
}

/// The rules of the project for buckets, and what is left to say.
///
/// # Errors
/// `B1001` for a location that is none.
pub fn bucket_rules(project: &settings::Project) -> Result<(Vec<BucketRules>, Vec<String>)> {
    let mut buckets: Vec<BucketRules> = Vec::new();
    let mut notes = Vec::new();
    for rule in &project.lifecycle {
        let (what, location) = match &rule.zone.value {
            LifecycleZone::Raw => (
                "raw".to_owned(),
                project.environment.lake.display().to_string(),
            ),
            LifecycleZone::Warehouse => (
                "warehouse".to_owned(),
                project.environment.warehouse.clone(),
            ),
            LifecycleZone::Source(name) => (name.clone(), place_of(project, name)),
        };
        let place: Location = location.parse()?;
        match place.scheme() {
            Scheme::S3 => {
                let rule = (what.as_str(), &place, rule);
                emit::add(&mut buckets, rule);
            }
            Scheme::File => notes.push(match rule.zone.value {
                LifecycleZone::Raw => format!(
                    "the raw zone is a folder: `sluice lifecycle apply` removes what expires{}",
                    match rule.archive_after {
                        Some(_) => "; a folder has no archive, so `archive_after` does nothing",
                        None => "",
                    }
                ),
                _ => format!(
                    "`{what}` is a folder, whose files belong to somebody else: nothing is done"
                ),
            }),
            _ => notes.push(format!(
                "`{location}` is no bucket of S3: set its rules by hand"
            )),
        }
    }
    Ok((buckets, notes))
}

fn place_of(project: &settings::Project, name: &str) -> String {
    let source = project
        .sources
        .iter()
        .find(|source| source.name.value == name);
    match source.map(|source| &source.kind) {
        Some(SourceKind::Objects { location, .. }) => location.value.clone(),
        Some(SourceKind::Files { path }) => path.display().to_string(),
        _ => String::new(),
    }
}

impl Platform {
    /// Removes what has expired of the raw zone; lists it only with `dry_run`. Files that a replay needs stay, unless the
    /// rule says `replay: forget`. Blocks.
    ///
    /// # Errors
    /// `K1003` if a run is at work, `F1001` and `F1002` if a file cannot be looked at or removed.
    pub fn apply_lifecycle(&self, dry_run: bool) -> Result<Expired> {
        let mut expired = Expired::default();
        let rules = self.project.lifecycle.iter();
        let rules: Vec<&LifecycleRule> = rules
            .filter(|rule| rule.zone.value == LifecycleZone::Raw && rule.expire_after.is_some())
            .collect();
        if rules.is_empty() {
            expired
                .notes
                .push("no rule of `lifecycle:` lets the raw zone expire".to_owned());
            return Ok(expired);
        }
        let _lock = self.catalog.lock_runs()?;
        let raw = self.project.environment.lake.join("raw");
        let mut streams = Vec::new();
        for stream in self.catalog.ledger_streams()? {
            let (source, name) = stream.split_once('.').unwrap_or((&stream, ""));
            // A stream of files that is no more has left copies, one of events its events.
            let known = self
                .project
                .sources
                .iter()
                .find(|known| known.name.value == source);
            let origin = match known.map(|known| &known.kind) {
                Some(SourceKind::Files { path }) => Origin::Folder(path.value.clone()),
                _ => Origin::Folder(push::folder(&raw, source, name)),
            };
            streams.push((origin, self.catalog.ledger(&stream)?));
        }
        let now = self.as_of.map_or_else(SystemTime::now, SystemTime::from);
        for copy in raw_copies(&raw, &streams)? {
            expired.take(&copy, &rules, now, dry_run)?;
        }
        if expired.kept > 0 {
            expired.notes.push(format!(
                "{} stay although they are old enough: `sluice replay` reads them. `replay: forget` lets them expire",
                files(expired.kept)
            ));
        }
        if expired.forgotten > 0 {
            expired.notes.push(format!(
                "{} can not be replayed any more: their rows are in the tables, their bytes {} gone",
                files(expired.forgotten),
                if dry_run { "would be" } else { "are" }
            ));
        }
        Ok(expired)
    }
}

fn files(count: usize) -> String {
    match count {
        1 => "1 file".to_owned(),
        count => format!("{count} files"),
    }
}

impl Expired {
    fn take(
        &mut self,
        copy: &RawCopy,
        rules: &[&LifecycleRule],
        now: SystemTime,
        dry_run: bool,
    ) -> Result<()> {
        const DAY: u64 = 86_400;
        let age = now.duration_since(copy.modified).unwrap_or(Duration::ZERO);
        let due = |rule: &&&LifecycleRule| {
            let days = rule.expire_after.unwrap_or(u32::MAX);
            age >= Duration::from_secs(u64::from(days) * DAY)
        };
        let mut due = rules.iter().filter(due).peekable();
        if due.peek().is_none() {
            return Ok(());
        }
        if copy.needed && !due.any(|rule| rule.forget) {
            self.kept += 1;
            return Ok(());
        }
        if !dry_run {
            std::fs::remove_file(&copy.path).explain(codes::F1002, || {
                format!("`{}` cannot be removed", copy.path.display())
            })?;
        }
        self.forgotten += usize::from(copy.needed);
        self.bytes += copy.size;
        self.removed.push(copy.path.clone());
        Ok(())
    }
}
