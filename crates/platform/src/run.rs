//! `sluice run`: a project's assets, built and checked in one workspace, published together or not.

use std::sync::Arc;

use asset::{
    Asset, AssetCheck, AssetGraph, AssetSpec, Cancellation, CheckOutcome, CheckSpec,
    MaterializeContext, Selection,
};
use async_trait::async_trait;
use catalog::{Published, Workspace};
use dbt::flags::Flags;
use dbt::load::Project as DbtProject;
use diagnostic::{Error, Result, Source, codes};
use engine::{Engine, Outcome, Session};
use engine_datafusion::Embedded;
use ingest::postgres::CursorRange;
use ingest::{FileOutcome, FileStatus, IngestOutcome, Reload, Scope};
use orchestrate::{Plan, RunEvent, RunOutcome, RunSettings};
use settings::DatasetSpec;
use tokio::sync::mpsc::UnboundedSender;
use transform::Nodes;

use crate::Platform;
use crate::dataset::{self, Load};
use crate::dbt_assets::DbtGraph;
use crate::postgres_streams::{self, PostgresLoad};

/// What a run is asked to do.
#[derive(Clone, Debug, Default)]
pub struct RunRequest {
    /// Which assets; all if the selection is empty.
    pub selection: Selection,
    /// Rebuild from the inputs, whatever is there.
    pub full_refresh: bool,
    /// How many things are worked on at once.
    pub threads: Option<usize>,
    /// Stop at the first failure.
    pub fail_fast: bool,
    /// Files to load again, instead of those that are new.
    pub reload: Option<Reload>,
    /// The part of streams with a cursor to read again, instead of what is new.
    pub range: Option<CursorRange>,
}

/// What a run did.
pub struct RunReport {
    /// Every asset and check with its result.
    pub outcome: RunOutcome,
    /// What readers see that they did not see before; `None` if the run failed and published nothing.
    pub published: Option<Published>,
    /// What each load of the lake did, refused files included.
    pub loads: Vec<Arc<IngestOutcome>>,
    /// What a person should know, in sentences.
    pub notices: Vec<String>,
}

impl RunReport {
    /// Whether all went well. A file that an earlier run refused already does not count again.
    #[must_use]
    pub fn succeeded(&self) -> bool {
        let mut rejections = self.loads.iter().flat_map(|load| &load.rejected);
        self.published.is_some() && rejections.all(|rejection| rejection.again)
    }
}

impl Platform {
    /// The flags of a dbt command that the project alone decides.
    #[must_use]
    pub fn dbt_flags(&self, which: &str) -> Flags {
        let mut flags = Flags::from_process();
        flags.which = which.to_owned();
        flags.vars = self.project.vars.values().clone();
        flags.as_of = self.as_of;
        if let Some(as_of) = self.as_of {
            flags.run_started_at = as_of;
        }
        for (key, value) in [
            ("type", "snowflake"),
            ("database", self.project.database.as_str()),
            ("schema", "PUBLIC"),
        ] {
            flags
                .default_connection
                .insert(key.to_owned(), value.into());
        }
        flags
    }

    fn dbt_graph(&self, full_refresh: bool) -> Result<Option<(Arc<DbtProject>, DbtGraph)>> {
        let Some(folder) = &self.project.dbt else {
            return Ok(None);
        };
        let mut flags = self.dbt_flags("build");
        // Templates must know, or `is_incremental()` would leave out rows of the rebuilt table.
        flags.full_refresh = full_refresh.then_some(true);
        let project = Arc::new(DbtProject::load(folder, flags)?);
        let graph = DbtGraph::new(Arc::clone(&project), &self.project);
        Ok(Some((project, graph)))
    }

    /// Every asset of the project and what depends on what.
    ///
    /// # Errors
    /// What is wrong with the dbt project, or `O1003` to `O1005` for a graph that makes no sense.
    pub fn graph(&self) -> Result<AssetGraph> {
        let dbt = self.dbt_graph(false)?;
        AssetGraph::new(self.specs(dbt.as_ref().map(|(_, graph)| graph)))
    }

