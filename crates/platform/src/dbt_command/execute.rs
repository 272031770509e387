//! Works through the nodes of a command: in parallel, each after what it depends on.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dbt::artifact::run_results::{NodeResult, Status, run_results_json};
use dbt::artifact::{files, manifest_file};
use dbt::compile::CompiledNode;
use dbt::node::{Node, ResourceType};
use dbt::parse::stores_failures;
use dbt::surroundings;
use diagnostic::{Result, ResultExt as _, codes};
use model::SchemaName;
use serde_json::Value as Json;
use tokio::task::JoinSet;
use transform::{Probe, audit_schema, relation_name};

use super::order::Order;
use super::step::Step;
use super::{DbtEvent, DbtInvocation, DbtWork};

/// What a command did.
pub struct DbtReport {
    /// Every node's result, in the order they ended.
    pub results: Vec<NodeResult>,
    /// The nodes that were compiled, with their statements.
    pub compiled: Vec<CompiledNode>,
    /// How long it took.
    pub elapsed: Duration,
    /// With `--publish run`: whether what was built is there for readers.
    pub published: Option<bool>,
}

impl DbtReport {
    /// Whether no node and no hook failed.
    #[must_use]
    pub fn succeeded(&self) -> bool {
        !self.results.iter().any(|result| result.status.failed())
    }

    /// How many nodes ended like this.
    #[must_use]
    pub fn count(&self, statuses: &[Status]) -> usize {
        let results = self.results.iter();
        results
            .filter(|result| statuses.contains(&result.status))
            .count()
    }
}

impl DbtInvocation {
    /// The nodes among `ids` that `work` has something to do for. Ephemeral models are part of what
    /// reads them.
    #[must_use]
    pub fn workable(&self, ids: &[String], work: DbtWork) -> Vec<String> {
        let wanted = |node: &Node| match (node.resource_type, work) {
            (_, DbtWork::Clone) => node.is_relational(),
            (ResourceType::Model, DbtWork::Build) => !node.is_ephemeral(),
            (ResourceType::Analysis, _) => work == DbtWork::Compile,
            (kind, _) => {
                matches!(
                    kind,
                    ResourceType::Model
                        | ResourceType::Seed
                        | ResourceType::Snapshot
                        | ResourceType::Test
                ) || (kind == ResourceType::UnitTest && work == DbtWork::Build)
            }
        };
        let nodes = &self.project.manifest.nodes;
        let found = ids
            .iter()
            .filter(|id| nodes.get(*id).is_some_and(|node| wanted(node)));
        found.cloned().collect()
    }

