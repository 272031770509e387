//! Deprecated forms of properties files.

use yaml::{Document, Node, Value};

use super::Edit;
use super::layout::{Piece, Pieces};
use crate::parse::generic_test::CONFIG_KEYS;

const ARGUMENTS: &str = "MissingArgumentsPropertyInGenericTestDeprecation";
const MOVED: &str = "PropertyMovedToConfigDeprecation";
const TESTS: &str = "TestsConfigDeprecation";

/// Properties of models, seeds, snapshots and analyses that are configuration.
const OF_NODES: &[&str] = &["tags", "meta", "docs", "group", "access"];
/// The same of sources and their tables.
const OF_SOURCES: &[&str] = &[
    "tags",
    "meta",
    "freshness",
    "loaded_at_field",
    "loaded_at_query",
];
/// The same of columns and exposures.
const OF_OTHERS: &[&str] = &["tags", "meta"];

/// What of a properties file can be rewritten.
pub(super) fn edits(document: &Document) -> Vec<Edit> {
    let mut rules = Rules {
        document,
        edits: Vec::new(),
    };
    for (kind, moved) in [
        ("models", OF_NODES),
        ("seeds", OF_NODES),
        ("snapshots", OF_NODES),
        ("analyses", OF_NODES),
        ("exposures", OF_OTHERS),
    ] {
        for entry in items(&document.root, kind) {
            rules.resource(entry, moved);
        }
    }
    for source in items(&document.root, "sources") {
        rules.moved(source, OF_SOURCES);
        for table in items(source, "tables") {
            rules.resource(table, OF_SOURCES);
        }
    }
    rules.edits
}

fn items<'n>(node: &'n Node, key: &str) -> &'n [Node] {
    node.get(key).map(Node::items).unwrap_or_default()
}

struct Rules<'d> {
    document: &'d Document,
    edits: Vec<Edit>,
}

