//! `column_lineage.json`: which columns the columns of models derive from, for the documentation page.

use std::collections::{BTreeMap, HashMap};

use dbt::artifact::files;
use diagnostic::{Result, ResultExt as _, Source, codes};
use serde_json::{Map, Value as Json, json};
use transform::{fold, folds, relation_name, source_name};

use super::DbtInvocation;

/// Nodes and columns by the relation's name, in full and without its database.
#[derive(Default)]
struct Known {
    ids: HashMap<String, String>,
    columns: HashMap<String, Vec<String>>,
}

impl DbtInvocation {
    /// By node and column, the columns that its values come from, as far as statements tell. Reads the
    /// statements of `manifest.json` in the artifacts' folder; `catalog` says what `*` stands for.
    ///
    /// # Errors
    /// `D4002` if there is no manifest.
    pub fn column_lineage(&self, catalog: &Json) -> Result<Json> {
        let context = &self.project.context;
        let path = files::target_folder(context).join("manifest.json");
        let unread = || format!("`{}` cannot be read", path.display());
        let text = std::fs::read_to_string(&path).explain(codes::D4002, unread)?;
        let manifest: Json = serde_json::from_str(&text).explain(codes::D4002, unread)?;
        let known = self.known(catalog);
        let mut all = Map::new();
        let nodes = manifest.get("nodes").and_then(Json::as_object);
        for (id, node) in nodes.into_iter().flatten() {
            let code = node.get("compiled_code").and_then(Json::as_str);
            let kind = node.get("resource_type").and_then(Json::as_str);
            if let (Some(code), Some("model" | "snapshot")) = (code, kind)
                && let Some(columns) = self.origins(code, &known)
            {
                all.insert(id.clone(), json!(columns));
            }
        }
        Ok(Json::Object(all))
    }

    fn known(&self, catalog: &Json) -> Known {
        let (manifest, context) = (&self.project.manifest, &self.project.context);
        let relations = manifest
            .nodes
            .values()
            .filter(|node| node.is_relational())
            .map(|node| (&node.unique_id, relation_name(context, node)));
        let tables = manifest.sources.values();
        let tables = tables.map(|table| (&table.unique_id, source_name(context, table)));
        let mut known = Known::default();
        for (id, name) in relations.chain(tables) {
            let columns = ["nodes", "sources"]
                .iter()
                .find_map(|kind| catalog.get(kind)?.get(id)?.get("columns")?.as_object());
            let columns = columns.map(|columns| match folds(context) {
                true => columns.keys().map(|name| name.to_uppercase()).collect(),
                false => columns.keys().cloned().collect::<Vec<String>>(),
            });
            let short = format!("{}.{}", name.schema.as_str(), name.name.as_str());
            for key in [format!("{}.{short}", name.database.as_str()), short] {
                known.ids.insert(key.clone(), id.clone());
                if let Some(columns) = &columns {
                    known.columns.insert(key, columns.clone());
                }
            }
        }
        known
    }

    /// The origins of each column of a query; nothing if it cannot be told.
    fn origins(&self, code: &str, known: &Known) -> Option<BTreeMap<String, Vec<Json>>> {
        let code = match folds(&self.project.context) {
            true => fold(code),
            false => code.into(),
        };
        let statement = sql::parse_script(&Source::new("model", code)).ok()?.pop()?;
        let query = sql::query_of(&statement.ast)?;
        // What `*` stands for is asked by the names as the query writes them.
        let named = sql::relations(&statement.ast)
            .into_iter()
            .filter_map(|name| {
                let parts: Option<Vec<&str>> = name
                    .0
                    .iter()
                    .map(|part| part.as_ident().map(|ident| ident.value.as_str()))
                    .collect();
                let columns = known.columns.get(&parts?.join("."))?.clone();
                Some((name, columns))
            });
        let named: HashMap<_, _> = named.collect();
        let lineage = sql::lineage(query, &named)?;
        let columns = lineage.into_iter().map(|column| {
            let origins = column.origins.iter().map(|origin| {
                json!({
                    "node": known.ids.get(&origin.relation), "relation": origin.relation,
                    "column": origin.column,
                })
            });
            (column.name, origins.collect())
        });
        Some(columns.collect())
    }
}
