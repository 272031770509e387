//! Other programs that read and write tables, run from the scripts beside this file.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use super::server::python;

/// Where a script runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// The Python that has delta-rs and DuckDB.
    Python,
    /// The Python that has Spark; `scripts/spark` installs it.
    Spark,
}

/// What the script `name` prints, given `arguments`.
pub fn run(peer: Peer, name: &str, arguments: &[String]) -> String {
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/lake")
        .join(name);
    let program = match peer {
        Peer::Python => python(),
        Peer::Spark => spark(),
    };
    let output = Command::new(&program)
        .arg("-B")
        .arg(script)
        .args(arguments)
        .env("TZ", "UTC")
        .output()
        .unwrap_or_else(|error| panic!("{}: {error}", program.display()));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name} {arguments:?}\n{errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// Lines that follow names and a tab, by name.
pub fn named_lines(printed: &str) -> BTreeMap<String, Vec<String>> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in printed.lines() {
        let (name, line) = line.split_once('\t').unwrap();
        let lines = found.entry(name.to_owned()).or_default();
        lines.push(line.to_owned());
    }
    found
}

fn spark() -> PathBuf {
    let folder = std::env::var_os("SLUICE_SPARK")
        .map(PathBuf::from)
        .unwrap_or_else(|| {
            PathBuf::from(std::env::var_os("HOME").unwrap()).join(".cache/sluice/spark")
        });
    let python = folder.join("bin/python");
    assert!(
        python.exists(),
        "run `scripts/spark` first, or `scripts/test`"
    );
    python
}
