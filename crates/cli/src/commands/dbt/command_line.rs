//! dbt's own command line (dbt 1.12), read into what the `dbt` crate takes.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory as _, Parser, Subcommand, ValueEnum};

use super::effectless;

/// `dbt …`.
#[derive(Clone, Debug, Parser)]
#[command(
    name = "sluice dbt",
    bin_name = "sluice dbt",
    disable_version_flag = true
)]
#[command(args_override_self = true, infer_subcommands = false)]
pub struct DbtLine {
    /// Flags of every command, before or after its name.
    #[command(flatten)]
    pub common: Common,
    /// The command.
    #[command(subcommand)]
    pub command: DbtCommand,
    /// Flags that were written, but have no effect.
    #[arg(skip)]
    pub without_effect: Vec<String>,
}

/// Flags of every command.
#[derive(Clone, Debug, Args)]
pub struct Common {
    /// Which target of the profile to use
    #[arg(short, long, env = "DBT_TARGET", global = true)]
    pub target: Option<String>,
    /// Which profile to use, instead of the project's
    #[arg(long, env = "DBT_PROFILE", global = true)]
    pub profile: Option<String>,
    /// Where profiles.yml is
    #[arg(long, value_name = "DIR", env = "DBT_PROFILES_DIR", global = true)]
    pub profiles_dir: Option<PathBuf>,
    /// Where dbt_project.yml is
    #[arg(long, value_name = "DIR", env = "DBT_PROJECT_DIR", global = true)]
    pub project_dir: Option<PathBuf>,
    /// Where artifacts are written
    #[arg(long, value_name = "DIR", env = "DBT_TARGET_PATH", global = true)]
    pub target_path: Option<PathBuf>,
    /// How many nodes are worked on at once
    #[arg(long, value_name = "N", env = "DBT_THREADS", global = true)]
    pub threads: Option<usize>,
    /// Variables, as a YAML mapping
    #[arg(long, value_name = "YAML", env = "DBT_VARS", global = true)]
    pub vars: Option<String>,
    /// Stop at the first failure
    #[arg(short = 'x', long, overrides_with = "no_fail_fast", global = true)]
    pub fail_fast: bool,
    /// Do not
    #[arg(long, hide = true, overrides_with = "fail_fast", global = true)]
    pub no_fail_fast: bool,
    /// The folder with the artifacts of an earlier run, for `state:` and `--defer`
    #[arg(long, value_name = "DIR", env = "DBT_STATE", global = true)]
    pub state: Option<PathBuf>,
    /// Read what is not selected from the earlier run's relations
    #[arg(long, overrides_with = "no_defer", global = true)]
    pub defer: bool,
    /// Do not
    #[arg(long, hide = true, overrides_with = "defer", global = true)]
    pub no_defer: bool,
    /// The folder with the artifacts to defer to, if it is not that of `--state`
    #[arg(long, value_name = "DIR", env = "DBT_DEFER_STATE", global = true)]
    pub defer_state: Option<PathBuf>,
    /// Prefer the earlier run's relations to ones that are there
    #[arg(long, overrides_with = "no_favor_state", global = true)]
    pub favor_state: bool,
    /// Do not
    #[arg(long, hide = true, overrides_with = "favor_state", global = true)]
    pub no_favor_state: bool,
    /// Which tests come with selected nodes
    #[arg(
        long,
        value_enum,
        value_name = "MODE",
        env = "DBT_INDIRECT_SELECTION",
        global = true
    )]
    pub indirect_selection: Option<IndirectSelection>,
    /// Take warnings for errors
    #[arg(long, overrides_with = "no_warn_error", global = true)]
    pub warn_error: bool,
    /// Do not
    #[arg(long, hide = true, overrides_with = "warn_error", global = true)]
    pub no_warn_error: bool,
    /// Which warnings to take for errors, as a YAML mapping
    #[arg(
        long,
        value_name = "YAML",
        env = "DBT_WARN_ERROR_OPTIONS",
        global = true
    )]
    pub warn_error_options: Option<String>,
    /// Write no artifacts
    #[arg(long, overrides_with = "write_json", global = true)]
    pub no_write_json: bool,
    /// Write artifacts
    #[arg(long, hide = true, overrides_with = "no_write_json", global = true)]
    pub write_json: bool,
    /// Say less
    #[arg(short, long, overrides_with = "no_quiet", global = true)]
    pub quiet: bool,
    /// Do not
    #[arg(long, hide = true, overrides_with = "quiet", global = true)]
    pub no_quiet: bool,
    /// Say more
    #[arg(short, long, overrides_with = "no_debug", global = true)]
    pub debug: bool,
    /// Do not
    #[arg(long, hide = true, overrides_with = "debug", global = true)]
    pub no_debug: bool,
    /// Hide what templates print
    #[arg(long, overrides_with = "print", global = true)]
    pub no_print: bool,
    /// Show what templates print
    #[arg(long, hide = true, overrides_with = "no_print", global = true)]
    pub print: bool,
    /// Work on one node at once
    #[arg(
        long,
        hide = true,
        overrides_with = "no_single_threaded",
        global = true
    )]
    pub single_threaded: bool,
    /// Do not
    #[arg(long, hide = true, overrides_with = "single_threaded", global = true)]
    pub no_single_threaded: bool,
    /// Refuse projects and packages that ask for other versions of dbt, as is done unless the project
    /// says otherwise
    #[arg(long, hide = true, overrides_with = "no_version_check", global = true)]
    pub version_check: bool,
    /// Take projects and packages that ask for other versions of dbt
    #[arg(long, overrides_with = "version_check", global = true)]
    pub no_version_check: bool,
    /// Which lines are shown: from `warn` on, only what went wrong
    #[arg(
        long,
        value_name = "LEVEL",
        env = "DBT_LOG_LEVEL",
        value_parser = ["debug", "info", "warn", "error", "none"],
        ignore_case = true,
        global = true
    )]
    pub log_level: Option<String>,
    /// How lines are written
    #[arg(
        long,
        value_enum,
        value_name = "FORMAT",
        env = "DBT_LOG_FORMAT",
        global = true
    )]
    pub log_format: Option<DbtLogFormat>,
    /// The folder of dbt.log
    #[arg(long, value_name = "DIR", global = true)]
    pub log_path: Option<PathBuf>,
    /// Which lines go to dbt.log: all, unless it is said otherwise
    #[arg(
        long,
        value_name = "LEVEL",
        value_parser = ["debug", "info", "warn", "error", "none"],
        ignore_case = true,
        global = true
    )]
    pub log_level_file: Option<String>,
    /// How lines of dbt.log are written
    #[arg(long, value_enum, value_name = "FORMAT", global = true)]
    pub log_format_file: Option<DbtLogFormat>,
    /// How large dbt.log grows before another one is begun; 0 for no end
    #[arg(long, value_name = "BYTES", global = true)]
    pub log_file_max_bytes: Option<u64>,
    /// Show colours, also where no terminal is seen
    #[arg(long, overrides_with = "no_use_colors", global = true)]
    pub use_colors: bool,
    /// Show none
    #[arg(long, hide = true, overrides_with = "use_colors", global = true)]
    pub no_use_colors: bool,
    /// Keep colours in dbt.log
    #[arg(long, overrides_with = "no_use_colors_file", global = true)]
    pub use_colors_file: bool,
    /// Keep none
    #[arg(long, hide = true, overrides_with = "use_colors_file", global = true)]
    pub no_use_colors_file: bool,
    /// How wide lines are before the status
    #[arg(long, value_name = "COLUMNS", global = true)]
    pub printer_width: Option<usize>,
    /// Refused: nothing is sent anywhere
    #[arg(
        long,
        hide = true,
        overrides_with = "no_upload_to_artifacts_ingest_api",
        global = true
    )]
    pub upload_to_artifacts_ingest_api: bool,
    /// Send nothing
    #[arg(
        long,
        hide = true,
        overrides_with = "upload_to_artifacts_ingest_api",
        global = true
    )]
    pub no_upload_to_artifacts_ingest_api: bool,
    /// Refused: there is no such profile of the command itself
    #[arg(short = 'r', long, value_name = "FILE", hide = true, global = true)]
    pub record_timing_info: Option<PathBuf>,
    /// Parse only what changed since the last command, as is done unless the project says otherwise
    #[arg(long, overrides_with = "no_partial_parse", global = true)]
    pub partial_parse: bool,
    /// Parse everything
    #[arg(long, overrides_with = "partial_parse", global = true)]
    pub no_partial_parse: bool,
    /// When readers see what is built: each node at once, or the whole run when all of it has passed
    #[arg(
        long,
        value_enum,
        value_name = "WHEN",
        env = "SLUICE_DBT_PUBLISH",
        global = true
    )]
    pub publish: Option<Publish>,
    /// Leave nodes alone whose code and inputs have not changed since they were built
    #[arg(
        long,
        env = "SLUICE_DBT_STATE_AWARE",
        overrides_with = "no_state_aware",
        global = true
    )]
    pub state_aware: bool,
    /// Do not
    #[arg(long, hide = true, overrides_with = "state_aware", global = true)]
    pub no_state_aware: bool,
}

