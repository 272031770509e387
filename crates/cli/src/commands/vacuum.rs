//! `sluice vacuum`: removes the files that no version within retention needs.

use chrono::Duration;
use clap::Args;
use diagnostic::Result;
use platform::{Vacuum, Vacuumed};
use serde_json::json;

use crate::arguments::{Globals, LogFormat};
use crate::commands::watch::runtime;
use crate::commands::{Exit, open_platform};
use crate::display::columns::{Align, Columns};
use crate::output;

/// What to remove.
#[derive(Debug, Args)]
pub struct Arguments {
    /// List what would be removed, and remove nothing
    #[arg(long)]
    pub dry_run: bool,
    /// How far back time travel and UNDROP reach from now on, where a table does not declare
    /// DATA_RETENTION_TIME_IN_DAYS
    #[arg(long, value_name = "DAYS", default_value_t = 7)]
    pub retention: u32,
}

/// Removes, or lists.
pub fn vacuum(globals: &Globals, arguments: &Arguments) -> Result<Exit> {
    let platform = open_platform(globals)?;
    let wanted = Vacuum {
        retention: Duration::days(arguments.retention.into()),
        dry_run: arguments.dry_run,
    };
    let vacuumed = runtime()?.block_on(platform.vacuum(&wanted))?;
    if globals.log_format == LogFormat::Json {
        for table in &vacuumed {
            output::line(&to_json(table, arguments.dry_run).to_string())?;
        }
        return Ok(Exit::Done);
    }
    if vacuumed.is_empty() {
        output::line("Every file is needed")?;
        return Ok(Exit::Done);
    }
    if arguments.dry_run {
        for table in &vacuumed {
            for name in table.data.iter().chain(&table.log) {
                output::line(&format!("{}/{name}", table.location))?;
            }
        }
    }
    let mut columns = Columns::new(&[
        ("table", Align::Left),
        ("data files", Align::Right),
        ("log files", Align::Right),
        ("bytes", Align::Right),
        ("", Align::Left),
    ]);
    for table in &vacuumed {
        columns.row(vec![
            table.location.clone(),
            table.data.len().to_string(),
            table.log.len().to_string(),
            table.bytes.to_string(),
            if table.whole { "all of it" } else { "" }.to_owned(),
        ]);
    }
    output::styled_line(&columns.to_string())?;
    if arguments.dry_run {
        output::message("Nothing was removed (--dry-run)");
    }
    Ok(Exit::Done)
}

fn to_json(table: &Vacuumed, dry_run: bool) -> serde_json::Value {
    json!({
        "location": table.location,
        "data": table.data,
        "log": table.log,
        "bytes": table.bytes,
        "whole": table.whole,
        "dry_run": dry_run,
    })
}
