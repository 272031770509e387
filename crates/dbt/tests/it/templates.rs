//! What templates may rely on besides the words themselves: variables that are templates, names that are
//! no package, files that are only half Jinja, folders that two packages share.

use std::path::Path;
use std::sync::Arc;

use dbt::artifact::run_results::{NodeResult, Status, end_of_run};
use dbt::{Compiler, Flags, Project};

use crate::projects::Engine;

fn write(root: &Path, files: &[(&str, &str)]) {
    for (name, text) in files {
        let path = root.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
}

fn load(files: &[(&str, &str)]) -> (tempfile::TempDir, Project) {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), files);
    let project = Project::load(folder.path(), Flags::default()).unwrap_or_else(|e| panic!("{e}"));
    (folder, project)
}

fn compiled(project: &Project, id: &str) -> String {
    let node = compile(project, id).unwrap_or_else(|e| panic!("{e}"));
    node.trim().to_owned()
}

fn compile(project: &Project, id: &str) -> diagnostic::Result<String> {
    let compiler = Compiler::new(project, Some(Arc::new(Engine))).without_files();
    Ok(compiler.compile(id)?.sql)
}

const SETTINGS: &str = "name: shop\nvars:\n  events: \"{{ ref('raw_events') }}\"\n";

#[test]
fn a_variable_may_be_a_template() {
    let (_folder, project) = load(&[
        ("dbt_project.yml", SETTINGS),
        ("models/raw_events.sql", "select 1 as id"),
        ("models/events.sql", "select * from {{ var('events') }}"),
    ]);
    let node = &project.manifest.nodes["model.shop.events"];
    assert_eq!(node.depends_on.nodes, ["model.shop.raw_events"]);
    let sql = compiled(&project, "model.shop.events");
    assert!(sql.to_lowercase().ends_with("raw_events"), "{sql}");
}

#[test]
fn a_variable_that_is_not_set_matters_when_a_model_is_compiled() {
    let (_folder, project) = load(&[
        ("dbt_project.yml", "name: shop\n"),
        (
            "models/off.sql",
            "{{ config(enabled=var('on', false)) }} select '{{ var('nowhere') }}'",
        ),
        ("models/on.sql", "select '{{ var('nowhere') }}'"),
    ]);
    assert!(!project.manifest.nodes.contains_key("model.shop.off"));
    let error = compile(&project, "model.shop.on").unwrap_err();
    assert_eq!(error.code().id, "D2001");
}

#[test]
fn dispatch_over_a_name_that_is_no_package_searches_from_the_caller() {
    let (_folder, project) = load(&[
        ("dbt_project.yml", "name: shop\n"),
        (
            "macros/shorter.sql",
            "{% macro shorter(x) %}{{ return(adapter.dispatch('shorter', 'macros')(x)) }}{% endmacro %}\n\
             {% macro default__shorter(x) %}left({{ x }}, 1){% endmacro %}",
        ),
        ("models/m.sql", "select {{ shorter('a') }}"),
    ]);
    assert_eq!(compiled(&project, "model.shop.m"), "select left(a, 1)");
}

#[test]
fn templates_add_names_to_their_context() {
    let (_folder, project) = load(&[
        ("dbt_project.yml", "name: shop\n"),
        (
            "macros/mark.sql",
            "{% macro mark() %}{% do context.update({'MARK': 'here'}) %}{% endmacro %}\n\
             {% macro marked() %}{{ context.get('MARK', 'nowhere') }}{% endmacro %}",
        ),
        (
            "models/m.sql",
            "select '{{ marked() }}{{ mark() }}{{ marked() }}{{ MARK }}'",
        ),
    ]);
    assert_eq!(
        compiled(&project, "model.shop.m"),
        "select 'nowhereherehere'"
    );
}

