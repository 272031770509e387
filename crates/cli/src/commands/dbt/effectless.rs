//! dbt's flags about how dbt works inside: accepted because scripts pass them, and noted in `dbt.log`.
//!
//! They say how dbt caches, which of its parsers it takes, whether it reports to its makers. What a
//! command does or says is the same with and without them.

/// Switches, also as `--no-…`.
const SWITCHES: &[&str] = &[
    "cache-selected-only",
    "export-saved-queries",
    "hints-enabled",
    "include-saved-query",
    "log-cache-events",
    "macro-debugging",
    "partial-parse-file-diff",
    "populate-cache",
    "send-anonymous-usage-stats",
    "show-all-deprecations",
    "show-resource-report",
    "snowflake-projects-otel",
    "static-parser",
    "use-experimental-parser",
    "use-fast-test-edges",
    "use-v2-parser",
];

/// Flags with a value: where dbt keeps its parse, how much its SQL formatter takes, which parser it calls;
/// and no seed is too large for its contents to be compared.
const VALUES: &[&str] = &[
    "maximum-seed-size-mib",
    "partial-parse-file-path",
    "sqlparse",
    "v2-parser",
];

/// The arguments without flags that have no effect, and those flags.
pub fn split(arguments: &[String]) -> (Vec<&String>, Vec<String>) {
    let (mut kept, mut dropped) = (Vec::new(), Vec::new());
    let mut skip_value = false;
    for argument in arguments {
        if std::mem::take(&mut skip_value) {
            continue;
        }
        let Some(name) = argument.strip_prefix("--") else {
            kept.push(argument);
            continue;
        };
        let (name, value) = match name.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (name, None),
        };
        let switch = name.strip_prefix("no-").unwrap_or(name);
        if VALUES.contains(&name) {
            skip_value = value.is_none();
        } else if !SWITCHES.contains(&switch) {
            kept.push(argument);
            continue;
        }
        dropped.push(format!("--{name}"));
    }
    (kept, dropped)
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn flags_without_effect_are_told_apart() {
        let words = [
            "build",
            "--no-populate-cache",
            "--maximum-seed-size-mib",
            "5",
            "--sqlparse=x",
            "-x",
        ];
        let words = words.map(str::to_owned);
        let (kept, dropped) = split(&words);
        assert_eq!(kept, ["build", "-x"]);
        assert_eq!(
            dropped,
            [
                "--no-populate-cache",
                "--maximum-seed-size-mib",
                "--sqlparse"
            ]
        );
    }
}
