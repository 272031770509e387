//! From the files of a project to its [`Manifest`].
//!
//! Order: macros (already loaded), docs blocks, properties files, code files (on all cores), generic
//! tests, then references. One broken file does not hide the errors of the others. Where an earlier
//! parse is known ([`Before`]), only files that changed are read and rendered again.

mod again;
mod code;
mod declare;
pub(crate) mod deprecated;
pub(crate) mod draft;
pub(crate) mod files;
pub mod generic_test;
mod hooks;
pub mod inventory;
mod macro_calls;
mod metric;
mod model_semantics;
mod naming;
mod properties;
mod python;
mod resolve;
mod semantic;
mod semantic_edges;
mod semantic_rules;
mod shape;
mod sources;
mod spread;
mod targets;
pub mod tests;
mod unheeded;
pub mod unit;
mod unit_tests;
pub(crate) mod unused_paths;

use std::sync::Arc;

use diagnostic::{Error, Result, Source, codes};
use indexmap::IndexMap;
use jinja::Template;
use jinja::ast::MacroKind;
use serde_json::{Map, Value as Json, json};
use yaml::Node as Yaml;

use crate::cache::observed::{Observed, observe};
use crate::context::{ProjectContext, seconds};
use crate::manifest::Manifest;
use crate::node::{Doc, Macro, Node, ResourceType};
use crate::project::file::ProjectFile;
use crate::warning::Warnings;
pub use again::Before;
use again::Plan;
use code::Job;
use files::SourceFile;
use inventory::Inventory;
pub use naming::stores_failures;
use properties::Patches;
pub use python::interpreter;
use spread::spread;
use targets::Targets;
pub use unit::{Unit, Units};

/// What the parts of parsing share.
pub struct Parser<'p> {
    project: &'p Arc<ProjectContext>,
    docs: Arc<IndexMap<String, Doc>>,
    patches: &'p Patches<'p>,
}

/// The nodes of a code file, and what parsing it looked at.
type ParsedCode = (Result<Vec<Node>>, Observed);

/// A project that is parsed.
pub struct Parsed {
    /// Every resource.
    pub manifest: Manifest,
    /// What the parse of each file depends on.
    pub units: Units,
    /// What dbt v1 would warn about.
    pub warnings: Warnings,
    /// The id under which the cache holds it, if it does.
    pub cached: Option<[u8; 16]>,
}

/// Parses every resource of a project. What `before` knows is not read again; if anything is wrong,
/// parse once more without it: it does not know all errors.
///
/// # Errors
/// All that is wrong with the project, joined.
pub fn parse(project: &Arc<ProjectContext>, mut before: Option<Before>) -> Result<Parsed> {
    let mut errors = Vec::new();
    let packages: Vec<&ProjectFile> = std::iter::once(&project.root)
        .chain(&project.packages)
        .collect();
    let jobs = jobs(project, &packages)?;
    let sources = property_sources(project, &packages)?;
    let docs = match &mut before {
        Some(before) => std::mem::take(&mut before.docs),
        None => docs(project, &packages, &mut errors)?,
    };
    let plan = Plan::new(project, &jobs, &sources, before.as_ref(), &mut errors);
    let patches = properties::collect(plan.files(), &mut errors);
    let parser = Parser {
        project,
        docs: Arc::new(docs),
        patches: &patches,
    };
    let mut units = Units::default();
    let mut nodes = Vec::new();
    for (job, parsed) in jobs.iter().zip(parser.code_files(&jobs, &plan.code)) {
        let key = unit::key(&job.package.name, &job.file.original);
        match (parsed, &mut before) {
            (Some((Ok(found), observed)), _) => {
                nodes.extend(found);
                units.insert(key, Unit::of_code(observed));
            }
            (Some((Err(error), _)), _) => errors.push(error),
            (None, Some(before)) => {
                nodes.extend(before.take_nodes(&key));
                units.insert(key.clone(), before.take_unit(&key));
            }
            (None, None) => {}
        }
    }
    let mut declared = parser.declare(&sources, &plan, before.as_mut());
    for one in &mut declared {
        nodes.append(&mut one.snapshots);
    }
    let targets = Targets::new(&nodes);
    parser.test(&sources, &plan, &targets, &mut declared, &mut errors);
    let (hooks, observed) = observe(project, || parser.hooks(&packages, &mut errors));
    units.insert(unit::HOOKS.to_owned(), Unit::of_code(observed));

    let mut warnings = Warnings::default();
    let mut manifest = Manifest {
        macros: match before {
            Some(before) => before.macros,
            None => macros(project, &patches),
        },
        docs: IndexMap::clone(&parser.docs),
        ..Manifest::default()
    };
    nodes.extend(declare::merge(
        &sources,
        declared,
        &targets,
        &mut manifest,
        &mut units,
        &mut warnings,
        &mut errors,
    ));
    nodes.extend(hooks);
    unit::unused(&units, &nodes, &mut warnings);
    resolve::resolve(
        project,
        &mut manifest,
        nodes,
        &jobs,
        &mut warnings,
        &mut errors,
    );
    unheeded::warn(&manifest, &mut warnings);
    errors.extend(semantic_rules::broken(&manifest));
    errors.extend(public_without_relation(&manifest));
    match Error::join(errors) {
        Some(error) => Err(error),
        None => Ok(Parsed {
            manifest,
            units,
            warnings,
            cached: None,
        }),
    }
}

