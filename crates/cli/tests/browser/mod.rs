//! [`Browser`]: a real browser without a window, which opens pages of `sluice serve` and uses them as people do.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::lake::server::python;

/// What `scripts/browser` looks for.
const PROGRAMS: [&str; 4] = [
    "chromium-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
];

/// A browser with one page, ended with the test. Elements are named by CSS selectors and waited for.
pub struct Browser {
    process: Child,
    commands: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    _folder: TempDir,
}

impl Browser {
    /// Starts one. Nothing if there is none on a machine of somebody who cannot install it: `CI` refuses that.
    pub fn start() -> Option<Self> {
        let Some(program) = program() else {
            assert!(
                std::env::var_os("CI").is_none(),
                "no browser is here: run `scripts/browser` first, or `scripts/test`"
            );
            return None;
        };
        let folder = TempDir::new().unwrap();
        let mut process = Command::new(python())
            .arg(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/tests/browser/driver.py"
            ))
            .arg(program)
            .arg(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Some(Self {
            commands: process.stdin.take(),
            answers: BufReader::new(process.stdout.take().unwrap()),
            process,
            _folder: folder,
        })
    }

    fn tell(&mut self, command: &Value) -> Value {
        let commands = self.commands.as_mut().unwrap();
        writeln!(commands, "{command}").unwrap();
        let mut answer = String::new();
        self.answers.read_line(&mut answer).unwrap();
        assert!(!answer.is_empty(), "{command} failed: see above");
        serde_json::from_str(&answer).unwrap()
    }

    pub fn open(&mut self, url: &str) {
        self.tell(&json!(["open", url]));
    }

    pub fn click(&mut self, element: &str) {
        self.tell(&json!(["click", element]));
    }

    /// Types `text` into a field, in place of what is there.
    pub fn type_into(&mut self, element: &str, text: &str) {
        self.tell(&json!(["type", element, text]));
    }

    /// Chooses files as the dialog of a file field does.
    pub fn choose(&mut self, element: &str, files: &[PathBuf]) {
        self.tell(&json!(["choose", element, files]));
    }

    /// Drags files from elsewhere and drops them.
    pub fn drop_on(&mut self, element: &str, files: &[PathBuf]) {
        self.tell(&json!(["drop", element, files]));
    }

    /// Sends no more than so many bytes a second from now on.
    pub fn slow_down(&mut self, bytes: u64) {
        self.tell(&json!(["slow", bytes]));
    }

    /// The value of an expression of JavaScript, once it is true.
    pub fn wait(&mut self, expression: &str) -> Value {
        self.tell(&json!(["wait", expression]))
    }

    /// The value of an expression of JavaScript.
    pub fn evaluate(&mut self, expression: &str) -> Value {
        self.tell(&json!(["evaluate", expression]))
    }

    /// What a person reads in an element.
    pub fn text(&mut self, element: &str) -> String {
        let text = self.evaluate(&format!(
            "document.querySelector({}).innerText",
            json!(element)
        ));
        text.as_str().unwrap().to_owned()
    }

    /// The same of all elements of a selector.
    pub fn texts(&mut self, elements: &str) -> Vec<String> {
        let expression = format!(
            "[...document.querySelectorAll({})].map(found => found.innerText)",
            json!(elements)
        );
        serde_json::from_value(self.evaluate(&expression)).unwrap()
    }

    /// Waits until an element says `text`.
    pub fn wait_for(&mut self, element: &str, text: &str) {
        let (element, text) = (json!(element), json!(text));
        self.wait(&format!(
            "document.querySelector({element})?.innerText.includes({text})"
        ));
    }

    /// What the console said since this was last asked, and what was thrown.
    pub fn console(&mut self) -> Vec<String> {
        serde_json::from_value(self.tell(&json!(["console"]))).unwrap()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The driver ends the browser when nobody commands it any more.
        drop(self.commands.take());
        self.process.wait().unwrap();
    }
}

fn program() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = |name: PathBuf| {
        std::env::split_paths(&path)
            .map(|folder| folder.join(&name))
            .find(|at| at.is_file())
    };
    let named = std::env::var_os("SLUICE_BROWSER").map(PathBuf::from);
    named
        .into_iter()
        .chain(PROGRAMS.map(PathBuf::from))
        .find_map(found)
}
