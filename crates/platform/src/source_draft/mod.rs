//! `sluice source add`: settings for a source, and contracts for its streams, drafted from what is there. What is
//! drafted is read as a project before anybody gets it, and nothing that exists is replaced.

mod files;
mod group;
mod postgres;
mod text;

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use diagnostic::{Error, Result, ResultExt, codes};
use settings::{Project, SourceSpec};
use tempfile::TempDir;

/// A source to draft.
#[derive(Clone, Debug)]
pub struct DraftRequest {
    /// What it is to be called.
    pub name: String,
    /// A folder, a location such as `s3://bucket/prefix`, or `postgres://user@host:port/database`.
    pub place: String,
    /// The schema of a database.
    pub schema: String,
}

/// Project files that are not written yet.
#[derive(Clone, Debug, Default)]
pub struct Draft {
    /// Their paths below the project's folder, and their text.
    pub files: Vec<(PathBuf, String)>,
    /// What a person should know, in sentences.
    pub notes: Vec<String>,
}

/// Streams for what a source holds and no stream of it reads.
#[derive(Clone, Debug, Default)]
pub(crate) struct NewStreams {
    /// What they are called.
    pub(crate) names: Vec<String>,
    /// They, as items of a list in YAML.
    pub(crate) streams: String,
    /// Datasets and their contracts.
    pub(crate) contracts: Vec<(String, String)>,
    /// What a person should know, in sentences.
    pub(crate) notes: Vec<String>,
}

pub(crate) use files::draft_new as draft_new_files;
pub(crate) use postgres::{draft_new as draft_new_tables, unread as unread_tables};
pub(crate) use text::some_of;

/// Drafts what `request` asks for. Blocks.
///
/// # Errors
/// `C0015` if the project has such a source or file, `F1009` if nothing there can be read as rows, and what reaching
/// the place says.
pub fn draft_source(project: &Project, request: &DraftRequest) -> Result<Draft> {
    let name = &request.name;
    if project
        .sources
        .iter()
        .any(|source| source.name.value == *name)
    {
        return Err(taken(&format!("the source `{name}`")));
    }
    let draft = match request.place.split_once("://") {
        Some(("postgres" | "postgresql", _)) => postgres::draft(request)?,
        _ => files::draft(project, request)?,
    };
    for (path, _) in &draft.files {
        if project.root.join(path).exists() {
            return Err(taken(&format!("`{}`", path.display())));
        }
    }
    Ok(draft)
}

fn taken(what: &str) -> Error {
    Error::new(codes::C0015, format!("The project has {what} already"))
        .help("give the source another name, or move what is there out of the way")
}

impl Draft {
    /// Writes the files below `root`, all of them or none.
    ///
    /// # Errors
    /// `C0015` if one of them exists by now, `C0012` if one cannot be written.
    pub fn write(&self, root: &Path) -> Result<()> {
        let mut written: Vec<PathBuf> = Vec::new();
        for (path, text) in &self.files {
            let path = root.join(path);
            if let Err(error) = write_new(&path, text) {
                for path in &written {
                    // The first error is the one to tell.
                    let _ = fs::remove_file(path);
                }
                return Err(error);
            }
            written.push(path);
        }
        Ok(())
    }
}

fn write_new(path: &Path, text: &str) -> Result<()> {
    let cannot = || format!("`{}` cannot be written", path.display());
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).explain(codes::C0012, cannot)?;
    }
    let file = OpenOptions::new().write(true).create_new(true).open(path);
    let mut file = match file {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            return Err(taken(&format!("`{}`", path.display())));
        }
        file => file.explain(codes::C0012, cannot)?,
    };
    let done = file
        .write_all(text.as_bytes())
        .and_then(|()| file.sync_all());
    if done.is_err() {
        let _ = fs::remove_file(path);
    }
    done.explain(codes::C0012, cannot)
}

/// A project that holds nothing but a draft, to read it as one.
struct Trial {
    folder: TempDir,
}

impl Trial {
    fn new() -> Result<Self> {
        let cannot = || "A temporary folder cannot be made".to_owned();
        let folder = tempfile::tempdir().explain(codes::C0012, cannot)?;
        let trial = Self { folder };
        trial.put("sluice.yml", "name: draft\n")?;
        Ok(trial)
    }

    fn put(&self, path: &str, text: &str) -> Result<()> {
        let path = self.folder.path().join(path);
        let cannot = || format!("`{}` cannot be written", path.display());
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).explain(codes::C0012, cannot)?;
        }
        fs::write(&path, text).explain(codes::C0012, cannot)
    }

    fn open(&self) -> Result<Project> {
        Project::open(self.folder.path(), None)
    }

    /// The only source.
    fn source(&self) -> Result<SourceSpec> {
        let mut sources = self.open()?.sources;
        sources
            .pop()
            .ok_or_else(|| Error::new(codes::X0001, "A draft has no source"))
    }
}
