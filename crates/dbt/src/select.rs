//! Selection over a manifest: dbt's methods for the grammar of [`crate::selector`].

use std::cmp::Ordering;
use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use diagnostic::{Error, Result, ResultExt, codes};
use serde_json::{Map, Value as Json};

use crate::adapter::RelationName;
use crate::artifact::manifest_json::SCHEMA;
use crate::changes::Change;
use crate::load::Project;
use crate::macros::BUILT_IN;
use crate::manifest::{Manifest, macro_json, node_json, source_json};
use crate::node::{Declared, Exposure, Node, ResourceType, SourceTable};
use crate::selector::{
    Criterion, Expression, Graph, IndirectSelection, Selection, evaluate, matches_path,
    matches_pattern, parse,
};
use crate::surroundings;

/// What a command's selection flags say.
#[derive(Clone, Debug, Default)]
pub struct SelectArguments {
    /// `--select`.
    pub select: Vec<String>,
    /// `--exclude`.
    pub exclude: Vec<String>,
    /// `--selector`.
    pub selector: Option<String>,
    /// `--indirect-selection`.
    pub indirect: Option<IndirectSelection>,
    /// `--resource-type`; empty for the command's own.
    pub resource_types: Vec<String>,
    /// `--exclude-resource-type`.
    pub exclude_resource_types: Vec<String>,
    /// Whether nodes without code are among them: `ls` and `docs generate` show them, nothing else
    /// works on them.
    pub without_code: bool,
}

/// The artifacts of an earlier run, for `state:`, `result:` and `source_status:`.
#[derive(Clone, Debug, Default)]
pub struct PreviousState {
    /// Its `manifest.json`.
    pub manifest: Json,
    /// Its `run_results.json`, if there is one.
    pub run_results: Option<Json>,
    /// Its `sources.json`, if there is one.
    pub sources: Option<Json>,
    /// Its `sluice_state.json`, if Sluice wrote it.
    pub surroundings: Option<Json>,
}

/// The versions of manifests that dbt 1.12 reads.
const READABLE: std::ops::RangeInclusive<u8> = 4..=12;

impl PreviousState {
    /// Reads the artifacts in `folder`.
    ///
    /// # Errors
    /// `D4002` if there is no readable manifest, or one of a version that dbt does not compare with.
    pub fn load(folder: &Path) -> Result<Self> {
        let path = folder.join("manifest.json");
        let manifest = read_json(&path)?;
        let schema = manifest.pointer("/metadata/dbt_schema_version");
        let schema = schema.and_then(Json::as_str).unwrap_or(SCHEMA);
        if !READABLE
            .clone()
            .any(|version| schema.ends_with(&format!("/manifest/v{version}.json")))
        {
            let message = format!(
                "`{}` is of another version of dbt: {schema}",
                path.display()
            );
            return Err(Error::new(codes::D4002, message).help(format!(
                "versions 4 to 12 are compared with; {SCHEMA} is written"
            )));
        }
        Ok(Self {
            manifest,
            run_results: optional(folder.join("run_results.json"))?,
            sources: optional(folder.join("sources.json"))?,
            surroundings: optional(folder.join(surroundings::FILE))?,
        })
    }

    /// The relations of its models, seeds and snapshots, by unique id: what `--defer` reads.
    #[must_use]
    pub fn relations(&self) -> HashMap<String, RelationName> {
        let nodes = self.manifest.get("nodes").and_then(Json::as_object);
        let found = nodes.into_iter().flatten().filter_map(|(id, node)| {
            let text = |key: &str| node.get(key)?.as_str().map(str::to_owned);
            let refable = ["model", "seed", "snapshot"].contains(&text("resource_type")?.as_str());
            text("relation_name").filter(|_| refable)?;
            let name = RelationName {
                database: text("database").unwrap_or_default(),
                schema: text("schema")?,
                identifier: text("alias")?,
            };
            Some((id.clone(), name))
        });
        found.collect()
    }

    fn node(&self, id: &str) -> Option<&Json> {
        [
            "nodes",
            "sources",
            "exposures",
            "unit_tests",
            "metrics",
            "semantic_models",
            "saved_queries",
        ]
        .iter()
        .find_map(|kind| self.manifest.get(kind)?.get(id))
    }
}

