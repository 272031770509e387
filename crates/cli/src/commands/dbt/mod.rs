//! `sluice dbt …`: does what the `dbt` executable does, with dbt's own flags.

pub mod command_line;

use clap::Args;
use diagnostic::Result;

use crate::arguments::Globals;
use crate::commands::Exit;
use diagnostic::{Error, codes};

use command_line::DbtLine;

/// dbt's command line.
#[derive(Debug, Args)]
pub struct Arguments {
    /// A dbt command and its flags
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENTS")]
    pub arguments: Vec<String>,
}

/// Runs the dbt command.
pub fn dbt(_globals: &Globals, arguments: &Arguments) -> Result<Exit> {
    // Prints help to stdout with code 0, mistakes to stderr with code 2, as `dbt` does.
    let _line = DbtLine::read(&arguments.arguments).unwrap_or_else(|error| error.exit());
    Err(Error::new(codes::E2001, "this command is not implemented"))
}
