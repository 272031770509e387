//! A node while it is parsed: configuration layers, rendering, names.

use std::sync::Arc;

use diagnostic::{Error, Result, Source};
use indexmap::IndexMap;
use jinja::Template;
use serde_json::{Map, Value as Json};

use super::naming;
use crate::config::{Config, project_layers};
use crate::context::{Captured, Context, ProjectContext, seconds};
use crate::node::{DependsOn, Node, ResourceType};
use crate::project::file::ProjectFile;
use crate::project::render::is_template;
use crate::python_text::str_of;

/// The section of `dbt_project.yml` for a kind of resource.
#[must_use]
pub fn section_of(resource: ResourceType) -> &'static str {
    match resource {
        ResourceType::Seed => "seeds",
        ResourceType::Snapshot => "snapshots",
        ResourceType::Test => "data_tests",
        ResourceType::Source => "sources",
        ResourceType::Exposure => "exposures",
        ResourceType::UnitTest => "unit_tests",
        ResourceType::Metric => "metrics",
        ResourceType::SemanticModel => "semantic-models",
        ResourceType::SavedQuery => "saved-queries",
        ResourceType::Function => "functions",
        _ => "models",
    }
}

/// Whether analyses are named and configured as other nodes are: below `analyses:`, by their own folders
/// (the behaviour flag of dbt 1.12).
#[must_use]
pub fn corrected_analyses(project: &ProjectContext) -> bool {
    let flag = project.root.flags.get("require_corrected_analysis_fqns");
    flag.and_then(Json::as_bool) == Some(true)
}

/// An empty node of `resource`.
#[must_use]
pub fn blank(
    project: &ProjectContext,
    resource: ResourceType,
    package: &str,
    name: &str,
    fqn: Vec<String>,
) -> Node {
    Node {
        unique_id: format!("{}.{package}.{name}", resource.name()),
        resource_type: resource,
        name: name.to_owned(),
        package: package.to_owned(),
        path: String::new(),
        original_file_path: String::new(),
        fqn,
        alias: name.to_owned(),
        checksum: String::new(),
        config: Config::defaults(resource),
        unrendered_config: Map::new(),
        database: Some(project.connection.database.clone()),
        schema: project.connection.schema.clone(),
        relation_name: None,
        raw_code: String::new(),
        language: "sql",
        description: String::new(),
        columns: IndexMap::new(),
        patch_path: None,
        build_path: None,
        doc_blocks: Vec::new(),
        refs: Vec::new(),
        sources: Vec::new(),
        depends_on: DependsOn::default(),
        test_metadata: None,
        column_name: None,
        attached_node: None,
        file_key_name: None,
        version: None,
        latest_version: None,
        constraints: Vec::new(),
        root_path: None,
        created_at: seconds(chrono::Utc::now()),
        compiled: None,
        index: None,
        own_tags: Vec::new(),
        primary_key: Vec::new(),
        unit_test: None,
        deprecation_date: None,
        time_spine: Json::Null,
    }
}

/// The layers below and above the file's own `config()`.
pub struct Layers {
    below: Vec<Map<String, Json>>,
    above: Vec<Map<String, Json>>,
}

impl Layers {
    /// The layers for a node of `package` whose properties say `patch`.
    #[must_use]
    pub fn new(
        project: &ProjectContext,
        package: &ProjectFile,
        resource: ResourceType,
        fqn: &[String],
        patch: Map<String, Json>,
    ) -> Self {
        let section = match resource {
            ResourceType::Analysis if corrected_analyses(project) => "analyses",
            resource => section_of(resource),
        };
        let mut below = project_layers(package.section(section), fqn);
        below.push(patch);
        // The root project has the last word about the nodes of its packages.
        let above = if package.name == project.root.name {
            Vec::new()
        } else {
            project_layers(project.root.section(section), fqn)
        };
        Self { below, above }
    }