fn optional(path: PathBuf) -> Result<Option<Json>> {
    if path.is_file() {
        read_json(&path).map(Some)
    } else {
        Ok(None)
    }
}

fn read_json(path: &Path) -> Result<Json> {
    let message = || format!("`{}` cannot be read", path.display());
    let text = std::fs::read_to_string(path).explain(codes::D4002, message)?;
    serde_json::from_str(&text).explain(codes::D4002, message)
}

impl Project {
    /// The unique ids that `arguments` select, each after what it depends on.
    ///
    /// # Errors
    /// `D3001` to `D3004`.
    pub fn select(
        &self,
        arguments: &SelectArguments,
        state: Option<&PreviousState>,
    ) -> Result<Vec<String>> {
        self.select_with_warnings(arguments, state)
            .map(|(ids, _)| ids)
    }

    /// As [`Project::select`], and the criteria that matched nothing.
    ///
    /// # Errors
    /// As [`Project::select`].
    pub fn select_with_warnings(
        &self,
        arguments: &SelectArguments,
        state: Option<&PreviousState>,
    ) -> Result<(Vec<String>, Vec<String>)> {
        let expression = self.expression(arguments)?;
        let indirect = arguments
            .indirect
            .unwrap_or(self.context.flags.indirect_selection);
        let graph = ManifestGraph {
            project: self,
            state,
        };
        let Selection { nodes, unmatched } = evaluate(&expression, &graph, indirect)?;
        let wanted = |id: &str| {
            let kind = id.split('.').next().unwrap_or_default();
            let among = |list: &[String]| list.iter().any(|k| k == kind || k == "all");
            (arguments.resource_types.is_empty() || among(&arguments.resource_types))
                && !among(&arguments.exclude_resource_types)
                && (arguments.without_code
                    || self.manifest.nodes.get(id).is_none_or(|n| n.has_code()))
        };
        let edges = &self.manifest.edges;
        let order = edges
            .sorted()
            .unwrap_or_else(|_| (0..edges.ids.len()).collect());
        let ids = order.into_iter().filter(|node| nodes.contains(node));
        let ids = ids
            .map(|node| edges.ids[node].clone())
            .filter(|id| wanted(id));
        // Hooks run by themselves.
        let ids = ids.filter(|id| !id.starts_with("operation."));
        Ok((ids.collect(), unmatched))
    }

    fn expression(&self, arguments: &SelectArguments) -> Result<Expression> {
        if let Some(name) = &arguments.selector {
            return self
                .selectors
                .get(name)
                .map(|selector| selector.expression.clone());
        }
        let nothing = arguments.select.is_empty() && arguments.exclude.is_empty();
        match &self.selectors.default {
            Some(name) if nothing => self
                .selectors
                .get(name)
                .map(|selector| selector.expression.clone()),
            _ => parse(&arguments.select, &arguments.exclude),
        }
    }
}

struct ManifestGraph<'g> {
    project: &'g Project,
    state: Option<&'g PreviousState>,
}

