//! `sluice completions SHELL`: a completion script on stdout.

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;
use diagnostic::Result;

use crate::arguments::Cli;
use crate::commands::Exit;
use crate::output;

/// The shell.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The shell the script is for
    #[arg(value_enum)]
    shell: Shell,
}

/// Writes the script.
pub fn completions(arguments: &Arguments) -> Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Cli::command(), "sluice", &mut script);
    output::line(String::from_utf8_lossy(&script).trim_end())?;
    Ok(Exit::Done)
}
