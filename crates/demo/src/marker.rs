//! `demo.json` in a demo's folder: which options it was made of, and what is true about its data.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use diagnostic::{Error, Result, ResultExt, codes};
use serde::{Deserialize, Serialize};

use crate::{Options, Summary, project};

const FILE: &str = "demo.json";

/// The generator's version: raise it when the same options give other bytes.
const GENERATOR: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Marker {
    generator: u32,
    options: Options,
    /// Missing while the demo is being written.
    summary: Option<Summary>,
}

/// The summary of a complete demo of the same options in `dir`; `None` if one may be written there.
pub(crate) fn find(dir: &Path, options: &Options) -> Result<Option<Summary>> {
    let text = match fs::read_to_string(dir.join(FILE)) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return check_empty(dir),
        Err(error) => {
            return Err(error).explain(codes::C0102, || {
                format!("`{}` cannot be read", dir.join(FILE).display())
            });
        }
    };
    let marker: Marker = serde_json::from_str(&text).explain(codes::C0100, || {
        format!("`{}` was not written by the demo", dir.join(FILE).display())
    })?;
    if marker.options != *options || marker.generator != GENERATOR {
        return Err(other_options(dir, &marker.options));
    }
    Ok(marker.summary)
}

fn other_options(dir: &Path, there: &Options) -> Error {
    Error::new(
        codes::C0101,
        format!("`{}` holds another demo", dir.display()),
    )
    .with("rows", there.rows)
    .with("seed", there.seed)
    .with("days", there.days)
    .help("name another folder with `--dir`, or remove this one")
}

fn check_empty(dir: &Path) -> Result<Option<Summary>> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(error).explain(codes::C0102, || {
                format!("`{}` cannot be used as a folder", dir.display())
            });
        }
    };
    match entries.flatten().next() {
        None => Ok(None),
        Some(entry) => Err(Error::new(
            codes::C0100,
            format!("`{}` is not empty and holds no demo", dir.display()),
        )
        .with("found", entry.file_name().to_string_lossy())
        .help("name a new folder with `--dir`")),
    }
}

/// Claims the folder, so that an interrupted demo is known as one.
pub(crate) fn begin(dir: &Path, options: &Options) -> Result<()> {
    write(dir, options, None)
}

/// Records that all files are there.
pub(crate) fn complete(dir: &Path, options: &Options, summary: &Summary) -> Result<()> {
    write(dir, options, Some(summary.clone()))
}

fn write(dir: &Path, options: &Options, summary: Option<Summary>) -> Result<()> {
    let marker = Marker {
        generator: GENERATOR,
        options: options.clone(),
        summary,
    };
    let mut text = serde_json::to_string_pretty(&marker).explain(codes::X0001, || {
        "The demo's marker cannot be written as JSON".to_owned()
    })?;
    text.push('\n');
    project::write_file(&dir.join(FILE), text.as_bytes())
}
