//! `semantic_manifest.json`: semantic models, metrics, saved queries and time spines, as MetricFlow
//! reads them (<https://docs.getdbt.com/reference/artifacts/sl-manifest>).

use serde_json::{Map, Value as Json, json};

use crate::manifest::Manifest;
use crate::node::{Declared, Node, ResourceType};

/// The model that was the time spine before models could say that they are.
const LEGACY_TIME_SPINE: &str = "metricflow_time_spine";

const OF_MODEL: &[&str] = &[
    "defaults",
    "node_relation",
    "primary_entity",
    "entities",
    "measures",
    "dimensions",
    "label",
    "metadata",
];

const OF_METRIC: &[&str] = &[
    "type",
    "type_params",
    "filter",
    "metadata",
    "label",
    "time_granularity",
];

const OF_QUERY: &[&str] = &["query_params", "metadata", "label"];

/// The whole artifact.
#[must_use]
pub fn semantic_manifest_json(manifest: &Manifest) -> Json {
    let all = |kind: ResourceType, one: fn(&Declared) -> Json| -> Vec<Json> {
        let declared = manifest.declared.values();
        let of_kind = declared.filter(|item| item.resource_type == kind);
        of_kind.map(|item| one(item)).collect()
    };
    let models = all(ResourceType::SemanticModel, semantic_model);
    let nodes = manifest.nodes.values();
    let models_of_dbt = nodes.filter(|node| node.resource_type == ResourceType::Model);
    let spines: Vec<Json> = models_of_dbt.filter_map(|node| time_spine(node)).collect();
    let legacy = manifest
        .node_named(LEGACY_TIME_SPINE)
        .filter(|node| node.time_spine.is_null() && !models.is_empty())
        .map(|node| json!({"location": node.relation_name, "column_name": "date_day", "grain": "day"}));
    json!({
        "semantic_models": models,
        "metrics": all(ResourceType::Metric, metric),
        "project_configuration": {
            "time_spine_table_configurations": legacy.into_iter().collect::<Vec<_>>(),
            "metadata": null,
            "dsi_package_version": {"major_version": "0", "minor_version": "213", "patch_version": "0"},
            "time_spines": spines,
        },
        "saved_queries": all(ResourceType::SavedQuery, saved_query),
    })
}

/// Whether semantic models lack what they need: a table of days or shorter spans.
#[must_use]
pub fn lacks_time_spine(manifest: &Manifest) -> bool {
    let semantic = |item: &Declared| item.resource_type == ResourceType::SemanticModel;
    if !manifest.declared.values().any(|item| semantic(item)) {
        return false;
    }
    let fine = |spine: &Json| {
        let granularity = spine.pointer("/primary_column/time_granularity");
        let coarse = ["week", "month", "quarter", "year"];
        let granularity = granularity.and_then(Json::as_str);
        granularity.is_some_and(|granularity| !coarse.contains(&granularity))
    };
    let mut spines = manifest.nodes.values().filter_map(|node| time_spine(node));
    manifest.node_named(LEGACY_TIME_SPINE).is_none() && !spines.any(|spine| fine(&spine))
}

fn fields(item: &Declared, keys: &[&str]) -> Map<String, Json> {
    let value = |key: &str| item.fields.get(key).cloned().unwrap_or_default();
    keys.iter()
        .map(|key| ((*key).to_owned(), value(key)))
        .collect()
}

fn semantic_model(item: &Declared) -> Json {
    let mut json = fields(item, OF_MODEL);
    json.insert("name".to_owned(), json!(item.name));
    let description =
        Some(&item.description).filter(|text| !text.is_empty() || item.under.is_some());
    json.insert("description".to_owned(), json!(description));
    json.insert("config".to_owned(), config(item));
    for key in ["entities", "measures", "dimensions"] {
        for part in parts(&mut json, key) {
            part.entry("metadata").or_insert(Json::Null);
        }
    }
    Json::Object(json)
}

fn metric(item: &Declared) -> Json {
    let mut json = fields(item, OF_METRIC);
    json.insert("name".to_owned(), json!(item.name));
    json.insert("description".to_owned(), json!(item.description));
    json.insert("config".to_owned(), config(item));
    json.insert("datatype".to_owned(), Json::Null);
    Json::Object(json)
}

fn saved_query(item: &Declared) -> Json {
    let mut json = fields(item, OF_QUERY);
    json.insert("name".to_owned(), json!(item.name));
    let description = Some(&item.description).filter(|text| !text.is_empty());
    json.insert("description".to_owned(), json!(description));
    json.insert("tags".to_owned(), json!(item.tags));
    let exports = item.fields.get("exports").and_then(Json::as_array);
    let exports = exports.into_iter().flatten().map(|export| {
        let setting = |key: &str| export.get("config").and_then(|config| config.get(key));
        json!({
            "name": export.get("name"),
            "config": {
                "export_as": setting("export_as"), "schema_name": setting("schema_name"),
                "alias": setting("alias"),
            },
        })
    });
    json.insert("exports".to_owned(), exports.collect());
    Json::Object(json)
}

fn config(item: &Declared) -> Json {
    json!({"meta": item.config.get("meta").cloned().unwrap_or_else(|| json!({}))})
}

fn parts<'j>(
    json: &'j mut Map<String, Json>,
    key: &str,
) -> impl Iterator<Item = &'j mut Map<String, Json>> {
    let list = json.get_mut(key).and_then(Json::as_array_mut);
    list.into_iter().flatten().filter_map(Json::as_object_mut)
}

/// A model's role as a time spine, if it has one and the column says how long its spans are.
fn time_spine(node: &Node) -> Option<Json> {
    let column = node
        .time_spine
        .get("standard_granularity_column")?
        .as_str()?;
    let granularity = node.columns.get(column)?.granularity.as_ref()?;
    Some(json!({
        "node_relation": {
            "alias": node.alias, "schema_name": node.schema,
            "database": node.database, "relation_name": node.relation_name,
        },
        "primary_column": {"name": column, "time_granularity": granularity},
        "custom_granularities": node.time_spine.get("custom_granularities"),
    }))
}