/// When readers see what is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Publish {
    /// Each node as soon as it is built, as dbt does
    Node,
    /// Everything when all nodes and tests of the run have passed, or nothing
    Run,
}

/// Which tests come with selected nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum IndirectSelection {
    /// Tests of any selected parent
    Eager,
    /// Tests whose parents are all selected
    Cautious,
    /// Tests whose parents are selected or upstream of a selected node
    Buildable,
    /// None
    Empty,
}

/// How lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DbtLogFormat {
    /// For people
    Text,
    /// For people, with times and threads
    Debug,
    /// One JSON object per line
    Json,
    /// Text for people
    Default,
}

/// Which nodes.
#[derive(Clone, Debug, Default, Args)]
pub struct Selecting {
    /// Only these
    #[arg(short, long, num_args = 1.., value_name = "SELECTOR")]
    pub select: Vec<String>,
    /// The same; `ls` then lists models only, and takes one of both
    #[arg(short = 'm', long, alias = "model", num_args = 1.., value_name = "SELECTOR")]
    #[arg(hide = true)]
    pub models: Vec<String>,
    /// Not these
    #[arg(long, num_args = 1.., value_name = "SELECTOR")]
    pub exclude: Vec<String>,
    /// A selector of selectors.yml
    #[arg(long, value_name = "NAME")]
    pub selector: Option<String>,
}

