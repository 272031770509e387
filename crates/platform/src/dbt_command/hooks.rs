//! The hooks of a command: `on-run-start` and `on-run-end`, one after another, each published when it is done.

use std::sync::Arc;

use chrono::Utc;
use dbt::artifact::failure::hook_failure;
use dbt::artifact::run_results::{NodeResult, Status};
use dbt::node::Node;
use diagnostic::Result;
use transform::relation_name;

use super::order::Order;
use super::{DbtEvent, DbtInvocation};

impl DbtInvocation {
    /// Runs the hooks before `before`, or else those at the end, which see `results`. Where one fails, those
    /// behind it are left out.
    ///
    /// # Errors
    /// If the catalog cannot be written. What hooks raise is in their results.
    pub(super) async fn run_hooks(
        &self,
        before: Option<&Order>,
        results: &[NodeResult],
        tell: &(dyn Fn(DbtEvent<'_>) + Sync),
    ) -> Result<Vec<NodeResult>> {
        let end = before.is_none();
        let root = &self.project.context.root.name;
        let hooks = self.project.manifest.hooks(root, end);
        if let Some(order) = before.filter(|_| !hooks.is_empty()) {
            // They find the schemas of what will be built.
            let (workspace, _) = self.begin()?;
            for node in order.nodes.iter().filter(|node| node.is_relational()) {
                let name = relation_name(&self.project.context, node);
                workspace.create_namespace(name.namespace());
            }
            self.settle(&workspace, Ok(()))?;
        }
        let total = hooks.len();
        let mut done: Vec<NodeResult> = Vec::with_capacity(total);
        for (at, hook) in hooks.into_iter().enumerate() {
            let when = if end { "end" } else { "start" };
            let name = format!("{}.on-run-{when}.{at}", hook.package);
            let event = |result| DbtEvent::Hook {
                index: at + 1,
                total,
                end,
                name: &name,
                node: hook,
                result,
            };
            let result = match done.iter().any(|result| result.status.failed()) {
                true => {
                    let mut result = NodeResult::new(&hook.unique_id, Status::Skipped);
                    result.message = Some(format!("{name} skipped"));
                    result.failures = Some(1);
                    result.compiled = Some(false);
                    result
                }
                false => {
                    tell(event(None));
                    let seen = end.then(|| results.to_vec());
                    let result = self.run_hook(hook, &name, seen).await;
                    self.pass_on(tell);
                    result
                }
            };
            tell(event(Some(&result)));
            done.push(result);
        }
        Ok(done)
    }

    async fn run_hook(
        &self,
        hook: &Arc<Node>,
        name: &str,
        seen: Option<Vec<NodeResult>>,
    ) -> NodeResult {
        let mut result = NodeResult::new(&hook.unique_id, Status::Success);
        let started = Utc::now();
        let ran = self.hook_alone(hook, seen, &mut result).await;
        let ended = Utc::now();
        let (_, compiled) = *result.compiled_at.get_or_insert((started, ended));
        result.executed_at = Some((compiled, ended));
        let took = (ended - started).to_std().unwrap_or_default();
        result.execution_time = took.as_secs_f64();
        result.compiled = Some(result.compiled_code.is_some());
        match ran {
            Ok(()) => {
                result.message = Some(format!("{name} passed"));
                result.failures = Some(0);
            }
            Err(error) => {
                result.status = Status::Error;
                result.message = Some(hook_failure(name, &error));
                result.failures = Some(1);
            }
        }
        result
    }

    async fn hook_alone(
        &self,
        hook: &Arc<Node>,
        seen: Option<Vec<NodeResult>>,
        result: &mut NodeResult,
    ) -> Result<()> {
        let (workspace, nodes) = self.begin()?;
        let started = Utc::now();
        let ran = match nodes.hook_statement(hook, seen).await {
            Ok(sql) => {
                result.compiled_at = Some((started, Utc::now()));
                result.compiled_code = Some(sql.clone());
                nodes.run_hook(hook, sql).await
            }
            Err(error) => Err(error),
        };
        self.settle(&workspace, ran)
    }
}
