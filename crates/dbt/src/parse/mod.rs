//! From the files of a project to its [`Manifest`].
//!
//! Order: macros (already loaded), docs blocks, properties files, code files (on all cores), generic
//! tests, then references. One broken file does not hide the errors of the others.

mod code;
pub(crate) mod draft;
mod files;
pub mod generic_test;
mod macro_calls;
mod naming;
mod properties;
mod resolve;
mod semantic;
mod sources;
pub mod tests;
mod unit_tests;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use diagnostic::{Error, Result, Source};
use indexmap::IndexMap;
use jinja::Template;
use jinja::ast::MacroKind;
use serde_json::{Map, Value as Json, json};
use yaml::Node as Yaml;

use crate::context::{ProjectContext, YamlScope, seconds};
use crate::manifest::Manifest;
use crate::node::{Doc, Macro, Node, ResourceType};
use crate::project::file::ProjectFile;
use crate::warning::{Warning, Warnings};
use code::Job;
pub use naming::stores_failures;
use properties::{Patches, PropertyFile};
use tests::Under;

/// What the parts of parsing share.
pub struct Parser<'p> {
    project: &'p Arc<ProjectContext>,
    docs: Arc<IndexMap<String, Doc>>,
    patches: &'p Patches<'p>,
}

/// Parses every resource of a project.
///
/// # Errors
/// All that is wrong with the project, joined.
pub fn parse(project: &Arc<ProjectContext>, warnings: &mut Warnings) -> Result<Manifest> {
    let mut errors = Vec::new();
    let packages: Vec<&ProjectFile> = std::iter::once(&project.root)
        .chain(&project.packages)
        .collect();
    let docs = Arc::new(docs(project, &packages, &mut errors)?);
    let files = property_files(project, &packages, &mut errors, warnings)?;
    let patches = properties::collect(&files, &mut errors);
    let parser = Parser {
        project,
        docs: Arc::clone(&docs),
        patches: &patches,
    };
    let mut nodes = Vec::new();
    let jobs = jobs(project, &packages)?;
    for result in parser.code_files(&jobs) {
        match result {
            Ok(found) => nodes.extend(found),
            Err(error) => errors.push(error),
        }
    }
    let mut manifest = Manifest::default();
    manifest.macros = macros(project, &patches);
    manifest.docs = IndexMap::clone(&docs);
    let mut build = Build {
        parser,
        manifest: &mut manifest,
        nodes,
        errors,
        warnings,
    };
    build.yaml_snapshots(&packages, &files);
    build.properties(&packages, &files);
    build.model_tests(&packages, &files);
    build.unit_tests(&packages, &files);
    build.hooks(&packages);
    build.unused_patches();
    let Build {
        nodes, mut errors, ..
    } = build;
    resolve::resolve(project, &mut manifest, nodes, &jobs, warnings, &mut errors);
    match Error::join(errors) {
        Some(error) => Err(error),
        None => Ok(manifest),
    }
}