    /// Works on `ids`, which come sorted, as [`dbt::Project::select`] gives them.
    ///
    /// # Errors
    /// `K1003` if another run is at work. What goes wrong with nodes and hooks is in the report.
    pub async fn execute(
        self: &Arc<Self>,
        work: DbtWork,
        ids: &[String],
        tell: &(dyn Fn(DbtEvent<'_>) + Sync),
    ) -> Result<DbtReport> {
        let clock = Instant::now();
        self.project.context.set_selected(ids);
        let order = Order::new(
            &self.project,
            ids,
            self.project.context.flags.which == "build",
        );
        let writes = work != DbtWork::Compile
            && order.nodes.iter().any(|node| {
                !matches!(
                    node.resource_type,
                    ResourceType::Test | ResourceType::UnitTest
                )
            });
        let _lock = if writes {
            Some(self.catalog.lock_runs()?)
        } else {
            None
        };
        let mut report = DbtReport {
            results: Vec::new(),
            compiled: Vec::new(),
            elapsed: Duration::ZERO,
            published: None,
        };
        if work == DbtWork::Build {
            let ids = ids.iter().map(String::as_str);
            let _ = self.probe.set(Probe::new(&self.project, ids));
        }
        if self.options.state_aware {
            let _ = self.records.set(self.catalog.assets()?);
        }
        if writes && self.options.publish_run {
            let _ = self
                .shared
                .set(Arc::new(self.catalog.begin(&self.command())?));
        }
        let done = self.hooked(&order, work, &mut report, tell).await;
        report.published = self.conclude(&report, done)?;
        if !report.compiled.is_empty() {
            let lineage = self.lineage(&report.compiled).await?;
            for CompiledNode { node, .. } in &mut report.compiled {
                let columns = lineage.get(&node.unique_id).cloned();
                if let Some(compiled) = &mut Arc::make_mut(node).compiled {
                    compiled.lineage = columns;
                }
            }
        }
        report.elapsed = clock.elapsed();
        Ok(report)
    }

    async fn hooked(
        self: &Arc<Self>,
        order: &Order,
        work: DbtWork,
        report: &mut DbtReport,
        tell: &(dyn Fn(DbtEvent<'_>) + Sync),
    ) -> Result<()> {
        // Hooks belong to what is built: dbt runs none where nothing is selected.
        if work != DbtWork::Build || order.nodes.is_empty() {
            return self.work_through(order, work, report, tell).await;
        }
        let started = self.run_hooks(Some(order), &[], tell).await?;
        let failed = started.iter().any(|result| result.status.failed());
        let flag = "skip_nodes_if_on_run_start_fails";
        let flag = self.project.context.root.flags.get(flag);
        if failed && flag.and_then(Json::as_bool) != Some(false) {
            let total = order.nodes.len();
            for (at, node) in order.nodes.iter().enumerate() {
                report.results.push(skipped(at + 1, total, node, tell));
            }
            report.results.splice(0..0, started);
            let ended = self.run_hooks(None, &[], tell).await?;
            report.results.extend(ended);
            return Ok(());
        }
        self.work_through(order, work, report, tell).await?;
        report.results.splice(0..0, started);
        // As in dbt, hooks see each other only where they failed.
        let hook = |result: &&NodeResult| result.unique_id.starts_with("operation.");
        let seen = report.results.iter();
        let seen = seen.filter(|result| !hook(result) || result.status.failed());
        let seen: Vec<NodeResult> = seen.cloned().collect();
        let ended = self.run_hooks(None, &seen, tell).await?;
        report.results.extend(ended);
        Ok(())
    }

    /// Publishes the whole run if all of it went well, and otherwise only the rows that tests found
    /// wrong.
    fn conclude(&self, report: &DbtReport, done: Result<()>) -> Result<Option<bool>> {
        const REASON: &str = "a node, test or hook failed";
        let Some(shared) = self.shared.get() else {
            return done.map(|()| None);
        };
        if let Err(error) = done {
            return Err(match shared.discard(error.message()) {
                Ok(()) => error,
                Err(other) => error.and(other),
            });
        }
        if report.succeeded() {
            shared.publish()?;
            return Ok(Some(true));
        }
        shared.publish_only(&self.kept(report), REASON)?;
        Ok(Some(false))
    }

    /// Where the tests of a failed run keep the rows they found.
    fn kept(&self, report: &DbtReport) -> SchemaName {
        let context = &self.project.context;
        let failed = report.results.iter().filter(|r| r.status.failed());
        let tests = failed.filter_map(|r| self.project.manifest.nodes.get(&r.unique_id));
        let mut kept = tests.filter(|node| {
            node.resource_type == ResourceType::Test && stores_failures(context, node)
        });
        match kept.next() {
            Some(test) => relation_name(context, test).namespace(),
            None => audit_schema(context),
        }
    }

    async fn work_through(
        self: &Arc<Self>,
        order: &Order,
        work: DbtWork,
        report: &mut DbtReport,
        tell: &(dyn Fn(DbtEvent<'_>) + Sync),
    ) -> Result<()> {
        let total = order.nodes.len();
        let threads = self.project.context.connection.threads.max(1);
        let mut progress = Progress::new(order);
        let mut tasks: JoinSet<(usize, usize, Step)> = JoinSet::new();
        loop {
            while tasks.len() < threads
                && let Some(step) = progress.next()
            {
                let index = progress.begin();
                let node = Arc::clone(&order.nodes[step]);
                tell(DbtEvent::Started {
                    index,
                    total,
                    node: &node,
                });
                let this = Arc::clone(self);
                tasks.spawn(async move { (step, index, this.step(node, work).await) });
            }
            let Some(joined) = tasks.join_next().await else {
                break;
            };
            let (step, index, done) =
                joined.explain(codes::X0001, || "A node's task ended early".to_owned())?;
            self.pass_on(tell);
            let node = &order.nodes[step];
            let (result, error) = (&done.result, done.error.as_ref());
            tell(DbtEvent::Ended {
                index,
                total,
                node,
                result,
                error,
            });
            let failed = done.result.status.failed();
            report.results.push(done.result);
            report.compiled.extend(done.compiled);
            let skipped = progress.end(step, failed);
            let stop = failed && self.project.context.flags.fail_fast;
            let rest = if stop { progress.give_up() } else { Vec::new() };
            for skipped in skipped.into_iter().chain(rest) {
                let (index, node) = (progress.begin(), &order.nodes[skipped]);
                report.results.push(self::skipped(index, total, node, tell));
            }
        }
        Ok(())
    }

    /// Hands on what the project's code said.
    pub(super) fn pass_on(&self, tell: &(dyn Fn(DbtEvent<'_>) + Sync)) {
        for message in self.project.context.take_messages() {
            tell(match message.info {
                true => DbtEvent::Said(&message.text),
                false => DbtEvent::Noted {
                    event: message.event,
                    text: &message.text,
                },
            });
        }
    }

    /// Writes `target/manifest.json`, with the statements of `compiled` and, in the `meta` of nodes, where
    /// the values of their columns come from.
    ///
    /// # Errors
    /// `D4001`.
    pub fn write_manifest(&self, compiled: &[CompiledNode]) -> Result<()> {
        manifest_file::write(&self.project, compiled)?;
        let context = &self.project.context;
        let state = surroundings::state_json(context, &self.project.manifest);
        files::write_json(context, surroundings::FILE, &state).map(drop)
    }

    /// Writes `target/run_results.json`.
    ///
    /// # Errors
    /// `D4001`.
    pub fn write_results(&self, report: &DbtReport) -> Result<()> {
        let context = &self.project.context;
        let json = run_results_json(context, &report.results, report.elapsed.as_secs_f64());
        files::write_json(context, "run_results.json", &json).map(drop)
    }
}

/// The result of a node that is not worked on, which is told.
fn skipped(
    index: usize,
    total: usize,
    node: &Node,
    tell: &(dyn Fn(DbtEvent<'_>) + Sync),
) -> NodeResult {
    let mut result = NodeResult::new(&node.unique_id, Status::Skipped);
    result.relation_name.clone_from(&node.relation_name);
    result.compiled = Some(false);
    tell(DbtEvent::Ended {
        index,
        total,
        node,
        result: &result,
        error: None,
    });
    result
}

/// What has begun, what waits for what.
struct Progress {
    open: Vec<usize>,
    children: Vec<Vec<usize>>,
    ready: BTreeSet<usize>,
    over: Vec<bool>,
    begun: usize,
}

impl Progress {
    fn new(order: &Order) -> Self {
        let open: Vec<usize> = order.parents.iter().map(BTreeSet::len).collect();
        let mut children = vec![Vec::new(); open.len()];
        for (step, parents) in order.parents.iter().enumerate() {
            for &parent in parents {
                children[parent].push(step);
            }
        }
        Self {
            ready: (0..open.len()).filter(|&step| open[step] == 0).collect(),
            over: vec![false; open.len()],
            children,
            open,
            begun: 0,
        }
    }

    fn next(&mut self) -> Option<usize> {
        let step = self.ready.pop_first()?;
        self.over[step] = true;
        Some(step)
    }

    /// The number of the node that begins now.
    fn begin(&mut self) -> usize {
        self.begun += 1;
        self.begun
    }

    /// Frees what waited for `step`, or gives what will not be built because it failed.
    fn end(&mut self, step: usize, failed: bool) -> Vec<usize> {
        if !failed {
            for &child in &self.children[step] {
                self.open[child] -= 1;
                if self.open[child] == 0 && !self.over[child] {
                    self.ready.insert(child);
                }
            }
            return Vec::new();
        }
        let mut skipped = BTreeSet::new();
        let mut pending = self.children[step].clone();
        while let Some(next) = pending.pop() {
            if !std::mem::replace(&mut self.over[next], true) {
                skipped.insert(next);
                pending.extend(&self.children[next]);
            }
        }
        skipped.into_iter().collect()
    }

    /// Everything that has not begun.
    fn give_up(&mut self) -> Vec<usize> {
        self.ready.clear();
        let rest: Vec<usize> = (0..self.over.len())
            .filter(|&step| !self.over[step])
            .collect();
        self.over.fill(true);
        rest
    }
}