/// Models that all may read, but that have no relation to be read.
fn public_without_relation(manifest: &Manifest) -> impl Iterator<Item = Error> {
    let models = manifest.nodes.values();
    let wrong =
        models.filter(|node| node.is_ephemeral() && node.config.text("access") == Some("public"));
    wrong.map(|node| {
        let message = format!(
            "`{}` is ephemeral, so it cannot be `access: public`",
            node.name
        );
        Error::new(codes::D1031, message).with("file", &node.original_file_path)
    })
}

/// The files of `package` that may hold macros.
///
/// # Errors
/// `D1031` if a folder cannot be read.
pub(crate) fn macro_files(
    inventory: &Inventory,
    package: &ProjectFile,
    show: &str,
    folders: &[String],
) -> Result<Vec<files::SourceFile>> {
    files::find(inventory, package, show, folders, &["sql"])
}

fn shown(project: &ProjectContext, package: &ProjectFile) -> String {
    let path = package.root.strip_prefix(&project.root.root);
    path.unwrap_or(&package.root).display().to_string()
}

fn docs(
    project: &ProjectContext,
    packages: &[&ProjectFile],
    errors: &mut Vec<Error>,
) -> Result<IndexMap<String, Doc>> {
    let mut docs = IndexMap::new();
    let overview = Doc {
        unique_id: "doc.dbt.__overview__".to_owned(),
        name: "__overview__".to_owned(),
        package: "dbt".to_owned(),
        path: "overview.md".to_owned(),
        original_file_path: "docs/overview.md".to_owned(),
        block_contents: "The models, seeds, snapshots, sources and tests of this project."
            .to_owned(),
    };
    docs.insert(overview.unique_id.clone(), overview);
    for package in packages {
        for file in files::find(
            &project.inventory,
            package,
            &shown(project, package),
            &package.docs_paths,
            &["md"],
        )? {
            let text = file.read()?;
            if !text.contains("{%") {
                continue;
            }
            let source = Source::new(file.show.as_str(), text);
            let template = match Template::blocks(&source, &["docs"]) {
                Ok(template) => template,
                Err(error) => {
                    errors.push(error);
                    continue;
                }
            };
            for block in template.definitions().filter(|d| d.kind == MacroKind::Docs) {
                let unique_id = format!("doc.{}.{}", package.name, block.label);
                // dbt renders the text in an empty context.
                let contents = match Template::of_block(block)
                    .render(&project.parse_environment, &jinja::Dict::new())
                {
                    Ok(contents) => contents,
                    Err(error) => {
                        errors.push(error);
                        continue;
                    }
                };
                let doc = Doc {
                    unique_id: unique_id.clone(),
                    name: block.label.to_string(),
                    package: package.name.clone(),
                    path: file.path.clone(),
                    original_file_path: file.original.clone(),
                    block_contents: contents.trim().to_owned(),
                };
                if docs.insert(unique_id, doc).is_some() {
                    let message = format!("The docs block `{}` is defined twice", block.label);
                    let place = block.source.place(block.name_span.range());
                    errors.push(Error::new(diagnostic::codes::D1007, message).at(place));
                }
            }
        }
    }
    Ok(docs)
}

