//! [`Config`]: a node's configuration and how dbt merges it from its layers.
//!
//! Lowest to highest: defaults of the resource type, `dbt_project.yml` from the outermost folder
//! inwards, the properties file, `config()` in the file itself, and for nodes of an installed
//! package the root project's `dbt_project.yml` once more.

use std::sync::{Arc, OnceLock};

use serde_json::{Map, Value as Json, json};

use crate::node::ResourceType;

/// A node's configuration: dbt's keys and any the user adds, as JSON. Nodes configured alike share it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Config(pub Arc<Map<String, Json>>);

impl From<Json> for Config {
    fn from(json: Json) -> Self {
        match json {
            Json::Object(map) => Self(Arc::new(map)),
            _ => Self::default(),
        }
    }
}

impl Config {
    /// The defaults of a resource type, in the order dbt's artifacts show them.
    #[must_use]
    pub fn defaults(resource: ResourceType) -> Self {
        static DEFAULTS: OnceLock<[(ResourceType, Config); KINDS.len()]> = OnceLock::new();
        let all = DEFAULTS.get_or_init(|| KINDS.map(|kind| (kind, Self::from(defaults(kind)))));
        let own = all.iter().find(|(kind, _)| *kind == resource);
        own.map(|(_, config)| config.clone())
            .unwrap_or_else(|| Self::from(node_defaults(resource)))
    }

    /// The value of `key`, unless it is missing or null.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Json> {
        self.0.get(canonical(key)).filter(|value| !value.is_null())
    }

    /// The text of `key`.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<&str> {
        self.get(key).and_then(Json::as_str)
    }

    /// The truth value of `key`; texts that YAML or an environment variable left behind count.
    #[must_use]
    pub fn truth(&self, key: &str) -> Option<bool> {
        match self.get(key)? {
            Json::Bool(truth) => Some(*truth),
            Json::String(text) => match text.to_lowercase().as_str() {
                "true" | "yes" | "on" | "1" => Some(true),
                "false" | "no" | "off" | "0" => Some(false),
                _ => None,
            },
            _ => None,
        }
    }

    /// The texts of `key`, which may be one text or a list.
    #[must_use]
    pub fn texts(&self, key: &str) -> Vec<String> {
        self.get(key).map(texts).unwrap_or_default()
    }

    /// Whether the node is switched on.
    #[must_use]
    pub fn enabled(&self) -> bool {
        self.truth("enabled").unwrap_or(true)
    }

    /// How a model is built.
    #[must_use]
    pub fn materialized(&self) -> &str {
        self.text("materialized").unwrap_or("view")
    }

    /// Lays `layer` over this configuration: tags, hooks and packages add up, `meta`, `docs`,
    /// `quoting`, `column_types` and `persist_docs` merge by key, `grants` by key with `+`
    /// appending, everything else replaces.
    pub fn merge(&mut self, layer: &Map<String, Json>) {
        for (key, value) in layer {
            let key = canonical(key);
            match key {
                "tags" | "packages" => self.append(key, texts(value).into_iter().map(Json::String)),
                "pre-hook" | "post-hook" => self.append(key, hooks(value)),
                "meta" | "docs" | "quoting" | "column_types" | "persist_docs" | "contract" => {
                    self.update(key, value);
                }
                "grants" => self.grants(value),
                _ => {
                    Arc::make_mut(&mut self.0).insert(key.to_owned(), value.clone());
                }
            }
        }
    }

    fn append(&mut self, key: &str, more: impl IntoIterator<Item = Json>) {
        let own = Arc::make_mut(&mut self.0);
        let entry = own.entry(key.to_owned()).or_insert_with(|| json!([]));
        if !entry.is_array() {
            *entry = json!([]);
        }
        if let Json::Array(list) = entry {
            for item in more {
                list.push(item);
            }
        }
    }

    fn update(&mut self, key: &str, value: &Json) {
        let own = Arc::make_mut(&mut self.0);
        let entry = own.entry(key.to_owned()).or_insert_with(|| json!({}));
        match (entry, value) {
            (Json::Object(map), Json::Object(more)) => {
                map.extend(more.iter().map(|(key, value)| (key.clone(), value.clone())));
            }
            (_, Json::Null) => {}
            (entry, value) => *entry = value.clone(),
        }
    }

    fn grants(&mut self, value: &Json) {
        let entry = Arc::make_mut(&mut self.0)
            .entry("grants".to_owned())
            .or_insert_with(|| json!({}));
        let (Json::Object(grants), Json::Object(more)) = (entry, value) else {
            return;
        };
        for (privilege, grantees) in more {
            let mut names: Vec<Json> = texts(grantees).into_iter().map(Json::String).collect();
            let privilege = match privilege.strip_prefix('+') {
                Some(added) => {
                    let before = grants.get(added).and_then(Json::as_array).cloned();
                    names.splice(0..0, before.unwrap_or_default());
                    added
                }
                None => privilege,
            };
            grants.insert(privilege.to_owned(), Json::Array(names));
        }
    }
}

