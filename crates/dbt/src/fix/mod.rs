//! Rewrites the forms that dbt has deprecated, which it and Sluice accept with a warning, into those
//! that replace them. Comments, quotes and layout stay as they are: only what must move is moved.
//!
//! What can be rewritten: keys of `dbt_project.yml` that were renamed and configurations without `+`;
//! in properties files `tests:`, arguments of tests outside `arguments:`, properties that moved into
//! `config:`, and keys that stand twice. What replaces them means the same, which [`same`] checks.

pub mod diff;
mod duplicates;
mod layout;
mod project_file;
mod properties;

use std::ops::Range;
use std::path::{Path, PathBuf};

use diagnostic::{Error, Result, ResultExt as _, Source, codes};
use serde_json::Value as Json;

use crate::artifact::files::write_bytes;
use crate::artifact::manifest_json::manifest_json;
use crate::load::Project;

/// A file with deprecated forms.
#[derive(Clone, Debug)]
pub struct FixedFile {
    /// Where it is.
    pub path: PathBuf,
    /// How messages name it: relative to the project.
    pub shown: String,
    /// What it said.
    pub before: String,
    /// What replaces that.
    pub after: String,
    /// What was rewritten, in the order of the file: dbt's name of the deprecation, what was done.
    pub changes: Vec<(&'static str, String)>,
}

/// One replacement of text.
#[derive(Clone, Debug)]
struct Edit {
    range: Range<usize>,
    text: String,
    event: &'static str,
    what: String,
}

/// The files of the root project that have deprecated forms. Packages are not ours to change.
///
/// # Errors
/// `D1031` for a file that cannot be read, `C0001` for one that is not YAML.
pub fn fixes(project: &Project) -> Result<Vec<FixedFile>> {
    let root = &project.context.root;
    let mut all = Vec::new();
    let settings = root.root.join("dbt_project.yml");
    all.extend(fixed(&settings, "dbt_project.yml", project_file::edits)?);
    for folder in root.property_paths() {
        for found in project
            .context
            .inventory
            .below(&root.root.join(folder))?
            .iter()
        {
            let seen = all
                .iter()
                .any(|file: &FixedFile| file.path == found.file.path);
            if !seen && matches!(found.ending(), "yml" | "yaml") {
                let shown = format!("{folder}/{}", found.relative);
                all.extend(fixed(&found.file.path, &shown, properties::edits)?);
            }
        }
    }
    Ok(all)
}

/// What a file becomes, if anything in it is deprecated.
fn fixed(
    path: &Path,
    shown: &str,
    edits: fn(&yaml::Document) -> Vec<Edit>,
) -> Result<Option<FixedFile>> {
    let before = std::fs::read_to_string(path)
        .explain(codes::D1031, || format!("`{shown}` cannot be read"))?;
    let (after, changes) = rewrite(shown, &before, edits)?;
    Ok((after != before).then(|| FixedFile {
        path: path.to_owned(),
        shown: shown.to_owned(),
        before,
        after,
        changes,
    }))
}

/// What moves may hold what else moves, so the innermost go first and the text is read again.
fn rewrite(
    shown: &str,
    text: &str,
    edits: fn(&yaml::Document) -> Vec<Edit>,
) -> Result<(String, Vec<(&'static str, String)>)> {
    const MOST_PASSES: usize = 50;
    let mut text = text.to_owned();
    let mut changes = Vec::new();
    for _ in 0..MOST_PASSES {
        let document = yaml::parse(&Source::new(shown, text.as_str()))?;
        let mut found = duplicates::edits(&document);
        if found.is_empty() {
            found = edits(&document);
        }
        let chosen = innermost(found);
        if chosen.is_empty() {
            break;
        }
        for edit in chosen.iter().rev() {
            text.replace_range(edit.range.clone(), &edit.text);
        }
        changes.extend(chosen.into_iter().map(|edit| (edit.event, edit.what)));
    }
    Ok((text, changes))
}

/// The edits that hold no others, in the order of the text.
fn innermost(mut edits: Vec<Edit>) -> Vec<Edit> {
    edits.sort_by_key(|edit| edit.range.len());
    let mut chosen: Vec<Edit> = Vec::new();
    for edit in edits {
        let apart =
            |other: &Edit| edit.range.end < other.range.start || other.range.end < edit.range.start;
        if chosen.iter().all(apart) {
            chosen.push(edit);
        }
    }
    chosen.sort_by_key(|edit| edit.range.start);
    chosen
}

/// Writes the files.
///
/// # Errors
/// `D4001`.
pub fn write(files: &[FixedFile]) -> Result<()> {
    let mut written = files
        .iter()
        .map(|file| write_bytes(&file.path, file.after.as_bytes()));
    written.try_for_each(|result| result)
}

/// Puts the files back as they were.
///
/// # Errors
/// `D4001`.
pub fn restore(files: &[FixedFile]) -> Result<()> {
    let mut written = files
        .iter()
        .map(|file| write_bytes(&file.path, file.before.as_bytes()));
    written.try_for_each(|result| result)
}

/// Checks that a project still means what it did before its files were rewritten.
///
/// # Errors
/// `X0001` with what differs: then the rewriting was wrong, not the project.
pub fn same(before: &Project, after: &Project) -> Result<()> {
    let (before, after) = (comparable(before), comparable(after));
    let Some(at) = difference("", &before, &after) else {
        return Ok(());
    };
    Err(Error::new(
        codes::X0001,
        format!("The rewritten project differs from the original at `{at}`"),
    )
    .help("nothing has been changed; please report this with the files around it"))
}

/// The manifest without what depends on the time and on the bytes of files.
fn comparable(project: &Project) -> Json {
    let mut json = manifest_json(&project.manifest, &project.context);
    json["metadata"] = Json::Null;
    strip(&mut json);
    json
}

fn strip(json: &mut Json) {
    match json {
        Json::Object(map) => {
            for key in ["created_at", "checksum", "unrendered_config"] {
                map.shift_remove(key);
            }
            map.values_mut().for_each(strip);
        }
        Json::Array(items) => items.iter_mut().for_each(strip),
        _ => {}
    }
}

/// Where two values differ first.
fn difference(path: &str, a: &Json, b: &Json) -> Option<String> {
    match (a, b) {
        (Json::Object(a), Json::Object(b)) => {
            let keys = a.keys().chain(b.keys());
            keys.into_iter().find_map(|key| {
                let none = Json::Null;
                let (a, b) = (a.get(key).unwrap_or(&none), b.get(key).unwrap_or(&none));
                difference(&format!("{path}/{key}"), a, b)
            })
        }
        _ if a == b => None,
        _ => Some(path.to_owned()),
    }
}
