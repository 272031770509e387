//! Which columns the columns of models derive from: `column_lineage.json` for the documentation page, the
//! manifest's `meta.sluice`, and `sluice lineage`.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;

use dbt::artifact::files;
use dbt::compile::CompiledNode;
use dbt::node::ResourceType;
use diagnostic::{Result, ResultExt as _, Source, codes};
use engine::Engine as _;
use model::RelationName;
use serde_json::{Map, Value as Json, json};
use sqlparser::ast::ObjectName;
use transform::{folds, relation_name, source_name, understood};

use super::DbtInvocation;
use crate::Platform;
use crate::dbt_assets::DbtGraph;

/// Nodes and columns by the relation's name, in full and without its database.
#[derive(Default)]
struct Known {
    ids: HashMap<String, String>,
    names: HashMap<String, RelationName>,
    columns: HashMap<String, Vec<String>>,
}

impl Known {
    /// Says what `*` of the relation of `id` stands for.
    fn describe(&mut self, id: &str, columns: &[String]) {
        if let Some(name) = self.names.get(id) {
            for key in keys(name) {
                self.columns.insert(key, columns.to_vec());
            }
        }
    }
}

/// The names a statement may call a relation by.
fn keys(name: &RelationName) -> [String; 2] {
    let short = format!("{}.{}", name.schema.as_str(), name.name.as_str());
    [format!("{}.{short}", name.database.as_str()), short]
}

/// A column of an asset.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ColumnKey {
    /// The asset's key, or the relation's name if it is no asset.
    pub asset: String,
    /// The column, as the catalog has it.
    pub column: String,
}

impl fmt::Display for ColumnKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.asset, self.column)
    }
}

/// Which columns derive from which.
#[derive(Clone, Debug, Default)]
pub struct ColumnGraph {
    /// By column, those its values come from.
    pub origins: BTreeMap<ColumnKey, BTreeSet<ColumnKey>>,
}

impl ColumnGraph {
    /// The columns that `column` comes from directly.
    pub fn upstream<'g>(&'g self, column: &ColumnKey) -> impl Iterator<Item = &'g ColumnKey> {
        self.origins.get(column).into_iter().flatten()
    }

    /// The columns that come from `column` directly.
    pub fn downstream<'g>(&'g self, column: &'g ColumnKey) -> impl Iterator<Item = &'g ColumnKey> {
        let all = self.origins.iter();
        all.filter(move |(_, origins)| origins.contains(column))
            .map(|(column, _)| column)
    }

    /// All columns of `asset`.
    #[must_use]
    pub fn columns(&self, asset: &str) -> BTreeSet<&str> {
        let all = self.origins.iter();
        let all = all.flat_map(|(column, origins)| origins.iter().chain([column]));
        all.filter(|key| key.asset == asset)
            .map(|key| key.column.as_str())
            .collect()
    }
}

impl Platform {
    /// Which columns of the dbt project's models derive from which, as far as their statements tell.
    ///
    /// # Errors
    /// What is wrong with the dbt project. Models that do not compile have no origins.
    pub async fn column_lineage(&self) -> Result<ColumnGraph> {
        let invocation = self.dbt(self.dbt_flags("compile"))?;
        let graph = DbtGraph::new(Arc::clone(invocation.project()), &self.project);
        let compiled = invocation.compile_all().await?;
        let lineage = invocation.lineage(&compiled).await?;
        let asset = |id: &str| graph.key(id).map(ToString::to_string);
        let text =
            |value: &Json, key: &str| value.get(key).and_then(Json::as_str).map(str::to_owned);
        let mut found = ColumnGraph::default();
        for (id, columns) in &lineage {
            let Some(owner) = asset(id) else {
                continue;
            };
            for (column, origins) in columns.as_object().into_iter().flatten() {
                let origins = origins.as_array().into_iter().flatten();
                let origins = origins.filter_map(|origin| {
                    let own = text(origin, "node").and_then(|id| asset(&id));
                    Some(ColumnKey {
                        asset: own.or_else(|| text(origin, "relation"))?,
                        column: text(origin, "column")?,
                    })
                });
                let key = ColumnKey {
                    asset: owner.clone(),
                    column: column.clone(),
                };
                found.origins.insert(key, origins.collect());
            }
        }
        Ok(found)
    }
}

