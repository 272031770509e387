//! What semantic models, metrics and saved queries depend on.

use std::collections::HashMap;
use std::sync::Arc;

use diagnostic::{Error, codes};
use serde_json::Value as Json;

use super::resolve::push;
use crate::manifest::Manifest;
use crate::node::{Declared, ResourceType};

/// The unique id of the metric called `name`.
pub(super) fn metric(manifest: &Manifest, name: &str) -> Option<String> {
    let found = manifest
        .declared
        .values()
        .find(|d| d.resource_type == ResourceType::Metric && d.name == name);
    found.map(|metric| metric.unique_id.clone())
}

pub(super) fn no_metric(manifest: &Manifest, name: &str) -> Error {
    let names = manifest
        .declared
        .values()
        .filter(|d| d.resource_type == ResourceType::Metric)
        .map(|d| d.name.as_str());
    Error::new(codes::D1004, format!("There is no metric `{name}`")).suggest(name, names)
}

/// What semantic models, metrics and saved queries depend on.
pub(super) fn declared(manifest: &mut Manifest, root: &str, errors: &mut Vec<Error>) {
    let mut measures: HashMap<String, String> = HashMap::new();
    for model in manifest.declared.values() {
        let list = model.fields.get("measures").and_then(Json::as_array);
        for measure in list.into_iter().flatten() {
            if let Some(name) = measure.get("name").and_then(Json::as_str) {
                measures.insert(name.to_owned(), model.unique_id.clone());
            }
        }
    }
    let mut resolved = Vec::new();
    for (id, item) in &manifest.declared {
        let (mut nodes, mut relation) = (Vec::new(), Json::Null);
        let mut fail = |error: Error| {
            errors.push(
                error
                    .with("node", id)
                    .with("file", &item.original_file_path),
            );
        };
        for call in &item.refs {
            match manifest.resolve_ref(call, root, &item.package) {
                Ok(node) => {
                    push(&mut nodes, &node.unique_id);
                    relation = serde_json::json!({
                        "alias": node.alias, "schema_name": node.schema,
                        "database": node.database, "relation_name": node.relation_name,
                    });
                }
                Err(error) => fail(error),
            }
        }
        for name in &item.measures {
            match measures.get(name) {
                Some(model) => push(&mut nodes, model),
                None => fail(
                    Error::new(codes::D1004, format!("There is no measure `{name}`"))
                        .suggest(name, measures.keys().map(String::as_str)),
                ),
            }
        }
        if let Some(model) = aggregated(item) {
            let of = manifest.declared.values().find(|d| {
                d.resource_type == ResourceType::SemanticModel
                    && d.name == model
                    && d.package == item.package
            });
            if let Some(of) = of {
                push(&mut nodes, &of.unique_id);
            }
        }
        for name in &item.metrics {
            match metric(manifest, name) {
                Some(metric) => push(&mut nodes, &metric),
                None => fail(no_metric(manifest, name)),
            }
        }
        resolved.push((id.clone(), nodes, relation));
    }
    input_measures(manifest);
    for (id, nodes, relation) in resolved {
        if let Some(item) = manifest.declared.get_mut(&id) {
            let item = Arc::make_mut(item);
            item.depends_on.nodes = nodes;
            if item.resource_type == ResourceType::SemanticModel {
                item.fields.insert("node_relation".to_owned(), relation);
            }
        }
    }
}

/// The semantic model whose rows a metric adds up by itself.
fn aggregated(item: &Declared) -> Option<&str> {
    let parameters = item.fields.get("type_params")?;
    let model = parameters.pointer("/metric_aggregation_params/semantic_model")?;
    model.as_str()
}

/// Sets the measures that metrics are made from in the end, by way of other metrics or not.
fn input_measures(manifest: &mut Manifest) {
    let metrics: HashMap<String, Json> = manifest
        .declared
        .values()
        .filter(|item| item.resource_type == ResourceType::Metric)
        .filter_map(|item| {
            let parameters = item.fields.get("type_params")?;
            Some((item.name.clone(), parameters.clone()))
        })
        .collect();
    for item in manifest.declared.values_mut() {
        if item.resource_type != ResourceType::Metric {
            continue;
        }
        let mut found = Vec::new();
        collect_measures(&metrics, &item.name, &mut Vec::new(), &mut found);
        if let Some(Json::Object(parameters)) = Arc::make_mut(item).fields.get_mut("type_params") {
            parameters.insert("input_measures".to_owned(), Json::Array(found));
        }
    }
}

fn collect_measures<'m>(
    metrics: &'m HashMap<String, Json>,
    name: &'m str,
    path: &mut Vec<&'m str>,
    found: &mut Vec<Json>,
) {
    let Some(parameters) = metrics.get(name).filter(|_| !path.contains(&name)) else {
        return;
    };
    path.push(name);
    let measures = [
        "/measure",
        "/conversion_type_params/base_measure",
        "/conversion_type_params/conversion_measure",
    ];
    for measure in measures.iter().filter_map(|at| parameters.pointer(at)) {
        if !measure.is_null() && !found.contains(measure) {
            found.push(measure.clone());
        }
    }
    let ratio = ["numerator", "denominator"].map(|key| parameters.get(key));
    let inputs = parameters.get("metrics").and_then(Json::as_array);
    let inputs = ratio
        .into_iter()
        .flatten()
        .chain(inputs.into_iter().flatten());
    for input in inputs {
        if let Some(name) = input.get("name").and_then(Json::as_str) {
            collect_measures(metrics, name, path, found);
        }
    }
    path.pop();
}
