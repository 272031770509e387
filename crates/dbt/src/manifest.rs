//! [`Manifest`]: every resource of a project, how references resolve, and the graph.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use diagnostic::{Error, Result, codes};
use indexmap::IndexMap;
use jinja::Value;
use serde_json::{Value as Json, json};

use crate::graph::Edges;
use crate::node::{
    Declared, Doc, Exposure, Group, Macro, Node, Ref, ResourceType, SourceRef, SourceTable,
};
use crate::surroundings::Names;

pub use crate::artifact::manifest_json::{
    declared_json, exposure_json, group_json, macro_json, manifest_json, node_json, source_json,
};

/// A parsed project.
#[derive(Default)]
pub struct Manifest {
    /// Models, seeds, snapshots, tests, analyses and hooks by unique id.
    pub nodes: IndexMap<String, Arc<Node>>,
    /// Tables of sources by unique id.
    pub sources: IndexMap<String, Arc<SourceTable>>,
    /// Macros by unique id.
    pub macros: IndexMap<String, Macro>,
    /// Docs blocks by unique id.
    pub docs: IndexMap<String, Doc>,
    /// Exposures by unique id.
    pub exposures: IndexMap<String, Arc<Exposure>>,
    /// Metrics, semantic models and saved queries by unique id.
    pub declared: IndexMap<String, Arc<Declared>>,
    /// Groups by unique id.
    pub groups: IndexMap<String, Group>,
    /// Nodes that are switched off, by unique id.
    pub disabled: IndexMap<String, Vec<Arc<Node>>>,
    /// Source tables that are switched off, by unique id.
    pub disabled_sources: IndexMap<String, Arc<SourceTable>>,
    /// Metrics, semantic models and saved queries that are switched off, by unique id.
    pub disabled_declared: IndexMap<String, Arc<Declared>>,
    /// What `selectors.yml` defines, as JSON.
    pub selectors: serde_json::Map<String, Json>,
    /// The graph of nodes, sources and exposures.
    pub edges: Edges,
    /// The variables that nodes and their macros name; see [`crate::surroundings`].
    pub(crate) names: OnceLock<Names>,
    pub(crate) by_name: HashMap<String, Vec<String>>,
    pub(crate) disabled_names: HashMap<String, Vec<String>>,
    pub(crate) graph: OnceLock<Value>,
}

/// What a `ref` means.
enum Found {
    Node(String),
    Disabled(String),
    Nothing,
}

impl Manifest {
    /// Builds the tables that references are looked up in. Call it when all nodes are there.
    pub(crate) fn index(&mut self) {
        for (id, node) in &self.nodes {
            if node.resource_type.refable() {
                self.by_name
                    .entry(node.name.clone())
                    .or_default()
                    .push(id.clone());
            }
        }
        for (id, nodes) in &self.disabled {
            if let Some(node) = nodes.iter().find(|node| node.resource_type.refable()) {
                self.disabled_names
                    .entry(node.name.clone())
                    .or_default()
                    .push(id.clone());
            }
        }
    }

    /// The graph, from the dependencies that were resolved.
    pub(crate) fn connect(&mut self) {
        let none: &[String] = &[];
        let nodes = self.nodes.values();
        let nodes = nodes.map(|node| (&node.unique_id, node.depends_on.nodes.as_slice()));
        let sources = self.sources.keys().map(|id| (id, none));
        let exposures = self.exposures.values();
        let exposures = exposures.map(|e| (&e.unique_id, e.depends_on.nodes.as_slice()));
        let declared = self.declared.values();
        let declared = declared.map(|d| (&d.unique_id, d.depends_on.nodes.as_slice()));
        let all = nodes.chain(sources).chain(exposures).chain(declared);
        self.edges = Edges::new(all.map(|(id, depends_on)| {
            (id.as_str(), depends_on.iter().map(String::as_str).collect())
        }));
    }