/// A node, source or exposure under one roof.
#[derive(Clone, Copy)]
enum Item<'i> {
    Node(&'i Node),
    Source(&'i SourceTable),
    Exposure(&'i Exposure),
    Declared(&'i Declared),
}

impl Item<'_> {
    fn package(&self) -> &str {
        match self {
            Self::Node(node) => &node.package,
            Self::Source(source) => &source.package,
            Self::Exposure(exposure) => &exposure.package,
            Self::Declared(declared) => &declared.package,
        }
    }

    fn file(&self) -> &str {
        match self {
            Self::Node(node) => &node.original_file_path,
            Self::Source(source) => &source.original_file_path,
            Self::Exposure(exposure) => &exposure.original_file_path,
            Self::Declared(declared) => &declared.original_file_path,
        }
    }

    fn tags(&self) -> Vec<String> {
        match self {
            Self::Node(node) => node.tags(),
            Self::Source(source) => source.tags.clone(),
            Self::Exposure(exposure) => exposure.tags.clone(),
            Self::Declared(declared) => declared.tags.clone(),
        }
    }

    fn config(&self) -> &Map<String, Json> {
        match self {
            Self::Node(node) => &node.config.0,
            Self::Source(source) => &source.config.0,
            Self::Exposure(exposure) => &exposure.config.0,
            Self::Declared(declared) => &declared.config.0,
        }
    }

    fn kind(&self) -> ResourceType {
        match self {
            Self::Node(node) => node.resource_type,
            Self::Source(_) => ResourceType::Source,
            Self::Exposure(_) => ResourceType::Exposure,
            Self::Declared(declared) => declared.resource_type,
        }
    }
}

impl Graph for ManifestGraph<'_> {
    fn parents(&self, node: usize) -> &[usize] {
        self.project.manifest.edges.parents(node)
    }

    fn children(&self, node: usize) -> &[usize] {
        self.project.manifest.edges.children(node)
    }

    fn is_test(&self, node: usize) -> bool {
        matches!(self.item(node), Some(Item::Node(node))
            if matches!(node.resource_type, ResourceType::Test | ResourceType::UnitTest))
    }

    fn is_input(&self, node: usize) -> bool {
        matches!(self.item(node), Some(Item::Source(_)))
    }

    fn find(&self, criterion: &Criterion) -> Result<Vec<usize>> {
        if criterion.method == "selector" {
            let mut nodes = BTreeSet::new();
            for named in self.project.selectors.matching(&criterion.value)? {
                nodes.extend(evaluate(&named.expression, self, IndirectSelection::Empty)?.nodes);
            }
            return Ok(nodes.into_iter().collect());
        }
        let test = self.method(criterion)?;
        let all = 0..self.project.manifest.edges.ids.len();
        Ok(all
            .filter(|node| self.item(*node).is_some_and(|item| test(*node, item)))
            .collect())
    }
}

type Test<'t> = Box<dyn Fn(usize, Item<'_>) -> bool + 't>;

