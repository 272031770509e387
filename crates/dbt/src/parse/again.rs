//! What an earlier parse left, and which files have to be parsed again.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

use diagnostic::{Error, codes};
use indexmap::IndexMap;

use super::code::{Job, patch_key};
use super::declare::Declarations;
use super::files::SourceFile;
use super::properties::{Loaded, PropertyFile};
use super::spread::spread;
use super::unit::{self, Unit, Units};
use crate::context::ProjectContext;
use crate::manifest::Manifest;
use crate::node::{Declared, Doc, Exposure, Group, Macro, Node, ResourceType, SourceTable};
use crate::project::file::ProjectFile;

/// An earlier parse, and which of its files are not what they were. Macros, docs blocks and fixtures
/// are: where one changes, everything is parsed.
pub struct Before {
    pub(super) docs: IndexMap<String, Doc>,
    pub(super) macros: IndexMap<String, Macro>,
    changed_paths: HashSet<PathBuf>,
    changed_units: HashSet<String>,
    units: Units,
    nodes: HashMap<String, Vec<Node>>,
    sources: HashMap<String, Vec<SourceTable>>,
    exposures: HashMap<String, Vec<Exposure>>,
    declared: HashMap<String, Vec<Declared>>,
    groups: HashMap<String, Vec<Group>>,
}

impl Before {
    /// Takes an earlier manifest apart. Files at `changed_paths` are new or have other bytes; units
    /// among `changed_units` would read other variables.
    #[must_use]
    pub fn new(
        manifest: Manifest,
        units: Units,
        changed_paths: HashSet<PathBuf>,
        changed_units: HashSet<String>,
    ) -> Self {
        let mut nodes: HashMap<String, Vec<Node>> = HashMap::new();
        let disabled = manifest.disabled.into_values().flatten();
        for node in manifest.nodes.into_values().chain(disabled) {
            let mut node = Arc::unwrap_or_clone(node);
            node.depends_on.nodes = match &node.unit_test {
                Some(test) => vec![test.tested.clone()],
                None => Vec::new(),
            };
            node.primary_key.clear();
            let key = unit::key(&node.package, &node.original_file_path);
            nodes.entry(key).or_default().push(node);
        }
        let sources = manifest.sources.into_values();
        let sources = sources.chain(manifest.disabled_sources.into_values());
        let declared = manifest.declared.into_values();
        let declared = declared.chain(manifest.disabled_declared.into_values());
        Self {
            docs: manifest.docs,
            macros: manifest.macros,
            changed_paths,
            changed_units,
            units,
            nodes,
            sources: by_file(sources.map(Arc::unwrap_or_clone), |source| {
                unit::key(&source.package, &source.original_file_path)
            }),
            exposures: by_file(
                manifest.exposures.into_values().map(Arc::unwrap_or_clone),
                |exposure| unit::key(&exposure.package, &exposure.original_file_path),
            ),
            declared: by_file(declared.map(Arc::unwrap_or_clone), |declared| {
                unit::key(&declared.package, &declared.original_file_path)
            }),
            groups: by_file(manifest.groups.into_values(), |group| {
                unit::key(&group.package, &group.original_file_path)
            }),
        }
    }

    fn changed(&self, key: &str, file: &SourceFile) -> bool {
        self.changed_units.contains(key) || self.changed_paths.contains(&file.tracked.path)
    }

    /// The nodes of a file.
    pub(super) fn take_nodes(&mut self, key: &str) -> Vec<Node> {
        self.nodes.remove(key).unwrap_or_default()
    }

    /// The unit of a file.
    pub(super) fn take_unit(&mut self, key: &str) -> Unit {
        self.units.swap_remove(key).unwrap_or_default()
    }

    /// What a properties file declares.
    pub(super) fn take_declarations(&mut self, key: &str) -> Declarations {
        let mut all = Declarations {
            sources: self.sources.remove(key).unwrap_or_default(),
            exposures: self.exposures.remove(key).unwrap_or_default(),
            declared: self.declared.remove(key).unwrap_or_default(),
            groups: self.groups.remove(key).unwrap_or_default(),
            unit: self.take_unit(key),
            ..Declarations::default()
        };
        for node in self.take_nodes(key) {
            let of_source = node
                .file_key_name
                .as_deref()
                .is_some_and(|name| name.starts_with("sources."));
            match node.resource_type {
                ResourceType::Snapshot => all.snapshots.push(node),
                ResourceType::UnitTest => all.unit_tests.push(node),
                _ if of_source => all.source_tests.push(node),
                _ => all.model_tests.push(node),
            }
        }
        all
    }
}

fn by_file<T>(
    items: impl Iterator<Item = T>,
    key: impl Fn(&T) -> String,
) -> HashMap<String, Vec<T>> {
    let mut all: HashMap<String, Vec<T>> = HashMap::new();
    for item in items {
        all.entry(key(&item)).or_default().push(item);
    }
    all
}

/// Which files are parsed, and the properties files that takes.
pub(super) struct Plan {
    /// Which code files are parsed.
    pub code: Vec<bool>,
    /// Which properties files are.
    pub changed: Vec<bool>,
    /// Those, and others that describe code that is parsed.
    pub loaded: Vec<Option<Loaded>>,
}

