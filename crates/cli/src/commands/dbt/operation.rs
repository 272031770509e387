//! `sluice dbt run-operation`: a macro or a statement, and what came of it.

use std::time::{Duration, Instant};

use chrono::Utc;
use dbt::artifact::failure::operation_failure;
use dbt::artifact::run_results::{NodeResult, Status};
use dbt::context::yaml_mapping;
use diagnostic::{Error, Result};
use platform::DbtReport;
use serde_json::{Map, Value as Json, json};

use super::command_line::DbtLine;
use super::finished::tagged;
use super::invocation::{Opened, open_as};
use super::work::writes_artifacts;
use crate::arguments::Globals;
use crate::commands::Exit;
use crate::commands::watch::interruptible;

/// Calls a macro.
///
/// # Errors
/// `D2004` if there is none of this name.
pub fn operation(globals: &Globals, line: &DbtLine, name: &str, arguments: &str) -> Result<Exit> {
    let arguments = yaml_mapping("--args", arguments)?;
    let opened = open(globals, line, |shown| {
        shown.insert("macro".to_owned(), json!(name));
        shown.insert("args".to_owned(), json!(arguments));
    })?;
    let id = opened.invocation.operation_id(name)?;
    finish(line, &opened, &id, async {
        opened
            .invocation
            .run_operation(name, arguments.clone())
            .await?;
        Ok(Map::new())
    })
}

/// Runs a statement, or a template of one.
pub fn statement(globals: &Globals, line: &DbtLine, sql: &str) -> Result<Exit> {
    let opened = open(globals, line, |shown| {
        shown.insert("sql".to_owned(), json!(sql));
    })?;
    let clock = Instant::now();
    opened
        .lines
        .step(1, 1, "START executing inline_query", "RUN")?;
    let id = &opened.invocation.project().inline_node(sql).unique_id;
    let told = async {
        let run = opened.invocation.run_statement(sql).await;
        let (what, status) = match &run {
            Ok(answer) => {
                let message = answer.get("_message").and_then(Json::as_str);
                ("OK executed", message.unwrap_or("OK").to_owned())
            }
            Err(_) => ("ERROR executing", "ERROR".to_owned()),
        };
        let status = format!("{status} in {:.2}s", clock.elapsed().as_secs_f64());
        let said = format!("{what} inline_query");
        opened.lines.step(1, 1, &said, &status)?;
        run
    };
    finish(line, &opened, id, told)
}

fn open(
    globals: &Globals,
    line: &DbtLine,
    show: impl FnOnce(&mut Map<String, Json>),
) -> Result<Opened> {
    open_as(globals, line, "run-operation", |flags| {
        show(&mut flags.arguments)
    })
}

/// Waits for `work`, tells what was said and why it failed, and writes the artifacts.
fn finish(
    line: &DbtLine,
    opened: &Opened,
    id: &str,
    work: impl Future<Output = Result<Map<String, Json>>>,
) -> Result<Exit> {
    let clock = Instant::now();
    let started = Utc::now();
    let called = interruptible(|| opened.invocation.recover(), async {
        Ok::<_, Error>(work.await)
    });
    for message in opened.invocation.take_messages() {
        match message.info {
            true => opened.lines.print(&message.text)?,
            false => opened.lines.note(message.event, &message.text)?,
        }
    }
    let Some(called) = called? else {
        return Ok(Exit::Interrupted);
    };
    let mut result = NodeResult::new(id, Status::Success);
    result.compiled_at = Some((started, started));
    result.executed_at = Some((started, Utc::now()));
    result.execution_time = clock.elapsed().as_secs_f64();
    result.thread = "MainThread".to_owned();
    result.failures = Some(0);
    result.compiled = Some(false);
    match called {
        Ok(answer) => result.adapter_response = answer,
        Err(error) => {
            let kind = &opened.invocation.project().context.connection.kind;
            let message = operation_failure(kind, &error);
            let said = format!("Encountered an error while running operation: {message}");
            opened.lines.fail(
                "RunningOperationCaughtError",
                &tagged(anstyle::AnsiColor::Red, "ERROR", &said),
                json!({ "exc": message, "error": error.to_json() }),
            )?;
            result.status = Status::Error;
            result.failures = Some(1);
            result.message = Some(message);
        }
    }
    let failed = result.status.failed();
    if writes_artifacts(line, opened) {
        opened.invocation.write_manifest(&[])?;
        write_result(opened, result, clock.elapsed())?;
    }
    Ok(match failed {
        true => Exit::Failed,
        false => Exit::Done,
    })
}

/// Writes `run_results.json` with one result.
pub(super) fn write_result(opened: &Opened, result: NodeResult, elapsed: Duration) -> Result<()> {
    opened.invocation.write_results(&DbtReport {
        results: vec![result],
        compiled: Vec::new(),
        elapsed,
        published: None,
    })
}
