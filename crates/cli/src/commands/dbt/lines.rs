//! The lines of a dbt command: as dbt writes them to people, or one JSON object each.

use std::sync::Arc;

use anstyle::{AnsiColor, Style};
use chrono::{Local, SecondsFormat, Utc};
use dbt::artifact::run_results::{NodeResult, Status};
use dbt::load::Project;
use dbt::node::{Node, ResourceType};
use diagnostic::{Error, Result, Style as ErrorStyle};
use platform::{DbtEvent, DbtReport};
use serde_json::{Value as Json, json};

use super::command_line::{Common, DbtLogFormat};
use super::log_file::{Level, LogFile, detailed};
use super::strictness::Strictness;
use crate::arguments::{Globals, LogFormat};
use crate::display::human;
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
    warn_error: bool,
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
            warn_error: common.warn_error,
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

    /// Tells something that only `dbt.log` and `--debug` show.
    pub fn note(&self, name: &str, text: &str) -> Result<()> {
        let shown = self.verbose && !self.quiet;
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
        let manifest = &project.manifest;
        let count = |kind: ResourceType| {
            manifest
                .nodes
                .values()
                .filter(|node| node.resource_type == kind)
                .count()
        };
        let declared = |kind: ResourceType| {
            let all = manifest.declared.values();
            all.filter(|item| item.resource_type == kind).count()
        };
        let counts = [
            (count(ResourceType::Model), "model"),
            (count(ResourceType::Seed), "seed"),
            (count(ResourceType::Snapshot), "snapshot"),
            (count(ResourceType::Test), "data test"),
            (count(ResourceType::UnitTest), "unit test"),
            (count(ResourceType::Operation), "operation"),
            (manifest.sources.len(), "source"),
            (manifest.exposures.len(), "exposure"),
            (declared(ResourceType::Metric), "metric"),
            (declared(ResourceType::SemanticModel), "semantic model"),
            (declared(ResourceType::SavedQuery), "saved query"),
            (manifest.macros.len(), "macro"),
        ];
        let found: Vec<String> = counts
            .iter()
            .filter(|(number, _)| *number > 0)
            .map(|(number, noun)| human::counted(*number, noun))
            .collect();
        let found = found.join(", ");
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
                        "node_info": node_info(node),
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
            DbtEvent::Noted(text) => self.note("JinjaLogDebug", text),
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

    fn ended(
        &self,
        index: usize,
        total: usize,
        node: &Node,
        result: &NodeResult,
        error: Option<&Error>,
    ) -> Result<()> {
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
            true => {
                let mut data = result.to_json();
                data["node_info"] = node_info(node);
                data["description"] = json!(subject(node));
                data["index"] = json!(index);
                data["total"] = json!(total);
                data["name"] = json!(node.name);
                data["num_failures"] = json!(result.failures.unwrap_or_default());
                data
            }
            false => Json::Null,
        };
        let level = if failed { Level::Error } else { Level::Info };
        let event = result_event(node, result);
        self.write(event, level, !self.quiet || failed, &text, data)?;
        match (error, self.json) {
            (Some(error), false) => {
                let rendered = error.render(ErrorStyle::Colour);
                self.keep(
                    "RunResultError",
                    Level::Error,
                    &rendered,
                    || json!({ "msg": error.message(), "error": error.to_json() }),
                );
                output::styled_line(&rendered)
            }
            (Some(error), true) => {
                let data = json!({
                    "msg": error.message(), "error": error.to_json(), "node_info": node_info(node),
                });
                self.write("RunResultError", Level::Error, true, error.message(), data)
            }
            (None, _) => Ok(()),
        }
    }

    /// What came of it all.
    pub fn finish(&self, project: &Project, report: &DbtReport) -> Result<()> {
        for result in &report.results {
            if matches!(result.status, Status::Fail | Status::Warn)
                && let Some(node) = project.manifest.nodes.get(&result.unique_id)
                && (!self.quiet || result.status == Status::Fail)
            {
                self.explain(node, result)?;
            }
        }
        let errors = report.count(&[Status::Error, Status::Fail, Status::PartialSuccess]);
        let warnings = report.count(&[Status::Warn]);
        let seconds = report.elapsed.as_secs_f64();
        let worked = worked_on(project, report);
        self.tell(
            "FinishedRunningStats",
            &format!("Finished {worked} in {seconds:.2}s"),
            json!({ "stat_line": worked, "execution_time": seconds }),
        )?;
        let summary = match (errors, warnings) {
            (0, 0) => "Completed successfully".to_owned(),
            (0, _) => format!("Completed with {}", human::counted(warnings, "warning")),
            _ => format!(
                "Completed with {} and {}",
                human::counted(errors, "error"),
                human::counted(warnings, "warning")
            ),
        };
        let data = json!({
            "keyboard_interrupt": false, "num_errors": errors, "num_partial_success": 0,
            "num_warnings": warnings,
        });
        self.tell("EndOfRunSummary", &summary, data)?;
        match report.published {
            Some(true) => self.say("Published: readers see all of this run now")?,
            Some(false) => {
                self.say("Nothing is published: readers still see what was there before this run")?
            }
            None => {}
        }
        let reused = match report.count(&[Status::Reused]) {
            0 => String::new(),
            reused => format!(" REUSED={reused}"),
        };
        let text = format!(
            "Done. PASS={} WARN={warnings} ERROR={errors} SKIP={} NO-OP={}{reused} TOTAL={}",
            report.count(&[Status::Success, Status::Pass]),
            report.count(&[Status::Skipped]),
            report.count(&[Status::NoOp]),
            report.results.len()
        );
        let data = json!({ "stats": {
            "pass": report.count(&[Status::Success, Status::Pass]), "warn": warnings, "error": errors,
            "skip": report.count(&[Status::Skipped]), "noop": report.count(&[Status::NoOp]),
            "reused": report.count(&[Status::Reused]), "total": report.results.len(),
        }});
        self.tell("StatsLine", &text, data)
    }

    fn explain(&self, node: &Node, result: &NodeResult) -> Result<()> {
        let (word, level) = match result.status {
            Status::Warn if !self.warn_error => ("Warning", Level::Warn),
            _ => ("Failure", Level::Error),
        };
        let file = &node.original_file_path;
        let kind = match node.resource_type {
            ResourceType::UnitTest => "unit_test",
            _ => "test",
        };
        let mut text = format!("{word} in {kind} {} ({file})", node.name);
        for line in result.message.iter().flat_map(|message| message.lines()) {
            text.push_str(&format!("\n            {line}"));
        }
        let event = match word {
            "Warning" => "RunResultWarning",
            _ => "RunResultFailure",
        };
        let data = json!({
            "msg": text, "resource_type": kind, "node_name": node.name, "path": file,
            "node_info": node_info(node),
        });
        self.write(event, level, true, &text, data)
    }
}

