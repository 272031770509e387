//! `sluice dbt show` and `compile --inline`: rows and statements on stdout.

use std::sync::Arc;
use std::time::Instant;

use chrono::Utc;
use dbt::artifact::run_results::{NodeResult, Status};
use dbt::compile::CompiledNode;
use dbt::node::{Node, ResourceType};
use diagnostic::{Error, Result, codes};
use serde_json::json;

use super::command_line::DbtLine;
use super::invocation::{Opened, open, select};
use super::lines::Lines;
use super::operation::write_result;
use super::work::writes_artifacts;
use crate::arguments::Globals;
use crate::commands::Exit;
use crate::commands::watch::runtime;
use crate::output;
use crate::query_output::{QueryFormat, write_outcome};

/// Shows rows of a query or of the selected nodes.
pub fn show(
    globals: &Globals,
    line: &DbtLine,
    inline: Option<&str>,
    limit: i64,
    format: &str,
) -> Result<Exit> {
    let opened = open(globals, line)?;
    let limit = u64::try_from(limit).ok();
    let runtime = runtime()?;
    if let Some(sql) = inline {
        let rows = opened.invocation.show_inline(sql, limit);
        return runtime.block_on(async { write(rows.await?, format, &opened).await });
    }
    let manifest = &opened.invocation.project().manifest;
    let nodes: Vec<_> = select(&opened, line)?
        .iter()
        .filter_map(|id| manifest.nodes.get(id))
        .filter(|node| node.resource_type != ResourceType::Test)
        .cloned()
        .collect();
    if nodes.is_empty() {
        return Err(
            Error::new(codes::D3001, "No node is selected to be shown").help(
                "name one: `sluice dbt show --select my_model`, or pass a query with `--inline`",
            ),
        );
    }
    for node in nodes {
        let rows = opened.invocation.show(Arc::clone(&node), limit);
        runtime.block_on(async { write(rows.await?, format, &opened).await })?;
    }
    Ok(Exit::Done)
}

/// Shows rows of a statement that is no template.
pub fn show_direct(
    globals: &Globals,
    line: &DbtLine,
    sql: &str,
    limit: i64,
    format: &str,
) -> Result<Exit> {
    let opened = open(globals, line)?;
    let rows = opened
        .invocation
        .show_statement(sql, u64::try_from(limit).ok());
    runtime()?.block_on(async { write(rows.await?, format, &opened).await })
}

/// Shows the first rows of a seed that was loaded.
pub fn preview(opened: &Opened, seed: &Arc<Node>) -> Result<()> {
    opened.lines.say(&format!(
        "Random sample of table: {}.{}",
        seed.schema, seed.alias
    ))?;
    let rows = opened.invocation.show(Arc::clone(seed), Some(5));
    runtime()?
        .block_on(async { write_outcome(rows.await?.outcome, QueryFormat::Table, true).await })
}

async fn write(rows: platform::DbtRows, format: &str, opened: &Opened) -> Result<Exit> {
    if format == "json" {
        let node = rows.name.map(|name| format!("\"node\": {}, ", json!(name)));
        output::line(&format!("{{{}\"show\":", node.unwrap_or_default()))?;
        write_outcome(rows.outcome, QueryFormat::Json, true).await?;
        output::line("}")?;
    } else {
        let what = rows.name.map(|name| format!("node '{name}'"));
        let what = what.as_deref().unwrap_or("inline node");
        opened.lines.say(&format!("Previewing {what}:"))?;
        write_outcome(rows.outcome, QueryFormat::Table, true).await?;
    }
    Ok(Exit::Done)
}

/// Compiles a template and shows its statement.
pub fn compile_inline(globals: &Globals, line: &DbtLine, sql: &str, format: &str) -> Result<Exit> {
    let opened = open(globals, line)?;
    let (clock, started) = (Instant::now(), Utc::now());
    let compiled = runtime()?.block_on(opened.invocation.compile_inline(sql))?;
    statement(&compiled, format, &opened.lines)?;
    if writes_artifacts(line, &opened) {
        let ended = Utc::now();
        let mut result = NodeResult::new(&compiled.node.unique_id, Status::Success);
        result.compiled_at = Some((started, ended));
        result.executed_at = Some((ended, ended));
        result.execution_time = clock.elapsed().as_secs_f64();
        result.compiled = Some(true);
        result.compiled_code = Some(compiled.sql);
        opened.invocation.write_manifest(&[])?;
        write_result(&opened, result, clock.elapsed())?;
    }
    Ok(Exit::Done)
}

/// Writes a node's statement.
pub fn statement(compiled: &CompiledNode, format: &str, lines: &Lines) -> Result<()> {
    let inline = compiled.node.resource_type == ResourceType::SqlOperation;
    let name = compiled.node.search_name();
    if format == "json" {
        let shown = match inline {
            true => json!({ "compiled": compiled.sql }),
            false => json!({ "node": name, "compiled": compiled.sql }),
        };
        return output::line(&shown.to_string());
    }
    lines.say(&match inline {
        true => "Compiled inline node is:".to_owned(),
        false => format!("Compiled node '{name}' is:"),
    })?;
    output::line(&compiled.sql)
}