/// The spelling artifacts use: hooks may be written with `_`.
fn canonical(key: &str) -> &str {
    match key {
        "pre_hook" => "pre-hook",
        "post_hook" => "post-hook",
        _ => key,
    }
}

fn texts(value: &Json) -> Vec<String> {
    match value {
        Json::Null => Vec::new(),
        Json::String(text) => vec![text.clone()],
        Json::Array(items) => items.iter().flat_map(texts).collect(),
        other => vec![other.to_string()],
    }
}

/// Hooks in the shape of the manifest: `{sql, transaction, index}`. A text may hold such an object
/// as JSON, which is how `before_begin()` and its kin return theirs.
#[must_use]
pub fn hooks(value: &Json) -> Vec<Json> {
    match value {
        Json::Null => Vec::new(),
        Json::Array(items) => items.iter().flat_map(hooks).collect(),
        Json::Object(hook) => {
            let sql = hook.get("sql").cloned().unwrap_or(json!(""));
            let transaction = hook.get("transaction").cloned().unwrap_or(json!(true));
            vec![json!({"sql": sql, "transaction": transaction, "index": null})]
        }
        Json::String(text) => match serde_json::from_str::<Json>(text) {
            Ok(object @ Json::Object(_)) => hooks(&object),
            _ => vec![json!({"sql": text, "transaction": true, "index": null})],
        },
        other => vec![json!({"sql": other.to_string(), "transaction": true, "index": null})],
    }
}

/// The resource types that are configured.
const KINDS: [ResourceType; 12] = [
    ResourceType::Model,
    ResourceType::Seed,
    ResourceType::Snapshot,
    ResourceType::Test,
    ResourceType::Analysis,
    ResourceType::Operation,
    ResourceType::Source,
    ResourceType::Exposure,
    ResourceType::UnitTest,
    ResourceType::Metric,
    ResourceType::SemanticModel,
    ResourceType::SavedQuery,
];

fn defaults(resource: ResourceType) -> Json {
    match resource {
        ResourceType::Test => json!({
            "enabled": true, "alias": null, "schema": "dbt_test__audit", "database": null,
            "tags": [], "meta": {}, "group": null, "static_analysis": null, "materialized": "test",
            "severity": "ERROR", "store_failures": null, "store_failures_as": null,
            "sql_header": null, "where": null, "limit": null, "fail_calc": "count(*)", "warn_if": "!= 0",
            "error_if": "!= 0"
        }),
        ResourceType::Source => json!({
            "enabled": true, "static_analysis": null, "event_time": null, "freshness": null,
            "loaded_at_field": null, "loaded_at_query": null, "meta": {}, "tags": []
        }),
        ResourceType::Exposure => json!({"enabled": true, "tags": [], "meta": {}}),
        ResourceType::UnitTest => {
            json!({"tags": [], "meta": {}, "enabled": true, "static_analysis": null})
        }
        ResourceType::Metric | ResourceType::SemanticModel => {
            json!({"enabled": true, "group": null, "meta": {}})
        }
        ResourceType::SavedQuery => json!({
            "enabled": true, "group": null, "meta": {}, "export_as": null, "schema": null,
            "cache": {"enabled": false}, "tags": []
        }),
        _ => node_defaults(resource),
    }
}

