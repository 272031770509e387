//! `sluice source`: looks at the systems that data comes from.

use clap::{Args, Subcommand, ValueEnum};
use diagnostic::Result;
use platform::{SourceRelation, check_source, discover_source, source as find};
use serde_json::json;

use crate::arguments::{Globals, LogFormat};
use crate::commands::{Exit, open_project};
use crate::display::columns::{Align, Columns};
use crate::{output, report};

/// What to look at.
#[derive(Debug, Args)]
pub struct Arguments {
    /// What to do
    #[command(subcommand)]
    pub action: Action,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Action {
    /// Connect, and see whether every stream can be read
    Check {
        /// The source; may be left out if there is only one
        source: Option<String>,
    },
    /// List the tables and views that the source has
    Discover {
        /// The source; may be left out if there is only one
        source: Option<String>,
        /// How to write the list
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
}

/// How to write the list.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub enum Format {
    /// Aligned columns
    #[default]
    Table,
    /// One JSON object per line
    Json,
}

/// Looks.
pub fn source(globals: &Globals, arguments: &Arguments) -> Result<Exit> {
    let project = open_project(globals)?;
    match &arguments.action {
        Action::Check { source } => {
            let source = find(&project, source.as_deref())?;
            check(globals, &project, source)
        }
        Action::Discover { source, format } => {
            let found = discover_source(find(&project, source.as_deref())?)?;
            list(&found, *format)
        }
    }
}

fn check(
    globals: &Globals,
    project: &settings::Project,
    source: &settings::SourceSpec,
) -> Result<Exit> {
    let findings = check_source(project, source);
    let mut exit = Exit::Done;
    for finding in &findings {
        match &finding.found {
            Ok(found) => output::line(&format!("{}: {found}", finding.what))?,
            Err(error) => {
                exit = Exit::Failed;
                output::line(&format!("{}: does not work", finding.what))?;
                report::error(error, globals.log_format);
            }
        }
    }
    if exit == Exit::Done && globals.log_format == LogFormat::Text {
        output::message(&format!("`{}` can be read", source.name.value));
    }
    Ok(exit)
}

fn list(found: &[SourceRelation], format: Format) -> Result<Exit> {
    if let Format::Json = format {
        for table in found {
            let columns: Vec<_> = table
                .columns
                .iter()
                .map(|(name, kind)| json!({"name": name, "type": kind}))
                .collect();
            let line = json!({
                "schema": table.relation.schema,
                "name": table.relation.name,
                "kind": table.relation.kind,
                "rows": table.relation.rows,
                "key": table.key,
                "columns": columns,
            });
            output::line(&line.to_string())?;
        }
        return Ok(Exit::Done);
    }
    let mut columns = Columns::new(&[
        ("table", Align::Left),
        ("kind", Align::Left),
        ("rows", Align::Right),
        ("key", Align::Left),
        ("columns", Align::Left),
    ]);
    for table in found {
        let names: Vec<&str> = table
            .columns
            .iter()
            .map(|(name, _)| name.as_str())
            .collect();
        columns.row(vec![
            format!("{}.{}", table.relation.schema, table.relation.name),
            table.relation.kind.to_owned(),
            table
                .relation
                .rows
                .map(|rows| format!("~{rows}"))
                .unwrap_or_default(),
            table.key.join(", "),
            names.join(", "),
        ]);
    }
    output::styled_line(&columns.to_string())?;
    Ok(Exit::Done)
}
