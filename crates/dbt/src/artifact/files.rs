//! Writes artifacts: whole or not at all, so that a reader never sees half a file.

use std::path::{Path, PathBuf};

use diagnostic::{Result, ResultExt, codes};
use serde_json::Value as Json;

use crate::context::ProjectContext;
use crate::node::{Node, ResourceType};

/// The folder of the artifacts.
#[must_use]
pub fn target_folder(project: &ProjectContext) -> PathBuf {
    match &project.flags.target_path {
        Some(path) if path.is_absolute() => path.clone(),
        Some(path) => project.root.root.join(path),
        None => project.root.root.join(&project.root.target_path),
    }
}

/// Writes `json` as `name` into the artifacts' folder.
///
/// # Errors
/// `D4001`.
pub fn write_json(project: &ProjectContext, name: &str, json: &Json) -> Result<PathBuf> {
    let path = target_folder(project).join(name);
    write_bytes(&path, json.to_string().as_bytes())?;
    Ok(path)
}

/// Where a node's code goes under `compiled/` or `run/`, relative to the artifacts' folder.
#[must_use]
pub fn code_path(node: &Node, folder: &str) -> PathBuf {
    let base = Path::new(folder).join(&node.package);
    match node.resource_type {
        // A generic test lies below the properties file it is written in.
        ResourceType::Test if node.test_metadata.is_some() => {
            base.join(&node.original_file_path).join(&node.path)
        }
        ResourceType::Snapshot
            if node.original_file_path.ends_with(".yml")
                || node.original_file_path.ends_with(".yaml") =>
        {
            base.join(&node.original_file_path)
                .join(format!("{}.sql", node.name))
        }
        ResourceType::Snapshot => {
            let file = Path::new(&node.original_file_path);
            base.join(file).join(format!("{}.sql", node.name))
        }
        ResourceType::UnitTest => base
            .join(&node.original_file_path)
            .join(format!("{}.sql", node.name)),
        ResourceType::Operation => base.join(&node.original_file_path).join(&node.path),
        _ => base.join(&node.original_file_path),
    }
}

/// Writes a node's code and returns its path relative to the project.
///
/// # Errors
/// `D4001`.
pub fn write_code(
    project: &ProjectContext,
    node: &Node,
    folder: &str,
    sql: &str,
) -> Result<String> {
    let relative = code_path(node, folder);
    let path = target_folder(project).join(&relative);
    write_bytes(&path, sql.as_bytes())?;
    let shown = path.strip_prefix(&project.root.root).unwrap_or(&path);
    Ok(shown.display().to_string())
}

/// Writes `bytes` as the file `path`.
///
/// # Errors
/// `D4001`.
pub fn write_bytes(path: &Path, bytes: &[u8]) -> Result<()> {
    let message = || format!("`{}` cannot be written", path.display());
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).explain(codes::D4001, message)?;
    }
    let partial = partial(path);
    std::fs::write(&partial, bytes).explain(codes::D4001, message)?;
    std::fs::rename(&partial, path).explain(codes::D4001, message)
}

/// Where `path` is written first, so that nobody reads half of it.
pub(super) fn partial(path: &Path) -> PathBuf {
    let unique = format!(
        "{}.{:?}.partial",
        std::process::id(),
        std::thread::current().id()
    );
    path.with_extension(unique.replace(['(', ')'], ""))
}
