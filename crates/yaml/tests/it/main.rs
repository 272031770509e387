//! Documents in, values and places out.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use diagnostic::Source;
use serde::Deserialize;
use serde_json::json;
use yaml::{Document, parse};

fn read(text: &str) -> Document {
    parse(&Source::new("t.yml", text)).unwrap()
}

fn refused(text: &str) -> String {
    parse(&Source::new("t.yml", text)).unwrap_err().to_string()
}

#[test]
fn spans_cover_exactly_the_value() {
    let text = "\u{feff}# ü\nname: Käse  # c\nlist:\n  - a b\n  - {x: 1, y: [2]}\nlast: |\n  t\n";
    let document = read(text);
    let at = |span: std::ops::Range<usize>| &text[span];
    let root = &document.root;
    assert_eq!(at(root.get("name").unwrap().span.clone()), "Käse");
    let list = root.get("list").unwrap();
    assert_eq!(at(list.items()[0].span.clone()), "a b");
    assert_eq!(at(list.items()[1].span.clone()), "{x: 1, y: [2]}");
    assert_eq!(at(root.entry("list").unwrap().0.span.clone()), "list");
    assert_eq!(root.get("last").unwrap().as_str(), Some("t\n"));
}

#[test]
fn anchors_merge_keys_and_duplicates() {
    let document = read(
        "base: &b {a: 1, b: 2}\nmore: &m {b: 3, c: 4}\nuse:\n  <<: [*b, *m]\n  a: 9\nx: 1\nx: 2\n",
    );
    assert_eq!(
        document.root.to_json(),
        json!({"base": {"a": 1, "b": 2}, "more": {"b": 3, "c": 4},
               "use": {"a": 9, "b": 2, "c": 4}, "x": 2})
    );
    assert_eq!(document.duplicates.len(), 1);
    assert_eq!(document.duplicates[0].key, "x");
    assert!(document.duplicates[0].ignored.start < document.duplicates[0].kept.start);
}

#[test]
fn an_empty_file_is_null() {
    assert!(read("").root.is_null());
    assert!(read("# only a comment\n").root.is_null());
    assert!(read("---\n").root.is_null());
}

#[test]
fn refusals_name_the_place() {
    assert!(refused("a: 1\n---\nb: 2\n").contains("t.yml:2:1"));
    let jinja = refused("a: {{ var('x') }}\n");
    assert!(
        jinja.contains("t.yml:1:5") && jinja.contains("quotes"),
        "{jinja}"
    );
    assert!(refused("a: [1, 2\nb: 3\n").contains("C0001"));
    assert!(refused("a: !vault x\n").contains("!vault"));
    assert!(refused("a:\n\t- b\n").contains("C0001"));
    assert!(refused(&"[".repeat(300)).contains("C0001"));
    assert!(refused(&"- ".repeat(300)).contains("nested too deeply"));
    let bomb = "a: &a [1,1,1,1,1,1,1,1,1,1]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\n\
                c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\n\
                e: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e,*e]\n\
                g: [*f,*f,*f,*f,*f,*f,*f,*f,*f,*f]\n";
    assert!(refused(bomb).contains("too many values"));
}

#[test]
fn quoted_and_block_scalars_stay_text() {
    let document = read("a: '1'\nb: \"yes\"\nc: >-\n  10\nd: 2024-01-02\n");
    assert_eq!(
        document.root.to_json(),
        json!({"a": "1", "b": "yes", "c": "10", "d": "2024-01-02"})
    );
    assert!(document.root.get("d").unwrap().plain);
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Stream {
    name: String,
    #[serde(default)]
    retries: Option<u32>,
    mode: Mode,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Mode {
    Append,
    Merge { key: Vec<String> },
}

#[test]
fn serde_types_and_their_errors() {
    let document = read("name: orders\nmode:\n  merge: {key: [id]}\n");
    let stream: Stream = document.read_root().unwrap();
    assert_eq!(
        stream.mode,
        Mode::Merge {
            key: vec!["id".to_owned()]
        }
    );
    let document = read("name: x\nmode: append\nretry: 3\n");
    let error = document.read_root::<Stream>().unwrap_err().to_string();
    assert!(
        error.contains("error[C0003]") && error.contains("t.yml:3:1"),
        "{error}"
    );
    let document = read("name: x\nmode: append\nretries: many\n");
    let error = document.read_root::<Stream>().unwrap_err().to_string();
    assert!(
        error.contains("error[C0002]") && error.contains("t.yml:3:10"),
        "{error}"
    );
    let document = read("name: x\nmode: appendd\n");
    let error = document.read_root::<Stream>().unwrap_err().to_string();
    assert!(error.contains("t.yml:2:7"), "{error}");
}

#[test]
fn brackets_and_quotes_need_no_indentation() {
    let document = read(
        "vars:\n  é: [\n  'a',\nb\n  ]\n  text: \"one\ntwo\n\n three\"\n  'k': 'it''s\n so'\nlast: x\n",
    );
    let vars = document.root.get("vars").unwrap();
    assert_eq!(
        vars.get("é").unwrap().expect_strings(&document).unwrap(),
        ["a", "b"]
    );
    assert_eq!(vars.get("text").unwrap().as_str(), Some("one two\nthree"));
    assert_eq!(vars.get("k").unwrap().as_str(), Some("it's so"));
    let last = document.root.get("last").unwrap();
    assert_eq!(&document.source.text[last.span.clone()], "x");
}

#[test]
fn typed_access_points_at_the_node() {
    let document = read("tags: [a, 1]\nname: {x: 1}\n");
    let root = &document.root;
    assert_eq!(
        root.get("tags").unwrap().expect_strings(&document).unwrap(),
        ["a", "1"]
    );
    let error = root
        .get("name")
        .unwrap()
        .expect_str(&document)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("t.yml:2:7") && error.contains("found a mapping"),
        "{error}"
    );
    let error = document
        .refuse_unknown_keys(root, &["tag", "name"])
        .unwrap_err()
        .to_string();
    assert!(error.contains("similar name exists: `tag`"), "{error}");
    assert!(document.require(root, "version").is_err());
}
