//! [`Exchange`]: a running Python model and the statements it asks for, one line of JSON each way.

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use arrow::ipc::writer::FileWriter;
use dbt::context::ProjectContext;
use dbt::node::Node;
use diagnostic::{Error, Result, ResultExt as _, Source, Style, codes};
use engine::{Outcome, Rows};
use futures::TryStreamExt as _;
use serde_json::{Value as Json, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStderr, Command};

use crate::materialization::Target;

/// How much of what a model writes to stderr is kept: its end.
const TAIL: usize = 16 << 10;

/// What a running model is given.
pub(super) struct Exchange<'e> {
    pub target: Target<'e>,
    pub project: &'e ProjectContext,
    pub folder: &'e Path,
    pub python: PathBuf,
    pub environment: Vec<(String, String)>,
}

/// Why a model has no rows.
pub(super) struct Failure {
    /// Whether something is missing, rather than wrong with the model.
    missing: bool,
    message: String,
    help: Option<String>,
    line: Option<usize>,
    python: Option<String>,
    stderr: String,
}

impl Failure {
    /// The model did not do what it should.
    pub(super) fn model(message: String) -> Self {
        Self {
            missing: false,
            message,
            help: None,
            line: None,
            python: None,
            stderr: String::new(),
        }
    }

    fn told(answer: &Json) -> Self {
        let text = |key: &str| answer.get(key).and_then(Json::as_str).map(str::to_owned);
        let line = answer.get("line").and_then(Json::as_u64);
        let missing = answer.get("about").and_then(Json::as_str) == Some("package");
        Self {
            missing,
            help: text("help"),
            line: line.and_then(|line| usize::try_from(line).ok()),
            python: text("python").filter(|_| missing),
            ..Self::model(text("message").unwrap_or_default())
        }
    }

    /// As the user reads it: at the line of the model, with what Python wrote.
    pub(super) fn explain(self, node: &Node, source: &Source) -> Error {
        let code = if self.missing {
            codes::T1009
        } else {
            codes::T1010
        };
        let mut error = Error::new(
            code,
            format!("Python model `{}` failed: {}", node.name, self.message),
        );
        error = match self.line.and_then(|line| line_of(source, line)) {
            Some(range) => error.at(source.place(range)),
            None => error.with("file", &node.original_file_path),
        };
        if let Some(python) = self.python {
            error = error.with("python", python);
        }
        let stderr = self.stderr.trim_end();
        if !stderr.is_empty() {
            error = error.with("stderr", stderr);
        }
        match self.help {
            Some(help) => error.help(help),
            None => error,
        }
    }
}

/// The bytes of line `number`, from 1, without its indentation.
fn line_of(source: &Source, number: usize) -> Option<std::ops::Range<usize>> {
    let mut start = 0;
    for (at, line) in source.text.split_inclusive('\n').enumerate() {
        if at + 1 == number {
            let text = line.trim();
            let indent = line.len() - line.trim_start().len();
            return Some(start + indent..start + indent + text.len());
        }
        start += line.len();
    }
    None
}

impl Exchange<'_> {
    /// Runs the model until it has left its rows; gives the columns that hold JSON.
    pub(super) async fn run(&self) -> Result<Vec<String>, Failure> {
        let mut child = self.start()?;
        let (stdin, stdout, stderr) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(mut stdin), Some(stdout), Some(stderr)) = (stdin, stdout, stderr) else {
            return Err(Failure::model("its process has no pipes".to_owned()));
        };
        let listening = async {
            let mut lines = BufReader::new(stdout).lines();
            let mut number = 0;
            while let Ok(Some(line)) = lines.next_line().await {
                let Ok(request) = serde_json::from_str::<Json>(&line) else {
                    continue;
                };
                let text = |key: &str| request.get(key).and_then(Json::as_str).unwrap_or_default();
                match text("op") {
                    "query" => {
                        number += 1;
                        let answer = match self.answer(text("sql"), number).await {
                            Ok(path) => json!({ "path": path }),
                            Err(error) => json!({ "error": error.render(Style::Plain) }),
                        };
                        // Whoever no longer listens has ended, which is seen below.
                        let _ = stdin.write_all(format!("{answer}\n").as_bytes()).await;
                        let _ = stdin.flush().await;
                    }
                    "said" => self.project.say(true, text("text").to_owned()),
                    "done" => {
                        let nested = request.get("nested").and_then(Json::as_array);
                        let nested = nested.into_iter().flatten().filter_map(Json::as_str);
                        return Some(Ok(nested.map(str::to_owned).collect()));
                    }
                    _ => return Some(Err(Failure::told(&request))),
                }
            }
            None
        };
        let (told, written) = tokio::join!(listening, tail(stderr));
        let status = child.wait().await.ok();
        match told {
            Some(Ok(nested)) => Ok(nested),
            Some(Err(failure)) => Err(Failure {
                stderr: written,
                ..failure
            }),
            None => Err(Failure {
                stderr: written,
                ..Failure::model(match status {
                    Some(status) => format!("its process ended with {status}"),
                    None => "its process ended".to_owned(),
                })
            }),
        }
    }

    fn start(&self) -> Result<Child, Failure> {
        let spawned = Command::new(&self.python)
            .arg("-u")
            .arg(self.folder.join("runner.py"))
            .arg(self.folder.join("job.json"))
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(&self.project.root.root)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn();
        spawned.map_err(|cause| Failure {
            missing: true,
            help: Some(
                "install Python 3.9 or later, or name one: SLUICE_PYTHON=/path/to/python"
                    .to_owned(),
            ),
            ..Failure::model(format!(
                "`{}` cannot be started: {cause}",
                self.python.display()
            ))
        })
    }

    /// Runs a statement of the model; gives the file with its rows, if it has any.
    async fn answer(&self, sql: &str, number: usize) -> Result<Option<PathBuf>> {
        let source = Source::new("statement of the model", sql);
        let Target {
            engine, session, ..
        } = self.target;
        let mut outcomes = engine.execute(session, &source).await?;
        match outcomes.pop() {
            Some(Outcome::Rows(rows)) => {
                let path = self.folder.join(format!("input_{number}.arrow"));
                write(rows, &path).await?;
                Ok(Some(path))
            }
            _ => Ok(None),
        }
    }
}

async fn write(rows: Rows, path: &Path) -> Result<()> {
    let unwritten = || format!("`{}` cannot be written", path.display());
    let file = File::create(path).explain(codes::T1009, unwritten)?;
    let mut writer =
        FileWriter::try_new(BufWriter::new(file), &rows.schema).explain(codes::T1009, unwritten)?;
    let mut batches = rows.batches;
    while let Some(batch) = batches.try_next().await? {
        writer.write(&batch).explain(codes::T1009, unwritten)?;
    }
    writer.finish().explain(codes::T1009, unwritten)
}

/// The end of what is written to stderr.
async fn tail(mut stderr: ChildStderr) -> String {
    let (mut kept, mut chunk) = (Vec::new(), vec![0; 4 << 10]);
    while let Ok(read @ 1..) = stderr.read(&mut chunk).await {
        kept.extend_from_slice(chunk.get(..read).unwrap_or_default());
        if kept.len() > 2 * TAIL {
            kept.drain(..kept.len() - TAIL);
        }
    }
    let start = kept.len().saturating_sub(TAIL);
    String::from_utf8_lossy(kept.get(start..).unwrap_or_default()).into_owned()
}
