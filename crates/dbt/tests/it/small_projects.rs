//! Small projects of a few files: what is selected, what is left out, what is worth a warning.

use dbt::{Flags, Project, SelectArguments};

use super::projects::select;

/// A project of the files given, each with its text.
fn written(files: &[(&str, &str)]) -> (tempfile::TempDir, Project) {
    let folder = tempfile::tempdir().unwrap();
    let common = [
        ("dbt_project.yml", "name: shop\nprofile: shop\n"),
        (
            "profiles.yml",
            "shop:\n  target: dev\n  outputs:\n    \
             dev: {type: snowflake, account: a, user: u, database: D, schema: S}\n",
        ),
    ];
    for (name, text) in common.iter().chain(files) {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let project = Project::load(folder.path(), Flags::default());
    (folder, project.unwrap_or_else(|error| panic!("{error}")))
}

fn warnings(project: &Project) -> Vec<(&str, &str)> {
    let all = project.warnings.list.iter();
    all.map(|warning| (&*warning.event, warning.message.as_str()))
        .collect()
}

#[test]
fn files_without_code_and_ignored_ones_are_not_worked_on() {
    let (_folder, project) = written(&[
        (".dbtignore", "models/draft*.sql\nold/\n"),
        ("models/a.SQL", "select 1 as id"),
        ("models/blank.sql", "\n  \n"),
        ("models/draft_b.sql", "select {{ wrong"),
        ("models/old/c.sql", "select {{ wrong"),
    ]);
    assert_eq!(select(&project, &[], &[]), ["model.shop.a"]);
    let arguments = SelectArguments {
        without_code: true,
        ..SelectArguments::default()
    };
    let mut shown = project.select(&arguments, None).unwrap();
    shown.sort();
    assert_eq!(shown, ["model.shop.a", "model.shop.blank"]);
}

#[test]
fn dialects_that_are_not_translated_are_told_of() {
    for (kind, told) in [("duckdb", None), ("spark", Some("SQL for `spark` is read"))] {
        let profiles = format!(
            "shop:\n  target: dev\n  outputs:\n    dev: {{type: {kind}, path: shop.db, schema: s}}\n"
        );
        let (_folder, project) = written(&[("profiles.yml", &profiles)]);
        let found = warnings(&project);
        let found = found
            .iter()
            .find(|(event, _)| *event == "DialectNotTranslated");
        assert_eq!(found.is_some(), told.is_some(), "{kind}");
        assert!(
            found.is_none_or(|(_, message)| told.is_some_and(|told| message.starts_with(told)))
        );
    }
}

#[test]
fn selectors_versions_and_unit_tests_are_found_by_pattern() {
    let version = "select 1 as id";
    let (_folder, project) = written(&[
        ("models/a.sql", version),
        ("models/b.sql", version),
        ("models/v_v1.sql", version),
        ("models/v_v2.sql", version),
        ("models/v_vnext.sql", version),
        (
            "models/all.yml",
            "models:\n  - name: v\n    latest_version: 2\n    \
             versions: [{v: 1}, {v: 2}, {v: next}]\n\
             unit_tests:\n  - name: adds_up\n    model: a\n    given: []\n    \
             expect: {rows: [{id: 1}]}\n",
        ),
        (
            "selectors.yml",
            "selectors:\n  - {name: one_a, definition: a}\n  - {name: one_b, definition: b}\n  \
             - {name: other, definition: v}\n",
        ),
    ]);
    let models = |criterion: &str| {
        let mut found = select(&project, &[criterion], &[]);
        found.retain(|id| id.starts_with("model."));
        found
    };
    assert_eq!(models("selector:one_?"), ["model.shop.a", "model.shop.b"]);
    assert_eq!(models("version:prerelease"), ["model.shop.v.vnext"]);
    assert_eq!(models("version:old"), ["model.shop.v.v1"]);
    assert_eq!(
        select(&project, &["test_name:adds*"], &[]),
        ["unit_test.shop.a.adds_up"]
    );
}

#[test]
fn tests_under_the_key_of_another_kind_are_of_that_node() {
    let (_folder, project) = written(&[
        ("seeds/days.csv", "day\n1\n"),
        (
            "models/days.yml",
            "models:\n  - name: days\n    description: Not the seed's.\n    columns:\n      \
             - {name: day, data_tests: [not_null]}\n",
        ),
    ]);
    let seed = &project.manifest.nodes["seed.shop.days"];
    assert_eq!(seed.description, "");
    let found = select(&project, &["days"], &[]);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[1].starts_with("test.shop.not_null_days_day."));
    let told = warnings(&project);
    assert!(
        matches!(told.as_slice(), [("WrongResourceSchemaFile", text)] if text.contains("`seeds:`"))
    );
}

