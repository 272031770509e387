//! From dbt's flags to a loaded project: what they mean, and which are refused.

use std::sync::Arc;

use chrono::{DateTime, Months, NaiveDate, NaiveDateTime, TimeDelta, Utc};
use clap::ValueEnum as _;
use dbt::context::yaml_mapping;
use dbt::flags::Flags;
use dbt::selector::IndirectSelection as Mode;
use dbt::{PreviousState, SelectArguments};
use diagnostic::{Error, Result, codes};
use platform::{DbtInvocation, DbtOptions, Platform};
use serde_json::Value as Json;

use super::command_line::{Common, DbtCommand, DbtLine, Docs, IndirectSelection, Publish, words};
use super::lines::Lines;
use super::log_file::{Level, LogFile};
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
    if let DbtCommand::Clean {
        no_clean_project_files_only: true,
        ..
    } = &line.command
    {
        refuse(true, "--no-clean-project-files-only");
    }
    if let DbtCommand::Compile {
        no_inject_ephemeral_ctes: true,
        ..
    } = &line.command
    {
        refuse(true, "--no-inject-ephemeral-ctes");
    }
    let common = &line.common;
    refuse(
        common.upload_to_artifacts_ingest_api,
        "--upload-to-artifacts-ingest-api",
    );
    refuse(common.record_timing_info.is_some(), "--record-timing-info");
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
    flags.threads = match common.single_threaded {
        true => Some(1),
        false => common.threads,
    };
    flags.partial_parse = match (common.partial_parse, common.no_partial_parse) {
        (true, _) => Some(true),
        (false, true) => Some(false),
        (false, false) => None,
    };
    let of_project = Flags::of_project(platform.dbt_folder()?);
    let switched_on = |name: &str| of_project.get(name).and_then(Json::as_bool) == Some(true);
    flags.fail_fast = common.fail_fast || !common.no_fail_fast && switched_on("fail_fast");
    flags.version_check = match (common.version_check, common.no_version_check) {
        (true, _) => Some(true),
        (false, true) => Some(false),
        (false, false) => None,
    };
    let strictness = Strictness::of(common, &of_project)?;
    flags.test_warnings_fail = strictness.refuses("LogTestResult");
    flags.macro_warnings_fail = strictness.refuses("JinjaLogWarning");
    flags.introspect = line.introspects();
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
        check_span(flags.event_time_start, flags.event_time_end)?;
        if let Some(text) = &event_time.sample {
            let now = flags.as_of.unwrap_or(flags.run_started_at);
            let (start, end) = sample(text, now)?;
            flags.sample = Some((start, end));
            // Microbatch models build the batches of the sample.
            flags.event_time_start = Some(start);
            flags.event_time_end = Some(end);
        }
    }
    let selecting = line.selecting().cloned().unwrap_or_default();
    let command: Vec<String> = std::env::args().skip(1).collect();
    let command = command.join(" ");
    let arguments = [
        ("select", serde_json::json!(selecting.criteria())),
        ("exclude", serde_json::json!(words(&selecting.exclude))),
        ("selector", serde_json::json!(selecting.selector)),
        ("invocation_command", serde_json::json!(command)),
    ];
    for (name, value) in arguments {
        flags.arguments.insert(name.to_owned(), value);
    }
    let of_project = of_project.get("indirect_selection").and_then(Json::as_str);
    let of_project = of_project.and_then(|mode| IndirectSelection::from_str(mode, true).ok());
    if let Some(mode) = common.indirect_selection.or(of_project) {
        flags.indirect_selection = indirect(mode);
    }
    Ok(flags)
}

/// The span of `--sample`: so much before `now`, or from a start to an end
/// (<https://docs.getdbt.com/docs/build/sample-flag>).
fn sample(text: &str, now: DateTime<Utc>) -> Result<(DateTime<Utc>, DateTime<Utc>)> {
    let refused = || {
        Error::new(
            codes::D3001,
            format!("`{text}` of `--sample` is no span of time"),
        )
        .help(
            "write a number of hours, days, months or years, as in `3 days`, or \
             `{start: '2024-09-01', end: '2024-09-02'}`",
        )
    };
    let words: Vec<&str> = text.split_whitespace().collect();
    if let [count, unit] = words.as_slice()
        && let Ok(count) = count.parse::<u32>()
    {
        let months = |count: u32| now.checked_sub_months(Months::new(count));
        let start = match unit.to_lowercase().trim_end_matches('s') {
            "hour" => now.checked_sub_signed(TimeDelta::hours(count.into())),
            "day" => now.checked_sub_signed(TimeDelta::days(count.into())),
            "month" => months(count),
            "year" => count.checked_mul(12).and_then(months),
            _ => None,
        };
        return Ok((start.ok_or_else(refused)?, now));
    }
    let span = yaml_mapping("--sample", text).map_err(|_| refused())?;
    let end = |key: &str| {
        let word = span.get(key).and_then(Json::as_str).ok_or_else(refused)?;
        moment("--sample", word)
    };
    Ok((end("start")?, end("end")?))
}

