//! What properties files declare: snapshots, sources, exposures, groups, metrics, and tests of nodes.

use std::sync::Arc;

use diagnostic::{Error, Result, codes};
use yaml::Node as Yaml;

use super::Parser;
use super::again::{Before, Plan};
use super::files::SourceFile;
use super::properties::{Loaded, Patch, PropertyFile};
use super::shape;
use super::spread::spread;
use super::targets::{Target, Targets, UNIT_TESTS};
use super::tests::Under;
use super::unit::{self, Unit, Units};
use super::unit_tests;
use crate::cache::observed::observe;
use crate::manifest::Manifest;
use crate::node::{Declared, Exposure, Group, Node, SourceTable};
use crate::project::file::ProjectFile;
use crate::python_text::str_of;
use crate::warning::Warnings;

/// What one properties file declares.
#[derive(Default)]
pub(super) struct Declarations {
    pub snapshots: Vec<Node>,
    pub sources: Vec<SourceTable>,
    pub source_tests: Vec<Node>,
    pub exposures: Vec<Exposure>,
    pub declared: Vec<Declared>,
    pub groups: Vec<Group>,
    pub model_tests: Vec<Node>,
    pub unit_tests: Vec<Node>,
    pub unit: Unit,
    pub errors: Vec<Error>,
}

