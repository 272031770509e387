//! What a dbt node is made by and from, so that a later run can tell whether it must be built again.

use std::collections::{BTreeMap, BTreeSet};

use asset::AssetKey;
use catalog::{AssetRecord, RelationKind, Workspace};
use dbt::compile::CompiledNode;
use dbt::node::Node;
use dbt::surroundings;
use diagnostic::Result;
use model::RelationName;
use transform::{Nodes, relation_name, source_name, understood};

use crate::versions::Versions;

/// Functions whose value changes from run to run though no input did: a table built with one of
/// them is due in every run.
const VOLATILE: [&str; 8] = [
    "CURRENT_DATE",
    "CURRENT_TIME",
    "GETDATE",
    "SYSDATE",
    "LOCALTIME",
    "RANDOM(",
    "UUID_STRING",
    "RANDSTR(",
];

/// What earlier runs built, by asset.
pub(crate) type Records = BTreeMap<String, AssetRecord>;

/// Why the relation `name`, to be made by `record` and `sql`, must be built; `None` if what is there was
/// made of the same.
pub(crate) fn due(
    workspace: &Workspace,
    records: &Records,
    record: &AssetRecord,
    name: &RelationName,
    sql: &str,
) -> Option<String> {
    let Some(relation) = workspace.relation(name) else {
        return Some("it does not exist".to_owned());
    };
    let Some(last) = records.get(&record.asset) else {
        return Some("nothing is known of how it was built".to_owned());
    };
    if last.fingerprint != record.fingerprint {
        return Some("its code, configuration, macros or variables changed".to_owned());
    }
    let changed = record
        .inputs
        .iter()
        .filter(|(input, version)| last.inputs.get(*input) != Some(version));
    let mut changed: Vec<&str> = changed.map(|(input, _)| input.as_str()).collect();
    if !changed.is_empty() || last.inputs.len() != record.inputs.len() {
        changed.truncate(3);
        return Some(format!("changed: {}", changed.join(", ")));
    }
    let view = matches!(relation.kind, RelationKind::View { .. });
    (!view && is_volatile(sql)).then(|| "its value changes from run to run".to_owned())
}

/// Whether the last record is the same as this one.
pub(crate) fn same(records: &Records, record: &AssetRecord) -> bool {
    records
        .get(&record.asset)
        .is_some_and(|last| last.fingerprint == record.fingerprint && last.inputs == record.inputs)
}

/// What the data test `id` judges and how, if the same again must give the same judgement.
pub(crate) async fn check_record(
    nodes: &Nodes,
    workspace: &Workspace,
    id: &str,
) -> Result<Option<(AssetRecord, CompiledNode)>> {
    let compiled = nodes.compile(id).await?;
    let folded = understood(&nodes.project().context, &compiled.sql)?;
    let Some(inputs) = Versions::new(workspace).read_by(&folded) else {
        return Ok(None);
    };
    if is_volatile(&compiled.sql) || inputs.is_empty() {
        return Ok(None);
    }
    let mut hasher = blake3::Hasher::new();
    hasher.update(compiled.sql.as_bytes());
    let config = serde_json::Value::Object(serde_json::Map::clone(&compiled.node.config.0));
    hasher.update(config.to_string().as_bytes());
    let record = AssetRecord {
        asset: format!("check/{id}"),
        fingerprint: hasher.finalize().to_hex().to_string(),
        inputs,
        rows: None,
        run: workspace.run(),
    };
    Ok(Some((record, compiled)))
}

/// Whether `sql` may give another result on the same data.
fn is_volatile(sql: &str) -> bool {
    let upper = sql.to_uppercase();
    VOLATILE.iter().any(|word| upper.contains(word))
}

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

/// What the node is made by: its code, configuration and macros, and variables.
fn fingerprint(nodes: &Nodes, node: &Node) -> String {
    let project = nodes.project();
    let mut hasher = blake3::Hasher::new();
    let mut add = |text: &str| {
        hasher.update(text.as_bytes());
        hasher.update(b"\0");
    };
    add(&node.raw_code);
    add(&node.checksum);
    add(&serde_json::Value::Object(serde_json::Map::clone(&node.config.0)).to_string());
    // Any variable may be named by an expression, so a change of one is a change of all.
    add(&serde_json::Value::Object(project.context.flags.vars.clone()).to_string());
    add(&serde_json::Value::Object(project.context.root.vars.clone()).to_string());
    add(&surroundings::digest(&project.context, &project.manifest, node).unwrap_or_default());
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
