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

fn is_dbts(project: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/projects")
        .join(project);
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
fn the_semantic_manifest_is_dbts() {
    is_dbts("semantic");
}

#[test]
fn semantic_models_of_columns_are_dbts() {
    is_dbts("semantic_columns");
}

#[test]
fn what_metricflow_refuses_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| std::fs::write(folder.path().join(path), text).unwrap();
    let refused = || match Project::load(folder.path(), Flags::default()) {
        Ok(_) => String::new(),
        Err(error) => error.to_string(),
    };
    std::fs::create_dir(folder.path().join("models")).unwrap();
    write("dbt_project.yml", "name: s\nversion: '1'\n");
    write("models/m.sql", "select 1 as id");
    let model =
        "semantic_models: [{name: m, model: ref('m'), entities: [{name: id, type: primary}]}]";
    write("models/s.yml", model);
    assert!(refused().contains("need a time spine"));
    write("models/metricflow_time_spine.sql", "select 1 as date_day");
    assert_eq!(refused(), "");
    let metric = "metrics: [{name: n, label: n, type: simple, type_params: {measure: c}}]";
    let measure = "semantic_models: [{name: m, model: ref('m'), primary_entity: x, \
                   measures: [{name: c, agg: count, expr: id}], entities: [{name: id, type: primary}]}]";
    write("models/s.yml", &format!("{measure}\n{metric}\n"));
    let all = refused();
    for part in [
        "a primary entity besides `primary_entity: x`",
        "The measure `c` of `m` has no `agg_time_dimension:`",
        "The metric `n` has a name of less than two characters",
    ] {
        assert!(all.contains(part), "{all}");
    }
    // Of the new form.
    let entry = "models: [{name: m, semantic_model: true, columns: [{name: id, dimension: time}], \
                 metrics: [{name: orders, type: simple}]}]";
    write("models/s.yml", entry);
    assert!(
        refused().contains("needs a `granularity:`"),
        "{}",
        refused()
    );
    write(
        "models/s.yml",
        &entry.replace(", dimension: time", ", entity: primary"),
    );
    assert!(refused().contains("`orders` needs `agg:`"), "{}", refused());
}
