//! What `state:modified` takes for a change: two resources as manifests show them, compared as dbt does
//! (<https://docs.getdbt.com/reference/node-selection/state-comparison-caveats>).

use serde_json::{Map, Value as Json};

/// Configuration that says where a resource is or whose it is, not what it is.
const NOT_COMPARED: [&str; 5] = ["alias", "schema", "database", "tags", "group"];

/// Two resources.
pub(crate) struct Change<'c> {
    /// What it is.
    pub now: &'c Json,
    /// What it was.
    pub before: &'c Json,
    /// `state_modified_compare_more_unrendered_values`: where a source is counts as it is written.
    pub as_written: bool,
}

impl Change<'_> {
    /// Whether anything in `part` differs: `body`, `configs`, `relation`, `persisted_descriptions`,
    /// `contract`; everything if it is empty.
    pub fn is_in(&self, part: &str) -> bool {
        let all = part.is_empty();
        let asked = |name: &str| all || part == name;
        // As written, the configuration of sources, exposures and metrics is in no manifest of Sluice.
        match self.now.get("resource_type").and_then(Json::as_str) {
            Some("source") => {
                asked("relation") && self.source_is_elsewhere()
                    || all
                        && self.any(&["fqn", "quoting", "freshness", "loaded_at_field", "external"])
            }
            Some("exposure") => {
                let keys = [
                    "fqn",
                    "type",
                    "owner",
                    "maturity",
                    "url",
                    "description",
                    "label",
                ];
                all && (self.any(&keys) || self.at("/depends_on/nodes"))
            }
            Some("metric" | "semantic_model" | "saved_query") => {
                let keys = [
                    "type",
                    "type_params",
                    "description",
                    "label",
                    "model",
                    "defaults",
                    "entities",
                    "dimensions",
                    "measures",
                    "primary_entity",
                    "query_params",
                    "exports",
                ];
                all && self.any(&keys)
            }
            Some("unit_test") => asked("body") && self.any(&["checksum"]),
            _ if self
                .now
                .get("test_metadata")
                .is_some_and(|test| !test.is_null()) =>
            {
                asked("body") && !all && self.code()
                    || asked("configs") && self.configured()
                    || all && self.any(&["fqn"])
            }
            kind => {
                let body = match kind {
                    Some("seed") => self.any(&["checksum"]),
                    _ => self.code(),
                };
                // Old manifests do not have all of these.
                let model = ["latest_version", "access", "deprecation_date"];
                let mut model = model.iter().filter(|key| self.before.get(key).is_some());
                let model = kind == Some("model") && model.any(|key| self.any(&[*key]));
                asked("body") && body
                    || asked("configs") && self.configured()
                    || asked("relation") && self.placed()
                    || asked("persisted_descriptions") && self.described()
                    || asked("contract") && self.promised()
                    || all && (model || self.any(&["fqn"]))
            }
        }
    }

    /// Whether a value differs; one that is not there is null.
    fn any(&self, keys: &[&str]) -> bool {
        let value = |json: &Json, key: &str| json.get(key).cloned().unwrap_or_default();
        keys.iter()
            .any(|key| value(self.now, key) != value(self.before, key))
    }

    fn at(&self, pointer: &str) -> bool {
        self.now.pointer(pointer) != self.before.pointer(pointer)
    }

    /// Older manifests call the code `raw_sql`.
    fn code(&self) -> bool {
        let code = |json: &Json| {
            json.get("raw_code")
                .or_else(|| json.get("raw_sql"))
                .cloned()
        };
        code(self.now) != code(self.before)
    }

    fn configured(&self) -> bool {
        let compared = |json: &Json| -> Map<String, Json> {
            let config = json.get("unrendered_config").and_then(Json::as_object);
            let config = config.into_iter().flatten();
            let config = config.filter(|(key, _)| !NOT_COMPARED.contains(&key.as_str()));
            config
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect()
        };
        compared(self.now) != compared(self.before)
    }

    /// Whether its configured place differs. Where that leads depends on the target, and does not
    /// count.
    fn placed(&self) -> bool {
        let place = |json: &Json, key: &str| json.get("unrendered_config")?.get(key).cloned();
        let mut keys = ["database", "schema", "alias"].into_iter();
        keys.any(|key| place(self.now, key) != place(self.before, key))
    }

    fn source_is_elsewhere(&self) -> bool {
        let place = match self.as_written {
            true => ["unrendered_database", "unrendered_schema"],
            false => ["database", "schema"],
        };
        self.any(&place) || self.any(&["identifier"])
    }

    /// Whether descriptions differ that become comments of the warehouse.
    fn described(&self) -> bool {
        let kept = |what: &str| {
            let docs = self.now.pointer("/config/persist_docs");
            docs.and_then(|docs| docs.get(what)).and_then(Json::as_bool) == Some(true)
        };
        kept("relation") && self.any(&["description"])
            || kept("columns") && self.columns(&["description"])
    }

    /// Whether its contract differs.
    fn promised(&self) -> bool {
        let enforced = |json: &Json| {
            let enforced = json.pointer("/config/contract/enforced");
            enforced.and_then(Json::as_bool) == Some(true)
        };
        let columns = ["name", "data_type", "constraints"];
        enforced(self.now) != enforced(self.before)
            || enforced(self.now)
                && (self.columns(&columns)
                    || self.any(&["constraints"])
                    || self.at("/config/materialized"))
    }

    /// Whether one of `keys` of a column differs.
    fn columns(&self, keys: &[&str]) -> bool {
        let columns = |json: &Json| -> Map<String, Json> {
            let columns = json.get("columns").and_then(Json::as_object);
            let columns = columns.into_iter().flatten().map(|(name, column)| {
                let kept = keys
                    .iter()
                    .map(|key| column.get(key).cloned().unwrap_or_default());
                (name.clone(), Json::Array(kept.collect()))
            });
            columns.collect()
        };
        columns(self.now) != columns(self.before)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::Change;

    fn changed(now: &Json, before: &Json, part: &str) -> bool {
        let as_written = false;
        Change {
            now,
            before,
            as_written,
        }
        .is_in(part)
    }

    #[test]
    fn where_a_target_puts_a_model_is_no_change() {
        let model = |schema: &str, config: Json| {
            json!({
                "resource_type": "model", "raw_code": "select 1", "schema": schema, "database": schema,
                "unrendered_config": config, "columns": {},
            })
        };
        let now = model("dev", json!({"materialized": "table", "tags": ["a"]}));
        assert!(!changed(
            &now,
            &model("prod", json!({"materialized": "table"})),
            ""
        ));
        assert!(changed(&now, &model("dev", json!({})), "configs"));
        let moved = model("dev", json!({"materialized": "table", "schema": "marts"}));
        assert!(changed(&now, &moved, "relation"));
        assert!(!changed(&now, &moved, "configs"));
        assert!(changed(&now, &moved, ""));
    }

    #[test]
    fn contracts_and_comments_count_where_they_have_an_effect() {
        let model = |kind: &str, says: &str, enforced: bool, kept: bool| {
            json!({
                "resource_type": "model", "raw_code": "select 1",
                "columns": {"id": {"name": "id", "data_type": kind, "description": says}},
                "config": {
                    "contract": {"enforced": enforced}, "materialized": "table",
                    "persist_docs": {"columns": kept},
                },
            })
        };
        assert!(!changed(
            &model("int", "a", false, false),
            &model("text", "b", false, false),
            ""
        ));
        let before = model("text", "b", true, true);
        assert!(changed(&model("int", "b", true, true), &before, "contract"));
        assert!(!changed(
            &model("text", "a", true, true),
            &before,
            "contract"
        ));
        assert!(changed(
            &model("text", "a", true, true),
            &before,
            "persisted_descriptions"
        ));
    }

    #[test]
    fn old_code_is_found_by_its_old_name() {
        let now = json!({"resource_type": "model", "raw_code": "select 1"});
        let before = json!({"resource_type": "model", "raw_sql": "select 1"});
        assert!(!changed(&now, &before, ""));
    }
}
