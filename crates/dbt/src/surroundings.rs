//! What a node's code depends on outside the project's files: the values of the variables (`var`) and
//! of the environment (`env_var`) that it, its configuration or its macros name.
//!
//! dbt keeps none of it in the manifest, so its `state:modified` overlooks such changes. Sluice writes
//! a digest per node beside the manifest and compares that too.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use indexmap::IndexMap;
use serde_json::{Value as Json, json};

use crate::context::ProjectContext;
use crate::manifest::Manifest;
use crate::node::Node;
use crate::parse::generic_test::md5_of;

/// The file beside `manifest.json`.
pub const FILE: &str = "sluice_state.json";

/// The variables that the code, the configuration or the macros of nodes name, by unique id.
pub type Names = IndexMap<String, Vec<(bool, String)>>;

/// The digests of all nodes that name a variable.
#[must_use]
pub fn state_json(project: &ProjectContext, manifest: &Manifest) -> Json {
    let nodes = manifest.nodes.values();
    let digests: BTreeMap<&str, String> = nodes
        .filter_map(|node| Some((node.unique_id.as_str(), digest(project, manifest, node)?)))
        .collect();
    json!({ "version": 1, "surroundings": digests })
}

/// A digest of the values that `node` is surrounded by; `None` if it names none.
#[must_use]
pub fn digest(project: &ProjectContext, manifest: &Manifest, node: &Node) -> Option<String> {
    let mut text = String::new();
    for (of_environment, name) in names(manifest).get(&node.unique_id)? {
        let (kind, value) = match of_environment {
            false => (
                Kind::Variable,
                project.var(&node.package, name).map(Json::to_string),
            ),
            true => (
                Kind::Environment,
                project.flags.env(name).map(str::to_owned),
            ),
        };
        text.push_str(&format!("{kind:?}\0{name}\0{value:?}\0"));
    }
    Some(md5_of(&text))
}

/// The names of all nodes that name any.
pub(crate) fn names(manifest: &Manifest) -> &Names {
    manifest.names.get_or_init(|| {
        let mut of_macros = HashMap::new();
        let nodes = manifest.nodes.values().filter_map(|node| {
            let named = named(manifest, node, &mut of_macros);
            (!named.is_empty()).then(|| (node.unique_id.clone(), named))
        });
        nodes.collect()
    })
}

fn named<'m>(
    manifest: &'m Manifest,
    node: &'m Node,
    of_macros: &mut HashMap<&'m str, BTreeSet<(Kind, &'m str)>>,
) -> Vec<(bool, String)> {
    let mut named = BTreeSet::new();
    collect(&node.raw_code, &mut named);
    let config = Json::Object(node.unrendered_config.clone()).to_string();
    collect(&config, &mut named);
    let mut pending: Vec<&String> = node.depends_on.macros.iter().collect();
    let mut seen = BTreeSet::new();
    while let Some(id) = pending.pop() {
        if seen.insert(id)
            && let Some(found) = manifest.macros.get(id)
        {
            let own = of_macros.entry(id).or_insert_with(|| {
                let mut own = BTreeSet::new();
                collect(&found.macro_sql, &mut own);
                own
            });
            named.extend(own.iter().copied());
            pending.extend(&found.depends_on);
        }
    }
    let named = named.into_iter();
    named
        .map(|(kind, name)| (kind == Kind::Environment, name.to_owned()))
        .collect()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Variable,
    Environment,
}

/// The names in calls of `var` and `env_var` that are written as they are.
fn collect<'t>(text: &'t str, into: &mut BTreeSet<(Kind, &'t str)>) {
    for (at, _) in text.match_indices("var(") {
        let before = text.get(..at).unwrap_or_default();
        let kind = match before.strip_suffix("env_") {
            Some(_) => Kind::Environment,
            None if before.ends_with(|c: char| c.is_alphanumeric() || c == '_') => continue,
            None => Kind::Variable,
        };
        let rest = text.get(at + "var(".len()..).unwrap_or_default();
        // Inside JSON, quotes are escaped.
        let rest = rest.trim_start().trim_start_matches('\\');
        let Some(quote) = rest.chars().next().filter(|c| matches!(c, '\'' | '"')) else {
            continue;
        };
        let name = rest.get(1..).and_then(|rest| rest.split_once(quote));
        if let Some((name, _)) = name {
            into.insert((kind, name.trim_end_matches('\\')));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{Kind, collect};

    #[test]
    fn finds_names_in_calls() {
        let mut named = BTreeSet::new();
        let text = r#"{{ var('a') }} {{ var( "b", 1) }} {{ env_var('C') }} {{ my_var('d') }} {{ var(e) }}
                      {"enabled":"{{ var(\"f\") }}"}"#;
        collect(text, &mut named);
        let wanted = [
            (Kind::Variable, "a"),
            (Kind::Variable, "b"),
            (Kind::Variable, "f"),
            (Kind::Environment, "C"),
        ];
        assert_eq!(named.into_iter().collect::<Vec<_>>(), wanted);
    }
}