/// dbt's code of an event.
fn code(name: &str) -> &'static str {
    match name {
        "MainReportVersion" => "A001",
        "FoundStats" => "W006",
        "ConcurrencyLine" => "Q027",
        "LogStartLine" => "Q011",
        "LogModelResult" => "Q012",
        "LogTestResult" => "Q007",
        "LogSnapshotResult" => "Q015",
        "LogSeedResult" => "Q016",
        "LogNodeResult" => "Q008",
        "LogNodeNoOpResult" => "Q019",
        "SkippingDetails" => "Q034",
        "FinishedRunningStats" => "E047",
        "EndOfRunSummary" => "Z030",
        "StatsLine" => "Z023",
        "RunResultFailure" => "Z022",
        "RunResultWarning" => "Z021",
        "RunResultError" => "Z024",
        "JinjaLogInfo" => "I062",
        "MissingArgumentsPropertyInGenericTestDeprecation" => "D039",
        _ => "Z050",
    }
}

/// The event with which dbt tells a result.
fn result_event(node: &Node, result: &NodeResult) -> &'static str {
    match (result.status, node.resource_type) {
        (Status::Skipped, _) => "SkippingDetails",
        (Status::NoOp, _) => "LogNodeNoOpResult",
        (_, ResourceType::Model) => "LogModelResult",
        (_, ResourceType::Test | ResourceType::UnitTest) => "LogTestResult",
        (_, ResourceType::Seed) => "LogSeedResult",
        (_, ResourceType::Snapshot) => "LogSnapshotResult",
        _ => "LogNodeResult",
    }
}

