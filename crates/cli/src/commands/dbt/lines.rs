//! The lines of a dbt command: as dbt writes them to people, or one JSON object each.

use std::sync::Arc;

use anstyle::{AnsiColor, Style};
use chrono::{Local, SecondsFormat, Utc};
use dbt::artifact::run_results::{NodeResult, Status};
use dbt::load::Project;
use dbt::node::Node;
use diagnostic::{Error, Result, Style as ErrorStyle};
use platform::DbtEvent;
use serde_json::{Value as Json, json};

use super::command_line::{Common, DbtLogFormat};
use super::log_file::{Level, LogFile, detailed};
use super::strictness::Strictness;
use super::wording::{
    code, dotted, ending, found, node_info, relation, result_data, result_event, subject,
};
use crate::arguments::{Globals, LogFormat};
use crate::output;

/// How wide dbt makes its lines before the status.
const WIDTH: usize = 80;

/// Where a command tells what it does.
#[derive(Clone, Debug)]
pub struct Lines {
    invocation: String,
    /// `dbt.log`, once the project is known.
    log: Option<Arc<LogFile>>,
    width: usize,
    json: bool,
    /// Whether lines of all levels are shown.
    verbose: bool,
    /// Whether lines show their level and thread.
    detailed: bool,
    quiet: bool,
    /// Whether what templates print is shown.
    prints: bool,
}

impl Lines {
    /// Lines as the flags want them.
    pub fn new(globals: &Globals, common: &Common) -> Self {
        let json = match common.log_format {
            Some(format) => format == DbtLogFormat::Json,
            None => globals.log_format == LogFormat::Json,
        };
        let level = common.log_level.as_deref().map(str::to_lowercase);
        let few = matches!(level.as_deref(), Some("warn" | "error" | "none"));
        Self {
            invocation: String::new(),
            log: None,
            width: common.printer_width.unwrap_or(WIDTH),
            json,
            verbose: common.debug || level.as_deref() == Some("debug"),
            detailed: common.log_format == Some(DbtLogFormat::Debug),
            quiet: common.quiet || globals.quiet > 0 || few,
            prints: !common.no_print,
        }
    }

    /// The same lines, of the invocation `id`.
    pub fn of_invocation(mut self, id: &str) -> Self {
        id.clone_into(&mut self.invocation);
        self
    }

    /// The same lines, kept in `log`, too.
    pub fn logged(mut self, log: Option<LogFile>) -> Self {
        self.log = log.map(Arc::new);
        self
    }

    /// Whether lines of all levels are shown.
    pub fn shows_all(&self) -> bool {
        self.verbose && !self.quiet
    }

    /// Tells something that only `dbt.log` and `--debug` show.
    pub fn note(&self, name: &str, text: &str) -> Result<()> {
        let shown = self.shows_all();
        self.write(name, Level::Debug, shown, text, json!({ "msg": text }))
    }

    /// Writes a line to `dbt.log` if it takes such lines.
    fn keep(&self, name: &str, level: Level, text: &str, data: impl FnOnce() -> Json) {
        match &self.log {
            Some(log) if log.takes(level) && log.json => {
                log.push(&format!("{}\n", self.object(name, level, text, data())));
            }
            Some(log) if log.takes(level) => log.text(level, text),
            _ => {}
        }
    }

    /// A line as an object of dbt's.
    fn object(&self, name: &str, level: Level, text: &str, data: Json) -> Json {
        let now = Utc::now().to_rfc3339_opts(SecondsFormat::Micros, true);
        let plain = anstream::adapter::strip_str(text).to_string();
        let info = json!({
            "category": "", "code": code(name), "extra": {}, "invocation_id": self.invocation,
            "level": level.name(), "msg": plain, "name": name, "pid": std::process::id(),
            "thread": "MainThread", "ts": now,
        });
        json!({ "info": info, "data": data })
    }

    /// Tells something that `--quiet` hides.
    pub fn say(&self, text: &str) -> Result<()> {
        self.tell("Note", text, json!({ "msg": text }))
    }

    /// Tells an event of dbt that `--quiet` hides, with its data for programs.
    pub fn tell(&self, name: &str, text: &str, data: Json) -> Result<()> {
        self.write(name, Level::Info, !self.quiet, text, data)
    }

    /// Tells one step of many.
    pub fn step(&self, index: usize, total: usize, what: &str, status: &str) -> Result<()> {
        self.say(&self.dotted(index, total, what, status))
    }

