//! Streams of files as `sluice source` shows them.

use std::path::Path;

use diagnostic::Result;
use platform::{FoundStream, discover_files, preview_source};
use serde_json::json;
use settings::{Project, SourceSpec};

use super::Format;
use crate::arguments::{Globals, LogFormat};
use crate::commands::Exit;
use crate::display::columns::{Align, Columns};
use crate::display::human;
use crate::query_output::{Form, QueryFormat, format_batches};
use crate::{output, report};

/// A folder as it was typed, from the folder where it was typed; relative to the project if it lies in it.
pub fn typed_place(project: &Project, place: &str) -> String {
    if place.contains("://") {
        return place.to_owned();
    }
    let path = match std::env::current_dir() {
        Ok(here) => here.join(place),
        Err(_) => Path::new(place).to_owned(),
    };
    // What was typed may mean a folder of the project, wherever the command runs.
    let path = if path.is_dir() {
        path
    } else {
        project.root.join(place)
    };
    path.canonicalize().unwrap_or(path).display().to_string()
}

/// Lists the streams of `source` with what their files hold.
pub fn discover(
    globals: &Globals,
    project: &Project,
    source: &SourceSpec,
    format: Format,
) -> Result<Exit> {
    let found = discover_files(project, source)?;
    for stream in &found {
        for (_, error) in &stream.inferred.failed {
            report::error(error, globals.log_format);
        }
    }
    match format {
        Format::Json => {
            for stream in &found {
                output::line(&to_json(&source.name.value, stream).to_string())?;
            }
        }
        Format::Table => {
            for stream in &found {
                show(&source.name.value, stream)?;
            }
        }
    }
    Ok(Exit::Done)
}

fn to_json(source: &str, stream: &FoundStream) -> serde_json::Value {
    let columns: Vec<_> = stream
        .inferred
        .columns
        .iter()
        .map(|column| {
            json!({
                "name": column.name,
                "header": column.header,
                "type": column.kind.to_string(),
                "formats": column.formats,
                "note": column.note,
                "example": column.example,
                "empty": column.empty,
                "unique": column.unique,
                "missing_files": column.missing,
                "from_path": column.from_path,
            })
        })
        .collect();
    json!({
        "source": source,
        "stream": stream.stream,
        "patterns": stream.patterns,
        "files": stream.files,
        "bytes": stream.bytes,
        "first": stream.ends.as_ref().map(|(first, _)| first),
        "last": stream.ends.as_ref().map(|(_, last)| last),
        "sampled_rows": stream.inferred.rows,
        "sampled_files": stream.inferred.files,
        "columns": columns,
    })
}

fn show(source: &str, stream: &FoundStream) -> Result<()> {
    output::line(&format!(
        "{source}.{}: {}, {} bytes, from {}",
        stream.stream,
        human::counted(stream.files, "file"),
        stream.bytes,
        stream.patterns.join(", ")
    ))?;
    if let Some((first, last)) = &stream.ends {
        output::line(&format!(
            "  {first} to {last}; {} of {} looked at",
            human::counted(stream.inferred.rows, "row"),
            human::counted(stream.inferred.files, "file")
        ))?;
    }
    if stream.inferred.columns.is_empty() {
        return Ok(());
    }
    let mut columns = Columns::new(&[
        ("column", Align::Left),
        ("type", Align::Left),
        ("empty", Align::Right),
        ("example", Align::Left),
        ("", Align::Left),
    ]);
    for column in &stream.inferred.columns {
        let formats = column.formats.join(", ");
        let kind = match formats.is_empty() {
            true => column.kind.to_string(),
            false => format!("{} {formats}", column.kind),
        };
        let example = column.example.as_deref().unwrap_or_default();
        let notes = [
            (column.unique && !column.from_path).then(|| "all different".to_owned()),
            column.from_path.then(|| "from the path".to_owned()),
            (column.missing > 0)
                .then(|| format!("not in {}", human::counted(column.missing, "file"))),
            column.note.clone(),
        ];
        let notes: Vec<String> = notes.into_iter().flatten().collect();
        columns.row(vec![
            column.name.clone(),
            kind,
            column.empty.to_string(),
            example.chars().take(40).collect(),
            notes.join("; "),
        ]);
    }
    output::styled_line(&columns.to_string())
}

/// Shows the first rows of what `what` means, as its contracts read them.
pub fn preview(
    globals: &Globals,
    project: &Project,
    what: &str,
    (rows, file): (usize, Option<&str>),
    format: QueryFormat,
) -> Result<Exit> {
    let mut exit = Exit::Done;
    for shown in preview_source(project, what, rows, file, globals.as_of)? {
        let preview = shown.preview;
        let text = format_batches(&preview.schema, &preview.batches, Form::Format(format))?;
        output::line(text.trim_end_matches('\n'))?;
        if globals.quiet == 0 && globals.log_format == LogFormat::Text {
            for notice in &preview.notices {
                output::message(&format!("note: {notice}"));
            }
            let dropped = match preview.discarded {
                0 => String::new(),
                dropped => format!(", {dropped} would be dropped"),
            };
            output::message(&format!(
                "`{}`: {} of {} would go to quarantine{dropped}. Nothing was written.",
                shown.dataset,
                preview.quarantined,
                human::counted(preview.rows, "row")
            ));
        }
        for (_, error) in &preview.refused {
            exit = Exit::Failed;
            report::error(error, globals.log_format);
        }
    }
    Ok(exit)
}
