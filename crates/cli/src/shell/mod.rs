//! The shell of `sluice sql`: reads statements at a terminal, runs them, shows what they give.
//!
//! `editor` reads a statement, `assistant` knows when it is complete, completes names and colours it,
//! `command` holds the `\` helpers, and `result` shows rows.

mod assistant;
mod command;
mod editor;
mod progress;
mod relations;
mod result;
mod scan;

use std::time::{Duration, Instant};

use diagnostic::{Error, Result, Source, codes};
use engine::Session;
use platform::Platform;
use tokio::runtime::Runtime;

use crate::arguments::Globals;
use crate::commands::Exit;
use crate::commands::watch::{interrupted, runtime};
use crate::display::human;
use crate::query_output::QueryFormat;
use crate::{output, report};

use assistant::Assistant;
use command::Command;
use editor::{Editor, Read};
use progress::Progress;
use relations::Relations;

/// The file in the state folder that keeps what was typed.
const HISTORY: &str = "sql_history";

/// Reads and runs statements until the user leaves.
pub fn run(
    globals: &Globals,
    platform: &Platform,
    session: Session,
    format: QueryFormat,
) -> Result<Exit> {
    let mut shell = Shell {
        globals,
        platform,
        runtime: runtime()?,
        session,
        format,
        timing: true,
        expanded: false,
        relations: Relations::default(),
    };
    if globals.quiet == 0 {
        output::message("`\\?` lists the shell's commands, `\\q` leaves.");
    }
    let mut editor = Editor::open(&platform.catalog().folder().join(HISTORY))?;
    loop {
        let (prompt, read) = {
            let assistant =
                Assistant::new(platform, &shell.runtime, &shell.session, &shell.relations);
            let prompt = shell.prompt();
            let read = editor.read(&prompt, &assistant)?;
            (prompt, read)
        };
        let _shown = prompt;
        match read {
            Read::Text(text) => {
                editor.remember(&text);
                if shell.take(&text)? == Next::Leave {
                    return Ok(Exit::Done);
                }
            }
            Read::Interrupted => {}
            Read::End => return Ok(Exit::Done),
        }
    }
}

/// What follows an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Continue,
    Leave,
}

struct Shell<'a> {
    globals: &'a Globals,
    platform: &'a Platform,
    runtime: Runtime,
    session: Session,
    format: QueryFormat,
    timing: bool,
    expanded: bool,
    relations: Relations,
}

impl Shell<'_> {
    fn prompt(&self) -> String {
        format!("{}.{}", self.session.database, self.session.schema)
    }

    /// Runs one input: a `\` command or statements.
    fn take(&mut self, text: &str) -> Result<Next> {
        let text = text.trim();
        if text.is_empty() {
            return Ok(Next::Continue);
        }
        let Some(command) = text.strip_prefix('\\') else {
            self.statements("input", text);
            return Ok(Next::Continue);
        };
        match Command::read(command) {
            Ok(Command::Leave) => return Ok(Next::Leave),
            Ok(command) => self.command(command)?,
            Err(error) => report::error(&error, self.globals.log_format),
        }
        Ok(Next::Continue)
    }

    fn command(&mut self, command: Command) -> Result<()> {
        match command {
            Command::Leave => {}
            Command::Help => output::line(command::HELP)?,
            Command::Timing => {
                self.timing = !self.timing;
                output::message(if self.timing {
                    "Timing is on."
                } else {
                    "Timing is off."
                });
            }
            Command::Expanded => {
                self.expanded = !self.expanded;
                output::message(if self.expanded {
                    "Rows are shown column by column."
                } else {
                    "Rows are shown as a table."
                });
            }
            Command::Functions(pattern) => command::list_functions(pattern.as_deref())?,
            Command::Statement(sql) => self.statements("input", &sql),
            Command::File(path) => match std::fs::read_to_string(&path) {
                Ok(text) => self.statements(&path, &text),
                Err(cause) => {
                    let error = Error::new(codes::C0013, format!("`{path}` cannot be read"));
                    report::error(&error.because(cause), self.globals.log_format);
                }
            },
            Command::Use(name) => self.use_schema(&name),
        }
        Ok(())
    }

    /// Changes where unqualified names resolve.
    fn use_schema(&mut self, name: &command::UseName) {
        let (database, schema) = name.resolve(&self.session);
        match self.platform.catalog().snapshot() {
            Ok(snapshot) => {
                let known = snapshot.namespaces;
                let exists = known
                    .iter()
                    .any(|known| known.database == database && known.schema == schema);
                if exists {
                    (self.session.database, self.session.schema) = (database, schema);
                } else {
                    let names: Vec<String> = known.iter().map(ToString::to_string).collect();
                    let wanted = format!("{database}.{schema}");
                    let error =
                        Error::new(codes::K3003, format!("Schema `{wanted}` does not exist"))
                            .suggest(&wanted, names.iter().map(String::as_str));
                    report::error(&error, self.globals.log_format);
                }
            }
            Err(error) => report::error(&error, self.globals.log_format),
        }
    }

    /// Runs statements, shows what they give, and tells what went wrong. Ctrl-C stops them.
    fn statements(&mut self, name: &str, text: &str) {
        let source = Source::new(name.to_owned(), text.to_owned());
        let started = Instant::now();
        let progress = Progress::start();
        let view = result::View {
            format: self.format,
            expanded: self.expanded,
            quiet: self.globals.quiet > 0,
        };
        let work = self.platform.sql(&self.session, &source, async |outcome| {
            let shown = view.show(outcome, &progress).await;
            progress.again();
            shown
        });
        let done = self.runtime.block_on(async {
            tokio::select! {
                done = work => Some(done),
                () = interrupted() => None,
            }
        });
        progress.end();
        match done {
            Some(Ok(())) => self.tell_time(started.elapsed()),
            Some(Err(error)) => report::error(&error, self.globals.log_format),
            None => {
                output::message("Cancelled.");
                // What the statement had begun to write is dropped now, not at the next start.
                if let Err(error) = self.platform.catalog().recover() {
                    report::error(&error, self.globals.log_format);
                }
            }
        }
        self.relations.forget();
    }

    fn tell_time(&self, time: Duration) {
        if self.timing && self.globals.quiet == 0 {
            output::message(&format!("Time: {}", human::duration(time)));
        }
    }
}