impl Rules<'_> {
    /// A resource with tests, columns and versions.
    fn resource(&mut self, entry: &Node, moved: &[&str]) {
        self.moved(entry, moved);
        self.tests(entry);
        for column in items(entry, "columns") {
            self.moved(column, OF_OTHERS);
            self.tests(column);
        }
        for version in items(entry, "versions") {
            self.resource(version, &[]);
        }
    }

    /// `tests:` and the arguments of what stands under it.
    fn tests(&mut self, entry: &Node) {
        if let Some((key, _)) = entry.entry("tests")
            && entry.get("data_tests").is_none()
            && self.document.source.text.get(key.span.clone()) == Some("tests")
        {
            self.edits.push(Edit {
                range: key.span.clone(),
                text: "data_tests".to_owned(),
                event: TESTS,
                what: "`tests` is called `data_tests`".to_owned(),
            });
        }
        for key in ["tests", "data_tests"] {
            for test in items(entry, key) {
                self.test(test);
            }
        }
    }

    /// Arguments of a test that stand outside `arguments:`.
    fn test(&mut self, test: &Node) {
        let (name, mapping) = match test.entries() {
            _ if test.get("test_name").is_some() => {
                let name = test.get("test_name").and_then(Node::as_str);
                (name.unwrap_or_default().to_owned(), test)
            }
            [(name, value)] => (name.key_text(), value),
            _ => return,
        };
        if !matches!(mapping.value, Value::Mapping(_)) || mapping.get("arguments").is_some() {
            return;
        }
        let Some(pieces) = Pieces::of(self.document, mapping) else {
            return;
        };
        let stays = |piece: &&Piece| {
            let own = ["config", "name", "description", "test_name"];
            own.contains(&piece.key.as_str()) || CONFIG_KEYS.contains(&piece.key.as_str())
        };
        let arguments: Vec<Piece> = pieces
            .entries
            .iter()
            .filter(|p| !stays(p))
            .cloned()
            .collect();
        if arguments.is_empty() {
            return;
        }
        let first = pieces.entries.iter().position(|piece| !stays(&piece));
        let mut entries: Vec<Piece> = pieces.entries.iter().filter(stays).cloned().collect();
        entries.insert(
            first.unwrap_or_default(),
            pieces.nest("arguments", &arguments),
        );
        let names: Vec<&str> = arguments.iter().map(|piece| piece.key.as_str()).collect();
        self.edits.push(Edit {
            text: pieces.render(&entries),
            range: pieces.range,
            event: ARGUMENTS,
            what: format!(
                "`{}` of test `{name}` under `arguments`",
                names.join("`, `")
            ),
        });
    }

    /// Properties that moved into `config:`.
    fn moved(&mut self, entry: &Node, keys: &[&str]) {
        let Some(pieces) = Pieces::of(self.document, entry) else {
            return;
        };
        let config = entry.get("config");
        // What stands in both places adds up, which one place cannot say.
        let goes = |piece: &&Piece| {
            keys.contains(&piece.key.as_str())
                && config.is_none_or(|config| config.get(&piece.key).is_none())
                && entry.get(&piece.key).is_some_and(|value| !value.is_null())
        };
        let moved: Vec<Piece> = pieces.entries.iter().filter(goes).cloned().collect();
        let Some(first) = pieces.entries.iter().position(|piece| goes(&piece)) else {
            return;
        };
        let mut entries = Vec::with_capacity(pieces.entries.len());
        for (at, piece) in pieces.entries.iter().enumerate() {
            match (config, piece.key.as_str()) {
                (Some(config), "config") => {
                    let Some(added) = pieces.add(self.document, config, piece, &moved) else {
                        return;
                    };
                    entries.push(added);
                }
                _ if at == first && config.is_none() => {
                    entries.push(pieces.nest("config", &moved));
                }
                _ if goes(&piece) => {}
                _ => entries.push(piece.clone()),
            }
        }
        let name = entry.get("name").and_then(Node::as_str).unwrap_or_default();
        let names: Vec<&str> = moved.iter().map(|piece| piece.key.as_str()).collect();
        self.edits.push(Edit {
            text: pieces.render(&entries),
            range: pieces.range,
            event: MOVED,
            what: format!("`{}` of `{name}` under `config`", names.join("`, `")),
        });
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::edits;
    use crate::fix::rewrite;

    fn fixed(text: &str) -> String {
        rewrite("schema.yml", text, edits).unwrap().0
    }

    #[test]
    fn arguments_of_tests_are_nested() {
        let text = "\
models:
  - name: orders  # facts
    columns:
      - name: status
        tests:
          - unique
          # only these
          - accepted_values:
              # all of them
              values: ['a', 'b']   # short
              severity: warn
              quote: false
          - relationships: {to: ref('x'), field: id, severity: warn}
          - name: own
            test_name: not_in
            values:
              - 1
              - 2
";
        let expected = "\
models:
  - name: orders  # facts
    columns:
      - name: status
        data_tests:
          - unique
          # only these
          - accepted_values:
              # all of them
              arguments:
                values: ['a', 'b']   # short
                quote: false
              severity: warn
          - relationships: {arguments: {to: ref('x'), field: id}, severity: warn}
          - name: own
            test_name: not_in
            arguments:
              values:
                - 1
                - 2
";
        assert_eq!(fixed(expected), expected);
        // A comment above the first entry of a mapping stands outside of it.
        assert_eq!(fixed(text), expected);
    }

    #[test]
    fn properties_move_into_config() {
        let text = "\
models:
  - name: a
    meta:
      owner: x  # who
    # why
    tags: [t]
    columns:
      - {name: id, tags: [k], data_tests: [unique]}
  - name: b
    config:
      materialized: table
    # for all
    access: public
    description: B
  - name: c
    config: {materialized: view}
    group: g
  - name: d
    tags: [one]
    config: {tags: [two]}
sources:
  - name: erp
    loaded_at_field: at
    freshness:
      warn_after: {count: 1, period: day}
    tables:
      - name: t
        tags: x
";
        let expected = "\
models:
  - name: a
    config:
      meta:
        owner: x  # who
      # why
      tags: [t]
    columns:
      - {name: id, config: {tags: [k]}, data_tests: [unique]}
  - name: b
    config:
      materialized: table
      # for all
      access: public
    description: B
  - name: c
    config: {materialized: view, group: g}
  - name: d
    tags: [one]
    config: {tags: [two]}
sources:
  - name: erp
    config:
      loaded_at_field: at
      freshness:
        warn_after: {count: 1, period: day}
    tables:
      - name: t
        config:
          tags: x
";
        assert_eq!(fixed(text), expected);
    }

    #[test]
    fn of_two_keys_the_last_one_stays() {
        let text =
            "models:\n  - name: a\n    description: one\n    # which\n    description: two\n";
        let fixed = fixed(text);
        assert_eq!(
            fixed,
            "models:\n  - name: a\n    # which\n    description: two\n"
        );
    }

    #[test]
    fn what_is_shared_by_anchors_is_left_alone() {
        let text = "\
anchors:
  - &shared {values: [1]}
models:
  - name: a
    data_tests:
      - accepted_values:
          <<: *shared
          quote: false
";
        assert_eq!(fixed(text), text);
    }
}