impl DbtInvocation {
    /// Every model and snapshot that compiles, inputs first.
    async fn compile_all(&self) -> Result<Vec<CompiledNode>> {
        let manifest = &self.project.manifest;
        let engine = self.engine()?;
        let mut all = Vec::new();
        let edges = &manifest.edges;
        for at in edges.sorted().unwrap_or_default() {
            let node = manifest.nodes.get(&edges.ids[at]).filter(|node| {
                matches!(
                    node.resource_type,
                    ResourceType::Model | ResourceType::Snapshot
                )
            });
            if let Some(node) = node {
                match self.compile_on(&engine, Arc::clone(node)).await {
                    Ok(compiled) => all.push(compiled),
                    Err(error) => {
                        tracing::warn!("`{}` has no lineage: {}", node.name, error.message())
                    }
                }
            }
        }
        self.settle(engine.workspace(), Ok(all))
    }

    /// By node and column, the columns that its values come from, as far as the statements of `compiled`
    /// tell. These stand with inputs first; of other relations, `*` is what the catalog says.
    ///
    /// # Errors
    /// If the catalog cannot be read.
    pub(super) async fn lineage(&self, compiled: &[CompiledNode]) -> Result<Map<String, Json>> {
        let engine = self.engine()?;
        let mut known = self.names();
        let mut all = Map::new();
        for CompiledNode { node, sql } in compiled {
            let lineage = node.language == "sql"
                && matches!(
                    node.resource_type,
                    ResourceType::Model | ResourceType::Snapshot
                );
            if !lineage {
                continue;
            }
            for key in self.read(sql) {
                let asked = known
                    .ids
                    .get(&key)
                    .filter(|_| !known.columns.contains_key(&key));
                let Some(id) = asked.cloned() else {
                    continue;
                };
                let Some(name) = known.names.get(&id) else {
                    continue;
                };
                // What cannot be described has no columns to follow.
                if let Ok(Some(found)) = engine.describe(&self.session, name).await {
                    let columns = found.columns.into_iter().map(|(name, _)| name);
                    known.describe(&id, &columns.collect::<Vec<_>>());
                }
            }
            let Some(columns) = self.origins(sql, &known) else {
                continue;
            };
            if node.resource_type == ResourceType::Model {
                let names: Vec<String> = columns.iter().map(|(name, _)| name.clone()).collect();
                known.describe(&node.unique_id, &names);
            }
            let columns: Map<String, Json> = columns
                .into_iter()
                .map(|(name, origins)| (name, Json::Array(origins)))
                .collect();
            all.insert(node.unique_id.clone(), Json::Object(columns));
        }
        self.settle(engine.workspace(), Ok(all))
    }

    /// The relations that a statement reads, as it writes them.
    fn read(&self, code: &str) -> Vec<String> {
        let code = understood(&self.project.context, code);
        let parsed = code.and_then(|code| sql::parse_script(&Source::new("model", code)));
        let statement = parsed.ok().and_then(|mut statements| statements.pop());
        let Some(statement) = statement else {
            return Vec::new();
        };
        let names = sql::relations(&statement.ast);
        names.iter().filter_map(written).collect()
    }

    /// The relations of the project by their names.
    fn names(&self) -> Known {
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
            for key in keys(&name) {
                known.ids.insert(key, id.clone());
            }
            known.names.insert(id.clone(), name);
        }
        known
    }

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
                let columns = columns.into_iter();
                let columns = columns.map(|(name, origins)| (name, Json::Array(origins)));
                all.insert(id.clone(), Json::Object(columns.collect()));
            }
        }
        Ok(Json::Object(all))
    }

    fn known(&self, catalog: &Json) -> Known {
        let mut known = self.names();
        let ids: Vec<String> = known.names.keys().cloned().collect();
        for id in ids {
            let columns = ["nodes", "sources"]
                .iter()
                .find_map(|kind| catalog.get(kind)?.get(&id)?.get("columns")?.as_object());
            if let Some(columns) = columns {
                let columns: Vec<String> = match folds(&self.project.context) {
                    true => columns.keys().map(|name| name.to_uppercase()).collect(),
                    false => columns.keys().cloned().collect(),
                };
                known.describe(&id, &columns);
            }
        }
        known
    }

    /// The origins of each column of a query; nothing if it cannot be told.
    fn origins(&self, code: &str, known: &Known) -> Option<Vec<(String, Vec<Json>)>> {
        let code = understood(&self.project.context, code).ok()?;
        let statement = sql::parse_script(&Source::new("model", code)).ok()?.pop()?;
        let query = sql::query_of(&statement.ast)?;
        // What `*` stands for is asked by the names as the query writes them.
        let named = sql::relations(&statement.ast)
            .into_iter()
            .filter_map(|name| {
                let columns = known.columns.get(&written(&name)?)?.clone();
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

/// A name as the statement writes it.
fn written(name: &ObjectName) -> Option<String> {
    let parts: Option<Vec<&str>> = name
        .0
        .iter()
        .map(|part| part.as_ident().map(|ident| ident.value.as_str()))
        .collect();
    Some(parts?.join("."))
}
