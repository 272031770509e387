//! `sluice dbt …`: does what the `dbt` executable does, with dbt's own flags.

pub mod command_line;
mod docs;
mod effectless;
mod environment;
mod finished;
mod fix;
mod freshness;
mod init;
mod invocation;
mod lines;
mod listing;
mod log_file;
mod operation;
mod retry;
mod show;
mod strictness;
mod upkeep;
mod wording;
mod work;

use anstyle::AnsiColor;
use clap::Args;
use dbt::artifact::failure;
use diagnostic::Result;

use crate::arguments::{Globals, LogFormat};
use crate::commands::Exit;
use crate::output;

use command_line::{DbtCommand, DbtLine, DbtLogFormat, Docs, SourceCommand};

/// dbt's command line.
#[derive(Debug, Args)]
pub struct Arguments {
    /// A dbt command and its flags
    #[arg(
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "ARGUMENTS"
    )]
    pub arguments: Vec<String>,
}

/// Runs the dbt command.
pub fn dbt(globals: &Globals, arguments: &Arguments) -> Result<Exit> {
    let asks = |flag: &String| matches!(flag.as_str(), "--version" | "-V" | "-v");
    if arguments.arguments.iter().any(asks) {
        return version();
    }
    // Prints help to stdout with code 0, mistakes to stderr with code 2, as `dbt` does.
    let variables = dbt::Flags::from_process().environment;
    let variable = |name: &str| variables.get(name).cloned();
    let given = environment::with_variables(&arguments.arguments, &variable);
    let line = DbtLine::read(&given).unwrap_or_else(|error| error.exit());
    match (line.common.use_colors, line.common.no_use_colors) {
        (true, _) => anstream::ColorChoice::Always.write_global(),
        (false, true) => anstream::ColorChoice::Never.write_global(),
        (false, false) => {}
    }
    let done = run(globals, &line);
    if let Err(error) = &done
        && globals.log_format == LogFormat::Text
        && line.common.log_format != Some(DbtLogFormat::Json)
    {
        // What it is stands below, told as all errors are.
        let heading = format!("Encountered an error:\n{}", failure::heading(error));
        output::message(&finished::tagged(AnsiColor::Red, "ERROR", &heading));
    }
    done
}

fn run(globals: &Globals, line: &DbtLine) -> Result<Exit> {
    invocation::refuse_unsupported(line)?;
    match &line.command {
        DbtCommand::Parse => work::parse(globals, line),
        DbtCommand::Compile {
            inline: Some(sql),
            output,
            ..
        } => show::compile_inline(globals, line, sql, output),
        DbtCommand::Show {
            inline_direct: Some(sql),
            limit,
            output,
            ..
        } => show::show_direct(globals, line, sql, *limit, output),
        DbtCommand::Show {
            inline,
            limit,
            output,
            ..
        } => show::show(globals, line, inline.as_deref(), *limit, output),
        DbtCommand::Compile { .. }
        | DbtCommand::Run { .. }
        | DbtCommand::Build { .. }
        | DbtCommand::Test { .. }
        | DbtCommand::Seed { .. }
        | DbtCommand::Snapshot { .. }
        | DbtCommand::Clone { .. } => work::work(globals, line),
        DbtCommand::Ls {
            output,
            output_keys,
            ..
        } => listing::list(globals, line, output, output_keys),
        DbtCommand::Docs(Docs::Generate {
            no_compile,
            empty_catalog,
            one_page,
            ..
        }) => docs::generate(globals, line, *no_compile, *empty_catalog, *one_page),
        DbtCommand::RunOperation { sql: Some(sql), .. } => operation::statement(globals, line, sql),
        DbtCommand::RunOperation { name, args, .. } => {
            let name = name.as_deref().unwrap_or_default();
            operation::operation(globals, line, name, args.as_deref().unwrap_or("{}"))
        }
        DbtCommand::Deps(wish) => upkeep::deps(globals, line, wish),
        DbtCommand::Init {
            name,
            skip_profile_setup,
            ..
        } => init::init(globals, line, name.as_deref(), *skip_profile_setup),
        DbtCommand::Fix { dry_run } => fix::fix(globals, line, *dry_run),
        DbtCommand::Clean { .. } => upkeep::clean(globals, line),
        DbtCommand::Debug {
            config_dir,
            connection,
        } => upkeep::debug(globals, line, *config_dir, *connection),
        DbtCommand::Docs(Docs::Serve { host, port, .. }) => docs::serve(globals, line, host, *port),
        DbtCommand::Source(SourceCommand::Freshness { output, .. }) => {
            freshness::freshness(globals, line, output.as_deref())
        }
        DbtCommand::Retry { .. } => retry::retry(globals, line),
    }
}

/// What scripts look for: the version of dbt whose projects are read as it reads them.
fn version() -> Result<Exit> {
    output::line(&format!(
        "Core:\n  - installed: {}\n\nPlugins:\n  - sluice: {}",
        dbt::context::DBT_VERSION,
        env!("CARGO_PKG_VERSION")
    ))?;
    Ok(Exit::Done)
}