fn node_defaults(resource: ResourceType) -> Json {
    let materialized = match resource {
        ResourceType::Seed => "seed",
        ResourceType::Snapshot => "snapshot",
        _ => "view",
    };
    let mut defaults = json!({
        "enabled": true, "alias": null, "schema": null, "database": null, "tags": [],
        "meta": {}, "group": null, "static_analysis": null, "materialized": materialized,
        "incremental_strategy": null, "batch_size": null, "lookback": 1, "begin": null,
        "persist_docs": {}, "post-hook": [], "pre-hook": [], "quoting": {},
        "column_types": {}, "full_refresh": null, "unique_key": null,
        "on_schema_change": "ignore", "on_configuration_change": "apply", "grants": {},
        "packages": [], "docs": {"show": true, "node_color": null},
        "contract": {"enforced": false, "alias_types": true}, "event_time": null,
        "concurrent_batches": null
    });
    let extra = match resource {
        ResourceType::Model => json!({
            "access": "protected", "freshness": null, "on_error": null,
            "latest_version_pointer": {"enabled": null, "alias": null}
        }),
        ResourceType::Seed => json!({"delimiter": ",", "quote_columns": null}),
        ResourceType::Snapshot => json!({
            "strategy": null, "target_schema": null, "target_database": null,
            "updated_at": null, "check_cols": null,
            "snapshot_meta_column_names": {
                "dbt_valid_to": null, "dbt_valid_from": null, "dbt_scd_id": null,
                "dbt_updated_at": null, "dbt_is_deleted": null
            },
            "dbt_valid_to_current": null
        }),
        _ => json!({}),
    };
    if let (Json::Object(defaults), Json::Object(extra)) = (&mut defaults, extra) {
        defaults.extend(extra);
    }
    defaults
}

/// The layers that a section of `dbt_project.yml` (`models:` …) has for a node: the section itself,
/// then each folder of its `fqn`. `+key` is always configuration, a plain key is unless it is a
/// mapping, which is a folder.
#[must_use]
pub fn project_layers(section: &Json, fqn: &[String]) -> Vec<Map<String, Json>> {
    let mut layers = Vec::new();
    let mut level = section.as_object();
    for name in fqn.iter().map(Some).chain([None]) {
        let Some(map) = level else { break };
        let own = map
            .iter()
            .filter_map(|(key, value)| match key.strip_prefix('+') {
                Some(key) => Some((key.trim().to_owned(), value.clone())),
                None if value.is_object() => None,
                None => Some((key.clone(), value.clone())),
            });
        layers.push(own.collect());
        level = name
            .and_then(|name| map.get(name))
            .and_then(Json::as_object);
    }
    layers
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::{Config, project_layers};
    use crate::node::ResourceType;

    fn merged(layers: &[Json]) -> Config {
        let mut config = Config::defaults(ResourceType::Model);
        for layer in layers {
            config.merge(layer.as_object().unwrap());
        }
        config
    }

    #[test]
    fn layers_merge_as_dbt_merges_them() {
        let config = merged(&[
            json!({"tags": "a", "meta": {"x": 1}, "materialized": "table", "pre_hook": "one"}),
            json!({"tags": ["b", "a"], "meta": {"y": 2}, "pre-hook": ["two"]}),
            json!({"grants": {"select": "r1"}}),
            json!({"grants": {"+select": ["r2"]}, "custom": 7}),
        ]);
        assert_eq!(config.texts("tags"), ["a", "b", "a"]);
        assert_eq!(config.0["meta"], json!({"x": 1, "y": 2}));
        assert_eq!(config.materialized(), "table");
        assert_eq!(config.0["pre-hook"][1]["sql"], "two");
        assert_eq!(config.0["grants"], json!({"select": ["r1", "r2"]}));
        assert_eq!(config.get("custom"), Some(&json!(7)));
    }

    #[test]
    fn folders_and_plus_keys() {
        let section = json!({
            "+materialized": "view", "enabled": true,
            "shop": {"materialized": "table", "marts": {"+schema": "marts", "meta": {"a": 1}}}
        });
        let fqn = ["shop", "marts", "orders"].map(str::to_owned);
        let layers = project_layers(&section, &fqn);
        assert_eq!(
            Json::from(layers[0].clone()),
            json!({"materialized": "view", "enabled": true})
        );
        assert_eq!(
            Json::from(layers[1].clone()),
            json!({"materialized": "table"})
        );
        assert_eq!(Json::from(layers[2].clone()), json!({"schema": "marts"}));
        assert_eq!(layers.len(), 3);
    }
}
