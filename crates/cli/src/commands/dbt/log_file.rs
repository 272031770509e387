//! `logs/dbt.log`, as dbt writes it: everything a command tells, and more than it shows.
//!
//! <https://docs.getdbt.com/reference/global-configs/logs>

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use chrono::Utc;
use diagnostic::{Result, ResultExt as _, codes};

use super::command_line::{Common, DbtLogFormat};

/// How large a file grows before it is kept as `dbt.log.1`, unless the command says so.
const MAX_BYTES: u64 = 10 * 1024 * 1024;

/// How many old files are kept.
const KEPT: usize = 5;

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// For whoever looks for a fault.
    Debug,
    /// What people see.
    Info,
    /// What may be wrong.
    Warn,
    /// What went wrong.
    Error,
}

impl Level {
    /// Its name in lines.
    pub fn name(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }

    fn named(name: &str) -> Option<Self> {
        [Self::Debug, Self::Info, Self::Warn, Self::Error]
            .into_iter()
            .find(|level| level.name().eq_ignore_ascii_case(name))
    }
}

/// The file, written in large pieces: what is left is written when it is dropped.
#[derive(Debug)]
pub struct LogFile {
    least: Level,
    /// One JSON object per line.
    pub json: bool,
    colours: bool,
    max_bytes: u64,
    open: Mutex<Open>,
}

#[derive(Debug)]
struct Open {
    path: PathBuf,
    out: BufWriter<File>,
    bytes: u64,
}

impl LogFile {
    /// Opens the file as the flags want it; `--log-level-file none` wants none. `of_project` is the
    /// `log-path` of the project.
    ///
    /// # Errors
    /// `D4001` if it cannot be written.
    pub fn open(
        root: &Path,
        of_project: &str,
        common: &Common,
        invocation: &str,
    ) -> Result<Option<Self>> {
        let Some(least) = least(common) else {
            return Ok(None);
        };
        let folder = match &common.log_path {
            Some(path) => path.clone(),
            None => root.join(of_project),
        };
        let path = folder.join("dbt.log");
        let failed = || format!("`{}` cannot be written", path.display());
        std::fs::create_dir_all(&folder).explain(codes::D4001, failed)?;
        let file = append(&path).explain(codes::D4001, failed)?;
        let bytes = file.metadata().map(|data| data.len()).unwrap_or_default();
        let format = common.log_format_file.or(common.log_format);
        let colours = match (common.use_colors_file, common.no_use_colors_file) {
            (false, false) => !common.no_use_colors,
            (wanted, _) => wanted,
        };
        let log = Self {
            least,
            json: format == Some(DbtLogFormat::Json),
            colours,
            max_bytes: match common.log_file_max_bytes {
                Some(0) => u64::MAX,
                other => other.unwrap_or(MAX_BYTES),
            },
            open: Mutex::new(Open {
                path: path.clone(),
                out: BufWriter::with_capacity(64 * 1024, file),
                bytes,
            }),
        };
        if !log.json {
            let now = Utc::now().format("%Y-%m-%d %H:%M:%S%.6f");
            let line = "=".repeat(30);
            log.push(&format!("\n\n{line} {now} | {invocation} {line}\n"));
        }
        Ok(Some(log))
    }

    /// Whether the flags want lines of this level.
    pub fn wants(common: &Common, level: Level) -> bool {
        least(common).is_some_and(|least| level >= least)
    }

    /// Whether lines of this level are written.
    pub fn takes(&self, level: Level) -> bool {
        level >= self.least
    }

    /// Writes a line for people.
    pub fn text(&self, level: Level, text: &str) {
        let line = match self.colours {
            true => format!("\u{1b}[0m{}\n", detailed(level, text)),
            false => {
                let plain = anstream::adapter::strip_str(text).to_string();
                format!("{}\n", detailed(level, &plain))
            }
        };
        self.push(&line);
    }

    /// Writes a line as it is. A log that cannot be written does not stop the work.
    pub fn push(&self, line: &str) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let length = line.len() as u64;
        if open.bytes > 0 && open.bytes.saturating_add(length) > self.max_bytes {
            open.turn();
        }
        if open.out.write_all(line.as_bytes()).is_ok() {
            open.bytes += length;
        }
    }
}

/// The level from which on lines are written, if any are.
fn least(common: &Common) -> Option<Level> {
    // `--log-level` is meant for both, unless the file has its own.
    let level = (common.log_level_file.as_deref()).or(common.log_level.as_deref());
    Level::named(level.unwrap_or("debug"))
}

/// A line with its time, level and thread.
pub fn detailed(level: Level, text: &str) -> String {
    let time = Utc::now().format("%H:%M:%S%.6f");
    let thread = std::thread::current();
    let thread = match thread.name() {
        None | Some("main") => "MainThread",
        Some(name) => name,
    };
    format!("{time} [{:<5}] [{thread}]: {text}", level.name())
}

impl Open {
    /// Starts a new file; the older ones move up by one.
    fn turn(&mut self) {
        let _unwritten = self.out.flush();
        let numbered = |number: usize| {
            let mut name = self.path.clone().into_os_string();
            name.push(format!(".{number}"));
            PathBuf::from(name)
        };
        for number in (1..KEPT).rev() {
            let _missing = std::fs::rename(numbered(number), numbered(number + 1));
        }
        let moved = std::fs::rename(&self.path, numbered(1));
        if moved.is_ok()
            && let Ok(file) = append(&self.path)
        {
            self.out = BufWriter::with_capacity(64 * 1024, file);
            self.bytes = 0;
        }
    }
}

fn append(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use clap::Parser as _;

    use super::{Level, LogFile};
    use crate::commands::dbt::command_line::DbtLine;

    fn write(folder: &std::path::Path, flags: &str, lines: usize) {
        let words = ["dbt", "parse"].into_iter().chain(flags.split_whitespace());
        let line = DbtLine::try_parse_from(words).unwrap();
        let Some(log) = LogFile::open(folder, "logs", &line.common, "id").unwrap() else {
            return;
        };
        for number in 0..lines {
            if log.takes(Level::Debug) {
                log.text(Level::Debug, &format!("\u{1b}[32mline {number}\u{1b}[0m"));
            }
        }
        log.text(Level::Warn, "careful");
    }

    #[test]
    fn lines_have_a_head_time_level_and_thread() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "--no-use-colors-file", 1);
        let text = std::fs::read_to_string(folder.path().join("logs/dbt.log")).unwrap();
        assert!(text.contains(" | id ==="), "{text}");
        assert!(text.contains(" [debug] ["), "{text}");
        assert!(text.contains("]: line 0\n"), "{text}");
        assert!(text.contains(" [warn ] ["), "{text}");
    }

    #[test]
    fn levels_leave_lines_or_the_file_out() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "--log-level-file warn", 3);
        let text = std::fs::read_to_string(folder.path().join("logs/dbt.log")).unwrap();
        assert!(
            !text.contains("line 0") && text.contains("careful"),
            "{text}"
        );
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "--log-level-file none", 3);
        assert!(!folder.path().join("logs").exists());
    }

    #[test]
    fn full_files_are_kept_under_numbers() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("elsewhere");
        let flags = format!("--log-path {} --log-file-max-bytes 200", path.display());
        write(folder.path(), &flags, 40);
        let mut names: Vec<String> = std::fs::read_dir(&path)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names.len(), 6, "{names:?}");
        assert_eq!(names.last().unwrap(), "dbt.log.5");
    }
}
