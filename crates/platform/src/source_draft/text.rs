//! Writing YAML that people go on editing.

use ingest::look::{Inferred, InferredColumn};
use model::ColumnType;

/// A text as a YAML scalar that is this text in any version of YAML.
pub(super) fn scalar(text: &str) -> String {
    let plain = !text.is_empty()
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '/' | '.' | '-'))
        && !text.ends_with(':');
    // YAML 1.1 has truth values of many names.
    const WORDS: &[&str] = &["y", "n", "yes", "no", "on", "off", "true", "false", "null"];
    match plain && !WORDS.contains(&text.to_ascii_lowercase().as_str()) {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', "''")),
    }
}

/// Whether a contract or a stream may have this name.
pub(super) fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// The first of `names` and how many more there are, for a sentence.
pub(crate) fn some_of(names: &[String]) -> String {
    const SHOWN: usize = 3;
    let first: Vec<String> = names
        .iter()
        .take(SHOWN)
        .map(|name| format!("`{name}`"))
        .collect();
    match names.len().saturating_sub(SHOWN) {
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}

/// The contract `dataset` of `stream` over the columns found.
pub(super) fn contract(dataset: &str, stream: &str, files: usize, found: &Inferred) -> String {
    let mut text = format!(
        "# The contract of `{stream}`, drafted from {} rows in {} of {files} files. Types fit these rows: look them\n\
         # through. `sluice source preview {dataset}` shows what the contract makes of the files.\n\
         dataset: {}\nfrom: {stream}\ncolumns:\n",
        found.rows,
        found.files,
        scalar(dataset),
    );
    let mut keys = Vec::new();
    for column in &found.columns {
        if !is_name(&column.name) {
            text.push_str(&format!(
                "  # `{}` is left out: names of columns take letters, digits and `_`. Bronze keeps it.\n",
                column.header.replace(['\n', '\r'], " ")
            ));
            continue;
        }
        if column.unique && !column.from_path && is_key(column) {
            keys.push(column.name.as_str());
        }
        let line = format!("  {}: {}", scalar(&column.name), kind(column));
        let notes = notes(column);
        match notes.is_empty() {
            true => text.push_str(&line),
            false => text.push_str(&format!("{line:<48}  # {}", notes.join("; "))),
        }
        text.push('\n');
    }
    keys.sort_by_key(|name| (!name.ends_with("id"), *name != "id"));
    match keys.first() {
        Some(key) => {
            let all = keys.join("`, `");
            text.push_str(&format!(
                "# Every row of the sample has its own `{all}`. To keep the newest row of each key only:\n\
                 # deduplicate: {{key: [{key}]}}\n# write: merge\n\
                 # rules:\n#   - {{name: missing_{key}, when: {key} is null, reason: The {} is missing}}\n",
                key.replace('_', " ")
            ));
        }
        None => text.push_str(
            "# No column had another value in each row. To keep one row of each key:\n\
             # deduplicate: {key: [first_column, second_column], latest_by: [changed_at]}\n# write: merge\n",
        ),
    }
    if found.columns.iter().any(|column| column.missing > 0) {
        text.push_str("# Some files lack a column: it is NULL in their rows.\nschema_contract: {missing_column: evolve}\n");
    }
    text
}

fn kind(column: &InferredColumn) -> String {
    let kind = match column.kind {
        ColumnType::Varchar => "text".to_owned(),
        ColumnType::Number { precision, scale } => format!("number({precision},{scale})"),
        other => other.to_string().to_ascii_lowercase(),
    };
    let quoted = if kind.contains('(') {
        format!("'{kind}'")
    } else {
        kind
    };
    let clean = column.blanks && column.kind == ColumnType::Varchar;
    match (column.formats.is_empty(), clean) {
        (true, false) => quoted,
        (true, true) => "{type: text, clean: [trim]}".to_owned(),
        (false, _) => {
            let formats: Vec<String> = column.formats.iter().map(|format| scalar(format)).collect();
            format!("{{type: {quoted}, formats: [{}]}}", formats.join(", "))
        }
    }
}

/// Whether a column of its type may be a key.
fn is_key(column: &InferredColumn) -> bool {
    match column.kind {
        ColumnType::Varchar => true,
        ColumnType::Number { scale, .. } => scale == 0,
        _ => false,
    }
}

fn notes(column: &InferredColumn) -> Vec<String> {
    let mut notes = Vec::new();
    if column.from_path {
        notes.push("from the path".to_owned());
    }
    if column.empty > 0 {
        notes.push("some rows have no value".to_owned());
    }
    if column.missing > 0 {
        notes.push("some files lack it".to_owned());
    }
    notes.extend(column.note.clone());
    notes
}

#[cfg(test)]
mod tests {
    use super::scalar;

    #[test]
    fn scalars_are_texts_in_any_yaml() {
        for (text, written) in [
            ("orders", "orders"),
            ("no", "'no'"),
            ("On", "'On'"),
            ("*.csv", "'*.csv'"),
            ("it's", "'it''s'"),
            ("12", "'12'"),
            ("a b", "'a b'"),
            ("", "''"),
        ] {
            assert_eq!(scalar(text), written);
        }
    }
}