    fn find_ref(&self, call: &Ref, root: &str, package: &str) -> Found {
        // dbt looks in the root project first, then in the node's own package, then anywhere.
        let candidates: Vec<Option<&str>> = match &call.package {
            Some(package) => vec![Some(package)],
            None => vec![Some(root), Some(package), None],
        };
        let empty = Vec::new();
        let ids = self.by_name.get(&call.name).unwrap_or(&empty);
        let off = self.disabled_names.get(&call.name).unwrap_or(&empty);
        for wanted in candidates {
            for id in ids {
                let Some(node) = self.nodes.get(id) else {
                    continue;
                };
                let fits = wanted.is_none_or(|wanted| node.package == wanted);
                if fits && version_fits(node, call) {
                    return Found::Node(id.clone());
                }
            }
            for id in off {
                let node = self.disabled.get(id).and_then(|nodes| nodes.first());
                if node.is_some_and(|node| wanted.is_none_or(|wanted| node.package == wanted)) {
                    return Found::Disabled(id.clone());
                }
            }
        }
        Found::Nothing
    }

    /// The node that `call` in a node of `package` means.
    ///
    /// # Errors
    /// `D1004` with the nearest name if there is none, `D1006` if it is disabled.
    pub fn resolve_ref(&self, call: &Ref, root: &str, package: &str) -> Result<&Arc<Node>> {
        let shown = match &call.package {
            Some(package) => format!("{package}.{}", call.name),
            None => call.name.clone(),
        };
        let missing = || {
            let mut error = Error::new(
                codes::D1004,
                format!("There is no model, seed or snapshot `{shown}`"),
            );
            let names = self.by_name.keys().map(String::as_str);
            error = match diagnostic::nearest(&call.name, names)
                .and_then(|near| self.by_name.get(near))
            {
                Some(near) => match near.first().and_then(|id| self.nodes.get(id)) {
                    Some(node) => error.help(format!(
                        "a {} with a similar name exists: `{}` ({})",
                        node.resource_type.name(),
                        node.name,
                        node.original_file_path
                    )),
                    None => error,
                },
                None => error,
            };
            error
        };
        match self.find_ref(call, root, package) {
            Found::Node(id) => self.nodes.get(&id).ok_or_else(missing),
            Found::Disabled(id) => Err(Error::new(
                codes::D1006,
                format!("`{shown}` is disabled (`{id}`)"),
            )),
            Found::Nothing => Err(missing()),
        }
    }

    /// The table of a source that `call` in a node of `package` means.
    ///
    /// # Errors
    /// `D1005` if it is not declared, `D1006` if it is disabled.
    pub fn resolve_source(
        &self,
        call: &SourceRef,
        root: &str,
        package: &str,
    ) -> Result<&Arc<SourceTable>> {
        for package in [root, package] {
            let id = format!("source.{package}.{}.{}", call.source, call.table);
            if let Some(found) = self.sources.get(&id) {
                return Ok(found);
            }
            if self.disabled_sources.contains_key(&id) {
                let message = format!("The source `{}.{}` is disabled", call.source, call.table);
                return Err(Error::new(codes::D1006, message));
            }
        }
        let any = self.sources.values();
        let mut any = any.filter(|s| s.source_name == call.source && s.name == call.table);
        if let Some(found) = any.next() {
            return Ok(found);
        }
        let known: Vec<String> = self
            .sources
            .values()
            .map(|s| format!("{}.{}", s.source_name, s.name))
            .collect();
        let shown = format!("{}.{}", call.source, call.table);
        Err(
            Error::new(codes::D1005, format!("There is no source `{shown}`"))
                .suggest(&shown, known.iter().map(String::as_str)),
        )
    }

    /// The text of a docs block: `doc('name')` or `doc('package', 'name')`.
    ///
    /// # Errors
    /// `D2006` if there is none.
    pub fn doc(&self, words: &[String], root: &str, package: &str) -> Result<String> {
        find_doc(&self.docs, words, root, package).map(|doc| doc.block_contents.clone())
    }

