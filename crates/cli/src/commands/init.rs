//! `sluice init NAME`: starts a project from a template.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use diagnostic::{Error, Result, ResultExt as _, codes};

use crate::arguments::Globals;
use crate::commands::Exit;
use crate::output;

/// Which project, where.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The folder to make, below the current one or below `-C`
    name: PathBuf,
    /// What the project starts from
    #[arg(long, value_enum, default_value_t)]
    template: Template,
}

/// What a project starts from.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Template {
    /// Daily CSV drops of sales, a lake and a star schema
    #[default]
    Retail,
}

/// Writes the template's files into a folder that is missing or empty.
pub fn init(globals: &Globals, arguments: &Arguments) -> Result<Exit> {
    let folder = globals.project_dir.join(&arguments.name);
    let occupied = match std::fs::read_dir(&folder) {
        Ok(mut entries) => entries.next().is_some(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => false,
        Err(error) => {
            return Err(error).explain(codes::C0005, || {
                format!("The folder `{}` cannot be read", folder.display())
            });
        }
    };
    if occupied {
        let message = format!("The folder `{}` is not empty", folder.display());
        return Err(Error::new(codes::C0100, message).help("choose another name, or empty it"));
    }
    match arguments.template {
        Template::Retail => demo::write_project_files(&folder)?,
    }
    let shown = folder.display();
    output::message(&format!(
        "Started a project in `{shown}`. Next:\n  \
         put CSV files into {shown}/landing/sales/run_date=2026-08-01/, \
         or set SUPERSTORE_DIR to a folder that has some\n  \
         sluice -C {shown} run\n  \
         sluice -C {shown} sql -c \"select count(*) from silver.sales\""
    ));
    Ok(Exit::Done)
}