impl Selecting {
    /// The criteria to select by. A shell may hand several over as one word.
    pub fn criteria(&self) -> Vec<String> {
        words(&[self.select.as_slice(), &self.models].concat())
    }
}

/// The words of `list`, each of which may hold several.
pub fn words(list: &[String]) -> Vec<String> {
    let words = list.iter().flat_map(|text| text.split_whitespace());
    words.map(str::to_owned).collect()
}

/// Which kinds of nodes.
#[derive(Clone, Debug, Default, Args)]
pub struct Kinds {
    /// Only these kinds
    #[arg(long = "resource-type", alias = "resource-types", value_name = "KIND", num_args = 1..)]
    pub resource_types: Vec<String>,
    /// Not these kinds
    #[arg(long = "exclude-resource-type", alias = "exclude-resource-types")]
    #[arg(value_name = "KIND", num_args = 1..)]
    pub exclude_resource_types: Vec<String>,
}

/// Whether incremental models and seeds start over.
#[derive(Clone, Copy, Debug, Default, Args)]
pub struct Refresh {
    /// Rebuild incremental models and seeds from nothing
    #[arg(short, long, overrides_with = "no_full_refresh")]
    pub full_refresh: bool,
    /// Never rebuild them
    #[arg(long, hide = true, overrides_with = "full_refresh")]
    pub no_full_refresh: bool,
}