    /// The configuration with `calls` of `config()` in between.
    #[must_use]
    pub fn config(&self, resource: ResourceType, calls: &[Map<String, Json>]) -> Config {
        let mut config = Config::defaults(resource);
        for layer in self.below.iter().chain(calls).chain(&self.above) {
            config.merge(layer);
        }
        config
    }

    /// What was written for the node itself, for `unrendered_config`.
    #[must_use]
    pub fn written(&self, calls: &[Map<String, Json>]) -> Map<String, Json> {
        let mut all = Map::new();
        // dbt keeps what `config()` says as text.
        let texts = calls.iter().map(|call| {
            let texts = call
                .iter()
                .map(|(key, value)| (key.clone(), str_of(value).into()));
            texts.collect::<Map<String, Json>>()
        });
        let texts: Vec<Map<String, Json>> = texts.collect();
        for layer in self.below.iter().chain(&texts).chain(&self.above) {
            all.extend(
                layer
                    .iter()
                    .map(|(key, value)| (key.clone(), value.clone())),
            );
        }
        all
    }
}

/// Renders the code of `node` (in `source`) without executing anything, and completes the node:
/// references, configuration, names. Returns what the rendering noted.
///
/// # Errors
/// Whatever the code raises.
pub fn complete(
    project: &Arc<ProjectContext>,
    node: &mut Node,
    source: &Source,
    layers: &Layers,
) -> Result<Captured> {
    node.config = layers.config(node.resource_type, &[]);
    let captured = if node.language == "python" {
        super::python::captured(source).map_err(|error| of_node(error, node))?
    } else if is_template(&node.raw_code) {
        let context = Context::parsing(project, &node.package, Some(Arc::new(node.clone())));
        context
            .render(&Template::parse(source)?)
            .map_err(|error| of_node(error, node))?;
        context.captured()
    } else {
        Captured::default()
    };
    finish(project, node, layers, &captured)?;
    Ok(captured)
}

/// Completes `node` from what rendering it noted.
///
/// # Errors
/// What the naming macros raise.
pub fn finish(
    project: &Arc<ProjectContext>,
    node: &mut Node,
    layers: &Layers,
    captured: &Captured,
) -> Result<()> {
    node.config = layers.config(node.resource_type, &captured.config);
    node.unrendered_config = layers.written(&captured.config);
    node.refs.clone_from(&captured.refs);
    node.sources.clone_from(&captured.sources);
    node.depends_on.macros = captured.macros.iter().map(ToString::to_string).collect();
    if let Some(constraints) = node.config.get("constraints").and_then(Json::as_array) {
        node.constraints.clone_from(constraints);
    }
    naming::name_relation(project, node).map_err(|error| of_node(error, node))?;
    note_hooks(project, node);
    Ok(())
}

/// What the hooks of a node refer to is what the node depends on, as in dbt. A hook that cannot be rendered
/// yet says so when it runs.
fn note_hooks(project: &Arc<ProjectContext>, node: &mut Node) {
    let hooks: Vec<String> = ["pre-hook", "post-hook"]
        .iter()
        .filter_map(|key| node.config.get(key)?.as_array())
        .flatten()
        .filter_map(|hook| hook.get("sql")?.as_str())
        .filter(|sql| is_template(sql))
        .map(str::to_owned)
        .collect();
    if hooks.is_empty() {
        return;
    }
    let context = Context::parsing(project, &node.package, Some(Arc::new(node.clone())));
    for hook in hooks {
        let template = Template::parse(&Source::new("hook", hook));
        let _said_when_it_runs = template.and_then(|template| context.render(&template));
    }
    let noted = context.captured();
    node.refs.extend(noted.refs);
    node.sources.extend(noted.sources);
    for name in noted.macros.iter().map(ToString::to_string) {
        if !node.depends_on.macros.contains(&name) {
            node.depends_on.macros.push(name);
        }
    }
}

/// Says which node an error belongs to.
#[must_use]
pub fn of_node(error: Error, node: &Node) -> Error {
    error.with("node", &node.unique_id)
}
