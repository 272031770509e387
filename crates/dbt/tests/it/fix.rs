//! `dbt fix` on a whole project: it means the same afterwards, and nothing is left to warn of.

use std::path::Path;

use dbt::{Flags, Project, fix};

const FILES: &[(&str, &str)] = &[
    (
        "dbt_project.yml",
        "name: shop\nversion: '1.0'\nsource-paths: [models]\ndata-paths: [data]\n\
         tests:\n  store_failures: false\nmodels:\n  shop:\n    # tables\n    materialized: table\n    \
         staging:\n      schema: stg\n",
    ),
    ("data/countries.csv", "id\n1\n"),
    ("models/staging/stg.sql", "select 1 as id, 'a' as status\n"),
    ("models/orders.sql", "select * from {{ ref('stg') }}\n"),
    (
        "models/schema.yml",
        "version: 2\n\nmodels:\n  - name: orders\n    description: one\n    description: two\n    \
         meta: {a: 1}   # who\n    tags: [x]\n    columns:\n      - name: status\n        tags: [c]\n        \
         tests:\n          - not_null\n          - accepted_values:\n              values: ['a']\n              \
         severity: warn\n  - name: stg\n    config:\n      enabled: true\n    group: g\n    \
         tests:\n      - unique:\n          column_name: id\n          name: own_name\n\
         sources:\n  - name: erp\n    loaded_at_field: at\n    tables:\n      - name: t\n        \
         freshness: {warn_after: {count: 1, period: day}}\n        columns:\n          - name: id\n            \
         tests: [unique, {relationships: {to: ref('stg'), field: id}}]\n\
         groups:\n  - name: g\n    owner: {name: G}\n",
    ),
];

fn load(folder: &Path) -> Project {
    Project::load(folder, Flags::default()).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn a_fixed_project_is_the_same_without_warnings() {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in FILES {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let before = load(folder.path());
    assert!(before.warnings.list.len() >= 4);
    let files = fix::fixes(&before).unwrap();
    assert_eq!(files.len(), 2);
    fix::write(&files).unwrap();
    let after = load(folder.path());
    let warnings: Vec<String> = after
        .warnings
        .list
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(warnings, Vec::<String>::new());
    fix::same(&before, &after).unwrap_or_else(|error| panic!("{error}"));
    assert!(fix::fixes(&after).unwrap().is_empty());
    let text = std::fs::read_to_string(folder.path().join("models/schema.yml")).unwrap();
    assert!(text.contains("meta: {a: 1}   # who"), "{text}");
    fix::restore(&files).unwrap();
    let text = std::fs::read_to_string(folder.path().join("models/schema.yml")).unwrap();
    assert_eq!(text, FILES[4].1);
    // A file that means something else is noticed.
    std::fs::write(folder.path().join("models/orders.sql"), "select 2").unwrap();
    assert!(fix::same(&before, &load(folder.path())).is_err());
}
