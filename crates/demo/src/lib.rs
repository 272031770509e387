//! The demo: the retail example as a project folder, with generated sales files that are as dirty as
//! real ones, and the truth about what is in them.
//!
//! Files are a function of [`Options`]: the same options give the same bytes on every machine, in any
//! number of threads, because each row is drawn from its own place in a ChaCha stream. For the same
//! reason memory does not grow with the number of rows.

mod calendar;
mod draws;
mod drop_file;
mod marker;
mod names;
mod plan;
mod project;
mod render;
mod sale;
mod truth;
mod world;

use std::ops::{AddAssign, Range};
use std::path::Path;

use diagnostic::Result;
use serde::{Deserialize, Serialize};

pub use project::{PROJECT, ProjectFile};
pub use truth::{Rules, Silver, Truth};

/// What to generate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Options {
    /// Rows in all files together, dirty ones and duplicates included.
    pub rows: u64,
    /// What makes one generated world different from another.
    pub seed: u64,
    /// Daily drops, the first one on 2026-08-01.
    pub days: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            rows: 50_000,
            seed: 42,
            days: 10,
        }
    }
}

/// What was written, and what a pipeline that obeys the contract must find in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Data files.
    pub files: u64,
    /// Bytes of the data files, as stored.
    pub bytes: u64,
    /// What is in them.
    pub truth: Truth,
}

impl AddAssign for Summary {
    fn add_assign(&mut self, other: Self) {
        self.files += other.files;
        self.bytes += other.bytes;
        self.truth += other.truth;
    }
}

/// Writes the retail project and all its drops into `dir`, which may be missing or empty.
///
/// A folder that already holds the demo of the same options is left as it is, so that the owner's
/// changes to the project survive, and its summary is returned again. An interrupted demo is written
/// again.
///
/// # Errors
/// `C0100` if the folder holds something else, `C0101` if it holds the demo of other options, `C0102`
/// if a file cannot be written, `C0103` if the options make no sense.
pub fn write_project(dir: &Path, options: &Options) -> Result<Summary> {
    write_project_in_two(dir, options, options.days, |_| Ok(()))
}

/// As [`write_project`], but with a pause after the drops of the first `days`: `meanwhile` may run the
/// pipeline on them, so that snapshots see products and stores before and after they change. It is not
/// called for a demo that is complete already.
///
/// # Errors
/// Those of [`write_project`], and those of `meanwhile`.
pub fn write_project_in_two(
    dir: &Path,
    options: &Options,
    days: u32,
    meanwhile: impl FnOnce(&Summary) -> Result<()>,
) -> Result<Summary> {
    plan::check(options)?;
    if let Some(summary) = marker::find(dir, options)? {
        return Ok(summary);
    }
    let days = days.min(options.days);
    marker::begin(dir, options)?;
    write_project_files(dir)?;
    let mut summary = write_drops(dir, options, 0..days)?;
    meanwhile(&summary)?;
    summary += write_drops(dir, options, days..options.days)?;
    marker::complete(dir, options, &summary)?;
    Ok(summary)
}

/// Writes the project's files without data: `sluice.yml`, the contract, the dbt project.
///
/// # Errors
/// `C0102` if a file cannot be written.
pub fn write_project_files(dir: &Path) -> Result<()> {
    project::write(dir)
}

/// Writes the drops of some days, counted from 0, below `dir/landing/sales`. The truths of
/// consecutive ranges add up to the truth of the whole.
///
/// # Errors
/// `C0102` if a file cannot be written, `C0103` if the options make no sense.
pub fn write_drops(dir: &Path, options: &Options, days: Range<u32>) -> Result<Summary> {
    plan::check(options)?;
    drop_file::write_all(dir, options, days)
}
