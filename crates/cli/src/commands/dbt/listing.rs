//! `sluice dbt ls`: what a selection selects, one per line.

use dbt::artifact::manifest_json::{exposure_json, node_json, source_json};
use dbt::load::Project;
use diagnostic::Result;
use serde_json::{Map, Value as Json};

use super::command_line::DbtLine;
use super::invocation::{open_quietly, select};
use super::work::writes_artifacts;
use crate::arguments::Globals;
use crate::commands::Exit;
use crate::output;

/// The keys that dbt lists unless `--output-keys` names others.
const KEYS: [&str; 10] = [
    "alias",
    "name",
    "package_name",
    "depends_on",
    "tags",
    "config",
    "resource_type",
    "source_name",
    "original_file_path",
    "unique_id",
];

/// Lists.
pub fn list(globals: &Globals, line: &DbtLine, format: &str, keys: &[String]) -> Result<Exit> {
    let opened = open_quietly(globals, line)?;
    let project = opened.invocation.project();
    let mut listed: Vec<String> = Vec::new();
    let mut selected = select(&opened, line)?;
    selected.sort();
    for id in selected {
        if let Some(text) = entry(project, &id, format, keys) {
            listed.push(text);
        }
    }
    for text in &listed {
        output::line(text)?;
    }
    if listed.is_empty() {
        output::message("warning: No nodes selected!");
    }
    if writes_artifacts(line, &opened) {
        opened.invocation.write_manifest(&[])?;
    }
    Ok(Exit::Done)
}

fn entry(project: &Project, id: &str, format: &str, keys: &[String]) -> Option<String> {
    let json = whole(project, id)?;
    let text = |key: &str| json.get(key).and_then(Json::as_str).map(str::to_owned);
    match format {
        "name" => match (text("source_name"), text("name")) {
            (Some(source), Some(name)) => Some(format!("{source}.{name}")),
            (_, name) => name,
        },
        "path" => text("original_file_path"),
        "json" => {
            let kept: Map<String, Json> = match keys.is_empty() {
                true => {
                    let fields = json.as_object()?.iter();
                    let kept = fields.filter(|(key, _)| KEYS.contains(&key.as_str()));
                    kept.map(|(key, value)| (key.clone(), value.clone()))
                        .collect()
                }
                false => {
                    let wanted = keys.iter().flat_map(|key| key.split_whitespace());
                    let found = wanted.filter_map(|key| Some((key.to_owned(), at(&json, key)?)));
                    found.collect()
                }
            };
            Some(Json::Object(kept).to_string())
        }
        _ => project.manifest.selector_of(id),
    }
}

/// The value of a key of `--output-keys`: dots lead into mappings, where a null is left out.
fn at(json: &Json, path: &str) -> Option<Json> {
    let found = path.split('.').try_fold(json, |json, key| json.get(key))?;
    (!path.contains('.') || !found.is_null()).then(|| found.clone())
}

fn whole(project: &Project, id: &str) -> Option<Json> {
    let manifest = &project.manifest;
    if let Some(node) = manifest.nodes.get(id) {
        return Some(node_json(node));
    }
    if let Some(source) = manifest.sources.get(id) {
        return Some(source_json(source));
    }
    manifest
        .exposures
        .get(id)
        .map(|exposure| exposure_json(exposure))
}
