//! Hooks: statements before and after a node, and before and after a run.

use std::sync::Arc;

use dbt::artifact::files;
use dbt::artifact::run_results::{NodeResult, end_of_run};
use dbt::compile::CompiledNode;
use dbt::node::Node;
use diagnostic::{Result, Source};
use serde_json::Value as Json;

use crate::nodes::{Nodes, blocking};
use crate::recorded::recorded;

/// Whether `node` has hooks under `key`.
#[must_use]
pub fn has_hooks(node: &Node, key: &str) -> bool {
    match node.config.get(key) {
        None | Some(Json::Null) => false,
        Some(Json::Array(hooks)) => !hooks.is_empty(),
        Some(_) => true,
    }
}

impl Nodes {
    /// Runs the hooks of a node under `key`: `pre-hook` or `post-hook`. Hooks of all nodes come one after
    /// another, as many write to one table.
    ///
    /// # Errors
    /// What compiling or the engine raises.
    pub async fn hooks(&self, compiled: &CompiledNode, key: &'static str) -> Result<()> {
        if !has_hooks(&compiled.node, key) {
            return Ok(());
        }
        let _one_at_a_time = self.hooking.lock().await;
        let (compiler, node) = (self.compiler(), compiled.clone());
        let statements = blocking(move || compiler.hooks(&node, key)).await?;
        for sql in statements {
            let source = Source::new(format!("{key} of {}", compiled.node.name), sql);
            self.engine.execute(&self.session, &source).await?;
        }
        Ok(())
    }

    /// Runs the project's `on-run-start` or `on-run-end` hooks.
    ///
    /// # Errors
    /// What compiling or the engine raises.
    pub async fn run_hooks(&self, end: bool) -> Result<()> {
        let project = Arc::clone(&self.project);
        for hook in project.manifest.hooks(&project.context.root.name, end) {
            let compiled = self.compile(&hook.unique_id).await?;
            self.run_hook(hook, compiled.sql).await?;
        }
        Ok(())
    }

    /// The statement of one of the project's hooks. One of `on-run-end` sees `results`.
    ///
    /// # Errors
    /// What its code raises.
    pub async fn hook_statement(
        &self,
        hook: &Arc<Node>,
        results: Option<Vec<NodeResult>>,
    ) -> Result<String> {
        let Some(results) = results else {
            let sql = self.compile(&hook.unique_id).await?.sql;
            files::write_code(&self.project.context, hook, "compiled", &sql)?;
            return Ok(sql);
        };
        let (compiler, project) = (self.compiler(), Arc::clone(&self.project));
        let hook = Arc::clone(hook);
        blocking(move || {
            let seen = end_of_run(&project.manifest, &results);
            let sql = compiler.compile_hook(&hook, &seen)?;
            files::write_code(&project.context, &hook, "compiled", &sql)?;
            Ok(sql)
        })
        .await
    }

    /// Runs the statement of one of the project's hooks, if it has any.
    ///
    /// # Errors
    /// What the engine raises.
    pub async fn run_hook(&self, hook: &Node, sql: String) -> Result<()> {
        if sql.trim().is_empty() {
            return Ok(());
        }
        let engine = recorded(&self.project, Arc::clone(&self.engine), &hook.unique_id);
        let source = Source::new(hook.unique_id.as_str(), sql);
        engine.execute(&self.session, &source).await.map(drop)
    }
}