impl ManifestGraph<'_> {
    fn manifest(&self) -> &Manifest {
        &self.project.manifest
    }

    fn item(&self, node: usize) -> Option<Item<'_>> {
        let id = self.manifest().edges.ids.get(node)?;
        if let Some(node) = self.manifest().nodes.get(id) {
            return Some(Item::Node(node));
        }
        if let Some(source) = self.manifest().sources.get(id) {
            return Some(Item::Source(source));
        }
        if let Some(exposure) = self.manifest().exposures.get(id) {
            return Some(Item::Exposure(exposure));
        }
        self.manifest()
            .declared
            .get(id)
            .map(|declared| Item::Declared(declared))
    }

    /// The method of a criterion as a test of one node.
    fn method<'c>(&'c self, criterion: &'c Criterion) -> Result<Test<'c>> {
        let value = criterion.value.as_str();
        let like = move |text: &str| matches_pattern(text, value);
        Ok(match criterion.method.as_str() {
            "fqn" => Box::new(move |_, item| match item {
                Item::Node(node) => fqn_matches(&node.fqn, node.version.is_some(), value),
                Item::Exposure(exposure) => fqn_matches(&exposure.fqn, false, value),
                Item::Declared(declared) => fqn_matches(&declared.fqn, false, value),
                Item::Source(_) => false,
            }),
            "tag" => Box::new(move |_, item| item.tags().iter().any(|tag| like(tag))),
            "path" => Box::new(move |_, item| {
                let patch = match item {
                    Item::Node(node) => node.patch_path.as_deref(),
                    _ => None,
                };
                let patch = patch
                    .and_then(|patch| patch.split_once("://"))
                    .map(|(_, path)| path);
                matches_path(item.file(), value)
                    || patch.is_some_and(|path| matches_path(path, value))
            }),
            "file" => Box::new(move |_, item| {
                let path = Path::new(item.file());
                let name = path.file_name().map(|n| n.to_string_lossy().into_owned());
                let stem = path.file_stem().map(|n| n.to_string_lossy().into_owned());
                name.is_some_and(|name| like(&name)) || stem.is_some_and(|stem| like(&stem))
            }),
            "package" => {
                let root = self.project.context.root.name.as_str();
                let wanted = if value == "this" { root } else { value };
                Box::new(move |_, item| matches_pattern(item.package(), wanted))
            }
            "resource_type" => {
                known(
                    value,
                    &[
                        "model",
                        "seed",
                        "snapshot",
                        "test",
                        "analysis",
                        "source",
                        "exposure",
                        "metric",
                        "semantic_model",
                        "saved_query",
                        "unit_test",
                        "function",
                        "all",
                    ],
                )?;
                Box::new(move |_, item| value == "all" || item.kind().name() == value)
            }
            "config" => {
                Box::new(move |_, item| config_matches(item.config(), &criterion.arguments, value))
            }
            "test_type" => {
                known(value, &["generic", "singular", "unit", "data", "schema"])?;
                Box::new(move |_, item| match item {
                    Item::Node(node) if node.resource_type == ResourceType::Test => match value {
                        "generic" | "schema" => node.test_metadata.is_some(),
                        "singular" => node.test_metadata.is_none(),
                        "data" => true,
                        _ => false,
                    },
                    Item::Node(node) if node.resource_type == ResourceType::UnitTest => {
                        value == "unit"
                    }
                    _ => false,
                })
            }
            "test_name" => Box::new(move |_, item| match item {
                Item::Node(node) if node.resource_type == ResourceType::UnitTest => {
                    like(&node.name)
                }
                Item::Node(node) => node
                    .test_metadata
                    .as_ref()
                    .is_some_and(|test| like(&test.name)),
                _ => false,
            }),
            "source" => Box::new(move |_, item| match item {
                Item::Source(source) => {
                    source_matches(source, value, &self.project.context.root.name)
                }
                _ => false,
            }),
            "exposure" => Box::new(move |_, item| match item {
                Item::Exposure(exposure) => {
                    let name = value.split_once('.');
                    let full = name.is_some_and(|(package, name)| {
                        matches_pattern(&exposure.package, package)
                            && matches_pattern(&exposure.name, name)
                    });
                    like(&exposure.name) || full
                }
                _ => false,
            }),
            "group" => Box::new(move |_, item| {
                item.config()
                    .get("group")
                    .and_then(Json::as_str)
                    .is_some_and(like)
            }),
            "access" => Box::new(move |_, item| match item {
                Item::Node(node) if node.resource_type == ResourceType::Model => {
                    node.config.text("access").unwrap_or("protected") == value
                }
                _ => false,
            }),
            "version" => {
                known(value, &["latest", "prerelease", "old", "none"])?;
                Box::new(move |_, item| version_matches(item, value))
            }
            "state" => self.state_method(criterion)?,
            "result" => {
                let results = self.state.and_then(|state| state.run_results.as_ref());
                let results = results.ok_or_else(|| needs_state(criterion))?;
                let list = results.get("results").and_then(Json::as_array);
                let ids: Vec<&str> = list
                    .into_iter()
                    .flatten()
                    .filter(|result| result.get("status").and_then(Json::as_str) == Some(value))
                    .filter_map(|result| result.get("unique_id")?.as_str())
                    .collect();
                Box::new(move |node, _| {
                    self.manifest()
                        .edges
                        .ids
                        .get(node)
                        .is_some_and(|id| ids.contains(&id.as_str()))
                })
            }
            "source_status" => self.source_status(criterion)?,
            "unit_test" => Box::new(move |_, item| match item {
                Item::Node(node) if node.resource_type == ResourceType::UnitTest => {
                    named(&node.package, &node.fqn, &node.name, value)
                }
                _ => false,
            }),
            kind @ ("metric" | "semantic_model" | "saved_query") => {
                Box::new(move |_, item| match item {
                    Item::Declared(declared) if declared.resource_type.name() == kind => {
                        named(&declared.package, &declared.fqn, &declared.name, value)
                    }
                    _ => false,
                })
            }
            other => {
                let message = format!("`{}`: there is no method `{other}`", criterion.raw);
                return Err(
                    Error::new(codes::D3001, message).suggest(other, METHODS.iter().copied())
                );
            }
        })
    }

    fn state_method<'c>(&'c self, criterion: &'c Criterion) -> Result<Test<'c>> {
        let state = self.state.ok_or_else(|| needs_state(criterion))?;
        let (what, part) = criterion
            .value
            .split_once('.')
            .unwrap_or((&criterion.value, ""));
        known(what, &["new", "old", "modified", "unmodified"])?;
        let parts = [
            "",
            "body",
            "configs",
            "relation",
            "persisted_descriptions",
            "macros",
            "contract",
        ];
        known(part, &parts)?;
        Ok(Box::new(move |node, item| {
            let Some(id) = self.manifest().edges.ids.get(node) else {
                return false;
            };
            let before = state.node(id);
            match what {
                "new" => before.is_none(),
                "old" => before.is_some(),
                "modified" => before.is_none_or(|before| self.differs(item, before, state, part)),
                _ => before.is_some_and(|before| !self.differs(item, before, state, part)),
            }
        }))
    }

    fn differs(&self, item: Item<'_>, before: &Json, state: &PreviousState, part: &str) -> bool {
        let now = match item {
            Item::Node(node) => node_json(node),
            Item::Source(source) => source_json(source),
            Item::Exposure(exposure) => crate::manifest::exposure_json(exposure),
            Item::Declared(declared) => crate::manifest::declared_json(declared),
        };
        let flags = &self.project.context.root.flags;
        let as_written = flags.get("state_modified_compare_more_unrendered_values");
        let change = Change {
            now: &now,
            before,
            as_written: as_written.and_then(Json::as_bool) == Some(true),
        };
        let all = part.is_empty();
        change.is_in(part)
            || (all || part == "macros") && self.macros_differ(item, state)
            || (all || part == "configs") && self.surroundings_differ(item, state)
    }

    /// Whether variables that the node names have other values now. dbt does not keep them, so its own
    /// artifacts say nothing about it.
    fn surroundings_differ(&self, item: Item<'_>, state: &PreviousState) -> bool {
        let Item::Node(node) = item else { return false };
        let Some(before) = &state.surroundings else {
            return false;
        };
        let before = before
            .get("surroundings")
            .and_then(|all| all.get(&node.unique_id));
        let now = surroundings::digest(&self.project.context, self.manifest(), node);
        before.and_then(Json::as_str) != now.as_deref()
    }

    /// Whether a macro the node calls, directly or not, reads differently now.
    fn macros_differ(&self, item: Item<'_>, state: &PreviousState) -> bool {
        let Item::Node(node) = item else { return false };
        let macros = state.manifest.get("macros");
        let mut seen: Vec<&str> = node.depends_on.macros.iter().map(String::as_str).collect();
        let mut at = 0;
        while let Some(&id) = seen.get(at) {
            at += 1;
            let Some(now) = self.manifest().macros.get(id) else {
                continue;
            };
            // dbt's own macros read differently in each implementation of dbt.
            if now.package == BUILT_IN && state.surroundings.is_none() {
                continue;
            }
            let before = macros.and_then(|macros| macros.get(id));
            if before.and_then(|before| before.get("macro_sql")) != macro_json(now).get("macro_sql")
            {
                return true;
            }
            for next in &now.depends_on {
                if !seen.contains(&next.as_str()) {
                    seen.push(next);
                }
            }
        }
        false
    }

    fn source_status<'c>(&'c self, criterion: &'c Criterion) -> Result<Test<'c>> {
        let state = self.state.ok_or_else(|| needs_state(criterion))?;
        let before = state
            .sources
            .as_ref()
            .ok_or_else(|| needs_state(criterion))?;
        known(&criterion.value, &["fresher"])?;
        let current =
            crate::artifact::files::target_folder(&self.project.context).join("sources.json");
        let now = read_json(&current)?;
        let newest = |json: &Json, id: &str| -> Option<String> {
            let list = json.get("results")?.as_array()?;
            let result = list
                .iter()
                .find(|r| r.get("unique_id").and_then(Json::as_str) == Some(id))?;
            Some(result.get("max_loaded_at")?.as_str()?.to_owned())
        };
        Ok(Box::new(move |node, _| {
            let Some(id) = self.manifest().edges.ids.get(node) else {
                return false;
            };
            match (newest(&now, id), newest(before, id)) {
                (Some(now), Some(before)) => now > before,
                (Some(_), None) => true,
                _ => false,
            }
        }))
    }
}

