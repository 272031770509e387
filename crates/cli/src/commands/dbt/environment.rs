//! The environment variables of dbt's flags: `DBT_…`, and since dbt 1.11 `DBT_ENGINE_…`.
//!
//! <https://docs.getdbt.com/reference/global-configs/environment-variable-configs>

use clap::{Arg, ArgAction, Command, CommandFactory as _};

use super::command_line::DbtLine;

/// The flags that have a variable, by their long names. `DBT_` and `DBT_ENGINE_` stand before these, in
/// upper case.
const FLAGS: &[&str] = &[
    "clean-project-files-only",
    "debug",
    "defer",
    "defer-state",
    "empty",
    "event-time-end",
    "event-time-start",
    "exclude-resource-type",
    "fail-fast",
    "favor-state",
    "full-refresh",
    "host",
    "indirect-selection",
    "introspect",
    "log-file-max-bytes",
    "log-format",
    "log-format-file",
    "log-level",
    "log-level-file",
    "log-path",
    "partial-parse",
    "print",
    "printer-width",
    "profile",
    "profiles-dir",
    "project-dir",
    "quiet",
    "resource-type",
    "sample",
    "single-threaded",
    "state",
    "store-failures",
    "target",
    "target-path",
    "threads",
    "upload-to-artifacts-ingest-api",
    "use-colors",
    "use-colors-file",
    "version-check",
    "vars",
    "warn-error",
    "warn-error-options",
    "write-json",
];

/// Variables whose names are not those of their flags.
const RENAMED: &[(&str, &str)] = &[
    ("exclude-resource-type", "EXCLUDE_RESOURCE_TYPES"),
    ("resource-type", "RESOURCE_TYPES"),
];

/// The arguments with those before them that the environment stands for, so that what is written counts
/// more. A variable of a flag that the command does not have says nothing.
pub fn with_variables(
    arguments: &[String],
    variable: &dyn Fn(&str) -> Option<String>,
) -> Vec<String> {
    let definition = DbtLine::command();
    let mut all = flags_of(&definition, &definition, variable);
    let place = command_at(&definition, arguments);
    let Some((at, command)) = place else {
        all.extend_from_slice(arguments);
        return all;
    };
    let (before, after) = arguments.split_at(at + 1);
    all.extend_from_slice(before);
    all.extend(flags_of(command, &definition, variable));
    all.extend_from_slice(after);
    all
}

/// Where the command's name stands, and the command.
fn command_at<'d>(definition: &'d Command, arguments: &[String]) -> Option<(usize, &'d Command)> {
    let mut value_follows = false;
    for (at, argument) in arguments.iter().enumerate() {
        if std::mem::take(&mut value_follows) {
            continue;
        }
        if argument.starts_with('-') {
            let named = |arg: &&Arg| {
                let long = argument.strip_prefix("--");
                let short = argument
                    .strip_prefix('-')
                    .and_then(|word| word.chars().next());
                (long.is_some() && arg.get_long() == long)
                    || (argument.len() == 2 && arg.get_short() == short)
            };
            let arg = definition.get_arguments().find(named);
            value_follows = arg.is_some_and(|arg| arg.get_action().takes_values());
            continue;
        }
        return definition
            .find_subcommand(argument)
            .map(|command| (at, command));
    }
    None
}

fn flags_of(
    command: &Command,
    definition: &Command,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Vec<String> {
    let mut flags = Vec::new();
    for arg in command.get_arguments() {
        let Some(long) = arg.get_long().filter(|long| FLAGS.contains(long)) else {
            continue;
        };
        let Some(value) = value_of(long, variable) else {
            continue;
        };
        if !matches!(arg.get_action(), ArgAction::SetTrue) {
            let words = match long.ends_with("resource-type") {
                true => value.split_whitespace().map(str::to_owned).collect(),
                false => vec![value],
            };
            flags.extend(words.iter().map(|value| format!("--{long}={value}")));
            continue;
        }
        let opposite = format!("no-{long}");
        let mut known = command.get_arguments().chain(definition.get_arguments());
        if truthy(&value) {
            flags.push(format!("--{long}"));
        } else if known.any(|arg| arg.get_long() == Some(opposite.as_str())) {
            flags.push(format!("--{opposite}"));
        }
    }
    flags
}

/// The newer name counts more, an empty variable is none.
fn value_of(long: &str, variable: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let renamed = RENAMED.iter().find(|(flag, _)| *flag == long);
    let name = match renamed {
        Some((_, name)) => (*name).to_owned(),
        None => long.to_uppercase().replace('-', "_"),
    };
    ["DBT_ENGINE_", "DBT_"]
        .iter()
        .find_map(|prefix| variable(&format!("{prefix}{name}")))
        .filter(|value| !value.is_empty())
}

/// Anything but a word for no.
fn truthy(word: &str) -> bool {
    !["", "0", "false", "f", "no", "n", "off"].contains(&word.to_lowercase().as_str())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::{FLAGS, with_variables};
    use crate::commands::dbt::command_line::DbtLine;

    fn read(line: &str, variables: &[(&str, &str)]) -> DbtLine {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let variable = |name: &str| {
            let found = variables.iter().find(|(have, _)| *have == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        DbtLine::read(&with_variables(&words, &variable)).unwrap()
    }

    #[test]
    fn variables_stand_for_flags_and_give_way_to_them() {
        let line = read(
            "-t dev build -s a",
            &[
                ("DBT_FULL_REFRESH", "1"),
                ("DBT_ENGINE_FAIL_FAST", "yes"),
                ("DBT_QUIET", "0"),
                ("DBT_TARGET", "ci"),
                ("DBT_ENGINE_PROFILE", "shop"),
                ("DBT_RESOURCE_TYPES", "model test"),
            ],
        );
        assert_eq!(line.full_refresh(), Some(true));
        assert!(line.common.fail_fast && !line.common.quiet);
        assert_eq!(line.common.target.as_deref(), Some("dev"));
        assert_eq!(line.common.profile.as_deref(), Some("shop"));
        assert_eq!(line.kinds().unwrap().resource_types, ["model", "test"]);
        let line = read("build --no-full-refresh", &[("DBT_FULL_REFRESH", "true")]);
        assert_eq!(line.full_refresh(), Some(false));
    }

    #[test]
    fn the_newer_name_counts_more_and_other_commands_do_not_mind() {
        let both = [
            ("DBT_TARGET_PATH", "old"),
            ("DBT_ENGINE_TARGET_PATH", "new"),
            ("DBT_STORE_FAILURES", "1"),
        ];
        let line = read("parse", &both);
        assert_eq!(line.common.target_path.unwrap().to_str(), Some("new"));
        assert!(read("test", &both).store_failures());
        assert!(
            read("build", &[("DBT_PARTIAL_PARSE", "False")])
                .common
                .no_partial_parse
        );
    }

    #[test]
    fn every_name_is_that_of_a_flag() {
        use clap::CommandFactory as _;
        let definition = DbtLine::command();
        let nested = (definition.get_subcommands()).flat_map(clap::Command::get_subcommands);
        let all: Vec<&str> = std::iter::once(&definition)
            .chain(definition.get_subcommands())
            .chain(nested)
            .flat_map(clap::Command::get_arguments)
            .filter_map(clap::Arg::get_long)
            .collect();
        for flag in FLAGS {
            assert!(all.contains(flag), "{flag}");
        }
    }
}
