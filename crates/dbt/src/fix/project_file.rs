//! Deprecated forms of `dbt_project.yml`.

use yaml::{Document, Node, Value};

use super::Edit;
use crate::project::file::SECTIONS;

const RENAMED: &[(&str, &str, &str)] = &[
    ("source-paths", "model-paths", "ConfigSourcePathDeprecation"),
    ("data-paths", "seed-paths", "ConfigDataPathDeprecation"),
    (
        "modules-path",
        "packages-install-path",
        "PackageInstallPathDeprecation",
    ),
    ("tests", "data_tests", "TestsConfigDeprecation"),
];

/// What of `dbt_project.yml` can be rewritten.
pub(super) fn edits(document: &Document) -> Vec<Edit> {
    let mut edits = Vec::new();
    let root = &document.root;
    for (old, new, event) in RENAMED {
        if let Some((key, _)) = root.entry(old)
            && root.get(new).is_none()
            && document.source.text.get(key.span.clone()) == Some(old)
        {
            edits.push(Edit {
                range: key.span.clone(),
                text: (*new).to_owned(),
                event,
                what: format!("`{old}` is called `{new}`"),
            });
        }
    }
    for (key, value) in root.entries() {
        if SECTIONS.contains(&key.key_text().as_str()) {
            plus(document, value, &mut edits);
        }
    }
    edits
}

/// Configurations of a section without `+`. A mapping is a folder.
fn plus(document: &Document, section: &Node, edits: &mut Vec<Edit>) {
    for (key, value) in section.entries() {
        let name = key.key_text();
        match &value.value {
            Value::Mapping(_) => {
                if !name.starts_with('+') {
                    plus(document, value, edits);
                }
            }
            Value::Null => {}
            _ if name.starts_with('+') => {}
            _ => {
                let written = document.source.text.get(key.span.clone());
                let quoted = written.is_some_and(|text| text.starts_with(['"', '\'']));
                // A key that an anchor or a merge key brings stands elsewhere.
                let stands = written.is_some_and(|text| text.trim_matches(['"', '\'']) == name);
                let at = key.span.start + usize::from(quoted);
                if stands && section.span.contains(&at) {
                    edits.push(Edit {
                        range: at..at,
                        text: "+".to_owned(),
                        event: "MissingPlusPrefixDeprecation",
                        what: format!("`+` in front of `{name}`"),
                    });
                }
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::edits;
    use crate::fix::rewrite;

    #[test]
    fn keys_are_renamed_and_get_their_plus() {
        let text = "\
name: shop
data-paths: [\"data\"]  # seeds
tests: {store_failures: true}
models:
  shop:
    # all of them
    materialized: table
    \"tags\": [a]
    staging:
      +schema: stg
      materialized: view
    meta: {owner: x}
";
        let expected = "\
name: shop
seed-paths: [\"data\"]  # seeds
data_tests: {+store_failures: true}
models:
  shop:
    # all of them
    +materialized: table
    \"+tags\": [a]
    staging:
      +schema: stg
      +materialized: view
    meta: {+owner: x}
";
        let (fixed, changes) = rewrite("dbt_project.yml", text, edits).unwrap();
        // A mapping without `+` is a folder to dbt too, whatever it was meant to be.
        assert_eq!(fixed, expected);
        assert_eq!(changes.len(), 7);
    }
}
