//! Settings of adapters that the embedded warehouse has nothing for: accepted with a warning, once per
//! setting, so that none is ignored in silence.

use serde_json::Value as Json;

use crate::manifest::Manifest;
use crate::node::Node;
use crate::warning::{CONFIG_WITHOUT_EFFECT, Warning, Warnings};

/// Settings without effect, and why they have none.
const UNHEEDED: [(&str, &str); 24] = [
    (
        "table_tag",
        "the embedded warehouse keeps no tags of tables",
    ),
    (
        "copy_tags",
        "the embedded warehouse keeps no tags of tables",
    ),
    ("table_format", FORMAT),
    ("external_volume", FORMAT),
    ("base_location_root", FORMAT),
    ("base_location_subpath", FORMAT),
    ("iceberg_version", FORMAT),
    ("catalog_name", FORMAT),
    ("file_format", FORMAT),
    ("location_root", FORMAT),
    ("partition_by", "tables are laid out by `cluster_by` only"),
    ("partitioned_by", "tables are laid out by `cluster_by` only"),
    (
        "liquid_clustered_by",
        "tables are laid out by `cluster_by` only",
    ),
    (
        "immutable_where",
        "dynamic tables are views, which always show all rows as they are",
    ),
    ("change_tracking", "the versions of every table are kept"),
    (
        "data_retention_time_in_days",
        "the versions of every table are kept",
    ),
    ("indexes", "the embedded warehouse needs no indexes"),
    ("unlogged", "the embedded warehouse has no write-ahead log"),
    ("dist", "the embedded warehouse runs on one machine"),
    ("sort", "tables are laid out by `cluster_by` only"),
    ("sort_type", "tables are laid out by `cluster_by` only"),
    ("labels", "the embedded warehouse keeps no labels"),
    (
        "kms_key_name",
        "the embedded warehouse does not encrypt files",
    ),
    (
        "hours_to_expiration",
        "tables of the embedded warehouse do not expire",
    ),
];
const FORMAT: &str = "tables are Delta tables of the project";

/// Warns of the settings of the project's nodes that have no effect.
pub(super) fn warn(manifest: &Manifest, warnings: &mut Warnings) {
    unknown_modes(manifest, warnings);
    for (key, why) in UNHEEDED {
        let mut nodes = manifest.nodes.values().filter(|node| set(node, key));
        let Some(first) = nodes.next() else {
            continue;
        };
        let whose = match nodes.count() {
            0 => format!("`{}`", first.name),
            more => format!("`{}` and {more} more", first.name),
        };
        warnings.add(Warning::new(
            CONFIG_WITHOUT_EFFECT,
            format!("T1011: The setting `{key}` of {whose} has no effect: {why}"),
        ));
    }
}

/// Warns of a mode that dbt takes for `ignore`.
fn unknown_modes(manifest: &Manifest, warnings: &mut Warnings) {
    let modes = ["ignore", "fail", "append_new_columns", "sync_all_columns"];
    for node in manifest.nodes.values() {
        let mode = node.config.text("on_schema_change").unwrap_or("ignore");
        if node.config.materialized() == "incremental" && !modes.contains(&mode) {
            let message = format!(
                "T1002: `on_schema_change: {mode}` of `{}` is not known, so it counts as `ignore`",
                node.name
            );
            warnings.add(Warning::new(CONFIG_WITHOUT_EFFECT, message));
        }
    }
}

fn set(node: &Node, key: &str) -> bool {
    match node.config.get(key) {
        None | Some(Json::Bool(false)) => false,
        Some(Json::Object(map)) => map.values().any(|value| !empty(value)),
        Some(value) => !empty(value),
    }
}

fn empty(value: &Json) -> bool {
    match value {
        Json::Null => true,
        Json::Array(items) => items.is_empty(),
        Json::String(text) => text.is_empty() || text == "default",
        _ => false,
    }
}
