//! Semantic models, metrics and saved queries, as dbt-core 1.12 writes them for the same project.

use std::path::Path;

use dbt::artifact::semantic_manifest::{lacks_time_spine, semantic_manifest_json};
use dbt::{Flags, Project};
use serde_json::Value as Json;

/// The JSON with the items of each list of named things in the order of their names.
fn by_name(mut json: Json) -> Json {
    for key in ["semantic_models", "metrics", "saved_queries"] {
        let list = json[key].as_array_mut().unwrap();
        list.sort_by_key(|item| item["name"].to_string());
    }
    json
}

#[test]
fn the_semantic_manifest_is_dbts() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/projects/semantic");
    let project = Project::load(&folder, Flags::default()).unwrap_or_else(|e| panic!("{e}"));
    let expected = std::fs::read_to_string(folder.join("expected_semantic_manifest.json")).unwrap();
    let expected = by_name(serde_json::from_str(&expected).unwrap());
    let found = by_name(semantic_manifest_json(&project.manifest));
    for key in ["semantic_models", "metrics", "saved_queries"] {
        let (found, expected) = (
            found[key].as_array().unwrap(),
            expected[key].as_array().unwrap(),
        );
        assert_eq!(found.len(), expected.len(), "{key}");
        for (found, expected) in found.iter().zip(expected) {
            assert_eq!(found, expected);
        }
    }
    assert_eq!(
        found["project_configuration"],
        expected["project_configuration"]
    );
    assert!(!lacks_time_spine(&project.manifest));
}

#[test]
fn semantic_models_without_a_time_spine_are_warned_of() {
    let folder = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| std::fs::write(folder.path().join(path), text).unwrap();
    std::fs::create_dir(folder.path().join("models")).unwrap();
    write("dbt_project.yml", "name: s\nversion: '1'\n");
    write("models/m.sql", "select 1 as id");
    write(
        "models/s.yml",
        "semantic_models: [{name: m, model: ref('m'), entities: [{name: id, type: primary}]}]",
    );
    let project = Project::load(folder.path(), Flags::default()).unwrap();
    let events: Vec<&str> = project.warnings.list.iter().map(|w| &*w.event).collect();
    assert_eq!(events, ["SemanticValidationFailure"]);
}
