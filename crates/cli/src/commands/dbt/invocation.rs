//! From dbt's flags to a loaded project: what they mean, and which are refused.

use std::sync::Arc;

use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use dbt::context::yaml_mapping;
use dbt::flags::Flags;
use dbt::selector::IndirectSelection as Mode;
use dbt::{PreviousState, SelectArguments};
use diagnostic::{Error, Result, codes};
use platform::{DbtInvocation, DbtOptions, Platform};

use super::command_line::{Common, DbtCommand, DbtLine, EventTime, IndirectSelection, Publish};
use super::lines::Lines;
use super::strictness::Strictness;
use crate::arguments::Globals;

/// A dbt command that is not implemented.
pub fn unsupported(what: &str, help: &str) -> Error {
    Error::new(codes::E2001, format!("`{what}` is not supported yet")).help(help)
}

/// Refuses flags that would change what a command does, but are not honoured.
pub fn refuse_unsupported(line: &DbtLine) -> Result<()> {
    let mut refused = Vec::new();
    let mut refuse = |given: bool, flag: &'static str| {
        if given {
            refused.push(flag);
        }
    };
    if let DbtCommand::Run { event_time, .. } | DbtCommand::Build { event_time, .. } = &line.command
    {
        let EventTime { sample, .. } = event_time;
        refuse(sample.is_some(), "--sample");
    }
    match refused.first() {
        Some(flag) => Err(unsupported(flag, "leave it out")),
        None => Ok(()),
    }
}

/// The project's platform. `--project-dir` counts like `sluice -C`.
pub fn platform(globals: &Globals, line: &DbtLine) -> Result<Platform> {
    let folder = line
        .common
        .project_dir
        .as_ref()
        .unwrap_or(&globals.project_dir);
    let project = settings::Project::open(folder, globals.env.as_deref())?;
    Platform::open(project, globals.as_of)
}

/// What the command line says, for the dbt project of `platform`.
pub fn flags(platform: &Platform, line: &DbtLine) -> Result<Flags> {
    let common = &line.common;
    let mut flags = platform.dbt_flags(line.which());
    // Without any profiles.yml the embedded warehouse is used, but a folder somebody names has one.
    if let Some(folder) = &common.profiles_dir
        && !folder.join("profiles.yml").is_file()
    {
        return Err(Error::new(
            codes::D1011,
            format!("There is no profiles.yml in `{}`", folder.display()),
        )
        .help("correct `--profiles-dir` or the variable `DBT_PROFILES_DIR`"));
    }
    if let Some(text) = &common.vars {
        flags.vars.extend(yaml_mapping("--vars", text)?);
    }
    flags.target.clone_from(&common.target);
    flags.profile.clone_from(&common.profile);
    flags.profiles_dir.clone_from(&common.profiles_dir);
    flags.target_path.clone_from(&common.target_path);
    flags.threads = common.threads;
    flags.fail_fast = common.fail_fast;
    flags.full_refresh = line.full_refresh();
    flags.empty = line.empty();
    flags.store_failures = line.store_failures();
    if let DbtCommand::Run { event_time, .. } | DbtCommand::Build { event_time, .. } = &line.command
    {
        let read = |flag: &str, text: &Option<String>| match text {
            Some(text) => moment(flag, text).map(Some),
            None => Ok(None),
        };
        flags.event_time_start = read("--event-time-start", &event_time.event_time_start)?;
        flags.event_time_end = read("--event-time-end", &event_time.event_time_end)?;
    }
    let selecting = line.selecting().cloned().unwrap_or_default();
    let command: Vec<String> = std::env::args().skip(1).collect();
    let command = command.join(" ");
    let arguments = [
        ("select", serde_json::json!(words(&selecting.select))),
        ("exclude", serde_json::json!(words(&selecting.exclude))),
        ("selector", serde_json::json!(selecting.selector)),
        ("invocation_command", serde_json::json!(command)),
    ];
    for (name, value) in arguments {
        flags.arguments.insert(name.to_owned(), value);
    }
    if let Some(mode) = common.indirect_selection {
        flags.indirect_selection = indirect(mode);
    }
    Ok(flags)
}

/// A day or a moment in UTC, as flags write them.
fn moment(flag: &str, text: &str) -> Result<DateTime<Utc>> {
    let formats = [
        "%Y-%m-%dT%H:%M:%S",
        "%Y-%m-%d %H:%M:%S",
        "%Y-%m-%dT%H:%M",
        "%Y-%m-%d %H:%M",
    ];
    let day = || {
        NaiveDate::parse_from_str(text, "%Y-%m-%d")
            .ok()?
            .and_hms_opt(0, 0, 0)
    };
    let found = formats
        .iter()
        .find_map(|format| NaiveDateTime::parse_from_str(text, format).ok());
    found
        .or_else(day)
        .map(|time| time.and_utc())
        .ok_or_else(|| {
            Error::new(codes::D3001, format!("`{text}` of `{flag}` is no time"))
                .help("write a day or a time in UTC: `2024-09-01` or `2024-09-01T12:00:00`")
        })
}

fn indirect(mode: IndirectSelection) -> Mode {
    match mode {
        IndirectSelection::Eager => Mode::Eager,
        IndirectSelection::Cautious => Mode::Cautious,
        IndirectSelection::Buildable => Mode::Buildable,
        IndirectSelection::Empty => Mode::Empty,
    }
}

