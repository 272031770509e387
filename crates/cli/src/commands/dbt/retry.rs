//! `sluice dbt retry`: the last command again, for what failed or was skipped.

use std::collections::HashMap;

use dbt::artifact::files;
use dbt::artifact::run_results::BatchResults;
use dbt::warning::Warnings;
use diagnostic::{Error, Result, ResultExt as _, codes};
use platform::DbtWork;
use serde_json::Value as Json;

use super::command_line::DbtLine;
use super::invocation::{flags, open_as, platform};
use super::operation;
use super::work::execute;
use crate::arguments::Globals;
use crate::commands::Exit;

/// What the last command left: `run_results.json`.
struct Last {
    json: Json,
}

impl Last {
    fn argument(&self, name: &str) -> Option<&Json> {
        self.json
            .get("args")?
            .get(name)
            .filter(|value| !value.is_null())
    }

    fn text(&self, name: &str) -> Option<String> {
        self.argument(name)?.as_str().map(str::to_owned)
    }

    /// The unique ids of what did not end well.
    fn failed(&self) -> Vec<String> {
        let results = self.json.get("results").and_then(Json::as_array);
        let wanted = [
            "error",
            "fail",
            "skipped",
            "runtime error",
            "partial success",
        ];
        results
            .into_iter()
            .flatten()
            .filter(|result| {
                let status = result.get("status").and_then(Json::as_str);
                status.is_some_and(|status| wanted.contains(&status))
            })
            .filter_map(|result| result.get("unique_id")?.as_str().map(str::to_owned))
            .collect()
    }
}

impl Last {
    /// The batches of the models of which some were built. Without any, all are built from the start.
    fn batches(&self) -> HashMap<String, BatchResults> {
        let results = self.json.get("results").and_then(Json::as_array);
        let found = results.into_iter().flatten().filter_map(|result| {
            let batches = BatchResults::read(result.get("batch_results")?)?;
            let id = result.get("unique_id")?.as_str()?.to_owned();
            let some = !batches.successful.is_empty() && !batches.failed.is_empty();
            some.then_some((id, batches))
        });
        found.collect()
    }
}

/// Works again on what failed.
pub fn retry(globals: &Globals, line: &DbtLine) -> Result<Exit> {
    let last = last(globals, line)?;
    let mut line = line.clone();
    let common = &mut line.common;
    if common.vars.is_none() {
        common.vars = last.argument("vars").map(Json::to_string);
    }
    if common.target.is_none() {
        common.target = last.text("target");
    }
    if common.profile.is_none() && common.profiles_dir.as_ref().is_some_and(|dir| dir.is_dir()) {
        common.profile = last.text("profile");
    }
    let which = last.text("which").unwrap_or_else(|| "build".to_owned());
    if which == "run-operation" {
        return again(globals, &line, &last);
    }
    let truth = |name: &str| last.argument(name).and_then(Json::as_bool);
    let opened = open_as(globals, &line, &which, |flags| {
        flags.full_refresh = flags.full_refresh.or_else(|| truth("full_refresh"));
        flags.empty = truth("empty").unwrap_or(false);
        flags.store_failures = truth("store_failures").unwrap_or(false);
        flags.retried_batches = last.batches();
    })?;
    let failed = last.failed();
    let manifest = &opened.invocation.project().manifest;
    // In the order of the graph, which may have changed since.
    let order = manifest.edges.sorted().unwrap_or_default();
    let ids: Vec<String> = order
        .into_iter()
        .filter_map(|number| manifest.edges.ids.get(number))
        .filter(|id| failed.contains(*id))
        .cloned()
        .collect();
    let kind = match which.as_str() {
        "compile" | "generate" => DbtWork::Compile,
        "clone" => DbtWork::Clone,
        _ => DbtWork::Build,
    };
    let ids = opened.invocation.workable(&ids, kind);
    execute(&line, &opened, kind, &ids, &[])
}

/// Calls the macro or runs the statement again, unless it went well.
fn again(globals: &Globals, line: &DbtLine, last: &Last) -> Result<Exit> {
    if last.failed().is_empty() {
        return Ok(Exit::Done);
    }
    if let Some(sql) = last.text("sql") {
        return operation::statement(globals, line, &sql);
    }
    let arguments = last.argument("args").map(Json::to_string);
    let name = last.text("macro").unwrap_or_default();
    operation::operation(globals, line, &name, arguments.as_deref().unwrap_or("{}"))
}

fn last(globals: &Globals, line: &DbtLine) -> Result<Last> {
    let platform = platform(globals, line)?;
    let folder = match &line.common.state {
        Some(folder) => folder.clone(),
        None => {
            let flags = flags(&platform, line)?;
            let context =
                dbt::load::settings(platform.dbt_folder()?, flags, &mut Warnings::default())?;
            files::target_folder(&context)
        }
    };
    let path = folder.join("run_results.json");
    let text = std::fs::read_to_string(&path).map_err(|cause| {
        Error::new(
            codes::D4002,
            format!(
                "There are no results of an earlier command in `{}`",
                folder.display()
            ),
        )
        .because(cause)
        .help("run a command first; `retry` works again on what failed in it")
    })?;
    let json = serde_json::from_str(&text).explain(codes::D4002, || {
        format!("`{}` cannot be read", path.display())
    })?;
    Ok(Last { json })
}
