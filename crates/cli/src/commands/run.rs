//! `sluice run`: brings assets up to date, in graph order, with their checks.

use std::num::NonZeroUsize;

use clap::Args;
use diagnostic::Result;

use crate::arguments::Globals;
use crate::commands::selection::SelectionArguments;
use crate::commands::{Exit, not_wired, open_project};

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
}

/// Runs.
pub fn run(globals: &Globals, _arguments: &Arguments) -> Result<Exit> {
    let _project = open_project(globals)?;
    Err(not_wired("run"))
}
