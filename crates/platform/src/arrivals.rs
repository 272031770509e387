//! Files that arrive while `sluice serve` runs: which streams they belong to, and loads of one stream.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use ::push::{FilePlace, FileStream, Kept, LoadReport, Look, Scope};
use asset::{AssetGraph, Cancellation, Selection};
use catalog::Workspace;
use chrono::Utc;
use connectors::files::Patterns;
use diagnostic::{Error, Result, codes};
use engine_datafusion::Embedded;
use ingest::{FileStatus, IngestOutcome, PreviewRequest, PreviewRow};
use orchestrate::{Plan, RunOutcome, RunSettings};
use serde_json::{Value, json};
use settings::{DatasetSpec, Project, SourceKind};
use state::FileFate;
use storage::Location;
use tokio::sync::mpsc::unbounded_channel;

use crate::Platform;
use crate::dataset::{self, Load, stream_of};
use crate::run::{dataset_checks, expectations};
use crate::uploads;

/// The project's streams of files, for `sluice serve`.
pub struct Arrivals {
    platform: Arc<Platform>,
    streams: Vec<FileStream>,
    patterns: BTreeMap<String, Patterns>,
}

impl Arrivals {
    /// The streams of files of `platform`'s project that a dataset reads.
    ///
    /// # Errors
    /// `F1003` if a pattern is not one, `B1001` if a location is not one.
    pub fn new(platform: Arc<Platform>) -> Result<Self> {
        let project = &platform.project;
        let (mut streams, mut all) = (Vec::new(), BTreeMap::new());
        for source in &project.sources {
            let place = match &source.kind {
                SourceKind::Files { path } => FilePlace::Folder(path.value.clone()),
                SourceKind::Objects { location, .. } => place(
                    location
                        .value
                        .parse()
                        .map_err(|error: Error| error.at(location.place()))?,
                ),
                SourceKind::Webhook(_) | SourceKind::Postgres(_) => continue,
            };
            for stream in &source.streams {
                let name = format!("{}.{}", source.name.value, stream.name.value);
                let is_read = datasets(project, &name).next().is_some();
                if !is_read {
                    continue;
                }
                let patterns: Vec<String> = stream.files.iter().map(|p| p.value.clone()).collect();
                all.insert(name.clone(), Patterns::new(&patterns)?);
                streams.push(FileStream {
                    name,
                    patterns,
                    place: place.clone(),
                    marker: stream.marker.clone(),
                    watch: stream.watch,
                });
            }
        }
        Ok(Self {
            platform,
            streams,
            patterns: all,
        })
    }

    /// Loads what `scope` takes of `stream` into its datasets, and publishes it.
    ///
    /// # Errors
    /// `K1003` if a run is at work, `K1001` if somebody changed what is replaced, and what keeps the stream from
    /// being read at all. What is wrong with a file is in the report instead.
    pub async fn load(&self, stream: &str, scope: &Scope) -> Result<LoadReport> {
        let platform = &self.platform;
        let Some(_lock) = platform.catalog.lock_load()? else {
            return Err(Error::new(codes::K1003, "A run is at work in this project"));
        };
        let workspace = Arc::new(platform.catalog.begin("load")?);
        let datasets: Vec<&DatasetSpec> = datasets(&platform.project, stream).collect();
        let loads: Vec<Arc<Load>> = datasets
            .iter()
            .map(|dataset| {
                let load = Load::new(
                    platform,
                    dataset,
                    Arc::clone(&workspace),
                    None,
                    as_ingest(scope),
                );
                load.map(Arc::new)
            })
            .collect::<Result<_>>()?;
        let outcome = self.materialize(&workspace, &datasets, &loads).await?;
        let mut report = LoadReport::default();
        if outcome.succeeded() {
            workspace.publish()?;
        } else {
            report.failed = Some(why(&outcome));
            workspace.discard("an asset or check failed")?;
        }
        for load in loads.iter().filter_map(|load| load.outcome()) {
            tell(load, &mut report);
        }
        self.recall(stream, &mut report)?;
        Ok(report)
    }

