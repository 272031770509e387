//! Rows for `dbt show`, statements for `--inline`, columns for `dbt docs generate`.

use std::sync::Arc;

use arrow::array::RecordBatch;
use dbt::compile::{CompiledNode, Compiler};
use dbt::node::{Node, ResourceType};
use diagnostic::{Error, Result, ResultExt as _, Source, codes};
use engine::{Outcome, Rows};
use engine_datafusion::Embedded;
use futures::StreamExt as _;
use serde_json::{Map, Value as Json, json};
use tokio::runtime::Handle;
use transform::{EngineAdapter, folding, relation_name, source_name};

use super::DbtInvocation;

/// Rows of a node or query, and its name.
pub struct DbtRows {
    /// What they are of.
    pub name: String,
    /// The rows.
    pub outcome: Outcome,
}

/// What `metadata` of catalog.json holds.
const CATALOG_METADATA: [&str; 6] = [
    "dbt_schema_version",
    "dbt_version",
    "generated_at",
    "invocation_id",
    "invocation_started_at",
    "env",
];

impl DbtInvocation {
    /// Compiles the template `sql`, which may refer to any node.
    ///
    /// # Errors
    /// What its code raises.
    pub async fn compile_inline(&self, sql: &str) -> Result<CompiledNode> {
        let engine = self.engine()?;
        let node = Arc::new(self.project.inline_node(sql));
        let compiled = self.compile_on(&engine, node).await;
        self.settle(engine.workspace(), compiled)
    }

    pub(super) async fn compile_on(
        &self,
        engine: &Embedded,
        node: Arc<Node>,
    ) -> Result<CompiledNode> {
        let adapter = EngineAdapter::new(
            folding(&self.project.context, Arc::new(engine.clone())),
            self.session.clone(),
            Handle::current(),
        );
        let compiler = Compiler::new(&self.project, Some(Arc::new(adapter))).without_files();
        // Templates may ask the engine, which blocks their thread.
        tokio::task::spawn_blocking(move || compiler.compile_node(&node))
            .await
            .explain(codes::X0001, || "A rendering thread ended early".to_owned())?
    }

    pub(super) fn engine(&self) -> Result<Embedded> {
        let command = format!("dbt {}", self.project.context.flags.which);
        let workspace = Arc::new(self.catalog.begin(&command)?);
        Ok(Embedded::new(workspace, self.compute.clone()))
    }

    /// At most `limit` rows of what `node`'s statement gives; of a seed or a Python model, its table.
    ///
    /// # Errors
    /// What its code or the engine raises.
    pub async fn show(&self, node: Arc<Node>, limit: Option<u64>) -> Result<DbtRows> {
        let engine = self.engine()?;
        let name = node.name.clone();
        let shown = self.rows(&engine, node, limit).await;
        // Nothing was changed, so nothing waits for the rows to be read.
        let outcome = self.settle(engine.workspace(), shown)?;
        Ok(DbtRows { name, outcome })
    }

    /// At most `limit` rows of the template `sql`.
    ///
    /// # Errors
    /// What its code or the engine raises.
    pub async fn show_inline(&self, sql: &str, limit: Option<u64>) -> Result<DbtRows> {
        self.show(Arc::new(self.project.inline_node(sql)), limit)
            .await
    }

    async fn rows(
        &self,
        engine: &Embedded,
        node: Arc<Node>,
        limit: Option<u64>,
    ) -> Result<Outcome> {
        // What a Python model gives is known once it is built.
        let built = node.resource_type == ResourceType::Seed || node.language == "python";
        let sql = if built {
            format!(
                "select * from {}",
                relation_name(&self.project.context, &node)
            )
        } else {
            self.compile_on(engine, Arc::clone(&node)).await?.sql
        };
        self.query(engine, &node.name, &sql, limit).await
    }

