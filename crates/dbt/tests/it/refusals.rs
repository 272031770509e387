//! Diagnostics as documents: a small project and the error it gets, on one page each.
//!
//! `UPDATE=1` writes what the errors say now into the pages.

use std::path::Path;
use std::sync::Arc;

use dbt::{Compiler, Flags, Project};

/// The blocks of a page: what follows the fence, and the text.
fn blocks(page: &str) -> Vec<(String, String)> {
    let mut blocks = Vec::new();
    let mut open: Option<(String, String)> = None;
    for line in page.lines() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(info)) => open = Some((info.to_owned(), String::new())),
            (Some(_), Some("")) => blocks.extend(open.take()),
            (Some((_, text)), _) => {
                text.push_str(line);
                text.push('\n');
            }
            (None, None) => {}
        }
    }
    blocks
}

fn error_of(folder: &Path) -> String {
    let project = match Project::load(folder, Flags::default()) {
        Ok(project) => project,
        Err(error) => return error.to_string(),
    };
    let compiler = Compiler::new(&project, Some(Arc::new(super::projects::Engine))).without_files();
    let errors = project
        .manifest
        .nodes
        .keys()
        .filter_map(|id| compiler.compile(id).err());
    diagnostic::Error::join(errors)
        .map(|error| error.to_string())
        .unwrap_or_default()
}

#[test]
fn errors_read_as_their_pages_say() {
    let pages = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/diagnostics");
    let mut wrong = Vec::new();
    let mut seen = 0;
    for entry in std::fs::read_dir(pages).unwrap() {
        let path = entry.unwrap().path();
        let page = std::fs::read_to_string(&path).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("dbt_project.yml", "name: shop\nprofile: shop\n");
        let mut expected = String::new();
        for (info, text) in blocks(&page) {
            match info.strip_prefix("file ") {
                Some(name) => write(name, &text),
                None => expected = text,
            }
        }
        let shown = folder.path().canonicalize().unwrap();
        let found = error_of(folder.path()).replace(&shown.display().to_string(), "<project>");
        let found = format!("{}\n", found.trim_end());
        seen += 1;
        if found == expected {
            continue;
        }
        if std::env::var("UPDATE").is_ok() {
            let start = page.find("```error").unwrap();
            let page = format!("{}```error\n{found}```\n", &page[..start]);
            std::fs::write(&path, page).unwrap();
        }
        wrong.push(format!(
            "{}\n--- expected\n{expected}--- found\n{found}",
            path.display()
        ));
    }
    assert!(seen > 8);
    assert!(
        wrong.is_empty() || std::env::var("UPDATE").is_ok(),
        "{}",
        wrong.join("\n")
    );
}
