//! The nodes that tests of properties files are of.

use std::collections::HashMap;

use serde_json::Value as Json;
use yaml::Node as Yaml;

use super::properties::PropertyFile;
use crate::node::{Node, ResourceType};
use crate::project::file::ProjectFile;
use crate::python_text::str_of;

/// A node that tests stand under.
pub struct Target {
    /// Its unique id.
    pub unique_id: String,
    /// Its package.
    pub package: String,
    /// Its schema, where unit tests run.
    pub schema: String,
    /// Its version.
    pub version: Option<Json>,
    /// Whether it is switched on.
    pub enabled: bool,
}

/// Models, seeds and snapshots by kind and name.
pub struct Targets(HashMap<(&'static str, String), Vec<Target>>);

/// The key of properties files whose tests are of models.
pub const UNIT_TESTS: &str = "unit_tests";

/// The kinds and names of the nodes that the tests of `file` are of.
pub(super) fn watched(file: &PropertyFile) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for kind in ["models", "seeds", "snapshots"] {
        for entry in file.entries(kind).unwrap_or_default() {
            if let Ok(name) = file.name_of(entry) {
                all.push((kind.to_owned(), name.to_owned()));
            }
        }
    }
    for entry in file.entries(UNIT_TESTS).unwrap_or_default() {
        if let Some(model) = entry.get("model").and_then(Yaml::scalar_text) {
            all.push((UNIT_TESTS.to_owned(), model));
        }
    }
    all
}

impl Targets {
    /// The targets among `nodes`.
    pub fn new(nodes: &[Node]) -> Self {
        let mut all: HashMap<(&'static str, String), Vec<Target>> = HashMap::new();
        for node in nodes {
            let kind = match node.resource_type {
                ResourceType::Model => "models",
                ResourceType::Seed => "seeds",
                ResourceType::Snapshot => "snapshots",
                _ => continue,
            };
            let target = Target {
                unique_id: node.unique_id.clone(),
                package: node.package.clone(),
                schema: node.schema.clone(),
                version: node.version.clone(),
                enabled: node.config.enabled(),
            };
            all.entry((kind, node.name.clone()))
                .or_default()
                .push(target);
        }
        Self(all)
    }

    /// The nodes of `kind` called `name`, in all packages.
    pub fn named(&self, kind: &'static str, name: &str) -> &[Target] {
        let found = self.0.get(&(kind, name.to_owned()));
        found.map_or(&[], Vec::as_slice)
    }

    /// The nodes that tests below `kind` and `name` are of: dbt finds them by `ref`, so those of another
    /// kind where there is none of this one.
    pub fn tested(&self, kind: &'static str, name: &str) -> &[Target] {
        let kinds = [kind, "models", "seeds", "snapshots"].into_iter();
        let mut found = kinds.map(|kind| self.named(kind, name));
        found.find(|found| !found.is_empty()).unwrap_or_default()
    }

    /// The names of all models.
    pub fn models(&self) -> Vec<&str> {
        let keys = self.0.keys().filter(|(kind, _)| *kind == "models");
        keys.map(|(_, name)| name.as_str()).collect()
    }

    /// A hash of what the nodes that a file of `package` watches are.
    pub fn hash(&self, package: &ProjectFile, watched: &[(String, String)]) -> u64 {
        let mut hasher = blake3::Hasher::new();
        for (kind, name) in watched {
            let of_units = kind == UNIT_TESTS;
            let kind = match kind.as_str() {
                "seeds" => "seeds",
                "snapshots" => "snapshots",
                _ => "models",
            };
            let found = match of_units {
                true => self.named(kind, name),
                false => self.tested(kind, name),
            };
            for target in found {
                if !of_units && target.package != package.name {
                    continue;
                }
                let version = target.version.as_ref().map(str_of).unwrap_or_default();
                let schema = if of_units { &target.schema } else { "" };
                let words = [target.unique_id.as_str(), version.as_str(), schema];
                for word in words {
                    hasher.update(word.as_bytes());
                    hasher.update(&[0]);
                }
                hasher.update(&[u8::from(target.enabled)]);
            }
            hasher.update(&[1]);
        }
        let hash = hasher.finalize();
        let first = hash.as_bytes().first_chunk::<8>();
        first.map_or(0, |bytes| u64::from_le_bytes(*bytes))
    }
}
