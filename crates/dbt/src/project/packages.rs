//! Which packages a project has: those installed by `deps` and the local ones it names.

use std::path::{Path, PathBuf};

use diagnostic::{Error, Result, Source, codes};
use yaml::Node;

use super::file::ProjectFile;
use crate::warning::Warnings;

/// The folders of the packages: everything in `packages-install-path`, and `local:` packages.
///
/// # Errors
/// `D1021` if packages.yml names packages and none is installed.
pub fn folders(root: &ProjectFile, warnings: &mut Warnings) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut wanted = Vec::new();
    for name in ["packages.yml", "dependencies.yml"] {
        let path = root.root.join(name);
        let Ok(text) = std::fs::read_to_string(&path) else {
            continue;
        };
        let document = yaml::parse(&Source::new(name, text))?;
        warnings.duplicate_keys(&document);
        for package in document
            .root
            .get("packages")
            .map(Node::items)
            .unwrap_or_default()
        {
            match package.get("local").and_then(Node::as_str) {
                Some(local) => {
                    let folder = root.root.join(local);
                    if !folder.join("dbt_project.yml").is_file() {
                        let message = format!("The local package `{local}` has no dbt_project.yml");
                        return Err(Error::new(codes::D1021, message)
                            .at(document.source.place(package.span.clone())));
                    }
                    found.push(folder);
                }
                None => wanted.push((document.source.clone(), package.clone())),
            }
        }
    }
    let installed = root.root.join(&root.packages_install_path);
    let mut installed_folders = subfolders(&installed);
    if let (Some((source, package)), true) = (wanted.first(), installed_folders.is_empty()) {
        let message = format!(
            "{} packages are asked for, but none is installed in `{}`",
            wanted.len(),
            root.packages_install_path
        );
        return Err(Error::new(codes::D1021, message)
            .at(source.place(package.span.clone()))
            .help("run `sluice dbt deps`"));
    }
    // `deps` installs local packages as links; the installed one is the same package.
    found.retain(|local| {
        let same = |folder: &PathBuf| folder.canonicalize().ok() == local.canonicalize().ok();
        !installed_folders.iter().any(same)
    });
    installed_folders.append(&mut found);
    Ok(installed_folders)
}

fn subfolders(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let paths = entries.filter_map(|entry| entry.ok().map(|entry| entry.path()));
    let mut folders: Vec<PathBuf> = paths
        .filter(|path| path.join("dbt_project.yml").is_file())
        .collect();
    folders.sort();
    folders
}

/// Refuses two packages of one name.
///
/// # Errors
/// `D1022`.
pub fn refuse_twins(root: &ProjectFile, packages: &[ProjectFile]) -> Result<()> {
    let mut seen = vec![root];
    for package in packages {
        if let Some(other) = seen.iter().find(|other| other.name == package.name) {
            let message = format!("Two packages are called `{}`", package.name);
            return Err(Error::new(codes::D1022, message)
                .with("first", other.root.display())
                .with("second", package.root.display()));
        }
        seen.push(package);
    }
    Ok(())
}