impl Refresh {
    /// `None` leaves it to the models.
    pub fn wanted(self) -> Option<bool> {
        match (self.full_refresh, self.no_full_refresh) {
            (true, _) => Some(true),
            (false, true) => Some(false),
            (false, false) => None,
        }
    }
}

/// Whether templates may ask the warehouse while they are compiled.
#[derive(Clone, Copy, Debug, Default, Args)]
pub struct Introspection {
    /// Refuse code that asks the warehouse while it is compiled
    #[arg(long, overrides_with = "introspect")]
    pub no_introspect: bool,
    /// Let it ask
    #[arg(long, hide = true, overrides_with = "no_introspect")]
    pub introspect: bool,
}

/// Whether relations are built without rows.
#[derive(Clone, Copy, Debug, Default, Args)]
pub struct Emptiness {
    /// Build with no rows, for the shape alone
    #[arg(long, overrides_with = "no_empty")]
    pub empty: bool,
    /// Do not
    #[arg(long, hide = true, overrides_with = "empty")]
    pub no_empty: bool,
}

/// How far in event time a microbatch or sampled run reaches.
#[derive(Clone, Debug, Default, Args)]
pub struct EventTime {
    #[command(flatten)]
    pub emptiness: Emptiness,
    /// First event time of microbatch models
    #[arg(long, value_name = "TIME", env = "DBT_EVENT_TIME_START")]
    pub event_time_start: Option<String>,
    /// Event time at which microbatch models end
    #[arg(long, value_name = "TIME", env = "DBT_EVENT_TIME_END")]
    pub event_time_end: Option<String>,
    /// Only rows of this span of event time: `3 days`, or `{start: 2024-01-01, end: 2024-01-03}`
    #[arg(long, value_name = "SPAN", env = "DBT_SAMPLE")]
    pub sample: Option<String>,
}

/// What `deps` does besides installing.
#[derive(Clone, Debug, Args)]
pub struct DepsWish {
    /// Fetch newer versions than the lock file names
    #[arg(long)]
    pub upgrade: bool,
    /// Write the lock file only
    #[arg(long)]
    pub lock: bool,
    /// Ask for one more package, as in `dbt-labs/dbt_utils@1.3.0`
    #[arg(long, value_name = "NAME@VERSION")]
    pub add_package: Option<String>,
    /// Where that package comes from
    #[arg(long, value_enum, value_name = "SOURCE", default_value = "hub")]
    pub source: PackageOrigin,
}

/// Where a package comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PackageOrigin {
    /// The package hub
    Hub,
    /// A git address
    Git,
    /// A folder
    Local,
}

