//! One node of a command: built or judged in a workspace of its own, and published.

use std::sync::{Arc, PoisonError};
use std::time::Instant;

use catalog::Workspace;
use chrono::Utc;
use dbt::adapter::Answer;
use dbt::artifact::failure::failure;
use dbt::artifact::files;
use dbt::artifact::run_results::{BatchLine, BatchResults, NodeResult, Status};
use dbt::compile::CompiledNode;
use dbt::node::{Compiled, Node, ResourceType};
use diagnostic::{Error, Result, codes};
use engine::Session;
use serde_json::Value as Json;
use transform::materialization::{BatchOutcome, Built};
use transform::test::Verdict;
use transform::{Keep, Nodes, TestOutcome, has_hooks, relation_name, session_of};

use super::{DbtInvocation, DbtWork};
use crate::dbt_assets::node_key;
use crate::node_record;

/// How often a node is tried again after a conflict with another one.
const CONFLICTS: usize = 4;

/// How a node ended.
pub(super) struct Step {
    /// For the artifacts.
    pub result: NodeResult,
    /// Why it failed, if it did not just find something.
    pub error: Option<Error>,
    /// The node with its statement, if it came that far.
    pub compiled: Option<CompiledNode>,
}

impl DbtInvocation {
    /// Works on `node`. Whatever goes wrong is in the result.
    pub(super) async fn step(self: Arc<Self>, node: Arc<Node>, work: DbtWork) -> Step {
        let clock = Instant::now();
        let started = Utc::now();
        let mut step = Step {
            result: NodeResult::new(&node.unique_id, Status::Success),
            error: None,
            compiled: None,
        };
        let mut done = self.work_on(&node, work, &mut step).await;
        for _ in 0..CONFLICTS {
            // Another node's code wrote to the same table: the work is done again on the new state.
            let conflict = matches!(&done, Err(error) if error.code() == codes::K1001);
            if !conflict || self.shared.get().is_some() {
                break;
            }
            done = self.work_on(&node, work, &mut step).await;
        }
        if let Err(error) = done {
            let kind = &self.project.context.connection.kind;
            step.result.status = Status::Error;
            step.result.message = Some(failure(&node, kind, &error));
            step.error = Some(error);
        }
        let result = &mut step.result;
        let ended = Utc::now();
        let (_, compiled_at) = *result.compiled_at.get_or_insert((started, started));
        result.executed_at = Some((compiled_at, ended));
        result.execution_time = clock.elapsed().as_secs_f64();
        result.compiled = Some(step.compiled.is_some());
        result.compiled_code = step.compiled.as_ref().map(|compiled| compiled.sql.clone());
        result.relation_name.clone_from(&node.relation_name);
        result.thread = thread();
        step
    }

    async fn work_on(&self, node: &Arc<Node>, work: DbtWork, step: &mut Step) -> Result<()> {
        let apart = work == DbtWork::Build && self.records.get().is_none();
        // What hooks set in the session is there for the node, and for no other.
        let session = session_of(&self.session, &self.project.context, node);
        if apart && has_hooks(node, "pre-hook") {
            self.hooks(node, "pre-hook", &session).await?;
        }
        let (workspace, nodes) = self.begin()?;
        let nodes = nodes.for_node(node, session.clone());
        if work == DbtWork::Build && node.resource_type == ResourceType::UnitTest {
            let result = self.unit_test(&nodes, node, step).await;
            // Nothing of a unit test is for anybody else.
            if self.shared.get().is_none() {
                workspace.discard("unit test")?;
            }
            return result;
        }
        let result = match (work, node.resource_type) {
            (DbtWork::Compile, _) => self.compile(&nodes, node, step).await,
            (DbtWork::Clone, _) => self.clone_relation(&nodes, node, step).await,
            (DbtWork::Build, ResourceType::Test) => {
                self.judge(&nodes, &workspace, node, step).await
            }
            (DbtWork::Build, _) => self.build_if_due(&nodes, &workspace, node, step).await,
        };
        self.settle(&workspace, result)?;
        // What is built is there for everybody, and for its hooks, as in dbt.
        if apart && has_hooks(node, "post-hook") {
            self.hooks(node, "post-hook", &session).await?;
        }
        Ok(())
    }

    /// Runs the hooks of a node, apart from the node: they often write to a table that the hooks of
    /// others write to as well.
    async fn hooks(&self, node: &Arc<Node>, key: &'static str, session: &Session) -> Result<()> {
        let _one_at_a_time = self.hooking.lock().await;
        let (workspace, nodes) = self.begin()?;
        let nodes = nodes.for_node(node, session.clone());
        let done = async {
            let compiled = nodes.compile(&node.unique_id).await?;
            match nodes.builds_itself(&compiled) {
                true => Ok(()),
                false => nodes.hooks(&compiled, key).await,
            }
        };
        let done = done.await;
        self.settle(&workspace, done)
    }

