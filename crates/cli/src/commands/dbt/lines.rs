//! The lines of a dbt command: as dbt writes them to people, or one JSON object each.

use anstyle::{AnsiColor, Style};
use chrono::{Local, SecondsFormat, Utc};
use dbt::artifact::run_results::{NodeResult, Status};
use dbt::load::Project;
use dbt::node::{Node, ResourceType};
use diagnostic::{Error, Result, Style as ErrorStyle};
use platform::{DbtEvent, DbtReport};
use serde_json::{Value as Json, json};

use super::command_line::{Common, DbtLogFormat};
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
    json: bool,
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
        let few = matches!(
            common
                .log_level
                .as_deref()
                .map(str::to_lowercase)
                .as_deref(),
            Some("warn" | "error" | "none")
        );
        Self {
            invocation: String::new(),
            json,
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

    /// Tells something that `--quiet` hides.
    pub fn say(&self, text: &str) -> Result<()> {
        self.tell("Note", text, json!({ "msg": text }))
    }

    /// Tells an event of dbt that `--quiet` hides, with its data for programs.
    pub fn tell(&self, name: &str, text: &str, data: Json) -> Result<()> {
        match self.quiet {
            true => Ok(()),
            false => self.write(name, "info", text, data),
        }
    }

    /// Tells one step of many.
    pub fn step(&self, index: usize, total: usize, what: &str, status: &str) -> Result<()> {
        self.say(&dotted(index, total, what, status))
    }

    /// Tells a warning.
    pub fn warn(&self, text: &str) {
        if !self.quiet {
            output::message(&format!("warning: {text}"));
        }
    }

    fn write(&self, name: &str, level: &str, text: &str, data: Json) -> Result<()> {
        if self.json {
            let now = Utc::now().to_rfc3339_opts(SecondsFormat::Micros, true);
            let plain = anstream::adapter::strip_str(text).to_string();
            let info = json!({
                "category": "", "code": code(name), "extra": {}, "invocation_id": self.invocation,
                "level": level, "msg": plain, "name": name, "pid": std::process::id(),
                "thread": "MainThread", "ts": now,
            });
            return output::line(&json!({ "info": info, "data": data }).to_string());
        }
        let time = Local::now().format("%H:%M:%S");
        output::styled_line(&format!("{time}  {text}"))
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
                true if self.quiet => {}
                true => self.write(&warning.event, "warn", &text, json!({ "msg": text }))?,
                false => self.warn(&text),
            }
        }
        Ok(())
    }

    /// Tells one event. Where nobody hears it, the work goes on.
    pub fn event(&self, event: &DbtEvent<'_>) -> Result<()> {
        match *event {
            DbtEvent::Started { index, total, node } => {
                let text = dotted(index, total, &format!("START {}", subject(node)), "RUN");
                match self.quiet {
                    true => Ok(()),
                    false => {
                        let data = json!({
                            "description": subject(node), "index": index, "total": total,
                            "node_info": node_info(node),
                        });
                        self.write("LogStartLine", "info", &text, data)
                    }
                }
            }
            DbtEvent::Ended {
                index,
                total,
                node,
                result,
                error,
            } => self.ended(index, total, node, result, error),
            DbtEvent::Said(_) if self.quiet || !self.prints => Ok(()),
            DbtEvent::Said(text) => {
                self.write("JinjaLogInfo", "info", text, json!({ "msg": text }))
            }
        }
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
        if !self.quiet || failed {
            let time = match result.status {
                Status::Skipped => String::new(),
                _ => format!(" in {:.2}s", result.execution_time),
            };
            let style = Style::new().fg_color(Some(colour.into()));
            let status = format!("{style}{status}{style:#}{time}");
            let text = dotted(index, total, &what, &status);
            let mut data = result.to_json();
            data["node_info"] = node_info(node);
            data["description"] = json!(subject(node));
            data["index"] = json!(index);
            data["total"] = json!(total);
            data["name"] = json!(node.name);
            data["num_failures"] = json!(result.failures.unwrap_or_default());
            self.write(
                result_event(node, result),
                if failed { "error" } else { "info" },
                &text,
                data,
            )?;
        }
        match (error, self.json) {
            (Some(error), false) => output::styled_line(&error.render(ErrorStyle::Colour)),
            (Some(error), true) => {
                let data = json!({
                    "msg": error.message(), "error": error.to_json(), "node_info": node_info(node),
                });
                self.write("RunResultError", "error", error.message(), data)
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
            Status::Warn if !self.warn_error => ("Warning", "warn"),
            _ => ("Failure", "error"),
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
        self.write(event, level, &text, data)
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
fn dotted(index: usize, total: usize, what: &str, status: &str) -> String {
    let text = format!("{index} of {total} {what} ");
    format!("{text:.<WIDTH$} [{status}]")
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
