//! A dbt project's nodes as assets and its data tests as checks.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use asset::{
    Asset, AssetCheck, AssetKey, AssetKind, AssetSpec, CheckOutcome, CheckSpec, Materialization,
    MaterializeContext, Severity,
};
use async_trait::async_trait;
use catalog::{AssetRecord, CheckRecord, Workspace};
use dbt::load::Project;
use dbt::node::{Node, ResourceType};
use diagnostic::Result;
use model::RelationName;
use settings::DatasetSpec;
use transform::test::Verdict;
use transform::{Keep, Nodes, relation_name, source_name};

use crate::node_record;
use crate::{dataset, postgres_streams};

/// The assets and checks of a dbt project, and where its nodes stand among them.
pub(crate) struct DbtGraph {
    project: Arc<Project>,
    keys: BTreeMap<String, AssetKey>,
    pub(crate) specs: Vec<AssetSpec>,
}

impl DbtGraph {
    /// The graph of `project`, joined to what `settings` lands where its sources read it.
    pub(crate) fn new(project: Arc<Project>, settings: &settings::Project) -> Self {
        let mut graph = Self {
            project: Arc::clone(&project),
            keys: BTreeMap::new(),
            specs: Vec::new(),
        };
        graph.add_sources(settings);
        for (id, node) in &project.manifest.nodes {
            if kind(node).is_some() && !node.is_ephemeral() {
                graph.keys.insert(id.clone(), node_key(node));
            }
        }
        for (id, node) in &project.manifest.nodes {
            if let (Some(kind), Some(key)) = (kind(node), graph.keys.get(id)) {
                let mut spec = AssetSpec::new(key.clone(), kind, node.schema.to_lowercase())
                    .after(graph.upstream(&node.depends_on.nodes));
                spec.description = node
                    .description
                    .lines()
                    .next()
                    .unwrap_or_default()
                    .to_owned();
                spec.tags = node.config.texts("tags");
                spec.checks = graph.checks_of(id);
                graph.specs.push(spec);
            }
        }
        for exposure in project.manifest.exposures.values() {
            let key = AssetKey::new(&["exposure", exposure.name.as_str()]);
            let mut spec = AssetSpec::new(key, AssetKind::Exposure, "exposure")
                .after(graph.upstream(&exposure.depends_on.nodes));
            spec.description = exposure
                .description
                .lines()
                .next()
                .unwrap_or_default()
                .to_owned();
            graph.specs.push(spec);
        }
        graph
    }

    fn add_sources(&mut self, settings: &settings::Project) {
        let project = Arc::clone(&self.project);
        for (id, source) in &project.manifest.sources {
            let name = source_name(&project.context, source);
            let mut datasets = settings.datasets.iter();
            let fed_by = datasets.find(|dataset| feeds(dataset, &name));
            let fed_by = match fed_by {
                Some(dataset) => Some(dataset::key("silver", dataset)),
                None => postgres_streams::feeding(settings, &name),
            };
            let key = match fed_by {
                Some(key) => key,
                None => {
                    let key = AssetKey::new(&[source.source_name.as_str(), source.name.as_str()]);
                    self.specs.push(AssetSpec::new(
                        key.clone(),
                        AssetKind::Source,
                        source.source_name.clone(),
                    ));
                    key
                }
            };
            self.keys.insert(id.clone(), key);
        }
    }

    /// The assets behind `ids`, through ephemeral models.
    fn upstream(&self, ids: &[String]) -> BTreeSet<AssetKey> {
        let mut found = BTreeSet::new();
        for id in ids {
            match (self.keys.get(id), self.project.manifest.nodes.get(id)) {
                (Some(key), _) => {
                    found.insert(key.clone());
                }
                (None, Some(node)) => found.extend(self.upstream(&node.depends_on.nodes)),
                (None, None) => {}
            }
        }
        found
    }

    /// The asset that the node or source `id` is.
    pub(crate) fn key(&self, id: &str) -> Option<&AssetKey> {
        self.keys.get(id)
    }

