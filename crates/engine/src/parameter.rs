//! The session parameters `ALTER SESSION` knows, with their defaults and the values they take.
//!
//! <https://docs.snowflake.com/en/sql-reference/parameters>. A parameter that nobody implements takes its
//! default only: a session never claims a setting that has no effect.

use diagnostic::{Error, Result, codes};

/// A session parameter.
#[derive(Clone, Copy, Debug)]
pub struct Parameter {
    /// Its name, in upper case.
    pub name: &'static str,
    /// Its value where none was set.
    pub default: &'static str,
    /// What it takes.
    pub takes: Takes,
    /// One line about it.
    pub description: &'static str,
}

/// The values a parameter takes.
#[derive(Clone, Copy, Debug)]
pub enum Takes {
    /// Any text.
    Text,
    /// `true` or `false`.
    Flag,
    /// A whole number between these.
    Number(i64, i64),
    /// What `functions` accepts.
    Function,
    /// Nothing but its default: it is not implemented.
    Default,
    /// Anything of its type, because no result can depend on it.
    Anything,
}

impl Parameter {
    /// The type's name as SHOW PARAMETERS lists it.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self.takes {
            Takes::Number(..) => "NUMBER",
            _ if self.default == "true" || self.default == "false" => "BOOLEAN",
            _ if self.default.parse::<i64>().is_ok() => "NUMBER",
            _ => "STRING",
        }
    }

    /// `value` as the parameter keeps it.
    ///
    /// # Errors
    /// `E1107` if it does not take the value.
    pub fn check(&self, value: &str) -> Result<String> {
        let wrong = |takes: String| {
            Err(Error::new(
                codes::E1107,
                format!("Parameter `{}` takes {takes}, not `{value}`", self.name),
            ))
        };
        match self.takes {
            Takes::Text | Takes::Anything | Takes::Function => Ok(value.to_owned()),
            Takes::Number(least, most) => match value.trim().parse::<i64>() {
                Ok(number) if (least..=most).contains(&number) => Ok(number.to_string()),
                _ => wrong(format!("a number from {least} to {most}")),
            },
            Takes::Flag => match value.to_ascii_lowercase().as_str() {
                "true" => Ok("true".to_owned()),
                "false" => Ok("false".to_owned()),
                _ => wrong("`true` or `false`".to_owned()),
            },
            Takes::Default if value.eq_ignore_ascii_case(self.default) => {
                Ok(self.default.to_owned())
            }
            Takes::Default => match wrong(format!("`{}` only", self.default)) {
                Err(error) => Err(error.help("its other values are not implemented")),
                ok => ok,
            },
        }
    }
}

/// All parameters, by name.
#[must_use]
pub fn parameters() -> &'static [Parameter] {
    PARAMETERS
}

/// The parameter called `name`, whatever its case.
///
/// # Errors
/// `E1106` if there is none.
pub fn parameter(name: &str) -> Result<&'static Parameter> {
    let found = PARAMETERS
        .iter()
        .find(|parameter| parameter.name.eq_ignore_ascii_case(name));
    found.ok_or_else(|| {
        Error::new(
            codes::E1106,
            format!("Session parameter `{name}` does not exist"),
        )
        .suggest(name, PARAMETERS.iter().map(|parameter| parameter.name))
    })
}

const fn of(
    name: &'static str,
    default: &'static str,
    takes: Takes,
    description: &'static str,
) -> Parameter {
    Parameter {
        name,
        default,
        takes,
        description,
    }
}

use Takes::{Anything, Default, Flag, Function, Number, Text};