    /// Prints what a macro says as it is.
    pub fn print(&self, text: &str) -> Result<()> {
        if self.json {
            return self.event(&DbtEvent::Said(text));
        }
        self.keep("JinjaLogInfo", Level::Info, text, || json!({ "msg": text }));
        match self.prints {
            true => output::line(text),
            false => Ok(()),
        }
    }

    /// Tells a warning.
    pub fn warn(&self, text: &str) {
        self.warn_of("Note", text);
    }

    /// Tells the warning that dbt calls `event`.
    pub fn warn_of(&self, event: &str, text: &str) {
        self.keep(event, Level::Warn, text, || json!({ "msg": text }));
        if !self.quiet {
            output::message(&format!("warning: {text}"));
        }
    }

    /// Writes a line to `dbt.log` and, if it is to be `shown`, to people or programs.
    fn write(&self, name: &str, level: Level, shown: bool, text: &str, data: Json) -> Result<()> {
        if self.json && shown {
            let object = self.object(name, level, text, data);
            self.keep(name, level, text, || {
                object.get("data").cloned().unwrap_or_default()
            });
            return output::line(&object.to_string());
        }
        self.keep(name, level, text, || data);
        if !shown {
            return Ok(());
        }
        let line = match self.detailed {
            true => detailed(level, text),
            false => format!("{}  {text}", Local::now().format("%H:%M:%S")),
        };
        output::styled_line(&line)
    }

    /// What the project is.
    pub fn greet(&self, project: &Project, strictness: &Strictness) -> Result<()> {
        let text = format!(
            "Running with sluice={}, as dbt={}",
            env!("CARGO_PKG_VERSION"),
            dbt::context::DBT_VERSION
        );
        let version = format!("={}", dbt::context::DBT_VERSION);
        self.tell(
            "MainReportVersion",
            &text,
            json!({ "log_version": 3, "version": version }),
        )?;
        let found = found(&project.manifest);
        self.tell(
            "FoundStats",
            &format!("Found {found}"),
            json!({ "stat_line": found }),
        )?;
        let warnings = project.warnings.list.iter();
        for warning in warnings.filter(|warning| !strictness.silences(&warning.event)) {
            let text = warning.to_string();
            match self.json {
                true => {
                    let data = json!({ "msg": text });
                    self.write(&warning.event, Level::Warn, !self.quiet, &text, data)?;
                }
                false => self.warn_of(&warning.event, &text),
            }
        }
        Ok(())
    }

    /// Tells one event. Where nobody hears it, the work goes on.
    pub fn event(&self, event: &DbtEvent<'_>) -> Result<()> {
        match *event {
            DbtEvent::Started { index, total, node } => {
                let subject = subject(node);
                let text = self.dotted(index, total, &format!("START {subject}"), "RUN");
                let data = match self.wants_data() {
                    true => json!({
                        "description": subject, "index": index, "total": total,
                        "node_info": node_info(node, None),
                    }),
                    false => Json::Null,
                };
                self.write("LogStartLine", Level::Info, !self.quiet, &text, data)
            }
            DbtEvent::Ended {
                index,
                total,
                node,
                result,
                error,
            } => self.ended(index, total, node, result, error),
            DbtEvent::Hook {
                index,
                total,
                end,
                name,
                node,
                result,
            } => {
                // Empty lines stand before hooks at the end and behind those at the start.
                if end && index == 1 && result.is_none() {
                    self.blank()?;
                }
                self.hook((index, total), name, node, result)?;
                match !end && index == total && result.is_some() {
                    true => self.blank(),
                    false => Ok(()),
                }
            }
            DbtEvent::Said(text) => {
                let shown = self.prints && !self.quiet;
                self.write(
                    "JinjaLogInfo",
                    Level::Info,
                    shown,
                    text,
                    json!({ "msg": text }),
                )
            }
            DbtEvent::Noted { event, text } => self.note(event, text),
        }
    }

    /// Whether anybody reads more of an event than its text.
    fn wants_data(&self) -> bool {
        self.json || self.log.as_ref().is_some_and(|log| log.json)
    }

    /// What stands before the status, and dots up to it.
    fn dotted(&self, index: usize, total: usize, what: &str, status: &str) -> String {
        dotted(self.width, index, total, what, status)
    }

    /// Whether `--quiet` hides what is no error.
    pub(super) fn quiet(&self) -> bool {
        self.quiet
    }

    /// Tells what went wrong.
    pub(super) fn fail(&self, name: &str, text: &str, data: Json) -> Result<()> {
        self.write(name, Level::Error, true, text, data)
    }