#[test]
fn deprecated_models_unused_paths_and_odd_names_are_worth_a_warning() {
    let (_folder, project) = written(&[
        (
            "dbt_project.yml",
            "name: shop\nprofile: shop\nmodels:\n  shop:\n    here: {+tags: x}\n    \
             gone: {+tags: x}\nseeds:\n  +quote_columns: true\n",
        ),
        ("models/here/past.sql", "select 1 as id"),
        ("models/here/future_v1.sql", "select 1 as id"),
        ("models/here/future_v2.sql", "select 1 as id"),
        ("models/here/old.sql", "select * from {{ ref('past') }}"),
        (
            "models/here/new.sql",
            "select * from {{ ref('future', v=1) }}",
        ),
        (
            "models/all.yml",
            "models:\n  - {name: past, deprecation_date: 2001-01-01}\n  - name: future\n    \
             latest_version: 2\n    \
             versions: [{v: 1, deprecation_date: 2999-01-01 00:00:00.00+00:00}, {v: 2}]\n\
             exposures:\n  - name: a page\n    type: dashboard\n    owner: {name: me}\n",
        ),
    ]);
    let told = warnings(&project);
    let events: Vec<&str> = told.iter().map(|(event, _)| *event).collect();
    assert_eq!(
        events,
        [
            "ExposureNameDeprecation",
            "UpcomingReferenceDeprecation",
            "DeprecatedModel",
            "DeprecatedReference",
            "UnusedResourceConfigPath"
        ],
        "{told:?}"
    );
    assert!(
        told[1]
            .1
            .ends_with("Try it out: {{ ref('shop', 'future', v='2') }}.")
    );
    assert!(
        told[2]
            .1
            .contains("Model past has passed its deprecation date of 2001-01-01")
    );
    assert!(
        told[4]
            .1
            .ends_with("There are 2 unused configuration paths:\n- models.shop.gone\n- seeds")
    );
}

#[test]
fn macros_are_described_below_config_too() {
    let (_folder, project) = written(&[
        ("macros/m.sql", "{% macro m() %}{% endmacro %}"),
        (
            "macros/m.yml",
            "macros:\n  - name: m\n    meta: {a: 1, b: 1}\n    \
             config: {meta: {b: 2}, docs: {show: false}}\n",
        ),
    ]);
    let item = &project.manifest.macros["macro.shop.m"];
    assert_eq!(
        serde_json::json!(item.meta),
        serde_json::json!({"a": 1, "b": 2})
    );
    assert_eq!(
        item.docs,
        serde_json::json!({"show": false, "node_color": null})
    );
}

#[test]
fn variables_stand_in_a_file_of_their_own_and_docs_beside_tests() {
    let (_folder, project) = written(&[
        ("vars.yml", "vars: {id: 3, folder: data}\n"),
        (
            "dbt_project.yml",
            "name: shop\nprofile: shop\nmodel-paths: [\"{{ var('folder') }}\"]\n",
        ),
        ("data/a.sql", "select {{ var('id') }} as id"),
        ("tests/a.md", "{% docs a %}What a is.{% enddocs %}"),
        (
            "data/a.yml",
            "models: [{name: a, description: \"{{ doc('a') }}\"}]\n",
        ),
    ]);
    let a = &project.manifest.nodes["model.shop.a"];
    assert_eq!(a.description, "What a is.");
    let compiled = dbt::Compiler::new(&project, None).without_files();
    let compiled = compiled.compile("model.shop.a").unwrap();
    assert_eq!(compiled.sql, "select 3 as id");
}

#[test]
fn names_with_spaces_are_worth_a_warning_where_the_project_wants_them() {
    let (_folder, project) = written(&[
        (
            "dbt_project.yml",
            "name: shop\nprofile: shop\nflags: {require_resource_names_without_spaces: false}\n",
        ),
        ("models/a b.sql", "select 1 as id"),
    ]);
    assert_eq!(
        warnings(&project),
        [(
            "ResourceNamesWithSpacesDeprecation",
            "The name of `model.shop.a b` holds a space"
        )]
    );
}

#[test]
fn code_that_is_no_python_is_refused_where_there_is_a_python() {
    let python = std::process::Command::new("python3").arg("-V").output();
    if !python.is_ok_and(|done| done.status.success()) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("dbt_project.yml", "name: shop\n"),
        (
            "models/a.py",
            "\ndef model(dbt, session)\n    return dbt.ref('b')\n",
        ),
    ] {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let error = Project::load(folder.path(), Flags::default())
        .err()
        .unwrap();
    let said = error.to_string();
    assert!(
        said.starts_with("error[D1051]: The code of `a` is no Python: "),
        "{said}"
    );
    assert!(said.contains("models/a.py:2:"), "{said}");
}

#[test]
fn analyses_are_named_by_their_folders_where_the_project_wants_it() {
    for (flag, fqn, owner) in [
        (false, "shop.analysis.sub.a", "models"),
        (true, "shop.sub.a", "analyses"),
    ] {
        let text = format!(
            "name: shop\nprofile: shop\nflags: {{require_corrected_analysis_fqns: {flag}}}\n\
             models: {{shop: {{+meta: {{of: models}}}}}}\nanalyses: {{shop: {{+meta: {{of: analyses}}}}}}\n"
        );
        let (_folder, project) = written(&[
            ("dbt_project.yml", &text),
            ("analyses/sub/a.sql", "select 1"),
        ]);
        let a = &project.manifest.nodes["analysis.shop.a"];
        assert_eq!(a.fqn.join("."), fqn);
        assert_eq!(a.config.0["meta"]["of"], owner);
    }
}
