//! `sluice backfill`: reads a range of dates from the sources again and makes the tables what they say.

use std::num::NonZeroUsize;

use chrono::NaiveDate;
use clap::Args;
use diagnostic::{Error, Result, codes};
use platform::{CursorRange, FileFilter, Reload, ReloadFrom, RunRequest};

use crate::arguments::Globals;
use crate::commands::selection::SelectionArguments;
use crate::commands::{Exit, open_platform, replay, run};

/// What to read again.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Datasets, PostgreSQL streams with a cursor, or other selectors; all of them by default
    #[arg(value_name = "DATASET")]
    pub datasets: Vec<String>,
    /// The same by flags
    #[command(flatten)]
    pub selection: SelectionArguments,
    /// The first day, by the date in the paths of files; the first value of a cursor
    #[arg(long, value_name = "DATE", required_unless_present_any = ["to", "file"])]
    pub from: Option<String>,
    /// The last day, or the last value of a cursor
    #[arg(long, value_name = "DATE")]
    pub to: Option<String>,
    /// Only files whose path matches one of these patterns
    #[arg(long, value_name = "PATTERN")]
    pub file: Vec<String>,
    /// Drop the rows of files that the source does not have any more
    #[arg(long)]
    pub prune: bool,
    /// Say what would be read, and do nothing
    #[arg(long)]
    pub dry_run: bool,
    /// How many datasets are worked on at once
    #[arg(long, value_name = "N")]
    pub threads: Option<NonZeroUsize>,
}

/// Backfills.
pub fn backfill(globals: &Globals, arguments: &Arguments) -> Result<Exit> {
    let platform = open_platform(globals)?;
    let from = ReloadFrom::Source {
        prune: arguments.prune,
    };
    let mut selection = asset::Selection::from(&arguments.selection);
    selection.select.extend(arguments.datasets.iter().cloned());
    let found = platform.reloadable(&selection, from)?;
    replay::tell(globals, &found.left_out);
    let has_files = found
        .selection
        .select
        .iter()
        .any(|key| key.starts_with("silver/"));
    let day = |text: &Option<String>| {
        match text {
        Some(text) if has_files => text.parse::<NaiveDate>().map(Some).map_err(|_| {
            Error::new(codes::C0014, format!("`{text}` is no date"))
                .help("write it as 2026-08-01; values of a cursor need a stream of their own in `--select`")
        }),
        _ => Ok(None),
    }
    };
    let filter = FileFilter {
        from: day(&arguments.from)?,
        to: day(&arguments.to)?,
        files: arguments.file.clone(),
        quarantined: false,
    };
    let request = RunRequest {
        selection: found.selection,
        threads: arguments.threads.map(NonZeroUsize::get),
        reload: Some(Reload { from, filter }),
        range: Some(CursorRange {
            from: arguments.from.clone(),
            to: arguments.to.clone(),
        }),
        ..RunRequest::default()
    };
    if arguments.dry_run {
        return replay::preview(&platform, &request);
    }
    run::execute(globals, &platform, &request)
}
