//! Which warnings count as errors: `--warn-error` and `--warn-error-options`
//! (<https://docs.getdbt.com/reference/global-configs/warnings>).

use dbt::context::yaml_mapping;
use diagnostic::{Error, Result, codes};
use serde_json::{Map, Value as Json};

use super::command_line::Common;

/// The events of dbt 1.12, one a line: the words of its structured logs
/// (<https://docs.getdbt.com/reference/events-logging>).
const EVENTS: &str = include_str!("event_names.txt");

/// A name for all deprecations.
const DEPRECATIONS: &str = "Deprecations";

/// Refuses names that are none of events.
fn refuse_unknown(names: &[String]) -> Result<()> {
    let known = |name: &str| {
        let own = || dbt::warning::OWN_EVENTS.contains(&name);
        name == DEPRECATIONS || EVENTS.lines().any(|event| event == name) || own()
    };
    match names.iter().find(|name| !known(name)) {
        Some(name) => {
            let message = format!("`{name}` of `--warn-error-options` is no event of dbt");
            Err(Error::new(codes::D3001, message).suggest(name, EVENTS.lines()))
        }
        None => Ok(()),
    }
}

/// What becomes of warnings, by the names of dbt's events.
#[derive(Clone, Debug, Default)]
pub struct Strictness {
    all: bool,
    error: Vec<String>,
    warn: Vec<String>,
    silence: Vec<String>,
}

impl Strictness {
    /// What the flags say, and where they say nothing, the `flags:` of the project.
    ///
    /// # Errors
    /// `D3001` for options that cannot be read.
    pub fn of(common: &Common, project: &Map<String, Json>) -> Result<Self> {
        let of_project = project.get("warn_error").and_then(Json::as_bool) == Some(true);
        let mut strictness = Self {
            all: common.warn_error || !common.no_warn_error && of_project,
            ..Self::default()
        };
        let options = match (
            &common.warn_error_options,
            project.get("warn_error_options"),
        ) {
            (Some(text), _) => yaml_mapping("--warn-error-options", text)?,
            (None, Some(Json::Object(options))) => options.clone(),
            _ => return Ok(strictness),
        };
        for (one, other) in [("include", "error"), ("exclude", "warn")] {
            if options.contains_key(one) && options.contains_key(other) {
                let message =
                    format!("`--warn-error-options` takes `{other}` or `{one}`, not both");
                return Err(Error::new(codes::D3001, message));
            }
        }
        for (key, value) in options {
            let names = match &value {
                Json::Array(names) => names
                    .iter()
                    .filter_map(|name| name.as_str().map(str::to_owned))
                    .collect(),
                Json::String(name) => vec![name.clone()],
                _ => Vec::new(),
            };
            let all = names.iter().any(|name| name == "all" || name == "*");
            if !all {
                refuse_unknown(&names)?;
            }
            if value.is_string() && !all {
                let message = format!("`{key}` of `--warn-error-options` is a list of events");
                return Err(Error::new(codes::D3001, message));
            }
            match key.as_str() {
                "error" | "include" if all => strictness.all = true,
                "error" | "include" => strictness.error.extend(names),
                "warn" | "exclude" => strictness.warn.extend(names),
                "silence" => strictness.silence.extend(names),
                other => {
                    let message = format!("`--warn-error-options` has no key `{other}`");
                    return Err(Error::new(codes::D3001, message)
                        .suggest(other, ["error", "warn", "silence"]));
                }
            }
        }
        let named = [&strictness.error, &strictness.silence];
        let deprecations = named
            .iter()
            .any(|names| names.iter().any(|name| name == DEPRECATIONS));
        if !strictness.warn.is_empty() && !strictness.all && !deprecations {
            let message = "`warn` of `--warn-error-options` leaves out what `error` names: `error` is \
                           `all`, or `Deprecations` are in `error` or `silence`";
            return Err(Error::new(codes::D3001, message));
        }
        Ok(strictness)
    }

    /// Whether the warning `event` is an error.
    pub fn refuses(&self, event: &str) -> bool {
        if named(&self.warn, event) || named(&self.silence, event) {
            return false;
        }
        self.all || named(&self.error, event)
    }

    /// Whether the warning `event` is not told at all.
    pub fn silences(&self, event: &str) -> bool {
        named(&self.silence, event)
    }
}

/// Whether `names` holds the event, by its name or as one of all deprecations.
fn named(names: &[String], event: &str) -> bool {
    names
        .iter()
        .any(|name| name == event || name == DEPRECATIONS && event.ends_with("Deprecation"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::Strictness;
    use crate::commands::dbt::command_line::DbtLine;

    fn strictness(options: &str) -> Strictness {
        let words = ["parse", "--warn-error-options", options].map(str::to_owned);
        let line = DbtLine::read(&words).unwrap();
        Strictness::of(&line.common, &serde_json::Map::new()).unwrap()
    }

    #[test]
    fn the_project_decides_where_the_command_line_does_not() {
        let project = serde_json::json!({
            "warn_error": true, "warn_error_options": {"silence": ["NoNodeForYamlKey"]}
        });
        let project = project.as_object().unwrap();
        let of = |words: &[&str]| {
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            Strictness::of(&DbtLine::read(&words).unwrap().common, project).unwrap()
        };
        assert!(of(&["parse"]).refuses("LogTestResult"));
        assert!(of(&["parse"]).silences("NoNodeForYamlKey"));
        assert!(!of(&["parse", "--no-warn-error"]).refuses("LogTestResult"));
    }

    #[test]
    fn names_and_groups_choose() {
        let some = strictness("{error: [NodeNotFoundOrDisabled], silence: [Deprecations]}");
        assert!(some.refuses("NodeNotFoundOrDisabled"));
        assert!(!some.refuses("LogTestResult"));
        assert!(some.silences("MissingArgumentsPropertyInGenericTestDeprecation"));
        let most = strictness("{include: all, exclude: [LogTestResult]}");
        assert!(most.refuses("NodeNotFoundOrDisabled"));
        assert!(!most.refuses("LogTestResult"));
    }
}