impl Parser<'_> {
    /// What each of the files declares, apart from tests of nodes.
    pub(super) fn declare(
        &self,
        sources: &[(&ProjectFile, SourceFile)],
        plan: &Plan,
        mut before: Option<&mut Before>,
    ) -> Vec<Declarations> {
        let wanted: Vec<_> = sources
            .iter()
            .zip(&plan.loaded)
            .zip(&plan.changed)
            .map(|(((package, _), loaded), changed)| {
                (package, loaded.as_ref().filter(|_| *changed))
            })
            .collect();
        let found = spread(&wanted, |(package, loaded)| {
            loaded.map(|loaded| self.declarations(package, loaded))
        });
        let found = found.into_iter().zip(sources).zip(&plan.changed);
        found
            .map(
                |((found, (package, file)), changed)| match (&mut before, found) {
                    (_, Some(found)) => found,
                    (Some(before), None) if !changed => {
                        before.take_declarations(&unit::key(&package.name, &file.original))
                    }
                    _ => Declarations::default(),
                },
            )
            .collect()
    }

    /// The tests of nodes in each of the files, where the file or one of the nodes has changed.
    pub(super) fn test(
        &self,
        sources: &[(&ProjectFile, SourceFile)],
        plan: &Plan,
        targets: &Targets,
        declared: &mut [Declarations],
        errors: &mut Vec<Error>,
    ) {
        for (at, ((package, file), one)) in sources.iter().zip(declared).enumerate() {
            let hash = targets.hash(package, &one.unit.watched);
            if !plan.changed[at] && hash == one.unit.targets {
                continue;
            }
            one.unit.targets = hash;
            match &plan.loaded[at] {
                Some(loaded) => self.tests(package, &loaded.file, targets, one),
                None if plan.changed[at] => {}
                None => match Loaded::read(self.project, package, file.clone()) {
                    Ok(loaded) => self.tests(package, &loaded.file, targets, one),
                    Err(error) => errors.push(error),
                },
            }
        }
    }

    fn declarations(&self, package: &ProjectFile, loaded: &Loaded) -> Declarations {
        let mut one = Declarations {
            unit: loaded.unit.clone(),
            ..Declarations::default()
        };
        one.errors.extend(shape::wrong(&loaded.file));
        let mut warnings = Warnings::default();
        let ((), observed) = observe(self.project, || {
            self.yaml_snapshots(package, &loaded.file, &mut one);
            self.properties(package, &loaded.file, &mut one, &mut warnings);
        });
        one.unit.observed.extend(observed);
        one.unit.declares = warnings.list;
        one
    }

    fn yaml_snapshots(&self, package: &ProjectFile, file: &PropertyFile, one: &mut Declarations) {
        for entry in file.entries("snapshots").unwrap_or_default() {
            let Some(relation) = entry.get("relation") else {
                continue;
            };
            let patch = Patch {
                file,
                node: entry,
                version: None,
            };
            match self.yaml_snapshot(package, patch, relation) {
                Ok(node) => one.snapshots.push(node),
                Err(error) => one.errors.push(error),
            }
        }
    }

    /// Sources with their tests, exposures, groups and what the semantic layer knows.
    fn properties(
        &self,
        package: &ProjectFile,
        file: &PropertyFile,
        one: &mut Declarations,
        warnings: &mut Warnings,
    ) {
        // Entries that are no list are told of where they are patches.
        for entry in file.entries("models").unwrap_or_default() {
            match self.semantics_of_model(package, file, entry) {
                Ok(declared) => one.declared.extend(declared),
                Err(error) => one.errors.push(error),
            }
        }
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
                    one.errors.push(error);
                    continue;
                }
            };
            for entry in entries {
                if let Err(error) = self.property(package, file, key, entry, one, warnings) {
                    one.errors.push(error);
                }
            }
        }
    }

    fn property(
        &self,
        package: &ProjectFile,
        file: &PropertyFile,
        key: &str,
        entry: &Yaml,
        one: &mut Declarations,
        warnings: &mut Warnings,
    ) -> Result<()> {
        match key {
            "sources" => {
                let tables = entry.get("tables").map(Yaml::items).unwrap_or_default();
                for (table, at) in self.source(package, file, entry)? {
                    if table.config.enabled() {
                        let name = format!("{}_{}", table.source_name, table.name);
                        let under = Under {
                            file,
                            key: "sources",
                            name: &name,
                            entry: &table.source_name,
                            tags: table.tags.clone(),
                            call: format!("source('{}', '{}')", table.source_name, table.name),
                            attached: None,
                        };
                        let tests = self.generic_tests(
                            package,
                            &tables[at],
                            &under,
                            &mut one.errors,
                            warnings,
                        );
                        one.source_tests.extend(tests);
                    }
                    one.sources.push(table);
                }
            }
            "exposures" => one.exposures.push(self.exposure(package, file, entry)?),
            "groups" => one.groups.push(self.group(package, file, entry)?),
            _ => one
                .declared
                .extend(self.declared(package, file, key, entry)?),
        }
        Ok(())
    }

    /// Tests of models, seeds and snapshots, and unit tests.
    fn tests(
        &self,
        package: &ProjectFile,
        file: &PropertyFile,
        targets: &Targets,
        one: &mut Declarations,
    ) {
        one.model_tests.clear();
        one.unit_tests.clear();
        let mut warnings = Warnings::default();
        let ((), observed) = observe(self.project, || {
            self.model_tests(package, file, targets, one, &mut warnings);
            let entries = match file.entries(UNIT_TESTS) {
                Ok(entries) => entries,
                Err(error) => return one.errors.push(error),
            };
            for entry in entries {
                match self.unit_tests_of(package, file, entry, targets) {
                    Ok(nodes) => one.unit_tests.extend(nodes),
                    Err(error) => one.errors.push(error),
                }
            }
        });
        one.unit.observed.extend(observed);
        one.unit.tests = warnings.list;
    }

    fn model_tests(
        &self,
        package: &ProjectFile,
        file: &PropertyFile,
        targets: &Targets,
        one: &mut Declarations,
        warnings: &mut Warnings,
    ) {
        for key in ["models", "seeds", "snapshots"] {
            for entry in file.entries(key).unwrap_or_default() {
                let Ok(name) = file.name_of(entry) else {
                    continue;
                };
                for target in targets.tested(key, name) {
                    if !target.enabled || target.package != package.name {
                        continue;
                    }
                    let (call, target_name) = match &target.version {
                        Some(version) => {
                            let version = str_of(version);
                            (
                                format!("ref('{name}', version='{version}')"),
                                format!("{name}_v{version}"),
                            )
                        }
                        None => (format!("ref('{name}')"), name.to_owned()),
                    };
                    let under = Under {
                        file,
                        key,
                        name: &target_name,
                        entry: name,
                        tags: Vec::new(),
                        call,
                        attached: Some(target.unique_id.clone()),
                    };
                    let tests =
                        self.generic_tests(package, entry, &under, &mut one.errors, warnings);
                    one.model_tests.extend(tests);
                }
            }
        }
    }

    fn unit_tests_of(
        &self,
        package: &ProjectFile,
        file: &PropertyFile,
        entry: &Yaml,
        targets: &Targets,
    ) -> Result<Vec<Node>> {
        let model = file
            .document
            .require(entry, "model")?
            .expect_scalar(&file.document)?;
        let named = targets.named("models", &model);
        if named.is_empty() {
            return Err(unit_tests::no_model(file, entry, &model, &targets.models()));
        }
        let own = named.iter().any(|target| target.package == package.name);
        let tested: Vec<&Target> = named
            .iter()
            .filter(|target| target.enabled && (!own || target.package == package.name))
            .collect();
        self.unit_tests(package, file, entry, &tested)
    }
}

