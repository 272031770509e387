//! References become edges; what is missing, double or circular is refused.

use std::collections::HashMap;
use std::sync::Arc;

use diagnostic::{Error, Place, Source, codes};
use serde_json::Value as Json;

use super::code::Job;
use super::semantic_edges::{declared, metric, no_metric};
use crate::context::ProjectContext;
use crate::manifest::Manifest;
use crate::node::{DependsOn, Node, Ref, ResourceType, SourceRef};
use crate::warning::{Warning, Warnings};

/// Puts `nodes` into `manifest`, resolves what they refer to and builds the graph.
pub fn resolve(
    project: &Arc<ProjectContext>,
    manifest: &mut Manifest,
    nodes: Vec<Node>,
    jobs: &[Job<'_>],
    warnings: &mut Warnings,
    errors: &mut Vec<Error>,
) {
    for node in nodes {
        let id = node.unique_id.clone();
        if !node.config.enabled() {
            manifest
                .disabled
                .entry(id)
                .or_default()
                .push(Arc::new(node));
            continue;
        }
        if let Some(other) = manifest.nodes.get(&id) {
            // A test that stands twice is one test; two files of one name are an error.
            if node.resource_type != ResourceType::Test || node.test_metadata.is_none() {
                let message = format!(
                    "Two {}s are called `{}`",
                    node.resource_type.name(),
                    node.name
                );
                errors.push(
                    Error::new(codes::D1007, message)
                        .with("first", &other.original_file_path)
                        .with("second", &node.original_file_path),
                );
            }
            continue;
        }
        manifest.nodes.insert(id, Arc::new(node));
    }
    manifest.index();
    names_with_spaces(project, manifest, warnings, errors);
    same_names(manifest, errors);
    same_relations(manifest, errors);
    missing_groups(manifest, errors);
    let places = Places { jobs };
    let root = &project.root.name;
    let mut resolved: Vec<(String, DependsOn)> = Vec::new();
    let mut dropped: Vec<String> = Vec::new();
    for node in manifest.nodes.values() {
        let mut nodes = match node.resource_type {
            // A unit test depends on its model, which it names otherwise.
            ResourceType::UnitTest => node.depends_on.nodes.clone(),
            _ => Vec::new(),
        };
        let mut failed = false;
        // dbt keeps what is named twice twice; its target and its error count once.
        let mut refs: Vec<&Ref> = Vec::with_capacity(node.refs.len());
        for call in &node.refs {
            if refs.contains(&call) {
                continue;
            }
            refs.push(call);
            match manifest.resolve_ref(call, root, &node.package) {
                Ok(target) => {
                    if let Some(error) = forbidden(project, node, target) {
                        errors.push(places.locate(error, node, &call.name));
                    }
                    push(&mut nodes, &target.unique_id);
                }
                Err(error) if node.resource_type == ResourceType::Test => {
                    // As in dbt, a test of something missing or disabled is left out.
                    if error.code() == codes::D1004 {
                        warnings.add(Warning::new(
                            "NodeNotFoundOrDisabled",
                            format!("The test `{}` is left out: {}", node.name, error.message()),
                        ));
                    }
                    dropped.push(node.unique_id.clone());
                    failed = true;
                }
                Err(error) => {
                    errors.push(places.locate(error, node, &call.name));
                    failed = true;
                }
            }
        }
        let mut sources: Vec<&SourceRef> = Vec::with_capacity(node.sources.len());
        for call in &node.sources {
            if sources.contains(&call) {
                continue;
            }
            sources.push(call);
            match manifest.resolve_source(call, root, &node.package) {
                Ok(target) => push(&mut nodes, &target.unique_id),
                Err(error) if node.resource_type == ResourceType::Test => {
                    if error.code() != codes::D1006 {
                        warnings.add(Warning::new(
                            "NodeNotFoundOrDisabled",
                            format!("The test `{}` is left out: {}", node.name, error.message()),
                        ));
                    }
                    dropped.push(node.unique_id.clone());
                    failed = true;
                }
                Err(error) => {
                    errors.push(places.locate(error, node, &call.table));
                    failed = true;
                }
            }
        }
        if !failed {
            resolved.push((
                node.unique_id.clone(),
                DependsOn {
                    macros: Vec::new(),
                    nodes,
                },
            ));
        }
    }
    let root = root.clone();
    let mut exposures = Vec::new();
    for (id, exposure) in &manifest.exposures {
        let refs = exposure.refs.iter().map(|call| {
            manifest
                .resolve_ref(call, &root, &exposure.package)
                .map(|node| node.unique_id.clone())
        });
        let sources = exposure.sources.iter().map(|call| {
            manifest
                .resolve_source(call, &root, &exposure.package)
                .map(|s| s.unique_id.clone())
        });
        let metrics = exposure.metrics.iter().map(|name| {
            let found = metric(manifest, name);
            found.ok_or_else(|| no_metric(manifest, name))
        });
        let mut nodes = Vec::new();
        for target in sources.chain(refs).chain(metrics) {
            match target {
                Ok(id) => push(&mut nodes, &id),
                Err(error) => errors.push(error.with("exposure", &exposure.name)),
            }
        }
        exposures.push((id.clone(), nodes));
    }
    for (id, depends_on) in resolved {
        if let Some(node) = manifest.nodes.get_mut(&id) {
            Arc::make_mut(node).depends_on.nodes = depends_on.nodes;
        }
    }
    for (id, nodes) in exposures {
        if let Some(exposure) = manifest.exposures.get_mut(&id) {
            Arc::make_mut(exposure).depends_on.nodes = nodes;
        }
    }
    declared(manifest, &root, errors);
    for id in dropped {
        if let Some(node) = manifest.nodes.shift_remove(&id) {
            manifest.disabled.entry(id).or_default().push(node);
        }
    }
    primary_keys(manifest);
    manifest.connect();
    if let Err(cycle) = manifest.edges.sorted() {
        let message = format!(
            "Nodes depend on each other in a circle: `{}`",
            cycle.join("` → `")
        );
        let file = cycle.first().and_then(|id| manifest.nodes.get(id));
        let error = Error::new(codes::D1008, message);
        errors.push(match file {
            Some(node) => error.with("file", &node.original_file_path),
            None => error,
        });
    }
}

/// Why `node` may not refer to `target`, if it may not: private models are for their group, and
/// protected ones of packages with `restrict-access` for their package.
fn forbidden(project: &ProjectContext, node: &Node, target: &Node) -> Option<Error> {
    if target.resource_type != ResourceType::Model || node.resource_type == ResourceType::Test {
        return None;
    }
    let group = target.config.text("group");
    let why = match target.config.text("access").unwrap_or("protected") {
        "private" if group.is_none() => "is private, but to no group".to_owned(),
        "private" if node.config.text("group") != group => {
            format!("is private to the group `{}`", group.unwrap_or_default())
        }
        "protected"
            if node.package != target.package
                && project
                    .package(&target.package)
                    .is_some_and(|p| p.restrict_access) =>
        {
            format!("is protected in the package `{}`", target.package)
        }
        _ => return None,
    };
    let message = format!(
        "`{}` may not refer to `{}`, which {why}",
        node.name, target.name
    );
    Some(Error::new(codes::D1052, message))
}

/// The columns that tell a model's rows apart: those with `unique` and `not_null` tests, else those
/// with `unique` ones.
fn primary_keys(manifest: &mut Manifest) {
    let mut unique: HashMap<String, Vec<String>> = HashMap::new();
    let mut not_null: HashMap<String, Vec<String>> = HashMap::new();
    for node in manifest.nodes.values() {
        let (Some(test), Some(model)) = (&node.test_metadata, &node.attached_node) else {
            continue;
        };
        let columns: Vec<String> = match test.kwargs.get("column_name").and_then(Json::as_str) {
            Some(column) => vec![column.to_owned()],
            None => test
                .kwargs
                .get("combination_of_columns")
                .map(super::properties::list_of_texts)
                .unwrap_or_default(),
        };
        let set = match test.name.as_str() {
            "unique" | "unique_combination_of_columns" => &mut unique,
            "not_null" => &mut not_null,
            _ => continue,
        };
        let known = set.entry(model.clone()).or_default();
        for column in columns {
            push(known, &column);
        }
    }
    for (model, columns) in unique {
        let Some(node) = manifest.nodes.get_mut(&model) else {
            continue;
        };
        if node.resource_type != ResourceType::Model {
            continue;
        }
        let both: Vec<String> = match not_null.get(&model) {
            Some(not_null) => not_null
                .iter()
                .filter(|c| columns.contains(c))
                .cloned()
                .collect(),
            None => Vec::new(),
        };
        let mut key = if both.is_empty() { columns } else { both };
        key.sort();
        Arc::make_mut(node).primary_key = key;
    }
}

/// Adds an id that is not there yet.
pub(super) fn push(list: &mut Vec<String>, id: &str) {
    if !list.iter().any(|have| have == id) {
        list.push(id.to_owned());
    }
}

/// Names of nodes hold no spaces, unless the project's flag lets them
/// (<https://docs.getdbt.com/reference/global-configs/behavior-changes#no-spaces-in-resource-names>).
fn names_with_spaces(
    project: &ProjectContext,
    manifest: &Manifest,
    warnings: &mut Warnings,
    errors: &mut Vec<Error>,
) {
    let flag = "require_resource_names_without_spaces";
    let refused = project.root.flags.get(flag).and_then(Json::as_bool) != Some(false);
    let nodes = manifest.nodes.values();
    let spaced = nodes
        .filter(|node| node.resource_type != ResourceType::UnitTest && node.name.contains(' '));
    for node in spaced {
        let message = format!("The name of `{}` holds a space", node.unique_id);
        match refused {
            true => errors.push(
                Error::new(codes::D1051, message)
                    .with("file", &node.original_file_path)
                    .help(format!("rename it, or set `{flag}: false` under `flags:`")),
            ),
            false => warnings.add(Warning::new("ResourceNamesWithSpacesDeprecation", message)),
        }
    }
}

/// A model and a seed of one name in one package: `ref` could mean either.
fn same_names(manifest: &Manifest, errors: &mut Vec<Error>) {
    let mut seen: HashMap<(&str, String), &Arc<Node>> = HashMap::new();
    for node in manifest
        .nodes
        .values()
        .filter(|node| node.resource_type.refable())
    {
        if let Some(other) = seen.insert((&node.package, node.search_name()), node) {
            let message = format!(
                "Two resources are called `{}`, so `ref` could mean either",
                node.name
            );
            errors.push(
                Error::new(codes::D1007, message)
                    .with(
                        "first",
                        format!("{} ({})", other.unique_id, other.original_file_path),
                    )
                    .with(
                        "second",
                        format!("{} ({})", node.unique_id, node.original_file_path),
                    ),
            );
        }
    }
}

/// Nodes may only be of groups that are declared.
fn missing_groups(manifest: &Manifest, errors: &mut Vec<Error>) {
    let known = || manifest.groups.values().map(|group| group.name.as_str());
    for node in manifest.nodes.values() {
        if let Some(group) = node.config.text("group")
            && !known().any(|name| name == group)
        {
            let message = format!("There is no group `{group}`, of which `{}` is", node.name);
            let error = Error::new(codes::D1051, message).suggest(group, known());
            errors.push(error.with("file", &node.original_file_path));
        }
    }
}

fn same_relations(manifest: &Manifest, errors: &mut Vec<Error>) {
    let mut seen: HashMap<String, &Arc<Node>> = HashMap::new();
    for node in manifest.nodes.values().filter(|node| node.is_relational()) {
        let Some(name) = &node.relation_name else {
            continue;
        };
        if let Some(other) = seen.insert(name.to_lowercase(), node) {
            let message = format!("Two nodes would build `{name}`");
            errors.push(
                Error::new(codes::D1009, message)
                    .with(
                        "first",
                        format!("{} ({})", other.unique_id, other.original_file_path),
                    )
                    .with(
                        "second",
                        format!("{} ({})", node.unique_id, node.original_file_path),
                    )
                    .help("give one of them another `alias` or `schema`"),
            );
        }
    }
}

/// Finds where in a node's file a reference stands.
struct Places<'j> {
    jobs: &'j [Job<'j>],
}