fn jobs<'p>(project: &ProjectContext, packages: &[&'p ProjectFile]) -> Result<Vec<Job<'p>>> {
    let mut jobs = Vec::new();
    for &package in packages {
        let show = shown(project, package);
        let kinds: [(ResourceType, &[String], &[&str]); 5] = [
            (ResourceType::Model, &package.model_paths, &["sql", "py"]),
            (ResourceType::Snapshot, &package.snapshot_paths, &["sql"]),
            (ResourceType::Seed, &package.seed_paths, &["csv"]),
            (ResourceType::Test, &package.test_paths, &["sql"]),
            (ResourceType::Analysis, &package.analysis_paths, &["sql"]),
        ];
        for (resource, folders, endings) in kinds {
            for file in files::find(&project.inventory, package, &show, folders, endings)? {
                // `tests/generic` holds definitions of generic tests, which are macros.
                // `tests/fixtures` rows of unit tests.
                let apart = ["generic/", "fixtures/"];
                if resource == ResourceType::Test
                    && apart.iter().any(|folder| file.path.starts_with(folder))
                {
                    continue;
                }
                jobs.push(Job {
                    package,
                    file,
                    resource,
                });
            }
        }
    }
    Ok(jobs)
}

fn macros(project: &ProjectContext, patches: &Patches<'_>) -> IndexMap<String, Macro> {
    let now = seconds(chrono::Utc::now());
    let all = project.macros.iter().map(|entry| {
        let definition = &entry.definition;
        let patch = patches.get(&("macros", &*entry.package, definition.name.to_string()));
        let text = |key: &str| {
            patch
                .and_then(|patch| patch.node.get(key))
                .and_then(Yaml::as_str)
        };
        // What stands below `config:` counts more.
        let described = |key: &str, mut all: Map<String, Json>| {
            let config = patch.and_then(|patch| patch.node.get("config"));
            let places = [patch.and_then(|patch| patch.node.get(key)), config.and_then(|c| c.get(key))];
            for place in places.into_iter().flatten() {
                if let Json::Object(more) = place.to_json() {
                    all.extend(more);
                }
            }
            all
        };
        let languages = (definition.kind == MacroKind::Materialization).then(|| {
            definition
                .languages
                .iter()
                .map(ToString::to_string)
                .collect()
        });
        let item = Macro {
            unique_id: entry.unique_id.to_string(),
            name: definition.name.to_string(),
            package: entry.package.to_string(),
            path: entry.path.to_string(),
            original_file_path: entry.path.to_string(),
            macro_sql: definition.text().to_owned(),
            depends_on: macro_calls::called(project, entry),
            description: text("description").unwrap_or_default().to_owned(),
            meta: described("meta", Map::new()),
            docs: Json::Object(described("docs", shown_docs())),
            patch_path: patch.map(|patch| patch.file.patch_path()),
            arguments: patch
                .and_then(|patch| patch.node.get("arguments"))
                .map(|list| list.items().iter().map(Yaml::to_json).collect())
                .filter(|described: &Vec<Json>| !described.is_empty())
                .unwrap_or_else(|| {
                    let parameters = definition.parameters.iter();
                    let described = parameters.map(|parameter| {
                        json!({"name": &*parameter.name, "type": parameter.annotation, "description": ""})
                    });
                    described.collect()
                }),
            supported_languages: languages,
            created_at: now,
        };
        (item.unique_id.clone(), item)
    });
    all.collect()
}

/// `docs:` of a macro that says nothing about it.
fn shown_docs() -> Map<String, Json> {
    let fields = [("show", Json::Bool(true)), ("node_color", Json::Null)];
    fields
        .map(|(key, value)| (key.to_owned(), value))
        .into_iter()
        .collect()
}

/// The properties files of all packages.
fn property_sources<'p>(
    project: &ProjectContext,
    packages: &[&'p ProjectFile],
) -> Result<Vec<(&'p ProjectFile, SourceFile)>> {
    let mut all = Vec::new();
    for &package in packages {
        let (show, paths) = (shown(project, package), package.property_paths());
        let found = files::find(&project.inventory, package, &show, &paths, &["yml", "yaml"])?;
        all.extend(found.into_iter().map(|file| (package, file)));
    }
    Ok(all)
}

impl Parser<'_> {
    /// The nodes of the code files that are to be parsed, in the order of `jobs`, parsed on all
    /// cores.
    fn code_files(&self, jobs: &[Job<'_>], wanted: &[bool]) -> Vec<Option<ParsedCode>> {
        let chosen: Vec<(&Job<'_>, bool)> = jobs.iter().zip(wanted.iter().copied()).collect();
        spread(&chosen, |(job, wanted)| {
            wanted.then(|| observe(self.project, || self.code_file(job)))
        })
    }
}