/// The methods of criteria.
pub(crate) const METHODS: &[&str] = &[
    "fqn",
    "tag",
    "group",
    "access",
    "source",
    "path",
    "file",
    "package",
    "config",
    "test_name",
    "test_type",
    "resource_type",
    "state",
    "exposure",
    "metric",
    "result",
    "source_status",
    "version",
    "semantic_model",
    "saved_query",
    "unit_test",
    "selector",
];

fn known(value: &str, values: &[&str]) -> Result<()> {
    if values.contains(&value) {
        return Ok(());
    }
    let message = format!("`{value}` is none of `{}`", values.join("`, `"));
    Err(Error::new(codes::D3001, message).suggest(value, values.iter().copied()))
}

fn needs_state(criterion: &Criterion) -> Error {
    let message = format!("`{}` compares with an earlier run", criterion.raw);
    Error::new(codes::D3004, message).help("name the folder of its artifacts with --state")
}

/// Whether `value` names what has this fqn: its name, or a dotted prefix of its fully qualified name, with or
/// without the package.
fn fqn_matches(fqn: &[String], versioned: bool, value: &str) -> bool {
    let name = |fqn: &[String]| {
        if fqn.last().is_some_and(|last| last == value) {
            return true;
        }
        let flat: Vec<&str> = fqn.iter().flat_map(|part| part.split('.')).collect();
        let wanted: Vec<&str> = value.split('.').collect();
        if flat.len() < wanted.len() {
            return false;
        }
        for (at, part) in wanted.iter().enumerate() {
            if part.contains(['*', '?', '[', ']']) {
                return matches_pattern(&flat[at..].join("."), &wanted[at..].join("."));
            }
            if flat[at] != *part {
                return false;
            }
        }
        true
    };
    if versioned {
        // `orders`, `orders.v2` and `orders_v2` mean a versioned model.
        let last: Vec<&str> = fqn.iter().rev().take(2).map(String::as_str).collect();
        if let [version, model] = last.as_slice()
            && [
                format!("{model}.{version}"),
                format!("{model}_{version}"),
                (*model).to_owned(),
            ]
            .contains(&value.to_owned())
        {
            return true;
        }
    }
    name(fqn) || fqn.get(1..).is_some_and(name)
}

