//! `sluice dbt source freshness`: how old sources are, and `target/sources.json`.

use std::path::Path;

use chrono::SecondsFormat;
use dbt::artifact::files;
use dbt::artifact::manifest_json::custom_environment;
use dbt::artifact::run_results::Status;
use diagnostic::{Result, ResultExt as _, codes};
use platform::Freshness;
use serde_json::{Value as Json, json};

use super::command_line::DbtLine;
use super::invocation::{open, select};
use crate::arguments::Globals;
use crate::commands::Exit;
use crate::commands::watch::runtime;
use crate::report;

/// Asks and judges every selected source.
pub fn freshness(globals: &Globals, line: &DbtLine, output: Option<&Path>) -> Result<Exit> {
    let clock = std::time::Instant::now();
    let opened = open(globals, line)?;
    let sources = opened.invocation.fresh_sources(&select(&opened, line)?);
    if sources.is_empty() {
        opened
            .lines
            .warn("Nothing to do: no selected source declares `freshness`.");
    }
    let runtime = runtime()?;
    let (mut found, total) = (Vec::with_capacity(sources.len()), sources.len());
    for (at, source) in sources.into_iter().enumerate() {
        let name = format!("{}.{}", source.source_name, source.name);
        opened
            .lines
            .step(at + 1, total, &format!("START freshness of {name}"), "RUN")?;
        let one = runtime.block_on(opened.invocation.freshness(source));
        let word = match one.status {
            Status::Pass => "PASS",
            Status::Warn => "WARN",
            Status::Fail => "ERROR STALE",
            _ => "ERROR",
        };
        let what = format!("{word} freshness of {name}");
        let status = format!("{word} in {:.2}s", one.seconds);
        opened.lines.step(at + 1, total, &what, &status)?;
        if let Some(error) = &one.error {
            report::error(error, globals.log_format);
        }
        found.push(one);
    }
    if !line.common.no_write_json || output.is_some() {
        write(&opened, &found, clock.elapsed().as_secs_f64(), output)?;
    }
    opened.lines.say("Done.")?;
    let failed = |one: &Freshness| matches!(one.status, Status::Fail | Status::Error);
    let warned = line.common.warn_error && found.iter().any(|one| one.status == Status::Warn);
    match warned || found.iter().any(failed) {
        true => Ok(Exit::Failed),
        false => Ok(Exit::Done),
    }
}

fn write(
    opened: &super::invocation::Opened,
    found: &[Freshness],
    elapsed: f64,
    output: Option<&Path>,
) -> Result<()> {
    let context = &opened.invocation.project().context;
    let flags = &context.flags;
    let json = json!({
        "metadata": {
            "dbt_schema_version": "https://schemas.getdbt.com/dbt/sources/v3.json",
            "dbt_version": dbt::context::DBT_VERSION,
            "generated_at": chrono::Utc::now().to_rfc3339_opts(SecondsFormat::Micros, true),
            "invocation_id": flags.invocation_id,
            "invocation_started_at":
                flags.run_started_at.to_rfc3339_opts(SecondsFormat::Micros, true),
            "env": custom_environment(flags),
        },
        "results": found.iter().map(Freshness::to_json).collect::<Vec<Json>>(),
        "elapsed_time": elapsed,
    });
    match output {
        None => files::write_json(context, "sources.json", &json).map(drop),
        Some(path) => {
            let path = context.root.root.join(path);
            let message = || format!("`{}` cannot be written", path.display());
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder).explain(codes::D4001, message)?;
            }
            std::fs::write(&path, json.to_string()).explain(codes::D4001, message)
        }
    }
}
