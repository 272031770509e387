//! Commands that work on nodes: parse, compile, run, test, build, seed, snapshot.

use std::collections::HashSet;

use dbt::Project;
use dbt::artifact::files;
use dbt::artifact::run_results::{NodeResult, Status};
use dbt::node::ResourceType;
use diagnostic::Result;
use platform::{DbtReport, DbtWork};
use serde_json::json;

use super::command_line::{DbtCommand, DbtLine};
use super::invocation::{Opened, open, select};
use crate::arguments::Globals;
use crate::commands::Exit;
use crate::commands::watch::interruptible;

/// Reads the project and writes its manifest.
pub fn parse(globals: &Globals, line: &DbtLine) -> Result<Exit> {
    let opened = open(globals, line)?;
    if writes_artifacts(line, &opened) {
        opened.invocation.write_manifest(&[])?;
        let folder = files::target_folder(&opened.invocation.project().context);
        opened
            .lines
            .say(&format!("Wrote {}", folder.join("manifest.json").display()))?;
    }
    Ok(Exit::Done)
}

/// Works on the nodes that the command selects.
pub fn work(globals: &Globals, line: &DbtLine) -> Result<Exit> {
    let opened = open(globals, line)?;
    let kind = match &line.command {
        DbtCommand::Compile { .. } => DbtWork::Compile,
        DbtCommand::Clone { .. } => DbtWork::Clone,
        _ => DbtWork::Build,
    };
    let selected = select(&opened, line)?;
    let ids = opened.invocation.workable(&selected, kind);
    let idle = match &line.command {
        DbtCommand::Build { .. } => without_work(&selected),
        _ => Vec::new(),
    };
    let exit = execute(line, &opened, kind, &ids, &idle)?;
    if let DbtCommand::Build { show: true, .. } | DbtCommand::Seed { show: true, .. } =
        &line.command
        && exit == Exit::Done
    {
        let nodes = &opened.invocation.project().manifest.nodes;
        let seeds = ids.iter().filter_map(|id| nodes.get(id));
        for seed in seeds.filter(|node| node.resource_type == ResourceType::Seed) {
            super::show::preview(&opened, seed)?;
        }
    }
    Ok(exit)
}

/// What `build` lists and does nothing for.
fn without_work(selected: &[String]) -> Vec<String> {
    let idle = ["saved_query.", "exposure."];
    let idle = |id: &&String| idle.iter().any(|kind| id.starts_with(kind));
    selected.iter().filter(idle).cloned().collect()
}

/// The results of what there is nothing to do for, unless what it comes from failed or did not pass a test.
fn idle_results(project: &Project, done: &DbtReport, idle: &[String]) -> Vec<NodeResult> {
    let edges = &project.manifest.edges;
    let parents = |id: &str| {
        let node = edges.ids.iter().position(|known| known == id);
        let parents = node.map_or(&[][..], |node| edges.parents(node));
        parents.iter().map(|parent| edges.ids[*parent].as_str())
    };
    let mut lost: HashSet<&str> = HashSet::new();
    for result in &done.results {
        let id = result.unique_id.as_str();
        if result.status.failed() && (id.starts_with("test.") || id.starts_with("unit_test.")) {
            lost.extend(parents(id));
        } else if result.status.failed() || result.status == Status::Skipped {
            lost.insert(id);
        }
    }
    let results = idle.iter().map(|id| {
        let status = match parents(id).any(|parent| lost.contains(parent)) {
            true => Status::Skipped,
            false => Status::NoOp,
        };
        NodeResult::new(id, status)
    });
    results.collect()
}

/// Works on `ids`, tells how it goes, and writes the artifacts. For `idle` there is nothing to do.
pub fn execute(
    line: &DbtLine,
    opened: &Opened,
    kind: DbtWork,
    ids: &[String],
    idle: &[String],
) -> Result<Exit> {
    let Opened { invocation, lines } = opened;
    let project = invocation.project();
    if ids.is_empty() && idle.is_empty() {
        lines.warn("Nothing to do: no node is selected. Check the selection with `sluice dbt ls`.");
    } else {
        let connection = &project.context.connection;
        let (threads, target) = (connection.threads, &connection.target);
        lines.blank()?;
        lines.tell(
            "ConcurrencyLine",
            &format!("Concurrency: {threads} threads (target='{target}')"),
            json!({ "num_threads": threads, "target_name": target, "node_count": ids.len() }),
        )?;
        lines.blank()?;
    }
    // What cannot be written is told once, at the end: the work must not be lost with its lines.
    let unheard = parking_lot::Mutex::new(None);
    let quiet_compile = kind == DbtWork::Compile;
    let tell = |event: platform::DbtEvent<'_>| {
        if quiet_compile && !told_while_compiling(&event) {
            return;
        }
        if let Err(error) = lines.event(&event) {
            unheard.lock().get_or_insert(error);
        }
    };
    let executing = invocation.execute(kind, ids, &tell);
    let Some(mut done) = interruptible(|| invocation.recover(), executing)? else {
        return Ok(Exit::Interrupted);
    };
    let nothing = idle_results(project, &done, idle);
    done.results.extend(nothing);
    if writes_artifacts(line, opened) {
        invocation.write_manifest(&done.compiled)?;
        invocation.write_results(&done)?;
    }
    if let Some(error) = unheard.into_inner() {
        return Err(error);
    }
    if let DbtCommand::Compile {
        output, selecting, ..
    } = &line.command
        && let [name] = selecting.criteria().as_slice()
        && let Some(one) = done
            .compiled
            .iter()
            .find(|compiled| compiled.node.name == *name)
    {
        super::show::statement(one, output, lines)?;
    }
    if ids.is_empty() && idle.is_empty() {
        return Ok(Exit::Done);
    }
    // As in dbt: statements that were rendered are not counted.
    if quiet_compile && done.succeeded() {
        return Ok(Exit::Done);
    }
    lines.finish(project, &done)?;
    Ok(match done.succeeded() {
        true => Exit::Done,
        false => Exit::Failed,
    })
}

fn told_while_compiling(event: &platform::DbtEvent<'_>) -> bool {
    match event {
        platform::DbtEvent::Started { .. } => false,
        platform::DbtEvent::Ended { result, .. } => result.status.failed(),
        platform::DbtEvent::Hook { .. } | platform::DbtEvent::Said(_) => true,
        platform::DbtEvent::Noted { .. } => false,
    }
}

/// Whether the command leaves artifacts.
pub fn writes_artifacts(line: &DbtLine, opened: &Opened) -> bool {
    let context = &opened.invocation.project().context;
    let of_project = context.root.flags.get("write_json");
    let of_project = of_project.and_then(serde_json::Value::as_bool);
    let common = &line.common;
    !common.no_write_json && (common.write_json || of_project != Some(false))
}