    pub(crate) fn specs(&self, dbt: Option<&DbtGraph>) -> Vec<AssetSpec> {
        let mut specs: Vec<AssetSpec> = Vec::new();
        for dataset in &self.project.datasets {
            for mut spec in dataset::specs(dataset) {
                if specs.iter().any(|known| known.key == spec.key) {
                    continue;
                }
                if spec.key == dataset::key("silver", dataset) {
                    spec.checks = dataset_checks(dataset);
                    spec.checks
                        .extend(dbt.iter().flat_map(|graph| graph.checks_on(&spec.key)));
                }
                specs.push(spec);
            }
        }
        for source in &self.project.sources {
            for mut spec in postgres_streams::specs(source) {
                spec.checks
                    .extend(dbt.iter().flat_map(|graph| graph.checks_on(&spec.key)));
                specs.push(spec);
            }
        }
        specs.extend(dbt.iter().flat_map(|graph| graph.specs.iter().cloned()));
        specs
    }

    /// What a run would build, in build order.
    ///
    /// # Errors
    /// As [`Platform::graph`], and `O1001` or `O1002` for a selection that cannot be read or matches
    /// nothing.
    pub fn plan(&self, selection: &Selection) -> Result<(AssetGraph, asset::Selected)> {
        let graph = self.graph()?;
        let selected = graph.select(selection)?;
        Ok((graph, selected))
    }

    /// Builds and checks what `request` selects, and publishes all of it, or nothing.
    ///
    /// # Errors
    /// `K1003` if another run is at work, `K1001` if somebody changed what this run replaces, and what
    /// is wrong with the project. Failures of assets and checks are in the report instead.
    pub async fn run(
        &self,
        request: &RunRequest,
        events: UnboundedSender<RunEvent>,
        cancellation: &Cancellation,
    ) -> Result<RunReport> {
        let _lock = self.catalog.lock_runs()?;
        let workspace = Arc::new(self.catalog.begin("run")?);
        let work = Work::new(self, &workspace, request)?;
        let graph = AssetGraph::new(self.specs(work.dbt.as_ref().map(|(_, graph)| graph)))?;
        let selected = graph.select(&request.selection)?;
        for load in &work.postgres {
            load.select(&selected);
        }
        let plan = Plan::new(&graph, &selected, work.assets()?, work.checks(self)?, |_| 1)?;
        let settings = RunSettings {
            threads: request.threads.unwrap_or_else(|| self.threads()),
            full_refresh: request.full_refresh,
            fail_fast: request.fail_fast,
            ..RunSettings::default()
        };
        work.hooks(false).await?;
        let outcome =
            orchestrate::run(workspace.run(), &plan, &settings, events, cancellation).await;
        let published = if outcome.succeeded() {
            work.hooks(true).await?;
            let published = workspace.publish()?;
            for load in &work.postgres {
                load.confirm().await;
            }
            Some(published)
        } else {
            work.keep_failures()?;
            None
        };
        let mut report = RunReport {
            outcome,
            published,
            loads: Vec::new(),
            notices: Vec::new(),
        };
        work.tell(&mut report);
        Ok(report)
    }
}

/// Everything one run works with.
struct Work {
    workspace: Arc<Workspace>,
    engine: Embedded,
    session: Session,
    loads: Vec<Arc<Load>>,
    postgres: Vec<Arc<PostgresLoad>>,
    dbt: Option<(Arc<Nodes>, DbtGraph)>,
}

impl Work {
    fn new(platform: &Platform, workspace: &Arc<Workspace>, request: &RunRequest) -> Result<Self> {
        let engine = Embedded::new(Arc::clone(workspace), platform.compute()?);
        let loads = platform
            .project
            .datasets
            .iter()
            .map(|dataset| {
                let reload = request.reload.clone();
                let everything = Scope::default();
                Load::new(platform, dataset, Arc::clone(workspace), reload, everything)
                    .map(Arc::new)
            })
            .collect::<Result<_>>()?;
        let dbt = platform
            .dbt_graph(request.full_refresh)?
            .map(|(project, graph)| {
                let session = platform.node_session(&project.context);
                let nodes = Nodes::new(project, Arc::new(engine.clone()), session);
                (Arc::new(nodes), graph)
            });
        Ok(Self {
            workspace: Arc::clone(workspace),
            session: platform.session(),
            engine,
            loads,
            postgres: PostgresLoad::all(platform, workspace, request.range.as_ref())?,
            dbt,
        })
    }

    fn assets(&self) -> Result<Vec<Arc<dyn Asset>>> {
        let mut assets: Vec<Arc<dyn Asset>> = self.loads.iter().flat_map(Load::assets).collect();
        assets.extend(self.postgres.iter().flat_map(PostgresLoad::assets));
        if let Some((nodes, graph)) = &self.dbt {
            assets.extend(graph.assets(nodes, &self.workspace)?);
        }
        Ok(assets)
    }