    async fn materialize(
        &self,
        workspace: &Arc<Workspace>,
        datasets: &[&DatasetSpec],
        loads: &[Arc<Load>],
    ) -> Result<RunOutcome> {
        let mut specs = Vec::new();
        for dataset in datasets {
            for mut spec in dataset::specs(dataset) {
                if specs
                    .iter()
                    .any(|known: &asset::AssetSpec| known.key == spec.key)
                {
                    continue;
                }
                if spec.key == dataset::key("silver", dataset) {
                    spec.checks = dataset_checks(dataset);
                }
                specs.push(spec);
            }
        }
        let graph = AssetGraph::new(specs)?;
        let selected = graph.select(&Selection::default())?;
        let checked = datasets.iter().any(|dataset| !dataset.checks.is_empty());
        let mut checks = Vec::new();
        if checked {
            let engine = Embedded::new(Arc::clone(workspace), self.platform.compute()?);
            let session = self.platform.session();
            for dataset in datasets {
                checks.extend(expectations(dataset, &engine, &session));
            }
        }
        let assets = loads.iter().flat_map(Load::assets);
        let plan = Plan::new(&graph, &selected, assets, checks, |_| 1)?;
        let settings = RunSettings {
            threads: self.platform.threads(),
            ..RunSettings::default()
        };
        let (events, _unheard) = unbounded_channel();
        let never = Cancellation::default();
        Ok(orchestrate::run(workspace.run(), &plan, &settings, events, &never).await)
    }

    /// What earlier loads made of files that this one found loaded already.
    fn recall(&self, stream: &str, report: &mut LoadReport) -> Result<()> {
        if !report.files.values().any(|fate| fate.is_none()) {
            return Ok(());
        }
        let ledger = self.platform.catalog.ledger(stream)?;
        for (name, fate) in report.files.iter_mut().filter(|(_, fate)| fate.is_none()) {
            let entry = ledger.iter().rev().find(|entry| entry.path == *name);
            *fate = Some(FileFate {
                loaded: true,
                rows: entry.map_or(0, |entry| entry.rows),
                quarantined: entry.map_or(0, |entry| entry.quarantined),
                size: entry.map(|entry| entry.size),
                error: None,
            });
        }
        Ok(())
    }
}

impl ::push::Files for Arrivals {
    fn streams(&self) -> &[FileStream] {
        &self.streams
    }

    fn is_file_of(&self, stream: &str, name: &str) -> bool {
        let patterns = self.patterns.get(stream);
        patterns.is_some_and(|patterns| patterns.match_name(name))
    }

    fn look(&self, stream: &str, scope: &Scope) -> Result<Look> {
        let (source, name) = stream.split_once('.').unwrap_or((stream, ""));
        let (stream, origin) = stream_of(&self.platform.project, source, name)?;
        let look = ingest::glance(&origin, stream, &as_ingest(scope))?;
        Ok(Look {
            files: look.files,
            markers: look.markers,
            unsettled: look.unsettled,
        })
    }

    fn preview(&self, stream: &str, name: &str, path: &Path) -> Result<Value> {
        let project = &self.platform.project;
        let (source, own) = stream.split_once('.').unwrap_or((stream, ""));
        let (spec, _) = stream_of(project, source, own)?;
        let Some(dataset) = datasets(project, stream).next() else {
            return Err(Error::new(
                codes::X0001,
                format!("No dataset reads `{stream}`"),
            ));
        };
        let preview = ingest::preview(&PreviewRequest {
            dataset,
            stream: spec,
            path,
            name,
            clock: self.platform.as_of.unwrap_or_else(Utc::now),
            limit: SHOWN,
        })?;
        let rows = |rows: &[PreviewRow]| -> Vec<Value> {
            let row = |row: &PreviewRow| json!({"line": row.line, "values": row.values, "reason": row.reason});
            rows.iter().map(row).collect()
        };
        Ok(json!({
            "columns": preview.columns,
            "rows": rows(&preview.rows),
            "broken": rows(&preview.broken),
            "total": preview.total,
            "valid": preview.valid,
            "discarded": preview.discarded,
            "quarantined": preview.quarantined,
            "notices": preview.notices,
        }))
    }

