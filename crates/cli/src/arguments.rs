//! The command line: global flags and one variant per command. The commands own their arguments.

use std::ffi::OsString;
use std::path::PathBuf;

use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use clap::builder::styling::{AnsiColor, Styles};
use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};

use crate::commands;

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

/// A whole data platform in one binary: ingestion, lake, warehouse, dbt, quality, orchestration.
#[derive(Debug, Parser)]
#[command(name = "sluice", version, styles = STYLES, max_term_width = 100)]
#[command(
    propagate_version = false,
    subcommand_required = true,
    arg_required_else_help = true
)]
pub struct Cli {
    /// Flags of every command.
    #[command(flatten)]
    pub globals: Globals,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Flags of every command.
#[derive(Clone, Debug, Args)]
pub struct Globals {
    /// The project's folder, or one inside it
    #[arg(
        short = 'C',
        long,
        value_name = "DIR",
        default_value = ".",
        global = true
    )]
    pub project_dir: PathBuf,
    /// The environment to work in, instead of the project's default
    #[arg(long, value_name = "NAME", env = "SLUICE_ENV", global = true)]
    pub env: Option<String>,
    /// How logs, progress and errors are written
    #[arg(
        long,
        value_name = "FORMAT",
        value_enum,
        default_value_t,
        global = true
    )]
    pub log_format: LogFormat,
    /// Pretend that it is this time: `current_date`, `current_timestamp` and dbt's
    /// `run_started_at` give it
    #[arg(long, value_name = "TIME", value_parser = parse_time, global = true)]
    pub as_of: Option<DateTime<Utc>>,
    /// Say less; twice: nothing but results
    #[arg(short, long, action = ArgAction::Count, global = true)]
    pub quiet: u8,
    /// Say more; up to three times
    #[arg(short, long, action = ArgAction::Count, global = true, conflicts_with = "quiet")]
    pub verbose: u8,
}

/// How logs, progress and errors are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people
    #[default]
    Text,
    /// One JSON object per line
    Json,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write the retail project with generated, dirty data and run all of it
    Demo(commands::demo::Arguments),
    /// Start a project
    Init(commands::init::Arguments),
    /// Bring assets up to date, in graph order, with their checks
    Run(commands::run::Arguments),
    /// Build tables of the lake from the raw zone again, without a look at the sources
    Replay(commands::replay::Arguments),
    /// Read a range of dates from the sources again
    Backfill(commands::backfill::Arguments),
    /// List assets
    Ls(commands::ls::Arguments),
    /// Show what an asset comes from and what depends on it
    Lineage(commands::lineage::Arguments),
    /// Look at the systems that data comes from
    Source(commands::source::Arguments),
    /// Take in the events that other systems send
    Serve(commands::serve::Arguments),
    /// Run SQL on the project's warehouse
    Sql(commands::sql::Arguments),
    /// Write the small files of tables together to larger ones
    Optimize(commands::optimize::Arguments),
    /// Remove the files that no version within retention needs
    Vacuum(commands::vacuum::Arguments),
    /// Write out, or apply, the rules for how long files are kept
    Lifecycle(commands::lifecycle::Arguments),
    /// Do what the `dbt` executable does
    #[command(disable_help_flag = true)]
    Dbt(commands::dbt::Arguments),
    /// Explain an error code
    Explain(commands::explain::Arguments),
    /// Look for what could keep Sluice from working here
    Doctor(commands::doctor::Arguments),
    /// Write a completion script for a shell
    Completions(commands::completions::Arguments),
}

impl Cli {
    /// Reads the command line. What follows `dbt` is dbt's, whatever it looks like: `dbt -q run` and
    /// `dbt run --log-format debug` mean dbt's flags, not ours.
    pub fn read(line: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        let line: Vec<OsString> = line.into_iter().collect();
        for at in (1..line.len()).filter(|&at| line[at] == "dbt") {
            let ours = line[..=at].iter().cloned();
            if let Ok(Self {
                globals,
                command: Command::Dbt(_),
            }) = Self::try_parse_from(ours)
            {
                let theirs = line[at + 1..]
                    .iter()
                    .map(|word| word.to_string_lossy().into_owned());
                let arguments = commands::dbt::Arguments {
                    arguments: theirs.collect(),
                };
                return Ok(Self {
                    globals,
                    command: Command::Dbt(arguments),
                });
            }
        }
        Self::try_parse_from(line)
    }
}