/// Refuses a start without an end, an end without a start, and a start that is not before the end
/// (<https://docs.getdbt.com/docs/build/incremental-microbatch#backfills>).
fn check_span(start: Option<DateTime<Utc>>, end: Option<DateTime<Utc>>) -> Result<()> {
    let message = match (start, end) {
        (Some(start), Some(end)) if start >= end => {
            "Value for `--event-time-start` must be less than `--event-time-end`"
        }
        (Some(_), None) => {
            "When specifying `--event-time-start`, `--event-time-end` must also be present"
        }
        (None, Some(_)) => {
            "When specifying `--event-time-end`, `--event-time-start` must also be present"
        }
        _ => return Ok(()),
    };
    Err(Error::new(codes::D3001, message))
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
    flags.tells_statements = LogFile::wants(&line.common, Level::Debug) || lines.shows_all();
    let invocation = platform.dbt(flags)?.with_options(DbtOptions {
        publish_run: line.common.publish == Some(Publish::Run),
        state_aware: line.common.state_aware,
    });
    defer(&invocation, line)?;
    let project = invocation.project();
    let root = &project.context.root;
    let id = &project.context.flags.invocation_id;
    let lines = lines.logged(LogFile::open(&root.root, &root.log_path, &line.common, id)?);
    let command = project.context.flags.arguments.get("invocation_command");
    let command = command.and_then(Json::as_str).unwrap_or_default();
    lines.note("CommandStarted", &format!("Command: {command}"))?;
    for flag in &line.without_effect {
        let text = format!("`{flag}` changes nothing here: it is about how dbt works inside");
        lines.note("FlagWithoutEffect", &text)?;
    }
    let strictness = Strictness::of(&line.common, &root.flags)?;
    lines.greet(project, &strictness)?;
    let mut warnings = project.warnings.list.iter();
    if let Some(warning) = warnings.find(|warning| strictness.refuses(&warning.event)) {
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
        DbtCommand::Ls { .. } if !selecting.models.is_empty() => &["model"],
        DbtCommand::Build { .. } => &[
            "model",
            "seed",
            "snapshot",
            "test",
            "unit_test",
            "saved_query",
            "exposure",
        ],
        _ => &[],
    };
    let resource_types = match words(&kinds.resource_types) {
        none if none.is_empty() => own.iter().map(|kind| (*kind).to_owned()).collect(),
        wanted => wanted,
    };
    let written = [selecting.criteria(), words(&selecting.exclude)].concat();
    let shows = matches!(
        &line.command,
        DbtCommand::Ls { .. } | DbtCommand::Docs(Docs::Generate { .. })
    );
    let arguments = SelectArguments {
        select: selecting.criteria(),
        exclude: words(&selecting.exclude),
        selector: selecting.selector,
        indirect: line.common.indirect_selection.map(indirect),
        resource_types,
        exclude_resource_types: words(&kinds.exclude_resource_types),
        without_code: shows,
    };
    if arguments.selector.is_some() && !written.is_empty() {
        opened.lines.warn_of(
            "SelectExcludeIgnoredWithSelectorWarning",
            "`--select` and `--exclude` are ignored, because `--selector` is given",
        );
    }
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
        opened.lines.warn_of(
            "NoNodesForSelectionCriteria",
            &format!("The selection criterion '{criterion}' does not match any enabled nodes"),
        );
    }
    Ok(ids)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use chrono::{DateTime, Utc};

    use super::sample;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn samples_are_spans_before_now_or_between_times() {
        let now = at("2024-09-17T16:06:00Z");
        let start = |text: &str| sample(text, now).unwrap().0;
        assert_eq!(start("1 hour"), at("2024-09-17T15:06:00Z"));
        assert_eq!(start("3 days"), at("2024-09-14T16:06:00Z"));
        assert_eq!(start("1 Month"), at("2024-08-17T16:06:00Z"));
        assert_eq!(start("2 years"), at("2022-09-17T16:06:00Z"));
        assert_eq!(
            sample("{start: '2024-07-01', end: '2024-07-08T18:00:00'}", now).unwrap(),
            (at("2024-07-01T00:00:00Z"), at("2024-07-08T18:00:00Z"))
        );
        for wrong in ["3", "3 weeks", "days", "{start: '2024-07-01'}", "{}"] {
            assert!(sample(wrong, now).is_err(), "{wrong}");
        }
    }
}