    fn keep(&self, stream: &str, name: &str, path: &Path) -> Result<Kept> {
        let (source, own) = stream.split_once('.').unwrap_or((stream, ""));
        let (_, origin) = stream_of(&self.platform.project, source, own)?;
        uploads::keep(&origin, name, path)
    }
}

/// Rows that a preview shows.
const SHOWN: usize = 20;

fn datasets<'p>(project: &'p Project, stream: &str) -> impl Iterator<Item = &'p DatasetSpec> {
    let stream = stream.to_owned();
    let datasets = project.datasets.iter();
    datasets.filter(move |dataset| {
        let from = &dataset.from.value;
        stream.split_once('.') == Some((from.source.as_str(), from.stream.as_str()))
    })
}

fn place(location: Location) -> FilePlace {
    match location {
        Location::Local(folder) => FilePlace::Folder(folder),
        Location::Remote { bucket, path, .. } => FilePlace::Bucket {
            bucket,
            prefix: path,
        },
    }
}

fn as_ingest(scope: &Scope) -> ingest::Scope {
    ingest::Scope {
        names: scope.names.clone(),
        after: scope.after.clone(),
        settle: scope.settle,
    }
}

/// Adds what a load did with each file. Of a stream that several datasets read, a file is as bad as the worst says.
fn tell(outcome: &IngestOutcome, report: &mut LoadReport) {
    for file in &outcome.files {
        let fate = match &file.status {
            FileStatus::Loaded {
                rows, quarantined, ..
            } => Some(FileFate {
                loaded: true,
                rows: *rows,
                quarantined: *quarantined,
                error: first_rule(outcome, &file.name),
                size: None,
            }),
            FileStatus::Empty => Some(FileFate {
                loaded: true,
                ..FileFate::default()
            }),
            FileStatus::Unchanged | FileStatus::Duplicate => None,
            FileStatus::Rejected => Some(FileFate {
                error: outcome
                    .rejected
                    .iter()
                    .find(|rejection| rejection.file == file.name)
                    .map(|rejection| rejection.error.message().to_owned()),
                ..FileFate::default()
            }),
        };
        add(report, &file.name, fate);
    }
    for rejection in &outcome.rejected {
        let fate = FileFate {
            error: Some(rejection.error.message().to_owned()),
            ..FileFate::default()
        };
        add(report, &rejection.file, Some(fate));
    }
    let sizes = outcome.ledger.iter();
    for entry in sizes {
        if let Some(Some(fate)) = report.files.get_mut(&entry.path) {
            fate.size = Some(entry.size);
        }
    }
}

fn add(report: &mut LoadReport, name: &str, fate: Option<FileFate>) {
    let worse = |known: &Option<FileFate>| match (known, &fate) {
        (Some(known), Some(fate)) => {
            (!fate.loaded, fate.quarantined) > (!known.loaded, known.quarantined)
        }
        (None, Some(_)) => true,
        (_, None) => false,
    };
    if report.files.get(name).is_none_or(worse) {
        report.files.insert(name.to_owned(), fate);
    }
}

fn first_rule(outcome: &IngestOutcome, name: &str) -> Option<String> {
    let (rule, rows) = outcome.broken_rules.get(name)?.first_key_value()?;
    Some(match rows {
        1 => format!("1 row breaks the rule `{rule}`"),
        rows => format!("{rows} rows break the rule `{rule}`"),
    })
}

/// Why nothing was published.
fn why(outcome: &RunOutcome) -> String {
    let error = outcome.assets.iter().find_map(|asset| asset.error.as_ref());
    if let Some(error) = error {
        return error.message().to_owned();
    }
    let checks = outcome.assets.iter().flat_map(|asset| &asset.checks);
    match checks.into_iter().find(|check| check.status.is_failure()) {
        Some(check) => format!(
            "The check `{}` failed, so nothing was published",
            check.name
        ),
        None => "The load was stopped".to_owned(),
    }
}
