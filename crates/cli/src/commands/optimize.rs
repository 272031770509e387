//! `sluice optimize`: small files of tables into larger ones.

use clap::Args;
use diagnostic::Result;
use platform::Optimized;
use serde_json::json;

use crate::arguments::{Globals, LogFormat};
use crate::commands::watch::runtime;
use crate::commands::{Exit, open_platform};
use crate::display::columns::{Align, Columns};
use crate::output;

/// Which tables and how.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The tables (`schema.table`); all of them by default
    pub tables: Vec<String>,
    /// About how large files become; those of three quarters of it stay
    #[arg(long, value_name = "SIZE", default_value = "128MiB", value_parser = parse_size)]
    pub target_size: u64,
    /// Sort all rows of these tables along a Z-curve through the columns, so that filters on any of them open few files
    #[arg(
        long,
        value_name = "COLUMNS",
        value_delimiter = ',',
        requires = "tables"
    )]
    pub zorder_by: Vec<String>,
}

/// Optimizes.
pub fn optimize(globals: &Globals, arguments: &Arguments) -> Result<Exit> {
    let platform = open_platform(globals)?;
    let work = platform.optimize(
        &arguments.tables,
        arguments.target_size,
        &arguments.zorder_by,
    );
    let optimized = runtime()?.block_on(work)?;
    if globals.log_format == LogFormat::Json {
        for table in &optimized {
            output::line(&to_json(table).to_string())?;
        }
        return Ok(Exit::Done);
    }
    if optimized.is_empty() {
        output::line("No table has small files")?;
        return Ok(Exit::Done);
    }
    let mut columns = Columns::new(&[
        ("table", Align::Left),
        ("files before", Align::Right),
        ("after", Align::Right),
        ("bytes before", Align::Right),
        ("after", Align::Right),
    ]);
    for Optimized { name, compaction } in &optimized {
        columns.row(vec![
            name.to_string(),
            compaction.removed.to_string(),
            compaction.added.to_string(),
            compaction.removed_bytes.to_string(),
            compaction.added_bytes.to_string(),
        ]);
    }
    output::styled_line(&columns.to_string())?;
    Ok(Exit::Done)
}

fn to_json(Optimized { name, compaction }: &Optimized) -> serde_json::Value {
    json!({
        "table": name.to_string(),
        "files_removed": compaction.removed,
        "files_added": compaction.added,
        "bytes_removed": compaction.removed_bytes,
        "bytes_added": compaction.added_bytes,
    })
}

fn parse_size(text: &str) -> Result<u64, String> {
    settings::parse_size(text)
        .ok_or_else(|| format!("`{text}` is no size; write it as `16MiB` or `1GB`"))
}
