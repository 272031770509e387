//! One file per command: its arguments, then the function, then what only it needs.

pub mod backfill;
mod column_lineage;
pub mod completions;
pub mod dbt;
pub mod demo;
pub mod doctor;
pub mod explain;
pub mod init;
pub mod lifecycle;
pub mod lineage;
pub mod ls;
pub mod optimize;
pub mod replay;
pub mod run;
pub mod selection;
pub mod serve;
pub mod source;
pub mod sql;
pub mod vacuum;
pub mod watch;

use std::process::ExitCode;

use diagnostic::Result;
use platform::Platform;

use crate::arguments::{Command, Globals};

/// How a command that could start ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// All was done: 0.
    Done,
    /// The work ran and something failed: 1.
    Failed,
    /// The user stopped the work, and what it had begun was taken back: 130, as shells count SIGINT.
    Interrupted,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Done => Self::SUCCESS,
            Exit::Failed => Self::FAILURE,
            Exit::Interrupted => Self::from(watch::INTERRUPTED),
        }
    }
}

/// Runs `command`. An error means that it could not start or broke down.
pub fn dispatch(globals: &Globals, command: Command) -> Result<Exit> {
    match command {
        Command::Demo(arguments) => demo::demo(globals, &arguments),
        Command::Init(arguments) => init::init(globals, &arguments),
        Command::Run(arguments) => run::run(globals, &arguments),
        Command::Replay(arguments) => replay::replay(globals, &arguments),
        Command::Backfill(arguments) => backfill::backfill(globals, &arguments),
        Command::Ls(arguments) => ls::ls(globals, &arguments),
        Command::Lineage(arguments) => lineage::lineage(globals, &arguments),
        Command::Source(arguments) => source::source(globals, &arguments),
        Command::Serve(arguments) => serve::serve(globals, &arguments),
        Command::Sql(arguments) => sql::sql(globals, &arguments),
        Command::Optimize(arguments) => optimize::optimize(globals, &arguments),
        Command::Lifecycle(arguments) => lifecycle::lifecycle(globals, &arguments),
        Command::Vacuum(arguments) => vacuum::vacuum(globals, &arguments),
        Command::Dbt(arguments) => dbt::dbt(globals, &arguments),
        Command::Explain(arguments) => explain::explain(&arguments),
        Command::Doctor(arguments) => doctor::doctor(globals, &arguments),
        Command::Completions(arguments) => completions::completions(&arguments),
    }
}

/// Opens the project the command line names.
pub fn open_project(globals: &Globals) -> Result<settings::Project> {
    settings::Project::open(&globals.project_dir, globals.env.as_deref())
}

/// Opens the project the command line names, with its catalog.
pub fn open_platform(globals: &Globals) -> Result<Platform> {
    Platform::open(open_project(globals)?, globals.as_of)
}
