//! What came of a dbt command: the last lines it tells, as dbt does.

use std::collections::BTreeMap;

use anstyle::{AnsiColor, Style};
use dbt::artifact::files;
use dbt::artifact::run_results::{NodeResult, Status};
use dbt::load::Project;
use dbt::node::{Node, ResourceType};
use dbt::parse::stores_failures;
use diagnostic::Result;
use platform::DbtReport;
use serde_json::json;

use super::lines::Lines;
use super::wording::{node_info, plural};

/// Seconds of a minute, and minutes of an hour.
const SIXTY: u64 = 60;

impl Lines {
    /// What came of it all.
    pub fn finish(&self, project: &Project, report: &DbtReport) -> Result<()> {
        let seconds = report.elapsed.as_secs_f64();
        let worked = worked_on(project, report);
        let whole = report.elapsed.as_secs();
        let (hours, minutes) = (whole / SIXTY / SIXTY, whole / SIXTY % SIXTY);
        let rest = seconds - (hours * SIXTY * SIXTY + minutes * SIXTY) as f64;
        let execution = format!(" in {hours} hours {minutes} minutes and {rest:.2} seconds");
        self.blank()?;
        self.tell(
            "FinishedRunningStats",
            &format!("Finished running {worked}{execution} ({seconds:.2}s)."),
            json!({ "stat_line": worked, "execution": execution, "execution_time": seconds }),
        )?;
        let failed = report.count(&[Status::Error, Status::Fail]);
        // Hooks that are left out because of one that failed say so, and count as it does.
        let left_out = report
            .results
            .iter()
            .filter(|result| result.status == Status::Skipped && result.message.is_some());
        let errors = failed + left_out.count();
        let warnings = report.count(&[Status::Warn]);
        let partial = report.count(&[Status::PartialSuccess]);
        let data = json!({
            "keyboard_interrupt": false, "num_errors": errors, "num_partial_success": partial,
            "num_warnings": warnings,
        });
        self.blank()?;
        self.tell("EndOfRunSummary", &summary(errors, partial, warnings), data)?;
        for wanted in [&[Status::Error, Status::Fail][..], &[Status::Warn]] {
            let results = report.results.iter();
            for result in results.filter(|result| wanted.contains(&result.status)) {
                if let Some(node) = project.manifest.nodes.get(&result.unique_id) {
                    self.explain(project, node, result)?;
                }
            }
        }
        match report.published {
            Some(true) => self.say("Published: readers see all of this run now")?,
            Some(false) => {
                self.say("Nothing is published: readers still see what was there before this run")?
            }
            None => {}
        }
        let stats = [
            (
                "PASS",
                "pass",
                report.count(&[Status::Success, Status::Pass]),
            ),
            ("WARN", "warn", warnings),
            ("ERROR", "error", failed + partial),
            ("SKIP", "skip", report.count(&[Status::Skipped])),
            ("NO-OP", "noop", report.count(&[Status::NoOp])),
            ("REUSED", "reused", report.count(&[Status::Reused])),
            ("TOTAL", "total", report.results.len()),
        ];
        let mut text = "Done.".to_owned();
        let mut data = serde_json::Map::new();
        for (word, key, count) in stats {
            text.push_str(&format!(" {word}={count}"));
            data.insert(key.to_owned(), json!(count));
        }
        self.blank()?;
        self.tell("StatsLine", &text, json!({ "stats": data }))
    }