/// dbt's commands.
#[derive(Clone, Debug, Subcommand)]
pub enum DbtCommand {
    /// Read the project and write target/manifest.json
    Parse,
    /// Write the SQL of nodes to target/compiled
    Compile {
        #[command(flatten)]
        selecting: Selecting,
        #[command(flatten)]
        refresh: Refresh,
        /// Compile this template instead of nodes
        #[arg(long, value_name = "SQL")]
        inline: Option<String>,
        /// How the SQL is shown
        #[arg(long, default_value = "text", value_parser = ["text", "json"])]
        output: String,
        #[command(flatten)]
        emptiness: Emptiness,
        #[command(flatten)]
        introspection: Introspection,
        /// Put ephemeral models into the statements, as is always done
        #[arg(long, hide = true, overrides_with = "no_inject_ephemeral_ctes")]
        inject_ephemeral_ctes: bool,
        /// Refused: a statement would refer to what is nowhere
        #[arg(long, hide = true, overrides_with = "inject_ephemeral_ctes")]
        no_inject_ephemeral_ctes: bool,
    },
    /// Build models
    Run {
        #[command(flatten)]
        selecting: Selecting,
        #[command(flatten)]
        refresh: Refresh,
        #[command(flatten)]
        event_time: EventTime,
    },
    /// Build seeds, snapshots and models, and test each before what depends on it
    Build {
        #[command(flatten)]
        selecting: Selecting,
        #[command(flatten)]
        kinds: Kinds,
        #[command(flatten)]
        refresh: Refresh,
        #[command(flatten)]
        event_time: EventTime,
        /// Keep the rows that fail tests
        #[arg(long)]
        store_failures: bool,
        /// Show a part of each seed
        #[arg(long)]
        show: bool,
    },
    /// Test what is built
    Test {
        #[command(flatten)]
        selecting: Selecting,
        #[command(flatten)]
        kinds: Kinds,
        /// Keep the rows that fail tests
        #[arg(long)]
        store_failures: bool,
    },
    /// Load seeds
    Seed {
        #[command(flatten)]
        selecting: Selecting,
        #[command(flatten)]
        refresh: Refresh,
        /// Show a part of each seed
        #[arg(long)]
        show: bool,
        #[command(flatten)]
        emptiness: Emptiness,
    },
    /// Take snapshots
    Snapshot {
        #[command(flatten)]
        selecting: Selecting,
        #[command(flatten)]
        emptiness: Emptiness,
    },
    /// List nodes
    #[command(alias = "list")]
    Ls {
        #[command(flatten)]
        selecting: Selecting,
        #[command(flatten)]
        kinds: Kinds,
        /// How they are written
        #[arg(long, default_value = "selector", value_parser = ["json", "name", "path", "selector"])]
        output: String,
        /// Which keys the JSON has
        #[arg(long, num_args = 1.., value_name = "KEY")]
        output_keys: Vec<String>,
    },
    /// Show rows of a node or of a query
    Show {
        #[command(flatten)]
        selecting: Selecting,
        /// Run this template instead of a node
        #[arg(long, value_name = "SQL")]
        inline: Option<String>,
        /// Run this statement as it is, without looking for templates
        #[arg(long, value_name = "SQL", conflicts_with = "inline")]
        inline_direct: Option<String>,
        #[command(flatten)]
        introspection: Introspection,
        /// At most so many rows; -1 shows all
        #[arg(long, default_value_t = 5, allow_negative_numbers = true)]
        limit: i64,
        /// How rows are written
        #[arg(long, default_value = "text", value_parser = ["text", "json"])]
        output: String,
        #[command(flatten)]
        refresh: Refresh,
    },
    /// Fetch the packages of packages.yml
    Deps(DepsWish),
    /// Documentation
    #[command(subcommand)]
    Docs(Docs),
    /// Sources
    #[command(subcommand)]
    Source(SourceCommand),
    /// Point relations at those of the earlier run
    Clone {
        #[command(flatten)]
        selecting: Selecting,
        #[command(flatten)]
        kinds: Kinds,
        #[command(flatten)]
        refresh: Refresh,
    },
    /// Run again what failed in the last run
    Retry {
        #[command(flatten)]
        refresh: Refresh,
    },
    /// Call a macro, or run a statement
    RunOperation {
        /// The macro
        #[arg(value_name = "MACRO", required_unless_present = "sql")]
        name: Option<String>,
        /// Its arguments, as a YAML mapping
        #[arg(long, value_name = "YAML")]
        args: Option<String>,
        /// Run this statement, or template of one, instead of a macro
        #[arg(long, value_name = "SQL", conflicts_with_all = ["name", "args"])]
        sql: Option<String>,
    },
    /// Start a project, or give this one a profile
    Init {
        /// The name of the project and of its folder
        #[arg(value_name = "PROJECT_NAME")]
        name: Option<String>,
        /// Write no profile
        #[arg(short, long)]
        skip_profile_setup: bool,
        /// Accepted: nothing is tried
        #[arg(long, hide = true)]
        skip_debug: bool,
    },
    /// Rewrite deprecated forms of the project's files; comments and layout stay
    Fix {
        /// Show what would be rewritten
        #[arg(long)]
        dry_run: bool,
    },
    /// Delete the folders of clean-targets
    Clean {
        /// Delete nothing outside of the project, as is always so
        #[arg(long, overrides_with = "no_clean_project_files_only")]
        clean_project_files_only: bool,
        /// Refused: what is outside of the project stays
        #[arg(long, hide = true, overrides_with = "clean_project_files_only")]
        no_clean_project_files_only: bool,
    },
    /// Show the configuration and try the connection
    Debug {
        /// Try the connection only
        #[arg(long)]
        connection: bool,
        /// Show where profiles are looked for
        #[arg(long)]
        config_dir: bool,
    },
}

