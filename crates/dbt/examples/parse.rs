//! Parses the dbt projects given as arguments, compiles what needs no engine, and tells how long it
//! took; manifest and compiled code go to `target/`: `cargo run --release -p dbt --example parse -- FOLDER…`.
#![allow(clippy::print_stdout)]

use std::path::Path;
use std::time::Instant;

use dbt::{Compiler, Flags, Project};

fn main() -> diagnostic::Result<()> {
    for folder in std::env::args().skip(1) {
        let start = Instant::now();
        let project = Project::load(Path::new(&folder), Flags::from_process())?;
        let parsed = start.elapsed();
        for warning in &project.warnings.list {
            println!("warning: {warning}");
        }
        let compiler = Compiler::new(&project, None);
        let nodes = &project.manifest.nodes;
        let mut failed = 0;
        let ids = nodes.iter().filter(|(_, node)| node.unit_test.is_none());
        for error in ids.filter_map(|(id, _)| compiler.compile(id).err()) {
            failed += 1;
            println!("{error}");
        }
        let compiled = start.elapsed() - parsed;
        let json = dbt::manifest::manifest_json(&project.manifest, &project.context);
        dbt::artifact::files::write_json(&project.context, "manifest.json", &json)?;
        let json = json.to_string();
        println!(
            "{folder}: {} nodes, {} warnings, parsed in {parsed:?}, compiled in {compiled:?} \
             ({failed} failed), manifest of {} kB",
            nodes.len(),
            project.warnings.list.len(),
            json.len() / 1000
        );
    }
    Ok(())
}
