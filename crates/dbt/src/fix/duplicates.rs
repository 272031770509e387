//! Keys that stand twice in one mapping: the last one counts, so the others go.

use yaml::Document;

use super::Edit;

/// The entries that do not count, where each of them has lines of its own.
pub(super) fn edits(document: &Document) -> Vec<Edit> {
    let text = document.source.text.as_ref();
    let edits = document.duplicates.iter().filter_map(|duplicate| {
        let start = duplicate.ignored.start;
        let line = text.get(..start)?.rfind('\n').map_or(0, |at| at + 1);
        let indent = text.get(line..start)?;
        if !indent.chars().all(char::is_whitespace) {
            return None;
        }
        // Its value goes as far as lines are further in, or are items of a list at its own depth.
        let mut end = line;
        for (at, part) in text.get(line..)?.split_inclusive('\n').enumerate() {
            let depth = part.len() - part.trim_start().len();
            let inside = depth > indent.len()
                || depth == indent.len() && part.trim_start().starts_with("- ");
            if at > 0 && (part.trim().is_empty() || !inside) {
                break;
            }
            end += part.len();
        }
        Some(Edit {
            range: line..end,
            text: String::new(),
            event: "DuplicateYAMLKeysDeprecation",
            what: format!("the first `{}` of two", duplicate.key),
        })
    });
    edits.collect()
}
