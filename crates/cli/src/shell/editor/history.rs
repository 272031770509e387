//! [`History`]: what was typed before, in a file with an input per line.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use diagnostic::{Result, ResultExt as _, codes};

/// Inputs that are kept.
const KEPT: usize = 1_000;

pub(super) struct History {
    file: PathBuf,
    entries: Vec<String>,
    /// How many steps back the editor is; 0 is what is being typed.
    steps: usize,
    /// What was being typed before the first step.
    draft: String,
}

impl History {
    /// Reads the history in `file`, if there is one.
    pub(super) fn open(file: &Path) -> Result<Self> {
        let cannot = || format!("The history `{}` cannot be read", file.display());
        let text = match std::fs::read_to_string(file) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error).explain(codes::C0013, cannot),
        };
        let mut entries: Vec<String> = text.lines().map(unescape).collect();
        if entries.len() > KEPT {
            entries.drain(..entries.len() - KEPT);
            let kept: String = entries.iter().map(|entry| escape(entry) + "\n").collect();
            std::fs::write(file, kept).explain(codes::C0013, cannot)?;
        }
        Ok(Self {
            file: file.to_owned(),
            entries,
            steps: 0,
            draft: String::new(),
        })
    }

    /// Adds an input, unless it is the last one again. A history that cannot be written is no reason
    /// to stop working.
    pub(super) fn add(&mut self, text: &str) {
        if text.is_empty() || self.entries.last().is_some_and(|last| last == text) {
            return;
        }
        self.entries.push(text.to_owned());
        let file = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.file);
        let _written = file.and_then(|mut file| writeln!(file, "{}", escape(text)));
    }

    /// Back to the newest input.
    pub(super) fn rewind(&mut self) {
        self.steps = 0;
        self.draft.clear();
    }

    fn entry(&self, steps: usize) -> Option<&String> {
        self.entries.get(self.entries.len().checked_sub(steps)?)
    }

    /// The input before; `typed` is kept until one comes back.
    pub(super) fn older(&mut self, typed: &str) -> Option<&str> {
        if self.steps == 0 {
            typed.clone_into(&mut self.draft);
        }
        self.entry(self.steps + 1)?;
        self.steps += 1;
        self.entry(self.steps).map(String::as_str)
    }

    /// The input after.
    pub(super) fn newer(&mut self) -> Option<&str> {
        self.steps = self.steps.checked_sub(1)?;
        match self.steps {
            0 => Some(&self.draft),
            steps => self.entry(steps).map(String::as_str),
        }
    }

    /// The newest input with `wanted` in it, after `skipped` others.
    pub(super) fn find(&self, wanted: &str, skipped: usize) -> Option<&str> {
        if wanted.is_empty() {
            return None;
        }
        let wanted = wanted.to_lowercase();
        let mut found = self
            .entries
            .iter()
            .rev()
            .filter(|entry| entry.to_lowercase().contains(&wanted));
        found.nth(skipped).map(String::as_str)
    }
}

fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\n', "\\n")
}

fn unescape(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => match letters.next() {
                Some('n') => text.push('\n'),
                Some(other) => text.push(other),
                None => text.push('\\'),
            },
            other => text.push(other),
        }
    }
    text
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::History;

    #[test]
    fn inputs_survive_the_session_whole() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("history");
        let mut history = History::open(&file).unwrap();
        history.add("select 1;");
        history.add("select '\\n'\nfrom t;");
        history.add("select '\\n'\nfrom t;");
        let mut again = History::open(&file).unwrap();
        assert_eq!(again.older("draft"), Some("select '\\n'\nfrom t;"));
        assert_eq!(again.older("draft"), Some("select 1;"));
        assert_eq!(again.older("draft"), None);
        assert_eq!(again.newer(), Some("select '\\n'\nfrom t;"));
        assert_eq!(again.newer(), Some("draft"));
        assert_eq!(again.newer(), None);
        assert_eq!(again.find("SELECT", 1), Some("select 1;"));
    }
}
