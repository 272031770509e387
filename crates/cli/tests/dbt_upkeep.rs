//! `sluice dbt init`, `fix`, `--sample` and the parse cache, as somebody at a shell sees them.

use std::path::Path;
use std::process::Command;

struct Folder(tempfile::TempDir);

impl Folder {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        for (name, text) in files {
            folder.write(name, text);
        }
        folder
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.0.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.0.path().join(name)).unwrap()
    }

    /// The exit code and output of a command.
    fn sluice(&self, line: &[&str]) -> (Option<i32>, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_sluice"))
            .args(line)
            .current_dir(self.0.path())
            .env("NO_COLOR", "1")
            .env("HOME", self.0.path())
            .env_remove("SLUICE_ENV")
            .stdin(std::process::Stdio::null())
            .output()
            .unwrap();
        let mut text = String::from_utf8(output.stdout).unwrap();
        text.push_str(&String::from_utf8(output.stderr).unwrap());
        (output.status.code(), text)
    }

    fn dbt(&self, line: &str) -> (Option<i32>, String) {
        let mut words = vec!["dbt"];
        words.extend(line.split_whitespace());
        self.sluice(&words)
    }
}

#[test]
fn a_new_project_builds() {
    let folder = Folder::new(&[]);
    let (code, text) = folder.dbt("init");
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("sluice dbt init my_project"), "{text}");
    assert_eq!(folder.dbt("init 1shop").0, Some(2));
    let (code, text) = folder.dbt("init shop");
    assert_eq!(code, Some(0), "{text}");
    assert!(folder.read("shop/profiles.yml").starts_with("shop:\n"));
    let (code, text) = folder.sluice(&["-C", "shop", "dbt", "build"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("PASS=6 WARN=0 ERROR=0"), "{text}");
    assert_eq!(folder.dbt("init shop").0, Some(2));
    let (code, _) = folder.dbt("init other --skip-profile-setup");
    assert_eq!(code, Some(0));
    assert!(!folder.0.path().join("other/profiles.yml").exists());
    // In a project without a profile, `init` writes one; it keeps the one that is there.
    let in_project = |line: &[&str]| folder.sluice(&[&["-C", "other"], line].concat());
    assert_eq!(in_project(&["dbt", "init"]).0, Some(0));
    let written = folder.read("other/profiles.yml");
    assert!(in_project(&["dbt", "init"]).1.contains("it is kept"));
    assert_eq!(folder.read("other/profiles.yml"), written);
}

#[test]
fn fix_shows_and_rewrites() {
    let old =
        "models:\n  - name: m\n    tests:\n      - unique:\n          column_name: id # key\n";
    let folder = Folder::new(&[
        (
            "dbt_project.yml",
            "name: shop\nmodels: {shop: {materialized: view}}\n",
        ),
        ("models/m.sql", "select 1 as id"),
        ("models/m.yml", old),
    ]);
    let (code, text) = folder.dbt("fix --dry-run");
    assert_eq!(code, Some(0), "{text}");
    assert!(
        text.contains(
            "-models: {shop: {materialized: view}}\n+models: {shop: {+materialized: view}}"
        ),
        "{text}"
    );
    assert_eq!(folder.read("models/m.yml"), old);
    let (code, text) = folder.dbt("fix");
    assert_eq!(code, Some(0), "{text}");
    assert_eq!(
        folder.read("models/m.yml"),
        "models:\n  - name: m\n    data_tests:\n      - unique:\n          arguments:\n            \
         column_name: id # key\n"
    );
    assert!(folder.dbt("fix").1.contains("Nothing to rewrite."));
    assert!(!folder.dbt("parse").1.contains("outside `arguments:`"));
}

const EVENTS: &[(&str, &str)] = &[
    ("dbt_project.yml", "name: shop\nseeds: {+event_time: at}\n"),
    (
        "seeds/events.csv",
        "id,at\n1,2024-01-01\n2,2024-01-02\n3,2024-01-03\n",
    ),
    (
        "models/all.sql",
        "{{ config(materialized='table', alias='copy') }} select * from {{ ref('events') }}",
    ),
];