impl Plan {
    /// Without an earlier parse, everything is parsed.
    pub fn new(
        project: &Arc<ProjectContext>,
        jobs: &[Job<'_>],
        sources: &[(&ProjectFile, SourceFile)],
        before: Option<&Before>,
        errors: &mut Vec<Error>,
    ) -> Self {
        let keys: Vec<String> = sources
            .iter()
            .map(|(package, file)| unit::key(&package.name, &file.original))
            .collect();
        let changed: Vec<bool> = sources
            .iter()
            .zip(&keys)
            .map(|((_, file), key)| before.is_none_or(|before| before.changed(key, file)))
            .collect();
        let mut plan = Self {
            code: vec![before.is_none(); jobs.len()],
            loaded: sources.iter().map(|_| None).collect(),
            changed,
        };
        let wanted = plan.changed.clone();
        plan.load(project, sources, &wanted, errors);
        if let Some(before) = before {
            let needed = plan.choose(jobs, &keys, before, errors);
            plan.load(project, sources, &needed, errors);
        }
        plan
    }

    /// The properties files that are loaded.
    pub fn files(&self) -> impl Iterator<Item = &PropertyFile> {
        self.loaded.iter().flatten().map(|loaded| &loaded.file)
    }

    fn load(
        &mut self,
        project: &Arc<ProjectContext>,
        sources: &[(&ProjectFile, SourceFile)],
        wanted: &[bool],
        errors: &mut Vec<Error>,
    ) {
        let missing: Vec<_> = sources
            .iter()
            .zip(wanted)
            .zip(&self.loaded)
            .map(|((source, wanted), loaded)| (source, *wanted && loaded.is_none()))
            .collect();
        let found = spread(&missing, |((package, file), wanted)| {
            wanted.then(|| Loaded::read(project, package, file.clone()))
        });
        for (slot, found) in self.loaded.iter_mut().zip(found) {
            match found {
                Some(Ok(loaded)) => *slot = Some(loaded),
                Some(Err(error)) => errors.push(error),
                None => {}
            }
        }
    }

    /// Chooses the code files that are parsed: those that changed, and those whose properties may
    /// have. Returns the properties files that describe them.
    fn choose(
        &mut self,
        jobs: &[Job<'_>],
        keys: &[String],
        before: &Before,
        errors: &mut Vec<Error>,
    ) -> Vec<bool> {
        // What describes something now, where it has changed, and what did.
        let mut fresh: HashSet<(&str, &str, &str)> = HashSet::new();
        for loaded in self.loaded.iter().flatten() {
            let package = loaded.file.package.as_str();
            let entries = &loaded.unit.described;
            fresh.extend(
                entries
                    .iter()
                    .map(|e| (e.kind.as_str(), package, e.of.as_str())),
            );
        }
        let clean: HashMap<&str, usize> = keys
            .iter()
            .enumerate()
            .filter(|(at, _)| !self.changed[*at])
            .map(|(at, key)| (key.as_str(), at))
            .collect();
        let mut describes: HashMap<(&str, &str, &str), usize> = HashMap::new();
        let mut stale: HashSet<&str> = HashSet::new();
        for (key, unit) in &before.units {
            let Some(at) = clean.get(key.as_str()) else {
                stale.insert(key);
                if unit.describes("macros") {
                    errors.push(everything("a description of macros has changed"));
                }
                continue;
            };
            let package = key.split_once("://").map_or("", |(package, _)| package);
            for entry in &unit.described {
                describes.insert((entry.kind.as_str(), package, entry.of.as_str()), *at);
            }
        }
        if fresh.iter().any(|(kind, ..)| *kind == "macros") {
            errors.push(everything("a description of macros has changed"));
        }
        if fresh.iter().any(|entry| describes.contains_key(entry)) {
            errors.push(everything("something is described twice"));
        }
        let mut needed = vec![false; keys.len()];
        let mut code = vec![false; jobs.len()];
        for (job, wanted) in jobs.iter().zip(&mut code) {
            let package = job.package.name.as_str();
            let key = unit::key(package, &job.file.original);
            let kind = patch_key(job.resource);
            let known = before.nodes.get(&key).map_or(&[][..], Vec::as_slice);
            let names = known.iter().map(|node| node.name.as_str());
            let mut names = names.chain([job.file.stem()]);
            let patched = known.iter().filter_map(|node| node.patch_path.as_deref());
            *wanted = before.changed(&key, &job.file)
                || patched.into_iter().any(|path| stale.contains(path))
                || names.any(|name| fresh.contains(&(kind, package, name)));
            if !*wanted {
                continue;
            }
            // The blocks of a file of snapshots have names of their own, which only parsing tells.
            if job.resource == ResourceType::Snapshot {
                let all = describes.iter().filter(|((of, ..), _)| *of == kind);
                all.for_each(|(_, at)| needed[*at] = true);
            } else if let Some(at) = describes.get(&(kind, package, job.file.stem())) {
                needed[*at] = true;
            }
        }
        self.code = code;
        needed
    }
}

/// What makes the caller parse everything.
fn everything(why: &str) -> Error {
    Error::new(codes::X0001, format!("Everything must be parsed: {why}"))
}