    /// The data tests that judge the node or source `id`.
    pub(crate) fn checks_of(&self, id: &str) -> Vec<CheckSpec> {
        self.tests()
            .filter(|(_, judged)| judged == id)
            .filter_map(|(test, judged)| self.check_spec(test, &judged))
            .collect()
    }

    /// Checks on assets that are not the project's own: tests of its sources.
    pub(crate) fn checks_on(&self, key: &AssetKey) -> Vec<CheckSpec> {
        self.tests()
            .filter(|(_, judged)| self.project.manifest.sources.contains_key(judged))
            .filter(|(_, judged)| self.keys.get(judged) == Some(key))
            .filter_map(|(test, judged)| self.check_spec(test, &judged))
            .collect()
    }

    /// Every data test with the node or source it judges: the one it was written at, or the last it
    /// reads.
    fn tests(&self) -> impl Iterator<Item = (&Arc<Node>, String)> {
        self.project.manifest.nodes.values().filter_map(|node| {
            if node.resource_type != ResourceType::Test {
                return None;
            }
            let judged = node
                .attached_node
                .clone()
                .or_else(|| node.depends_on.nodes.last().cloned())?;
            Some((node, judged))
        })
    }

    fn check_spec(&self, test: &Node, judged: &str) -> Option<CheckSpec> {
        let asset = match self.keys.get(judged) {
            Some(key) => key.clone(),
            // A test of an ephemeral model judges what that model reads.
            None => self
                .upstream(&[judged.to_owned()])
                .into_iter()
                .next_back()?,
        };
        let upstream = self.upstream(&test.depends_on.nodes);
        Some(CheckSpec {
            name: test.name.clone(),
            severity: match test.config.text("severity") {
                Some(word) if word.eq_ignore_ascii_case("warn") => Severity::Warn,
                _ => Severity::Error,
            },
            upstream: upstream.into_iter().filter(|key| *key != asset).collect(),
            description: test.description.clone(),
            asset,
        })
    }

    /// What builds each node, in `workspace`.
    pub(crate) fn assets(
        &self,
        nodes: &Arc<Nodes>,
        workspace: &Arc<Workspace>,
    ) -> Result<Vec<Arc<dyn Asset>>> {
        let records = Arc::new(workspace.catalog().assets()?);
        let mut assets: Vec<Arc<dyn Asset>> = Vec::new();
        for (id, node) in &self.project.manifest.nodes {
            let Some(key) = self.keys.get(id) else {
                continue;
            };
            let Some(spec) = self.specs.iter().find(|spec| spec.key == *key) else {
                continue;
            };
            assets.push(Arc::new(NodeAsset {
                spec: spec.clone(),
                node: Arc::clone(node),
                nodes: Arc::clone(nodes),
                workspace: Arc::clone(workspace),
                records: Arc::clone(&records),
            }));
        }
        Ok(assets)
    }

    /// What evaluates each data test, in `workspace`.
    pub(crate) fn checks(
        &self,
        nodes: &Arc<Nodes>,
        workspace: &Arc<Workspace>,
    ) -> Result<Vec<Arc<dyn AssetCheck>>> {
        let records = Arc::new(workspace.catalog().assets()?);
        let checks = self.tests().filter_map(|(test, judged)| {
            let spec = self.check_spec(test, &judged)?;
            Some(Arc::new(NodeCheck {
                spec,
                id: test.unique_id.clone(),
                nodes: Arc::clone(nodes),
                workspace: Arc::clone(workspace),
                records: Arc::clone(&records),
            }) as Arc<dyn AssetCheck>)
        });
        Ok(checks.collect())
    }
}

/// Whether reading `name` reads `dataset`.
fn feeds(dataset: &DatasetSpec, name: &RelationName) -> bool {
    let exposed = dataset
        .expose
        .as_ref()
        .is_some_and(|exposed| exposed.schema == name.schema && exposed.name == name.name);
    let zone = matches!(name.schema.as_str(), "SILVER" | "BRONZE" | "QUARANTINE");
    exposed || (zone && dataset.identifier() == name.name)
}

