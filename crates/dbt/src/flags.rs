//! [`Flags`]: what the command line and the environment said, before any file is read.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use diagnostic::Source;
use serde_json::{Map, Value as Json};

use crate::artifact::run_results::BatchResults;
use crate::dotenv;
use crate::selector::IndirectSelection;

/// What a command was asked to do. `Default` is a plain `dbt parse` with no environment.
#[derive(Clone, Debug)]
pub struct Flags {
    /// The command as Jinja's `flags.WHICH` shows it: `run`, `build`, …
    pub which: String,
    /// `--vars`, already parsed.
    pub vars: Map<String, Json>,
    /// `--target`.
    pub target: Option<String>,
    /// `--profile`.
    pub profile: Option<String>,
    /// `--profiles-dir`.
    pub profiles_dir: Option<PathBuf>,
    /// `--threads`.
    pub threads: Option<usize>,
    /// `--full-refresh`.
    pub full_refresh: Option<bool>,
    /// `--empty`.
    pub empty: bool,
    /// `--store-failures`.
    pub store_failures: bool,
    /// `--partial-parse`: whether the parse cache is read; `None` leaves it to the project.
    pub partial_parse: Option<bool>,
    /// Whether there is a parse cache at all.
    pub parse_cache: bool,
    /// `--version-check`: whether projects that ask for other versions of dbt are refused; `None` leaves it
    /// to the project.
    pub version_check: Option<bool>,
    /// `--no-introspect`: whether templates may ask the warehouse while they are compiled.
    pub introspect: bool,
    /// `--fail-fast`.
    pub fail_fast: bool,
    /// `--warn-error` and its options: whether tests that only warn fail.
    pub test_warnings_fail: bool,
    /// The same for what `exceptions.warn()` says.
    pub macro_warnings_fail: bool,
    /// `--indirect-selection`.
    pub indirect_selection: IndirectSelection,
    /// `--event-time-start`.
    pub event_time_start: Option<DateTime<Utc>>,
    /// `--event-time-end`.
    pub event_time_end: Option<DateTime<Utc>>,
    /// `retry`: what became of the batches of models, by unique id. Only those that failed are built again.
    pub retried_batches: HashMap<String, BatchResults>,
    /// `--sample`: only rows of this span of event time are read.
    pub sample: Option<(DateTime<Utc>, DateTime<Utc>)>,
    /// Whether the statements that are run are told, for `dbt.log`.
    pub tells_statements: bool,
    /// `--target-path`.
    pub target_path: Option<PathBuf>,
    /// More of the command line as `invocation_args_dict` shows it: `select`, `exclude`, …
    pub arguments: Map<String, Json>,
    /// The environment that `env_var` reads; it is handed in so that a run is reproducible.
    pub environment: HashMap<String, String>,
    /// What `invocation_id` shows.
    pub invocation_id: String,
    /// What `run_started_at` shows.
    pub run_started_at: DateTime<Utc>,
    /// `--as-of`: what `modules.datetime` takes for now.
    pub as_of: Option<DateTime<Utc>>,
    /// The connection to use when there is no profiles.yml at all: `type`, `database`, `schema`.
    pub default_connection: Map<String, Json>,
}

impl Default for Flags {
    fn default() -> Self {
        Self {
            which: "parse".to_owned(),
            vars: Map::new(),
            target: None,
            profile: None,
            profiles_dir: None,
            threads: None,
            full_refresh: None,
            empty: false,
            store_failures: false,
            partial_parse: None,
            parse_cache: false,
            version_check: None,
            introspect: true,
            fail_fast: false,
            test_warnings_fail: false,
            macro_warnings_fail: false,
            indirect_selection: IndirectSelection::Eager,
            event_time_start: None,
            event_time_end: None,
            retried_batches: HashMap::new(),
            sample: None,
            tells_statements: false,
            target_path: None,
            arguments: Map::new(),
            environment: HashMap::new(),
            invocation_id: uuid::Uuid::new_v4().to_string(),
            run_started_at: Utc::now(),
            as_of: None,
            default_connection: Map::new(),
        }
    }
}

impl Flags {
    /// Flags with the environment of this process, that of its `.env`, and the parse cache.
    #[must_use]
    pub fn from_process() -> Self {
        let mut environment: HashMap<String, String> = std::env::vars().collect();
        environment.extend(dotenv::variables(&environment));
        Self {
            parse_cache: true,
            environment,
            ..Self::default()
        }
    }

    /// `flags:` of the `dbt_project.yml` in `root`, as written; nothing where that cannot be read.
    #[must_use]
    pub fn of_project(root: &Path) -> Map<String, Json> {
        let text = std::fs::read_to_string(root.join("dbt_project.yml")).unwrap_or_default();
        let document = yaml::parse(&Source::new("dbt_project.yml", text));
        let flags = document.ok().and_then(|document| {
            let flags = document.root.get("flags")?;
            Some(flags.to_json())
        });
        match flags {
            Some(Json::Object(flags)) => flags,
            _ => Map::new(),
        }
    }

    /// The variable `name` of the environment handed in.
    #[must_use]
    pub fn env(&self, name: &str) -> Option<&str> {
        self.environment.get(name).map(String::as_str)
    }
}