const PARAMETERS: &[Parameter] = &[
    of(
        "ABORT_DETACHED_QUERY",
        "false",
        Anything,
        "ends statements of lost connections",
    ),
    of("AUTOCOMMIT", "true", Default, "publishes each statement"),
    of("BINARY_INPUT_FORMAT", "HEX", Function, "text to BINARY"),
    of("BINARY_OUTPUT_FORMAT", "HEX", Function, "BINARY to text"),
    of(
        "CLIENT_SESSION_KEEP_ALIVE",
        "false",
        Anything,
        "keeps idle connections",
    ),
    of("DATE_INPUT_FORMAT", "AUTO", Function, "text to DATE"),
    of("DATE_OUTPUT_FORMAT", "YYYY-MM-DD", Function, "DATE to text"),
    of(
        "ERROR_ON_NONDETERMINISTIC_MERGE",
        "true",
        Flag,
        "several source rows for one row are an error",
    ),
    of(
        "ERROR_ON_NONDETERMINISTIC_UPDATE",
        "false",
        Default,
        "several source rows for one row are an error",
    ),
    of(
        "GEOGRAPHY_OUTPUT_FORMAT",
        "GeoJSON",
        Function,
        "how GEOGRAPHY is shown",
    ),
    of("JSON_INDENT", "2", Default, "how JSON is shown"),
    of(
        "LOCK_TIMEOUT",
        "43200",
        Anything,
        "seconds to wait for a table",
    ),
    of(
        "MULTI_STATEMENT_COUNT",
        "0",
        Anything,
        "statements in one request of a driver",
    ),
    of("QUERY_TAG", "", Text, "a note in the history of statements"),
    of(
        "QUOTED_IDENTIFIERS_IGNORE_CASE",
        "false",
        Default,
        "folds quoted names",
    ),
    of(
        "ROWS_PER_RESULTSET",
        "0",
        Number(0, i64::MAX),
        "rows a query gives at most; 0 for all",
    ),
    of(
        "STATEMENT_QUEUED_TIMEOUT_IN_SECONDS",
        "0",
        Anything,
        "seconds a statement may wait",
    ),
    of(
        "STATEMENT_TIMEOUT_IN_SECONDS",
        "172800",
        Number(0, 604_800),
        "seconds a statement may run; 0 for the longest",
    ),
    of("STRICT_JSON_OUTPUT", "false", Default, "how JSON is shown"),
    of(
        "TIMESTAMP_DAY_IS_ALWAYS_24H",
        "false",
        Default,
        "days of DATEADD",
    ),
    of(
        "TIMESTAMP_INPUT_FORMAT",
        "AUTO",
        Function,
        "text to TIMESTAMP",
    ),
    of(
        "TIMESTAMP_LTZ_OUTPUT_FORMAT",
        "",
        Function,
        "TIMESTAMP_LTZ to text",
    ),
    of(
        "TIMESTAMP_NTZ_OUTPUT_FORMAT",
        "YYYY-MM-DD HH24:MI:SS.FF3",
        Function,
        "TIMESTAMP_NTZ to text",
    ),
    of(
        "TIMESTAMP_OUTPUT_FORMAT",
        "YYYY-MM-DD HH24:MI:SS.FF3 TZHTZM",
        Function,
        "TIMESTAMP to text",
    ),
    of(
        "TIMESTAMP_TYPE_MAPPING",
        "TIMESTAMP_NTZ",
        Default,
        "which type TIMESTAMP is",
    ),
    of(
        "TIMESTAMP_TZ_OUTPUT_FORMAT",
        "",
        Function,
        "TIMESTAMP_TZ to text",
    ),
    of(
        "TIMEZONE",
        "UTC",
        Function,
        "the zone of wall clocks without one",
    ),
    of("TIME_INPUT_FORMAT", "AUTO", Function, "text to TIME"),
    of("TIME_OUTPUT_FORMAT", "HH24:MI:SS", Function, "TIME to text"),
    of(
        "TRANSACTION_ABORT_ON_ERROR",
        "false",
        Default,
        "a failing statement ends its transaction",
    ),
    of(
        "TRANSACTION_DEFAULT_ISOLATION_LEVEL",
        "READ COMMITTED",
        Default,
        "isolation of transactions",
    ),
    of(
        "TWO_DIGIT_CENTURY_START",
        "1970",
        Function,
        "the first year two digits mean",
    ),
    of(
        "USE_CACHED_RESULT",
        "true",
        Anything,
        "may give an earlier result again",
    ),
    of(
        "WEEK_OF_YEAR_POLICY",
        "0",
        Function,
        "which week is the first of a year",
    ),
    of("WEEK_START", "0", Function, "the first day of a week"),
];
