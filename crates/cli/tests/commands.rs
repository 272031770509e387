//! Commands as a shell runs them: exit codes, stdout and stderr.

use std::path::Path;
use std::process::{Command, Output};

fn sluice(arguments: &[&str], folder: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sluice"))
        .args(arguments)
        .current_dir(folder)
        .env_remove("SLUICE_ENV")
        .env("NO_COLOR", "1")
        .output()
        .unwrap()
}

fn run(arguments: &[&str]) -> Output {
    sluice(arguments, Path::new("."))
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// How long it takes is measured by `bench/bench.py start`.
#[test]
fn the_version_needs_no_project() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("sluice.yml"), "name: [broken").unwrap();
    let output = sluice(&["--version"], folder.path());
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(
        stdout(&output),
        format!("sluice {}\n", env!("CARGO_PKG_VERSION"))
    );
}

#[test]
fn usage_mistakes_exit_with_2() {
    let output = run(&["runs"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains("a similar subcommand exists: 'run'"),
        "{}",
        stderr(&output)
    );
    assert_eq!(run(&["run", "--threads", "0"]).status.code(), Some(2));
    assert_eq!(run(&["--help"]).status.code(), Some(0));
}

#[test]
fn explains_codes() {
    let output = run(&["explain", "c0004"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(stdout(&output).starts_with("C0004: The folder holds no project\n"));
    assert!(stdout(&run(&["explain", "error[C0004]"])).starts_with("C0004"));
    let unknown = run(&["explain", "C9999"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(stderr(&unknown).starts_with("error[C0011]: No error has the code `C9999`"));
    assert!(stdout(&run(&["explain"])).lines().count() > 10);
}

#[test]
fn errors_are_json_when_asked() {
    let folder = tempfile::tempdir().unwrap();
    let output = sluice(&["--log-format", "json", "run"], folder.path());
    assert_eq!(output.status.code(), Some(2));
    let error: serde_json::Value = serde_json::from_str(stderr(&output).trim()).unwrap();
    assert_eq!(error["error"]["code"], "C0004");
}

#[test]
fn completions_name_the_commands() {
    for shell in ["bash", "zsh", "fish"] {
        let output = run(&["completions", shell]);
        assert_eq!(output.status.code(), Some(0));
        assert!(stdout(&output).contains("lineage"), "{shell}");
    }
}

#[test]
fn init_writes_a_valid_project_once() {
    let folder = tempfile::tempdir().unwrap();
    let output = sluice(&["init", "shop"], folder.path());
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(folder.path().join("shop/lake/sales.yml").is_file());
    assert_eq!(
        sluice(&["init", "shop"], folder.path()).status.code(),
        Some(2)
    );
    let doctor = sluice(&["-C", "shop", "doctor"], folder.path());
    assert_eq!(doctor.status.code(), Some(0), "{}", stdout(&doctor));
    assert!(
        stdout(&doctor).contains("1 sources, 1 datasets, dbt project in"),
        "{}",
        stdout(&doctor)
    );
}

#[test]
fn doctor_tells_what_is_broken() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("sluice.yml"), "nam: shop\n").unwrap();
    let output = sluice(&["doctor"], folder.path());
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stdout(&output).contains("error[C0003]"),
        "{}",
        stdout(&output)
    );
}

#[test]
fn what_is_piped_holds_no_colours() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(
        sluice(&["init", "shop"], folder.path()).status.code(),
        Some(0)
    );
    for arguments in [
        ["-C", "shop", "ls"].as_slice(),
        &["-C", "shop", "doctor"],
        &["explain", "C0004"],
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_sluice"))
            .args(arguments)
            .current_dir(folder.path())
            .env_remove("NO_COLOR")
            .output()
            .unwrap();
        assert!(
            !output.stdout.contains(&b'\x1b'),
            "{arguments:?}: {}",
            stdout(&output)
        );
    }
}