    /// At most `limit` rows of the statement `sql`, which is no template.
    ///
    /// # Errors
    /// What the engine raises.
    pub async fn show_statement(&self, sql: &str, limit: Option<u64>) -> Result<DbtRows> {
        let engine = self.engine()?;
        let name = self.project.inline_node(sql).name;
        let shown = self.query(&engine, &name, sql, limit).await;
        let outcome = self.settle(engine.workspace(), shown)?;
        Ok(DbtRows { name, outcome })
    }

    async fn query(
        &self,
        engine: &Embedded,
        name: &str,
        sql: &str,
        limit: Option<u64>,
    ) -> Result<Outcome> {
        let limit = limit
            .map(|rows| format!(" limit {rows}"))
            .unwrap_or_default();
        let sql = sql.trim().trim_end_matches(';');
        let source = Source::new(name, format!("select * from (\n{sql}\n){limit}"));
        let engine = folding(&self.project.context, Arc::new(engine.clone()));
        match engine.execute(&self.session, &source).await?.pop() {
            Some(Outcome::Rows(rows)) => {
                let schema = Arc::clone(&rows.schema);
                let batches: Vec<Result<RecordBatch>> =
                    rows.collect().await?.into_iter().map(Ok).collect();
                let batches = futures::stream::iter(batches).boxed();
                Ok(Outcome::Rows(Rows { schema, batches }))
            }
            _ => Err(Error::new(codes::E1002, format!("`{name}` is not a query"))),
        }
    }

    /// `catalog.json`: the relations of nodes and sources that exist, with their columns.
    ///
    /// # Errors
    /// What the engine raises.
    pub async fn catalog_json(&self) -> Result<Json> {
        let engine = self.engine()?;
        let read = self.read_catalog(&engine).await;
        self.settle(engine.workspace(), read)
    }

    async fn read_catalog(&self, engine: &Embedded) -> Result<Json> {
        let (manifest, context) = (&self.project.manifest, &self.project.context);
        let engine = folding(context, Arc::new(engine.clone()));
        let (mut nodes, mut sources) = (Map::new(), Map::new());
        let relations = manifest
            .nodes
            .values()
            .filter(|node| node.is_relational())
            .map(|node| (&node.unique_id, relation_name(context, node)));
        let tables = manifest.sources.values();
        let tables = tables.map(|table| (&table.unique_id, source_name(context, table)));
        for (id, name) in relations.chain(tables) {
            let Some(found) = engine.describe(&self.session, &name).await? else {
                continue;
            };
            let columns = found
                .columns
                .iter()
                .enumerate()
                .map(|(at, (column, kind))| {
                    let value = json!({
                        "type": kind, "index": at + 1, "name": column, "comment": null,
                    });
                    (column.clone(), value)
                });
            let entry = json!({
                "metadata": {
                    "type": if found.view { "VIEW" } else { "BASE TABLE" },
                    "schema": found.name.schema.as_str(), "name": found.name.name.as_str(),
                    "database": found.name.database.as_str(), "comment": null, "owner": null,
                },
                "columns": columns.collect::<Map<_, _>>(),
                "stats": {"has_stats": {
                    "id": "has_stats", "label": "Has Stats?", "value": false,
                    "description": "Indicates whether there are statistics for this table",
                    "include": false,
                }},
                "unique_id": id,
            });
            match id.starts_with("source.") {
                true => sources.insert(id.clone(), entry),
                false => nodes.insert(id.clone(), entry),
            };
        }
        let mut metadata = dbt::artifact::manifest_json::metadata(context);
        metadata["dbt_schema_version"] = json!("https://schemas.getdbt.com/dbt/catalog/v1.json");
        if let Json::Object(metadata) = &mut metadata {
            // A catalog says less of itself than a manifest.
            metadata.retain(|key, _| CATALOG_METADATA.contains(&key.as_str()));
        }
        Ok(json!({
            "metadata": metadata, "nodes": nodes, "sources": sources, "errors": null,
        }))
    }
}