/// A loaded project, and where the command tells what it does.
pub struct Opened {
    /// The project on its catalog.
    pub invocation: Arc<DbtInvocation>,
    /// Where lines go.
    pub lines: Lines,
}

/// Opens the project, loads it, and tells what it is.
pub fn open(globals: &Globals, line: &DbtLine) -> Result<Opened> {
    open_as(globals, line, line.which(), |_| {})
}

/// Opens the project for the command `which`, with flags changed by `change`.
pub fn open_as(
    globals: &Globals,
    line: &DbtLine,
    which: &str,
    change: impl FnOnce(&mut Flags),
) -> Result<Opened> {
    let lines = Lines::new(globals, &line.common);
    open_with(globals, line, lines, |flags| {
        which.clone_into(&mut flags.which);
        change(flags);
    })
}

/// The same, for commands whose output is read by programs.
pub fn open_quietly(globals: &Globals, line: &DbtLine) -> Result<Opened> {
    open_with(
        globals,
        line,
        Lines::new(
            globals,
            &Common {
                quiet: true,
                ..line.common.clone()
            },
        ),
        |_| {},
    )
}

fn open_with(
    globals: &Globals,
    line: &DbtLine,
    lines: Lines,
    change: impl FnOnce(&mut Flags),
) -> Result<Opened> {
    let platform = platform(globals, line)?;
    let mut flags = flags(&platform, line)?;
    change(&mut flags);
    let lines = lines.of_invocation(&flags.invocation_id);
    let invocation = platform.dbt(flags)?.with_options(DbtOptions {
        publish_run: line.common.publish == Some(Publish::Run),
        state_aware: line.common.state_aware,
    });
    defer(&invocation, line)?;
    let project = invocation.project();
    let strictness = Strictness::of(&line.common)?;
    lines.greet(project, &strictness)?;
    let mut warnings = project.warnings.list.iter();
    if let Some(warning) = warnings.find(|warning| strictness.refuses(warning.event)) {
        let help = format!(
            "`--warn-error` takes warnings for errors; this one is `{}`",
            warning.event
        );
        return Err(Error::new(codes::D2003, warning.to_string()).help(help));
    }
    Ok(Opened {
        invocation: Arc::new(invocation),
        lines,
    })
}

/// Lets references mean the relations of `--state`, where that is asked for.
fn defer(invocation: &DbtInvocation, line: &DbtLine) -> Result<()> {
    let common = &line.common;
    let clones = matches!(line.command, DbtCommand::Clone { .. });
    if !common.defer && !clones {
        return Ok(());
    }
    let Some(folder) = common.defer_state.as_ref().or(common.state.as_ref()) else {
        let what = if clones { "`clone`" } else { "`--defer`" };
        return Err(Error::new(
            codes::D3004,
            format!("{what} needs the artifacts of another environment"),
        )
        .help("name the folder of its manifest.json with --state"));
    };
    invocation.defer_to(&PreviousState::load(folder)?, common.favor_state);
    Ok(())
}

/// The unique ids that the command selects, of the kinds it works on.
pub fn select(opened: &Opened, line: &DbtLine) -> Result<Vec<String>> {
    let selecting = line.selecting().cloned().unwrap_or_default();
    let kinds = line.kinds().cloned().unwrap_or_default();
    let own: &[&str] = match &line.command {
        DbtCommand::Run { .. } => &["model"],
        DbtCommand::Test { .. } => &["test", "unit_test"],
        DbtCommand::Seed { .. } => &["seed"],
        DbtCommand::Snapshot { .. } => &["snapshot"],
        DbtCommand::Clone { .. } => &["model", "seed", "snapshot"],
        DbtCommand::Source(_) => &["source"],
        DbtCommand::Build { .. } => &[
            "model",
            "seed",
            "snapshot",
            "test",
            "unit_test",
            "saved_query",
        ],
        _ => &[],
    };
    let resource_types = match kinds.resource_types.as_slice() {
        [] => own.iter().map(|kind| (*kind).to_owned()).collect(),
        wanted => wanted.to_vec(),
    };
    let written = [words(&selecting.select), words(&selecting.exclude)].concat();
    let arguments = SelectArguments {
        select: words(&selecting.select),
        exclude: words(&selecting.exclude),
        selector: selecting.selector,
        indirect: line.common.indirect_selection.map(indirect),
        resource_types,
        exclude_resource_types: kinds.exclude_resource_types,
    };
    let state = line
        .common
        .state
        .as_deref()
        .map(PreviousState::load)
        .transpose()?;
    let project = opened.invocation.project();
    let (ids, unmatched) = project.select_with_warnings(&arguments, state.as_ref())?;
    // What a command selects by itself may be empty.
    let asked = |criterion: &String| written.iter().any(|word| word.contains(criterion.as_str()));
    for criterion in unmatched.iter().filter(|criterion| asked(criterion)) {
        opened.lines.warn(&format!(
            "The selection criterion '{criterion}' does not match any enabled nodes"
        ));
    }
    Ok(ids)
}

/// A shell may hand several criteria over as one word.
fn words(list: &[String]) -> Vec<String> {
    list.iter()
        .flat_map(|text| text.split_whitespace())
        .map(str::to_owned)
        .collect()
}