/// Whether `value` is a name, `package.name` or a dotted name of what has this fqn.
fn named(package: &str, fqn: &[String], name: &str, value: &str) -> bool {
    matches_pattern(name, value)
        || matches_pattern(&format!("{package}.{name}"), value)
        || matches_pattern(&fqn.join("."), value)
}

fn source_matches(source: &SourceTable, value: &str, root: &str) -> bool {
    let parts: Vec<&str> = value.split('.').collect();
    let (package, name, table) = match parts.as_slice() {
        [name] => ("*", *name, "*"),
        [name, table] => ("*", *name, *table),
        [package, name, table] => (*package, *name, *table),
        _ => return false,
    };
    let package = if package == "this" { root } else { package };
    matches_pattern(&source.package, package)
        && matches_pattern(&source.source_name, name)
        && matches_pattern(&source.name, table)
}

fn config_matches(config: &Map<String, Json>, path: &[String], value: &str) -> bool {
    let mut found: Option<&Json> = None;
    for (depth, key) in path.iter().enumerate() {
        found = if depth == 0 {
            config.get(key)
        } else {
            found.and_then(|json| json.get(key))
        };
    }
    let one = |json: &Json| match json {
        Json::Bool(truth) => value.eq_ignore_ascii_case(&truth.to_string()),
        Json::String(text) => {
            let severity = path.first().is_some_and(|key| key == "severity");
            matches_pattern(text, value) || severity && text.eq_ignore_ascii_case(value)
        }
        Json::Null => false,
        other => matches_pattern(&other.to_string(), value),
    };
    match found {
        None => false,
        Some(Json::Array(items)) => items.iter().any(one),
        Some(Json::Object(map)) => map.contains_key(value),
        Some(json) => one(json),
    }
}

fn version_matches(item: Item<'_>, value: &str) -> bool {
    let Item::Node(node) = item else { return false };
    if node.resource_type != ResourceType::Model {
        return false;
    }
    match (value, &node.version, &node.latest_version) {
        ("none", None, _) => true,
        ("latest", Some(version), Some(latest)) => version == latest,
        ("prerelease", Some(version), Some(latest)) => compare_versions(version, latest).is_gt(),
        ("old", Some(version), Some(latest)) => compare_versions(version, latest).is_lt(),
        _ => false,
    }
}

/// The order of two versions of a model: of numbers as numbers, else of texts.
fn compare_versions(one: &Json, other: &Json) -> Ordering {
    let text = |json: &Json| {
        json.as_str()
            .map_or_else(|| json.to_string(), str::to_owned)
    };
    let (one, other) = (text(one), text(other));
    match (one.parse::<f64>(), other.parse::<f64>()) {
        (Ok(one), Ok(other)) => one.total_cmp(&other),
        _ => one.cmp(&other),
    }
}
