//! `sluice sql`: runs statements on the project's warehouse.

use std::io::Read as _;
use std::path::PathBuf;

use clap::Args;
use diagnostic::{Error, Result, ResultExt as _, Source, codes};

use crate::arguments::Globals;
use crate::commands::{Exit, not_wired, open_project};
use crate::query_output::QueryFormat;

/// Which statements, and how rows are written.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Statements, `;` between them; without `-c` and `-f` they are read from stdin
    #[arg(short, long, value_name = "SQL", conflicts_with = "file")]
    pub command: Option<String>,
    /// A file with statements
    #[arg(short, long)]
    pub file: Option<PathBuf>,
    /// How rows are written
    #[arg(long, value_enum, default_value_t)]
    pub format: QueryFormat,
    /// The role to use
    #[arg(long)]
    pub role: Option<String>,
}

/// Runs them.
pub fn sql(globals: &Globals, arguments: &Arguments) -> Result<Exit> {
    let _project = open_project(globals)?;
    let _script = arguments.script()?;
    Err(not_wired("sql"))
}

impl Arguments {
    /// The statements, with the name their errors show.
    pub fn script(&self) -> Result<Source> {
        let (name, text) = match (&self.command, &self.file) {
            (Some(text), _) => ("-c".to_owned(), text.clone()),
            (None, Some(path)) => {
                let name = path.display().to_string();
                let text = std::fs::read_to_string(path)
                    .explain(codes::C0013, || format!("`{name}` cannot be read"))?;
                (name, text)
            }
            (None, None) => {
                let mut text = String::new();
                let read = std::io::stdin().read_to_string(&mut text);
                read.explain(codes::C0013, || "Standard input cannot be read".to_owned())?;
                ("stdin".to_owned(), text)
            }
        };
        if text.trim().is_empty() {
            return Err(Error::new(codes::C0013, "There are no statements to run")
                .help("pass them with `-c \"select 1\"`, `-f script.sql`, or on standard input"));
        }
        Ok(Source::new(name, text))
    }
}