/// `dbt docs …`.
#[derive(Clone, Debug, Subcommand)]
pub enum Docs {
    /// Write target/catalog.json and target/index.html
    Generate {
        #[command(flatten)]
        selecting: Selecting,
        /// Do not compile first
        #[arg(long, overrides_with = "compile")]
        no_compile: bool,
        /// Compile first
        #[arg(long, hide = true, overrides_with = "no_compile")]
        compile: bool,
        /// Write a catalog without asking the warehouse
        #[arg(long)]
        empty_catalog: bool,
        /// Write one page with everything inside
        #[arg(long = "static")]
        one_page: bool,
    },
    /// Serve the documentation
    Serve {
        /// The address to listen at
        #[arg(long, default_value = "127.0.0.1")]
        host: String,
        /// The port
        #[arg(long, default_value_t = 8080)]
        port: u16,
        /// Open a browser: accepted, but left to you
        #[arg(long, overrides_with = "no_browser")]
        browser: bool,
        /// Do not
        #[arg(long, hide = true, overrides_with = "browser")]
        no_browser: bool,
    },
}

/// `dbt source …`.
#[derive(Clone, Debug, Subcommand)]
pub enum SourceCommand {
    /// Check how old the newest rows of sources are
    #[command(alias = "snapshot-freshness")]
    Freshness {
        #[command(flatten)]
        selecting: Selecting,
        /// Where the result is written
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
}

impl DbtLine {
    /// Reads what stands after `dbt`.
    pub fn read(arguments: &[String]) -> Result<Self, clap::Error> {
        let (kept, without_effect) = effectless::split(arguments);
        let kept = kept.into_iter().map(OsString::from);
        let line = Self::try_parse_from(std::iter::once(OsString::from("dbt")).chain(kept))?;
        let both = |of: &Selecting| !of.models.is_empty() && !of.select.is_empty();
        if matches!(line.command, DbtCommand::Ls { .. }) && line.selecting().is_some_and(both) {
            let message = "`--models` cannot be used with `--select`: it lists models only";
            return Err(Self::command().error(ErrorKind::ArgumentConflict, message));
        }
        Ok(Self {
            without_effect,
            ..line
        })
    }

