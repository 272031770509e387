//! Which warnings count as errors: `--warn-error` and `--warn-error-options`
//! (<https://docs.getdbt.com/reference/global-configs/warnings>).

use dbt::context::yaml_mapping;
use diagnostic::{Error, Result, codes};
use serde_json::Value as Json;

use super::command_line::Common;

/// dbt's name of the warning that a test found something.
const TEST_WARNING: &str = "LogTestResult";

/// What becomes of warnings, by the names of dbt's events.
#[derive(Clone, Debug, Default)]
pub struct Strictness {
    all: bool,
    error: Vec<String>,
    warn: Vec<String>,
    silence: Vec<String>,
}

impl Strictness {
    /// What the flags say.
    ///
    /// # Errors
    /// `D3001` for options that cannot be read.
    pub fn of(common: &Common) -> Result<Self> {
        let mut strictness = Self {
            all: common.warn_error,
            ..Self::default()
        };
        let Some(text) = &common.warn_error_options else {
            return Ok(strictness);
        };
        for (key, value) in yaml_mapping("--warn-error-options", text)? {
            let names = match &value {
                Json::Array(names) => names
                    .iter()
                    .filter_map(|name| name.as_str().map(str::to_owned))
                    .collect(),
                Json::String(name) => vec![name.clone()],
                _ => Vec::new(),
            };
            match key.as_str() {
                "error" | "include" if names.iter().any(|name| name == "all" || name == "*") => {
                    strictness.all = true;
                }
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
        Ok(strictness)
    }

    /// Whether the warning `event` is an error.
    pub fn refuses(&self, event: &str) -> bool {
        if named(&self.warn, event) || named(&self.silence, event) {
            return false;
        }
        self.all || named(&self.error, event)
    }

    /// Whether a test that only warns fails the command.
    pub fn refuses_test_warnings(&self) -> bool {
        self.refuses(TEST_WARNING)
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
        .any(|name| name == event || name == "Deprecations" && event.ends_with("Deprecation"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::Strictness;
    use crate::commands::dbt::command_line::DbtLine;

    fn strictness(options: &str) -> Strictness {
        let words = ["parse", "--warn-error-options", options].map(str::to_owned);
        Strictness::of(&DbtLine::read(&words).unwrap().common).unwrap()
    }

    #[test]
    fn names_and_groups_choose() {
        let some = strictness("{error: [NodeNotFoundOrDisabled], silence: [Deprecations]}");
        assert!(some.refuses("NodeNotFoundOrDisabled"));
        assert!(!some.refuses("LogTestResult"));
        assert!(some.silences("MissingArgumentsPropertyInGenericTestDeprecation"));
        let most = strictness("{include: all, exclude: [LogTestResult]}");
        assert!(most.refuses("NodeNotFoundOrDisabled"));
        assert!(!most.refuses_test_warnings());
    }
}