impl Places<'_> {
    fn locate(&self, error: Error, node: &Node, name: &str) -> Error {
        let error = error.with("node", &node.unique_id);
        match self.place(node, name) {
            Some(place) => error.at(place),
            None => error.with("file", &node.original_file_path),
        }
    }

    fn place(&self, node: &Node, name: &str) -> Option<Place> {
        let job = self.jobs.iter().find(|job| {
            job.package.name == node.package && job.file.original == node.original_file_path
        })?;
        let text = job.file.read().ok()?;
        let at = find_name(&text, name)?;
        let source = Source::new(job.file.show.as_str(), text);
        Some(source.place(at..at + name.len()))
    }
}

/// The first `name` in quotes after `ref(` or `source(`, else the first in quotes at all.
fn find_name(text: &str, name: &str) -> Option<usize> {
    let quoted = |at: usize| {
        let before = text[..at].chars().next_back();
        let after = text[at + name.len()..].chars().next();
        matches!(
            (before, after),
            (Some('\''), Some('\'')) | (Some('"'), Some('"'))
        )
    };
    let all: Vec<usize> = text
        .match_indices(name)
        .map(|(at, _)| at)
        .filter(|at| quoted(*at))
        .collect();
    let called = all.iter().find(|at| {
        let before = &text[..**at];
        let call = before.rfind('(').map(|open| before[..open].trim_end());
        call.is_some_and(|call| call.ends_with("ref") || call.ends_with("source"))
    });
    called.or(all.first()).copied()
}