    /// The command as dbt's `flags.WHICH` calls it.
    pub fn which(&self) -> &'static str {
        match &self.command {
            DbtCommand::Parse => "parse",
            DbtCommand::Compile { .. } => "compile",
            DbtCommand::Run { .. } => "run",
            DbtCommand::Build { .. } => "build",
            DbtCommand::Test { .. } => "test",
            DbtCommand::Seed { .. } => "seed",
            DbtCommand::Snapshot { .. } => "snapshot",
            DbtCommand::Ls { .. } => "list",
            DbtCommand::Show { .. } => "show",
            DbtCommand::Deps(_) => "deps",
            DbtCommand::Docs(Docs::Generate { .. }) => "generate",
            DbtCommand::Docs(Docs::Serve { .. }) => "serve",
            DbtCommand::Source(SourceCommand::Freshness { .. }) => "freshness",
            DbtCommand::Clone { .. } => "clone",
            DbtCommand::Retry { .. } => "retry",
            DbtCommand::RunOperation { .. } => "run-operation",
            DbtCommand::Init { .. } => "init",
            DbtCommand::Fix { .. } => "fix",
            DbtCommand::Clean { .. } => "clean",
            DbtCommand::Debug { .. } => "debug",
        }
    }

    /// Which nodes, where the command selects any.
    pub fn selecting(&self) -> Option<&Selecting> {
        match &self.command {
            DbtCommand::Compile { selecting, .. }
            | DbtCommand::Run { selecting, .. }
            | DbtCommand::Build { selecting, .. }
            | DbtCommand::Test { selecting, .. }
            | DbtCommand::Seed { selecting, .. }
            | DbtCommand::Snapshot { selecting, .. }
            | DbtCommand::Ls { selecting, .. }
            | DbtCommand::Show { selecting, .. }
            | DbtCommand::Clone { selecting, .. }
            | DbtCommand::Docs(Docs::Generate { selecting, .. })
            | DbtCommand::Source(SourceCommand::Freshness { selecting, .. }) => Some(selecting),
            DbtCommand::Parse
            | DbtCommand::Deps(_)
            | DbtCommand::Docs(Docs::Serve { .. })
            | DbtCommand::Retry { .. }
            | DbtCommand::RunOperation { .. }
            | DbtCommand::Init { .. }
            | DbtCommand::Fix { .. }
            | DbtCommand::Clean { .. }
            | DbtCommand::Debug { .. } => None,
        }
    }

    /// Which kinds of nodes, where the command takes that.
    pub fn kinds(&self) -> Option<&Kinds> {
        match &self.command {
            DbtCommand::Build { kinds, .. }
            | DbtCommand::Test { kinds, .. }
            | DbtCommand::Ls { kinds, .. }
            | DbtCommand::Clone { kinds, .. } => Some(kinds),
            _ => None,
        }
    }

    /// Whether incremental models start over; `None` leaves it to them.
    pub fn full_refresh(&self) -> Option<bool> {
        match &self.command {
            DbtCommand::Compile { refresh, .. }
            | DbtCommand::Run { refresh, .. }
            | DbtCommand::Build { refresh, .. }
            | DbtCommand::Seed { refresh, .. }
            | DbtCommand::Clone { refresh, .. }
            | DbtCommand::Show { refresh, .. }
            | DbtCommand::Retry { refresh } => refresh.wanted(),
            _ => None,
        }
    }

    /// Whether relations are built with no rows.
    pub fn empty(&self) -> bool {
        match &self.command {
            DbtCommand::Run { event_time, .. } | DbtCommand::Build { event_time, .. } => {
                event_time.emptiness.empty
            }
            DbtCommand::Compile { emptiness, .. }
            | DbtCommand::Seed { emptiness, .. }
            | DbtCommand::Snapshot { emptiness, .. } => emptiness.empty,
            _ => false,
        }
    }

    /// Whether templates may ask the warehouse.
    pub fn introspects(&self) -> bool {
        match &self.command {
            DbtCommand::Compile { introspection, .. } | DbtCommand::Show { introspection, .. } => {
                !introspection.no_introspect
            }
            _ => true,
        }
    }

    /// Whether the rows that fail tests are kept.
    pub fn store_failures(&self) -> bool {
        match &self.command {
            DbtCommand::Build { store_failures, .. } | DbtCommand::Test { store_failures, .. } => {
                *store_failures
            }
            _ => false,
        }
    }
}

#[cfg(test)]
#[path = "command_line_tests.rs"]
mod tests;
