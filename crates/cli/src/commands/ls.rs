//! `sluice ls`: lists assets.

use asset::{AssetGraph, AssetSpec, Selected, Selection};
use clap::{Args, ValueEnum};
use diagnostic::Result;
use serde_json::json;

use crate::arguments::Globals;
use crate::commands::selection::SelectionArguments;
use crate::commands::{Exit, open_platform};
use crate::display::columns::{Align, Columns};
use crate::output;

/// What to list and how.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Which assets; all of them by default
    #[command(flatten)]
    pub selection: SelectionArguments,
    /// How to write the list
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// How to write the list.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub enum Format {
    /// Aligned columns
    #[default]
    Table,
    /// One name per line
    Names,
    /// One JSON object per line
    Json,
}

/// Lists.
pub fn ls(globals: &Globals, arguments: &Arguments) -> Result<Exit> {
    let platform = open_platform(globals)?;
    let (graph, selected) = platform.plan(&Selection::from(&arguments.selection))?;
    write_list(&graph, &selected, arguments.format)?;
    Ok(Exit::Done)
}

/// Writes the selected assets of `graph` to stdout, in build order.
pub fn write_list(graph: &AssetGraph, selected: &Selected, format: Format) -> Result<()> {
    let mut specs = selected.keys().iter().filter_map(|key| graph.get(key));
    match format {
        Format::Names => specs.try_for_each(|spec| output::line(spec.key.as_str())),
        Format::Json => specs.try_for_each(|spec| output::line(&to_json(spec).to_string())),
        Format::Table => {
            let mut columns = Columns::new(&[
                ("asset", Align::Left),
                ("kind", Align::Left),
                ("group", Align::Left),
                ("checks", Align::Right),
                ("tags", Align::Left),
                ("depends on", Align::Left),
            ]);
            for spec in specs {
                columns.row(vec![
                    spec.key.to_string(),
                    spec.kind.to_string(),
                    spec.group.clone(),
                    blank_if_zero(spec.checks.len()),
                    spec.tags.join(" "),
                    names_of(spec),
                ]);
            }
            output::styled_line(&columns.to_string())
        }
    }
}

fn blank_if_zero(count: usize) -> String {
    match count {
        0 => String::new(),
        _ => count.to_string(),
    }
}

fn names_of(spec: &AssetSpec) -> String {
    let names: Vec<&str> = spec.upstream.iter().map(asset::AssetKey::as_str).collect();
    names.join(" ")
}

fn to_json(spec: &AssetSpec) -> serde_json::Value {
    let checks: Vec<&str> = spec
        .checks
        .iter()
        .map(|check| check.name.as_str())
        .collect();
    json!({
        "key": spec.key,
        "name": spec.key.name(),
        "kind": spec.kind,
        "group": spec.group,
        "description": spec.description,
        "tags": spec.tags,
        "upstream": spec.upstream,
        "checks": checks,
    })
}
