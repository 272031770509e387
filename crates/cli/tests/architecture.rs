//! `ARCHITECTURE.md` against `cargo metadata`: every crate is listed, and arrows point down.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Floors by crate, from lines like ``| 3 | `sql` | … |``.
fn floors() -> BTreeMap<String, u32> {
    let text = std::fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let mut floors = BTreeMap::new();
    for line in text.lines() {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, floor, name, ..] = cells.as_slice() else {
            continue;
        };
        let (Ok(floor), Some(name)) = (floor.parse(), name.strip_prefix('`')) else {
            continue;
        };
        let name = name.trim_end_matches('`').to_owned();
        assert_eq!(
            floors.insert(name.clone(), floor),
            None,
            "`{name}` is listed twice"
        );
    }
    assert!(!floors.is_empty(), "ARCHITECTURE.md has no table of floors");
    floors
}

/// Crates of the workspace by folder, with the folders they depend on.
fn crates() -> BTreeMap<String, Vec<String>> {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--no-deps",
            "--offline",
            "--format-version",
            "1",
        ])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let folder = |path: &str| {
        Path::new(path)
            .file_name()
            .unwrap()
            .to_string_lossy()
            .into_owned()
    };
    let mut crates = BTreeMap::new();
    for package in metadata["packages"].as_array().unwrap() {
        let manifest = Path::new(package["manifest_path"].as_str().unwrap());
        let name = folder(manifest.parent().unwrap().to_str().unwrap());
        let dependencies = package["dependencies"].as_array().unwrap().iter();
        let ours = dependencies
            .filter_map(|dependency| dependency["path"].as_str())
            .map(folder);
        crates.insert(name, ours.collect());
    }
    crates
}

#[test]
fn every_crate_has_a_floor_and_every_floor_its_crates() {
    let listed: Vec<String> = floors().into_keys().collect();
    let present: Vec<String> = crates().into_keys().collect();
    assert_eq!(listed, present, "left: ARCHITECTURE.md, right: crates/");
}

#[test]
fn arrows_point_down() {
    let floors = floors();
    let mut wrong = Vec::new();
    for (name, dependencies) in crates() {
        for dependency in dependencies {
            let (from, to) = (floors.get(&name), floors.get(&dependency));
            if from <= to {
                wrong.push(format!(
                    "{name} (floor {from:?}) uses {dependency} (floor {to:?})"
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