    async fn compile(&self, nodes: &Nodes, node: &Node, step: &mut Step) -> Result<()> {
        let started = Utc::now();
        step.compiled = Some(nodes.compile(&node.unique_id).await?);
        step.result.compiled_at = Some((started, Utc::now()));
        Ok(())
    }

    /// Builds the node, with `--state-aware` only if something it is made of has changed.
    async fn build_if_due(
        &self,
        nodes: &Nodes,
        workspace: &Workspace,
        node: &Node,
        step: &mut Step,
    ) -> Result<()> {
        self.compile(nodes, node, step).await?;
        let mut due = None;
        if let (Some(records), Some(compiled)) = (self.records.get(), &step.compiled) {
            let name = relation_name(&self.project.context, node);
            let record = node_record::record(nodes, node, workspace, &node_key(node));
            let refresh = self.project.context.flags.full_refresh == Some(true);
            due = match node_record::due(workspace, records, &record, &name, &compiled.sql) {
                _ if refresh => Some("--full-refresh".to_owned()),
                None => {
                    step.result.status = Status::Reused;
                    step.result.message = Some("REUSED: nothing it is made of changed".to_owned());
                    return Ok(());
                }
                due => due,
            };
        }
        let rows = self.build(nodes, node, step).await?;
        if let (Some(why), Some(message)) = (due, &mut step.result.message) {
            message.push_str(&format!(" ({why})"));
        }
        let mut record = node_record::record(nodes, node, workspace, &node_key(node));
        record.rows = rows;
        workspace.record_asset(record);
        Ok(())
    }

    /// Judges a test, with `--state-aware` only if what it reads has changed since it passed.
    async fn judge(
        &self,
        nodes: &Nodes,
        workspace: &Workspace,
        node: &Arc<Node>,
        step: &mut Step,
    ) -> Result<()> {
        let record = match self.records.get() {
            Some(_) => node_record::check_record(nodes, workspace, &node.unique_id).await?,
            None => None,
        };
        if let (Some(records), Some((record, compiled))) = (self.records.get(), &record)
            && node_record::same(records, record)
        {
            step.result.status = Status::Pass;
            step.result.failures = Some(0);
            step.result.message = Some("REUSED: it passed on the same data".to_owned());
            step.compiled = Some(compiled.clone());
            return Ok(());
        }
        self.test(nodes, node, step).await?;
        if let (Status::Pass, Some((record, _))) = (step.result.status, record) {
            workspace.record_asset(record);
        }
        Ok(())
    }

    async fn build(&self, nodes: &Nodes, node: &Node, step: &mut Step) -> Result<Option<u64>> {
        let Some(compiled) = &step.compiled else {
            return Ok(None);
        };
        let full_refresh = self.project.context.flags.full_refresh.unwrap_or(false);
        let mut built = match self.records.get() {
            Some(_) => nodes.materialize(compiled, full_refresh).await?,
            None => nodes.materialize_alone(compiled, full_refresh).await?,
        };
        if node.is_microbatch() {
            self.tell_batches(node, &mut built, step)?;
            return Ok(built.rows);
        }
        let kind = &self.project.context.connection.kind;
        let answer = match built.own_answer.take() {
            Some(answer) => answer,
            None => built.answer.to_json(kind),
        };
        let message = answer.get("_message").and_then(Json::as_str);
        step.result.message = Some(message.unwrap_or("OK").to_owned());
        step.result.adapter_response = answer;
        Ok(built.rows)
    }

    /// Puts into the result of `node` what became of its batches, as dbt's `merge_batch_results` does.
    ///
    /// # Errors
    /// Why all of them failed.
    fn tell_batches(&self, node: &Node, built: &mut Built, step: &mut Step) -> Result<()> {
        let kind = &self.project.context.connection.kind;
        let mut all = BatchResults::default();
        for batch in &built.batches {
            let span = (batch.batch.start, batch.batch.end);
            let (status, message) = match &batch.outcome {
                BatchOutcome::Built(answer) => {
                    all.successful.push(span);
                    let answer = answer.to_json(kind);
                    let message = answer.get("_message").and_then(Json::as_str);
                    (Status::Success, message.unwrap_or("OK").to_owned())
                }
                BatchOutcome::Failed(_) => {
                    all.failed.push(span);
                    (Status::Error, "ERROR".to_owned())
                }
                BatchOutcome::Skipped => {
                    all.failed.push(span);
                    (Status::Skipped, "SKIPPED".to_owned())
                }
            };
            step.result.batch_lines.push(BatchLine {
                shown: batch.shown.clone(),
                status,
                message,
                execution_time: batch.seconds,
            });
        }
        let (good, bad) = (all.successful.len(), all.failed.len());
        let before = &self.project.context.flags.retried_batches;
        if let Some(before) = before.get(&node.unique_id) {
            all.successful.extend_from_slice(&before.successful);
        }
        step.result.batch_results = Some(all);
        step.result.failures = Some(0);
        step.result.message = Some("SUCCESS".to_owned());
        let Some(error) = built.failed_batches() else {
            return Ok(());
        };
        if good == 0 {
            return Err(error);
        }
        step.result.status = Status::PartialSuccess;
        step.result.message = Some(format!("PARTIAL SUCCESS ({good}/{})", good + bad));
        step.error = Some(error);
        Ok(())
    }

