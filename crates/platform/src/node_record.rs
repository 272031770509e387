//! What a dbt node is made by and from, so that a later run can tell whether it must be built again.

use std::collections::{BTreeMap, BTreeSet};

use asset::AssetKey;
use catalog::{AssetRecord, Workspace};
use dbt::node::Node;
use transform::{Nodes, relation_name, source_name};

use crate::versions::Versions;

/// The record of `node` built now in `workspace`; its rows are not known yet.
pub(crate) fn record(
    nodes: &Nodes,
    node: &Node,
    workspace: &Workspace,
    key: &AssetKey,
) -> AssetRecord {
    let mut versions = Versions::new(workspace);
    let mut inputs = BTreeMap::new();
    add_inputs(nodes, &node.depends_on.nodes, &mut versions, &mut inputs);
    AssetRecord {
        asset: key.to_string(),
        fingerprint: fingerprint(nodes, node),
        inputs,
        rows: None,
        run: workspace.run(),
    }
}

/// What the node is made by: its code, configuration, macros and variables.
fn fingerprint(nodes: &Nodes, node: &Node) -> String {
    let project = nodes.project();
    let mut hasher = blake3::Hasher::new();
    let mut add = |text: &str| {
        hasher.update(text.as_bytes());
        hasher.update(b"\0");
    };
    add(&node.raw_code);
    add(&node.checksum);
    add(&serde_json::Value::Object(node.config.0.clone()).to_string());
    add(&serde_json::Value::Object(project.context.flags.vars.clone()).to_string());
    add(&serde_json::Value::Object(project.context.root.vars.clone()).to_string());
    let mut pending: Vec<&String> = node.depends_on.macros.iter().collect();
    let mut seen = BTreeSet::new();
    while let Some(id) = pending.pop() {
        if seen.insert(id)
            && let Some(found) = project.manifest.macros.get(id)
        {
            add(&found.macro_sql);
            pending.extend(&found.depends_on);
        }
    }
    hasher.finalize().to_hex().to_string()
}

/// Adds the data behind `ids`, by relation, with versions; through ephemeral models, whose code
/// counts too.
fn add_inputs(
    nodes: &Nodes,
    ids: &[String],
    versions: &mut Versions<'_>,
    inputs: &mut BTreeMap<String, String>,
) {
    let project = nodes.project();
    for id in ids {
        if let Some(source) = project.manifest.sources.get(id) {
            let name = source_name(&project.context, source);
            inputs.insert(name.to_string(), versions.of(&name));
        } else if let Some(node) = project.manifest.nodes.get(id) {
            if node.is_ephemeral() {
                inputs.insert(id.clone(), node.checksum.clone());
                add_inputs(nodes, &node.depends_on.nodes, versions, inputs);
            } else {
                let name = relation_name(&project.context, node);
                inputs.insert(name.to_string(), versions.of(&name));
            }
        }
    }
}