    /// Why a result is none to be content with.
    fn explain(&self, project: &Project, node: &Node, result: &NodeResult) -> Result<()> {
        let warns = result.status == Status::Warn;
        if warns && self.quiet() {
            return Ok(());
        }
        let (kind, file) = (node.resource_type.name(), &node.original_file_path);
        let info = node_info(node, Some(result));
        let what = format!("in {kind} {} ({file})", node.name);
        let data = json!({
            "resource_type": kind, "node_name": node.name, "path": file, "node_info": info,
        });
        let message = result.message.as_deref();
        self.blank()?;
        match (warns, message) {
            (true, _) => {
                let message = message.unwrap_or_default();
                let of_message = json!({ "msg": message, "node_info": info });
                self.caution(
                    "RunResultWarning",
                    &tagged(AnsiColor::Yellow, "WARNING", &what),
                    data,
                )?;
                let message = tagged(AnsiColor::Yellow, "WARNING", message);
                self.caution("RunResultWarningMessage", &message, of_message)?;
            }
            (false, message) => {
                self.fail(
                    "RunResultFailure",
                    &tagged(AnsiColor::Red, "ERROR", &what),
                    data,
                )?;
                match message.filter(|message| !message.is_empty()) {
                    Some(message) => self.fail(
                        "RunResultError",
                        &format!("  {message}"),
                        json!({ "msg": message, "node_info": info }),
                    )?,
                    None => self.fail(
                        "RunResultErrorNoMessage",
                        &format!("  Status: {}", result.status.name()),
                        json!({ "status": result.status.name(), "node_info": info }),
                    )?,
                }
            }
        }
        let context = &project.context;
        if result.compiled == Some(true) && node.resource_type != ResourceType::Seed {
            let path = files::target_folder(context).join(files::code_path(node, "compiled"));
            let shown = path.strip_prefix(&context.root.root).unwrap_or(&path);
            let path = shown.display().to_string();
            self.blank()?;
            self.tell(
                "SQLCompiledPath",
                &format!("  compiled code at {path}"),
                json!({ "path": path, "node_info": info }),
            )?;
        }
        if node.resource_type == ResourceType::Test
            && stores_failures(context, node)
            && let Some(relation) = &node.relation_name
        {
            let query = format!("select * from {relation}");
            let border = "-".repeat(query.len());
            self.blank()?;
            self.tell(
                "CheckNodeTestFailure",
                &format!("  See test failures:\n  {border}\n  {query}\n  {border}"),
                json!({ "relation_name": relation, "node_info": info }),
            )?;
        }
        Ok(())
    }
}

/// dbt's sentence about it all.
fn summary(errors: usize, partial: usize, warnings: usize) -> String {
    let successes = if partial == 1 { "success" } else { "successes" };
    let partial_text = format!("{partial} partial {successes}");
    let warned = plural(warnings, "warning");
    let (colour, text) = match (errors, partial, warnings) {
        (0, 0, 0) => (AnsiColor::Green, "Completed successfully".to_owned()),
        (0, 0, _) => (AnsiColor::Yellow, format!("Completed with {warned}:")),
        (0, _, _) => (
            AnsiColor::Yellow,
            format!("Completed with {partial_text} and {warned}"),
        ),
        _ => (
            AnsiColor::Red,
            format!(
                "Completed with {}, {partial_text}, and {warned}:",
                plural(errors, "error")
            ),
        ),
    };
    let style = Style::new().fg_color(Some(colour.into()));
    format!("{style}{text}{style:#}")
}

/// `[ERROR]: text`.
pub(super) fn tagged(colour: AnsiColor, word: &str, text: &str) -> String {
    let style = Style::new().fg_color(Some(colour.into()));
    format!("[{style}{word}{style:#}]: {text}")
}

/// How many of what were worked on, sorted by what they are (`get_counts` of dbt's printer).
fn worked_on(project: &Project, report: &DbtReport) -> String {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for result in &report.results {
        let kind = match project.manifest.nodes.get(&result.unique_id) {
            Some(node) => match node.resource_type {
                ResourceType::Model => format!("{} model", node.config.materialized()),
                ResourceType::Operation => "project hook".to_owned(),
                kind => kind.name().to_owned(),
            },
            None => {
                let kind = result.unique_id.split('.').next();
                kind.unwrap_or_default().to_owned()
            }
        };
        *counts.entry(kind).or_default() += 1;
    }
    let shown = counts
        .iter()
        .map(|(kind, count)| match (kind.as_str(), count) {
            ("test", 2..) => format!("{count} data tests"),
            ("saved_query", 2..) => format!("{count} saved queries"),
            ("analysis", 2..) => format!("{count} analyses"),
            (kind, _) => plural(*count, &kind.replace('_', " ")),
        });
    shown.collect::<Vec<_>>().join(", ")
}
