//! `sluice demo`: writes the retail project with generated data and runs all of it.

use std::path::PathBuf;

use clap::Args;
use diagnostic::Result;
use platform::{Platform, RunRequest};

use crate::arguments::Globals;
use crate::commands::{Exit, run};
use crate::display::human;
use crate::output;

/// How much of what, where.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The folder to write it to
    #[arg(long, value_name = "DIR", default_value = "sluice-demo")]
    pub dir: PathBuf,
    /// Rows of generated sales
    #[arg(long, default_value_t = demo::Options::default().rows)]
    pub rows: u64,
    /// Another seed makes other data
    #[arg(long, default_value_t = demo::Options::default().seed)]
    pub seed: u64,
    /// Daily drops
    #[arg(long, default_value_t = demo::Options::default().days)]
    pub days: u32,
}

/// Writes the project unless it is there, then runs it.
pub fn demo(globals: &Globals, arguments: &Arguments) -> Result<Exit> {
    let folder = globals.project_dir.join(&arguments.dir);
    let options = demo::Options {
        rows: arguments.rows,
        seed: arguments.seed,
        days: arguments.days,
    };
    let summary = demo::write_project(&folder, &options)?;
    output::message(&format!(
        "The retail project is in `{}`: {} rows in {} files, {}",
        folder.display(),
        human::count(arguments.rows),
        human::count(summary.files),
        human::bytes(summary.bytes),
    ));
    let project = settings::Project::open(&folder, globals.env.as_deref())?;
    let platform = Platform::open(project, globals.as_of)?;
    let exit = run::execute(globals, &platform, &RunRequest::default())?;
    if exit == Exit::Done && globals.quiet == 0 {
        let dir = folder.display();
        output::message(&format!(
            "\nTry next:\n  \
             sluice -C {dir} sql -c \"select * from marts.fact_sales_daily order by 1 desc limit 10\"\n  \
             sluice -C {dir} sql -c \"select _rule, count(*) from quarantine.sales group by 1 order by 2 desc\"\n  \
             sluice -C {dir} lineage fact_sales"
        ));
    }
    Ok(exit)
}