    /// `graph` as templates see it; shared by all nodes, which may add to it as in dbt.
    #[must_use]
    pub fn graph_value(&self) -> Value {
        let build = || {
            let nodes = self
                .nodes
                .iter()
                .filter(|(_, node)| node.resource_type != ResourceType::UnitTest);
            let declared = |kind: ResourceType| -> serde_json::Map<String, Json> {
                let of_kind = self
                    .declared
                    .iter()
                    .filter(|(_, d)| d.resource_type == kind);
                of_kind
                    .map(|(id, d)| (id.clone(), declared_json(d)))
                    .collect()
            };
            Value::from(json!({
                "nodes": nodes.map(|(id, n)| (id.clone(), node_json(n))).collect::<serde_json::Map<_, _>>(),
                "sources": self.sources.iter().map(|(id, s)| (id.clone(), source_json(s))).collect::<serde_json::Map<_, _>>(),
                "exposures": self.exposures.iter().map(|(id, e)| (id.clone(), exposure_json(e))).collect::<serde_json::Map<_, _>>(),
                "groups": self.groups.iter().map(|(id, g)| (id.clone(), group_json(g))).collect::<serde_json::Map<_, _>>(),
                "metrics": declared(ResourceType::Metric),
                "semantic_models": declared(ResourceType::SemanticModel),
                "saved_queries": declared(ResourceType::SavedQuery),
            }))
        };
        self.graph.get_or_init(build).clone()
    }

    /// The words that select a resource, as `ls` prints them: `shop.marts.orders`,
    /// `source:shop.erp.orders`.
    #[must_use]
    pub fn selector_of(&self, unique_id: &str) -> Option<String> {
        if let Some(node) = self.nodes.get(unique_id) {
            let words = node.fqn.join(".");
            return Some(match node.resource_type {
                ResourceType::UnitTest => format!("unit_test:{words}"),
                _ => words,
            });
        }
        if let Some(declared) = self.declared.get(unique_id) {
            let (kind, words) = (declared.resource_type.name(), declared.fqn.join("."));
            return Some(format!("{kind}:{words}"));
        }
        if let Some(source) = self.sources.get(unique_id) {
            return Some(format!(
                "source:{}.{}.{}",
                source.package, source.source_name, source.name
            ));
        }
        let exposure = self.exposures.get(unique_id)?;
        Some(format!("exposure:{}.{}", exposure.package, exposure.name))
    }

    /// The node called `name` or with that unique id, for commands that take one.
    #[must_use]
    pub fn node_named(&self, name: &str) -> Option<&Arc<Node>> {
        self.nodes.get(name).or_else(|| {
            self.by_name
                .get(name)
                .and_then(|ids| ids.first())
                .and_then(|id| self.nodes.get(id))
        })
    }

    /// Hooks of `on-run-start` or `on-run-end`, in order.
    #[must_use]
    pub fn hooks(&self, root: &str, end: bool) -> Vec<&Arc<Node>> {
        let tag = if end { "on-run-end" } else { "on-run-start" };
        let hooks = self.nodes.values().filter(|node| {
            node.resource_type == ResourceType::Operation && node.own_tags.iter().any(|t| t == tag)
        });
        let mut hooks: Vec<&Arc<Node>> = hooks.collect();
        hooks.sort_by_key(|node| {
            let own = node.package == root;
            let package = if own { "" } else { node.package.as_str() };
            (own, package, node.index)
        });
        hooks
    }
}

fn version_fits(node: &Node, call: &Ref) -> bool {
    let text = |value: &Json| match value {
        Json::String(text) => text.clone(),
        other => other.to_string(),
    };
    match (&call.version, &node.version) {
        (Some(wanted), Some(version)) => *wanted == text(version),
        (Some(_), None) => false,
        (None, Some(version)) => node
            .latest_version
            .as_ref()
            .is_none_or(|l| text(l) == text(version)),
        (None, None) => true,
    }
}

/// The docs block of `doc(…)` in `package`.
///
/// # Errors
/// `D2006` if there is none, `D2005` for other arguments.
pub(crate) fn find_doc<'d>(
    docs: &'d IndexMap<String, Doc>,
    words: &[String],
    root: &str,
    package: &str,
) -> Result<&'d Doc> {
    let (packages, name) = match words {
        [name] => (vec![root, package], name),
        [package, name] => (vec![package.as_str()], name),
        _ => {
            return Err(Error::new(
                codes::D2005,
                "`doc` takes a name, or a package and a name",
            ));
        }
    };
    let found = packages
        .iter()
        .find_map(|package| docs.get(&format!("doc.{package}.{name}")));
    let found = found.or_else(|| {
        if words.len() == 1 {
            docs.values().find(|doc| doc.name == *name)
        } else {
            None
        }
    });
    found.ok_or_else(|| {
        Error::new(codes::D2006, format!("There is no docs block `{name}`"))
            .suggest(name, docs.values().map(|doc| doc.name.as_str()))
    })
}
