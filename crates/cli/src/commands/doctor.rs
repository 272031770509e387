//! `sluice doctor`: looks for what could keep Sluice from working here.

use std::path::Path;

use anstyle::{AnsiColor, Style};
use clap::Args;
use diagnostic::Result;
use settings::{Project, SourceKind};

use crate::arguments::{Globals, LogFormat};
use crate::commands::{Exit, open_project};
use crate::display::human;
use crate::output;

/// Nothing beyond the global flags.
#[derive(Debug, Args)]
pub struct Arguments {}

/// How one examination ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Fine,
    Warning,
    Broken,
}

struct Finding {
    verdict: Verdict,
    subject: &'static str,
    text: String,
}

impl Finding {
    fn new(verdict: Verdict, subject: &'static str, text: impl Into<String>) -> Self {
        Self {
            verdict,
            subject,
            text: text.into(),
        }
    }
}

/// Examines the machine and the project. Fails if something is broken.
pub fn doctor(globals: &Globals, _arguments: &Arguments) -> Result<Exit> {
    let mut findings = vec![program()];
    match open_project(globals) {
        Ok(project) => {
            findings.push(described(&project));
            findings.push(writable(&project.environment.state));
            findings.push(memory(project.memory_limit));
            findings.extend(sources(&project));
        }
        Err(error) => findings.push(Finding::new(Verdict::Broken, "project", error.to_string())),
    }
    for finding in &findings {
        tell(finding, globals.log_format)?;
    }
    match findings
        .iter()
        .any(|finding| finding.verdict == Verdict::Broken)
    {
        true => Ok(Exit::Failed),
        false => Ok(Exit::Done),
    }
}

fn tell(finding: &Finding, format: LogFormat) -> Result<()> {
    let (word, colour) = match finding.verdict {
        Verdict::Fine => ("ok", AnsiColor::Green),
        Verdict::Warning => ("warning", AnsiColor::Yellow),
        Verdict::Broken => ("broken", AnsiColor::Red),
    };
    if format == LogFormat::Json {
        let value = serde_json::json!({
            "verdict": word, "subject": finding.subject, "text": finding.text,
        });
        return output::line(&value.to_string());
    }
    let style: Style = colour.on_default().bold();
    let text = finding.text.replace('\n', "\n                    ");
    output::styled_line(&format!(
        "{style}{word:>8}{style:#}  {:<8}  {text}",
        finding.subject
    ))
}

fn program() -> Finding {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let text = format!(
        "Sluice {} for {} on {}, {threads} processors",
        env!("CARGO_PKG_VERSION"),
        std::env::consts::OS,
        std::env::consts::ARCH,
    );
    Finding::new(Verdict::Fine, "program", text)
}

fn described(project: &Project) -> Finding {
    let text = format!(
        "`{}` in `{}`, environment `{}`: {} sources, {} datasets, {}",
        project.name,
        project.root.display(),
        project.environment.name,
        project.sources.len(),
        project.datasets.len(),
        match &project.dbt {
            Some(folder) => format!("dbt project in `{}`", folder.display()),
            None => "no dbt project".to_owned(),
        }
    );
    Finding::new(Verdict::Fine, "project", text)
}

/// Whether the state folder, or the nearest folder above it that exists, can be written.
fn writable(state: &Path) -> Finding {
    let Some(folder) = state.ancestors().find(|folder| folder.is_dir()) else {
        let text = format!("no folder above `{}` exists", state.display());
        return Finding::new(Verdict::Broken, "state", text);
    };
    let probe = folder.join(format!(".sluice-doctor-{}", std::process::id()));
    match std::fs::write(&probe, b"probe").and_then(|()| std::fs::remove_file(&probe)) {
        Ok(()) => {
            let text = format!("`{}` can be written", folder.display());
            Finding::new(Verdict::Fine, "state", text)
        }
        Err(error) => {
            let text = format!("`{}` cannot be written: {error}", folder.display());
            Finding::new(Verdict::Broken, "state", text)
        }
    }
}

fn memory(limit: u64) -> Finding {
    let wanted = human::bytes(limit);
    match available_memory() {
        Some(available) if available < limit => {
            let text = format!(
                "memory_limit is {wanted}, but only {} are free: larger queries may be killed",
                human::bytes(available)
            );
            Finding::new(Verdict::Warning, "memory", text)
        }
        Some(available) => {
            let text = format!(
                "memory_limit is {wanted}, {} are free",
                human::bytes(available)
            );
            Finding::new(Verdict::Fine, "memory", text)
        }
        None => Finding::new(Verdict::Fine, "memory", format!("memory_limit is {wanted}")),
    }
}

/// What the kernel could give without swapping; only Linux says so in a file.
fn available_memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

fn sources(project: &Project) -> impl Iterator<Item = Finding> {
    project.sources.iter().map(|source| match &source.kind {
        SourceKind::Files { path } if path.is_dir() => {
            let text = format!("`{}` reads `{}`", source.name.value, path.display());
            Finding::new(Verdict::Fine, "source", text)
        }
        SourceKind::Files { path } => {
            let text = format!(
                "`{}` reads `{}`, which does not exist",
                source.name.value,
                path.display()
            );
            Finding::new(Verdict::Warning, "source", text)
        }
        SourceKind::Objects { location, .. } => {
            let text = format!(
                "`{0}` reads `{1}`; `sluice source check {0}` connects to it",
                source.name.value, location.value
            );
            Finding::new(Verdict::Fine, "source", text)
        }
        SourceKind::Postgres(postgres) => {
            let connection = &postgres.connection;
            let text = format!(
                "`{0}` reads `{1}` on {2}:{3}; `sluice source check {0}` connects to it",
                source.name.value, connection.database, connection.host, connection.port
            );
            Finding::new(Verdict::Fine, "source", text)
        }
        SourceKind::Webhook(streams) => {
            let paths: Vec<&str> = streams.iter().map(|stream| stream.path.as_str()).collect();
            let text = format!(
                "`{}` takes in events at {} while `sluice serve` runs",
                source.name.value,
                paths.join(", ")
            );
            Finding::new(Verdict::Fine, "source", text)
        }
    })
}