fn kind(node: &Node) -> Option<AssetKind> {
    match node.resource_type {
        ResourceType::Model => Some(AssetKind::Model),
        ResourceType::Seed => Some(AssetKind::Seed),
        ResourceType::Snapshot => Some(AssetKind::Snapshot),
        _ => None,
    }
}

/// The key of a node's asset.
pub(crate) fn node_key(node: &Node) -> AssetKey {
    AssetKey::new(&[node.schema.to_lowercase(), node.alias.to_lowercase()])
}

struct NodeAsset {
    spec: AssetSpec,
    node: Arc<Node>,
    nodes: Arc<Nodes>,
    workspace: Arc<Workspace>,
    records: Arc<BTreeMap<String, AssetRecord>>,
}

impl NodeAsset {
    fn version(&self, name: &RelationName) -> u64 {
        self.workspace
            .relation(name)
            .map_or(0, |relation| u64::from(relation.generation))
    }
}

#[async_trait]
impl Asset for NodeAsset {
    fn spec(&self) -> &AssetSpec {
        &self.spec
    }

    async fn materialize(&self, context: &MaterializeContext) -> Result<Materialization> {
        let compiled = self.nodes.compile(&self.node.unique_id).await?;
        let name = relation_name(&self.nodes.project().context, &self.node);
        let mut record =
            node_record::record(&self.nodes, &self.node, &self.workspace, &self.spec.key);
        let due = node_record::due(
            &self.workspace,
            &self.records,
            &record,
            &name,
            &compiled.sql,
        );
        if !context.full_refresh && due.is_none() {
            return Ok(Materialization::fresh().with_version(self.version(&name)));
        }
        let before = self.version(&name);
        let built = self
            .nodes
            .of_node(&self.node)
            .materialize(&compiled, context.full_refresh)
            .await?;
        record.rows = built.rows;
        self.workspace.record_asset(record);
        let after = self.version(&name);
        // A view whose text is the same points where it pointed: nothing new for anybody.
        let mut done = if after == before {
            Materialization::fresh()
        } else {
            Materialization::built()
        };
        if let Some(rows) = built.rows {
            done = done.with_rows(rows);
        }
        Ok(done.with_version(after))
    }
}

struct NodeCheck {
    spec: CheckSpec,
    id: String,
    nodes: Arc<Nodes>,
    workspace: Arc<Workspace>,
    records: Arc<BTreeMap<String, AssetRecord>>,
}

#[async_trait]
impl AssetCheck for NodeCheck {
    fn spec(&self) -> &CheckSpec {
        &self.spec
    }

    async fn evaluate(&self, context: &MaterializeContext) -> Result<CheckOutcome> {
        let record = node_record::check_record(&self.nodes, &self.workspace, &self.id).await?;
        let record = record.map(|(record, _)| record);
        if let Some(record) = &record
            && !context.full_refresh
            && node_record::same(&self.records, record)
        {
            return Ok(CheckOutcome::passed(self.spec.severity));
        }
        let found = self.nodes.test(&self.id, Keep::Audit).await?;
        let stored_in = found.stored_in.as_ref().map(ToString::to_string);
        if found.verdict != Verdict::Pass {
            self.workspace.record_check(CheckRecord {
                asset: self.spec.asset.to_string(),
                name: self.spec.name.clone(),
                status: if found.verdict == Verdict::Fail {
                    "fail"
                } else {
                    "warn"
                }
                .to_owned(),
                failures: found.failures,
                stored_in: stored_in.clone(),
            });
        }
        if let (Verdict::Pass, Some(record)) = (found.verdict, record) {
            self.workspace.record_asset(record);
        }
        let message = format!("{} rows are wrong", found.failures);
        let mut outcome = match found.verdict {
            Verdict::Pass => CheckOutcome::passed(self.spec.severity),
            Verdict::Warn => CheckOutcome::failed(Severity::Warn, found.failures, message),
            Verdict::Fail => CheckOutcome::failed(Severity::Error, found.failures, message),
        };
        outcome.stored_in = stored_in;
        Ok(outcome)
    }
}
