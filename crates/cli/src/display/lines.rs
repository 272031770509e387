//! One line per thing that happened, for logs and for people who scroll.

use anstyle::{AnsiColor, Style};
use orchestrate::{AssetResult, AssetStatus, CheckResult, CheckStatus, RunEvent};

use super::follow::Display;
use super::following::{Following, reconnecting};
use super::human;
use crate::output;

/// Writes lines to stderr.
pub(super) struct LineDisplay {
    verbosity: i8,
    following: Following,
}

impl LineDisplay {
    pub(super) fn new(verbosity: i8) -> Self {
        Self {
            verbosity,
            following: Following::default(),
        }
    }
}

impl Display for LineDisplay {
    fn show(&mut self, event: &RunEvent) {
        if let RunEvent::Followed(followed) = event {
            for line in self.following.lines(followed, self.verbosity) {
                output::message(&line);
            }
        }
        if let Some(line) = line(event, self.verbosity) {
            output::message(&line);
        }
    }
}

/// The line for an event; `None` for what is not worth one.
pub(super) fn line(event: &RunEvent, verbosity: i8) -> Option<String> {
    match event {
        RunEvent::Planned { assets, checks, .. } => Some(format!(
            "Running {} and {}",
            human::counted(assets.len(), "asset"),
            human::counted(*checks, "check")
        )),
        RunEvent::Started { key, .. } if verbosity > 0 => Some(format!("  … {key}")),
        RunEvent::Started { .. }
        | RunEvent::Progress { .. }
        | RunEvent::Followed(_)
        | RunEvent::Done(_) => None,
        RunEvent::Reconnecting {
            source,
            after,
            error,
        } => Some(reconnecting(source, *after, error)),
        RunEvent::Retrying {
            key,
            attempt,
            after,
            error,
        } => Some(format!(
            "  ↻ {key}: attempt {attempt} failed ({}), next one in {}",
            error.message(),
            human::duration(*after)
        )),
        RunEvent::Finished(result) | RunEvent::Skipped(result) => Some(asset_line(result)),
        RunEvent::CheckFinished(check) => match check.status {
            CheckStatus::Passed | CheckStatus::Skipped if verbosity <= 0 => None,
            _ => Some(check_line(check)),
        },
        RunEvent::Cancelling => Some("Stopping: what runs may finish its step".to_owned()),
    }
}

/// The mark and the colour of a status.
pub(super) fn look(status: AssetStatus) -> (&'static str, Style) {
    match status {
        AssetStatus::Built => ("✓", AnsiColor::Green.on_default()),
        AssetStatus::Fresh => ("=", AnsiColor::Cyan.on_default()),
        AssetStatus::Failed => ("✗", AnsiColor::Red.on_default().bold()),
        AssetStatus::Skipped => ("-", AnsiColor::Yellow.on_default()),
        AssetStatus::Cancelled => ("■", AnsiColor::Yellow.on_default()),
    }
}

/// The mark and the colour of a check.
pub(super) fn check_look(status: CheckStatus) -> (&'static str, Style) {
    match status {
        CheckStatus::Passed => ("✓", AnsiColor::Green.on_default()),
        CheckStatus::Warned => ("!", AnsiColor::Yellow.on_default()),
        CheckStatus::Failed | CheckStatus::Errored => ("✗", AnsiColor::Red.on_default().bold()),
        CheckStatus::Skipped => ("-", AnsiColor::Yellow.on_default()),
    }
}

fn asset_line(result: &AssetResult) -> String {
    let (mark, style) = look(result.status);
    let mut facts = vec![result.status.as_str().to_owned()];
    if let Some(built) = &result.materialization {
        facts.extend(built.rows.map(|rows| human::counted(rows, "row")));
        if built.quarantined > 0 {
            facts.push(format!("{} quarantined", human::count(built.quarantined)));
        }
    }
    if let Some(reason) = &result.skipped {
        facts.push(reason.to_string());
    }
    if let Some(error) = &result.error {
        facts.push(error.message().to_owned());
    }
    if result.started.is_some() {
        facts.push(human::duration(result.elapsed));
    }
    format!(
        "  {style}{mark}{style:#} {}  {}",
        result.key,
        facts.join(", ")
    )
}

fn check_line(check: &CheckResult) -> String {
    let (mark, style) = check_look(check.status);
    let mut line = format!(
        "  {style}{mark}{style:#} {}: check {} {}",
        check.asset,
        check.name,
        check.status.as_str()
    );
    if let Some(why) = why(check) {
        line.push_str(": ");
        line.push_str(&why);
    }
    line
}

/// What is wrong, in a sentence.
pub(super) fn why(check: &CheckResult) -> Option<String> {
    if let Some(error) = &check.error {
        return Some(error.message().to_owned());
    }
    let outcome = check.outcome.as_ref().filter(|outcome| !outcome.passed)?;
    let mut text = match &outcome.message {
        Some(message) => message.clone(),
        None => format!(
            "{} wrong",
            human::counted(
                usize::try_from(outcome.failing_rows).unwrap_or(usize::MAX),
                "row"
            )
        ),
    };
    if let Some(relation) = &outcome.stored_in {
        text.push_str(&format!(" (select * from {relation})"));
    }
    Some(text)
}
