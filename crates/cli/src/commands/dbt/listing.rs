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
    for id in select(&opened, line)? {
        if let Some(text) = entry(project, &id, format, keys) {
            listed.push(text);
        }
    }
    listed.sort();
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
            let wanted: Vec<&str> = match keys.is_empty() {
                true => KEYS.to_vec(),
                false => keys.iter().flat_map(|key| key.split_whitespace()).collect(),
            };
            let Json::Object(fields) = json else {
                return None;
            };
            let kept: Map<String, Json> = fields
                .into_iter()
                .filter(|(key, _)| wanted.contains(&key.as_str()))
                .collect();
            Some(Json::Object(kept).to_string())
        }
        _ => project.manifest.selector_of(id),
    }
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