#[test]
fn a_sample_reads_a_span_of_event_time() {
    let folder = Folder::new(EVENTS);
    let rows = |line: &[&str]| {
        let (code, text) = folder.sluice(line);
        assert_eq!(code, Some(0), "{text}");
        folder
            .sluice(&[
                "sql",
                "-q",
                "--format",
                "csv",
                "-c",
                "select count(*) n from copy",
            ])
            .1
    };
    assert_eq!(rows(&["dbt", "build"]), "N\n3\n");
    let span = "{start: '2024-01-02', end: '2024-01-03'}";
    assert_eq!(rows(&["dbt", "run", "--sample", span]), "N\n1\n");
    assert_eq!(rows(&["dbt", "run", "--sample", "1 hour"]), "N\n0\n");
    assert_eq!(rows(&["dbt", "seed", "--empty"]), "N\n0\n");
    assert_eq!(rows(&["dbt", "run"]), "N\n0\n");
    assert_eq!(folder.dbt("run --sample soon").0, Some(2));
}

#[test]
fn flags_that_would_be_ignored_are_refused() {
    let folder = Folder::new(EVENTS);
    for line in [
        "parse --upload-to-artifacts-ingest-api",
        "parse -r timing.json",
        "clean --no-clean-project-files-only",
    ] {
        let (code, text) = folder.dbt(line);
        assert_eq!(code, Some(2), "{line}: {text}");
        assert!(text.contains("E2001"), "{line}: {text}");
    }
}

#[test]
fn the_project_and_the_environment_set_flags() {
    let folder = Folder::new(&[
        ("dbt_project.yml", "name: shop\nflags: {warn_error: true}\n"),
        ("models/m.sql", "select 1 as id"),
        ("models/m.yml", "models: [{name: gone}]"),
    ]);
    assert_eq!(folder.dbt("parse").0, Some(2));
    assert_eq!(folder.dbt("parse --no-warn-error").0, Some(0));
    folder.write(
        "dbt_project.yml",
        "name: shop\nflags: {write_json: false}\n",
    );
    std::fs::remove_dir_all(folder.0.path().join("target")).unwrap();
    assert_eq!(folder.dbt("parse").0, Some(0));
    let written = |name: &str| Path::new(&folder.0.path().join("target").join(name)).exists();
    assert!(!written("manifest.json"));
    assert_eq!(folder.dbt("parse --write-json").0, Some(0));
    assert!(written("manifest.json") && written("semantic_manifest.json"));
}

#[test]
fn what_a_command_tells_is_kept_in_a_log() {
    let folder = Folder::new(&[
        ("dbt_project.yml", "name: shop\n"),
        (
            "models/m.sql",
            "{{ log('quietly noted') }} {{ log('said aloud', info=true) }} select 1 as id",
        ),
    ]);
    let (code, text) = folder.dbt("run --no-use-colors-file");
    assert_eq!(code, Some(0), "{text}");
    assert!(!text.contains("quietly noted"), "{text}");
    let log = folder.read("logs/dbt.log");
    for line in [
        "[info ] [MainThread]: Running with sluice=",
        "]: said aloud",
        "[debug] ",
        "]: quietly noted",
        "1 of 1 OK created sql view model",
        "]: Done. PASS=1",
    ] {
        assert!(log.contains(line), "{line}: {log}");
    }
    let (code, text) = folder.dbt("run --debug --log-path told --log-format-file json --quiet");
    assert_eq!(code, Some(0), "{text}");
    let lines = folder.read("told/dbt.log");
    for line in lines.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(line["info"]["name"].is_string() && line["data"].is_object());
    }
    assert!(lines.contains("JinjaLogDebug"), "{lines}");
    let (code, text) = folder.dbt("run --log-level-file none --log-path none");
    assert_eq!(code, Some(0), "{text}");
    assert!(!folder.0.path().join("none").exists());
}

#[test]
fn a_hook_that_fails_counts_as_an_error() {
    let folder = Folder::new(&[
        (
            "dbt_project.yml",
            "name: shop\non-run-end: [select 1, select no_such_column, select 2]\n",
        ),
        ("models/m.sql", "select 1 as id"),
    ]);
    let (code, text) = folder.dbt("run");
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("ERROR=1"), "{text}");
    let results: serde_json::Value =
        serde_json::from_str(&folder.read("target/run_results.json")).unwrap();
    let statuses: Vec<&str> = (results["results"].as_array().unwrap().iter())
        .filter(|result| {
            result["unique_id"]
                .as_str()
                .unwrap()
                .starts_with("operation.")
        })
        .map(|result| result["status"].as_str().unwrap())
        .collect();
    assert_eq!(statuses, ["success", "error", "skipped"]);
}
