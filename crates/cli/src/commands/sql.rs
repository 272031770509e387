//! `sluice sql`: runs statements on the project's warehouse.

use std::io::{IsTerminal as _, Read as _};
use std::path::PathBuf;

use clap::Args;
use diagnostic::{Error, Result, ResultExt as _, Source, codes};
use model::Identifier;

use crate::arguments::Globals;
use crate::commands::watch::interruptible;
use crate::commands::{Exit, open_platform};
use crate::query_output::{QueryFormat, write_outcome};
use crate::{report, shell};

/// Which statements, and how rows are written.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Statements, `;` between them; without `-c` and `-f` they are read from stdin, at a terminal one
    /// by one
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
    let platform = open_platform(globals)?;
    let mut session = platform.sql_session();
    session.role = arguments.role.as_deref().map(Identifier::unquoted);
    if arguments.is_interactive() {
        return shell::run(globals, &platform, session, arguments.format);
    }
    let script = arguments.script()?;
    let quiet = globals.quiet > 0;
    let work = platform.sql(&session, &script, async |outcome| {
        write_outcome(outcome, arguments.format, quiet).await
    });
    match interruptible(|| platform.catalog().recover(), work) {
        Ok(Some(())) => Ok(Exit::Done),
        Ok(None) => Ok(Exit::Interrupted),
        // The statements ran, and one of them failed: code 1, whatever its class.
        Err(error) => {
            report::error(&error, globals.log_format);
            Ok(Exit::Failed)
        }
    }
}

impl Arguments {
    /// Whether somebody sits at a terminal and has given nothing to run.
    fn is_interactive(&self) -> bool {
        let given = self.command.is_some() || self.file.is_some();
        !given && std::io::stdin().is_terminal() && std::io::stdout().is_terminal()
    }

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
