//! Rows for `dbt show`, statements for `--inline`.

use std::sync::Arc;

use arrow::array::RecordBatch;
use dbt::compile::{CompiledNode, Compiler};
use dbt::node::{Node, ResourceType};
use diagnostic::{Error, Result, ResultExt as _, Source, codes};
use engine::{Outcome, Rows};
use engine_datafusion::Embedded;
use futures::StreamExt as _;
use tokio::runtime::Handle;
use transform::{EngineAdapter, folding, relation_name};

use super::DbtInvocation;

/// Rows of a node or query, and its name.
pub struct DbtRows {
    /// The node they are of, with its version; none for a query.
    pub name: Option<String>,
    /// The rows.
    pub outcome: Outcome,
}

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
        let inline = node.resource_type == ResourceType::SqlOperation;
        let name = (!inline).then(|| node.search_name());
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
        if built {
            let sql = format!(
                "select * from {}",
                relation_name(&self.project.context, &node)
            );
            return self.query(engine, &node.name, ("", &sql), limit).await;
        }
        let compiled = self.compile_on(engine, Arc::clone(&node)).await?;
        let header = compiled.node.config.text("sql_header").unwrap_or_default();
        self.query(engine, &node.name, (header, &compiled.sql), limit)
            .await
    }

    /// At most `limit` rows of the statement `sql`, which is no template.
    ///
    /// # Errors
    /// What the engine raises.
    pub async fn show_statement(&self, sql: &str, limit: Option<u64>) -> Result<DbtRows> {
        let engine = self.engine()?;
        let name = self.project.inline_node(sql).name;
        let shown = self.query(&engine, &name, ("", sql), limit).await;
        let outcome = self.settle(engine.workspace(), shown)?;
        Ok(DbtRows {
            name: None,
            outcome,
        })
    }

    async fn query(
        &self,
        engine: &Embedded,
        name: &str,
        (header, sql): (&str, &str),
        limit: Option<u64>,
    ) -> Result<Outcome> {
        let limit = limit
            .map(|rows| format!(" limit {rows}"))
            .unwrap_or_default();
        let sql = sql.trim().trim_end_matches(';');
        let source = Source::new(name, format!("{header}\nselect * from (\n{sql}\n){limit}"));
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
}