impl Globals {
    /// `-v` counts up, `-q` counts down.
    pub fn verbosity(&self) -> i8 {
        let count = |times: u8| i8::try_from(times).unwrap_or(i8::MAX);
        count(self.verbose).saturating_sub(count(self.quiet))
    }
}

impl From<LogFormat> for telemetry::LogFormat {
    fn from(format: LogFormat) -> Self {
        match format {
            LogFormat::Text => Self::Text,
            LogFormat::Json => Self::Json,
        }
    }
}

/// RFC 3339, or a date and time in UTC, or a date.
fn parse_time(text: &str) -> Result<DateTime<Utc>, String> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Ok(time.with_timezone(&Utc));
    }
    for format in [
        "%Y-%m-%d %H:%M:%S%.f",
        "%Y-%m-%dT%H:%M:%S%.f",
        "%Y-%m-%d %H:%M",
    ] {
        if let Ok(time) = NaiveDateTime::parse_from_str(text, format) {
            return Ok(time.and_utc());
        }
    }
    match NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        Ok(date) => Ok(date.and_time(chrono::NaiveTime::MIN).and_utc()),
        Err(_) => Err(
            "write it as 2026-08-01, 2026-08-01 06:30:00 (UTC) or 2026-08-01T06:30:00+02:00"
                .to_owned(),
        ),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use std::path::Path;

    use clap::CommandFactory as _;

    use super::{Cli, Command, LogFormat, parse_time};

    fn read(line: &str) -> Result<Cli, clap::Error> {
        Cli::read(line.split(' ').map(Into::into))
    }

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn global_flags_stand_anywhere() {
        for line in [
            "sluice -C shop -vv --log-format json ls",
            "sluice ls -vv -C shop --log-format json",
        ] {
            let globals = read(line).unwrap().globals;
            assert_eq!(globals.project_dir, Path::new("shop"));
            assert_eq!(
                (globals.verbosity(), globals.log_format),
                (2, LogFormat::Json)
            );
        }
        assert_eq!(read("sluice ls -q").unwrap().globals.verbosity(), -1);
        assert!(read("sluice ls -q -v").is_err());
    }

    #[test]
    fn what_follows_dbt_is_dbts() {
        let cli =
            read("sluice -C dbt -q dbt -q --log-format debug run --select a+ --help").unwrap();
        let Command::Dbt(dbt) = cli.command else {
            panic!("not dbt")
        };
        assert_eq!(
            dbt.arguments.join(" "),
            "-q --log-format debug run --select a+ --help"
        );
        assert_eq!(
            (cli.globals.project_dir.as_path(), cli.globals.quiet),
            (Path::new("dbt"), 1)
        );
    }

    #[test]
    fn run_takes_selectors_and_its_flags() {
        let line = "sluice run --select +fact_sales --select tag:nightly kind:model --exclude a --threads 3 --fail-fast";
        let Command::Run(run) = read(line).unwrap().command else {
            panic!("not run")
        };
        assert_eq!(
            run.selection.select,
            ["+fact_sales", "tag:nightly", "kind:model"]
        );
        assert_eq!(
            (run.threads.unwrap().get(), run.fail_fast, run.dry_run),
            (3, true, false)
        );
        assert!(read("sluice run --threads 0").is_err());
    }

    #[test]
    fn times_are_utc_unless_they_say_otherwise() {
        let read = |text| parse_time(text).map(|time| time.to_rfc3339());
        assert_eq!(read("2026-08-01").unwrap(), "2026-08-01T00:00:00+00:00");
        assert_eq!(
            read("2026-08-01 06:30:00").unwrap(),
            "2026-08-01T06:30:00+00:00"
        );
        assert_eq!(
            read("2026-08-01T06:30:00+02:00").unwrap(),
            "2026-08-01T04:30:00+00:00"
        );
        assert!(read("yesterday").is_err());
    }
}
