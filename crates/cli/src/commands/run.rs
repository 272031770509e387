//! `sluice run`: brings assets up to date, in graph order, with their checks.

use std::num::NonZeroUsize;

use asset::Selection;
use clap::Args;
use diagnostic::Result;
use platform::{Platform, RunReport, RunRequest};
use serde_json::json;

use crate::arguments::{Globals, LogFormat};
use crate::commands::selection::SelectionArguments;
use crate::commands::watch::{runtime, watch};
use crate::commands::{Exit, ls, open_platform};
use crate::display::{human, write_summary};
use crate::{output, report};

/// What to run and how.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Which assets; all of them by default
    #[command(flatten)]
    pub selection: SelectionArguments,
    /// Rebuild from the inputs, whatever is there
    #[arg(long)]
    pub full_refresh: bool,
    /// Say what would be done and do nothing
    #[arg(long)]
    pub dry_run: bool,
    /// How many assets are worked on at once
    #[arg(long, value_name = "N")]
    pub threads: Option<NonZeroUsize>,
    /// Stop at the first failure
    #[arg(long)]
    pub fail_fast: bool,
    /// Go on following the changes of PostgreSQL streams, and publish them as they come, until Ctrl-C
    #[arg(long, conflicts_with = "dry_run")]
    pub follow: bool,
}

/// Runs.
pub fn run(globals: &Globals, arguments: &Arguments) -> Result<Exit> {
    let platform = open_platform(globals)?;
    let selection = Selection::from(&arguments.selection);
    if arguments.dry_run {
        let (graph, selected) = platform.plan(&selection)?;
        ls::write_list(&graph, &selected, ls::Format::Table)?;
        return Ok(Exit::Done);
    }
    let new = platform.look_for_new_tables(&selection)?;
    if globals.quiet == 0 && globals.log_format == LogFormat::Text {
        for notice in &new.notices {
            output::message(&format!("note: {notice}"));
        }
    }
    let platform = match new.taken_up {
        true => {
            drop(platform);
            open_platform(globals)?
        }
        false => platform,
    };
    let request = RunRequest {
        selection,
        full_refresh: arguments.full_refresh,
        threads: arguments.threads.map(NonZeroUsize::get),
        fail_fast: arguments.fail_fast,
        ..RunRequest::default()
    };
    let exit = execute(globals, &platform, &request)?;
    match arguments.follow && exit == Exit::Done {
        true => follow(globals, &platform, &request.selection),
        false => Ok(exit),
    }
}

/// Follows the selected streams until somebody says stop, and tells where they go on.
fn follow(globals: &Globals, platform: &Platform, selection: &Selection) -> Result<Exit> {
    if globals.quiet == 0 && globals.log_format == LogFormat::Text {
        output::message("Following changes; Ctrl-C ends that after the batch at hand.");
    }
    let watched = runtime()?.block_on(watch(globals, async |events, stop| {
        platform.follow(selection, events, stop).await
    }));
    for stop in watched.result? {
        match globals.log_format {
            LogFormat::Json => {
                let line =
                    json!({"event": "stopped", "source": stop.source, "position": stop.position});
                output::line(&line.to_string())?;
            }
            LogFormat::Text => output::message(&match stop.position {
                Some(position) => format!(
                    "Stopped `{}`: the next run goes on from {position} of its server's log.",
                    stop.source
                ),
                None => format!("Stopped `{}` before its tables were copied.", stop.source),
            }),
        }
    }
    Ok(Exit::Done)
}

/// Runs what `request` says, shows it while it works, and tells what came of it.
pub fn execute(globals: &Globals, platform: &Platform, request: &RunRequest) -> Result<Exit> {
    let watched = runtime()?.block_on(watch(globals, async |events, stop| {
        platform.run(request, events, stop).await
    }));
    let report = match watched.result {
        Ok(report) => report,
        Err(error) if watched.interrupted => {
            report::error(&error, globals.log_format);
            return Ok(Exit::Interrupted);
        }
        Err(error) => return Err(error),
    };
    write_summary(&report.outcome, globals.log_format)?;
    if globals.quiet == 0 && globals.log_format == LogFormat::Text {
        tell(&report);
    }
    for rejection in report.loads.iter().flat_map(|load| &load.rejected) {
        if !rejection.again {
            report::error(&rejection.error, globals.log_format);
        }
    }
    Ok(if report.succeeded() {
        Exit::Done
    } else if watched.interrupted {
        Exit::Interrupted
    } else {
        Exit::Failed
    })
}

/// What changed for readers, and what a person should know.
fn tell(report: &RunReport) {
    for notice in &report.notices {
        output::message(&format!("note: {notice}"));
    }
    for rejection in report.loads.iter().flat_map(|load| &load.rejected) {
        if rejection.again {
            output::message(&format!(
                "note: `{}` was rejected by an earlier run and has not changed since",
                rejection.file
            ));
        }
    }
    match &report.published {
        None => output::message(
            "Nothing was published: readers see what they saw before this run. Rows that failed a \
             check are kept in the schema DBT_TEST__AUDIT.",
        ),
        Some(published) if published.relations.is_empty() => {
            output::message("Nothing new: no file to load, and no table has a new version.");
        }
        Some(published) => output::message(&format!(
            "Published {}.",
            human::counted(published.relations.len(), "relation")
        )),
    }
}
