//! `sluice replay`: builds tables of the lake from the raw zone again, without a look at the sources.

use std::num::NonZeroUsize;

use chrono::NaiveDate;
use clap::Args;
use diagnostic::Result;
use platform::{FileFilter, Platform, Reload, ReloadFrom, RunRequest};

use crate::arguments::Globals;
use crate::commands::selection::SelectionArguments;
use crate::commands::watch::runtime;
use crate::commands::{Exit, open_platform, run};
use crate::display::columns::{Align, Columns};
use crate::output;

/// What to read again.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Datasets, or other selectors; all datasets by default
    #[arg(value_name = "DATASET")]
    pub datasets: Vec<String>,
    /// The same by flags
    #[command(flatten)]
    pub selection: SelectionArguments,
    /// Only files that have rows in quarantine: those that keep today's contract leave it
    #[arg(long)]
    pub quarantine: bool,
    /// Only files of this day and later: by the date in their path, else by the day they were loaded
    #[arg(long, value_name = "DATE")]
    pub from: Option<NaiveDate>,
    /// Only files of this day and earlier
    #[arg(long, value_name = "DATE")]
    pub to: Option<NaiveDate>,
    /// Only files whose path matches one of these patterns
    #[arg(long, value_name = "PATTERN")]
    pub file: Vec<String>,
    /// Say what would be read, and do nothing
    #[arg(long)]
    pub dry_run: bool,
    /// How many datasets are worked on at once
    #[arg(long, value_name = "N")]
    pub threads: Option<NonZeroUsize>,
}

/// Replays.
pub fn replay(globals: &Globals, arguments: &Arguments) -> Result<Exit> {
    let platform = open_platform(globals)?;
    let mut selection = asset::Selection::from(&arguments.selection);
    selection.select.extend(arguments.datasets.iter().cloned());
    let found = platform.reloadable(&selection, ReloadFrom::Raw)?;
    tell(globals, &found.left_out);
    let request = RunRequest {
        selection: found.selection,
        threads: arguments.threads.map(NonZeroUsize::get),
        reload: Some(Reload {
            from: ReloadFrom::Raw,
            filter: FileFilter {
                from: arguments.from,
                to: arguments.to,
                files: arguments.file.clone(),
                quarantined: arguments.quarantine,
            },
        }),
        ..RunRequest::default()
    };
    if arguments.dry_run {
        return preview(&platform, &request);
    }
    run::execute(globals, &platform, &request)
}

/// Lists what would be read again.
pub fn preview(platform: &Platform, request: &RunRequest) -> Result<Exit> {
    let steps = runtime()?.block_on(platform.preview_reload(request))?;
    let columns = [
        ("table", Align::Left),
        ("what", Align::Left),
        ("file", Align::Left),
    ];
    let mut columns = Columns::new(&columns);
    for step in &steps {
        let asset = step.asset.to_string();
        let Some(files) = &step.files else {
            columns.row(vec![asset, "read again".to_owned(), String::new()]);
            continue;
        };
        for (what, names) in [
            ("load again", &files.loaded),
            ("drop its rows", &files.pruned),
        ] {
            for name in names {
                columns.row(vec![asset.clone(), what.to_owned(), name.clone()]);
            }
        }
    }
    output::styled_line(&columns.to_string())?;
    for notice in steps
        .iter()
        .filter_map(|step| step.files.as_ref())
        .flat_map(|files| &files.notices)
    {
        output::message(&format!("note: {notice}"));
    }
    Ok(Exit::Done)
}

/// Says which of the selected streams are left out.
pub fn tell(globals: &Globals, left_out: &[String]) {
    if globals.quiet == 0 {
        for why in left_out {
            output::message(&format!("note: {why}"));
        }
    }
}
