//! `sluice dbt docs generate`: manifest.json and catalog.json for documentation sites.

use dbt::artifact::files;
use diagnostic::Result;
use platform::DbtWork;
use serde_json::{Map, Value as Json};

use super::command_line::DbtLine;
use super::invocation::{open, select};
use super::work;
use crate::arguments::Globals;
use crate::commands::Exit;
use crate::commands::watch::runtime;

/// Writes the artifacts. The web page itself is dbt's and is not written.
pub fn generate(globals: &Globals, line: &DbtLine, no_compile: bool, empty: bool) -> Result<Exit> {
    let opened = open(globals, line)?;
    let invocation = &opened.invocation;
    let mut exit = Exit::Done;
    if no_compile {
        invocation.write_manifest(&[])?;
    } else {
        let ids = invocation.workable(&select(&opened, line)?, DbtWork::Compile);
        exit = work::execute(globals, line, &opened, DbtWork::Compile, &ids, &[])?;
    }
    let mut catalog = runtime()?.block_on(invocation.catalog_json())?;
    if empty {
        for kind in ["nodes", "sources"] {
            catalog[kind] = Json::Object(Map::new());
        }
    }
    let context = &invocation.project().context;
    let path = files::write_json(context, "catalog.json", &catalog)?;
    opened
        .lines
        .say(&format!("Catalog written to {}", path.display()))?;
    opened.lines.say(
        "index.html is not written: use these artifacts with a documentation site of your choice",
    )?;
    Ok(exit)
}
