//! `sluice dbt show` and `compile --inline`: rows and statements on stdout.

use std::sync::Arc;

use dbt::compile::CompiledNode;
use dbt::node::{Node, ResourceType};
use diagnostic::{Error, Result, codes};
use serde_json::json;

use super::command_line::DbtLine;
use super::invocation::{Opened, open, select};
use super::lines::Lines;
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
        output::line(&format!("{{\"node\": {}, \"show\":", json!(rows.name)))?;
        write_outcome(rows.outcome, QueryFormat::Json, true).await?;
        output::line("}")?;
    } else {
        opened
            .lines
            .say(&format!("Previewing node '{}':", rows.name))?;
        write_outcome(rows.outcome, QueryFormat::Table, true).await?;
    }
    Ok(Exit::Done)
}

/// Compiles a template and shows its statement.
pub fn compile_inline(globals: &Globals, line: &DbtLine, sql: &str, format: &str) -> Result<Exit> {
    let opened = open(globals, line)?;
    let compiled = runtime()?.block_on(opened.invocation.compile_inline(sql))?;
    statement(&compiled, format, &opened.lines)?;
    Ok(Exit::Done)
}

/// Writes a node's statement.
pub fn statement(compiled: &CompiledNode, format: &str, lines: &Lines) -> Result<()> {
    let name = &compiled.node.name;
    if format == "json" {
        return output::line(&json!({ "node": name, "compiled": compiled.sql }).to_string());
    }
    lines.say(&format!("Compiled node '{name}' is:"))?;
    output::line(&compiled.sql)
}
