//! The warning about paths below `models:`, `seeds:`, … of dbt_project.yml that lead to no resource.

use std::collections::BTreeSet;

use serde_json::{Map, Value as Json};

use crate::manifest::Manifest;
use crate::project::file::ProjectFile;
use crate::warning::{Warning, Warnings};

/// The sections that dbt looks at, and how it calls them.
const SECTIONS: [(&str, &str); 11] = [
    ("models", "models"),
    ("seeds", "seeds"),
    ("snapshots", "snapshots"),
    ("sources", "sources"),
    ("data_tests", "data_tests"),
    ("unit_tests", "unit_tests"),
    ("metrics", "metrics"),
    ("semantic-models", "semantic_models"),
    ("saved-queries", "saved_queries"),
    ("exposures", "exposures"),
    ("functions", "functions"),
];

/// Warns of the paths of `project` that no resource lies below.
pub(crate) fn warn(project: &ProjectFile, manifest: &Manifest, warnings: &mut Warnings) {
    let mut unused = BTreeSet::new();
    let mut known: Option<Vec<(String, &[String])>> = None;
    for (section, kind) in SECTIONS {
        let mut paths = BTreeSet::new();
        if let Some(settings) = project.section(section).as_object() {
            collect(settings, &mut Vec::new(), &mut paths);
        }
        for path in paths {
            let known = known.get_or_insert_with(|| resources(manifest));
            let used = known
                .iter()
                .any(|(of, fqn)| (of == kind || of.is_empty()) && fqn.starts_with(&path));
            if !used {
                let path = std::iter::once(kind).chain(path.iter().map(String::as_str));
                unused.insert(path.collect::<Vec<_>>().join("."));
            }
        }
    }
    if unused.is_empty() {
        return;
    }
    let list: Vec<String> = unused.iter().map(|path| format!("- {path}")).collect();
    let message = format!(
        "Configuration paths exist in your dbt_project.yml file which do not apply to any resources.\n\
         There are {} unused configuration paths:\n{}",
        list.len(),
        list.join("\n")
    );
    warnings.add(Warning::new("UnusedResourceConfigPath", message));
}

/// The paths at which something is configured: a key that begins with `+`, or one that holds no
/// mapping.
fn collect(settings: &Map<String, Json>, at: &mut Vec<String>, paths: &mut BTreeSet<Vec<String>>) {
    for (key, value) in settings {
        match value {
            Json::Object(inner) if !key.starts_with('+') => {
                at.push(key.clone());
                collect(inner, at, paths);
                at.pop();
            }
            _ => {
                paths.insert(at.clone());
            }
        }
    }
}

/// The kind and the full name of every resource; what is switched off counts for every kind.
fn resources(manifest: &Manifest) -> Vec<(String, &[String])> {
    let plural = |kind: &str| match kind {
        "test" => "data_tests".to_owned(),
        "saved_query" => "saved_queries".to_owned(),
        other => format!("{other}s"),
    };
    let off = String::new;
    let nodes = manifest.nodes.values();
    let nodes = nodes.map(|node| (plural(node.resource_type.name()), node.fqn.as_slice()));
    let sources = manifest.sources.values();
    let sources = sources.map(|source| ("sources".to_owned(), source.fqn.as_slice()));
    let exposures = manifest.exposures.values();
    let exposures = exposures.map(|exposure| ("exposures".to_owned(), exposure.fqn.as_slice()));
    let declared = manifest.declared.values();
    let declared = declared.map(|one| (plural(one.resource_type.name()), one.fqn.as_slice()));
    let disabled = manifest.disabled.values().flatten();
    let disabled = disabled.map(|node| (off(), node.fqn.as_slice()));
    let no_sources = manifest.disabled_sources.values();
    let no_sources = no_sources.map(|source| (off(), source.fqn.as_slice()));
    let undeclared = manifest.disabled_declared.values();
    let undeclared = undeclared.map(|one| (off(), one.fqn.as_slice()));
    let all = nodes.chain(sources).chain(exposures).chain(declared);
    all.chain(disabled)
        .chain(no_sources)
        .chain(undeclared)
        .collect()
}