/// Puts what the files declare into `manifest` and their units into `units`. Returns the tests.
pub(super) fn merge(
    sources: &[(&ProjectFile, SourceFile)],
    declared: Vec<Declarations>,
    targets: &Targets,
    manifest: &mut Manifest,
    units: &mut Units,
    warnings: &mut Warnings,
    errors: &mut Vec<Error>,
) -> Vec<Node> {
    let mut twice = |what: &str, id: &str, file: &SourceFile| {
        let message = format!("The {what} `{id}` is declared twice");
        errors.push(Error::new(codes::D1007, message).with("file", &file.show));
    };
    let (mut source_tests, mut model_tests, mut tests) = (Vec::new(), Vec::new(), Vec::new());
    let mut found: [Vec<_>; 3] = Default::default();
    let mut all_errors = Vec::new();
    for ((package, file), one) in sources.iter().zip(declared) {
        for table in one.sources {
            let (id, enabled) = (table.unique_id.clone(), table.config.enabled());
            let into = match enabled {
                true => &mut manifest.sources,
                false => &mut manifest.disabled_sources,
            };
            if into.insert(id.clone(), Arc::new(table)).is_some() && enabled {
                twice("source table", &id, file);
            }
        }
        for exposure in one.exposures.into_iter().filter(|e| e.config.enabled()) {
            let id = exposure.unique_id.clone();
            let known = manifest.exposures.insert(id.clone(), Arc::new(exposure));
            if known.is_some() {
                twice("exposure", &id, file);
            }
        }
        for declared in one.declared {
            let (id, kind) = (declared.unique_id.clone(), declared.resource_type.name());
            let built = declared.under.as_ref().is_none_or(|model| {
                let named = targets.named("models", model).iter();
                let mut own = named.filter(|target| target.package == package.name);
                own.any(|target| target.enabled)
            });
            let into = match declared.config.enabled() && built {
                true => &mut manifest.declared,
                false => &mut manifest.disabled_declared,
            };
            if into.insert(id.clone(), Arc::new(declared)).is_some() {
                twice(&kind.replace('_', " "), &id, file);
            }
        }
        for group in one.groups {
            let id = group.unique_id.clone();
            if manifest.groups.insert(id.clone(), group).is_some() {
                twice("group", &id, file);
            }
        }
        source_tests.extend(one.source_tests);
        model_tests.extend(one.model_tests);
        tests.extend(one.unit_tests);
        all_errors.extend(one.errors);
        for (into, list) in
            found
                .iter_mut()
                .zip([&one.unit.read, &one.unit.declares, &one.unit.tests])
        {
            into.extend(list.iter().cloned());
        }
        units.insert(unit::key(&package.name, &file.original), one.unit);
    }
    errors.extend(all_errors);
    warnings.list.extend(found.into_iter().flatten());
    source_tests.extend(model_tests);
    source_tests.extend(tests);
    source_tests
}
