//! Commands that work on nodes: parse, compile, run, test, build, seed, snapshot; and run-operation.

use dbt::artifact::files;
use dbt::artifact::run_results::Status;
use dbt::context::yaml_mapping;
use diagnostic::Result;
use platform::DbtWork;

use super::command_line::{DbtCommand, DbtLine};
use super::invocation::{Opened, open, select};
use crate::arguments::Globals;
use crate::commands::Exit;
use crate::commands::watch::runtime;
use crate::{output, report};

/// Reads the project and writes its manifest.
pub fn parse(globals: &Globals, line: &DbtLine) -> Result<Exit> {
    let opened = open(globals, line)?;
    if writes_artifacts(line) {
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
    let ids = opened.invocation.workable(&select(&opened, line)?, kind);
    execute(globals, line, &opened, kind, &ids)
}

/// Works on `ids`, tells how it goes, and writes the artifacts.
pub fn execute(
    globals: &Globals,
    line: &DbtLine,
    opened: &Opened,
    kind: DbtWork,
    ids: &[String],
) -> Result<Exit> {
    let Opened { invocation, lines } = opened;
    let project = invocation.project();
    if ids.is_empty() {
        lines.warn("Nothing to do: no node is selected. Check the selection with `sluice dbt ls`.");
    } else {
        let connection = &project.context.connection;
        lines.say(&format!(
            "Concurrency: {} threads (target='{}')",
            connection.threads, connection.target
        ))?;
    }
    // What cannot be written is told once, at the end: the work must not be lost with its lines.
    let unheard = parking_lot::Mutex::new(None);
    let quiet_compile = kind == DbtWork::Compile;
    let done = runtime()?.block_on(invocation.execute(kind, ids, &|event| {
        if quiet_compile && !told_while_compiling(&event) {
            return;
        }
        if let Err(error) = lines.event(&event) {
            unheard.lock().get_or_insert(error);
        }
    }))?;
    if writes_artifacts(line) {
        invocation.write_manifest(&done.compiled)?;
        invocation.write_results(&done)?;
    }
    if let Some(error) = unheard.into_inner() {
        return Err(error);
    }
    if let Some(error) = &done.hook {
        report::error(error, globals.log_format);
    }
    if let DbtCommand::Compile {
        output, selecting, ..
    } = &line.command
        && let [name] = selecting.select.as_slice()
        && let Some(one) = done
            .compiled
            .iter()
            .find(|compiled| compiled.node.name == *name)
    {
        super::show::statement(one, output, lines)?;
    }
    if ids.is_empty() {
        return Ok(Exit::Done);
    }
    lines.finish(project, &done)?;
    let warned = line.common.warn_error && done.count(&[Status::Warn]) > 0;
    Ok(if done.succeeded() && !warned {
        Exit::Done
    } else {
        Exit::Failed
    })
}

fn told_while_compiling(event: &platform::DbtEvent<'_>) -> bool {
    match event {
        platform::DbtEvent::Started { .. } => false,
        platform::DbtEvent::Ended { result, .. } => result.status.failed(),
        platform::DbtEvent::Said(_) => true,
    }
}

/// Calls a macro.
pub fn operation(globals: &Globals, line: &DbtLine, name: &str, arguments: &str) -> Result<Exit> {
    let opened = open(globals, line)?;
    let arguments = yaml_mapping("--args", arguments)?;
    let said = runtime()?.block_on(opened.invocation.run_operation(name, arguments))?;
    for text in said {
        output::line(&text)?;
    }
    if writes_artifacts(line) {
        opened.invocation.write_manifest(&[])?;
    }
    Ok(Exit::Done)
}

/// Whether the command leaves artifacts.
pub fn writes_artifacts(line: &DbtLine) -> bool {
    !line.common.no_write_json
}