    fn checks(&self, platform: &Platform) -> Result<Vec<Arc<dyn AssetCheck>>> {
        let datasets = platform.project.datasets.iter();
        let mut checks: Vec<_> = datasets
            .flat_map(|dataset| expectations(dataset, &self.engine, &self.session))
            .collect();
        if let Some((nodes, graph)) = &self.dbt {
            checks.extend(graph.checks(nodes, &self.workspace)?);
        }
        Ok(checks)
    }

    async fn hooks(&self, end: bool) -> Result<()> {
        match &self.dbt {
            Some((nodes, _)) => nodes.run_hooks(end).await,
            None => Ok(()),
        }
    }

    /// Publishes the rows that checks found wrong and drops everything else.
    fn keep_failures(&self) -> Result<()> {
        const REASON: &str = "an asset or check failed";
        match &self.dbt {
            Some((nodes, _)) => self
                .workspace
                .publish_only(&nodes.audit_schema(), REASON)
                .map(drop),
            None => self.workspace.discard(REASON),
        }
    }

    /// Adds what the loads have to say.
    fn tell(&self, report: &mut RunReport) {
        for outcome in self.loads.iter().filter_map(|load| load.outcome()) {
            report.notices.extend(outcome.notices.iter().cloned());
            report
                .notices
                .extend(outcome.files.iter().filter_map(arrival_notice));
            report.loads.push(Arc::clone(outcome));
        }
        for load in &self.postgres {
            report.notices.extend(load.notices());
        }
        if let Some((nodes, _)) = &self.dbt {
            let warnings = &nodes.project().warnings;
            report
                .notices
                .extend(warnings.list.iter().map(ToString::to_string));
        }
    }
}

/// What is remarkable about how a file arrived.
fn arrival_notice(file: &FileOutcome) -> Option<String> {
    match file.status {
        FileStatus::Loaded { changed: true, .. } => Some(format!(
            "`{}` has changed since it was loaded: its new content was loaded as well",
            file.name
        )),
        FileStatus::Duplicate => Some(format!(
            "`{}` was not loaded: its content was loaded under another name",
            file.name
        )),
        _ => None,
    }
}

/// The dataset's own checks.
pub(crate) fn expectations(
    dataset: &DatasetSpec,
    engine: &Embedded,
    session: &Session,
) -> Vec<Arc<dyn AssetCheck>> {
    let checks = dataset_checks(dataset).into_iter().zip(&dataset.checks);
    checks
        .map(|(spec, check)| {
            let expectation = Expectation {
                spec,
                sql: check.expect.value.clone(),
                engine: engine.clone(),
                session: session.clone(),
            };
            Arc::new(expectation) as Arc<dyn AssetCheck>
        })
        .collect()
}

pub(crate) fn dataset_checks(dataset: &DatasetSpec) -> Vec<CheckSpec> {
    dataset
        .checks
        .iter()
        .map(|check| CheckSpec {
            asset: dataset::key("silver", dataset),
            name: check.name.value.clone(),
            severity: check.severity,
            upstream: Vec::new(),
            description: check.expect.value.clone(),
        })
        .collect()
}

/// A dataset's check: a query whose one value must be true.
struct Expectation {
    spec: CheckSpec,
    sql: String,
    engine: Embedded,
    session: Session,
}

#[async_trait]
impl AssetCheck for Expectation {
    fn spec(&self) -> &CheckSpec {
        &self.spec
    }

    async fn evaluate(&self, _: &MaterializeContext) -> Result<CheckOutcome> {
        let source = Source::new(format!("check {}", self.spec.name), self.sql.as_str());
        let outcomes = self.engine.execute(&self.session, &source).await?;
        let Some(Outcome::Rows(rows)) = outcomes.into_iter().next() else {
            return Err(no_verdict(&self.spec.name));
        };
        let batches = rows.collect().await?;
        let verdict = batches
            .iter()
            .find(|batch| batch.num_rows() > 0)
            .and_then(|batch| {
                use arrow::array::{Array, AsArray};
                let column = batch.column(0).as_boolean_opt()?;
                Some(column.is_valid(0) && column.value(0))
            })
            .ok_or_else(|| no_verdict(&self.spec.name))?;
        Ok(if verdict {
            CheckOutcome::passed(self.spec.severity)
        } else {
            CheckOutcome::failed(self.spec.severity, 1, format!("`{}` is not true", self.sql))
        })
    }
}

fn no_verdict(name: &str) -> Error {
    Error::new(
        codes::T2001,
        format!("Check `{name}` does not give one value that is true or false"),
    )
}
