//! [`list`]: the files of a location.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use chrono::{DateTime, Utc};
use diagnostic::{Error, Result, ResultExt, codes};
use regex::Regex;

use super::Location;

/// One staged file.
#[derive(Clone, Debug)]
pub(crate) struct StagedFile {
    /// Where it is.
    pub(crate) path: PathBuf,
    /// Its name, from the stage on.
    pub(crate) name: String,
    /// Its name as METADATA$FILENAME gives it.
    pub(crate) full_name: String,
    /// Bytes.
    pub(crate) size: u64,
    /// When it was changed last.
    pub(crate) modified: DateTime<Utc>,
}

impl StagedFile {
    /// The URL of its stage.
    pub(crate) fn location(&self) -> String {
        let path = self.path.to_string_lossy();
        format!("file://{}", path.strip_suffix(&self.name).unwrap_or(&path))
    }
}

/// A regular expression that whole names have to match.
#[derive(Clone, Debug)]
pub(crate) struct Pattern(Regex);

impl Pattern {
    pub(crate) fn new(text: &str) -> Result<Self> {
        let regex = Regex::new(&format!("^(?:{text})$"));
        regex.map(Self).map_err(|cause| {
            Error::new(
                codes::E1002,
                format!("Pattern `{text}` is no regular expression"),
            )
            .because(cause)
        })
    }

    pub(crate) fn matches(&self, name: &str) -> bool {
        self.0.is_match(name)
    }
}

/// The files of `location`, by name: those whose names begin with its path, and match `pattern`.
pub(crate) fn list(location: &Location, pattern: Option<&Pattern>) -> Result<Vec<StagedFile>> {
    let mut found = Vec::new();
    let (folder, _) = match location.path.rsplit_once('/') {
        Some((folder, rest)) => (location.root.join(folder), rest),
        None => (location.root.clone(), location.path.as_str()),
    };
    walk(&folder, location, pattern, &mut found)?;
    found.sort_by(|a: &StagedFile, b: &StagedFile| a.name.cmp(&b.name));
    Ok(found)
}

fn walk(
    folder: &Path,
    location: &Location,
    pattern: Option<&Pattern>,
    found: &mut Vec<StagedFile>,
) -> Result<()> {
    let wrong = || format!("Folder `{}` cannot be listed", folder.display());
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        entries => entries.explain(codes::F1001, wrong)?,
    };
    for entry in entries {
        let path = entry.explain(codes::F1001, wrong)?.path();
        let relative = path.strip_prefix(&location.root).unwrap_or(&path);
        let name = relative.to_string_lossy().into_owned();
        let metadata = std::fs::metadata(&path).explain(codes::F1001, wrong)?;
        if metadata.is_dir() {
            let inside = format!("{name}/");
            if inside.starts_with(&location.path) || location.path.starts_with(&inside) {
                walk(&path, location, pattern, found)?;
            }
            continue;
        }
        // What PUT is still writing is no file yet.
        let unfinished = name.ends_with(".part")
            && name
                .rsplit('/')
                .next()
                .is_some_and(|base| base.starts_with('.'));
        if !name.starts_with(&location.path) || unfinished {
            continue;
        }
        let full_name = format!("{}{name}", location.prefix);
        if pattern.is_some_and(|pattern| !pattern.matches(&name) && !pattern.matches(&full_name)) {
            continue;
        }
        let modified = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        found.push(StagedFile {
            path,
            name,
            full_name,
            size: metadata.len(),
            modified: modified.into(),
        });
    }
    Ok(())
}