/// The files of `package` that may hold macros.
///
/// # Errors
/// `D1031` if a folder cannot be read.
pub(crate) fn macro_files(
    package: &ProjectFile,
    show: &str,
    folders: &[String],
) -> Result<Vec<files::SourceFile>> {
    files::find(package, show, folders, &["sql"])
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
            package,
            &shown(project, package),
            &package.docs_paths,
            &["md"],
        )? {
            let text = file.read()?;
            if !text.contains("{%") {
                continue;
            }
            let template = match Template::parse(&Source::new(file.show.as_str(), text)) {
                Ok(template) => template,
                Err(error) => {
                    errors.push(error);
                    continue;
                }
            };
            for block in template.definitions().filter(|d| d.kind == MacroKind::Docs) {
                let unique_id = format!("doc.{}.{}", package.name, block.label);
                let doc = Doc {
                    unique_id: unique_id.clone(),
                    name: block.label.to_string(),
                    package: package.name.clone(),
                    path: file.path.clone(),
                    original_file_path: file.original.clone(),
                    block_contents: block.body_text().trim().to_owned(),
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

fn property_files(
    project: &ProjectContext,
    packages: &[&ProjectFile],
    errors: &mut Vec<Error>,
    warnings: &mut Warnings,
) -> Result<Vec<PropertyFile>> {
    let mut all = Vec::new();
    for package in packages {
        let mut vars = project.root.vars.clone();
        if let Some(Json::Object(own)) = project.root.vars.get(&package.name) {
            vars.extend(own.clone());
        }
        if package.name != project.root.name {
            let mut below = package.vars.clone();
            if let Some(Json::Object(own)) = package.vars.get(&package.name) {
                below.extend(own.clone());
            }
            below.extend(vars);
            vars = below;
        }
        let scope = YamlScope {
            flags: &project.flags,
            vars,
            connection: Some(&project.connection),
            secrets: false,
        };
        let render = |text: &str| crate::load::render_yaml(&project.run_environment, &scope, text);
        let paths = package.property_paths();
        for file in files::find(package, &shown(project, package), &paths, &["yml", "yaml"])? {
            match PropertyFile::load(&package.name, file, &render, warnings) {
                Ok(file) => all.push(file),
                Err(error) => errors.push(error),
            }
        }
    }
    Ok(all)
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
            for file in files::find(package, &show, folders, endings)? {
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
            meta: match patch.and_then(|p| p.node.get("meta")).map(Yaml::to_json) {
                Some(Json::Object(meta)) => meta,
                _ => Map::new(),
            },
            docs: match patch.and_then(|p| p.node.get("docs")) {
                Some(docs) => docs.to_json(),
                None => json!({"show": true, "node_color": null}),
            },
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

impl Parser<'_> {
    /// The nodes of all code files, in the order of `jobs`, parsed on all cores.
    fn code_files(&self, jobs: &[Job<'_>]) -> Vec<Result<Vec<Node>>> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        // Starting a thread costs more than a few files.
        let threads = cores.min(jobs.len() / 16).max(1);
        if threads == 1 {
            return jobs.iter().map(|job| self.code_file(job)).collect();
        }
        let size = jobs.len().div_ceil(threads);
        std::thread::scope(|scope| {
            let parts: Vec<_> = jobs
                .chunks(size)
                .map(|part| {
                    scope.spawn(|| {
                        part.iter()
                            .map(|job| self.code_file(job))
                            .collect::<Vec<_>>()
                    })
                })
                .collect();
            let mut all = Vec::with_capacity(jobs.len());
            for part in parts {
                match part.join() {
                    Ok(results) => all.extend(results),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
            all
        })
    }
}

/// A node that tests stand under.
struct Target {
    unique_id: String,
    version: Option<Json>,
    enabled: bool,
}

/// Collects what is not parsed file by file.
struct Build<'b, 'p> {
    parser: Parser<'p>,
    manifest: &'b mut Manifest,
    nodes: Vec<Node>,
    errors: Vec<Error>,
    warnings: &'b mut Warnings,
}

impl Build<'_, '_> {
    fn package<'f>(packages: &[&'f ProjectFile], name: &str) -> Option<&'f ProjectFile> {
        packages
            .iter()
            .find(|package| package.name == name)
            .copied()
    }

    fn yaml_snapshots(&mut self, packages: &[&ProjectFile], files: &[PropertyFile]) {
        for file in files {
            let Some(package) = Self::package(packages, &file.package) else {
                continue;
            };
            for entry in file.entries("snapshots").unwrap_or_default() {
                let Some(relation) = entry.get("relation") else {
                    continue;
                };
                let patch = properties::Patch {
                    file,
                    node: entry,
                    version: None,
                };
                match self.parser.yaml_snapshot(package, patch, relation) {
                    Ok(node) => self.nodes.push(node),
                    Err(error) => self.errors.push(error),
                }
            }
        }
    }

    /// Sources with their tests, exposures, groups.
    fn properties(&mut self, packages: &[&ProjectFile], files: &[PropertyFile]) {
        for file in files {
            let Some(package) = Self::package(packages, &file.package) else {
                continue;
            };
            for key in [
                "sources",
                "exposures",
                "groups",
                "semantic_models",
                "metrics",
                "saved_queries",
            ] {
                let entries = match file.entries(key) {
                    Ok(entries) => entries,
                    Err(error) => {
                        self.errors.push(error);
                        continue;
                    }
                };
                for entry in entries {
                    if let Err(error) = self.property(package, file, key, entry) {
                        self.errors.push(error);
                    }
                }
            }
        }
    }

    fn property(
        &mut self,
        package: &ProjectFile,
        file: &PropertyFile,
        key: &str,
        entry: &Yaml,
    ) -> Result<()> {
        let twice = |what: &str, id: &str| {
            Error::new(
                diagnostic::codes::D1007,
                format!("The {what} `{id}` is declared twice"),
            )
            .at(file.document.source.place(entry.span.clone()))
        };
        match key {
            "sources" => {
                let tables = entry.get("tables").map(Yaml::items).unwrap_or_default();
                for (table, at) in self.parser.source(package, file, entry)? {
                    let id = table.unique_id.clone();
                    if !table.config.enabled() {
                        self.manifest.disabled_sources.insert(id, Arc::new(table));
                        continue;
                    }
                    let name = format!("{}_{}", table.source_name, table.name);
                    let (source_name, tags) = (table.source_name.clone(), table.tags.clone());
                    let under = Under {
                        file,
                        key: "sources",
                        name: &name,
                        entry: &source_name,
                        tags,
                        call: format!("source('{}', '{}')", table.source_name, table.name),
                        attached: None,
                    };
                    if self
                        .manifest
                        .sources
                        .insert(id.clone(), Arc::new(table))
                        .is_some()
                    {
                        return Err(twice("source table", &id));
                    }
                    let tests = self.parser.generic_tests(
                        package,
                        &tables[at],
                        &under,
                        &mut self.errors,
                        self.warnings,
                    );
                    self.nodes.extend(tests);
                }
            }
            "exposures" => {
                let exposure = self.parser.exposure(package, file, entry)?;
                let id = exposure.unique_id.clone();
                if exposure.config.enabled()
                    && self
                        .manifest
                        .exposures
                        .insert(id.clone(), Arc::new(exposure))
                        .is_some()
                {
                    return Err(twice("exposure", &id));
                }
            }
            "semantic_models" | "metrics" | "saved_queries" => {
                for declared in self.parser.declared(package, file, key, entry)? {
                    let id = declared.unique_id.clone();
                    let into = match declared.config.enabled() {
                        true => &mut self.manifest.declared,
                        false => &mut self.manifest.disabled_declared,
                    };
                    if into.insert(id.clone(), Arc::new(declared)).is_some() {
                        return Err(twice(key.trim_end_matches('s'), &id));
                    }
                }
            }
            _ => {
                let group = self.parser.group(package, file, entry)?;
                let id = group.unique_id.clone();
                if self.manifest.groups.insert(id.clone(), group).is_some() {
                    return Err(twice("group", &id));
                }
            }
        }
        Ok(())
    }

    /// Tests under models, seeds and snapshots.
    fn model_tests(&mut self, packages: &[&ProjectFile], files: &[PropertyFile]) {
        let mut known: HashMap<(&'static str, String, String), Vec<Target>> = HashMap::new();
        for node in &self.nodes {
            let key = match node.resource_type {
                ResourceType::Model => "models",
                ResourceType::Seed => "seeds",
                ResourceType::Snapshot => "snapshots",
                _ => continue,
            };
            known
                .entry((key, node.package.clone(), node.name.clone()))
                .or_default()
                .push(Target {
                    unique_id: node.unique_id.clone(),
                    version: node.version.clone(),
                    enabled: node.config.enabled(),
                });
        }
        for file in files {
            let Some(package) = Self::package(packages, &file.package) else {
                continue;
            };
            for key in ["models", "seeds", "snapshots"] {
                for entry in file.entries(key).unwrap_or_default() {
                    let Ok(name) = file.name_of(entry) else {
                        continue;
                    };
                    let targets = known.get(&(key, package.name.clone(), name.to_owned()));
                    for Target {
                        unique_id,
                        version,
                        enabled,
                    } in targets.into_iter().flatten()
                    {
                        if !enabled {
                            continue;
                        }
                        let call = match version {
                            Some(version) => format!(
                                "ref('{name}', version='{}')",
                                crate::python_text::str_of(version)
                            ),
                            None => format!("ref('{name}')"),
                        };
                        let target_name = match version {
                            Some(version) => {
                                format!("{name}_v{}", crate::python_text::str_of(version))
                            }
                            None => name.to_owned(),
                        };
                        let under = Under {
                            file,
                            key,
                            name: &target_name,
                            entry: name,
                            tags: Vec::new(),
                            call,
                            attached: Some(unique_id.clone()),
                        };
                        let tests = self.parser.generic_tests(
                            package,
                            entry,
                            &under,
                            &mut self.errors,
                            self.warnings,
                        );
                        self.nodes.extend(tests);
                    }
                }
            }
        }
    }

    /// Unit tests, under the models they are of.
    fn unit_tests(&mut self, packages: &[&ProjectFile], files: &[PropertyFile]) {
        for file in files {
            let Some(package) = Self::package(packages, &file.package) else {
                continue;
            };
            let entries = match file.entries("unit_tests") {
                Ok(entries) => entries,
                Err(error) => {
                    self.errors.push(error);
                    continue;
                }
            };
            for entry in entries {
                match self.unit_tests_of(package, file, entry) {
                    Ok(nodes) => self.nodes.extend(nodes),
                    Err(error) => self.errors.push(error),
                }
            }
        }
    }

    fn unit_tests_of(
        &mut self,
        package: &ProjectFile,
        file: &PropertyFile,
        entry: &Yaml,
    ) -> Result<Vec<Node>> {
        let model = file
            .document
            .require(entry, "model")?
            .expect_scalar(&file.document)?;
        let models = self
            .nodes
            .iter()
            .filter(|node| node.resource_type == ResourceType::Model);
        let named: Vec<&Node> = models.clone().filter(|node| node.name == model).collect();
        let own = named.iter().any(|node| node.package == package.name);
        let named = named
            .into_iter()
            .filter(|node| !own || node.package == package.name);
        let mut known = false;
        let mut tested = Vec::new();
        for node in named {
            known = true;
            if node.config.enabled() {
                tested.push(unit_tests::Tested {
                    unique_id: node.unique_id.clone(),
                    version: node.version.clone(),
                    schema: node.schema.clone(),
                });
            }
        }
        if !known {
            let names: Vec<&str> = models.map(|node| node.name.as_str()).collect();
            return Err(unit_tests::no_model(file, entry, &model, &names));
        }
        self.parser.unit_tests(package, file, entry, &tested)
    }

    /// `on-run-start` and `on-run-end` of every package.
    fn hooks(&mut self, packages: &[&ProjectFile]) {
        for package in packages {
            let kinds = [
                ("on-run-start", &package.on_run_start),
                ("on-run-end", &package.on_run_end),
            ];
            for (kind, statements) in kinds {
                for (index, statement) in statements.iter().enumerate() {
                    match self.hook(package, kind, index, statement) {
                        Ok(node) => self.nodes.push(node),
                        Err(error) => self.errors.push(error),
                    }
                }
            }
        }
    }

    fn hook(&self, package: &ProjectFile, kind: &str, index: usize, sql: &str) -> Result<Node> {
        let name = format!("{}-{kind}-{index}", package.name);
        let fqn = vec![package.name.clone(), "hooks".to_owned(), name.clone()];
        let project = self.parser.project;
        let mut node = draft::blank(project, ResourceType::Operation, &package.name, &name, fqn);
        node.path = format!("hooks/{name}.sql");
        node.original_file_path = "./dbt_project.yml".to_owned();
        node.raw_code = sql.to_owned();
        node.checksum = files::code_checksum(&package.source.text);
        node.index = Some(index);
        node.own_tags = vec![kind.to_owned()];
        let layers = draft::Layers::new(
            project,
            package,
            ResourceType::Operation,
            &node.fqn,
            Map::new(),
        );
        let source = Source::new(format!("{} ({kind})", package.source.name), sql);
        draft::complete(project, &mut node, &source, &layers)?;
        Ok(node)
    }

    /// Properties that describe nothing are worth a warning.
    fn unused_patches(&mut self) {
        let mut names: HashSet<(&str, &str, &str)> = HashSet::new();
        for node in &self.nodes {
            let key = match node.resource_type {
                ResourceType::Model => "models",
                ResourceType::Seed => "seeds",
                ResourceType::Snapshot => "snapshots",
                ResourceType::Analysis => "analyses",
                _ => continue,
            };
            names.insert((key, &node.package, &node.name));
        }
        let mut unused = Vec::new();
        for ((key, package, _), patch) in self.parser.patches {
            if !matches!(*key, "models" | "seeds" | "snapshots" | "analyses") {
                continue;
            }
            let Ok(name) = patch.file.name_of(patch.node) else {
                continue;
            };
            if !names.contains(&(*key, *package, name)) {
                unused.push((patch, name, *key));
            }
        }
        unused.sort_by_key(|(patch, name, _)| (patch.file.file.show.clone(), (*name).to_owned()));
        for (patch, name, key) in unused {
            let message = format!("`{name}` under `{key}:` describes nothing that exists");
            let place = patch.file.document.source.place(patch.node.span.clone());
            self.warnings
                .add(Warning::new("NoNodeForYamlKey", message).at(place));
        }
    }
}