    /// Tells a warning where results are told.
    pub(super) fn caution(&self, name: &str, text: &str, data: Json) -> Result<()> {
        self.write(name, Level::Warn, !self.quiet, text, data)
    }

    /// An empty line, as dbt puts it between the parts of what it tells.
    pub(super) fn blank(&self) -> Result<()> {
        self.tell("Formatting", "", json!({ "msg": "" }))
    }

    /// A hook of the run.
    fn hook(
        &self,
        (index, total): (usize, usize),
        name: &str,
        node: &Node,
        result: Option<&NodeResult>,
    ) -> Result<()> {
        let mut data = json!({
            "statement": name, "index": index, "total": total, "node_info": node_info(node, result),
        });
        let Some(result) = result else {
            let text = self.dotted(index, total, &format!("START hook: {name}"), "RUN");
            return self.tell("LogHookStartLine", &text, data);
        };
        let (word, colour) = match result.status {
            Status::Success => ("OK", AnsiColor::Green),
            Status::Skipped => ("SKIP", AnsiColor::Yellow),
            _ => ("ERROR", AnsiColor::Red),
        };
        let style = Style::new().fg_color(Some(colour.into()));
        let status = format!("{style}{word}{style:#} in {:.2}s", result.execution_time);
        let text = self.dotted(index, total, &format!("{word} hook: {name}"), &status);
        data["status"] = json!(result.status.name());
        data["execution_time"] = json!(result.execution_time);
        self.tell("LogHookEndLine", &text, data)
    }

    /// The batches of a model, as dbt tells them.
    fn batches(&self, node: &Node, result: &NodeResult) -> Result<()> {
        let total = result.batch_lines.len();
        for (at, batch) in result.batch_lines.iter().enumerate() {
            let subject = format!("batch {} of {}", batch.shown, relation(node));
            let data = |status: &str| {
                json!({
                    "description": subject, "batch_index": at + 1, "total_batches": total,
                    "status": status, "execution_time": batch.execution_time,
                    "node_info": node_info(node, Some(result)),
                })
            };
            if batch.status != Status::Skipped {
                let text = self.dotted(at + 1, total, &format!("START {subject}"), "RUN");
                self.tell("LogStartBatch", &format!("Batch {text}"), data("started"))?;
            }
            let (verb, colour) = match batch.status {
                Status::Error => ("ERROR creating", AnsiColor::Red),
                Status::Skipped => ("SKIP", AnsiColor::Yellow),
                _ => ("OK created", AnsiColor::Green),
            };
            let style = Style::new().fg_color(Some(colour.into()));
            let status = format!(
                "{style}{}{style:#} in {:.2}s",
                batch.message, batch.execution_time
            );
            let text = self.dotted(at + 1, total, &format!("{verb} {subject}"), &status);
            let (text, data) = (format!("Batch {text}"), data(batch.status.name()));
            match batch.status {
                Status::Error => self.fail("LogBatchResult", &text, data)?,
                _ => self.tell("LogBatchResult", &text, data)?,
            }
        }
        Ok(())
    }

    fn ended(
        &self,
        index: usize,
        total: usize,
        node: &Node,
        result: &NodeResult,
        error: Option<&Error>,
    ) -> Result<()> {
        self.batches(node, result)?;
        if let Some(error) = error {
            let text = match result.status {
                Status::PartialSuccess => error.render(ErrorStyle::Plain),
                _ => result.message.clone().unwrap_or_default(),
            };
            // People read it below the results, as dbt tells it; the batches' errors stand nowhere else.
            let shown = result.status == Status::PartialSuccess;
            let data = json!({
                "exc": text, "error": error.to_json(), "node_info": node_info(node, Some(result)),
            });
            self.write("CatchableExceptionOnRun", Level::Debug, shown, &text, data)?;
        }
        let (what, status, colour) = ending(node, result);
        let failed = result.status.failed();
        let time = match result.status {
            Status::Skipped => String::new(),
            _ => format!(" in {:.2}s", result.execution_time),
        };
        let style = Style::new().fg_color(Some(colour.into()));
        let status = format!("{style}{status}{style:#}{time}");
        let text = self.dotted(index, total, &what, &status);
        let data = match self.wants_data() {
            true => result_data(node, result, index, total),
            false => Json::Null,
        };
        let level = match result.status {
            Status::Warn => Level::Warn,
            _ if failed => Level::Error,
            _ => Level::Info,
        };
        let event = result_event(node, result);
        self.write(event, level, !self.quiet || failed, &text, data)
    }
}