    async fn test(&self, nodes: &Nodes, node: &Arc<Node>, step: &mut Step) -> Result<()> {
        let found = match self.probe.get() {
            Some(probe) => nodes.test_among(probe, &node.unique_id).await,
            None => nodes.test(&node.unique_id, Keep::AsConfigured).await,
        };
        let found = match found {
            Ok(found) => found,
            Err(error) => {
                // Its statement is there to be looked at, unless that is what failed.
                step.compiled = nodes.compile(&node.unique_id).await.ok();
                return Err(error);
            }
        };
        step.result.status = match found.verdict {
            Verdict::Pass => Status::Pass,
            Verdict::Warn if self.project.context.flags.test_warnings_fail => Status::Fail,
            Verdict::Warn => Status::Warn,
            Verdict::Fail => Status::Fail,
        };
        // What a passing test counted is not told, as in dbt.
        step.result.failures = Some(match found.verdict {
            Verdict::Pass => 0,
            _ => i64::try_from(found.failures).unwrap_or(i64::MAX),
        });
        step.result.message = verdict(node, &found);
        let kind = &self.project.context.connection.kind;
        step.result.adapter_response = Answer::DONE.to_json(kind);
        step.compiled = Some(self.compiled_test(node, &found));
        Ok(())
    }

    async fn clone_relation(&self, nodes: &Nodes, node: &Node, step: &mut Step) -> Result<()> {
        let context = &self.project.context;
        let from = {
            let deferred = context
                .deferred
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            deferred.relations.get(&node.unique_id).cloned()
        };
        let full_refresh = context.flags.full_refresh.unwrap_or(false);
        let done = match from {
            Some(from) => nodes.clone_relation(node, &from, full_refresh).await?,
            None => None,
        };
        if let Some(message) = done {
            step.result.message = Some(message);
        } else {
            step.result.status = Status::NoOp;
            step.result.message = Some("NO-OP".to_owned());
        }
        Ok(())
    }

    async fn unit_test(&self, nodes: &Nodes, node: &Node, step: &mut Step) -> Result<()> {
        let found = nodes.unit_test(&node.unique_id).await?;
        step.result.status = match found.difference {
            None => Status::Pass,
            Some(_) => Status::Fail,
        };
        step.result.failures = Some(i64::from(found.difference.is_some()));
        let answer = Answer {
            rows: found.rows,
            changes: None,
        };
        let kind = &self.project.context.connection.kind;
        step.result.adapter_response = answer.to_json(kind);
        step.result.message = found.difference;
        step.compiled = Some(found.compiled);
        Ok(())
    }

    fn compiled_test(&self, node: &Node, found: &TestOutcome) -> CompiledNode {
        let context = &self.project.context;
        let path = files::target_folder(context).join(files::code_path(node, "compiled"));
        let shown = path.strip_prefix(&context.root.root).unwrap_or(&path);
        let compiled = Compiled {
            sql: found.sql.clone(),
            pre_injected_sql: found.sql.clone(),
            extra_ctes: Vec::new(),
            path: Some(shown.display().to_string()),
            lineage: None,
        };
        CompiledNode {
            node: Arc::new(Node {
                compiled: Some(compiled),
                ..node.clone()
            }),
            sql: found.sql.clone(),
        }
    }
}

/// dbt's sentence about a test that found something.
fn verdict(node: &Node, found: &TestOutcome) -> Option<String> {
    let (verb, key) = match found.verdict {
        Verdict::Pass => return None,
        Verdict::Warn => ("warn", "warn_if"),
        Verdict::Fail => ("fail", "error_if"),
    };
    let condition = node.config.text(key).unwrap_or("!= 0");
    let plural = if found.failures == 1 { "" } else { "s" };
    let mut text = format!(
        "Got {} result{plural}, configured to {verb} if {condition}",
        found.failures
    );
    if let Some(stored) = &found.stored_in {
        text.push_str(&format!("\nSee the rows: select * from {stored}"));
    }
    Some(text)
}

fn thread() -> String {
    let id = format!("{:?}", std::thread::current().id());
    let number: String = id.chars().filter(char::is_ascii_digit).collect();
    // As Python names the threads of dbt's pool.
    format!("Thread-{number} (worker)")
}
