//! `sluice source`: looks at the systems that data comes from, and drafts settings for new ones.

mod files;

use clap::{Args, Subcommand, ValueEnum};
use diagnostic::Result;
use platform::{
    DraftRequest, SourceRelation, check_source, discover_source, draft_source, source as find,
};
use serde_json::json;

use crate::arguments::{Globals, LogFormat};
use crate::commands::{Exit, open_project};
use crate::display::columns::{Align, Columns};
use crate::query_output::QueryFormat;
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
    /// Draft `sources/NAME.yml`, and contracts in `lake/`, from what is there
    Add {
        /// What the source is to be called
        #[arg(value_parser = name)]
        name: String,
        /// A folder, a location such as s3://bucket/prefix, or postgres://user@host:port/database
        place: String,
        /// The schema of a database
        #[arg(long, default_value = "public")]
        schema: String,
        /// Show the files and write none
        #[arg(long)]
        dry_run: bool,
    },
    /// Connect, and see whether every stream can be read
    Check {
        /// The source; may be left out if there is only one
        source: Option<String>,
    },
    /// List what the source has: streams with their files and columns, or tables and views
    Discover {
        /// The source; may be left out if there is only one
        source: Option<String>,
        /// How to write the list
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Show the first rows as contracts read them, with those that would be quarantined and why
    Preview {
        /// A dataset, a stream as `source.stream`, or a source
        what: String,
        /// How many rows of each dataset
        #[arg(long, value_name = "N", default_value_t = 20)]
        rows: usize,
        /// Only rows of this file
        #[arg(long, value_name = "PATH")]
        file: Option<String>,
        /// How to write the rows
        #[arg(long, value_enum, default_value_t)]
        format: QueryFormat,
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

/// A name that a source may have.
fn name(text: &str) -> Result<String, String> {
    let starts = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    match starts && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        true => Ok(text.to_owned()),
        false => {
            Err("a name takes letters, digits and `_`, and does not start with a digit".to_owned())
        }
    }
}

/// Looks.
pub fn source(globals: &Globals, arguments: &Arguments) -> Result<Exit> {
    let project = open_project(globals)?;
    match &arguments.action {
        Action::Add {
            name,
            place,
            schema,
            dry_run,
        } => {
            let request = DraftRequest {
                name: name.clone(),
                place: files::typed_place(&project, place),
                schema: schema.clone(),
            };
            add(globals, &project, &request, *dry_run)
        }
        Action::Check { source } => {
            let source = find(&project, source.as_deref())?;
            check(globals, &project, source)
        }
        Action::Discover { source, format } => {
            let source = find(&project, source.as_deref())?;
            match source.postgres() {
                Some(_) => list(&discover_source(source)?, *format),
                None => files::discover(globals, &project, source, *format),
            }
        }
        Action::Preview {
            what,
            rows,
            file,
            format,
        } => files::preview(globals, &project, what, (*rows, file.as_deref()), *format),
    }
}

fn add(
    globals: &Globals,
    project: &settings::Project,
    request: &DraftRequest,
    dry_run: bool,
) -> Result<Exit> {
    let draft = draft_source(project, request)?;
    let tells = globals.quiet == 0 && globals.log_format == LogFormat::Text;
    if dry_run {
        for (path, text) in &draft.files {
            output::line(&format!("# {}\n{text}", path.display()))?;
        }
    } else {
        draft.write(&project.root)?;
        for (path, _) in &draft.files {
            output::line(&path.display().to_string())?;
        }
    }
    for note in draft.notes.iter().filter(|_| tells) {
        output::message(&format!("note: {note}"));
    }
    if tells && !dry_run {
        output::message(&format!(
            "Look the drafts through; `sluice source preview {}` shows rows, `sluice run` loads them.",
            request.name
        ));
    }
    Ok(Exit::Done)
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