fn worked_on(project: &Project, report: &DbtReport) -> String {
    let kinds = [
        (ResourceType::Seed, "seed"),
        (ResourceType::Snapshot, "snapshot"),
        (ResourceType::Model, "model"),
        (ResourceType::Test, "test"),
        (ResourceType::UnitTest, "unit test"),
    ];
    let of = |kind: ResourceType| {
        let ids = report
            .results
            .iter()
            .filter_map(|r| project.manifest.nodes.get(&r.unique_id));
        ids.filter(|node| node.resource_type == kind).count()
    };
    let parts: Vec<String> = kinds
        .into_iter()
        .map(|(kind, noun)| (of(kind), noun))
        .filter(|(number, _)| *number > 0)
        .map(|(number, noun)| human::counted(number, noun))
        .collect();
    match parts.is_empty() {
        true => "nothing".to_owned(),
        false => parts.join(", "),
    }
}

/// `1 of 12 START … ............ [RUN]`
fn dotted(width: usize, index: usize, total: usize, what: &str, status: &str) -> String {
    let text = format!("{index} of {total} {what} ");
    format!("{text:.<width$} [{status}]")
}

fn relation(node: &Node) -> String {
    format!("{}.{}", node.schema, node.alias)
}

/// What is worked on.
fn subject(node: &Node) -> String {
    match node.resource_type {
        ResourceType::Test => format!("test {}", node.name),
        ResourceType::UnitTest => format!("unit_test {}", node.name),
        ResourceType::Seed => format!("seed file {}", relation(node)),
        ResourceType::Snapshot => format!("snapshot {}", relation(node)),
        ResourceType::Model => {
            format!(
                "{} {} model {}",
                node.language,
                node.config.materialized(),
                relation(node)
            )
        }
        other => format!("{} {}", other.name(), node.name),
    }
}

/// What was done, the status and its colour.
fn ending(node: &Node, result: &NodeResult) -> (String, String, AnsiColor) {
    let message = || {
        result
            .message
            .clone()
            .unwrap_or_else(|| "SUCCESS".to_owned())
    };
    let count = result.failures.unwrap_or_default();
    match (result.status, node.resource_type) {
        (Status::Skipped, ResourceType::Test | ResourceType::UnitTest) => (
            format!("SKIP test {}", node.name),
            "SKIP".to_owned(),
            AnsiColor::Yellow,
        ),
        (Status::Skipped, _) => (
            format!("SKIP relation {}", relation(node)),
            "SKIP".to_owned(),
            AnsiColor::Yellow,
        ),
        (Status::Pass, _) => (
            format!("PASS {}", node.name),
            "PASS".to_owned(),
            AnsiColor::Green,
        ),
        (Status::Warn, _) => (
            format!("WARN {count} {}", node.name),
            format!("WARN {count}"),
            AnsiColor::Yellow,
        ),
        (Status::Fail, _) => (
            format!("FAIL {count} {}", node.name),
            format!("FAIL {count}"),
            AnsiColor::Red,
        ),
        (Status::Error | Status::PartialSuccess, kind) => {
            let verb = match kind {
                ResourceType::Model => "creating ",
                ResourceType::Seed => "loading ",
                ResourceType::Snapshot => "snapshotting ",
                _ => "",
            };
            let what = match kind {
                ResourceType::Snapshot => relation(node),
                _ => subject(node),
            };
            (
                format!("ERROR {verb}{what}"),
                "ERROR".to_owned(),
                AnsiColor::Red,
            )
        }
        (Status::Reused, _) => (
            format!("REUSED {}", subject(node)),
            "REUSED".to_owned(),
            AnsiColor::Green,
        ),
        (_, kind) => {
            let what = match kind {
                ResourceType::Seed => format!("OK loaded {}", subject(node)),
                ResourceType::Snapshot => format!("OK snapshotted {}", relation(node)),
                ResourceType::Model => format!("OK created {}", subject(node)),
                _ => format!("OK {}", subject(node)),
            };
            (what, message(), AnsiColor::Green)
        }
    }
}

fn node_info(node: &Node) -> Json {
    json!({
        "unique_id": node.unique_id, "node_name": node.name,
        "resource_type": node.resource_type.name(), "node_path": node.path,
        "materialized": node.config.materialized(),
        "node_relation": { "schema": node.schema, "alias": node.alias, "relation_name": node.relation_name },
    })
}