#[test]
fn text_between_blocks_need_not_be_jinja_and_docs_are_rendered() {
    let (_folder, project) = load(&[
        ("dbt_project.yml", "name: shop\n"),
        (
            "macros/one.sql",
            "{% see https://example.com %}\n{% macro one() %}1{% endmacro %}",
        ),
        (
            "models/docs.md",
            "Write {% see %}: {{ ( }}\n{% docs one %}{% raw %}{{ x }}{% endraw %} is one{% enddocs %}",
        ),
        ("models/m.sql", "select {{ one() }}"),
    ]);
    let docs: Vec<&str> = (project.manifest.docs.values())
        .filter(|doc| doc.package == "shop")
        .map(|doc| doc.block_contents.as_str())
        .collect();
    assert_eq!(docs, ["{{ x }} is one"]);
    assert_eq!(compiled(&project, "model.shop.m"), "select 1");
}

#[test]
fn the_configuration_of_a_result_has_every_key() {
    let (_folder, project) = load(&[
        (
            "dbt_project.yml",
            "name: shop\non-run-end: \"{% for r in results %}{{ r.node.config.no_such_key is none }} \
             {{ r.node.config['materialized'] }} {{ r.node.config.get('tags') }}{% endfor %}\"\n",
        ),
        ("models/m.sql", "select 1 as id"),
    ]);
    let hook = Arc::clone(project.manifest.hooks(&project.context.root.name, true)[0]);
    let results = [NodeResult::new("model.shop.m", Status::Success)];
    let end = end_of_run(&project.manifest, &results);
    let compiler = Compiler::new(&project, Some(Arc::new(Engine))).without_files();
    let text = compiler.compile_hook(&hook, &end).unwrap();
    assert_eq!(text, "True view []");
}

#[test]
fn a_folder_that_two_packages_ask_for_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    write(
        folder.path(),
        &[
            ("dbt_project.yml", "name: tools\n"),
            ("macros/one.sql", "{% macro one() %}1{% endmacro %}"),
            ("sub/dbt_project.yml", "name: sub\n"),
            ("sub/packages.yml", "packages:\n  - local: ../\n"),
            ("shop/dbt_project.yml", "name: shop\n"),
            (
                "shop/packages.yml",
                "packages:\n  - local: ../\n  - local: ../sub\n",
            ),
        ],
    );
    let shop = folder.path().join("shop");
    let flags = Flags::default();
    let locked = dbt::load::install(&shop, &flags, &[], false, true).unwrap();
    assert_eq!(locked.len(), 2);
    assert!(shop.join("package-lock.yml").is_file());
    assert!(!shop.join("dbt_packages").exists());
    let installed = dbt::load::install(&shop, &flags, &[], false, false).unwrap();
    let names: Vec<&str> = installed.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["tools", "sub"]);
    assert!(folder.path().join("macros/one.sql").is_file());
}

#[test]
fn a_node_depends_on_what_its_hooks_refer_to() {
    let (_folder, project) = load(&[
        ("dbt_project.yml", "name: shop\n"),
        (
            "macros/log_to.sql",
            "{% macro log_to(name) %}insert into {{ ref(name) }} select '{{ this }}'{% endmacro %}",
        ),
        ("models/loads.sql", "select 'x' as relation"),
        (
            "models/m.sql",
            "{{ config(post_hook=\"{{ log_to('loads') }}\") }} select 1 as id",
        ),
    ]);
    let depends = &project.manifest.nodes["model.shop.m"].depends_on;
    assert_eq!(depends.nodes, ["model.shop.loads"]);
    assert_eq!(depends.macros, ["macro.shop.log_to"]);
}

#[test]
fn a_series_has_as_many_bits_as_it_needs() {
    let (_folder, project) = load(&[
        ("dbt_project.yml", "name: shop\n"),
        ("models/series.sql", "{{ dbt.generate_series(8) }}"),
    ]);
    let sql = compiled(&project, "model.shop.series");
    assert!(
        sql.contains("bits as b2") && !sql.contains("bits as b3"),
        "{sql}"
    );
}

#[test]
fn a_test_of_what_is_not_there_is_left_out() {
    let (_folder, project) = load(&[
        ("dbt_project.yml", "name: shop\n"),
        ("tests/model.sql", "select * from {{ ref('gone') }}"),
        (
            "tests/source.sql",
            "select * from {{ source('gone', 'gone') }}",
        ),
    ]);
    assert!(project.manifest.nodes.is_empty());
    assert_eq!(project.manifest.disabled.len(), 2);
    assert_eq!(project.warnings.list.len(), 2);
}
