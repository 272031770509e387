//! `sluice dbt …`: does what the `dbt` executable does, with dbt's own flags.

use clap::Args;
use diagnostic::Result;

use crate::arguments::Globals;
use crate::commands::{Exit, not_wired};

/// dbt's command line.
#[derive(Debug, Args)]
pub struct Arguments {
    /// A dbt command and its flags
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENTS")]
    pub arguments: Vec<String>,
}

/// Runs the dbt command.
pub fn dbt(_globals: &Globals, _arguments: &Arguments) -> Result<Exit> {
    Err(not_wired("dbt"))
}
