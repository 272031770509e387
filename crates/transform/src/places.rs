//! Where in a model's file an error of the engine belongs: the engine knows only the statement that
//! was sent.

use std::path::Path;

use dbt::artifact::files;
use dbt::compile::CompiledNode;
use dbt::context::ProjectContext;
use diagnostic::{Error, Source};

/// Points `error` into the model's file if the line it is about stands there too, and otherwise into
/// the compiled code.
pub(crate) fn relocate(error: Error, project: &ProjectContext, compiled: &CompiledNode) -> Error {
    let Some((statement, range)) = error.place().and_then(|place| place.excerpt.clone()) else {
        return error;
    };
    let sql = compiled.sql.as_str();
    let Some(start) = statement.text.find(sql).filter(|_| !sql.trim().is_empty()) else {
        return error;
    };
    if range.start < start || range.end > start + sql.len() {
        return error;
    }
    let range = range.start - start..range.end - start;
    let found = in_file(project, compiled, sql, &range);
    match found.or_else(|| word_in_file(project, compiled, sql.get(range.clone())?)) {
        Some((source, range)) => error.moved(source.place(range)),
        None => {
            let path =
                files::target_folder(project).join(files::code_path(&compiled.node, "compiled"));
            let shown = path.strip_prefix(&project.root.root).unwrap_or(&path);
            error.moved(Source::new(shown.display().to_string(), sql).place(range))
        }
    }
}

/// The text of a node's file, and its name for messages.
fn file(project: &ProjectContext, compiled: &CompiledNode) -> Option<(String, String)> {
    let node = &compiled.node;
    let root = project.package(&node.package)?.root.as_path();
    let text = std::fs::read_to_string(root.join(&node.original_file_path)).ok()?;
    let shown = root
        .strip_prefix(&project.root.root)
        .unwrap_or(Path::new(""));
    let shown = shown.join(&node.original_file_path).display().to_string();
    Some((shown, text))
}

/// The word an error is about, where it stands once in the model's file: its line may be a template.
fn word_in_file(
    project: &ProjectContext,
    compiled: &CompiledNode,
    word: &str,
) -> Option<(Source, std::ops::Range<usize>)> {
    let plain = word
        .chars()
        .all(|c| c.is_alphanumeric() || c == '_' || c == '.');
    if word.len() < 4 || !plain {
        return None;
    }
    let (shown, text) = file(project, compiled)?;
    let (at, _) = text.match_indices(word).next()?;
    if text.matches(word).count() != 1 {
        return None;
    }
    Some((Source::new(shown, text), at..at + word.len()))
}

/// The same bytes in the model's file, if their line stands there as it is.
fn in_file(
    project: &ProjectContext,
    compiled: &CompiledNode,
    sql: &str,
    range: &std::ops::Range<usize>,
) -> Option<(Source, std::ops::Range<usize>)> {
    let (shown, text) = file(project, compiled)?;
    let line_start = sql.get(..range.start)?.rfind('\n').map_or(0, |at| at + 1);
    let line_end = sql
        .get(range.start..)?
        .find('\n')
        .map_or(sql.len(), |at| range.start + at);
    let line = sql.get(line_start..line_end)?;
    let wanted = line.trim();
    if wanted.len() < 2 {
        return None;
    }
    let mut found = None;
    let mut at = 0;
    for candidate in text.split_inclusive('\n') {
        if candidate.trim() == wanted {
            // A line that stands twice could be either.
            if found.is_some() {
                return None;
            }
            found = Some(at + (candidate.len() - candidate.trim_start().len()));
        }
        at += candidate.len();
    }
    let indent = line.len() - line.trim_start().len();
    let begin = found? + range.start.checked_sub(line_start + indent)?;
    let length = range.end.min(line_end).saturating_sub(range.start);
    let end = (begin + length).min(text.len());
    Some((Source::new(shown, text), begin..end))
}
